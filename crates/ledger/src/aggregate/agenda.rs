//! What the passing of time does to the windows, in its order. Decides when; refuses to know what a step changes.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use jiff::Timestamp;

use super::tally::Daily;

/// What happens to a series at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    /// An event that was ahead of us has happened.
    Happens { series: u32, counts: Option<Daily> },
    /// An event leaves the daily window.
    LeavesDay { series: u32, counted: Daily },
    /// A commit that was ahead of us has happened.
    CommitHappens { commit: u64 },
    /// A commit leaves the daily window.
    CommitLeavesDay { commit: u64 },
    /// A commit leaves the weekly window.
    CommitLeavesWeek { commit: u64 },
    /// A gauge that is zero is perhaps shown no more.
    MayVanish { series: u32 },
}

/// The steps ahead, by time.
#[derive(Debug, Default)]
pub(super) struct Agenda(BinaryHeap<Reverse<(Timestamp, Step)>>);

impl Agenda {
    pub(super) fn put(&mut self, due: Timestamp, step: Step) {
        self.0.push(Reverse((due, step)));
    }

    /// The next step that is due at or before `now`, with its time.
    pub(super) fn take(&mut self, now: Timestamp) -> Option<(Timestamp, Step)> {
        if self.next()? > now {
            return None;
        }
        self.0.pop().map(|Reverse(step)| step)
    }

    pub(super) fn next(&self) -> Option<Timestamp> {
        self.0.peek().map(|Reverse((due, _))| *due)
    }
}
