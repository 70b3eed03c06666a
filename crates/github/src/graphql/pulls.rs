//! Pull requests, newest change first, with their reviews, closes and the moments they became ready.

use jiff::Timestamp;
use serde::Deserialize;

use super::envelope::RateLimit;
use super::shared::{Actor, Connection, Count, TimelineItem, id};

/// One page of a repository's pull requests, the one touched last first.
pub const PULLS: &str = "\
query Pulls($owner: String!, $name: String!, $first: Int!, $after: String) {
  repository(owner: $owner, name: $name) {
    databaseId
    open: pullRequests(states: OPEN) { totalCount }
    pullRequests(first: $first, after: $after, orderBy: { field: UPDATED_AT, direction: DESC }) {
      totalCount
      pageInfo { hasNextPage endCursor }
      nodes {
        id fullDatabaseId number createdAt updatedAt closedAt mergedAt isDraft additions deletions
        author { __typename login ... on User { databaseId } ... on Bot { databaseId } }
        mergedBy { __typename login ... on User { databaseId } ... on Bot { databaseId } }
        reviews(first: 50) {
          totalCount
          pageInfo { hasNextPage endCursor }
          nodes {
            fullDatabaseId state submittedAt updatedAt
            author { __typename login ... on User { databaseId } ... on Bot { databaseId } }
          }
        }
        timelineItems(first: 50, itemTypes: [CLOSED_EVENT, READY_FOR_REVIEW_EVENT]) {
          totalCount
          pageInfo { hasNextPage endCursor }
          nodes {
            __typename
            ... on ClosedEvent {
              createdAt
              actor { __typename login ... on User { databaseId } ... on Bot { databaseId } }
            }
            ... on ReadyForReviewEvent { createdAt }
          }
        }
      }
    }
  }
  rateLimit { cost limit remaining used resetAt }
}";

/// The reviews of one pull request after `$after`.
pub const PULL_REVIEWS: &str = "\
query PullReviews($owner: String!, $name: String!, $number: Int!, $first: Int = 100, $after: String) {
  repository(owner: $owner, name: $name) {
    databaseId
    pullRequest(number: $number) {
      number
      reviews(first: $first, after: $after) {
        totalCount
        pageInfo { hasNextPage endCursor }
        nodes {
          fullDatabaseId state submittedAt updatedAt
          author { __typename login ... on User { databaseId } ... on Bot { databaseId } }
        }
      }
    }
  }
  rateLimit { cost limit remaining used resetAt }
}";

/// The closes and ready-for-review moments of one pull request after `$after`.
pub const PULL_TIMELINE: &str = "\
query PullTimeline($owner: String!, $name: String!, $number: Int!, $first: Int = 100, $after: String) {
  repository(owner: $owner, name: $name) {
    databaseId
    pullRequest(number: $number) {
      number
      timelineItems(first: $first, after: $after, itemTypes: [CLOSED_EVENT, READY_FOR_REVIEW_EVENT]) {
        totalCount
        pageInfo { hasNextPage endCursor }
        nodes {
          __typename
          ... on ClosedEvent {
            createdAt
            actor { __typename login ... on User { databaseId } ... on Bot { databaseId } }
          }
          ... on ReadyForReviewEvent { createdAt }
        }
      }
    }
  }
  rateLimit { cost limit remaining used resetAt }
}";

/// The answer to [`PULLS`].
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pulls {
    /// Absent where GitHub knows no such repository.
    pub repository: Option<PullsRepo>,
    /// The bucket after the query.
    pub rate_limit: Option<RateLimit>,
}

/// A repository and a page of its pull requests.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PullsRepo {
    /// The number that survives renames and transfers.
    #[serde(deserialize_with = "id")]
    pub database_id: u64,
    /// How many are open.
    pub open: Count,
    /// The page.
    pub pull_requests: Connection<Pull>,
}

/// One pull request.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pull {
    /// What GraphQL knows it by.
    pub id: String,
    /// Its number among all pull requests of GitHub.
    #[serde(rename = "fullDatabaseId", deserialize_with = "id")]
    pub database_id: u64,
    /// Its number in the repository.
    pub number: u64,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When it was touched last.
    pub updated_at: Timestamp,
    /// When it was closed last, by a merge too; absent while it is open.
    pub closed_at: Option<Timestamp>,
    /// When it was merged.
    pub merged_at: Option<Timestamp>,
    /// Not ready for review.
    pub is_draft: bool,
    /// Lines added.
    pub additions: u64,
    /// Lines removed.
    pub deletions: u64,
    /// Absent where the account is gone.
    pub author: Option<Actor>,
    /// Absent while it is not merged, or where the account is gone.
    pub merged_by: Option<Actor>,
    /// The first 50 reviews.
    pub reviews: Connection<Review>,
    /// The first 50 closes and ready-for-review moments.
    pub timeline_items: Connection<TimelineItem>,
}

/// One review.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Review {
    /// Its number among all reviews of GitHub.
    #[serde(rename = "fullDatabaseId", deserialize_with = "id")]
    pub database_id: u64,
    /// Its state now.
    pub state: ReviewState,
    /// Absent while it is pending.
    pub submitted_at: Option<Timestamp>,
    /// When it was touched last.
    pub updated_at: Timestamp,
    /// Absent where the account is gone.
    pub author: Option<Actor>,
}

/// What a review says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ReviewState {
    /// Not submitted yet; only its author sees it.
    Pending,
    /// Remarks without a verdict.
    Commented,
    /// May be merged.
    Approved,
    /// Must be changed first.
    ChangesRequested,
    /// A verdict that was withdrawn.
    Dismissed,
    /// A state that this version does not know.
    #[serde(other)]
    Other,
}

/// The answer to [`PULL_REVIEWS`].
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PullReviews {
    /// Absent where GitHub knows no such repository.
    pub repository: Option<PullReviewsRepo>,
    /// The bucket after the query.
    pub rate_limit: Option<RateLimit>,
}

/// A repository and the rest of one pull request's reviews.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PullReviewsRepo {
    /// The number that survives renames and transfers.
    #[serde(deserialize_with = "id")]
    pub database_id: u64,
    /// Absent where there is no such pull request.
    pub pull_request: Option<PullWithReviews>,
}

/// One pull request's reviews.
#[derive(Debug, Clone, Deserialize)]
pub struct PullWithReviews {
    /// Its number in the repository.
    pub number: u64,
    /// The page.
    pub reviews: Connection<Review>,
}

/// The answer to [`PULL_TIMELINE`].
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PullTimeline {
    /// Absent where GitHub knows no such repository.
    pub repository: Option<PullTimelineRepo>,
    /// The bucket after the query.
    pub rate_limit: Option<RateLimit>,
}

/// A repository and the rest of one pull request's timeline.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PullTimelineRepo {
    /// The number that survives renames and transfers.
    #[serde(deserialize_with = "id")]
    pub database_id: u64,
    /// Absent where there is no such pull request.
    pub pull_request: Option<PullWithTimeline>,
}

/// One pull request's timeline.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PullWithTimeline {
    /// Its number in the repository.
    pub number: u64,
    /// The page.
    pub timeline_items: Connection<TimelineItem>,
}
