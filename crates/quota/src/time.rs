//! Arithmetic on timestamps that stops at the ends of the calendar, since some of them come from headers.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const MINUTE: Duration = Duration::from_secs(60);
pub(crate) const HOUR: Duration = Duration::from_secs(3600);

/// `wait` after `at`.
pub(crate) fn after(at: Timestamp, wait: Duration) -> Timestamp {
    at.checked_add(wait).unwrap_or(Timestamp::MAX)
}

/// `at` moved by `offset`, in either direction.
pub(crate) fn shifted(at: Timestamp, offset: SignedDuration) -> Timestamp {
    let end = if offset.is_negative() {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    };
    at.checked_add(offset).unwrap_or(end)
}

/// From `start` to `end`; nothing where the end is not later.
pub(crate) fn between(start: Timestamp, end: Timestamp) -> Duration {
    // An error of the conversion would be made on the heap, at many a decision.
    if end <= start {
        return Duration::ZERO;
    }
    end.duration_since(start).unsigned_abs()
}
