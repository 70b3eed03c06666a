//! Writes the whole exposition from the aggregate and from what the node knows of itself. Pure: one moment in, text out.

use bytes::Bytes;
use jiff::Timestamp;
use ledger::aggregate::{Aggregate, Counters, Daily, Histogram, Histograms, RepoRow, Row};
use ledger::event::{CommentOn, ReviewState, Stream};
use ledger::port::activity::{CycleResult, OrgView};

use super::encode::{Encoder, Format, Labels, seconds};
use super::table::{Family, node, repo, user};
use super::{NodeView, process};

/// What an operator chooses.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// The most series of users and repositories; the smallest are left out.
    pub max_series: u64,
}

/// One moment in both formats.
#[derive(Clone, Debug)]
pub struct Exposition {
    /// In Prometheus' text format.
    pub text: Bytes,
    /// In OpenMetrics.
    pub open_metrics: Bytes,
    /// Samples in the text format.
    pub samples: u64,
}

/// Renders both formats.
pub fn render(aggregate: &Aggregate, view: &NodeView, settings: &Settings) -> Exposition {
    let selection = Selection::of(aggregate, settings.max_series);
    let (text, samples) = one(&selection, view, Format::Text);
    let (open_metrics, _) = one(&selection, view, Format::OpenMetrics);
    Exposition {
        text: text.into(),
        open_metrics: open_metrics.into(),
        samples,
    }
}

fn one(selection: &Selection<'_>, view: &NodeView, format: Format) -> (Vec<u8>, u64) {
    // About 100 bytes a sample; too little costs a copy, too much costs nothing.
    let expected = usize::try_from(selection.series)
        .unwrap_or(0)
        .saturating_mul(140)
        + 64 * 1024;
    let mut encoder = Encoder::new(format, expected);
    users(&mut encoder, &selection.rows);
    repos(&mut encoder, &selection.repos);
    health(&mut encoder, view);
    github(&mut encoder, view);
    own(&mut encoder, view, selection.left_out);
    let samples = encoder.samples();
    (encoder.finish(), samples)
}

