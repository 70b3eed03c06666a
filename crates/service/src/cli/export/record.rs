//! One event as a line of columns. The columns and their order are the same in every format and for every kind of event;
//! new ones come at the end.

use jiff::Timestamp;
use ledger::event::{Event, Fact};
use ledger::port::activity::RepoView;
use ledger::user_label::UserLabels;
use serde::Serialize;

use super::target::Target;

/// One event. What a kind does not have is empty.
#[derive(Debug, Serialize)]
pub(super) struct Record<'a> {
    /// When it happened.
    pub(super) time: Timestamp,
    pub(super) org: &'a str,
    pub(super) repo: &'a str,
    /// GitHub's id of the repository, which survives renames.
    pub(super) repo_id: u64,
    /// `commit`, `pr_opened`, `review` and so on.
    pub(super) kind: &'static str,
    /// Unique among the events of this kind in this repository.
    pub(super) id: &'a str,
    /// The label of who did it, as metrics have it.
    pub(super) user: &'a str,
    /// The number of the pull request or issue.
    pub(super) number: Option<u64>,
    /// The state of a review.
    pub(super) state: Option<&'static str>,
    /// What a comment was written on.
    pub(super) on: Option<&'static str>,
    /// The label of who merged it.
    pub(super) merged_by: Option<String>,
    /// Seconds from opening to merging or closing, or from ready to a review.
    pub(super) seconds: Option<u64>,
    /// Added lines of a commit; 0 for a merge.
    pub(super) additions: Option<u64>,
    /// Removed lines of a commit; 0 for a merge.
    pub(super) deletions: Option<u64>,
    /// Changed files of a commit.
    pub(super) changed_files: Option<u64>,
    /// Added plus removed lines of a merged pull request.
    pub(super) lines: Option<u64>,
}

/// The names of the columns, in order.
pub(super) const COLUMNS: [&str; 16] = [
    "time",
    "org",
    "repo",
    "repo_id",
    "kind",
    "id",
    "user",
    "number",
    "state",
    "on",
    "merged_by",
    "seconds",
    "additions",
    "deletions",
    "changed_files",
    "lines",
];

/// Takes one event after another.
pub(super) trait Sink {
    fn take(&mut self, record: &Record<'_>) -> anyhow::Result<()>;

    /// There are no more.
    fn finish(self) -> anyhow::Result<Target>;
}

pub(super) fn record<'a>(
    repo: &'a RepoView,
    user: &'a str,
    event: &'a Event,
    labels: &UserLabels,
) -> Record<'a> {
    let mut record = Record {
        time: event.at,
        org: &repo.org,
        repo: &repo.name,
        repo_id: repo.id.0,
        kind: event.fact.kind().as_str(),
        id: &event.id,
        user,
        number: None,
        state: None,
        on: None,
        merged_by: None,
        seconds: None,
        additions: None,
        deletions: None,
        changed_files: None,
        lines: None,
    };
    match &event.fact {
        Fact::Commit {
            additions,
            deletions,
            changed_files,
        } => {
            record.additions = Some(*additions);
            record.deletions = Some(*deletions);
            record.changed_files = Some(*changed_files);
        }
        Fact::PullOpened { number } | Fact::IssueOpened { number } => {
            record.number = Some(*number);
        }
        Fact::PullMerged {
            number,
            merged_by,
            seconds_open,
            lines,
        } => {
            record.number = Some(*number);
            record.merged_by = merged_by
                .as_ref()
                .map(|actor| labels.label(actor).into_owned());
            record.seconds = Some(*seconds_open);
            record.lines = Some(*lines);
        }
        Fact::PullClosed {
            number,
            seconds_open,
        }
        | Fact::IssueClosed {
            number,
            seconds_open,
        } => {
            record.number = Some(*number);
            record.seconds = Some(*seconds_open);
        }
        Fact::Review {
            number,
            state,
            seconds_since_ready,
        } => {
            record.number = Some(*number);
            record.state = Some(state.as_str());
            record.seconds = *seconds_since_ready;
        }
        Fact::Comment { on } => record.on = Some(on.as_str()),
    }
    record
}
