//! Issues, and what pulls share with them: opened, closed, reopened, edited.

use jiff::Timestamp;

use super::next;
use crate::world::item::{Happening, Issue, TimelineEvent};
use crate::world::{AccountId, Repo, RepoId, World};

impl World {
    /// Opens an issue and returns its number.
    pub fn open_issue(
        &mut self,
        repo: RepoId,
        author: impl Into<Option<AccountId>>,
        title: &str,
    ) -> u64 {
        let (id, now) = (next(&mut self.ids.issue), self.stamp());
        let repo = self.repo_mut(repo);
        let number = repo.take_number();
        repo.issues.insert(
            number,
            Issue::open(id, number, title.to_owned(), author.into(), now),
        );
        number
    }

    /// Closes an issue, or a pull without merging it.
    pub fn close(&mut self, repo: RepoId, number: u64, by: impl Into<Option<AccountId>>) {
        self.happen(repo, number, by.into(), Happening::Closed);
    }

    /// Opens a closed issue or pull again.
    ///
    /// # Panics
    ///
    /// If it is a pull that was merged: that is for ever.
    pub fn reopen(&mut self, repo: RepoId, number: u64, by: impl Into<Option<AccountId>>) {
        let merged = self
            .existing(repo)
            .pulls
            .get(&number)
            .is_some_and(|pull| pull.merged.is_some());
        assert!(!merged, "pull {number} was merged");
        self.happen(repo, number, by.into(), Happening::Reopened);
    }

    /// Gives an issue or pull another title.
    pub fn retitle(&mut self, repo: RepoId, number: u64, title: &str) {
        let now = self.stamp();
        let issue = self.repo_mut(repo).item_mut(number);
        title.clone_into(&mut issue.title);
        issue.updated_at = now;
    }

    /// Edits the text of an issue or pull in a way that moves no time, as some of GitHub's edits do.
    pub fn edit_quietly(&mut self, repo: RepoId, number: u64, body: &str) {
        body.clone_into(&mut self.repo_mut(repo).item_mut(number).body);
    }

    /// Deletes an issue with its comments; its number is never given again.
    pub fn delete_issue(&mut self, repo: RepoId, number: u64) {
        let repo = self.repo_mut(repo);
        repo.issues
            .remove(&number)
            .expect("no issue with this number");
        repo.comments.retain(|_, comment| comment.number != number);
    }

    /// Adds to the timeline of an issue or pull and lets it take effect.
    pub(super) fn happen(
        &mut self,
        repo: RepoId,
        number: u64,
        actor: Option<AccountId>,
        what: Happening,
    ) {
        let (id, at) = (next(&mut self.ids.event), self.stamp());
        let repo = self.repo_mut(repo);
        let issue = repo.item_mut(number);
        issue.timeline.push(TimelineEvent {
            id,
            at,
            actor,
            what,
        });
        issue.updated_at = at;
        match what {
            Happening::Closed => {
                issue.closed_at = Some(at);
                repo.open_pulls.remove(&number);
            }
            Happening::Reopened => {
                issue.closed_at = None;
                if let Some(pull) = repo.pulls.get(&number) {
                    repo.open_pulls.insert(number, pull.head.clone());
                }
            }
            _ => {}
        }
    }
}

impl Issue {
    pub(super) fn open(
        id: u64,
        number: u64,
        title: String,
        author: Option<AccountId>,
        now: Timestamp,
    ) -> Issue {
        Issue {
            id,
            number,
            title,
            body: String::new(),
            author,
            labels: Vec::new(),
            created_at: now,
            updated_at: now,
            closed_at: None,
            timeline: Vec::new(),
        }
    }
}

impl Repo {
    pub(super) fn item_mut(&mut self, number: u64) -> &mut Issue {
        let issue = self
            .issues
            .get_mut(&number)
            .or_else(|| self.pulls.get_mut(&number).map(|pull| &mut pull.issue));
        issue.expect("no issue or pull with this number")
    }
}
