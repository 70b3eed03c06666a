//! What an adversary would try: answers that get lost or lie, windows that roll over, others that come and go, garbage.

use super::*;
use crate::bucket::LONGEST_WINDOW;
use crate::demand::Hour;
use crate::fleet::{Heard, Hearing, ResourceShare, Share};

/// What bulk work leaves to live work and strangers within so many seconds, by what was learnt alone.
fn need(quota: &CredentialQuota, resource: &Resource, seconds: u64) -> u64 {
    quota.resources.known[resource]
        .demand
        .before(Lane::Interactive, Duration::from_secs(seconds))
}

/// An answer of the window that ends at `reset`.
fn told(used: u64, reset: f64) -> Seen {
    let mut seen = answer(used);
    seen.observation.reset = Some(at(reset));
    seen
}

fn hears(quota: &mut CredentialQuota, heard: Vec<Heard>, now: f64) {
    let me = "me".to_owned();
    quota.hear(&Hearing::Others { me, heard }, at(now));
}

fn heard(member: &str, share: Share) -> Heard {
    let member = member.to_owned();
    Heard { member, share }
}

// Lost answers.

#[test]
fn a_request_that_was_never_answered_says_nothing_of_limits() {
    let mut quota = paced_by(Policy::Adaptive);
    ask(&mut quota, Lane::Bulk, &Seen::default(), 0.0);
    let first = quota.reserve(Lane::Bulk, read(), at(1.0));
    assert_ne!(waits(&quota, Lane::Bulk, 1.0), None, "one finds out");
    quota.settle(first, &Seen::default(), at(2.0));
    assert_eq!(
        waits(&quota, Lane::Bulk, 2.0),
        None,
        "and the next one, after it"
    );
}

// Items.

#[test]
fn an_item_has_paid_what_its_requests_cost_and_not_what_they_were_expected_to() {
    let mut quota = paced_by(Policy::Sprint);
    ask(&mut quota, Lane::Live, &answer(3990), 0.0);
    let begun = quota.reserve(Lane::Bulk, Ask::item(Resource::core(), 10), at(1.0));
    let item = quota.begin(begun);
    let request = quota.reserve(Lane::Bulk, read().within(item), at(1.0));
    let dear = Seen {
        charged: Some(9),
        ..answer(3999)
    };
    quota.settle(request, &dear, at(1.0));
    let next = read().within(item);
    assert_eq!(
        quota.decide(Lane::Bulk, &next, at(1.0)),
        Decision::Go,
        "one is left"
    );
    let request = quota.reserve(Lane::Bulk, next.clone(), at(1.0));
    quota.settle(request, &answer(4000), at(1.0));
    assert_ne!(quota.decide(Lane::Bulk, &next, at(1.0)), Decision::Go);
    assert_eq!(quota.resources.known[&Resource::core()].bucket.held(), 0);
    quota.end(item);
    assert_eq!(quota.resources.known[&Resource::core()].bucket.held(), 0);
}

// Windows.

#[test]
fn the_answer_that_shows_a_new_window_is_not_a_stranger_s() {
    let mut quota = paced_by(Policy::Adaptive);
    let graphql = Resource::graphql();
    quota.share(at(0.0));
    for window in 0..6 {
        for step in 0..10 {
            let now = f64::from(window) * 3600.0 + f64::from(step) * 300.0 + 1.0;
            let request = quota.reserve(Lane::Bulk, Ask::read(graphql.clone(), 30), at(now));
            let seen = Seen {
                charged: Some(30),
                ..told(30 * (step as u64 + 1), f64::from(window + 1) * 3600.0)
            };
            quota.settle(request, &seen, at(now));
            quota.share(at(now + 1.0));
        }
    }
    assert_eq!(need(&quota, &graphql, 3600), 0);
}

#[test]
fn what_was_in_flight_when_the_window_rolled_over_is_not_a_stranger_s() {
    let mut quota = paced_by(Policy::Adaptive);
    ask(&mut quota, Lane::Bulk, &told(1, 3600.0), 0.0);
    for window in 1..6_u32 {
        let begins = f64::from(window) * 3600.0;
        let under_way: Vec<_> = (0..20)
            .map(|_| quota.reserve(Lane::Bulk, read(), at(begins - 1.0)))
            .collect();
        // Half of them still count for the old window, in any order.
        for (number, request) in (0..).zip(under_way) {
            let seen = if number % 2 == 0 {
                told(2 + number, begins)
            } else {
                told(number / 2 + 1, begins + 3600.0)
            };
            quota.settle(request, &seen, at(begins + 1.0));
        }
    }
    assert_eq!(need(&quota, &Resource::core(), 3600), 0);
}

