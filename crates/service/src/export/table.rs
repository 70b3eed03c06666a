//! The table of metric families: the only list there is.

/// What kind of numbers a family has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// Only grows, except at a restart.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Observations in buckets.
    Histogram,
    /// Facts that do not change while the process runs.
    Info,
}

/// A family of metrics.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    /// The name without the suffixes that its kind adds (`_total`, `_bucket`, `_info`).
    pub name: &'static str,
    /// What kind of numbers it has.
    pub kind: Kind,
    /// The unit that the name ends in.
    pub unit: Option<&'static str>,
    /// What a person should know about it.
    pub help: &'static str,
}

const fn counter(name: &'static str, help: &'static str) -> Family {
    Family {
        name,
        kind: Kind::Counter,
        unit: None,
        help,
    }
}

const fn gauge(name: &'static str, help: &'static str) -> Family {
    Family {
        name,
        kind: Kind::Gauge,
        unit: None,
        help,
    }
}

const fn measured(family: Family, unit: &'static str) -> Family {
    Family {
        unit: Some(unit),
        ..family
    }
}

const fn histogram(name: &'static str, unit: &'static str, help: &'static str) -> Family {
    Family {
        name,
        kind: Kind::Histogram,
        unit: Some(unit),
        help,
    }
}

/// Families whose samples are numbers of one user in one repository.
#[expect(missing_docs, reason = "the help texts say it")]
pub mod user {
    use super::{Family, counter, gauge};

    pub const COMMITS_24H: Family = gauge(
        "gh_activity_commits_24h",
        "Commits on the default branch of the last 24 hours, by author. Exact at the time of the snapshot; falls to 0 and then vanishes.",
    );
    pub const PRS_OPENED_24H: Family = gauge(
        "gh_activity_prs_opened_24h",
        "Pull requests opened in the last 24 hours, by author.",
    );
    pub const PRS_MERGED_24H: Family = gauge(
        "gh_activity_prs_merged_24h",
        "Pull requests merged in the last 24 hours, by author.",
    );
    pub const REVIEWS_24H: Family = gauge(
        "gh_activity_reviews_submitted_24h",
        "Reviews submitted in the last 24 hours, by reviewer.",
    );
    pub const ISSUE_COMMENTS_24H: Family = gauge(
        "gh_activity_issue_comments_24h",
        "Comments on issues and in conversations of pull requests of the last 24 hours, by commenter.",
    );
    pub const LOC_ADDED_WEEKLY: Family = gauge(
        "gh_activity_loc_added_weekly",
        "Lines that commits of the last 7 days added, by author; merges count 0.",
    );
    pub const LOC_REMOVED_WEEKLY: Family = gauge(
        "gh_activity_loc_removed_weekly",
        "Lines that commits of the last 7 days removed, by author; merges count 0.",
    );
    pub const LAST_EVENT: Family = gauge(
        "gh_activity_last_event_unixtime",
        "When the newest event happened, in seconds since 1970.",
    );
    pub const COMMITS: Family = counter(
        "gh_commits",
        "Commits that reached the default branch, by author, since tracking began.",
    );
    pub const PULLS_OPENED: Family = counter(
        "gh_pull_requests_opened",
        "Opened pull requests, by author.",
    );
    pub const PULLS_MERGED: Family = counter(
        "gh_pull_requests_merged",
        "Merged pull requests, by author.",
    );
    pub const PULLS_CLOSED: Family = counter(
        "gh_pull_requests_closed",
        "Closes of pull requests without a merge, by author.",
    );
    pub const REVIEWS: Family = counter(
        "gh_reviews_submitted",
        "Submitted reviews, by reviewer and by the state they were first seen in.",
    );
    pub const COMMENTS: Family = counter(
        "gh_comments",
        "Comments by commenter and kind: on an issue, in a pull request's conversation, on a diff.",
    );
    pub const LINES_ADDED: Family = counter(
        "gh_lines_added",
        "Lines that commits on the default branch added, by author; merges count 0.",
    );
    pub const LINES_REMOVED: Family = counter(
        "gh_lines_removed",
        "Lines that commits on the default branch removed, by author; merges count 0.",
    );
    pub const ISSUES_OPENED: Family = counter("gh_issues_opened", "Opened issues, by author.");
    pub const ISSUES_CLOSED: Family =
        counter("gh_issues_closed", "Closes of issues, by who closed them.");
}

/// Families whose samples are numbers of one repository.
#[expect(missing_docs, reason = "the help texts say it")]
pub mod repo {
    use super::{Family, gauge, histogram};

