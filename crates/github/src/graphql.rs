//! GraphQL: every document that Tidegate asks, the types of their answers, and what an envelope means.
//!
//! An answer with errors beside its data is never taken for the whole; what is too large is told apart, so that the
//! caller can ask for less.

mod comments;
mod commits;
mod envelope;
mod issues;
mod meta;
mod pages;
mod points;
mod probe;
mod pulls;
mod shared;

pub use comments::{Comment, Commented, Comments, CommentsRepo, ReviewThread};
pub use commits::{Commit, Commits, CommitsHead, GitActor, GitUser, History};
pub use envelope::{GraphQlError, PathStep, RateLimit};
pub(crate) use envelope::{Peek, failed, open};
pub use issues::{Issue, IssueTimeline, Issues};
pub use meta::{RateLimits, Viewer, ViewerUser};
pub use pages::Pages;
pub use points::points;
pub use probe::{NewestItem, Owner, Probe, ProbeOne, ProbedRepo};
pub use pulls::{Pull, PullReviews, PullTimeline, Pulls, Review, ReviewState};
pub use shared::{Actor, Branch, Connection, Count, PageInfo, TimelineItem};

pub use comments::{ISSUE_COMMENTS, PULL_COMMENTS};
pub use commits::{COMMITS, HEAD};
pub use issues::{ISSUE_TIMELINE, ISSUES};
pub use meta::{RATE_LIMIT, VIEWER};
pub use probe::{PROBE, PROBE_ONE};
pub use pulls::{PULL_REVIEWS, PULL_TIMELINE, PULLS};

/// Every document, with the name that its requests are counted under; the published schema is checked against this list.
pub const DOCUMENTS: &[(&str, &str)] = &[
    ("graphql Probe", PROBE),
    ("graphql ProbeOne", PROBE_ONE),
    ("graphql Head", HEAD),
    ("graphql Commits", COMMITS),
    ("graphql Pulls", PULLS),
    ("graphql PullReviews", PULL_REVIEWS),
    ("graphql PullTimeline", PULL_TIMELINE),
    ("graphql Issues", ISSUES),
    ("graphql IssueTimeline", ISSUE_TIMELINE),
    ("graphql IssueComments", ISSUE_COMMENTS),
    ("graphql PullComments", PULL_COMMENTS),
    ("graphql Viewer", VIEWER),
    ("graphql RateLimit", RATE_LIMIT),
];

/// A whole answer to a GraphQL query.
#[derive(Debug, Clone)]
pub struct Answer<T> {
    /// What was asked for.
    pub data: T,
    /// GitHub's clock when it answered.
    pub date: Option<jiff::Timestamp>,
    /// The points that GitHub charged (1 where it does not say).
    pub cost: u64,
    /// Errors beside the data; empty except where the caller asked for partial answers.
    pub errors: Vec<GraphQlError>,
}

#[cfg(test)]
mod tests {
    use super::DOCUMENTS;

    #[test]
    fn every_document_is_counted_under_the_name_of_its_operation() {
        for (name, document) in DOCUMENTS {
            let operation = document
                .strip_prefix("query ")
                .and_then(|rest| rest.split(['(', ' ']).next());
            assert_eq!(
                operation
                    .map(|operation| format!("graphql {operation}"))
                    .as_deref(),
                Some(*name)
            );
        }
    }
}
