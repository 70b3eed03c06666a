//! Which time of a (repository, stream) has been read whole, and which has not and why. Decides what may be claimed;
//! refuses to know how anything was read.
//!
//! Three sets of instants, all at or after the tracking start, never overlapping: *covered* (read whole), *gaps*
//! (recorded as not read, with a reason), and the undecided rest, which lies only after the *frontier*: the end of the last
//! covered window or, where nothing was read yet, where tracking began, whatever history was asked for since. So before the frontier every instant is covered or a recorded gap. Coverage only grows: what
//! was read stays read, and a miss of it changes nothing. Each instant keeps the first reason it was missed for.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::window::Window;

mod windows;

/// Why a window was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GapReason {
    /// A request failed.
    ScrapeError,
    /// Only a part could be read.
    Partial,
    /// The organisation was cooling down after failures.
    Unhealthy,
    /// A bound of ours cut the reading short.
    Truncated,
    /// We did not run.
    Outage,
    /// A permission was missing.
    Forbidden,
    /// History that was asked for by hand and is not read yet.
    Manual,
    /// The store of activity has lost what it held.
    StoreLost,
}

impl GapReason {
    /// Every reason.
    pub const ALL: [GapReason; 8] = [
        GapReason::ScrapeError,
        GapReason::Partial,
        GapReason::Unhealthy,
        GapReason::Truncated,
        GapReason::Outage,
        GapReason::Forbidden,
        GapReason::Manual,
        GapReason::StoreLost,
    ];

    /// The word a label and a store carry.
    pub fn as_str(self) -> &'static str {
        match self {
            GapReason::ScrapeError => "scrape_error",
            GapReason::Partial => "partial",
            GapReason::Unhealthy => "unhealthy",
            GapReason::Truncated => "truncated",
            GapReason::Outage => "outage",
            GapReason::Forbidden => "forbidden",
            GapReason::Manual => "manual",
            GapReason::StoreLost => "store_lost",
        }
    }

    /// The reason that [`GapReason::as_str`] names, if it names one.
    pub fn parse(word: &str) -> Option<GapReason> {
        GapReason::ALL
            .into_iter()
            .find(|reason| reason.as_str() == word)
    }
}

impl fmt::Display for GapReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A window that is known not to have been read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// The time that was not read.
    pub window: Window,
    /// Why not.
    pub reason: GapReason,
    /// The last error text, empty if there is none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub error: String,
}

/// What is known of the time of one (repository, stream).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Parts", into = "Parts")]
pub struct Coverage {
    start: Timestamp,
    /// Sorted, apart from each other (touching ones are one).
    covered: Vec<Window>,
    /// Sorted, not overlapping; touching ones differ in reason.
    gaps: Vec<Gap>,
}

impl Coverage {
    /// Nothing read yet, tracked from `start`.
    pub fn new(start: Timestamp) -> Coverage {
        Coverage {
            start,
            covered: Vec::new(),
            gaps: Vec::new(),
        }
    }

    /// From parts that a store kept, whatever their order: what overlaps is resolved as it was recorded, so a covered
    /// instant is no gap.
    pub fn restore(start: Timestamp, covered: Vec<Window>, gaps: Vec<Gap>) -> Coverage {
        let mut coverage = Coverage::new(start);
        for window in covered {
            if let Some(window) = window.since(start) {
                windows::insert(&mut coverage.covered, window);
            }
        }
        for gap in gaps {
            coverage.miss(gap.window, gap.reason, &gap.error);
        }
        coverage.close_holes();
        coverage
    }

    /// The first instant that is tracked.
    pub fn start(&self) -> Timestamp {
        self.start
    }

    /// The end of the last covered window or of the history that was asked for, whichever is later; the start if there is
    /// neither. It never moves back, and before it every instant is covered or a recorded gap.
    pub fn frontier(&self) -> Timestamp {
        let mut gaps = self.gaps.iter().rev();
        let history = gaps.find(|gap| gap.reason == GapReason::Manual);
        let read = self.covered.last().map_or(self.start, Window::end);
        history.map_or(read, |gap| read.max(gap.window.end()))
    }

    /// What was read whole: sorted, and apart from each other.
    pub fn covered(&self) -> &[Window] {
        &self.covered
    }

    /// The recorded gaps: sorted, not overlapping. Those at or after the frontier are of fetches that failed since.
    pub fn gaps(&self) -> &[Gap] {
        &self.gaps
    }

    /// Records that a window was read whole. Gaps inside are healed. A hole that this leaves before the frontier and
    /// that nobody accounted for is a gap [`GapReason::Outage`].
    pub fn cover(&mut self, window: Window) {
        let Some(window) = window.since(self.start) else {
            return;
        };
        windows::insert(&mut self.covered, window);
        let mut left = Vec::with_capacity(self.gaps.len());
        for gap in self.gaps.drain(..) {
            left.extend(gap.window.minus(window).map(|window| Gap {
                window,
                ..gap.clone()
            }));
        }
        self.gaps = left;
        self.close_holes();
    }