    pub const PULLS_OPEN: Family = gauge(
        "gh_pull_requests_open",
        "Open pull requests by GitHub's own count, as of the last fetch.",
    );
    pub const ISSUES_OPEN: Family = gauge(
        "gh_issues_open",
        "Open issues by GitHub's own count, as of the last fetch.",
    );
    pub const FIRST_REVIEW: Family = histogram(
        "gh_pull_request_time_to_first_review_seconds",
        "seconds",
        "From a pull request being open and ready to its first review by another person.",
    );
    pub const MERGE: Family = histogram(
        "gh_pull_request_time_to_merge_seconds",
        "seconds",
        "From opening a pull request to merging it.",
    );
    pub const SIZE: Family = histogram(
        "gh_pull_request_size_lines",
        "lines",
        "Added plus removed lines of merged pull requests.",
    );
}

/// Families about how the organisations are read, from the store: the same from every replica.
#[expect(missing_docs, reason = "the help texts say it")]
pub mod shared {
    use super::{Family, counter, gauge, measured};

    pub const UP: Family = gauge(
        "tidegate_up",
        "Whether the last cycle could read the organisation: 1 or 0.",
    );
    pub const SCRAPE_RUNS: Family = counter(
        "tidegate_scrape_runs",
        "Cycles by organisation and how they ended, over all restarts.",
    );
    pub const SCRAPE_DURATION: Family = measured(
        gauge(
            "tidegate_scrape_duration_seconds",
            "How long the last cycle took.",
        ),
        "seconds",
    );
    pub const LAST_RUN: Family = measured(
        gauge(
            "tidegate_leader_cycle_last_run_timestamp_seconds",
            "When a cycle last ended, of any organisation.",
        ),
        "seconds",
    );
    pub const COVERAGE: Family = measured(
        gauge(
            "tidegate_coverage_ratio",
            "How much of the tracked time was read whole, as the mean over the tracked repositories; 0 to 1.",
        ),
        "ratio",
    );
    pub const GAPS: Family = gauge(
        "tidegate_gaps",
        "Windows inside the tracked time that could not be read, by reason.",
    );
    pub const GAPS_STUCK: Family = gauge(
        "tidegate_gaps_stuck",
        "Repositories whose gaps are not tried any more, because every attempt to fill them failed.",
    );
    pub const UNAVAILABLE: Family = gauge(
        "tidegate_streams_unavailable",
        "Repositories of which the stream cannot be read for good: no permission, gone or disabled.",
    );
    pub const OLDEST_GAP: Family = measured(
        gauge(
            "tidegate_gap_oldest_seconds",
            "How long ago the oldest gap begins; 0 without a gap.",
        ),
        "seconds",
    );
    pub const DATA_AGE: Family = measured(
        gauge(
            "tidegate_data_age_seconds",
            "How long ago the time ends up to which every tracked repository was read.",
        ),
        "seconds",
    );
    pub const LEFT_OUT: Family = gauge(
        "tidegate_series_left_out",
        "Series that export.max_series left out of this snapshot, times of creation included.",
    );
    pub const SNAPSHOT: Family = measured(
        gauge(
            "tidegate_snapshot_timestamp_seconds",
            "The moment of which the activity is: the clock, cut to a multiple of export.refresh_interval.",
        ),
        "seconds",
    );
}

/// Families about the node itself.
#[expect(missing_docs, reason = "the help texts say it")]
pub mod node {
    use super::{Family, Kind, counter, gauge, measured};

