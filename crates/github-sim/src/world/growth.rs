//! Life: what happens by itself as time passes.
//!
//! Every repository has a random source of its own, and everything that is going to happen waits in one queue by its
//! time. So the world at an instant follows from the seed alone, in however many steps it got there.

mod issue;
mod pull;
mod push;
mod run;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use rand::RngExt;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;

use super::commit::Identity;
use super::{AccountId, RepoId, World};
pub(super) use run::Workflows;

const DAY: f64 = 86_400.0;

/// How often things begin in one repository, per day.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rates {
    /// Pushes to the default branch.
    pub(super) pushes: f64,
    /// Pull requests.
    pub(super) pulls: f64,
    /// Issues.
    pub(super) issues: f64,
}

impl Rates {
    pub(super) fn times(self, share: f64) -> Rates {
        Rates {
            pushes: self.pushes * share,
            pulls: self.pulls * share,
            issues: self.issues * share,
        }
    }
}

/// One repository's life.
#[derive(Debug, Clone)]
pub(super) struct Life {
    random: ChaCha8Rng,
    /// For Actions and releases alone, so that they change nothing else.
    dice: ChaCha8Rng,
    rates: Rates,
    /// Whether it goes on after the start.
    goes_on: bool,
    team: Vec<AccountId>,
    bots: [AccountId; 2],
    topics: u64,
}

impl Life {
    pub(super) fn new(
        random: ChaCha8Rng,
        rates: Rates,
        goes_on: bool,
        team: Vec<AccountId>,
        bots: [AccountId; 2],
    ) -> Life {
        let mut dice = random.clone();
        dice.set_stream(1);
        Life {
            random,
            dice,
            rates,
            goes_on,
            team,
            bots,
            topics: 0,
        }
    }

    /// Somebody of the team; the first ones most often.
    fn someone(&mut self) -> AccountId {
        let share: f64 = self.random.random_range(0.0..1.0);
        let size = self.team.len();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_precision_loss,
            clippy::cast_sign_loss,
            reason = "an index into a short list"
        )]
        let index = (share * share * size as f64) as usize;
        self.team[index.min(size - 1)]
    }

    /// Somebody else.
    fn someone_but(&mut self, not: AccountId) -> AccountId {
        for _ in 0..4 {
            let other = self.someone();
            if other != not {
                return other;
            }
        }
        self.team
            .iter()
            .copied()
            .find(|other| *other != not)
            .unwrap_or(not)
    }

    /// How long until something that happens this often per day; `None`: never.
    fn until_next(&mut self, per_day: f64) -> Option<f64> {
        (per_day > 0.0).then(|| self.around(DAY / per_day))
    }

    /// A random time with this mean, in seconds.
    fn around(&mut self, mean: f64) -> f64 {
        let share: f64 = self.random.random_range(0.0..1.0);
        -(1.0 - share).ln() * mean
    }

    /// What somebody's commit carries: now and then with another address.
    fn identity(&mut self, world: &World, who: AccountId) -> Arc<Identity> {
        let n = if self.random.random_bool(0.15) {
            self.random.random_range(0..3)
        } else {
            0
        };
        world.identity_with(who, n)
    }

    fn one_of(&mut self, bots: [AccountId; 2]) -> AccountId {
        bots.choose(&mut self.random).copied().unwrap_or(bots[0])
    }
}

/// Something that is going to happen.
#[derive(Debug, Clone, Copy)]
enum Step {
    Push,
    OpenPull,
    Pull(u64, pull::PullStep),
    OpenIssue,
    Issue(u64, issue::IssueStep),
    Run(u64, run::RunStep),
    Publish(u64),
}

#[derive(Debug, Clone, Copy)]
struct Pending {
    at: Timestamp,
    turn: u64,
    repo: RepoId,
    step: Step,
}

impl PartialEq for Pending {
    fn eq(&self, other: &Pending) -> bool {
        self.turn == other.turn
    }
}

impl Eq for Pending {}

