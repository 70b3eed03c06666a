//! What people and repositories did. A number that was never more than zero has no series.

use ledger::aggregate::{Counters, Daily, Histogram, Histograms, RepoRow, Row};
use ledger::event::{CommentOn, ReviewState, Stream};

use super::select::Selection;
use crate::export::encode::Encoder;
use crate::export::table::{Family, repo, user};

type ReadGauge = fn(&Row<'_>) -> Option<u64>;
type ReadCounter = fn(&Counters) -> u64;
type ReadHistogram = fn(&Histograms) -> &Histogram;

const GAUGES: &[(Family, ReadGauge)] = &[
    (user::COMMITS_24H, |row| row.daily(Daily::Commits)),
    (user::PRS_OPENED_24H, |row| row.daily(Daily::PullsOpened)),
    (user::PRS_MERGED_24H, |row| row.daily(Daily::PullsMerged)),
    (user::REVIEWS_24H, |row| row.daily(Daily::Reviews)),
    (user::ISSUE_COMMENTS_24H, |row| {
        row.daily(Daily::IssueComments)
    }),
    (user::LOC_ADDED_WEEKLY, |row| row.lines_added_weekly()),
    (user::LOC_REMOVED_WEEKLY, |row| row.lines_removed_weekly()),
];

/// Counters without a label of their own.
pub(super) const COUNTERS: &[(Family, Stream, ReadCounter)] = &[
    (user::COMMITS, Stream::Commits, |counters| counters.commits),
    (user::LINES_ADDED, Stream::Commits, |counters| {
        counters.lines_added
    }),
    (user::LINES_REMOVED, Stream::Commits, |counters| {
        counters.lines_removed
    }),
    (user::PULLS_OPENED, Stream::Pulls, |counters| {
        counters.pulls_opened
    }),
    (user::PULLS_MERGED, Stream::Pulls, |counters| {
        counters.pulls_merged
    }),
    (user::PULLS_CLOSED, Stream::Pulls, |counters| {
        counters.pulls_closed
    }),
    (user::ISSUES_OPENED, Stream::Issues, |counters| {
        counters.issues_opened
    }),
    (user::ISSUES_CLOSED, Stream::Issues, |counters| {
        counters.issues_closed
    }),
];

/// The histograms of a repository.
pub(super) const HISTOGRAMS: &[(Family, ReadHistogram)] = &[
    (repo::FIRST_REVIEW, |found| &found.first_review),
    (repo::MERGE, |found| &found.merge),
    (repo::SIZE, |found| &found.size),
];

/// The stream that comments on this come with.
pub(super) fn stream_of(on: CommentOn) -> Stream {
    match on {
        CommentOn::Issue => Stream::Issues,
        CommentOn::Pull | CommentOn::Diff => Stream::Pulls,
    }
}

/// What users did.
pub(super) fn users(encoder: &mut Encoder, selection: &Selection<'_>) {
    for (family, read) in GAUGES {
        let start = encoder.family(*family);
        for (row, labels) in selection.rows() {
            if let Some(value) = read(row) {
                encoder.whole(&start, labels, "", value);
            }
        }
    }
    let start = encoder.family(user::LAST_EVENT);
    for (row, labels) in selection.rows() {
        if let Some(at) = row.last_event() {
            encoder.moment(&start, labels, at);
        }
    }
    for (family, stream, read) in COUNTERS {
        let start = encoder.family(*family);
        for (row, labels) in selection.rows() {
            let value = read(row.counters());
            if value > 0 {
                encoder.whole(&start, labels, "", value);
                encoder.created(&start, labels, "", row.created(*stream));
            }
        }
    }
    let start = encoder.family(user::REVIEWS);
    let states = ReviewState::ALL.map(|state| (state, format!(",state=\"{}\"", state.as_str())));
    for (row, labels) in selection.rows() {
        for (state, label) in &states {
            let value = row.counters().reviews(*state);
            if value > 0 {
                encoder.whole(&start, labels, label, value);
                encoder.created(&start, labels, label, row.created(Stream::Pulls));
            }
        }
    }
    let start = encoder.family(user::COMMENTS);
    let kinds = CommentOn::ALL.map(|on| (on, format!(",kind=\"{}\"", on.as_str())));
    for (row, labels) in selection.rows() {
        for (on, label) in &kinds {
            let value = row.counters().comments(*on);
            if value > 0 {
                encoder.whole(&start, labels, label, value);
                encoder.created(&start, labels, label, row.created(stream_of(*on)));
            }
        }
    }
}

/// What is counted per repository.
pub(super) fn repos(encoder: &mut Encoder, selection: &Selection<'_>) {
    type Read = fn(&RepoRow<'_>) -> Option<u64>;
    let open: [(Family, Read); 2] = [
        (repo::PULLS_OPEN, |row| row.pulls_open()),
        (repo::ISSUES_OPEN, |row| row.issues_open()),
    ];
    for (family, read) in open {
        let start = encoder.family(family);
        for (row, labels) in selection.repos() {
            if let Some(value) = read(row) {
                encoder.whole(&start, labels, "", value);
            }
        }
    }
    for (family, read) in HISTOGRAMS {
        let start = encoder.family(*family);
        for (row, labels) in selection.repos() {
            if let Some(found) = row.histograms() {
                encoder.histogram(&start, labels, read(found), row.created(Stream::Pulls));
            }
        }
    }
}
