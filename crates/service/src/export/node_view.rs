//! What a node knows of itself when a snapshot is made: plain data, gathered by the snapshot task.

use github::stats::Stats;
use jiff::Timestamp;
use ledger::coverage::GapReason;
use ledger::event::Stream;
use ledger::port::activity::OrgView;

use crate::quota_view::QuotaView;

/// A node at one moment.
#[derive(Debug)]
pub struct NodeView {
    /// The moment.
    pub now: Timestamp,
    /// When the process began.
    pub started: Timestamp,
    /// The organisations that are measured, with what the store knows of them.
    pub orgs: Vec<OrgView>,
    /// The coverage of each (organisation, stream), summed over its tracked repositories.
    pub streams: Vec<StreamState>,
    /// Every client's counts.
    pub github: Vec<Stats>,
    /// Every credential's quota.
    pub quota: Vec<QuotaView>,
    /// What it depends on.
    pub dependencies: Vec<Dependency>,
}

/// The coverage of one stream of an organisation.
#[derive(Debug)]
pub struct StreamState {
    /// The organisation.
    pub org: String,
    /// The stream.
    pub stream: Stream,
    /// Covered time by tracked time, as the mean over the tracked repositories; 0 to 1.
    pub ratio: f64,
    /// Gaps of all tracked repositories, by reason; every reason is there.
    pub gaps: Vec<(GapReason, u64)>,
    /// Seconds since the beginning of the oldest gap; 0 without one.
    pub oldest_gap_seconds: f64,
    /// Seconds since the frontier that lies furthest behind; 0 where nothing is tracked.
    pub age_seconds: f64,
}

/// Something that the node depends on.
#[derive(Debug)]
pub struct Dependency {
    /// `state` or `github`.
    pub name: &'static str,
    /// Whether it could be used last.
    pub up: bool,
}
