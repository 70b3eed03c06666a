//! Processes that do not live long, machines that sleep, clocks that jump, and work that is unlike all before.

use super::*;

/// What live work needs within an hour after a day on which a process lived for so long each time, and was to learn from one
/// request in each second; and whether that is believed.
fn after_restarts(every: i64) -> (u64, bool) {
    let mut demand = Demand::default();
    for second in 0..24 * HOUR {
        if second % every == 0 {
            let hours = demand.hours();
            demand = Demand::default();
            demand.merge(&hours, at(second));
        }
        demand.spent(Lane::Live, 1, at(second));
    }
    (bound(&demand, 3600), demand.is_learnt())
}

#[test]
fn hours_of_which_no_process_saw_the_whole_are_not_believed() {
    for minutes in [10, 20, 45, 90, 600] {
        let (need, is_learnt) = after_restarts(minutes * 60);
        assert!(
            need >= 3600 || !is_learnt,
            "{need} with a restart every {minutes} minutes"
        );
    }
    let (need, is_learnt) = after_restarts(150 * 60);
    assert!(is_learnt && need >= 3600, "{need}");
}

#[test]
fn what_a_machine_slept_through_was_not_seen() {
    let mut demand = learnt([], 600);
    demand.pass(at(12 * HOUR));
    demand.pass(at(12 * HOUR + 1));
    assert!(!demand.is_learnt());
}

#[test]
fn a_load_that_is_new_is_a_burst_for_a_while_and_then_it_is_usual() {
    for per_second in [1, 3, 10] {
        let mut demand = Demand::default();
        for hour in 0..24 {
            demand.pass(at(hour * HOUR));
        }
        let mut stood_back = 0;
        for second in 24 * HOUR..25 * HOUR {
            demand.spent(Lane::Live, per_second, at(second));
            stood_back += i64::from(demand.is_in_burst(at(second)));
        }
        assert!(
            stood_back < 600,
            "{stood_back} s at {per_second} per second"
        );
    }
}

#[test]
fn a_clock_that_jumps_by_years_and_back_leaves_few_hours_and_no_harm() {
    let mut demand = learnt((0..4 * HOUR).map(|second| (second, 1)), 4 * HOUR);
    for years in [30, -30, 1, -1, 0] {
        demand.spent(Lane::Live, 1, at(years * 365 * 24 * HOUR));
        demand.pass(at(years * 365 * 24 * HOUR + 1));
        assert!(demand.hours().iter().all(|hours| hours.len() <= 74));
    }
    bound(&demand, 1 << 40);
}

proptest! {
    #[test]
    fn amounts_of_any_size_from_any_time_break_nothing(
        steps in prop::collection::vec((any::<u64>(), -10_000_000_i64..10_000, 0..10_000_i64), 1..60),
    ) {
        let mut demand = Demand::default();
        let mut now = 0;
        for (amount, from, pause) in steps {
            now += pause;
            demand.spent_since(Lane::Live, amount, at(now + from), at(now));
            for horizon in [0, 1, 15, 16, 3600, 3611, 1 << 40] {
                for lane in Lane::ALL {
                    let need = bound(&demand, horizon);
                    prop_assert!(lane == Lane::Live || need >= demand.before(Lane::Interactive, seconds(horizon)));
                }
            }
        }
    }
}
