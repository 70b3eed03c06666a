//! The least time that any policy can need which spares live work: a lower bound that knows everything that is to come.
//!
//! It lets bulk work have, of each window, what live work and strangers leave of the limit, to the last request, and lets it
//! go at 80 % of GitHub's 900 points a minute, which is 12 calls a second. A process that keeps that distance may be a second
//! ahead of it, and two more where others share the rate that it has not yet heard of. The oracle knows no waiting for answers beyond the fastest there is, no lost answer and no killed process, each of
//! which only takes longer.

use super::arrivals::World;
use super::dice::FASTEST;
use super::process::SLOTS;
use super::{HOUR, Millis, PER_SECOND, SECOND};

/// By how many calls a process may be ahead of that.
const AHEAD: u64 = PER_SECOND;
/// And by how many more while it has not heard of the others.
const UNHEARD: u64 = 2 * PER_SECOND;

/// The bound, in milliseconds from the start; the cap of the scenario where no policy could end before.
pub(super) fn makespan(world: &World) -> Millis {
    let (calls, paid) = world.items.iter().fold((0, 0), |(calls, paid), item| {
        (calls + u64::from(item.calls), paid + u64::from(item.cost()))
    });
    within_limits(world, calls, paid)
        .max(by_answers(world, calls))
        .min(world.cap())
}

/// By the primary limit window after window, and by the points.
fn within_limits(world: &World, calls: u64, paid: u64) -> Millis {
    let ahead = match world.scenario.processes as u64 {
        1 => AHEAD,
        processes => processes * (AHEAD + UNHEARD),
    };
    let (mut paid, mut free) = (paid, calls - paid);
    let mut start = 0;
    let mut used = world
        .scenario
        .used
        .max(spent(world, world.first_reset() - HOUR, 0));
    while start < world.cap() {
        let end = world.window_end(start);
        let left = world
            .scenario
            .limit
            .saturating_sub(used + spent(world, start, end));
        let seconds = (end - start).unsigned_abs() / SECOND.unsigned_abs();
        let most = ahead + PER_SECOND * seconds;
        if paid <= left && paid + free <= most {
            // The first goes at once.
            let beyond = (paid + free).saturating_sub(ahead + 1);
            let beyond = beyond * SECOND.unsigned_abs() / PER_SECOND;
            return start + Millis::try_from(beyond).unwrap_or(Millis::MAX);
        }
        // What costs goes first: what is free can go at any time.
        let pays = paid.min(left).min(most);
        paid -= pays;
        free -= free.min(most - pays);
        used = 0;
        start = end;
    }
    world.cap()
}

/// By the answers, for which the calls of an item wait one after the other.
fn by_answers(world: &World, calls: u64) -> Millis {
    let slots = (SLOTS * world.scenario.processes) as u64;
    Millis::try_from(calls / slots).unwrap_or(Millis::MAX) * FASTEST
}

/// What live work and strangers spend between two moments.
fn spent(world: &World, from: Millis, to: Millis) -> u64 {
    let count = |all: &[Millis]| {
        let before = |moment: Millis| all.partition_point(|at| *at < moment);
        before(to).saturating_sub(before(from)) as u64
    };
    count(&world.live) + count(&world.strangers)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::matrix::matrix;
    use super::super::scenario::{Rate, Scenario};
    use super::*;

    fn bound(scenario: &Scenario, seed: u64) -> f64 {
        makespan(&World::new(scenario, seed)) as f64 / 1000.0
    }

    fn named(name: &str) -> Scenario {
        matrix()
            .into_iter()
            .find(|scenario| scenario.name == name)
            .unwrap()
    }

    #[test]
    fn without_live_work_only_the_points_bind() {
        // 3,600 calls, 13 of them at once and the others 12 a second.
        assert_eq!(bound(&named("idle"), 1).round(), 299.0);
    }

    #[test]
    fn what_is_left_of_a_window_binds_before_its_reset() {
        // 1,000 are left until 1,800 s, and 2,600 calls remain.
        assert_eq!(bound(&named("used-4000"), 1).round(), 1800.0 + 216.0);
        // About 4,100 of each window for 12,000 calls.
        let long = bound(&named("live-0.25-long"), 1);
        assert!((7400.0..7600.0).contains(&long), "{long} s");
    }

    #[test]
    fn live_work_that_takes_everything_leaves_no_end_before_the_cap() {
        assert_eq!(bound(&named("overload"), 1), 8.0 * 3600.0);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn more_items_never_take_less_time(
            items in 1_u32..1500,
            more in 0_u32..300,
            rate in 0.0..1.2,
            unchanged in 0.0..0.6,
            seed in 0_u64..100,
        ) {
            let scenario = |items| Scenario {
                live: Rate::Steady(rate + 0.01),
                items,
                unchanged,
                hours: 12,
                history: 0,
                ..named("idle")
            };
            prop_assert!(bound(&scenario(items), seed) <= bound(&scenario(items + more), seed));
        }
    }
}
