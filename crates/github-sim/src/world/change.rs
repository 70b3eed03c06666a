//! Changes, each as GitHub would show it afterwards. Tests script them; growth is made of them.
//!
//! Every change happens at [`World::now`], cut to the second as GitHub's times are. A change to something that does
//! not exist panics: a script that names it is wrong.
//!
//! GitHub documents what a change is, and hardly what it does to the times of the things around it. Observed: comments,
//! reviews, pushes to the head branch, closes and reopens move an item's `updated_at`; a diff comment outside of a review
//! makes one. Invented, as no source says it: that a comment's edit moves its item and that its deletion does not.

mod account;
mod comment;
mod item;
mod pull;
mod push;
mod release;
mod repo;
mod review;
mod run;
mod team;

use std::sync::Arc;

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::{Repo, RepoId, World};
use crate::world::oid::Oid;

pub use pull::NewPull;
pub(crate) use pull::PastPull;
pub use push::NewCommit;

/// The last id given in each number space.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ids {
    account: u64,
    repo: u64,
    issue: u64,
    pull: u64,
    comment: u64,
    diff_comment: u64,
    review: u64,
    event: u64,
    workflow: u64,
    run: u64,
    job: u64,
    release: u64,
    team: u64,
    enterprise: u64,
    object: u64,
}

impl Ids {
    /// Spaces start where GitHub's are by now: some are past what 32 bits hold, none coincide.
    pub(super) fn start() -> Ids {
        Ids {
            account: 20_000_000,
            repo: 600_000_000,
            issue: 2_400_000_000,
            pull: 1_900_000_000,
            comment: 3_100_000_000,
            diff_comment: 2_200_000_000,
            review: 2_800_000_000,
            event: 17_000_000_000,
            workflow: 180_000_000,
            run: 15_000_000_000,
            job: 42_000_000_000,
            release: 220_000_000,
            team: 11_000_000,
            enterprise: 300_000,
            object: 0,
        }
    }
}

fn next(last: &mut u64) -> u64 {
    *last += 1;
    *last
}

impl World {
    /// Now, cut to the second.
    pub(super) fn stamp(&self) -> Timestamp {
        Timestamp::from_second(self.now.as_millisecond().div_euclid(1_000)).unwrap_or(self.now)
    }

    /// A repository, to be changed.
    ///
    /// # Panics
    ///
    /// If there is none with this id.
    pub fn repo_mut(&mut self, id: RepoId) -> &mut Repo {
        Arc::make_mut(self.repos.get_mut(&id).expect("no repository with this id"))
    }

    fn existing(&self, id: RepoId) -> &Repo {
        self.repo(id).expect("no repository with this id")
    }

    /// An object id that was not given before; the seed decides which.
    fn new_oid(&mut self) -> Oid {
        let digest = Sha256::new()
            .chain_update(self.seed.to_le_bytes())
            .chain_update(next(&mut self.ids.object).to_le_bytes())
            .finalize();
        Oid(*digest.first_chunk().expect("a digest of 32 bytes has 20"))
    }
}
