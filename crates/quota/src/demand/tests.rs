mod breaking;

use proptest::prelude::*;

use super::*;

const HOUR: i64 = 3600;

fn at(second: i64) -> Timestamp {
    // A whole hour, so that hours of the curve are hours of the test.
    Timestamp::from_second(1_699_999_200 + second).unwrap()
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Live work that spends `amount` at each of these seconds, seen until `until`.
fn learnt(spent: impl IntoIterator<Item = (i64, u64)>, until: i64) -> Demand {
    let mut demand = Demand::default();
    demand.pass(at(0));
    let mut passed = 0;
    let mut pass_to = |demand: &mut Demand, second: i64| {
        while passed < second {
            passed = second.min(passed + HOUR / 2);
            demand.pass(at(passed));
        }
    };
    for (second, amount) in spent {
        pass_to(&mut demand, second);
        demand.spent(Lane::Live, amount, at(second));
    }
    pass_to(&mut demand, until);
    demand
}

fn bound(demand: &Demand, horizon: u64) -> u64 {
    demand.before(Lane::Bulk, seconds(horizon))
}

#[test]
fn where_nothing_was_ever_spent_nothing_is_left() {
    let demand = learnt([], 24 * HOUR);
    assert_eq!(bound(&demand, 3600), 0);
    assert!(demand.is_learnt());
    assert!(!learnt([], 2 * HOUR).is_learnt());
}

#[test]
fn steady_work_is_left_its_rate_and_room_for_chance() {
    let steady = (0..24 * HOUR).step_by(2).map(|second| (second, 1));
    let demand = learnt(steady, 24 * HOUR);
    let bounds = [15, 60, 600, 1800, 3600].map(|horizon| bound(&demand, horizon));
    // Half a request per second: 7.5, 30, 300, 900 and 1,800, each with five standard deviations and eight on top.
    assert_eq!(bounds, [30, 66, 396, 1059, 2022]);
}

#[test]
fn after_one_burst_room_is_left_for_two_at_once_and_after_many_for_as_many_as_may_come() {
    let burst = (0..90).map(|second| (10 * HOUR + second, 8));
    let demand = learnt(burst, 24 * HOUR);
    let [part, soon] = [45, 100].map(|horizon| bound(&demand, horizon));
    assert!((720..=740).contains(&part), "{part}");
    assert_eq!(soon, 1440);
    // One in each hour of the day: eight in an hour would be unlikely, seven are not.
    let hourly =
        (0..24).flat_map(|hour| (0..90).map(move |second| (hour * HOUR + 900 + second, 8)));
    let often = learnt(hourly, 24 * HOUR);
    let [soon, later, hour] = [100, 600, 3600].map(|horizon| bound(&often, horizon) / 720);
    assert_eq!([soon, later, hour], [2, 4, 8]);
}

#[test]
fn two_bursts_that_overlapped_are_not_taken_for_one_that_comes_again() {
    let bursts = [3, 7, 11, 15].map(|hour| hour * HOUR);
    let burst = |start: i64| (0..90).map(move |second| (start + second, 8));
    let mut spent: Vec<(i64, u64)> = bursts.into_iter().flat_map(burst).collect();
    spent.extend(burst(15 * HOUR + 10));
    spent.sort_unstable();
    let bound = bound(&learnt(spent, 24 * HOUR), 100);
    // Two bursts of 720; not two of 1,440.
    assert!((1440..=1500).contains(&bound), "{bound}");
}

#[test]
fn more_than_was_ever_seen_counts_at_once() {
    let mut demand = learnt(
        (0..24 * HOUR).step_by(10).map(|second| (second, 1)),
        24 * HOUR,
    );
    let before = bound(&demand, 60);
    demand.spent(Lane::Live, 400, at(24 * HOUR + 1));
    let after = bound(&demand, 60);
    assert!(before < 40 && after >= 400, "{before} {after}");
}

#[test]
fn what_was_seen_three_days_ago_is_forgotten() {
    let mut demand = learnt([(HOUR, 500)], 2 * HOUR);
    demand.pass(at(73 * HOUR + 1));
    assert!(bound(&demand, 15) >= 500);
    demand.pass(at(75 * HOUR + 1));
    assert_eq!(bound(&demand, 15), 0);
}

#[test]
fn what_was_spent_unseen_is_spread_over_the_time_in_which_it_was() {
    let mut demand = Demand::default();
    demand.pass(at(0));
    demand.spent_since(Lane::Live, 1800, at(0), at(HOUR - 1));
    let (minute, hour) = (bound(&demand, 60), bound(&demand, 3600));
    assert!((32..90).contains(&minute), "{minute}");
    assert!((1800..2200).contains(&hour), "{hour}");
}

#[test]
fn each_lane_leaves_what_the_lanes_before_it_need_and_not_what_it_needs_itself() {
    let mut demand = Demand::default();
    demand.pass(at(0));
    for (lane, amount) in [
        (Lane::Live, 100),
        (Lane::Interactive, 30),
        (Lane::Scheduled, 50),
        (Lane::Backfill, 1000),
        (Lane::Bulk, 1000),
    ] {
        demand.spent(lane, amount, at(1));
    }
    demand.pass(at(24 * HOUR));
    let floors = Lane::ALL.map(|lane| demand.before(lane, seconds(15)));
    assert_eq!(floors[0], 0);
    assert!(floors.is_sorted(), "{floors:?}");
    assert!((100..=200).contains(&floors[1]), "{floors:?}");
    assert!((130..=260).contains(&floors[2]), "{floors:?}");
    assert!((180..=360).contains(&floors[4]), "{floors:?}");
    assert_eq!(floors[3], floors[4]);
}

#[test]
fn what_was_learnt_survives_a_restart_and_merging_it_twice_changes_nothing() {
    let before = learnt(
        (0..12 * HOUR).step_by(3).map(|second| (second, 2)),
        12 * HOUR,
    );
    let kept = before.hours();
    let mut after = Demand::default();
    after.pass(at(12 * HOUR + 30));
    after.merge(&kept, at(12 * HOUR + 30));
    assert!(after.is_learnt());
    let horizons = [15, 60, 600, 3600];
    let of = |demand: &Demand| horizons.map(|horizon| bound(demand, horizon));
    assert_eq!(of(&after), of(&before));
    after.merge(&kept, at(12 * HOUR + 31));
    assert_eq!(of(&after), of(&before));
}

#[test]
fn a_clock_that_steps_back_loses_nothing() {
    let mut demand = learnt([(1000, 50)], 1000);
    demand.spent(Lane::Live, 50, at(10));
    assert!(bound(&demand, 15) >= 100);
}

#[test]
fn steady_scheduled_work_does_not_hide_the_bursts_of_live_work() {
    let mut demand = Demand::default();
    demand.pass(at(0));
    for second in 0..24 * HOUR {
        demand.spent(Lane::Scheduled, 4, at(second));
        if second % (4 * HOUR) < 90 {
            demand.spent(Lane::Live, 2, at(second));
        }
    }
    let of = |lane| demand.before(lane, seconds(90));
    assert!(
        of(Lane::Interactive) >= 360,
        "two bursts: {}",
        of(Lane::Interactive)
    );
    assert!(of(Lane::Bulk) >= 360 + 360, "{}", of(Lane::Bulk));
    assert!(of(Lane::Bulk) >= of(Lane::Scheduled) && of(Lane::Scheduled) >= of(Lane::Interactive));
}

proptest! {
    /// A lane never leaves less than the lanes before it do, whoever spends what and when.
    #[test]
    fn floors_are_nested_whatever_was_spent(
        spent in prop::collection::vec((0_i64..14_400, 0_usize..3, 1_u64..60), 1..150),
        horizon in 0_u64..3600,
        steady in 0_u64..5,
    ) {
        let mut demand = Demand::default();
        demand.pass(at(0));
        let mut spent = spent;
        spent.sort_unstable();
        let mut spent = spent.into_iter().peekable();
        for second in 0..14_400 {
            if steady > 0 {
                demand.spent(Lane::Scheduled, steady, at(second));
            }
            while let Some((_, lane, amount)) = spent.next_if(|(when, ..)| *when <= second) {
                demand.spent(Lane::ALL[lane], amount, at(second));
            }
        }
        let floors = Lane::ALL.map(|lane| demand.before(lane, seconds(horizon)));
        prop_assert!(floors.is_sorted(), "{:?}", floors);
    }

    /// What the curve says of a horizon is never less than what was spent within any interval of that length.
    #[test]
    fn the_curve_covers_every_interval_that_was_seen(
        spent in prop::collection::vec((0_i64..7200, 1_u64..40), 1..120),
        start in 0_i64..7200,
        length in 1_u64..3600,
    ) {
        let mut spent = spent;
        spent.sort_unstable();
        let demand = learnt(spent.iter().copied(), 7200);
        let within: u64 = spent
            .iter()
            .filter(|(second, _)| (start..start + length as i64).contains(second))
            .map(|(_, amount)| amount)
            .sum();
        prop_assert!(bound(&demand, length) >= within);
    }

    /// The floor only falls while the reset comes nearer.
    #[test]
    fn a_longer_horizon_never_needs_less(
        spent in prop::collection::vec((0_i64..7200, 1_u64..40), 1..60),
        horizons in prop::array::uniform2(0_u64..3600),
    ) {
        let mut spent = spent;
        spent.sort_unstable();
        let demand = learnt(spent, 7200);
        let [short, long] = [horizons[0].min(horizons[1]), horizons[0].max(horizons[1])];
        prop_assert!(bound(&demand, short) <= bound(&demand, long));
    }

    /// Merging takes the greater of each number, in any order and as often as one likes.
    #[test]
    fn merging_in_any_order_gives_one_curve(
        parts in prop::collection::vec(prop::collection::vec((0_i64..20_000, 1_u64..40), 0..20), 3),
    ) {
        let hours: Vec<Learnt> = parts
            .iter()
            .map(|part| {
                let mut part = part.clone();
                part.sort_unstable();
                Learnt { resources: vec![("core".to_owned(), learnt(part, 20_000).hours())] }
            })
            .collect();
        let merged = |order: &[usize]| {
            let mut all = Learnt::default();
            for index in order {
                all.merge(&hours[*index]);
            }
            all
        };
        prop_assert_eq!(merged(&[0, 1, 2]), merged(&[2, 0, 1]));
        prop_assert_eq!(merged(&[0, 1, 2]), merged(&[1, 1, 2, 0, 2]));
    }
}
