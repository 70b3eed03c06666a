//! Decides how the lanes after live are paced. Each policy is a file or a line here; which one rules is the operator's choice,
//! and `simulate` compares them all.

pub(crate) mod adaptive;
pub mod even;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::Timestamp;

use crate::bucket::Level;
use crate::demand::Demand;
use crate::lane::Lane;
use crate::reserve;
use even::Even;

/// How the lanes after live are paced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Policy {
    /// At once above what the lanes before may still need, as learnt from what they did.
    #[default]
    Adaptive,
    /// Spread over what is left of the window, above a constant reserve.
    Even,
    /// Without any pace; waits only after GitHub has refused. For comparison.
    Reactive,
    /// At full speed down to a constant reserve. For comparison.
    Sprint,
}

impl Policy {
    /// Every policy.
    pub const ALL: [Policy; 4] = [
        Policy::Adaptive,
        Policy::Even,
        Policy::Reactive,
        Policy::Sprint,
    ];

    /// The name in configuration and tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Policy::Adaptive => "adaptive",
            Policy::Even => "even",
            Policy::Reactive => "reactive",
            Policy::Sprint => "sprint",
        }
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// There is no policy of that name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownPolicy;

impl fmt::Display for UnknownPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = Policy::ALL.map(Policy::as_str).join(", ");
        write!(f, "no such policy; there are {names}")
    }
}

impl std::error::Error for UnknownPolicy {}

impl FromStr for Policy {
    type Err = UnknownPolicy;

    fn from_str(name: &str) -> Result<Policy, UnknownPolicy> {
        Policy::ALL
            .into_iter()
            .find(|policy| policy.as_str() == name)
            .ok_or(UnknownPolicy)
    }
}

/// A policy at work on one bucket: what it remembers, and what was learnt.
pub(crate) struct Pacer<'a> {
    pub(crate) policy: Policy,
    pub(crate) even: &'a Even,
    pub(crate) demand: &'a Demand,
    /// As configured; what it means for a bucket depends on its limit.
    pub(crate) reserve: u64,
    /// How old what is known of other processes' spending may be.
    pub(crate) staleness: Duration,
    /// How long the windows of the bucket are.
    pub(crate) length: Duration,
}

impl Pacer<'_> {
    /// What has to remain once a request of `lane` is paid, so long before the reset.
    pub(crate) fn floor(&self, lane: Lane, limit: u64, horizon: Duration) -> u64 {
        match self.policy {
            Policy::Even | Policy::Sprint => reserve::floor(lane, self.reserve, limit),
            Policy::Reactive => 0,
            Policy::Adaptive => {
                let horizon = horizon.saturating_add(self.staleness);
                adaptive::floor(lane, self.reserve, limit, self.demand, horizon, self.length)
            }
        }
    }

    /// When `wanted` is above the floor, if nothing else is spent. `before` is what it was last.
    pub(crate) fn when_above(
        &self,
        lane: Lane,
        level: &Level,
        wanted: u64,
        before: Option<Timestamp>,
        now: Timestamp,
    ) -> Option<Timestamp> {
        match self.policy {
            Policy::Adaptive => adaptive::when_above(level, wanted, before, now, |horizon| {
                self.floor(lane, level.limit, horizon)
            }),
            Policy::Even | Policy::Sprint | Policy::Reactive => level.full_at,
        }
    }

    /// When the next request of work without a bound of its own may go; `None` for at once.
    pub(crate) fn slot(&self, lane: Lane, level: &Level, now: Timestamp) -> Option<Timestamp> {
        let is_spread = match self.policy {
            Policy::Even => true,
            Policy::Adaptive => {
                let horizon = level.horizon(now);
                !self.demand.is_learnt()
                    && !adaptive::is_releasing(self.reserve, level.limit, horizon, self.length)
            }
            Policy::Reactive | Policy::Sprint => false,
        };
        // The pace yields to what others spend by itself; what they may need yet is the floor's affair.
        let floor = reserve::floor(lane, self.reserve, level.limit);
        is_spread.then(|| self.even.slot(level, floor)).flatten()
    }

    /// Whether work without a bound of its own stands back because a burst of live work is under way: what it sent in the
    /// minute before takes room under the secondary limits, and a second burst may need it.
    pub(crate) fn stands_back(&self, now: Timestamp) -> bool {
        self.policy == Policy::Adaptive && self.demand.is_in_burst(now)
    }

    /// Whether anything but a refusal makes a request wait.
    pub(crate) fn is_paced(&self) -> bool {
        self.policy != Policy::Reactive
    }
}
