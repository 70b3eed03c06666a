//! The lives of pull requests: written first, then opened, talked about, reviewed, merged or given up.

use jiff::{SignedDuration, Timestamp};
use rand::RngExt;

use super::{Life, Step};
use crate::world::change::NewPull;
use crate::world::run::Trigger;
use crate::world::words;
use crate::world::{AccountId, MergeMethod, RepoId, ReviewState, World};

/// How long a pull's parts take, in seconds of life.
const HOUR: f64 = 3_600.0;

/// Something that happens to a pull.
#[derive(Debug, Clone, Copy)]
pub(super) enum PullStep {
    Ready,
    Push,
    Comment,
    DiffComment,
    Review,
    Dismiss(u64),
    Finish,
    Reopen,
}

impl World {
    /// A topic branch whose commits were written over the last hours or days, and a pull for it.
    pub(super) fn live_open_pull(&mut self, repo: RepoId, life: &mut Life) -> Vec<(f64, Step)> {
        if self.repo(repo).is_none_or(crate::world::Repo::is_empty) {
            return Vec::new();
        }
        let bot = life.random.random_bool(0.1);
        let author = if bot {
            life.one_of(life.bots)
        } else {
            life.someone()
        };
        life.topics += 1;
        let branch = format!("topic-{}", life.topics);
        let count = if bot {
            1
        } else {
            life.random.random_range(1..=6)
        };
        // Written before now: a history by date would miss them once they are merged.
        let mut written = life.around(20.0 * HOUR);
        let commits = (0..count).map(|_| {
            let at = before(self.now, written);
            written *= life.random.random_range(0.3..0.9);
            self.commit_of(author, life).at(at)
        });
        let commits = commits.collect();
        self.push(repo, &branch, commits);
        let mut pull = NewPull::by(author, &branch).titled(words::title(&mut life.random));
        let draft = !bot && life.random.random_bool(0.2);
        if draft {
            pull = pull.draft();
        }
        let number = self.open_pull(repo, pull);
        let mut plans = self.plan_pull(number, draft, life);
        plans.extend(self.live_trigger(repo, Trigger::PullRequest, &branch, Some(author), life));
        plans
    }

    fn plan_pull(&self, number: u64, draft: bool, life: &mut Life) -> Vec<(f64, Step)> {
        let mut plans = Vec::new();
        let ready = if draft { life.around(6.0 * HOUR) } else { 0.0 };
        if draft {
            plans.push((ready, PullStep::Ready));
        }
        let end = ready + HOUR / 4.0 + life.around(18.0 * HOUR);
        let mut during =
            |life: &mut Life, step| plans.push((life.random.random_range(ready..end), step));
        for _ in 0..life.random.random_range(1..=5) {
            during(life, PullStep::Comment);
        }
        for _ in 0..life.random.random_range(0..=2) {
            during(life, PullStep::DiffComment);
        }
        for _ in 0..life.random.random_range(1..=3) {
            during(life, PullStep::Review);
        }
        if life.random.random_bool(0.5) {
            during(life, PullStep::Push);
        }
        // A few are left lying about.
        if !life.random.random_bool(0.04) {
            plans.push((end, PullStep::Finish));
        }
        plans
            .into_iter()
            .map(|(seconds, step)| (seconds, Step::Pull(number, step)))
            .collect()
    }

    /// One thing that happens to a pull, if it still can.
    pub(super) fn live_pull(
        &mut self,
        repo: RepoId,
        number: u64,
        step: PullStep,
        life: &mut Life,
    ) -> Vec<(f64, Step)> {
        let Some(pull) = self.repo(repo).and_then(|repo| repo.pulls.get(&number)) else {
            return Vec::new();
        };
        let author = pull.issue.author;
        let other = life.someone_but(author.unwrap_or_default());
        let remark = words::remark(&mut life.random);
        let (open, draft, head) = (pull.is_open(), pull.draft, pull.head.clone());
        match step {
            PullStep::Comment => {
                let who = if life.random.random_bool(0.3) {
                    author
                } else {
                    Some(other)
                };
                self.comment(repo, number, who, remark);
            }
            PullStep::DiffComment => {
                self.diff_comment(repo, number, other, remark);
            }
            PullStep::Review if open => {
                let state = match life.random.random_range(0..10) {
                    0..=5 => ReviewState::Approved,
                    6..=7 => ReviewState::Commented,
                    _ => ReviewState::ChangesRequested,
                };
                let review = self.review(repo, number, other, state, remark);
                if state != ReviewState::Commented && life.random.random_bool(0.1) {
                    let later = life.around(3.0 * HOUR);
                    return vec![(later, Step::Pull(number, PullStep::Dismiss(review)))];
                }
            }
            PullStep::Dismiss(review) if open => self.dismiss_review(repo, review, author),
            PullStep::Ready if open && draft => self.ready_pull(repo, number, author),
            PullStep::Push if open && self.has_branch(repo, &head) => {
                let commit = self.commit_of(author.unwrap_or(other), life);
                self.push(repo, &head, vec![commit]);
                return self.live_trigger(repo, Trigger::PullRequest, &head, author, life);
            }
            PullStep::Finish if open => return self.finish(repo, number, other, life),
            PullStep::Reopen if !open && self.has_branch(repo, &head) => {
                self.reopen(repo, number, author);
                let end = life.around(8.0 * HOUR);
                return vec![(end, Step::Pull(number, PullStep::Finish))];
            }
            _ => {}
        }
        Vec::new()
    }

    fn finish(
        &mut self,
        repo: RepoId,
        number: u64,
        by: AccountId,
        life: &mut Life,
    ) -> Vec<(f64, Step)> {
        if life.random.random_bool(0.12) {
            self.close(repo, number, by);
            let again = life
                .random
                .random_bool(0.3)
                .then(|| life.around(10.0 * HOUR));
            return again
                .map(|seconds| (seconds, Step::Pull(number, PullStep::Reopen)))
                .into_iter()
                .collect();
        }
        let method = match life.random.random_range(0..10) {
            0..=5 => MergeMethod::Merge,
            6..=8 => MergeMethod::Squash,
            _ => MergeMethod::Rebase,
        };
        if self
            .repo(repo)
            .and_then(|repo| repo.pulls.get(&number))
            .is_some_and(|pull| pull.draft)
        {
            self.ready_pull(repo, number, by);
        }
        self.merge_pull(repo, number, by, method);
        let head = self
            .repo(repo)
            .and_then(|repo| repo.pulls.get(&number))
            .map(|pull| pull.head.clone());
        self.delete_branch(repo, &head.expect("it was just merged"));
        let base = self.repo(repo).expect("it lives").default_branch.clone();
        let mut plans = self.live_trigger(repo, Trigger::Push, &base, Some(by), life);
        plans.extend(self.live_release(repo, by, life));
        plans
    }

    fn has_branch(&self, repo: RepoId, branch: &str) -> bool {
        self.repo(repo)
            .is_some_and(|repo| repo.branches.contains_key(branch))
    }
}

fn before(now: Timestamp, seconds: f64) -> Timestamp {
    let span = SignedDuration::try_from_secs_f64(seconds).unwrap_or(SignedDuration::ZERO);
    let then = now.checked_sub(span).unwrap_or(now);
    Timestamp::from_second(then.as_second()).unwrap_or(then)
}
