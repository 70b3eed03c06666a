//! Conversation comments: written, edited, deleted.

use super::next;
use crate::world::comment::{Comment, CommentOn};
use crate::world::{AccountId, RepoId, World};

impl World {
    /// Comments on an issue or in a pull's conversation and returns the comment's id.
    pub fn comment(
        &mut self,
        repo: RepoId,
        number: u64,
        author: impl Into<Option<AccountId>>,
        body: &str,
    ) -> u64 {
        let (id, now) = (next(&mut self.ids.comment), self.stamp());
        let repo = self.repo_mut(repo);
        repo.item_mut(number).updated_at = now;
        let on = if repo.pulls.contains_key(&number) {
            CommentOn::Pull
        } else {
            CommentOn::Issue
        };
        let comment = Comment {
            id,
            on,
            number,
            author: author.into(),
            body: body.to_owned(),
            created_at: now,
            updated_at: now,
        };
        repo.comments.insert(id, comment);
        id
    }

    /// Edits a comment: its own time moves, and its item's.
    pub fn edit_comment(&mut self, repo: RepoId, comment: u64, body: &str) {
        let now = self.stamp();
        let repo = self.repo_mut(repo);
        let edited = repo
            .comments
            .get_mut(&comment)
            .expect("no comment with this id");
        body.clone_into(&mut edited.body);
        edited.updated_at = now;
        let number = edited.number;
        repo.item_mut(number).updated_at = now;
    }

    /// Deletes a comment: no API shows it any more, and no time moves.
    pub fn delete_comment(&mut self, repo: RepoId, comment: u64) {
        let repo = self.repo_mut(repo);
        let deleted = repo
            .comments
            .remove(&comment)
            .expect("no comment with this id");
        repo.deleted_comments.push(deleted);
    }
}
