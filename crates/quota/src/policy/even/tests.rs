use proptest::prelude::*;

use super::*;

const LIMIT: u64 = 5000;
const RESERVE: u64 = 1000;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

fn level(used: u64, in_flight: u64) -> Level {
    Level {
        limit: LIMIT,
        used,
        unseen: 0,
        in_flight,
        reset: Some(at(3600)),
        full_at: Some(at(3600)),
        ..Level::default()
    }
}

/// The slot after a request that went at `second` with `used` spent, in seconds.
fn slot_after(second: i64, used: u64, level: Level) -> Option<f64> {
    let mut even = Even::default();
    even.granted(&self::level(used, 0), at(second));
    even.slot(&level, RESERVE)
        .map(|slot| between(at(0), slot).as_secs_f64())
}

#[test]
fn the_first_request_of_a_window_goes_at_once() {
    assert_eq!(Even::default().slot(&level(0, 0), RESERVE), None);
    let next_window = Level {
        full_at: Some(at(7200)),
        ..level(0, 0)
    };
    assert_eq!(slot_after(3000, 3000, next_window), None);
}

#[test]
fn the_next_one_goes_an_interval_later_answered_or_not() {
    assert_eq!(slot_after(0, 0, level(1, 0)), Some(0.9));
    assert_eq!(slot_after(0, 0, level(0, 1)), Some(0.9));
    assert_eq!(slot_after(1800, 3000, level(3001, 0)), Some(1801.8));
}

#[test]
fn a_request_that_cost_more_is_followed_by_a_longer_wait() {
    assert_eq!(slot_after(0, 0, level(0, 10)), Some(9.0));
}

#[test]
fn what_is_promised_to_an_item_is_waited_for_before_it_is_spent_and_no_longer_once_it_is_given_back()
 {
    let held = |held, in_flight| Level {
        held,
        ..level(0, in_flight)
    };
    assert_eq!(slot_after(0, 0, held(12, 0)), Some(10.8));
    assert_eq!(slot_after(0, 0, held(8, 4)), Some(10.8));
    assert_eq!(slot_after(0, 0, held(0, 4)), Some(3.6));
    assert_eq!(slot_after(0, 0, held(0, 0)), None);
}

#[test]
fn what_others_spend_makes_it_wait_for_as_long_as_its_own_requests_would() {
    assert_eq!(slot_after(0, 0, level(100, 1)), Some(90.9));
}

#[test]
fn a_request_that_cost_nothing_is_followed_at_once() {
    assert_eq!(slot_after(0, 50, level(50, 0)), None);
}

#[test]
fn a_spike_near_the_reserve_makes_it_wait_for_the_reset_and_no_longer() {
    assert_eq!(
        slot_after(600, 3000, level(3999, 0)),
        Some(600.0 + 3000.0 * 0.999)
    );
    assert_eq!(slot_after(600, 3000, level(4000, 0)), Some(3600.0));
    assert_eq!(slot_after(600, 3000, level(5000, 500)), Some(3600.0));
}

#[test]
fn a_limit_that_grows_brings_the_slot_forward() {
    let grown = Level {
        limit: 15_000,
        ..level(100, 0)
    };
    assert!(slot_after(0, 0, grown) < slot_after(0, 0, level(100, 0)));
}

proptest! {
    #[test]
    fn no_slot_lies_beyond_the_reset_or_before_the_last_request(
        second in 0..3600_i64, before in 0..6000_u64, used in 0..6000_u64, in_flight in 0..100_u64, floor in 0..5000_u64,
    ) {
        let mut even = Even::default();
        even.granted(&level(before, 0), at(second));
        if let Some(slot) = even.slot(&level(used, in_flight), floor) {
            prop_assert!(at(second) <= slot && slot <= at(3600));
        }
    }
}
