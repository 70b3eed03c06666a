//! One fact of activity: what happened in which repository, who did it, and when.
//!
//! Decides what identifies a fact, so that a scrape, a backfill, a webhook and a replay of it are one row. Refuses to
//! know how facts are fetched or kept.
//!
//! A fact's key is (repository, kind, [`Event::id`]). The id is made by the functions of [`id`], because GitHub numbers
//! issue comments and diff comments apart and gives a close no number that all its sources carry.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub mod id;

/// GitHub's numeric id of a repository. It survives renames and transfers; names do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RepoId(pub u64);

impl fmt::Display for RepoId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One kind of fetched history of a repository. Coverage is kept per stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stream {
    /// The default branch.
    Commits,
    /// Pull requests with their reviews, conversation comments and diff comments.
    Pulls,
    /// Issues with their comments.
    Issues,
}

impl Stream {
    /// Every stream, in the order in which it is shown.
    pub const ALL: [Stream; 3] = [Stream::Commits, Stream::Pulls, Stream::Issues];

    /// The word an operator reads and a store keeps.
    pub fn as_str(self) -> &'static str {
        match self {
            Stream::Commits => "commits",
            Stream::Pulls => "pulls",
            Stream::Issues => "issues",
        }
    }

    /// The stream that [`Stream::as_str`] names, if it names one.
    pub fn parse(word: &str) -> Option<Stream> {
        Stream::ALL
            .into_iter()
            .find(|stream| stream.as_str() == word)
    }
}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Who did it. Bots carry GitHub's suffix (`dependabot[bot]`), whichever interface named them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Actor {
    /// The login, or one of the three stand-ins below.
    pub login: String,
    /// GitHub's numeric id of the account, where the source gave one.
    pub id: Option<u64>,
}

impl Actor {
    /// The logins that stand for no account. Never personal data, so no label mode hides them.
    pub const STAND_INS: [&'static str; 3] = ["ghost", "unlinked", "unattributed"];

    /// An account with its login and, where known, its id.
    pub fn new(login: impl Into<String>, id: Option<u64>) -> Actor {
        Actor {
            login: login.into(),
            id,
        }
    }

    /// The account that GitHub no longer has.
    pub fn ghost() -> Actor {
        Actor::new(Actor::STAND_INS[0], None)
    }

    /// The author of a commit whose address belongs to no account.
    pub fn unlinked() -> Actor {
        Actor::new(Actor::STAND_INS[1], None)
    }

    /// The author of a commit that names nobody.
    pub fn unattributed() -> Actor {
        Actor::new(Actor::STAND_INS[2], None)
    }

    /// Whether this is one of the stand-ins and not an account.
    pub fn is_stand_in(&self) -> bool {
        Actor::STAND_INS.contains(&self.login.as_str())
    }
}

/// One fact with its identity, its time and its actor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Unique among the facts of this kind in this repository; see [`id`].
    pub id: String,
    /// When it happened, by GitHub's account; for a commit its committed date.
    pub at: Timestamp,
    /// Who did it.
    pub actor: Actor,
    /// What happened.
    pub fact: Fact,
    /// 0 for what cannot change. Where the fact can change, the newest version replaces what is mutable in it.
    pub version: i64,
}

impl Event {
    /// Takes over from a newer version of the same fact what may change in it, and says whether anything did.
    ///
    /// Only a review's state may change. Time, actor and numbers stay as first recorded: the counters have counted
    /// them, and a counter that moved to another user would have fallen for the first one.
    pub fn amend(&mut self, newer: &Event) -> bool {
        if newer.version <= self.version {
            return false;
        }
        let (Fact::Review { state, .. }, Fact::Review { state: seen, .. }) =
            (&mut self.fact, &newer.fact)
        else {
            return false;
        };
        *state = *seen;
        self.version = newer.version;
        true
    }
}

/// What happened. Each variant's doc says what its event's id and actor are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Fact {
    /// A commit on the default branch. Id: the oid. Actor: the author.
    Commit {
        /// Added lines; 0 where the commit has more than one parent, because a merge repeats its branch.
        additions: u64,
        /// Removed lines; 0 likewise.
        deletions: u64,
        /// Changed files, as GitHub counts them.
        changed_files: u64,
    },
    /// A pull request was opened. Id: its database id. Actor: its author.
    #[serde(rename = "pr_opened")]
    PullOpened {
        /// The number within the repository.
        number: u64,
    },
    /// A pull request was merged. Id: its database id. Actor: its *author*.
    #[serde(rename = "pr_merged")]
    PullMerged {
        /// The number within the repository.
        number: u64,
        /// Who merged it, if GitHub says.
        merged_by: Option<Actor>,
        /// From opening to merging, in seconds.
        seconds_open: u64,
        /// Added plus removed lines.
        lines: u64,
    },
    /// A pull request was closed without a merge. Id: its database id and the second. Actor: its author.
    #[serde(rename = "pr_closed")]
    PullClosed {
        /// The number within the repository.
        number: u64,
        /// From opening to this close, in seconds.
        seconds_open: u64,
    },
    /// A review was submitted. Id: the review's id. Actor: the reviewer.
    Review {
        /// The number of the pull request.
        number: u64,
        /// The state; it alone may change afterwards (a dismissal).
        state: ReviewState,
        /// From when the pull request was open and no draft to this review, in seconds. `None` where the review cannot
        /// be the first one: it is by the pull request's own author, or another person's earlier review is known that
        /// lies before the tracking start and is therefore not recorded.
        seconds_since_ready: Option<u64>,
    },
    /// A comment was written. Id: [`id::comment`]. Actor: the commenter.
    Comment {
        /// What it was written on.
        on: CommentOn,
    },
    /// An issue was opened. Id: its database id. Actor: its author.
    IssueOpened {
        /// The number within the repository.
        number: u64,
    },
    /// An issue was closed. Id: its database id and the second. Actor: who closed it.
    IssueClosed {
        /// The number within the repository.
        number: u64,
        /// From opening to this close, in seconds.
        seconds_open: u64,
    },
}