impl PartialOrd for Pending {
    fn partial_cmp(&self, other: &Pending) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Pending {
    fn cmp(&self, other: &Pending) -> std::cmp::Ordering {
        (self.at, self.turn).cmp(&(other.at, other.turn))
    }
}

/// All lives, and what is going to happen in them.
#[derive(Debug, Clone)]
pub(super) struct Growth {
    start: Timestamp,
    speed: f64,
    lives: BTreeMap<RepoId, Life>,
    pending: BinaryHeap<Reverse<Pending>>,
    turn: u64,
}

impl Growth {
    /// Nothing lives yet. Before `start` time passes at its own speed, afterwards `speed` times as fast.
    pub(super) fn new(start: Timestamp, speed: f64) -> Growth {
        Growth {
            start,
            speed,
            lives: BTreeMap::new(),
            pending: BinaryHeap::new(),
            turn: 0,
        }
    }

    /// Begins a repository's life.
    pub(super) fn begin(&mut self, repo: RepoId, at: Timestamp, life: Life) {
        self.lives.insert(repo, life);
        // The first commit comes at once, the rest in its time.
        self.plan(repo, at, 0.0, Step::Push);
        for step in [Step::OpenPull, Step::OpenIssue] {
            self.again(repo, at, step);
        }
    }

    /// Ends a repository's life; what was planned for it does not happen.
    pub(super) fn end(&mut self, repo: RepoId) {
        self.lives.remove(&repo);
    }

    fn again(&mut self, repo: RepoId, at: Timestamp, step: Step) {
        let Some(life) = self.lives.get_mut(&repo) else {
            return;
        };
        let rate = match step {
            Step::Push => life.rates.pushes,
            Step::OpenPull => life.rates.pulls,
            Step::OpenIssue => life.rates.issues,
            Step::Pull(..) | Step::Issue(..) | Step::Run(..) | Step::Publish(..) => 0.0,
        };
        if let Some(seconds) = life.until_next(rate) {
            self.plan(repo, at, seconds, step);
        }
    }

    /// Lets something happen so many seconds of life after `at`.
    fn plan(&mut self, repo: RepoId, at: Timestamp, seconds: f64, step: Step) {
        let Some(life) = self.lives.get(&repo) else {
            return;
        };
        let Some(at) = self.due(at, seconds, life.goes_on) else {
            return;
        };
        self.turn += 1;
        self.pending.push(Reverse(Pending {
            at,
            turn: self.turn,
            repo,
            step,
        }));
    }

    fn due(&self, at: Timestamp, seconds: f64, goes_on: bool) -> Option<Timestamp> {
        let left = self.start.duration_since(at).as_secs_f64().max(0.0);
        if seconds <= left {
            return at
                .checked_add(SignedDuration::try_from_secs_f64(seconds).ok()?)
                .ok();
        }
        if !goes_on || self.speed <= 0.0 {
            return None;
        }
        let after = SignedDuration::try_from_secs_f64((seconds - left) / self.speed).ok()?;
        self.start.max(at).checked_add(after).ok()
    }
}

impl World {
    /// Everything that happens by itself until `until`, each at its own time.
    pub(super) fn live(&mut self, until: Timestamp) {
        let Some(mut growth) = self.growth.take() else {
            return;
        };
        while growth
            .pending
            .peek()
            .is_some_and(|Reverse(next)| next.at <= until)
        {
            let Reverse(Pending { at, repo, step, .. }) =
                growth.pending.pop().expect("it was just seen");
            // A script may have deleted the repository, or closed it to changes.
            let open = self
                .repo(repo)
                .is_some_and(|repo| !repo.archived && !repo.disabled);
            let Some(mut life) = growth.lives.remove(&repo).filter(|_| open) else {
                continue;
            };
            self.now = self.now.max(at);
            let plans = match step {
                Step::Push => self.live_push(repo, &mut life),
                Step::OpenPull => self.live_open_pull(repo, &mut life),
                Step::Pull(number, step) => self.live_pull(repo, number, step, &mut life),
                Step::OpenIssue => self.live_open_issue(repo, &mut life),
                Step::Issue(number, step) => self.live_issue(repo, number, step, &mut life),
                Step::Run(run, step) => self.live_run(repo, run, step, &mut life),
                Step::Publish(release) => self.live_publish(repo, release),
            };
            growth.lives.insert(repo, life);
            for (seconds, step) in plans {
                growth.plan(repo, at, seconds, step);
            }
            growth.again(repo, at, step);
        }
        self.growth = Some(growth);
    }
}