    /// Records that nothing changed since the last whole fetch: everything from the frontier to `until` is covered.
    /// Gaps before the frontier stay, because that fetch did not read them.
    pub fn advance(&mut self, until: Timestamp) {
        if let Some(window) = Window::new(self.frontier(), until) {
            self.cover(window);
        }
    }

    /// Records that a window could not be read. What of it is covered, or missed already, stays as it is, except that
    /// the error text of a gap for the same reason is renewed. The frontier does not move. The reason is any but
    /// [`GapReason::Manual`]: that is for [`Coverage::reach_back`].
    pub fn miss(&mut self, window: Window, reason: GapReason, error: &str) {
        let Some(window) = window.since(self.start) else {
            return;
        };
        for gap in &mut self.gaps {
            if gap.reason == reason && gap.window.intersection(window).is_some() {
                error.clone_into(&mut gap.error);
            }
        }
        let known: Vec<Window> = self
            .covered
            .iter()
            .copied()
            .chain(self.gaps.iter().map(|gap| gap.window))
            .collect();
        let unaccounted = windows::without(window, known);
        self.gaps.extend(unaccounted.into_iter().map(|window| Gap {
            window,
            reason,
            error: error.to_owned(),
        }));
        self.join_gaps();
    }

    /// Moves the start back: history was asked for. The time that is new is a gap [`GapReason::Manual`]. A start that is not
    /// earlier changes nothing.
    pub fn reach_back(&mut self, start: Timestamp) {
        let Some(history) = Window::new(start, self.start) else {
            return;
        };
        self.start = start;
        self.miss(history, GapReason::Manual, "");
    }

    /// Whether every instant of the window was read.
    pub fn contains(&self, window: Window) -> bool {
        self.covered.iter().any(|covered| covered.encloses(window))
    }

    /// The recorded gaps as far as they lie before `now`.
    pub fn gaps_before(&self, now: Timestamp) -> impl Iterator<Item = Gap> {
        self.gaps.iter().filter_map(move |gap| {
            let window = gap.window.until(now)?;
            Some(Gap {
                window,
                ..gap.clone()
            })
        })
    }

    /// The time up to `now` that is neither covered nor a recorded gap: after the frontier, not read yet.
    pub fn undecided(&self, now: Timestamp) -> Vec<Window> {
        let Some(rest) = Window::new(self.frontier(), now) else {
            return Vec::new();
        };
        windows::without(rest, self.gaps.iter().map(|gap| gap.window).collect())
    }

    /// How much of the time from the start to `now` is covered, from 0 to 1; 1 if that time is empty.
    pub fn ratio(&self, now: Timestamp) -> f64 {
        let Some(tracked) = Window::new(self.start, now) else {
            return 1.0;
        };
        let covered = self
            .covered
            .iter()
            .filter_map(|window| window.intersection(tracked));
        covered
            .map(|window| window.length().as_secs_f64())
            .sum::<f64>()
            / tracked.length().as_secs_f64()
    }

    /// Makes what lies before the frontier and is neither covered nor a gap into gaps, then joins what touches.
    fn close_holes(&mut self) {
        let holes: Vec<Window> = self
            .covered
            .iter()
            .map(|window| (window.start(), window.end()))
            .chain([(self.frontier(), self.frontier())])
            .scan(self.start, |end, (start, next)| {
                let hole = Window::new(*end, start);
                *end = next;
                Some(hole)
            })
            .flatten()
            .collect();
        for hole in holes {
            let unaccounted =
                windows::without(hole, self.gaps.iter().map(|gap| gap.window).collect());
            self.gaps.extend(unaccounted.into_iter().map(|window| Gap {
                window,
                reason: GapReason::Outage,
                error: String::new(),
            }));
        }
        self.join_gaps();
    }

    fn join_gaps(&mut self) {
        self.gaps.sort_by_key(|gap| gap.window);
        self.gaps.dedup_by(|later, earlier| {
            let joined =
                later.reason == earlier.reason && later.window.start() == earlier.window.end();
            if joined {
                earlier.window = Window::new(earlier.window.start(), later.window.end())
                    .expect("the later gap ends after the earlier one starts");
                earlier.error = std::mem::take(&mut later.error);
            }
            joined
        });
    }
}

#[derive(Serialize, Deserialize)]
struct Parts {
    start: Timestamp,
    covered: Vec<Window>,
    gaps: Vec<Gap>,
}

impl From<Parts> for Coverage {
    fn from(parts: Parts) -> Coverage {
        Coverage::restore(parts.start, parts.covered, parts.gaps)
    }
}

impl From<Coverage> for Parts {
    fn from(coverage: Coverage) -> Parts {
        Parts {
            start: coverage.start,
            covered: coverage.covered,
            gaps: coverage.gaps,
        }
    }
}

#[cfg(test)]
mod tests;
