//! What is shown beside what people did: plain data, gathered by the snapshot task.

use github::stats::Stats;
use jiff::Timestamp;
use ledger::coverage::GapReason;
use ledger::event::Stream;
use ledger::port::activity::OrgView;

use super::NodeCounts;
use crate::quota_view::QuotaView;

/// What the store knows of the organisations as of a moment: every replica knows the same.
#[derive(Clone, Debug)]
pub struct SharedView {
    /// The moment.
    pub as_of: Timestamp,
    /// The organisations that are measured, with what the store knows of them.
    pub orgs: Vec<OrgView>,
    /// How each (organisation, stream) is read, summed over its tracked repositories.
    pub streams: Vec<StreamState>,
}

/// How one stream of an organisation is read.
#[derive(Clone, Debug)]
pub struct StreamState {
    /// The organisation.
    pub org: String,
    /// The stream.
    pub stream: Stream,
    /// Covered time by tracked time, as the mean over the tracked repositories; 0 to 1. None where none can be read.
    pub ratio: Option<f64>,
    /// Gaps of all tracked repositories, by reason; every reason is there.
    pub gaps: Vec<(GapReason, u64)>,
    /// Repositories whose gaps nobody tries to fill any more: every attempt failed.
    pub stuck: u64,
    /// Repositories of which it cannot be read for good.
    pub unavailable: u64,
    /// Seconds since the beginning of the oldest gap; 0 without one.
    pub oldest_gap_seconds: f64,
    /// Seconds since the frontier that lies furthest behind; 0 where nothing is tracked.
    pub age_seconds: f64,
}

/// What a node knows of itself at one moment.
#[derive(Debug)]
pub struct NodeView {
    /// When the process began.
    pub started: Timestamp,
    /// Whether it leads.
    pub leads: bool,
    /// The organisations that are measured, each with the credential that reads it.
    pub orgs: Vec<(String, String)>,
    /// Every client's counts.
    pub github: Vec<Stats>,
    /// Every credential's quota.
    pub quota: Vec<QuotaView>,
    /// What it depends on.
    pub dependencies: Vec<Dependency>,
    /// What its roles have counted.
    pub counts: NodeCounts,
}

/// Something that the node depends on.
#[derive(Clone, Debug)]
pub struct Dependency {
    /// `state`, `github`, `queue` or so.
    pub name: &'static str,
    /// Whether it could be used last.
    pub up: bool,
}
