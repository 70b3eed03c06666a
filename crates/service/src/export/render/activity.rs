//! What people and repositories did: the list of families, and how a row's numbers become lines. A number that was never
//! more than zero has no series.

use ledger::aggregate::{Counters, Daily, Histogram, Histograms, RepoRow, Row};
use ledger::event::{CommentOn, ReviewState, Stream};

use super::select::Chosen;
use crate::export::encode::{Encoder, Start};
use crate::export::table::{Family, repo, user};

/// What the samples of a family are read from.
pub(super) enum Of {
    /// A user's row, where it has a value.
    Gauge(fn(&Row<'_>) -> Option<u64>),
    /// When something last happened in a user's row.
    LastEvent,
    /// A user's counter, with the stream whose time of creation it has.
    Counter(Stream, fn(&Counters) -> u64),
    /// A user's reviews by state.
    Reviews,
    /// A user's comments by what they were written on.
    Comments,
    /// A repository, where it has a value.
    Repo(fn(&RepoRow<'_>) -> Option<u64>),
    /// A repository's histogram.
    Histogram(fn(&Histograms) -> &Histogram),
}

/// Every family of users and repositories, in the order in which they are written.
#[expect(
    clippy::redundant_closure_for_method_calls,
    reason = "a method of a borrowed row is no function of rows of every lifetime"
)]
pub(super) static FAMILIES: &[(Family, Of)] = &[
    (
        user::COMMITS_24H,
        Of::Gauge(|row| row.daily(Daily::Commits)),
    ),
    (
        user::PRS_OPENED_24H,
        Of::Gauge(|row| row.daily(Daily::PullsOpened)),
    ),
    (
        user::PRS_MERGED_24H,
        Of::Gauge(|row| row.daily(Daily::PullsMerged)),
    ),
    (
        user::REVIEWS_24H,
        Of::Gauge(|row| row.daily(Daily::Reviews)),
    ),
    (
        user::ISSUE_COMMENTS_24H,
        Of::Gauge(|row| row.daily(Daily::IssueComments)),
    ),
    (
        user::LOC_ADDED_WEEKLY,
        Of::Gauge(|row| row.lines_added_weekly()),
    ),
    (
        user::LOC_REMOVED_WEEKLY,
        Of::Gauge(|row| row.lines_removed_weekly()),
    ),
    (user::LAST_EVENT, Of::LastEvent),
    (
        user::COMMITS,
        Of::Counter(Stream::Commits, |counters| counters.commits),
    ),
    (
        user::LINES_ADDED,
        Of::Counter(Stream::Commits, |counters| counters.lines_added),
    ),
    (
        user::LINES_REMOVED,
        Of::Counter(Stream::Commits, |counters| counters.lines_removed),
    ),
    (
        user::PULLS_OPENED,
        Of::Counter(Stream::Pulls, |counters| counters.pulls_opened),
    ),
    (
        user::PULLS_MERGED,
        Of::Counter(Stream::Pulls, |counters| counters.pulls_merged),
    ),
    (
        user::PULLS_CLOSED,
        Of::Counter(Stream::Pulls, |counters| counters.pulls_closed),
    ),
    (
        user::ISSUES_OPENED,
        Of::Counter(Stream::Issues, |counters| counters.issues_opened),
    ),
    (
        user::ISSUES_CLOSED,
        Of::Counter(Stream::Issues, |counters| counters.issues_closed),
    ),
    (user::REVIEWS, Of::Reviews),
    (user::COMMENTS, Of::Comments),
    (repo::PULLS_OPEN, Of::Repo(|row| row.pulls_open())),
    (repo::ISSUES_OPEN, Of::Repo(|row| row.issues_open())),
    (repo::FIRST_REVIEW, Of::Histogram(|it| &it.first_review)),
    (repo::MERGE, Of::Histogram(|it| &it.merge)),
    (repo::SIZE, Of::Histogram(|it| &it.size)),
];

/// The stream that comments on this come with.
fn stream_of(on: CommentOn) -> Stream {
    match on {
        CommentOn::Issue => Stream::Issues,
        CommentOn::Pull | CommentOn::Diff => Stream::Pulls,
    }
}

/// A label of a family's own, with a comma before it.
fn state(state: ReviewState) -> &'static str {
    match state {
        ReviewState::Approved => ",state=\"approved\"",
        ReviewState::ChangesRequested => ",state=\"changes_requested\"",
        ReviewState::Commented => ",state=\"commented\"",
        ReviewState::Dismissed => ",state=\"dismissed\"",
    }
}

fn kind(on: CommentOn) -> &'static str {
    match on {
        CommentOn::Issue => ",kind=\"issue\"",
        CommentOn::Pull => ",kind=\"pull\"",
        CommentOn::Diff => ",kind=\"diff\"",
    }
}

