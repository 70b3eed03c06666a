//! What one process knows of each credential's quota, as plain data with a stable form in JSON: what is left and for whom,
//! when it runs out, who spends it, who waits and for what.
//!
//! Decides nothing about pace, and never says more of a credential than its name. A process publishes its views for the
//! others and for `tidegate quota`; what several of them say together is put together there.

mod gather;
mod lately;
mod together;

use std::cmp::Reverse;
use std::collections::BTreeMap;

use github::stats::Stats;
use jiff::{SignedDuration, Timestamp};
use quota::Lane;
use serde::{Deserialize, Serialize};

pub use gather::of;
pub use lately::Lately;
pub use together::together;

/// So many spenders are told one by one; what the others have spent is summed up by lane.
const MOST_SPENDERS: usize = 60;

/// Resets of one window differ by less, from answer to answer.
const JITTER: SignedDuration = SignedDuration::from_secs(5);

/// What stands in the place of an endpoint where several are summed up.
pub const OTHER: &str = "other";

/// One credential as one process sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QuotaView {
    /// The credential's name.
    pub credential: String,
    /// When this was so.
    pub at: Timestamp,
    /// Its buckets, by name.
    pub resources: Vec<ResourceView>,
    /// Set while GitHub has told it to stop.
    #[serde(default)]
    pub closed: Option<ClosedView>,
    /// The part of the secondary budgets that is in use, 0 to 1; less than 1 for a while after a refusal.
    pub rate: f64,
    /// Requests that are not answered.
    pub in_flight: u64,
    /// Answers that were a limit, since the process began.
    pub refused: u64,
    /// Of those, the secondary limits.
    pub secondary_hits: u64,
    /// Who spends, the one who spent most first.
    #[serde(default)]
    pub spent: Vec<SpentView>,
    /// Seconds that `lately` reaches back; 0 where nothing was counted twice yet.
    #[serde(default)]
    pub lately_seconds: u64,
    /// Who waits now.
    #[serde(default)]
    pub waiting: Vec<WaitingView>,
    /// Waits that have ended, since the process began.
    #[serde(default)]
    pub waited: Vec<WaitedView>,
    /// Requests that cost nothing or did not have to be sent, since the process began.
    #[serde(default)]
    pub avoided: Vec<AvoidedView>,
}

/// One bucket. Numbers are missing where GitHub states none.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ResourceView {
    /// `core`, `graphql`, `search`, ...
    pub resource: String,
    /// Requests or points per window.
    pub limit: Option<u64>,
    /// Used of them by everybody who shares the credential.
    pub used: Option<u64>,
    /// What is left.
    pub remaining: Option<u64>,
    /// When the window ends, by GitHub's clock; none once it has.
    pub reset: Option<Timestamp>,
    /// What each lane leaves to those before it, by lane.
    #[serde(default)]
    pub floors: Vec<FloorView>,
    /// What the reset will find, if all goes on as it does.
    #[serde(default)]
    pub forecast: Option<ForecastView>,
}

/// What a lane leaves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FloorView {
    /// The lane.
    pub lane: String,
    /// Requests or points.
    pub leaves: u64,
}

/// What becomes of a bucket until its reset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForecastView {
    /// Used at the reset, at most the limit.
    pub used_at_reset: u64,
    /// When nothing is left, where that comes before the reset; by GitHub's clock.
    pub runs_out: Option<Timestamp>,
}

/// The credential is closed: nothing of any lane is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClosedView {
    /// Until when, by GitHub's clock.
    pub until: Timestamp,
    /// Why.
    pub why: Why,
}

/// Why a credential is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// A bucket is used up.
    Primary,
    /// A secondary limit.
    Secondary,
    /// An earlier run or another process was told to stop.
    Told,
}

