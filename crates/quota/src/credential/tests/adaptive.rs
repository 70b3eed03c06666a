//! The policy `adaptive` on a whole credential.

use super::*;

/// A credential that knows a quiet day, and that one answer has told `used` of 5,000 at second 0.
fn learnt(used: u64) -> CredentialQuota {
    let mut quota = paced_by(Policy::Adaptive);
    quota.learn(&quiet_day(), at(0.0));
    ask(&mut quota, Lane::Bulk, &answer(used), 0.0);
    quota
}

/// Live work of one request every two seconds for so many hours, told by exact headers.
fn live_for(quota: &mut CredentialQuota, hours: u32) -> f64 {
    let begins = -3600.0 * f64::from(hours);
    for step in 0..1800 * hours {
        let second = begins + 2.0 * f64::from(step);
        let into = second.rem_euclid(3600.0);
        let seen = Seen {
            observation: Observation {
                limit: Some(5000),
                used: Some((into / 2.0) as u64 + 1),
                reset: Some(at(second - into + 3600.0)),
                ..Observation::default()
            },
            ..Seen::default()
        };
        ask(quota, Lane::Live, &seen, second);
    }
    0.0
}

fn floor(quota: &CredentialQuota, lane: Lane, now: f64) -> u64 {
    quota.floor(lane, &Resource::core(), at(now)).unwrap()
}

#[test]
fn after_a_quiet_day_bulk_goes_at_once_down_to_the_reserve() {
    let quota = learnt(3998);
    assert_eq!(waits(&quota, Lane::Bulk, 1.0), None);
    let at_the_reserve = learnt(4000);
    let (reason, _) = waits(&at_the_reserve, Lane::Bulk, 1.0).unwrap();
    assert_eq!(reason, WaitReason::Reserve);
}

#[test]
fn the_reserve_is_held_until_it_can_just_be_spent_before_the_reset() {
    let quota = learnt(4000);
    let floors = [0.0, 3490.0, 3550.0, 3595.0, 3600.0].map(|now| floor(&quota, Lane::Bulk, now));
    assert_eq!(floors, [1000, 1000, 551, 65, 11]);
    let (_, until) = waits(&quota, Lane::Bulk, 1.0).unwrap();
    assert!((3505.0..3512.0).contains(&until), "{until}");
    assert_eq!(waits(&quota, Lane::Bulk, until), None);
}

#[test]
fn a_cold_start_is_spread_as_even_does_it() {
    let mut cold = paced_by(Policy::Adaptive);
    ask(&mut cold, Lane::Live, &answer(0), 0.0);
    ask(&mut cold, Lane::Bulk, &answer(1), 0.0);
    let (reason, until) = waits(&cold, Lane::Bulk, 0.0).unwrap();
    assert_eq!(reason, WaitReason::Pacing);
    assert!((0.8..1.0).contains(&until), "{until}");
    assert_eq!(waits(&cold, Lane::Scheduled, 0.0), None);
}

#[test]
fn what_live_work_has_needed_is_left_to_it_and_less_as_the_reset_comes_near() {
    let mut quota = paced_by(Policy::Adaptive);
    live_for(&mut quota, 5);
    ask(&mut quota, Lane::Bulk, &answer(1), 1.0);
    let floors = [1.0, 1800.0, 3000.0, 3540.0, 3590.0].map(|now| floor(&quota, Lane::Bulk, now));
    assert!(floors.is_sorted_by(|one, next| one > next), "{floors:?}");
    // 1,800 and its chance; 900; 300, where the reserve is more; 30; a few.
    assert!((1990..2080).contains(&floors[0]), "{floors:?}");
    assert!((1040..1090).contains(&floors[1]), "{floors:?}");
    assert_eq!(floors[2], 1000);
    assert!(floors[4] < 130, "{floors:?}");
    assert_eq!(floor(&quota, Lane::Live, 1.0), 0);
}

#[test]
fn floors_are_nested_and_a_lane_that_only_follows_live_work_leaves_what_that_needs() {
    let mut quota = paced_by(Policy::Adaptive);
    live_for(&mut quota, 5);
    for _ in 0..40 {
        ask(&mut quota, Lane::Interactive, &answer(50), 1.0);
        ask(&mut quota, Lane::Scheduled, &answer(90), 1.0);
    }
    let floors = Lane::ALL.map(|lane| floor(&quota, lane, 2.0));
    assert!(floors.is_sorted(), "{floors:?}");
    assert!(
        floors[1] > 1800 && floors[2] > floors[1] && floors[3] > floors[2],
        "{floors:?}"
    );
    assert_eq!(floors[3], floors[4]);
}

#[test]
fn what_strangers_spend_on_the_credential_is_left_to_them_as_well() {
    let mut quota = learnt(1);
    for minute in 1..=30_u32 {
        // Twenty in each minute that nobody here has sent.
        ask(
            &mut quota,
            Lane::Bulk,
            &answer(u64::from(minute * 21)),
            f64::from(minute) * 60.0,
        );
    }
    let floor = quota.resources.known[&Resource::core()]
        .demand
        .before(Lane::Bulk, Duration::from_secs(1200));
    assert!((400..620).contains(&floor), "{floor}");
}