impl Fact {
    /// The kind, which is part of the key.
    pub fn kind(&self) -> Kind {
        match self {
            Fact::Commit { .. } => Kind::Commit,
            Fact::PullOpened { .. } => Kind::PullOpened,
            Fact::PullMerged { .. } => Kind::PullMerged,
            Fact::PullClosed { .. } => Kind::PullClosed,
            Fact::Review { .. } => Kind::Review,
            Fact::Comment { .. } => Kind::Comment,
            Fact::IssueOpened { .. } => Kind::IssueOpened,
            Fact::IssueClosed { .. } => Kind::IssueClosed,
        }
    }

    /// The stream whose coverage vouches for this fact.
    pub fn stream(&self) -> Stream {
        match self {
            Fact::Commit { .. } => Stream::Commits,
            Fact::PullOpened { .. }
            | Fact::PullMerged { .. }
            | Fact::PullClosed { .. }
            | Fact::Review { .. } => Stream::Pulls,
            Fact::Comment {
                on: CommentOn::Pull | CommentOn::Diff,
            } => Stream::Pulls,
            Fact::Comment {
                on: CommentOn::Issue,
            }
            | Fact::IssueOpened { .. }
            | Fact::IssueClosed { .. } => Stream::Issues,
        }
    }
}

/// The kind of a fact: the second part of its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each is the Fact of the same name")]
pub enum Kind {
    Commit,
    #[serde(rename = "pr_opened")]
    PullOpened,
    #[serde(rename = "pr_merged")]
    PullMerged,
    #[serde(rename = "pr_closed")]
    PullClosed,
    Review,
    Comment,
    IssueOpened,
    IssueClosed,
}

impl Kind {
    /// Every kind, in the order of [`Fact`].
    pub const ALL: [Kind; 8] = [
        Kind::Commit,
        Kind::PullOpened,
        Kind::PullMerged,
        Kind::PullClosed,
        Kind::Review,
        Kind::Comment,
        Kind::IssueOpened,
        Kind::IssueClosed,
    ];

    /// The word a store keeps.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Commit => "commit",
            Kind::PullOpened => "pr_opened",
            Kind::PullMerged => "pr_merged",
            Kind::PullClosed => "pr_closed",
            Kind::Review => "review",
            Kind::Comment => "comment",
            Kind::IssueOpened => "issue_opened",
            Kind::IssueClosed => "issue_closed",
        }
    }

    /// The kind that [`Kind::as_str`] names, if it names one.
    pub fn parse(word: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The state of a submitted review. A pending one is not submitted, so it is no fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "GitHub's own words")]
pub enum ReviewState {
    Approved,
    ChangesRequested,
    Commented,
    Dismissed,
}

impl ReviewState {
    /// Every state, in the order in which it is shown.
    pub const ALL: [ReviewState; 4] = [
        ReviewState::Approved,
        ReviewState::ChangesRequested,
        ReviewState::Commented,
        ReviewState::Dismissed,
    ];

    /// The word a label and a store carry.
    pub fn as_str(self) -> &'static str {
        match self {
            ReviewState::Approved => "approved",
            ReviewState::ChangesRequested => "changes_requested",
            ReviewState::Commented => "commented",
            ReviewState::Dismissed => "dismissed",
        }
    }

    /// The state that GitHub's word (`APPROVED`) or ours (`approved`) names, if it names one.
    pub fn parse(word: &str) -> Option<ReviewState> {
        ReviewState::ALL
            .into_iter()
            .find(|state| state.as_str().eq_ignore_ascii_case(word))
    }
}

impl fmt::Display for ReviewState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a comment was written on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CommentOn {
    /// An issue.
    Issue,
    /// The conversation of a pull request.
    Pull,
    /// A line of a pull request's diff.
    Diff,
}

impl CommentOn {
    /// Every place, in the order in which it is shown.
    pub const ALL: [CommentOn; 3] = [CommentOn::Issue, CommentOn::Pull, CommentOn::Diff];

    /// The word a label and a store carry.
    pub fn as_str(self) -> &'static str {
        match self {
            CommentOn::Issue => "issue",
            CommentOn::Pull => "pull",
            CommentOn::Diff => "diff",
        }
    }

    /// The place that [`CommentOn::as_str`] names, if it names one.
    pub fn parse(word: &str) -> Option<CommentOn> {
        CommentOn::ALL.into_iter().find(|on| on.as_str() == word)
    }
}

impl fmt::Display for CommentOn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests;