#[test]
fn a_reset_that_creeps_does_not_make_own_work_a_stranger_s() {
    let mut quota = paced_by(Policy::Adaptive);
    for step in 1..600_u32 {
        let now = f64::from(step);
        ask(
            &mut quota,
            Lane::Bulk,
            &told(u64::from(step), 3600.0 + now),
            now,
        );
    }
    assert_eq!(need(&quota, &Resource::core(), 3600), 0);
}

#[test]
fn a_window_of_a_minute_keeps_its_reserve_as_one_of_an_hour_does() {
    let search = Resource::search();
    let seen = |used: u64, now: f64| {
        let mut seen = limited(30, used);
        seen.observation.reset = Some(at((now / 60.0).floor() * 60.0 + 60.0));
        seen
    };
    for policy in [Policy::Adaptive, Policy::Even, Policy::Sprint] {
        let mut quota = paced_by(policy);
        let mut learnt = quiet_day();
        learnt.resources[0].0 = "search".to_owned();
        quota.learn(&learnt, at(0.0));
        let mut most = 0;
        for minute in 0..5 {
            let mut used = 0;
            for tenth in 0..550 {
                let now = f64::from(minute) * 60.0 + f64::from(tenth) / 10.0;
                let query = Ask::read(search.clone(), 1);
                if quota.decide(Lane::Bulk, &query, at(now)) == Decision::Go {
                    let request = quota.reserve(Lane::Bulk, query, at(now));
                    used += 1;
                    quota.settle(request, &seen(used, now), at(now));
                }
            }
            most = used;
            // The first windows show how long they are.
            assert!(
                minute < 2 || used <= 18,
                "{policy}: {used} of 30 in minute {minute}"
            );
        }
        assert!(most > 10, "{policy}: {most}");
    }
}

#[test]
fn a_bucket_without_resets_is_full_again_when_the_server_says_so() {
    let mut quota = paced_by(Policy::Sprint);
    let remaining = |remaining| Seen {
        observation: Observation {
            limit: Some(5000),
            remaining: Some(remaining),
            ..Observation::default()
        },
        ..Seen::default()
    };
    ask(&mut quota, Lane::Live, &remaining(0), 0.0);
    ask(&mut quota, Lane::Live, &remaining(4999), 3600.0);
    let _under_way = quota.reserve(Lane::Bulk, read(), at(3600.0));
    assert_eq!(waits(&quota, Lane::Live, 3600.0), None);
    assert_eq!(waits(&quota, Lane::Scheduled, 3600.0), None);
}

#[test]
fn a_clock_that_was_wrong_for_one_answer_makes_no_window_longer() {
    let mut quota = paced_by(Policy::Adaptive);
    let dated = |used, reset, date| {
        let mut seen = told(used, reset);
        seen.observation.date = Some(at(date));
        seen
    };
    ask(&mut quota, Lane::Live, &dated(1, 3600.0, -90_000.0), 10.0);
    ask(&mut quota, Lane::Live, &dated(1, 7200.0, -90_000.0), 3610.0);
    for step in 0..9 {
        ask(
            &mut quota,
            Lane::Live,
            &dated(2, 7200.0, 3620.0),
            3620.0 + f64::from(step),
        );
    }
    let standing = quota.standing(quota.resources.known.get(&Resource::core()), at(7300.0));
    let Standing::Known(level) = standing else {
        panic!("known")
    };
    assert!(level.length <= LONGEST_WINDOW, "{:?}", level.length);
}

// Others.

#[test]
fn one_who_was_taken_for_gone_and_comes_back_has_spent_once() {
    let mut quota = paced_by(Policy::Adaptive);
    quota.learn(&quiet_day(), at(0.0));
    let mut other = paced_by(Policy::Adaptive);
    ask(&mut quota, Lane::Bulk, &answer(1), 0.0);
    for used in 2..=1000 {
        ask(&mut other, Lane::Bulk, &answer(used), 0.5);
    }
    let tells = |other: &mut CredentialQuota, now| vec![heard("other", other.share(at(now)))];
    hears(&mut quota, tells(&mut other, 1.0), 1.0);
    hears(&mut quota, tells(&mut other, 2.0), 2.0);
    hears(&mut quota, Vec::new(), 10.0);
    hears(&mut quota, tells(&mut other, 11.0), 11.0);
    // A stranger spends 500.
    ask(&mut quota, Lane::Bulk, &answer(1501), 12.0);
    for second in 13..17 {
        let now = f64::from(second);
        hears(&mut quota, tells(&mut other, now), now);
    }
    let need = need(&quota, &Resource::core(), 60);
    assert!(need >= 490, "{need}");
}

#[test]
fn a_turn_does_not_outlast_the_window() {
    let mut quota = paced_by(Policy::Sprint);
    ask(&mut quota, Lane::Live, &answer(3990), 0.0);
    let others = (0..500).map(|n| heard(&format!("a{n:03}"), Share::default()));
    hears(&mut quota, others.collect(), 3590.0);
    for second in 3590..3601 {
        let now = f64::from(second);
        if let Some((_, until)) = waits(&quota, Lane::Bulk, now) {
            assert!(until <= 3601.0, "{until} at {now}");
        }
    }
}

