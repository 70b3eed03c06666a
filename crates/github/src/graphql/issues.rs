//! Issues, newest change first, with their closes.

use jiff::Timestamp;
use serde::Deserialize;

use super::envelope::RateLimit;
use super::shared::{Actor, Connection, Count, TimelineItem, id};

/// One page of a repository's issues, the one touched last first.
pub const ISSUES: &str = "\
query Issues($owner: String!, $name: String!, $first: Int!, $after: String) {
  repository(owner: $owner, name: $name) {
    databaseId
    open: issues(states: OPEN) { totalCount }
    issues(first: $first, after: $after, orderBy: { field: UPDATED_AT, direction: DESC }) {
      totalCount
      pageInfo { hasNextPage endCursor }
      nodes {
        id fullDatabaseId number createdAt updatedAt closedAt
        author { __typename login ... on User { databaseId } ... on Bot { databaseId } }
        timelineItems(first: 50, itemTypes: [CLOSED_EVENT]) {
          totalCount
          pageInfo { hasNextPage endCursor }
          nodes {
            __typename
            ... on ClosedEvent {
              createdAt
              actor { __typename login ... on User { databaseId } ... on Bot { databaseId } }
            }
          }
        }
      }
    }
  }
  rateLimit { cost limit remaining used resetAt }
}";

/// The closes of one issue after `$after`.
pub const ISSUE_TIMELINE: &str = "\
query IssueTimeline($owner: String!, $name: String!, $number: Int!, $first: Int = 100, $after: String) {
  repository(owner: $owner, name: $name) {
    databaseId
    issue(number: $number) {
      number
      timelineItems(first: $first, after: $after, itemTypes: [CLOSED_EVENT]) {
        totalCount
        pageInfo { hasNextPage endCursor }
        nodes {
          __typename
          ... on ClosedEvent {
            createdAt
            actor { __typename login ... on User { databaseId } ... on Bot { databaseId } }
          }
        }
      }
    }
  }
  rateLimit { cost limit remaining used resetAt }
}";

/// The answer to [`ISSUES`].
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Issues {
    /// Absent where GitHub knows no such repository.
    pub repository: Option<IssuesRepo>,
    /// The bucket after the query.
    pub rate_limit: Option<RateLimit>,
}

/// A repository and a page of its issues.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IssuesRepo {
    /// The number that survives renames and transfers.
    #[serde(deserialize_with = "id")]
    pub database_id: u64,
    /// How many are open.
    pub open: Count,
    /// The page.
    pub issues: Connection<Issue>,
}

/// One issue.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Issue {
    /// What GraphQL knows it by.
    pub id: String,
    /// Its number among all issues of GitHub.
    #[serde(rename = "fullDatabaseId", deserialize_with = "id")]
    pub database_id: u64,
    /// Its number in the repository.
    pub number: u64,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When it was touched last.
    pub updated_at: Timestamp,
    /// When it was closed last; absent while it is open.
    pub closed_at: Option<Timestamp>,
    /// Absent where the account is gone.
    pub author: Option<Actor>,
    /// The first 50 closes.
    pub timeline_items: Connection<TimelineItem>,
}

/// The answer to [`ISSUE_TIMELINE`].
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IssueTimeline {
    /// Absent where GitHub knows no such repository.
    pub repository: Option<IssueTimelineRepo>,
    /// The bucket after the query.
    pub rate_limit: Option<RateLimit>,
}

/// A repository and the rest of one issue's closes.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IssueTimelineRepo {
    /// The number that survives renames and transfers.
    #[serde(deserialize_with = "id")]
    pub database_id: u64,
    /// Absent where there is no such issue.
    pub issue: Option<IssueWithTimeline>,
}

/// One issue's closes.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IssueWithTimeline {
    /// Its number in the repository.
    pub number: u64,
    /// The page.
    pub timeline_items: Connection<TimelineItem>,
}