    pub const BUILD: Family = Family {
        name: "tidegate_build",
        kind: Kind::Info,
        unit: None,
        help: "The version that runs.",
    };
    pub const LEADER: Family = gauge(
        "tidegate_leader",
        "Whether this node schedules the scrapes: 1 or 0.",
    );
    pub const BACKFILL_ENQUEUED: Family = counter(
        "tidegate_backfill_tasks_enqueued",
        "Backfill tasks that this node put into the queue, by organisation and by why the gap is there.",
    );
    pub const BACKFILL_DEDUPLICATED: Family = counter(
        "tidegate_backfill_tasks_deduplicated",
        "Backfill tasks that were not put into the queue, because they were in flight already.",
    );
    pub const BACKFILL_DEFERRED: Family = counter(
        "tidegate_backfill_tasks_deferred",
        "Backfill tasks that had to wait for a later pass, because of the bound per organisation and minute.",
    );
    pub const BACKFILL_PROCESSED: Family = counter(
        "tidegate_backfill_tasks_processed",
        "Backfill tasks that this node dealt with, by organisation and result.",
    );
    pub const QUEUE_DEPTH: Family =
        gauge("tidegate_queue_depth", "Messages that wait in the queue.");
    pub const QUEUE_OLDEST: Family = measured(
        gauge(
            "tidegate_queue_oldest_message_age_seconds",
            "How long the oldest message of the queue waits; 0 where none does.",
        ),
        "seconds",
    );
    pub const STORE_WRITES: Family = counter(
        "tidegate_store_writes",
        "Facts that this node sent to the store, by what sent them and what became of them, and writes that were refused or failed. A fact that the store had already is not counted.",
    );
    pub const DEPENDENCY: Family = gauge(
        "tidegate_dependency_up",
        "Whether what the node depends on could be used last: 1 or 0.",
    );
    pub const REQUESTS: Family = counter(
        "tidegate_github_requests",
        "Requests sent to GitHub, repeated tries included.",
    );
    pub const AVOIDED: Family = counter(
        "tidegate_github_requests_avoided",
        "Requests that cost no quota or did not have to be sent, by why: confirmed by a 304, answered by an equal one under way, or a list that the probe showed unchanged.",
    );
    pub const QUOTA_LIMIT: Family = gauge(
        "tidegate_quota_limit",
        "GitHub's limit per window: requests or points.",
    );
    pub const QUOTA_REMAINING: Family =
        gauge("tidegate_quota_remaining", "What is left of the window.");
    pub const QUOTA_RESERVED: Family = gauge(
        "tidegate_quota_reserved",
        "What scheduled work leaves to more urgent work at present.",
    );
    pub const QUOTA_RESET: Family = measured(
        gauge(
            "tidegate_quota_reset_timestamp_seconds",
            "When the window ends.",
        ),
        "seconds",
    );
    pub const QUOTA_USED_AT_RESET: Family = gauge(
        "tidegate_quota_used_at_reset",
        "What the end of the window will find used if everybody goes on as in the last minutes; the limit where it will not last.",
    );
    pub const SECONDARY_HITS: Family = counter(
        "tidegate_secondary_limit_hits",
        "Answers of GitHub's that were a secondary limit.",
    );
    // A counter of seconds ends in `_total`, as every counter does: `tidegate_wait_seconds_total`.
    pub const WAIT: Family = measured(
        counter(
            "tidegate_wait_seconds",
            "Time that requests waited before they were sent.",
        ),
        "seconds",
    );
    pub const ETAG_DRIFT: Family = counter(
        "tidegate_etag_drift",
        "Validators that were not what the observed rule gives. Grows when GitHub changes the rule.",
    );
    pub const CPU: Family = measured(
        counter("process_cpu_seconds", "Processor time, user and system."),
        "seconds",
    );
    pub const RESIDENT: Family = measured(
        gauge("process_resident_memory_bytes", "Resident memory."),
        "bytes",
    );
    pub const OPEN_FDS: Family = gauge("process_open_fds", "Open file descriptors.");
    pub const START: Family = measured(
        gauge("process_start_time_seconds", "When the process began."),
        "seconds",
    );
}

/// The operational names of another exporter, so that its dashboards and alerts go on working. Shown where
/// `export.compat` is set.
#[expect(missing_docs, reason = "the help texts say it")]
pub mod compat {
    use super::{Family, counter, gauge, measured};

    pub const SCRAPE_RUNS: Family = counter(
        "gh_exporter_scrape_runs",
        "Cycles by organisation and how they ended. One that could not read some repositories is a success here.",
    );
    pub const DEPENDENCY: Family = gauge(
        "gh_exporter_dependency_health",
        "Whether what the node depends on could be used last: 1 or 0.",
    );
    pub const LAST_RUN: Family = gauge(
        "gh_exporter_leader_cycle_last_run_unixtime",
        "When a cycle last ended, of any organisation, in seconds since 1970.",
    );
    pub const ENQUEUED: Family = counter(
        "gh_exporter_backfill_jobs_enqueued",
        "Backfill tasks that this node put into the queue.",
    );
    pub const DEDUPED: Family = counter(
        "gh_exporter_backfill_jobs_deduped",
        "Backfill tasks that were not put into the queue, because they were in flight already.",
    );
    pub const PROCESSED: Family = counter(
        "gh_exporter_backfill_jobs_processed",
        "Backfill tasks that this node dealt with: processed or failed.",
    );
    pub const RATE_LIMIT: Family = gauge(
        "gh_exporter_github_rate_limit_remaining",
        "What is left of the window of REST requests.",
    );
    pub const QUEUE_OLDEST: Family = measured(
        gauge(
            "gh_exporter_queue_oldest_message_age_seconds",
            "How long the oldest message of the queue waits; 0 where none does.",
        ),
        "seconds",
    );
    pub const STORE_WRITES: Family = counter(
        "gh_exporter_store_write",
        "Facts that this node wrote to the store, and writes that were refused or failed.",
    );
}
