//! What an owner has and what changed in it: 100 repositories a page, for about 2 points.

use jiff::Timestamp;
use serde::Deserialize;

use super::envelope::RateLimit;
use super::shared::{Branch, Connection, id};

/// What a fingerprint needs of one repository.
macro_rules! fields {
    () => {
        "databaseId id name isArchived isDisabled isFork isEmpty hasIssuesEnabled createdAt pushedAt updatedAt
        defaultBranchRef { name target { oid } }
        pullRequests(first: 1, orderBy: { field: UPDATED_AT, direction: DESC }) { totalCount nodes { number updatedAt } }
        issues(first: 1, orderBy: { field: UPDATED_AT, direction: DESC }) { totalCount nodes { number updatedAt } }"
    };
}

/// All repositories of `$owner`, by name, with what a fingerprint needs.
pub const PROBE: &str = concat!(
    "\
query Probe($owner: String!, $first: Int!, $after: String) {
  repositoryOwner(login: $owner) {
    __typename
    login
    repositories(first: $first, after: $after, ownerAffiliations: [OWNER], orderBy: { field: NAME, direction: ASC }) {
      totalCount
      pageInfo { hasNextPage endCursor }
      nodes {
        ",
    fields!(),
    "
      }
    }
  }
  rateLimit { cost limit remaining used resetAt }
}"
);

/// The repository `$name` of `$owner`, as [`PROBE`] sees it.
pub const PROBE_ONE: &str = concat!(
    "\
query ProbeOne($owner: String!, $name: String!) {
  repository(owner: $owner, name: $name) {
        ",
    fields!(),
    "
  }
  rateLimit { cost limit remaining used resetAt }
}"
);

/// The answer to [`PROBE_ONE`].
#[derive(Debug, Clone, Deserialize)]
pub struct ProbeOne {
    /// Absent where GitHub knows no such repository.
    pub repository: Option<ProbedRepo>,
}

/// The answer to [`PROBE`].
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Probe {
    /// Absent where GitHub knows no such owner.
    pub repository_owner: Option<Owner>,
    /// The bucket after the query.
    pub rate_limit: Option<RateLimit>,
}

/// An organisation or a user that owns repositories.
#[derive(Debug, Clone, Deserialize)]
pub struct Owner {
    /// `Organization` or `User`.
    #[serde(rename = "__typename")]
    pub typename: String,
    /// The login as GitHub writes it.
    pub login: String,
    /// One page of the repositories.
    pub repositories: Connection<ProbedRepo>,
}

/// One repository as the probe sees it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProbedRepo {
    /// The number that survives renames and transfers.
    #[serde(deserialize_with = "id")]
    pub database_id: u64,
    /// The opaque node id.
    pub id: String,
    /// The name without the owner.
    pub name: String,
    /// Read-only by its owner's will.
    pub is_archived: bool,
    /// Switched off by GitHub.
    pub is_disabled: bool,
    /// A fork of another repository.
    pub is_fork: bool,
    /// Without any commit.
    pub is_empty: bool,
    /// Whether it has issues at all.
    pub has_issues_enabled: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// The last push to any branch.
    pub pushed_at: Option<Timestamp>,
    /// The last change of the repository itself.
    pub updated_at: Timestamp,
    /// Absent in an empty repository.
    pub default_branch_ref: Option<Branch>,
    /// The newest pull request and the number of all.
    pub pull_requests: Connection<NewestItem>,
    /// The newest issue and the number of all.
    pub issues: Connection<NewestItem>,
}

/// The item that was touched last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NewestItem {
    /// Its number in the repository.
    pub number: u64,
    /// When it was touched.
    pub updated_at: Timestamp,
}
