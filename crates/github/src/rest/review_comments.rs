//! Comments on lines of a pull request's diff.

use jiff::Timestamp;
use serde::Deserialize;

use super::{User, path};
use crate::request::Request;

/// One comment.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ReviewComment {
    /// Its number among all such comments of GitHub.
    pub id: u64,
    /// Absent where the account is gone.
    pub user: Option<User>,
    /// When it was written.
    pub created_at: Timestamp,
    /// When it was touched last.
    pub updated_at: Timestamp,
}

/// One page of a repository's diff comments, the one touched last first (`GET /repos/{owner}/{repo}/pulls/comments`): a
/// list of [`ReviewComment`].
pub fn of_repo(owner: &str, name: &str) -> Request {
    Request::get(
        path(&["repos", owner, name, "pulls", "comments"])
            + "?sort=updated&direction=desc&per_page=100",
    )
    .named("/repos/{owner}/{repo}/pulls/comments")
}
