//! A small world made by hand: one organisation, one repository, two people, and every change there is.

use github_sim::World;
use github_sim::world::{MergeMethod, NewCommit, NewPull, ReviewState};
use jiff::{SignedDuration, Timestamp};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::{Stage, Told, noon};

/// Who and what there is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Play {
    pub(crate) org: u64,
    pub(crate) other: u64,
    pub(crate) ada: u64,
    pub(crate) bob: u64,
    pub(crate) bot: u64,
    pub(crate) repo: u64,
}

impl Play {
    /// Ten days of a quiet past: 5 commits, a merged pull, an open one, an issue.
    pub(crate) fn world() -> (World, Play) {
        let begin = noon() - SignedDuration::from_hours(10 * 24);
        let mut world = World::empty(7, begin);
        let play = Play {
            org: world.add_org("acme"),
            other: world.add_org("umbrella"),
            ada: world.add_user("ada"),
            bob: world.add_user("bob"),
            bot: world.add_bot("robot"),
            repo: 0,
        };
        let repo = world.create_repo(play.org, "tide");
        let play = Play { repo, ..play };
        for hours in 1..=5 {
            world.advance(begin + SignedDuration::from_hours(hours));
            play.push(&mut world, "main", 1);
        }
        let merged = play.pull(&mut world, "first", 2);
        world.review(repo, merged, play.bob, ReviewState::Approved, "");
        world.merge_pull(repo, merged, play.bob, MergeMethod::Merge);
        world.advance(begin + SignedDuration::from_hours(30));
        let open = play.pull(&mut world, "second", 1);
        world.comment(repo, open, play.bob, "Hm.");
        world.diff_comment(repo, open, play.bob, "Why?");
        let issue = world.open_issue(repo, play.bob, "It leaks");
        world.comment(repo, issue, play.ada, "It does.");
        world.advance(noon());
        (world, play)
    }

    /// That world on a stage.
    pub(crate) async fn on_stage() -> (Stage, Play) {
        let (world, play) = Play::world();
        (Stage::of(world, Told::to_measure(&["acme"])).await, play)
    }

    pub(crate) fn push(&self, world: &mut World, branch: &str, count: usize) {
        let by = world.identity(self.ada);
        let commits = vec![NewCommit::by(by).lines(7, 3, 2); count];
        world.push(self.repo, branch, commits);
    }

    /// Commits that were made at another time.
    pub(crate) fn push_dated(&self, world: &mut World, branch: &str, dates: &[Timestamp]) {
        let by = world.identity(self.bob);
        let commits = dates
            .iter()
            .map(|at| NewCommit::by(by.clone()).at(*at))
            .collect();
        world.push(self.repo, branch, commits);
    }

    /// A branch with so many commits, and a pull of it.
    pub(crate) fn pull(&self, world: &mut World, branch: &str, commits: usize) -> u64 {
        self.push(world, branch, commits);
        world.open_pull(self.repo, NewPull::by(self.ada, branch))
    }

