//! Which time it is, for everything above the ground floor: real, or following a runtime's clock from a chosen start.
//!
//! It decides nothing. Waits do not use it: they count on the runtime's monotonic clock, which no step of the wall clock moves.

use jiff::Timestamp;
use tokio::time::Instant;

/// A source of the present. Cheap to copy; copies of a virtual clock agree.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    source: Source,
}

#[derive(Clone, Copy, Debug)]
enum Source {
    Wall,
    Runtime { start: Timestamp, at: Instant },
}

impl Clock {
    /// This machine's wall clock.
    pub const fn real() -> Clock {
        Clock {
            source: Source::Wall,
        }
    }

    /// A clock that shows `start` now and goes on with the runtime's time, so that it stands still where that is paused.
    pub fn virtual_from(start: Timestamp) -> Clock {
        Clock {
            source: Source::Runtime {
                start,
                at: Instant::now(),
            },
        }
    }

    /// The present.
    pub fn now(&self) -> Timestamp {
        match self.source {
            Source::Wall => quota::clock::wall(),
            Source::Runtime { start, at } => {
                start.checked_add(at.elapsed()).unwrap_or(Timestamp::MAX)
            }
        }
    }

    /// A clock that shows the same now, and never steps afterwards.
    pub(crate) fn steady(&self) -> Clock {
        Clock::virtual_from(self.now())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_virtual_clock_follows_the_time_of_the_runtime() {
        let start: Timestamp = "2026-03-01T00:00:00Z".parse().unwrap();
        let clock = Clock::virtual_from(start);
        let copy = clock;
        assert_eq!(clock.now(), start);
        tokio::time::sleep(Duration::from_secs(3600)).await;
        assert_eq!(clock.now(), "2026-03-01T01:00:00Z".parse().unwrap());
        assert_eq!(copy.now(), clock.now());
    }
}