impl Of {
    /// Writes the samples of these rows.
    pub(super) fn write(&self, encoder: &mut Encoder, start: &Start, chosen: &Chosen<'_>) {
        match self {
            Of::Gauge(read) => {
                for (row, labels) in chosen.rows() {
                    if let Some(value) = read(row) {
                        encoder.whole(start, labels, "", value);
                    }
                }
            }
            Of::LastEvent => {
                for (row, labels) in chosen.rows() {
                    if let Some(at) = row.last_event() {
                        encoder.moment(start, labels, at);
                    }
                }
            }
            Of::Counter(stream, read) => {
                for (row, labels) in chosen.rows() {
                    counter(
                        encoder,
                        start,
                        row,
                        labels,
                        "",
                        *stream,
                        read(row.counters()),
                    );
                }
            }
            Of::Reviews => {
                for (row, labels) in chosen.rows() {
                    for of in ReviewState::ALL {
                        let value = row.counters().reviews(of);
                        counter(encoder, start, row, labels, state(of), Stream::Pulls, value);
                    }
                }
            }
            Of::Comments => {
                for (row, labels) in chosen.rows() {
                    for on in CommentOn::ALL {
                        let value = row.counters().comments(on);
                        counter(encoder, start, row, labels, kind(on), stream_of(on), value);
                    }
                }
            }
            Of::Repo(read) => {
                for (row, labels) in chosen.repos() {
                    if let Some(value) = read(row) {
                        encoder.whole(start, labels, "", value);
                    }
                }
            }
            Of::Histogram(read) => {
                for (row, labels) in chosen.repos() {
                    if let Some(found) = row.histograms() {
                        let created = row.created(Stream::Pulls);
                        encoder.histogram(start, labels, read(found), created);
                    }
                }
            }
        }
    }

    /// How many series a user's row has in this family, times of creation included.
    pub(super) fn series_of_user(&self, row: &Row<'_>) -> u64 {
        let counted = |value: u64, stream| match value {
            0 => 0,
            _ => 1 + u64::from(row.created(stream).is_some()),
        };
        let counters = row.counters();
        match self {
            Of::Gauge(read) => u64::from(read(row).is_some()),
            Of::LastEvent => u64::from(row.last_event().is_some()),
            Of::Counter(stream, read) => counted(read(counters), *stream),
            Of::Reviews => ReviewState::ALL
                .into_iter()
                .map(|state| counted(counters.reviews(state), Stream::Pulls))
                .sum(),
            Of::Comments => CommentOn::ALL
                .into_iter()
                .map(|on| counted(counters.comments(on), stream_of(on)))
                .sum(),
            Of::Repo(_) | Of::Histogram(_) => 0,
        }
    }

    /// How many series a repository's own row has in this family, times of creation included.
    pub(super) fn series_of_repo(&self, row: &RepoRow<'_>) -> u64 {
        match self {
            Of::Repo(read) => u64::from(read(row).is_some()),
            Of::Histogram(read) => row.histograms().map_or(0, |found| {
                let created = u64::from(row.created(Stream::Pulls).is_some());
                read(found).buckets().count() as u64 + 2 + created
            }),
            _ => 0,
        }
    }

    /// More series than this has no row in this family: of a user, of a repository.
    pub(super) fn at_most(&self) -> (u64, u64) {
        match self {
            Of::Gauge(_) | Of::LastEvent => (1, 0),
            Of::Counter(..) => (2, 0),
            Of::Reviews => (2 * ReviewState::ALL.len() as u64, 0),
            Of::Comments => (2 * CommentOn::ALL.len() as u64, 0),
            Of::Repo(_) => (0, 1),
            // Buckets, the one above all bounds, count, sum and time of creation.
            Of::Histogram(_) => (0, ledger::aggregate::TIME_BOUNDS.len() as u64 + 4),
        }
    }
}

/// A counter with its time of creation, once it is more than zero.
fn counter(
    encoder: &mut Encoder,
    start: &Start,
    row: &Row<'_>,
    labels: &str,
    more: &str,
    stream: Stream,
    value: u64,
) {
    if value > 0 {
        encoder.whole(start, labels, more, value);
        encoder.created(start, labels, more, row.created(stream));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_of_families_are_the_words_of_the_facts() {
        for of in ReviewState::ALL {
            assert_eq!(state(of), format!(",state=\"{of}\""));
        }
        for on in CommentOn::ALL {
            assert_eq!(kind(on), format!(",kind=\"{on}\""));
        }
    }
}
