//! Which rows are shown, each with its labels. Decides what the budget leaves out; refuses to know how a row is written.

use std::cmp::Reverse;
use std::ops::Range;

use ledger::aggregate::{Aggregate, Counters, Daily, RepoRow, Row};
use ledger::event::Stream;

use super::activity::{COUNTERS, HISTOGRAMS};
use crate::export::encode::push_escaped;

/// More series than this has no row of a user: 7 gauges, the last event, 15 counters with their times of creation.
const MOST_OF_ROW: u64 = 7 + 1 + 2 * 15;

/// More series than this has no repository: 2 gauges, and of each histogram up to 11 buckets, count, sum and creation.
const MOST_OF_REPO: u64 = 2 + 3 * (11 + 3);

/// The rows that are shown. Their labels stand one after another in one text: there can be a hundred thousand.
pub(super) struct Selection<'a> {
    rows: Vec<Shown<Row<'a>>>,
    repos: Vec<Shown<RepoRow<'a>>>,
    labels: String,
    /// Series that the budget left out.
    pub(super) left_out: u64,
}

struct Shown<R> {
    row: R,
    labels: Range<usize>,
}

impl<'a> Selection<'a> {
    pub(super) fn of(aggregate: &'a Aggregate, max_series: u64) -> Selection<'a> {
        let mut repos: Vec<RepoRow<'a>> = aggregate.repos().collect();
        let mut rows: Vec<Row<'a>> = Vec::with_capacity(aggregate.len());
        rows.extend(aggregate.rows());
        let at_most = rows.len() as u64 * MOST_OF_ROW + repos.len() as u64 * MOST_OF_REPO;
        let left_out = if at_most <= max_series {
            0
        } else {
            fit(&mut rows, &mut repos, max_series)
        };

        let mut labels = String::with_capacity(rows.len() * 64 + repos.len() * 48);
        let repos: Vec<_> = repos
            .into_iter()
            .map(|row| {
                let start = labels.len();
                push_repo(&mut labels, row.org(), row.name());
                Shown {
                    row,
                    labels: start..labels.len(),
                }
            })
            .collect();
        let mut of_repo = String::new();
        let mut written = ("", "");
        let rows = rows.into_iter().map(|row| {
            // Rows of one repository follow one another, and a repository with rows has a name.
            if written != (row.org(), row.repo()) {
                written = (row.org(), row.repo());
                of_repo.clear();
                push_repo(&mut of_repo, row.org(), row.repo());
                of_repo.push_str(",user=\"");
            }
            let start = labels.len();
            labels.push_str(&of_repo);
            push_escaped(&mut labels, row.user());
            labels.push('"');
            Shown {
                row,
                labels: start..labels.len(),
            }
        });
        let rows = rows.collect();
        Selection {
            rows,
            repos,
            labels,
            left_out,
        }
    }

    /// The rows of users, with their labels.
    pub(super) fn rows(&self) -> impl Iterator<Item = (&Row<'a>, &str)> {
        self.rows
            .iter()
            .map(|shown| (&shown.row, &self.labels[shown.labels.clone()]))
    }

    /// The rows of repositories, with their labels.
    pub(super) fn repos(&self) -> impl Iterator<Item = (&RepoRow<'a>, &str)> {
        self.repos
            .iter()
            .map(|shown| (&shown.row, &self.labels[shown.labels.clone()]))
    }

    /// About how much will be written: sixteen lines a user and forty a repository, each with 48 bytes beside its labels.
    pub(super) fn expected_bytes(&self) -> usize {
        let per_row = self.rows.len() + self.repos.len();
        let labels = self.labels.len() / per_row.max(1);
        (self.rows.len() * 16 + self.repos.len() * 40) * (48 + labels)
    }
}

fn push_repo(labels: &mut String, org: &str, repo: &str) {
    labels.push_str("org=\"");
    push_escaped(labels, org);
    labels.push_str("\",repo=\"");
    push_escaped(labels, repo);
    labels.push('"');
}

/// Leaves out the smallest rows of users, and repositories' own rows only where that is not enough. Tells how many
/// series went. Among equals the last in order goes, so that the choice is the same each time.
fn fit(rows: &mut Vec<Row<'_>>, repos: &mut Vec<RepoRow<'_>>, max_series: u64) -> u64 {
    let of_rows: Vec<u64> = rows.iter().map(series_of).collect();
    let of_repos: Vec<u64> = repos.iter().map(series_of_repo).collect();
    let series = of_rows.iter().sum::<u64>() + of_repos.iter().sum::<u64>();
    let mut over = series.saturating_sub(max_series);
    let left_of_rows = leave_out(rows, &of_rows, |row| size_of(row.counters()), &mut over);
    let left_of_repos = leave_out(repos, &of_repos, size_of_repo, &mut over);
    left_of_rows + left_of_repos
}

/// Takes out rows, smallest first, until nothing is over.
fn leave_out<R>(
    rows: &mut Vec<R>,
    series: &[u64],
    size: impl Fn(&R) -> u64,
    over: &mut u64,
) -> u64 {
    if *over == 0 {
        return 0;
    }
    let mut by_size: Vec<usize> = (0..rows.len()).collect();
    by_size.sort_by_cached_key(|at| (size(&rows[*at]), Reverse(*at)));
    let mut keep = vec![true; rows.len()];
    let mut left_out = 0;
    for at in by_size {
        if *over == 0 {
            break;
        }
        keep[at] = false;
        left_out += series[at];
        *over = over.saturating_sub(series[at]);
    }
    let mut keep = keep.into_iter();
    rows.retain(|_| keep.next().unwrap_or(false));
    left_out
}

/// How much a row has to say.
fn size_of(counters: &Counters) -> u64 {
    let Counters {
        commits,
        pulls_opened,
        pulls_merged,
        pulls_closed,
        reviews,
        comments,
        issues_opened,
        issues_closed,
        ..
    } = counters;
    let lists = reviews.iter().sum::<u64>() + comments.iter().sum::<u64>();
    commits + pulls_opened + pulls_merged + pulls_closed + issues_opened + issues_closed + lists
}

fn size_of_repo(row: &RepoRow<'_>) -> u64 {
    let open = row.pulls_open().unwrap_or(0) + row.issues_open().unwrap_or(0);
    let merged = row.histograms().map_or(0, |found| found.merge.count());
    open + merged
}

/// The series that a row is written as.
fn series_of(row: &Row<'_>) -> u64 {
    let daily = Daily::ALL
        .into_iter()
        .filter(|gauge| row.daily(*gauge).is_some());
    let weekly = [row.lines_added_weekly(), row.lines_removed_weekly()];
    let last = u64::from(row.last_event().is_some());
    let gauges = (daily.count() + weekly.iter().flatten().count()) as u64 + last;
    // A counter, and when it began to count where that is known.
    let counter = |value: u64, stream| match value {
        0 => 0,
        _ => 1 + u64::from(row.created(stream).is_some()),
    };
    let counters = row.counters();
    let plain = COUNTERS
        .iter()
        .map(|(_, stream, read)| counter(read(counters), *stream));
    let reviews = counters
        .reviews
        .iter()
        .map(|count| counter(*count, Stream::Pulls));
    let comments = ledger::event::CommentOn::ALL
        .into_iter()
        .map(|on| counter(counters.comments(on), super::activity::stream_of(on)));
    gauges + plain.sum::<u64>() + reviews.sum::<u64>() + comments.sum::<u64>()
}

/// The series that a repository's own row is written as.
fn series_of_repo(row: &RepoRow<'_>) -> u64 {
    let created = u64::from(row.created(Stream::Pulls).is_some());
    let histograms = row.histograms().map_or(0, |found| {
        HISTOGRAMS
            .iter()
            .map(|(_, read)| read(found).buckets().count() as u64 + 2 + created)
            .sum()
    });
    u64::from(row.pulls_open().is_some()) + u64::from(row.issues_open().is_some()) + histograms
}