#[test]
fn what_was_used_before_a_process_began_is_not_taken_for_a_stranger_s() {
    let mut quota = paced_by(Policy::Adaptive);
    ask(&mut quota, Lane::Live, &answer(1800), 1800.0);
    ask(&mut quota, Lane::Live, &answer(1801), 1801.0);
    let need = quota.resources.known[&Resource::core()]
        .demand
        .before(Lane::Bulk, Duration::from_secs(15));
    assert!(need < 30, "it may have been an earlier run: {need}");
}

#[test]
fn a_burst_raises_the_floor_at_once() {
    let mut quota = learnt(1);
    assert_eq!(floor(&quota, Lane::Bulk, 60.0), 1000);
    for request in 0..700_u64 {
        ask(
            &mut quota,
            Lane::Live,
            &answer(request + 2),
            60.0 + request as f64 / 10.0,
        );
    }
    let after = floor(&quota, Lane::Bulk, 130.0);
    assert!((1390..1500).contains(&after), "twice that much: {after}");
}

#[test]
fn a_limit_that_changes_changes_the_reserve() {
    let mut quota = learnt(1);
    for (limit, reserve) in [(1000, 400), (12_500, 1000)] {
        let mut quota = quota.clone();
        ask(&mut quota, Lane::Live, &limited(limit, 2), 1.0);
        assert_eq!(floor(&quota, Lane::Bulk, 1.0), reserve, "of {limit}");
    }
    ask(&mut quota, Lane::Live, &Seen::default(), 1.0);
    assert_eq!(floor(&quota, Lane::Bulk, 1.0), 1000);
}

#[test]
fn without_a_reset_the_whole_reserve_stays() {
    let mut quota = paced_by(Policy::Adaptive);
    quota.learn(&quiet_day(), at(0.0));
    let remaining_only = Seen {
        observation: Observation {
            limit: Some(5000),
            remaining: Some(1000),
            ..Observation::default()
        },
        ..Seen::default()
    };
    ask(&mut quota, Lane::Bulk, &remaining_only, 0.0);
    assert_eq!(
        waits(&quota, Lane::Bulk, 1.0),
        None,
        "one at a time finds out"
    );
    let _first = quota.reserve(Lane::Bulk, read(), at(1.0));
    let (reason, until) = waits(&quota, Lane::Bulk, 1.0).unwrap();
    assert_eq!((reason, until.is_nan()), (WaitReason::Reserve, true));
}

#[test]
fn reactive_asks_nothing_but_whether_it_was_refused_and_sprint_stops_at_the_reserve() {
    let mut reactive = paced_by(Policy::Reactive);
    ask(&mut reactive, Lane::Bulk, &answer(5000), 0.0);
    assert_eq!(waits(&reactive, Lane::Bulk, 1.0), None);
    ask(&mut reactive, Lane::Bulk, &secondary(Some(60)), 1.0);
    assert_eq!(
        waits(&reactive, Lane::Bulk, 2.0),
        Some((WaitReason::Blocked, 61.0))
    );

    let mut sprint = paced_by(Policy::Sprint);
    ask(&mut sprint, Lane::Bulk, &answer(3998), 0.0);
    assert_eq!(waits(&sprint, Lane::Bulk, 1.0), None);
    ask(&mut sprint, Lane::Bulk, &answer(4000), 1.0);
    assert_eq!(
        waits(&sprint, Lane::Bulk, 2.0),
        Some((WaitReason::Reserve, 3601.0))
    );
}

#[test]
fn an_item_dearer_than_the_headroom_goes_while_half_of_it_is_left() {
    let mut quota = paced_by(Policy::Adaptive);
    quota.learn(&quiet_day(), at(0.0));
    ask(&mut quota, Lane::Bulk, &limited(60, 0), 0.0);
    let item = Ask::item(Resource::core(), 100);
    assert_eq!(quota.decide(Lane::Bulk, &item, at(1.0)), Decision::Go);
    ask(&mut quota, Lane::Bulk, &limited(60, 20), 1.0);
    let Decision::Wait(wait) = quota.decide(Lane::Bulk, &item, at(2.0)) else {
        panic!("it cuts too deep into the reserve");
    };
    assert!(wait.until.unwrap() <= at(3601.0));
}

#[test]
fn at_a_cold_start_the_reserve_of_a_short_window_is_let_go_while_it_can_still_be_spent() {
    let mut demand = crate::demand::Demand::default();
    demand.spent(Lane::Live, 1, at(0.0));
    let floor = |seconds| {
        let horizon = Duration::from_secs(seconds);
        crate::policy::adaptive::floor(Lane::Bulk, 1000, 300, &demand, horizon, MINUTE)
    };
    assert!(floor(12) >= 120, "{}", floor(12));
    // What other processes do is known two seconds late, so that the last of them are as if there were more.
    assert!(floor(2) < 60, "{}", floor(2));
}