    /// One change at random, if it can be made.
    pub(crate) fn stir(&self, world: &mut World, random: &mut ChaCha8Rng) {
        let Play {
            ada,
            bob,
            bot,
            repo,
            ..
        } = *self;
        let name = format!("n{}", random.random_range(0..u32::MAX));
        let now = world.repo(repo).unwrap();
        let pulls: Vec<u64> = now.pulls.keys().copied().collect();
        let open: Vec<u64> = now.open_pulls().collect();
        let closed: Vec<u64> = now
            .pulls
            .values()
            .filter(|pull| !pull.is_open() && pull.merged.is_none())
            .map(github_sim::world::Pull::number)
            .collect();
        let issues: Vec<u64> = now.issues.keys().copied().collect();
        let comments: Vec<u64> = now.comments.keys().copied().collect();
        let diffs: Vec<u64> = now.diff_comments.keys().copied().collect();
        let reviews: Vec<u64> = now.reviews.keys().copied().collect();
        let branches: Vec<String> = now.branches.keys().cloned().collect();
        let default = now.default_branch.clone();
        let issues_on = now.issues_enabled;
        let long = now.default_history().len();
        let oids: Vec<_> = now
            .default_history()
            .commits()
            .iter()
            .map(|commit| commit.oid)
            .collect();
        fn one<T: Clone>(random: &mut ChaCha8Rng, of: &[T]) -> Option<T> {
            (!of.is_empty()).then(|| of[random.random_range(0..of.len())].clone())
        }
        let now = Timestamp::from_second(world.now().as_second()).unwrap();
        let long_ago = now - SignedDuration::from_hours(random.random_range(1..900));
        match random.random_range(0..27) {
            0 | 1 => self.push(world, &default, random.random_range(1..4)),
            2 => self.push_dated(world, &default, &[long_ago]),
            3 => self.push_dated(world, &name, &[long_ago, long_ago]),
            4 => {
                self.pull(world, &name, 2);
            }
            5 => {
                let draft = NewPull::by(bot, &default).draft();
                world.open_pull(repo, draft);
            }
            6 => {
                if let Some(number) = one(random, &open) {
                    world.ready_pull(repo, number, ada);
                }
            }
            7 | 8 => {
                if let Some(number) = one(random, &open) {
                    let methods = [MergeMethod::Merge, MergeMethod::Squash, MergeMethod::Rebase];
                    world.merge_pull(repo, number, bob, methods[random.random_range(0..3)]);
                }
            }
            9 => {
                if let Some(number) = one(random, &open) {
                    world.close(repo, number, bob);
                }
            }
            10 => {
                if let Some(number) = one(random, &closed) {
                    world.reopen(repo, number, ada);
                }
            }
            11 => {
                if let Some(number) = one(random, &pulls) {
                    let states = [
                        ReviewState::Approved,
                        ReviewState::ChangesRequested,
                        ReviewState::Commented,
                    ];
                    let state = states[random.random_range(0..3)];
                    world.review(repo, number, bob, state, "");
                }
            }
            12 => {
                if let Some(review) = one(random, &reviews) {
                    world.dismiss_review(repo, review, ada);
                }
            }
            13 => {
                if let Some(number) = one(random, &pulls) {
                    world.diff_comment(repo, number, ada, "Here.");
                }
            }
            14 => {
                if let Some(number) = one(random, &pulls) {
                    world.comment(repo, number, bot, "Beep.");
                }
            }
            15 => {
                if let Some(number) = one(random, &issues).filter(|_| issues_on) {
                    world.comment(repo, number, ada, "And?");
                }
            }
            16 => {
                if issues_on {
                    world.open_issue(repo, ada, "Again");
                }
            }
            17 => {
                if let Some(number) = one(random, &issues).filter(|_| issues_on) {
                    world.close(repo, number, bob);
                }
            }
            18 => {
                if let Some(number) = one(random, &issues).filter(|_| issues_on) {
                    world.reopen(repo, number, ada);
                }
            }
            19 => {
                if let Some(comment) = one(random, &comments) {
                    world.delete_comment(repo, comment);
                }
            }
            20 => {
                if let Some(comment) = one(random, &diffs) {
                    world.delete_diff_comment(repo, comment);
                }
            }
            21 => {
                if let Some(comment) = one(random, &comments) {
                    world.edit_comment(repo, comment, "Better.");
                }
            }
            22 => {
                if long > 4 {
                    world.rewrite(repo, &default, random.random_range(1..3));
                }
            }
            23 => {
                if let Some(oid) = one(random, &oids[..oids.len().min(4)]) {
                    world.force_push(repo, &default, oid);
                }
            }
            24 => {
                if let Some(branch) = one(random, &branches) {
                    world.set_default_branch(repo, &branch);
                }
            }
            25 => world.rename_repo(repo, &name),
            _ => {
                if let Some(branch) = one(random, &branches).filter(|branch| *branch != default) {
                    let by = world.identity(bob);
                    world.merge_branch(repo, &branch, &default, by);
                }
            }
        }
    }
}

/// Numbers that follow from a seed.
pub(crate) fn random(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}
