//! Decides which classes of work there are, and in which order they go. Knows of no quota and of no time.

use std::fmt;

/// The class of a piece of work; the earlier one goes first, and an earlier one is the lesser value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// Webhooks and check writes: never delayed by any other lane.
    Live,
    /// A person waits for the answer.
    Interactive,
    /// Scrapes: small, bounded, at once as long as the reserve stays untouched.
    Scheduled,
    /// Fetching gaps of history.
    Backfill,
    /// Bulk jobs without a bound of their own.
    Bulk,
}

impl Lane {
    /// Every lane, first to last.
    pub const ALL: [Lane; 5] = [
        Lane::Live,
        Lane::Interactive,
        Lane::Scheduled,
        Lane::Backfill,
        Lane::Bulk,
    ];

    /// The name in configuration, logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Lane::Live => "live",
            Lane::Interactive => "interactive",
            Lane::Scheduled => "scheduled",
            Lane::Backfill => "backfill",
            Lane::Bulk => "bulk",
        }
    }

    /// Whether the lane's work has no bound of its own, so that a policy spreads it over the window.
    pub const fn is_spread(self) -> bool {
        matches!(self, Lane::Backfill | Lane::Bulk)
    }

    /// Whether the lane leaves the reserve to those before it.
    pub const fn keeps_reserve(self) -> bool {
        !matches!(self, Lane::Live | Lane::Interactive)
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_are_ordered_from_live_to_bulk() {
        assert!(Lane::ALL.is_sorted());
        assert_eq!(
            Lane::ALL.map(Lane::as_str).join(" < "),
            "live < interactive < scheduled < backfill < bulk"
        );
    }
}