/// What one lane has asked of one endpoint for one organisation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpentView {
    /// The lane.
    pub lane: String,
    /// The organisation; empty where a request is for none.
    pub org: String,
    /// The endpoint as GitHub's documentation writes it, or `graphql` and the document's name.
    pub endpoint: String,
    /// Requests since the process began.
    pub requests: u64,
    /// What they have taken from the primary quota: requests of the REST API, points of GraphQL.
    #[serde(default)]
    pub units: u64,
    /// Units of the last `lately_seconds`.
    #[serde(default)]
    pub lately: u64,
}

/// Requests that wait.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitingView {
    /// The lane.
    pub lane: String,
    /// The bucket that is to pay.
    pub resource: String,
    /// How many.
    pub requests: u64,
    /// What the first of them waits for: `pacing`, `reserve`, `secondary`, `blocked`.
    pub reason: String,
    /// Until when, by GitHub's clock; none where it is for an answer.
    pub until: Option<Timestamp>,
}

/// Waits that have ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WaitedView {
    /// The lane.
    pub lane: String,
    /// What they were for.
    pub reason: String,
    /// How many requests.
    pub requests: u64,
    /// How long, together.
    pub seconds: f64,
}

/// Requests that cost nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AvoidedView {
    /// The organisation.
    pub org: String,
    /// How, see [`Avoided`].
    pub mode: String,
    /// How many.
    pub requests: u64,
}

/// How a request is avoided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Avoided {
    /// Answered with a 304, which is free of the primary quota.
    NotModified,
    /// Answered by an equal one that was under way.
    Coalesced,
    /// The probe showed that its list has not changed.
    Probe,
}

impl Avoided {
    /// Every way.
    pub const ALL: [Avoided; 3] = [Avoided::NotModified, Avoided::Coalesced, Avoided::Probe];

    /// The name in metrics and in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Avoided::NotModified => "not_modified",
            Avoided::Coalesced => "coalesced",
            Avoided::Probe => "probe",
        }
    }

    /// What one client has avoided, by organisation.
    pub fn of(stats: &Stats) -> [(Avoided, &BTreeMap<String, u64>); 3] {
        [
            (Avoided::NotModified, &stats.not_modified),
            (Avoided::Coalesced, &stats.coalesced),
            (Avoided::Probe, &stats.spared),
        ]
    }
}

impl ResourceView {
    /// What a lane leaves of it.
    pub fn left_by(&self, lane: Lane) -> Option<u64> {
        let mut floors = self.floors.iter();
        Some(floors.find(|floor| floor.lane == lane.as_str())?.leaves)
    }

    /// Whether its window ends at `moment`, as exactly as that can be told.
    pub fn ends_at(&self, moment: Timestamp) -> bool {
        self.reset
            .is_some_and(|reset| reset.duration_since(moment).abs() <= JITTER)
    }
}

impl QuotaView {
    /// A credential of which nothing is known at `at`.
    pub fn new(credential: String, at: Timestamp) -> QuotaView {
        QuotaView {
            credential,
            at,
            resources: Vec::new(),
            closed: None,
            rate: 1.0,
            in_flight: 0,
            refused: 0,
            secondary_hits: 0,
            spent: Vec::new(),
            lately_seconds: 0,
            waiting: Vec::new(),
            waited: Vec::new(),
            avoided: Vec::new(),
        }
    }
}

/// The largest spenders one by one, the rest by lane.
fn largest(mut spent: Vec<SpentView>) -> Vec<SpentView> {
    // What was summed up before goes where it was.
    spent.sort_by_key(|one| (one.endpoint == OTHER, Reverse((one.units, one.requests))));
    let rest = spent.split_off(spent.len().min(MOST_SPENDERS));
    let mut by_lane: BTreeMap<String, SpentView> = BTreeMap::new();
    for one in rest {
        let sum = by_lane
            .entry(one.lane.clone())
            .or_insert_with(|| SpentView {
                lane: one.lane,
                org: String::new(),
                endpoint: OTHER.to_owned(),
                requests: 0,
                units: 0,
                lately: 0,
            });
        sum.requests += one.requests;
        sum.units += one.units;
        sum.lately += one.lately;
    }
    spent.extend(by_lane.into_values());
    spent
}

#[cfg(test)]
mod tests;
