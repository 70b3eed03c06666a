//! Decides how much of a bucket a lane leaves to the lanes before it. Knows limits, not what is used of them.

use crate::lane::Lane;

/// What is left to live work where nothing is configured, in requests or points of one window.
pub const DEFAULT: u64 = 1000;
/// The reserve never takes more of a limit than this many hundredths, so that 60 or 1,000 an hour still leave room.
const MOST_PERCENT: u64 = 40;

/// The reserve of a bucket: as configured, and at most 40 % of its limit.
pub fn of_limit(configured: u64, limit: u64) -> u64 {
    configured.min(percent(limit, MOST_PERCENT))
}

/// What has to remain once a request of `lane` is paid.
pub fn floor(lane: Lane, configured: u64, limit: u64) -> u64 {
    if lane.keeps_reserve() {
        of_limit(configured, limit)
    } else {
        0
    }
}

/// The part of the configured reserve that `lane` leaves where the lanes before it are learnt.
///
/// All of it from scheduled work on, half of it for a person who waits: live work alone comes before that.
pub fn kept_by(lane: Lane, configured: u64, limit: u64) -> u64 {
    match lane {
        Lane::Live => 0,
        Lane::Interactive => of_limit(configured, limit) / 2,
        Lane::Scheduled | Lane::Backfill | Lane::Bulk => of_limit(configured, limit),
    }
}

/// `hundredths` of an amount, rounded down, for amounts of any size.
fn percent(amount: u64, hundredths: u64) -> u64 {
    amount / 100 * hundredths + amount % 100 * hundredths / 100
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reserve_is_as_configured_but_at_most_two_fifths_of_the_limit() {
        for (limit, reserve) in [
            (0, 0),
            (1, 0),
            (30, 12),
            (60, 24),
            (1000, 400),
            (2500, 1000),
            (5000, 1000),
            (15000, 1000),
        ] {
            assert_eq!(of_limit(DEFAULT, limit), reserve, "of {limit}");
        }
        assert_eq!(of_limit(u64::MAX, u64::MAX), u64::MAX / 100 * 40 + 6);
    }

    #[test]
    fn only_the_lanes_after_interactive_keep_it() {
        let floors = Lane::ALL.map(|lane| floor(lane, DEFAULT, 5000));
        assert_eq!(floors, [0, 0, 1000, 1000, 1000]);
    }
}
