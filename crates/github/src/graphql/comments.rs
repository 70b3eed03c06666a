//! Comments from inside issues and pull requests that are known by their ids: the latest first, and diffs by threads.

use jiff::Timestamp;
use serde::Deserialize;

use super::envelope::RateLimit;
use super::shared::{Actor, Connection, id};

/// The comments of up to 100 issues, `$first` each, from the end of their conversations.
pub const ISSUE_COMMENTS: &str = "\
query IssueComments($owner: String!, $name: String!, $ids: [ID!]!, $first: Int!, $before: String) {
  repository(owner: $owner, name: $name) { databaseId }
  nodes(ids: $ids) {
    ... on Issue {
      id
      comments(last: $first, before: $before) {
        totalCount
        pageInfo { hasNextPage endCursor hasPreviousPage startCursor }
        nodes {
          fullDatabaseId createdAt
          author { __typename login ... on User { databaseId } ... on Bot { databaseId } }
        }
      }
    }
  }
  rateLimit { cost limit remaining used resetAt }
}";

/// The comments of up to 100 pull requests: `$first` each from the end of their conversations, and those on their diffs,
/// 30 threads a page. Each pull request costs about a third of a point.
pub const PULL_COMMENTS: &str = "\
query PullComments($owner: String!, $name: String!, $ids: [ID!]!, $first: Int!, $before: String, $after: String) {
  repository(owner: $owner, name: $name) { databaseId }
  nodes(ids: $ids) {
    ... on PullRequest {
      id
      comments(last: $first, before: $before) {
        totalCount
        pageInfo { hasNextPage endCursor hasPreviousPage startCursor }
        nodes {
          fullDatabaseId createdAt
          author { __typename login ... on User { databaseId } ... on Bot { databaseId } }
        }
      }
      reviewThreads(first: 30, after: $after) {
        totalCount
        pageInfo { hasNextPage endCursor }
        nodes {
          comments(first: 50) {
            totalCount
            pageInfo { hasNextPage endCursor }
            nodes {
              fullDatabaseId createdAt state
              author { __typename login ... on User { databaseId } ... on Bot { databaseId } }
            }
          }
        }
      }
    }
  }
  rateLimit { cost limit remaining used resetAt }
}";

/// The answer to [`ISSUE_COMMENTS`] and [`PULL_COMMENTS`].
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Comments {
    /// Absent where GitHub knows no such repository.
    pub repository: Option<CommentsRepo>,
    /// In the order of the ids; null, with an error beside it, where there is nothing of that id any more.
    pub nodes: Vec<Option<Commented>>,
    /// The bucket after the query.
    pub rate_limit: Option<RateLimit>,
}

/// The repository that the request is counted for.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CommentsRepo {
    /// The number that survives renames and transfers.
    #[serde(deserialize_with = "id")]
    pub database_id: u64,
}

/// An issue or a pull request with a page of its comments.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Commented {
    /// What GraphQL knows it by.
    pub id: String,
    /// A page of its conversation, oldest first.
    pub comments: Connection<Comment>,
    /// A page of the threads on its diff; an issue has none.
    #[serde(default)]
    pub review_threads: Option<Connection<ReviewThread>>,
}

/// Comments on one line of a diff, each an answer to the one before.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ReviewThread {
    /// The first 50.
    pub comments: Connection<Comment>,
}

/// One comment.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Comment {
    /// Its number among all comments of its kind; REST's `id`.
    #[serde(rename = "fullDatabaseId", deserialize_with = "id")]
    pub database_id: u64,
    /// When it was written.
    pub created_at: Timestamp,
    /// Absent where the account is gone.
    pub author: Option<Actor>,
    /// `PENDING` or `SUBMITTED`, on diffs.
    #[serde(default)]
    pub state: Option<String>,
}

impl Comment {
    /// Whether it belongs to a review that is not submitted yet: its author alone sees it, and REST shows it to nobody.
    pub fn is_pending(&self) -> bool {
        self.state.as_deref() == Some("PENDING")
    }
}
