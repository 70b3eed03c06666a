//! Reviews, and the diff comments that belong to them.

use super::next;
use crate::world::comment::DiffComment;
use crate::world::item::{Happening, Review, ReviewState};
use crate::world::{AccountId, RepoId, World};

impl World {
    /// Submits a review and returns its id.
    pub fn review(
        &mut self,
        repo: RepoId,
        number: u64,
        author: impl Into<Option<AccountId>>,
        state: ReviewState,
        body: &str,
    ) -> u64 {
        let (id, now) = (next(&mut self.ids.review), self.stamp());
        let repo = self.repo_mut(repo);
        let pull = repo.pull_mut(number);
        pull.issue.updated_at = now;
        let review = Review {
            id,
            number,
            author: author.into(),
            state,
            body: body.to_owned(),
            commit: pull.head_oid,
            submitted_at: now,
            updated_at: now,
        };
        repo.reviews.insert(id, review);
        repo.reviews_by_pull.entry(number).or_default().push(id);
        id
    }

    /// Dismisses a review: it stays, with another state.
    pub fn dismiss_review(&mut self, repo: RepoId, review: u64, by: impl Into<Option<AccountId>>) {
        let now = self.stamp();
        let dismissed = self
            .repo_mut(repo)
            .reviews
            .get_mut(&review)
            .expect("no review with this id");
        dismissed.state = ReviewState::Dismissed;
        dismissed.updated_at = now;
        let number = dismissed.number;
        self.happen(
            repo,
            number,
            by.into(),
            Happening::ReviewDismissed { review },
        );
    }

    /// Comments on a line of the diff and returns the comment's id. As on GitHub this submits a review of its own, which
    /// says nothing else (`COMMENTED`).
    pub fn diff_comment(
        &mut self,
        repo: RepoId,
        number: u64,
        author: impl Into<Option<AccountId>>,
        body: &str,
    ) -> u64 {
        let author = author.into();
        let review = self.review(repo, number, author, ReviewState::Commented, "");
        self.diff_comment_in(repo, review, body)
    }

    /// Adds a comment on a line of the diff to a review and returns the comment's id.
    pub fn diff_comment_in(&mut self, repo: RepoId, review: u64, body: &str) -> u64 {
        let (id, now) = (next(&mut self.ids.diff_comment), self.stamp());
        let repo = self.repo_mut(repo);
        let review = repo.reviews.get(&review).expect("no review with this id");
        let comment = DiffComment {
            id,
            number: review.number,
            review: review.id,
            in_reply_to: None,
            author: review.author,
            body: body.to_owned(),
            path: "src/lib.rs".to_owned(),
            line: 1 + id % 200,
            commit: review.commit,
            created_at: now,
            updated_at: now,
        };
        let number = review.number;
        repo.diff_comments.insert(id, comment);
        repo.item_mut(number).updated_at = now;
        id
    }

    /// Answers a diff comment, which submits a review of its own, too.
    pub fn reply(
        &mut self,
        repo: RepoId,
        to: u64,
        author: impl Into<Option<AccountId>>,
        body: &str,
    ) -> u64 {
        let first = self
            .existing(repo)
            .diff_comments
            .get(&to)
            .expect("no diff comment with this id")
            .clone();
        let id = self.diff_comment(repo, first.number, author, body);
        let reply = self
            .repo_mut(repo)
            .diff_comments
            .get_mut(&id)
            .expect("it was just made");
        reply.in_reply_to = Some(first.in_reply_to.unwrap_or(to));
        (reply.path, reply.line) = (first.path, first.line);
        id
    }

    /// Edits a diff comment: its own time moves, and its pull's.
    pub fn edit_diff_comment(&mut self, repo: RepoId, comment: u64, body: &str) {
        let now = self.stamp();
        let repo = self.repo_mut(repo);
        let edited = repo
            .diff_comments
            .get_mut(&comment)
            .expect("no diff comment with this id");
        body.clone_into(&mut edited.body);
        edited.updated_at = now;
        let number = edited.number;
        repo.item_mut(number).updated_at = now;
    }

    /// Deletes a diff comment: no API shows it any more, and no time moves.
    pub fn delete_diff_comment(&mut self, repo: RepoId, comment: u64) {
        let repo = self.repo_mut(repo);
        let deleted = repo
            .diff_comments
            .remove(&comment)
            .expect("no diff comment with this id");
        repo.deleted_diff_comments.push(deleted);
    }
}
