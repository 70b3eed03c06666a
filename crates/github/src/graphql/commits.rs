//! The history of a branch, read from a commit and not by date, so that pages are stable and nothing hides behind a
//! watermark.

use jiff::Timestamp;
use serde::Deserialize;

use super::envelope::RateLimit;
use super::shared::{Branch, Connection, Count, id};

/// The default branch of a repository, its head and the length of its history.
pub const HEAD: &str = "\
query Head($owner: String!, $name: String!) {
  repository(owner: $owner, name: $name) {
    databaseId
    name
    defaultBranchRef { name target { oid ... on Commit { history { totalCount } } } }
  }
  rateLimit { cost limit remaining used resetAt }
}";

/// One page of the history that ends in the commit `$head`, in the order of `git log`.
pub const COMMITS: &str = "\
query Commits($owner: String!, $name: String!, $head: GitObjectID!, $first: Int!, $after: String) {
  repository(owner: $owner, name: $name) {
    databaseId
    object(oid: $head) {
      ... on Commit {
        oid
        history(first: $first, after: $after) {
          totalCount
          pageInfo { hasNextPage endCursor }
          nodes {
            oid committedDate additions deletions changedFilesIfAvailable
            parents(first: 1) { totalCount }
            author { name email user { login databaseId } }
            committer { email user { login databaseId } }
          }
        }
      }
    }
  }
  rateLimit { cost limit remaining used resetAt }
}";

/// The answer to [`HEAD`].
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CommitsHead {
    /// Absent where GitHub knows no such repository.
    pub repository: Option<HeadRepo>,
    /// The bucket after the query.
    pub rate_limit: Option<RateLimit>,
}

/// A repository and its default branch.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HeadRepo {
    /// The number that survives renames and transfers.
    #[serde(deserialize_with = "id")]
    pub database_id: u64,
    /// The name without the owner.
    pub name: String,
    /// Absent in an empty repository.
    pub default_branch_ref: Option<Branch>,
}

/// The answer to [`COMMITS`].
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Commits {
    /// Absent where GitHub knows no such repository.
    pub repository: Option<CommitsRepo>,
    /// The bucket after the query.
    pub rate_limit: Option<RateLimit>,
}

/// A repository and one commit of it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CommitsRepo {
    /// The number that survives renames and transfers.
    #[serde(deserialize_with = "id")]
    pub database_id: u64,
    /// Absent where the commit is no longer there; without a history where it is no commit.
    pub object: Option<History>,
}

/// A commit and a page of the history that ends in it.
#[derive(Debug, Clone, Deserialize)]
pub struct History {
    /// The commit's name.
    #[serde(default)]
    pub oid: String,
    /// The page.
    #[serde(default)]
    pub history: Option<Connection<Commit>>,
}

/// One commit.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Commit {
    /// The commit's name.
    pub oid: String,
    /// When it was committed.
    pub committed_date: Timestamp,
    /// Lines added, against the first parent.
    pub additions: u64,
    /// Lines removed, against the first parent.
    pub deletions: u64,
    /// Absent where GitHub did not count.
    pub changed_files_if_available: Option<u64>,
    /// How many parents it has.
    pub parents: Count,
    /// Absent where the commit has none that GitHub can read.
    pub author: Option<GitActor>,
    /// Absent where the commit has none that GitHub can read.
    pub committer: Option<GitActor>,
}

/// A name in a commit, and the account behind it where GitHub knows one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct GitActor {
    /// The name as written, asked for of authors alone.
    #[serde(default)]
    pub name: Option<String>,
    /// The address as written.
    #[serde(default)]
    pub email: Option<String>,
    /// The account that the address belongs to.
    #[serde(default)]
    pub user: Option<GitUser>,
}

/// An account behind a commit.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GitUser {
    /// The login.
    pub login: String,
    /// The account's number.
    #[serde(default)]
    pub database_id: Option<u64>,
}