#[test]
fn processes_together_create_no_more_content_than_one_may() {
    for lane in [Lane::Live, Lane::Scheduled] {
        let mut processes: Vec<_> = (0..4).map(|_| known(1)).collect();
        let write = Ask::write(Resource::core(), 1);
        let mut sent: Vec<f64> = Vec::new();
        for second in 1..4000 {
            let now = f64::from(second);
            let shares: Vec<_> = processes.iter_mut().map(|one| one.share(at(now))).collect();
            for (index, quota) in processes.iter_mut().enumerate() {
                let others = (0..4).filter(|other| *other != index);
                let told = others.map(|other| heard(&format!("{other}"), shares[other].clone()));
                hears(quota, told.collect(), now);
                // One and a half in each second, all of them together.
                if (second + index as i32) % 8 < 3
                    && quota.decide(lane, &write, at(now)) == Decision::Go
                {
                    let request = quota.reserve(lane, write.clone(), at(now));
                    quota.settle(request, &answer(1), at(now));
                    sent.push(now);
                }
            }
        }
        for (length, most) in [(60.0, 80), (3600.0, 500)] {
            let within = |end: f64| {
                sent.iter()
                    .filter(move |at| (end - length..end).contains(*at))
            };
            let found = (1..4000).map(|end| within(f64::from(end)).count()).max();
            // What is told a second ago may be a request of each behind.
            assert!(found <= Some(most + 4), "{found:?} of {lane} in {length} s");
            assert!(found >= Some(most / 2), "{found:?} of {lane} in {length} s");
        }
    }
}

#[test]
fn in_silence_an_item_does_not_wait_for_itself() {
    let mut quota = paced_by(Policy::Adaptive);
    quota.learn(&quiet_day(), at(0.0));
    ask(&mut quota, Lane::Live, &answer(1), 0.0);
    hears(&mut quota, vec![heard("other", Share::default())], 1.0);
    let begun = quota.reserve(Lane::Bulk, Ask::item(Resource::core(), 2), at(1.0));
    let item = quota.begin(begun);
    quota.hear(&Hearing::Silence, at(2.0));
    let dear = Ask::read(Resource::core(), 3).within(item);
    let goes = (3..60)
        .any(|second| quota.decide(Lane::Bulk, &dear, at(f64::from(second))) == Decision::Go);
    assert!(goes, "it is the only one who could look");
}

#[test]
fn in_silence_what_others_had_promised_ends_with_its_window() {
    let mut quota = paced_by(Policy::Sprint);
    ask(&mut quota, Lane::Live, &answer(1), 0.0);
    let mut share = quota.share(at(1.0));
    share.resources[0].held = 4500;
    hears(&mut quota, vec![heard("other", share)], 1.0);
    quota.hear(&Hearing::Silence, at(2.0));
    assert_ne!(waits(&quota, Lane::Bulk, 2.0), None);
    quota.hear(&Hearing::Silence, at(3602.0));
    assert_eq!(waits(&quota, Lane::Bulk, 3602.0), None);
    ask(&mut quota, Lane::Bulk, &told(1, 7200.0), 3603.0);
    assert_eq!(waits(&quota, Lane::Bulk, 3604.0), None);
}

#[test]
fn what_others_spent_while_they_could_not_be_heard_is_not_a_stranger_s() {
    for comes_back in [true, false] {
        let mut quota = paced_by(Policy::Adaptive);
        quota.learn(&quiet_day(), at(0.0));
        let mut other = paced_by(Policy::Adaptive);
        ask(&mut quota, Lane::Bulk, &answer(1), 0.0);
        ask(&mut other, Lane::Bulk, &answer(2), 0.5);
        for now in [1.0, 2.0] {
            hears(&mut quota, vec![heard("other", other.share(at(now)))], now);
        }
        for used in 3..2000_u32 {
            let now = 3.0 + f64::from(used) / 10.0;
            let sender = if used % 20 == 0 {
                &mut quota
            } else {
                &mut other
            };
            ask(sender, Lane::Bulk, &answer(u64::from(used)), now);
            sender.share(at(now));
            quota.hear(&Hearing::Silence, at(now));
        }
        for now in [210.0, 211.0, 212.0, 213.0] {
            let told = heard("other", other.share(at(now)));
            hears(
                &mut quota,
                if comes_back { vec![told] } else { Vec::new() },
                now,
            );
        }
        ask(&mut quota, Lane::Bulk, &answer(2000), 214.0);
        let need = need(&quota, &Resource::core(), 3600);
        assert!(need < 100, "{need}, back: {comes_back}");
    }
}

