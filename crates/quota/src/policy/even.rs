//! The policy `even`: what may be spent until the reset is spread evenly over the time until then.
//!
//! The next request goes one interval after the last for each unit that *anybody* has spent since: own requests in flight,
//! live work, other processes. So this work yields to all else. With the last request at time `t`, `spent` units since and
//! `headroom` left above the reserve, there was `headroom + spent` to be spread from `t` to the reset, hence
//!
//! ```text
//! slot = t + (reset − t) × spent / (headroom + spent)
//! ```
//!
//! which never lies beyond the reset, whatever live work has spent. A cursor that adds up intervals does not have that
//! property: near the reserve its intervals are hours long. Nothing but `t` and the level at `t` is remembered, so each
//! answer re-plans the slot, and a 304, which spends nothing, brings it forward.

use std::time::Duration;

use jiff::Timestamp;

use crate::bucket::Level;
use crate::time::{after, between};

/// Ends of windows that are closer than this are one end, seen through the jitter of resets.
const SAME_WINDOW: Duration = Duration::from_secs(10);

/// The last request that was let through.
#[derive(Clone, Debug, Default)]
pub struct Even {
    last: Option<Last>,
}

#[derive(Clone, Debug)]
struct Last {
    at: Timestamp,
    /// Spent by everybody before it.
    spent: u64,
    window_ends: Timestamp,
}

impl Even {
    /// When the next request may go; `None` for at once: nothing went in this window yet, or nothing is known of it.
    pub fn slot(&self, level: &Level, floor: u64) -> Option<Timestamp> {
        let ends = level.full_at?;
        let last = self
            .last
            .as_ref()
            .filter(|last| is_same(last.window_ends, ends))?;
        let spent = spent(level).saturating_sub(last.spent);
        let headroom = level
            .remaining()
            .saturating_sub(level.held.saturating_add(floor));
        let whole = u128::from(headroom) + u128::from(spent);
        if spent == 0 {
            return None;
        }
        let nanos = between(last.at, ends).as_nanos() * u128::from(spent) / whole;
        Some(after(
            last.at,
            Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)),
        ))
    }

    /// A request goes at `now`; `level` is that before it.
    pub fn granted(&mut self, level: &Level, now: Timestamp) {
        self.last = level.full_at.map(|window_ends| Last {
            at: now,
            spent: spent(level),
            window_ends,
        });
    }
}

/// What is promised to an item counts as spent, so that of those that wait together one begins at a time.
fn spent(level: &Level) -> u64 {
    level.spent().saturating_add(level.held)
}

fn is_same(one: Timestamp, other: Timestamp) -> bool {
    between(one, other).max(between(other, one)) <= SAME_WINDOW
}

#[cfg(test)]
mod tests;
