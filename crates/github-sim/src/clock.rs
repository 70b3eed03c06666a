//! The simulator's time: real, or a virtual clock that follows tokio's (and so stands still where a test pauses it).
//!
//! The only place of this crate that reads a clock. It refuses to know what the time is used for.

use jiff::{SignedDuration, Timestamp};

/// A clock of one simulated GitHub. Cheap to clone; all clones agree.
#[derive(Debug, Clone, Copy)]
pub struct SimClock {
    origin: Origin,
    skew: SignedDuration,
}

#[derive(Debug, Clone, Copy)]
enum Origin {
    Real,
    Virtual {
        base: Timestamp,
        since: tokio::time::Instant,
    },
}

impl SimClock {
    /// The wall clock of this machine.
    pub fn real() -> SimClock {
        SimClock {
            origin: Origin::Real,
            skew: SignedDuration::ZERO,
        }
    }

    /// A clock that shows `base` now and moves with tokio's time.
    pub fn virtual_from(base: Timestamp) -> SimClock {
        SimClock {
            origin: Origin::Virtual {
                base,
                since: tokio::time::Instant::now(),
            },
            skew: SignedDuration::ZERO,
        }
    }

    /// The same clock, off by `skew` (positive: fast).
    pub fn skewed(self, skew: SignedDuration) -> SimClock {
        SimClock {
            skew: self.skew.saturating_add(skew),
            ..self
        }
    }

    /// The time, with the skew applied.
    pub fn now(&self) -> Timestamp {
        let now = match self.origin {
            Origin::Real => wall(),
            Origin::Virtual { base, since } => {
                let passed =
                    SignedDuration::try_from(since.elapsed()).unwrap_or(SignedDuration::MAX);
                base.checked_add(passed).unwrap_or(Timestamp::MAX)
            }
        };
        now.checked_add(self.skew).unwrap_or(now)
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one reader of the wall clock in this crate"
)]
fn wall() -> Timestamp {
    Timestamp::now()
}
