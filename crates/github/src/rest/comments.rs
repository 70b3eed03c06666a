//! Comments in the conversations of issues and pull requests, which GitHub keeps in one list.

use jiff::Timestamp;
use serde::Deserialize;

use super::{User, path};
use crate::request::Request;

/// One comment.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct IssueComment {
    /// Its number among all such comments of GitHub.
    pub id: u64,
    /// Absent where the account is gone.
    pub user: Option<User>,
    /// When it was written.
    pub created_at: Timestamp,
    /// When it was touched last.
    pub updated_at: Timestamp,
    /// Its address in the browser, which tells what it is on.
    pub html_url: String,
}

/// What a comment is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conversation {
    /// An issue.
    Issue,
    /// A pull request.
    Pull,
}

impl IssueComment {
    /// Whether the comment is on an issue or on a pull request: `…/pull/7#issuecomment-1` is on one. The list itself does
    /// not say, and asking for each would cost a request.
    pub fn conversation(&self) -> Conversation {
        // The last but one segment decides, so that a repository named `pull` misleads nobody.
        match self
            .html_url
            .split('#')
            .next()
            .unwrap_or_default()
            .rsplit('/')
            .nth(1)
        {
            Some("pull") => Conversation::Pull,
            _ => Conversation::Issue,
        }
    }
}

/// One page of a repository's conversation comments, the one touched last first
/// (`GET /repos/{owner}/{repo}/issues/comments`): a list of [`IssueComment`].
pub fn of_repo(owner: &str, name: &str) -> Request {
    Request::get(
        path(&["repos", owner, name, "issues", "comments"])
            + "?sort=updated&direction=desc&per_page=100",
    )
    .named("/repos/{owner}/{repo}/issues/comments")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_tells_what_a_comment_is_on() {
        let on = |html_url: &str| {
            IssueComment {
                id: 1,
                user: None,
                created_at: Timestamp::UNIX_EPOCH,
                updated_at: Timestamp::UNIX_EPOCH,
                html_url: html_url.to_owned(),
            }
            .conversation()
        };
        assert_eq!(
            on("https://github.com/acme/pull/issues/7#issuecomment-1"),
            Conversation::Issue
        );
        assert_eq!(
            on("https://github.com/acme/tide/pull/7#issuecomment-1"),
            Conversation::Pull
        );
    }
}
