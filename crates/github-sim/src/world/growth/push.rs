//! Commits, pushed to the default branch or on a topic's.

use rand::RngExt;

use super::{Life, Step};
use crate::world::change::NewCommit;
use crate::world::commit::Identity;
use crate::world::run::Trigger;
use crate::world::words;
use crate::world::{AccountId, RepoId, World};

impl World {
    /// One to three commits straight to the default branch, by somebody, a bot, or somebody GitHub does not know.
    pub(super) fn live_push(&mut self, repo: RepoId, life: &mut Life) -> Vec<(f64, Step)> {
        let count = life.random.random_range(1..=2);
        let branch = self.repo(repo).expect("it lives").default_branch.clone();
        let (pusher, commits) = if life.random.random_bool(0.05) {
            (None, vec![stranger(life)])
        } else {
            let who = life.someone();
            let commits = (0..count).map(|_| self.commit_of(who, life)).collect();
            (Some(who), commits)
        };
        self.push(repo, &branch, commits);
        let pusher = pusher.or_else(|| life.team.first().copied());
        self.live_trigger(repo, Trigger::Push, &branch, pusher, life)
    }

    /// One commit of somebody's.
    pub(super) fn commit_of(&self, who: AccountId, life: &mut Life) -> NewCommit {
        let identity = life.identity(self, who);
        let title = words::title(&mut life.random);
        let (additions, deletions, files) = size(life);
        NewCommit::by(identity)
            .message(title)
            .lines(additions, deletions, files)
    }
}

/// How much a commit changes: most a little, few a lot.
fn size(life: &mut Life) -> (u64, u64, u64) {
    let large = life.random.random_bool(0.05);
    let (most, files) = if large { (1_500, 40) } else { (60, 6) };
    let additions = life.random.random_range(0..=most);
    let deletions = life.random.random_range(0..=most / 2);
    let files = life.random.random_range(1..=files);
    (additions, deletions, files.min(1 + additions + deletions))
}

/// A commit that is linked to nobody: its address is unknown, or a noreply one of an account that was never here.
fn stranger(life: &mut Life) -> NewCommit {
    let n = life.random.random_range(1..=5);
    let email = if life.random.random_bool(0.5) {
        format!("{n}+contractor-{n}@users.noreply.github.com")
    } else {
        format!("contractor{n}@elsewhere.example")
    };
    let (additions, deletions, files) = size(life);
    NewCommit::by(Identity::stranger(&format!("Contractor {n}"), &email))
        .message(words::title(&mut life.random))
        .lines(additions, deletions, files)
}