/// The rows that are shown, each with its labels.
struct Selection<'a> {
    rows: Vec<(Row<'a>, Labels)>,
    repos: Vec<(RepoRow<'a>, Labels)>,
    series: u64,
    left_out: u64,
}

impl<'a> Selection<'a> {
    fn of(aggregate: &'a Aggregate, max_series: u64) -> Selection<'a> {
        let repos: Vec<_> = aggregate
            .repos()
            .map(|row| (row, Labels::of(&[("org", row.org()), ("repo", row.name())])))
            .collect();
        let in_repos: u64 = repos.iter().map(|(row, _)| series_of_repo(row)).sum();
        let mut rows: Vec<Row<'_>> = aggregate.rows().collect();
        let in_rows: u64 = rows.iter().map(series_of).sum();
        let mut series = in_repos + in_rows;
        let mut left_out = 0;
        if series > max_series {
            // The smallest go first; among equals the last in order, so that the choice is the same each time.
            let mut by_size: Vec<usize> = (0..rows.len()).collect();
            by_size.sort_by_key(|at| (size_of(rows[*at].counters()), std::cmp::Reverse(*at)));
            let mut keep = vec![true; rows.len()];
            for at in by_size {
                if series <= max_series {
                    break;
                }
                let fewer = series_of(&rows[at]);
                keep[at] = false;
                series -= fewer;
                left_out += fewer;
            }
            let mut keep = keep.into_iter();
            rows.retain(|_| keep.next().unwrap_or(false));
        }
        let labelled = |row: Row<'a>| {
            let labels = Labels::of(&[
                ("org", row.org()),
                ("repo", row.repo()),
                ("user", row.user()),
            ]);
            (row, labels)
        };
        Selection {
            rows: rows.into_iter().map(labelled).collect(),
            repos,
            series,
            left_out,
        }
    }
}

/// How much a series has to say.
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

fn series_of(row: &Row<'_>) -> u64 {
    let gauges = GAUGES
        .iter()
        .filter(|(_, read)| read(row).is_some())
        .count();
    let counters = COUNTERS
        .iter()
        .filter(|(_, _, read)| read(row.counters()) > 0)
        .count();
    let states = row
        .counters()
        .reviews
        .iter()
        .filter(|count| **count > 0)
        .count();
    let kinds = row
        .counters()
        .comments
        .iter()
        .filter(|count| **count > 0)
        .count();
    (gauges + counters + states + kinds + 1) as u64
}

fn series_of_repo(row: &RepoRow<'_>) -> u64 {
    let buckets = |histogram: &Histogram| histogram.buckets().count() as u64 + 2;
    let histograms = row.histograms().map_or(0, |found| {
        buckets(&found.first_review) + buckets(&found.merge) + buckets(&found.size)
    });
    u64::from(row.pulls_open().is_some()) + u64::from(row.issues_open().is_some()) + histograms
}

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

const COUNTERS: &[(Family, Stream, ReadCounter)] = &[
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

const HISTOGRAMS: &[(Family, ReadHistogram)] = &[
    (repo::FIRST_REVIEW, |found| &found.first_review),
    (repo::MERGE, |found| &found.merge),
    (repo::SIZE, |found| &found.size),
];

/// What users did. A number that was never more than zero has no series.
fn users(encoder: &mut Encoder, rows: &[(Row<'_>, Labels)]) {
    for (family, read) in GAUGES {
        encoder.family(*family);
        for (row, labels) in rows {
            if let Some(value) = read(row) {
                encoder.whole(*family, labels, value);
            }
        }
    }
    encoder.family(user::LAST_EVENT);
    for (row, labels) in rows {
        if let Some(at) = row.last_event() {
            encoder.number(user::LAST_EVENT, labels, seconds(at));
        }
    }
    for (family, stream, read) in COUNTERS {
        encoder.family(*family);
        for (row, labels) in rows {
            let value = read(row.counters());
            if value > 0 {
                encoder.whole(*family, labels, value);
                encoder.created(*family, labels, row.created(*stream));
            }
        }
    }
    encoder.family(user::REVIEWS);
    for (row, labels) in rows {
        for state in ReviewState::ALL {
            let value = row.counters().reviews(state);
            with_one_more(
                encoder,
                user::REVIEWS,
                labels,
                ("state", state.as_str()),
                value,
                row.created(Stream::Pulls),
            );
        }
    }
    encoder.family(user::COMMENTS);
    for (row, labels) in rows {
        for on in CommentOn::ALL {
            let value = row.counters().comments(on);
            let stream = if on == CommentOn::Issue {
                Stream::Issues
            } else {
                Stream::Pulls
            };
            with_one_more(
                encoder,
                user::COMMENTS,
                labels,
                ("kind", on.as_str()),
                value,
                row.created(stream),
            );
        }
    }
}

/// A counter that has one label more than its row.
fn with_one_more(
    encoder: &mut Encoder,
    family: Family,
    labels: &Labels,
    (name, label): (&str, &str),
    value: u64,
    since: Option<Timestamp>,
) {
    if value > 0 {
        let mut labels = labels.clone();
        labels.push(name, label);
        encoder.whole(family, &labels, value);
        encoder.created(family, &labels, since);
    }
}

fn repos(encoder: &mut Encoder, rows: &[(RepoRow<'_>, Labels)]) {
    let open: [(Family, fn(&RepoRow<'_>) -> Option<u64>); 2] = [
        (repo::PULLS_OPEN, |row| row.pulls_open()),
        (repo::ISSUES_OPEN, |row| row.issues_open()),
    ];
    for (family, read) in open {
        encoder.family(family);
        for (row, labels) in rows {
            if let Some(value) = read(row) {
                encoder.whole(family, labels, value);
            }
        }
    }
    for (family, read) in HISTOGRAMS {
        encoder.family(*family);
        for (row, labels) in rows {
            if let Some(found) = row.histograms() {
                encoder.histogram(*family, labels, read(found), row.created(Stream::Pulls));
            }
        }
    }
}

/// How well the organisations are read.
fn health(encoder: &mut Encoder, view: &NodeView) {
    let last = |org: &OrgView| org.last.clone();
    encoder.family(node::UP);
    for org in &view.orgs {
        let up = org
            .last
            .as_ref()
            .is_some_and(|last| matches!(last.result, CycleResult::Success | CycleResult::Partial));
        encoder.whole(node::UP, &Labels::of(&[("org", &org.org)]), u64::from(up));
    }
    encoder.family(node::LEADER);
    encoder.whole(node::LEADER, "", 1);
    encoder.family(node::SCRAPE_RUNS);
    for org in &view.orgs {
        for (result, count) in CycleResult::ALL.into_iter().zip(org.cycles) {
            encoder.whole(
                node::SCRAPE_RUNS,
                &Labels::of(&[("org", &org.org), ("result", result.as_str())]),
                count,
            );
        }
    }
    encoder.family(node::SCRAPE_DURATION);
    for org in &view.orgs {
        if let Some(last) = last(org) {
            let took = last.finished.duration_since(last.started).as_secs_f64();
            encoder.number(
                node::SCRAPE_DURATION,
                &Labels::of(&[("org", &org.org)]),
                took,
            );
        }
    }
    encoder.family(node::LAST_RUN);
    if let Some(finished) = view
        .orgs
        .iter()
        .filter_map(|org| last(org).map(|last| last.finished))
        .max()
    {
        encoder.number(node::LAST_RUN, "", seconds(finished));
    }
    let streams: Vec<_> = view
        .streams
        .iter()
        .map(|state| {
            (
                state,
                Labels::of(&[("org", &state.org), ("stream", state.stream.as_str())]),
            )
        })
        .collect();
    encoder.family(node::COVERAGE);
    for (state, labels) in &streams {
        encoder.number(node::COVERAGE, labels, state.ratio);
    }
    encoder.family(node::GAPS);
    for (state, labels) in &streams {
        for (reason, count) in &state.gaps {
            let mut labels = labels.clone();
            labels.push("reason", reason.as_str());
            encoder.whole(node::GAPS, &labels, *count);
        }
    }
    encoder.family(node::OLDEST_GAP);
    for (state, labels) in &streams {
        encoder.number(node::OLDEST_GAP, labels, state.oldest_gap_seconds);
    }
    encoder.family(node::DATA_AGE);
    for (state, labels) in &streams {
        encoder.number(node::DATA_AGE, labels, state.age_seconds);
    }
    encoder.family(node::DEPENDENCY);
    for dependency in &view.dependencies {
        let labels = Labels::of(&[("dependency", dependency.name)]);
        encoder.whole(node::DEPENDENCY, &labels, u64::from(dependency.up));
    }
}

/// What GitHub was asked, and what is left of its quota.
fn github(encoder: &mut Encoder, view: &NodeView) {
    encoder.family(node::REQUESTS);
    let mut sent = std::collections::BTreeMap::new();
    for stats in &view.github {
        for (kind, count) in &stats.requests {
            *sent.entry(kind).or_insert(0) += count;
        }
    }
    for (kind, count) in sent {
        let code = kind.code.to_string();
        let labels = Labels::of(&[
            ("org", &kind.org),
            ("endpoint", kind.endpoint),
            ("lane", kind.lane.as_str()),
            ("code", &code),
        ]);
        encoder.whole(node::REQUESTS, &labels, count);
    }
    encoder.family(node::AVOIDED);
    let mut avoided = std::collections::BTreeMap::new();
    for (org, count) in view.github.iter().flat_map(|stats| &stats.not_modified) {
        *avoided.entry(org).or_insert(0) += count;
    }
    for (org, count) in avoided {
        encoder.whole(
            node::AVOIDED,
            &Labels::of(&[("org", org), ("mode", "not_modified")]),
            count,
        );
    }
    let resources: Vec<_> = view
        .quota
        .iter()
        .flat_map(|credential| {
            credential
                .quota
                .resources
                .iter()
                .map(move |resource| (&credential.credential, resource))
        })
        .map(|(credential, found)| {
            (
                found,
                Labels::of(&[
                    ("credential", credential),
                    ("resource", found.resource.as_str()),
                ]),
            )
        })
        .collect();
    let numbers: [(Family, fn(&quota::ResourceReport) -> Option<u64>); 3] = [
        (node::QUOTA_LIMIT, |found| found.limit),
        (node::QUOTA_REMAINING, |found| found.remaining),
        (node::QUOTA_RESERVED, |found| found.reserve),
    ];
    for (family, read) in numbers {
        encoder.family(family);
        for (found, labels) in &resources {
            if let Some(value) = read(found) {
                encoder.whole(family, labels, value);
            }
        }
    }
    encoder.family(node::QUOTA_RESET);
    for (found, labels) in &resources {
        if let Some(reset) = found.reset {
            encoder.number(node::QUOTA_RESET, labels, seconds(reset));
        }
    }
    encoder.family(node::SECONDARY_HITS);
    for credential in &view.quota {
        let labels = Labels::of(&[("credential", &credential.credential)]);
        encoder.whole(
            node::SECONDARY_HITS,
            &labels,
            credential.quota.secondary_hits,
        );
    }
    encoder.family(node::WAIT);
    for credential in &view.quota {
        for wait in &credential.waits {
            let labels = Labels::of(&[
                ("credential", credential.credential.as_str()),
                ("lane", wait.lane.as_str()),
                ("reason", wait.reason.as_str()),
            ]);
            encoder.number(node::WAIT, &labels, wait.time.as_secs_f64());
        }
    }
    encoder.family(node::ETAG_DRIFT);
    encoder.whole(
        node::ETAG_DRIFT,
        "",
        view.github.iter().map(|stats| stats.etag_drift).sum(),
    );
}

/// The process.
fn own(encoder: &mut Encoder, view: &NodeView, left_out: u64) {
    encoder.family(node::BUILD);
    encoder.whole(
        node::BUILD,
        &Labels::of(&[("version", env!("CARGO_PKG_VERSION"))]),
        1,
    );
    encoder.family(node::LEFT_OUT);
    encoder.whole(node::LEFT_OUT, "", left_out);
    encoder.family(node::SNAPSHOT);
    encoder.number(node::SNAPSHOT, "", seconds(view.now));
    encoder.family(node::START);
    encoder.number(node::START, "", seconds(view.started));
    if let Some(found) = process::look() {
        encoder.family(node::CPU);
        encoder.number(node::CPU, "", found.cpu_seconds);
        encoder.family(node::RESIDENT);
        encoder.whole(node::RESIDENT, "", found.resident_bytes);
        encoder.family(node::OPEN_FDS);
        encoder.whole(node::OPEN_FDS, "", found.open_fds);
    }
}
