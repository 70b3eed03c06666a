//! Decides when work that has no bound of its own may go, above the reserve. Each policy is a file; which one rules is the
//! operator's choice.

pub mod even;

use jiff::Timestamp;

use crate::bucket::Level;
use even::Even;

/// How the later lanes are paced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Policy {
    /// Spread over what is left of the window.
    #[default]
    Even,
}

/// What a policy remembers of one bucket.
#[derive(Clone, Debug)]
pub(crate) enum Pacer {
    Even(Even),
}

impl Pacer {
    pub(crate) fn new(policy: Policy) -> Pacer {
        match policy {
            Policy::Even => Pacer::Even(Even::default()),
        }
    }

    /// When the next request may go, given what has to remain of the bucket; `None` for at once.
    pub(crate) fn slot(&self, level: &Level, floor: u64) -> Option<Timestamp> {
        match self {
            Pacer::Even(even) => even.slot(level, floor),
        }
    }

    /// A request goes at `now`; `level` does not include it yet.
    pub(crate) fn granted(&mut self, level: &Level, now: Timestamp) {
        match self {
            Pacer::Even(even) => even.granted(level, now),
        }
    }
}