// Garbage.

#[test]
fn a_block_that_no_clock_can_mean_closes_nothing() {
    let mut quota = known(1);
    quota.close(Timestamp::MAX, at(1.0));
    assert_eq!(waits(&quota, Lane::Live, 2.0), None);
    let share = Share {
        closed_until: Some(Timestamp::MAX),
        ..Share::default()
    };
    hears(&mut quota, vec![heard("other", share)], 3.0);
    assert_eq!(waits(&quota, Lane::Live, 4.0), None);
    quota.close(at(86_400.0), at(5.0));
    assert_ne!(
        waits(&quota, Lane::Live, 86_399.0),
        None,
        "a day can be meant"
    );
}

#[test]
fn shares_full_of_the_greatest_numbers_break_nothing() {
    let mut quota = paced_by(Policy::Adaptive);
    ask(&mut quota, Lane::Live, &answer(1), 0.0);
    let mut share = quota.share(at(1.0));
    for told in &mut share.resources {
        (told.settled, told.in_flight, told.held) = (u64::MAX, u64::MAX, u64::MAX);
        told.demanded = [u64::MAX; 3];
    }
    share.in_flight = u64::MAX;
    (share.rest_points, share.graphql_points) = (u64::MAX, u64::MAX);
    for second in 2..5 {
        let all = ["one", "other"].map(|member| heard(member, share.clone()));
        hears(&mut quota, all.to_vec(), f64::from(second));
        for lane in Lane::ALL {
            waits(&quota, lane, f64::from(second));
        }
    }
}

#[test]
fn names_that_come_from_outside_take_bounded_room() {
    let mut quota = known(1);
    let told = quota.share(at(1.0)).resources.remove(0);
    let names = || (0..5000).map(|n| format!("resource-{n}"));
    for name in names().take(500) {
        let mut seen = answer(1);
        seen.observation.resource = Some(Resource::new(name));
        ask(&mut quota, Lane::Scheduled, &seen, 1.0);
    }
    let share = Share {
        resources: names()
            .map(|resource| ResourceShare {
                resource,
                ..told.clone()
            })
            .collect(),
        ..Share::default()
    };
    hears(&mut quota, vec![heard("other", share)], 2.0);
    let learnt = Learnt {
        resources: names().map(|name| (name, Default::default())).collect(),
    };
    quota.learn(&learnt, at(3.0));
    assert!(quota.resources.known.len() <= 100);
    assert_eq!(waits(&quota, Lane::Scheduled, 4.0), None);
    let search = Ask::read(Resource::search(), 1);
    let _first = quota.reserve(Lane::Scheduled, search.clone(), at(4.0));
    assert_ne!(
        quota.decide(Lane::Scheduled, &search, at(4.0)),
        Decision::Go,
        "what we ask for ourselves has its bucket"
    );
}

fn numbers() -> impl Strategy<Value = u32> {
    prop_oneof![Just(0), Just(u32::MAX), any::<u32>(), 0..100_u32]
}

fn garbage() -> impl Strategy<Value = Vec<Hour>> {
    let number = prop_oneof![
        Just(i64::MIN),
        Just(i64::MAX),
        any::<i64>(),
        472_150..472_230_i64
    ];
    let most = prop_oneof![
        4 => prop::collection::vec(numbers(), 34),
        1 => prop::collection::vec(numbers(), 0..60)
    ];
    let hour = (number, most, numbers(), numbers(), any::<bool>());
    let hour = hour.prop_map(|(number, most, calm, bursts, is_whole)| Hour {
        number,
        most,
        calm,
        bursts,
        is_whole,
    });
    prop::collection::vec(hour, 0..200)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_learnt_curve_full_of_garbage_breaks_nothing(
        curves in prop::array::uniform3(garbage()), lanes in prop::collection::vec((0..5_usize, 0..9000_i64), 1..40),
    ) {
        let mut quota = paced_by(Policy::Adaptive);
        quota.learn(&Learnt { resources: vec![("core".to_owned(), curves)] }, at(0.0));
        let mut second = 0;
        for (lane, pause) in lanes {
            second += pause;
            let now = second as f64;
            for lane in Lane::ALL {
                let floor = quota.floor(lane, &Resource::core(), at(now));
                prop_assert!(floor.is_none_or(|floor| floor <= 5000));
                if let Decision::Wait(wait) = quota.decide(lane, &read(), at(now)) {
                    prop_assert!(wait.until.is_none_or(|until| until > at(now)));
                }
            }
            let window = 3600.0 * (now / 3600.0).ceil() + 3600.0;
            ask(&mut quota, Lane::ALL[lane], &told(1, window), now);
            quota.share(at(now));
        }
        prop_assert!(quota.learnt().resources[0].1.iter().all(|hours| hours.len() <= 74));
    }
}
