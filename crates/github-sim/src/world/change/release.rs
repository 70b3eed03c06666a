//! Releases are made, published, and taken back.

use super::next;
use crate::world::release::Release;
use crate::world::{AccountId, RepoId, World};

impl World {
    /// Makes and publishes a release of what is on the default branch.
    ///
    /// # Panics
    ///
    /// If the repository is empty.
    pub fn release(&mut self, repo: RepoId, tag: &str, by: impl Into<Option<AccountId>>) -> u64 {
        let id = self.draft_release(repo, tag, by);
        self.publish_release(repo, id);
        id
    }

    /// Makes a release that is not published yet.
    ///
    /// # Panics
    ///
    /// If the repository is empty.
    pub fn draft_release(
        &mut self,
        repo: RepoId,
        tag: &str,
        by: impl Into<Option<AccountId>>,
    ) -> u64 {
        let id = next(&mut self.ids.release);
        let repo = self.repo_mut(repo);
        let head = repo.head().expect("there is something to release");
        let made_from = repo.commit(&head).expect("a branch is whole").committer.at;
        let release = Release {
            id,
            tag: tag.to_owned(),
            name: tag.to_owned(),
            author: by.into(),
            prerelease: tag.contains('-'),
            created_at: made_from,
            published_at: None,
        };
        repo.releases.insert(id, release);
        id
    }

    /// Publishes a draft.
    ///
    /// # Panics
    ///
    /// If there is no such release.
    pub fn publish_release(&mut self, repo: RepoId, id: u64) {
        let now = self.stamp();
        let release = self.repo_mut(repo).releases.get_mut(&id);
        release
            .expect("no such release")
            .published_at
            .get_or_insert(now);
    }

    /// Deletes a release.
    ///
    /// # Panics
    ///
    /// If there is no such release.
    pub fn delete_release(&mut self, repo: RepoId, id: u64) {
        let gone = self.repo_mut(repo).releases.remove(&id);
        gone.expect("no such release");
    }
}
