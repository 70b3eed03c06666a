//! Decides how much the lanes before a lane may still need, learnt from what they did: an arrival curve.
//!
//! For a row of horizons, from 15 seconds to an hour, the curve keeps the largest amount that was ever spent within any
//! interval of that length, hour by hour over the last three days. What may be needed until a reset that is `h` away is the
//! greatest of three numbers:
//!
//! - what was ever needed in `h`;
//! - what chance makes of the greatest rate that was seen over an hour (a Poisson bound at five standard deviations);
//! - where spending comes in bursts: what chance makes of the time between them, and as many bursts as may well come in `h`,
//!   judged by how often they came, and two at least. Bursts overlap for the first time on some day, and the maximum
//!   does not know of it yet.
//!
//! It refuses to know of lanes and limits. Amounts fall into whole seconds, and a length counts one second more than it is
//! long, so that no interval of that length holds more than the curve says.

mod chance;
mod curve;

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::lane::Lane;
pub(crate) use chance::rounded_up;
pub(crate) use curve::Curve;
pub use curve::Hour;

/// What the lanes before each later lane have spent of one bucket: live work with strangers, then interactive work on top,
/// then scheduled work.
#[derive(Clone, Debug, Default)]
pub(crate) struct Demand {
    curves: [Curve; 3],
}

/// Learnt curves as they are kept across restarts and told to other processes. Merging takes the greater of each number, so
/// that it may happen in any order and more than once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Learnt {
    /// By the name of the resource, the three curves from live to scheduled.
    pub resources: Vec<(String, [Vec<Hour>; 3])>,
}

impl Demand {
    /// `lane` has spent `amount` at `now`.
    pub(crate) fn spent(&mut self, lane: Lane, amount: u64, now: Timestamp) {
        self.spent_since(lane, amount, now, now);
    }

    /// `lane` has spent `amount` evenly from `from` to `now`.
    pub(crate) fn spent_since(&mut self, lane: Lane, amount: u64, from: Timestamp, now: Timestamp) {
        let Some(first) = class_of_spender(lane) else {
            return;
        };
        let (before, of_it) = self.curves.split_at_mut(first);
        let mut is_news = false;
        for curve in before {
            is_news |= curve.pass(now);
        }
        for curve in of_it {
            is_news |= curve.add(amount, from, now);
        }
        if is_news {
            self.nest();
        }
    }

    /// Time has passed, whether or not anything was spent.
    pub(crate) fn pass(&mut self, now: Timestamp) {
        let mut is_news = false;
        for curve in &mut self.curves {
            is_news |= curve.pass(now);
        }
        if is_news {
            self.nest();
        }
    }

    /// Each curve holds what the one before it holds, and the bursts of that one do not end where other work goes on.
    fn nest(&mut self) {
        for later in 1..self.curves.len() {
            let bursts = self.curves[later - 1].bursts();
            self.curves[later].include(&bursts);
        }
    }

    /// What the lanes before `lane` may still need within `horizon`.
    pub(crate) fn before(&self, lane: Lane, horizon: Duration) -> u64 {
        match class_before(lane) {
            Some(class) => self.curves[class].bound(horizon),
            None => 0,
        }
    }

    /// What chance makes of the rate of the lanes before `lane` within `horizon`.
    pub(crate) fn steady_before(&self, lane: Lane, horizon: Duration) -> u64 {
        match class_before(lane) {
            Some(class) => self.curves[class].steady(horizon),
            None => 0,
        }
    }

    /// What the lanes before `lane` have spent in their greatest hour.
    pub(crate) fn seen_before(&self, lane: Lane) -> u64 {
        match class_before(lane) {
            Some(class) => self.curves[class].greatest_hour(),
            None => 0,
        }
    }

    /// Whether a burst of live work is under way.
    pub(crate) fn is_in_burst(&self, now: Timestamp) -> bool {
        self.curves[0].is_in_burst(now)
    }

    /// Whether enough is known to do without the caution of a cold start.
    pub(crate) fn is_learnt(&self) -> bool {
        self.curves[0].is_learnt()
    }

    pub(crate) fn hours(&self) -> [Vec<Hour>; 3] {
        [0, 1, 2].map(|class| self.curves[class].hours())
    }

    pub(crate) fn merge(&mut self, hours: &[Vec<Hour>; 3], now: Timestamp) {
        for (curve, hours) in self.curves.iter_mut().zip(hours) {
            curve.merge(hours, now);
        }
        self.nest();
    }
}

/// The first curve that a lane's spending belongs to.
fn class_of_spender(lane: Lane) -> Option<usize> {
    match lane {
        Lane::Live => Some(0),
        Lane::Interactive => Some(1),
        Lane::Scheduled => Some(2),
        Lane::Backfill | Lane::Bulk => None,
    }
}

/// The curve of everything before a lane. Backfill and bulk have no bound of their own and wait for the same.
fn class_before(lane: Lane) -> Option<usize> {
    match lane {
        Lane::Live => None,
        Lane::Interactive => Some(0),
        Lane::Scheduled => Some(1),
        Lane::Backfill | Lane::Bulk => Some(2),
    }
}

impl Learnt {
    /// Takes in what another process, or an earlier run, has learnt.
    pub fn merge(&mut self, other: &Learnt) {
        for (name, theirs) in &other.resources {
            match self.resources.iter_mut().find(|(known, _)| known == name) {
                Some((_, ours)) => {
                    for (ours, theirs) in ours.iter_mut().zip(theirs) {
                        curve::merge(ours, theirs);
                    }
                }
                None => self.resources.push((name.clone(), theirs.clone())),
            }
        }
        self.resources.sort_by(|one, other| one.0.cmp(&other.0));
    }
}

#[cfg(test)]
mod tests;
