//! The same samples in the `prometheus-client` crate, as its documentation says to use it.

use ledger::aggregate::{Aggregate, Daily, Histogram as Ours, Row};
use ledger::event::{CommentOn, ReviewState};
use prometheus_client::encoding::{EncodeLabelSet, prometheus_text, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ByUser {
    org: String,
    repo: String,
    user: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ByState {
    org: String,
    repo: String,
    user: String,
    state: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ByRepo {
    org: String,
    repo: String,
}

fn by_user(row: &Row<'_>) -> ByUser {
    ByUser {
        org: row.org().to_owned(),
        repo: row.repo().to_owned(),
        user: row.user().to_owned(),
    }
}

fn by_state(row: &Row<'_>, state: &str) -> ByState {
    ByState {
        org: row.org().to_owned(),
        repo: row.repo().to_owned(),
        user: row.user().to_owned(),
        state: state.to_owned(),
    }
}

/// A registry that holds what an aggregate shows.
pub(crate) struct Peer(Registry);

impl Peer {
    pub(crate) fn like(aggregate: &Aggregate) -> Peer {
        let mut registry = Registry::default();
        type ReadGauge = fn(&Row<'_>) -> Option<u64>;
        let gauges: [(&str, ReadGauge); 8] = [
            ("gh_activity_commits_24h", |row| row.daily(Daily::Commits)),
            ("gh_activity_prs_opened_24h", |row| {
                row.daily(Daily::PullsOpened)
            }),
            ("gh_activity_prs_merged_24h", |row| {
                row.daily(Daily::PullsMerged)
            }),
            ("gh_activity_reviews_submitted_24h", |row| {
                row.daily(Daily::Reviews)
            }),
            ("gh_activity_issue_comments_24h", |row| {
                row.daily(Daily::IssueComments)
            }),
            ("gh_activity_loc_added_weekly", |row| {
                row.lines_added_weekly()
            }),
            ("gh_activity_loc_removed_weekly", |row| {
                row.lines_removed_weekly()
            }),
            ("gh_activity_last_event_unixtime", |row| {
                row.last_event().map(|at| at.as_second().unsigned_abs())
            }),
        ];
        for (name, read) in gauges {
            let family = Family::<ByUser, Gauge>::default();
            for row in aggregate.rows() {
                if let Some(value) = read(&row) {
                    family
                        .get_or_create(&by_user(&row))
                        .set(value.cast_signed());
                }
            }
            registry.register(name, "As in ours", family);
        }
        type ReadCounter = fn(&Row<'_>) -> u64;
        let counters: [(&str, ReadCounter); 6] = [
            ("gh_commits", |row| row.counters().commits),
            ("gh_lines_added", |row| row.counters().lines_added),
            ("gh_lines_removed", |row| row.counters().lines_removed),
            ("gh_pull_requests_opened", |row| row.counters().pulls_opened),
            ("gh_pull_requests_merged", |row| row.counters().pulls_merged),
            ("gh_pull_requests_closed", |row| row.counters().pulls_closed),
        ];
        for (name, read) in counters {
            let family = Family::<ByUser, Counter>::default();
            for row in aggregate.rows().filter(|row| read(row) > 0) {
                family.get_or_create(&by_user(&row)).inc_by(read(&row));
            }
            registry.register(name, "As in ours", family);
        }
        let reviews = Family::<ByState, Counter>::default();
        let comments = Family::<ByState, Counter>::default();
        for row in aggregate.rows() {
            for state in ReviewState::ALL {
                let value = row.counters().reviews(state);
                if value > 0 {
                    reviews
                        .get_or_create(&by_state(&row, state.as_str()))
                        .inc_by(value);
                }
            }
            for on in CommentOn::ALL {
                let value = row.counters().comments(on);
                if value > 0 {
                    comments
                        .get_or_create(&by_state(&row, on.as_str()))
                        .inc_by(value);
                }
            }
        }
        registry.register("gh_reviews_submitted", "As in ours", reviews);
        registry.register("gh_comments", "As in ours", comments);
        register_repos(&mut registry, aggregate);
        Peer(registry)
    }

    /// Writes OpenMetrics over what the buffer holds.
    pub(crate) fn open_metrics(&self, out: &mut String) {
        out.clear();
        text::encode(out, &self.0).expect("a string takes everything");
    }

    /// Writes Prometheus' text format over what the buffer holds.
    pub(crate) fn text(&self, out: &mut String) {
        out.clear();
        prometheus_text::encode(out, &self.0).expect("a string takes everything");
    }
}

fn register_repos(registry: &mut Registry, aggregate: &Aggregate) {
    let pulls = Family::<ByRepo, Gauge>::default();
    let issues = Family::<ByRepo, Gauge>::default();
    let new =
        |bounds: &'static [u64]| move || Histogram::new(bounds.iter().map(|bound| *bound as f64));
    let times = ledger::aggregate::TIME_BOUNDS;
    let first_review = Family::<ByRepo, Histogram, _>::new_with_constructor(new(times));
    let merge = Family::<ByRepo, Histogram, _>::new_with_constructor(new(times));
    let sizes = ledger::aggregate::SIZE_BOUNDS;
    let size = Family::<ByRepo, Histogram, _>::new_with_constructor(new(sizes));
    for row in aggregate.repos() {
        let labels = ByRepo {
            org: row.org().to_owned(),
            repo: row.name().to_owned(),
        };
        let count = |value: Option<u64>| value.unwrap_or(0).cast_signed();
        pulls.get_or_create(&labels).set(count(row.pulls_open()));
        issues.get_or_create(&labels).set(count(row.issues_open()));
        if let Some(found) = row.histograms() {
            observe(&found.first_review, &first_review.get_or_create(&labels));
            observe(&found.merge, &merge.get_or_create(&labels));
            observe(&found.size, &size.get_or_create(&labels));
        }
    }
    registry.register("gh_pull_requests_open", "As in ours", pulls);
    registry.register("gh_issues_open", "As in ours", issues);
    let name = "gh_pull_request_time_to_first_review_seconds";
    registry.register(name, "As in ours", first_review);
    registry.register("gh_pull_request_time_to_merge_seconds", "As in ours", merge);
    registry.register("gh_pull_request_size_lines", "As in ours", size);
}

/// As many observations in each bucket as ours has.
fn observe(ours: &Ours, theirs: &Histogram) {
    let mut before = 0;
    for (bound, count, _) in ours.buckets() {
        for _ in before..count {
            theirs.observe(bound.map_or(1e9, |bound| bound as f64));
        }
        before = count;
    }
}
