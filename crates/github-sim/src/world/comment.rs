//! Conversation comments (of issues and pulls: one number space) and diff comments (another).

use jiff::Timestamp;

use super::account::AccountId;
use super::node;
use super::oid::Oid;

/// What a conversation comment stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CommentOn {
    /// An issue.
    Issue,
    /// A pull request's conversation.
    Pull,
}

/// A comment in a conversation.
#[derive(Debug, Clone)]
pub struct Comment {
    /// Database id, in the number space of issue comments.
    pub id: u64,
    /// The kind of its item.
    pub on: CommentOn,
    /// The number of its item.
    pub number: u64,
    /// Who wrote it; `None` if the account is gone.
    pub author: Option<AccountId>,
    /// The text.
    pub body: String,
    /// When it was written.
    pub created_at: Timestamp,
    /// When it was last edited.
    pub updated_at: Timestamp,
}

impl Comment {
    /// The node id, in a repository with this id.
    pub fn node_id(&self, repo: u64) -> String {
        node::within("IC", repo, self.id)
    }
}

/// A comment on a line of a pull request's diff. It always belongs to a review.
#[derive(Debug, Clone)]
pub struct DiffComment {
    /// Database id, in the number space of review comments.
    pub id: u64,
    /// The number of its pull request.
    pub number: u64,
    /// The id of its review.
    pub review: u64,
    /// The diff comment that it answers.
    pub in_reply_to: Option<u64>,
    /// Who wrote it; `None` if the account is gone.
    pub author: Option<AccountId>,
    /// The text.
    pub body: String,
    /// The file.
    pub path: String,
    /// The line.
    pub line: u64,
    /// The commit that the reviewer saw.
    pub commit: Oid,
    /// When it was written.
    pub created_at: Timestamp,
    /// When it was last edited.
    pub updated_at: Timestamp,
}

impl DiffComment {
    /// The node id, in a repository with this id.
    pub fn node_id(&self, repo: u64) -> String {
        node::within("PRRC", repo, self.id)
    }
}
