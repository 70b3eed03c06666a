//! Pull requests and issues: what they are now, and the timeline of how they became so.

use jiff::Timestamp;

use super::account::AccountId;
use super::node;
use super::oid::Oid;

/// What happened to an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happening {
    /// Closed; a merge closes as well.
    Closed,
    /// Opened again.
    Reopened,
    /// Merged, as this commit.
    Merged {
        /// The commit on the base branch.
        commit: Oid,
    },
    /// A draft became ready.
    ReadyForReview,
    /// A ready pull became a draft.
    ConvertedToDraft,
    /// The head branch was force-pushed.
    HeadForcePushed,
    /// A review was dismissed.
    ReviewDismissed {
        /// The review.
        review: u64,
    },
}

/// One entry of an item's timeline.
#[derive(Debug, Clone)]
pub struct TimelineEvent {
    /// Database id, in the number space of events.
    pub id: u64,
    /// When.
    pub at: Timestamp,
    /// Who; `None` if the account is gone.
    pub actor: Option<AccountId>,
    /// What.
    pub what: Happening,
}

impl TimelineEvent {
    /// The GraphQL type.
    pub fn type_name(&self) -> &'static str {
        match self.what {
            Happening::Closed => "ClosedEvent",
            Happening::Reopened => "ReopenedEvent",
            Happening::Merged { .. } => "MergedEvent",
            Happening::ReadyForReview => "ReadyForReviewEvent",
            Happening::ConvertedToDraft => "ConvertToDraftEvent",
            Happening::HeadForcePushed => "HeadRefForcePushedEvent",
            Happening::ReviewDismissed { .. } => "ReviewDismissedEvent",
        }
    }

    /// The node id, in a repository with this id.
    pub fn node_id(&self, repo: u64) -> String {
        let prefix = match self.what {
            Happening::Closed => "CE",
            Happening::Reopened => "REE",
            Happening::Merged { .. } => "ME",
            Happening::ReadyForReview => "RFRE",
            Happening::ConvertedToDraft => "CTDE",
            Happening::HeadForcePushed => "HRFPE",
            Happening::ReviewDismissed { .. } => "RDE",
        };
        node::within(prefix, repo, self.id)
    }
}

/// What a review says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ReviewState {
    /// `APPROVED`
    Approved,
    /// `CHANGES_REQUESTED`
    ChangesRequested,
    /// `COMMENTED`
    Commented,
    /// `DISMISSED`
    Dismissed,
}

impl ReviewState {
    /// As both of GitHub's APIs write it.
    pub fn as_str(self) -> &'static str {
        match self {
            ReviewState::Approved => "APPROVED",
            ReviewState::ChangesRequested => "CHANGES_REQUESTED",
            ReviewState::Commented => "COMMENTED",
            ReviewState::Dismissed => "DISMISSED",
        }
    }
}

/// A submitted review.
#[derive(Debug, Clone)]
pub struct Review {
    /// Database id, in the number space of reviews.
    pub id: u64,
    /// The number of its pull request.
    pub number: u64,
    /// Who; `None` if the account is gone.
    pub author: Option<AccountId>,
    /// What it says now.
    pub state: ReviewState,
    /// The text; often empty.
    pub body: String,
    /// The commit that the reviewer saw.
    pub commit: Oid,
    /// When it was submitted.
    pub submitted_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl Review {
    /// The node id, in a repository with this id.
    pub fn node_id(&self, repo: u64) -> String {
        node::within("PRR", repo, self.id)
    }
}

/// An issue, or what a pull request shares with one.
#[derive(Debug, Clone)]
pub struct Issue {
    /// Database id, in the number space of issues.
    pub id: u64,
    /// The number; issues and pulls of a repository share one sequence.
    pub number: u64,
    /// The title.
    pub title: String,
    /// The text.
    pub body: String,
    /// Who opened it; `None` if the account is gone.
    pub author: Option<AccountId>,
    /// Names of its labels.
    pub labels: Vec<String>,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When it last changed in a way that GitHub counts.
    pub updated_at: Timestamp,
    /// When it was closed, if it is closed now.
    pub closed_at: Option<Timestamp>,
    /// What happened to it, oldest first.
    pub timeline: Vec<TimelineEvent>,
}

impl Issue {
    /// Whether it is open now.
    pub fn is_open(&self) -> bool {
        self.closed_at.is_none()
    }

    /// The node id, in a repository with this id.
    pub fn node_id(&self, repo: u64) -> String {
        node::within("I", repo, self.id)
    }

    /// Who closed it last, if it is closed now.
    pub fn closed_by(&self) -> Option<AccountId> {
        self.closed_at?;
        self.timeline
            .iter()
            .rev()
            .find(|event| event.what == Happening::Closed)
            .and_then(|event| event.actor)
    }
}

/// How a pull request is merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MergeMethod {
    /// A commit with two parents.
    Merge,
    /// One new commit with everything.
    Squash,
    /// Each commit anew on top of the base.
    Rebase,
}

/// A merge of a pull request.
#[derive(Debug, Clone)]
pub struct Merge {
    /// When.
    pub at: Timestamp,
    /// Who; `None` if the account is gone.
    pub by: Option<AccountId>,
    /// The commit on the base branch (the last one of a rebase).
    pub commit: Oid,
}

/// A pull request.
#[derive(Debug, Clone)]
pub struct Pull {
    /// Database id, in the number space of pull requests.
    pub id: u64,
    /// What it shares with issues; `issue.id` is the id of the issue behind it, which is another number.
    pub issue: Issue,
    /// Whether it is a draft now.
    pub draft: bool,
    /// The branch that it merges into.
    pub base: String,
    /// Where the base branch was when the pull was opened.
    pub base_oid: Oid,
    /// The branch that it brings.
    pub head: String,
    /// The tip of that branch.
    pub head_oid: Oid,
    /// Its own commits, oldest first.
    pub commits: Vec<Oid>,
    /// Lines added.
    pub additions: u64,
    /// Lines removed.
    pub deletions: u64,
    /// Files changed.
    pub changed_files: u64,
    /// How it was merged, if it was.
    pub merged: Option<Merge>,
}

impl Pull {
    /// The number.
    pub fn number(&self) -> u64 {
        self.issue.number
    }

    /// Whether it is open now.
    pub fn is_open(&self) -> bool {
        self.issue.is_open()
    }

    /// The node id, in a repository with this id.
    pub fn node_id(&self, repo: u64) -> String {
        node::within("PR", repo, self.id)
    }

    /// `OPEN`, `CLOSED` or `MERGED`, as GraphQL writes it.
    pub fn state(&self) -> &'static str {
        match (&self.merged, self.is_open()) {
            (Some(_), _) => "MERGED",
            (None, true) => "OPEN",
            (None, false) => "CLOSED",
        }
    }

    /// When it became ready for review the last time, if it was ever a draft.
    pub fn ready_at(&self) -> Option<Timestamp> {
        self.issue
            .timeline
            .iter()
            .rev()
            .find(|event| event.what == Happening::ReadyForReview)
            .map(|event| event.at)
    }
}
