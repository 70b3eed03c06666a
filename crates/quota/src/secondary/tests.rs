use proptest::prelude::*;

use super::*;
use crate::observation::Resource;
use crate::time::between;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(1_700_000_000_000 + millis).unwrap()
}

fn read() -> Ask {
    Ask::read(Resource::core(), 1)
}

fn query() -> Ask {
    Ask::read(Resource::graphql(), 1)
}

/// Sends and answers at once for as long as there is room.
fn send_all(ledger: &mut Ledger, lane: Lane, ask: &Ask, now: Timestamp) -> u64 {
    let mut sent = 0;
    while ledger.is_full(lane, ask, now).is_none() {
        ledger.sent(lane, ask, now);
        ledger.ended(lane, ask, Some(Duration::ZERO), now);
        sent += 1;
    }
    sent
}

fn hold_all(ledger: &mut Ledger, lane: Lane, now: Timestamp) -> u64 {
    let mut held = 0;
    while ledger.is_full(lane, &read(), now).is_none() {
        ledger.sent(lane, &read(), now);
        held += 1;
    }
    held
}

#[test]
fn a_fifth_of_the_points_of_a_minute_stays_free_for_live_work() {
    for (ask, later, live) in [
        (read(), 720, 180),
        (query(), 1600, 400),
        (Ask::write(Resource::core(), 1), 64, 16),
        (Ask::write(Resource::graphql(), 1), 64, 16),
    ] {
        let mut ledger = Ledger::default();
        assert_eq!(
            send_all(&mut ledger, Lane::Scheduled, &ask, at(0)),
            later,
            "{ask:?}"
        );
        for lane in [Lane::Interactive, Lane::Scheduled, Lane::Backfill] {
            assert_eq!(
                send_all(&mut ledger, lane, &ask, at(0)),
                0,
                "{lane} {ask:?}"
            );
        }
        assert_eq!(
            send_all(&mut ledger, Lane::Live, &ask, at(0)),
            live,
            "{ask:?}"
        );
        let wait = ledger.is_full(Lane::Live, &ask, at(0));
        assert_eq!(
            wait,
            Some(Wait {
                until: Some(at(61_000)),
                reason: WaitReason::Secondary
            })
        );
        assert_eq!(
            send_all(&mut ledger, Lane::Scheduled, &ask, at(61_000)),
            later,
            "{ask:?}"
        );
    }
}

#[test]
fn rest_and_graphql_have_points_of_their_own() {
    let mut ledger = Ledger::default();
    assert_eq!(send_all(&mut ledger, Lane::Scheduled, &read(), at(0)), 720);
    assert_eq!(
        send_all(&mut ledger, Lane::Scheduled, &query(), at(0)),
        1600
    );
}

#[test]
fn content_is_bounded_by_the_hour_as_well() {
    let mut ledger = Ledger::default();
    let write = Ask::write(Resource::core(), 1);
    let sent: u64 = (0..59)
        .map(|minute| send_all(&mut ledger, Lane::Scheduled, &write, at(minute * 61_000)))
        .sum();
    assert_eq!(sent, 400);
}

#[test]
fn places_in_flight_are_half_for_later_lanes_and_live_always_finds_one() {
    let mut ledger = Ledger::default();
    assert_eq!(hold_all(&mut ledger, Lane::Scheduled, at(0)), 50);
    let wait = ledger.is_full(Lane::Scheduled, &read(), at(0));
    assert_eq!(
        wait,
        Some(Wait {
            until: None,
            reason: WaitReason::Secondary
        }),
        "it waits for an answer"
    );
    assert_eq!(hold_all(&mut ledger, Lane::Live, at(0)), 50);
    ledger.ended(Lane::Live, &read(), None, at(0));
    assert_eq!(hold_all(&mut ledger, Lane::Live, at(0)), 1);

    let mut ledger = Ledger::default();
    assert_eq!(hold_all(&mut ledger, Lane::Live, at(0)), 100);
    for _ in 0..30 {
        ledger.ended(Lane::Live, &read(), None, at(0));
    }
    assert_eq!(
        hold_all(&mut ledger, Lane::Scheduled, at(0)),
        10,
        "twenty places stay free"
    );
}

#[test]
fn slow_answers_slow_the_later_lanes_down_and_never_the_live_one() {
    let mut ledger = Ledger::default();
    for _ in 0..60 {
        ledger.sent(Lane::Scheduled, &query(), at(0));
        ledger.ended(
            Lane::Scheduled,
            &query(),
            Some(Duration::from_secs(1)),
            at(0),
        );
    }
    assert!(
        ledger
            .is_full(Lane::Scheduled, &query(), at(500))
            .is_some_and(|wait| wait.until == Some(at(61_000)))
    );
    assert_eq!(
        ledger.is_full(Lane::Scheduled, &read(), at(500)),
        None,
        "REST has the rest of the time"
    );
    assert_eq!(ledger.is_full(Lane::Live, &query(), at(500)), None);
    assert_eq!(ledger.is_full(Lane::Scheduled, &query(), at(61_000)), None);
}

#[test]
fn answers_to_come_are_reckoned_with() {
    let mut ledger = Ledger::default();
    for _ in 0..30 {
        ledger.sent(Lane::Scheduled, &query(), at(0));
        ledger.ended(
            Lane::Scheduled,
            &query(),
            Some(Duration::from_secs(10)),
            at(0),
        );
    }
    let later = at(100_000);
    let mut in_flight = 0;
    while ledger.is_full(Lane::Scheduled, &query(), later).is_none() {
        ledger.sent(Lane::Scheduled, &query(), later);
        in_flight += 1;
    }
    assert_eq!(
        in_flight, 4,
        "each is expected to take ten seconds of the 48"
    );
}

#[test]
fn an_incident_halves_every_budget_and_spaces_requests_until_it_has_recovered() {
    let mut ledger = Ledger::default();
    ledger.incident(at(60_000), at(0));
    let reopened = at(60_000);
    ledger.sent(Lane::Scheduled, &read(), reopened);
    let wait = ledger
        .is_full(Lane::Scheduled, &read(), reopened)
        .and_then(|wait| wait.until)
        .unwrap();
    let distance = between(reopened, wait).as_secs_f64();
    assert!((distance - 60.0 / 360.0).abs() < 0.001, "{distance} s");
    assert_eq!(
        ledger.is_full(Lane::Live, &read(), reopened),
        None,
        "live work keeps no distance"
    );
    assert_eq!(send_all(&mut ledger, Lane::Live, &read(), reopened), 449);

    let recovered = at(60_000 + 600_000);
    assert_eq!(
        send_all(&mut ledger, Lane::Scheduled, &read(), recovered),
        720
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever the arrivals, GitHub sees no more in any 60 seconds than it allows, and no more than four fifths of that
    /// from the later lanes.
    #[test]
    fn no_minute_holds_more_than_its_budget(steps in prop::collection::vec((0..5_usize, 0..4000_i64, 1..200_u64), 1..60)) {
        let mut ledger = Ledger::default();
        let mut now = 0;
        let mut sent: Vec<(i64, Lane)> = Vec::new();
        for (lane, pause, burst) in steps {
            now += pause;
            let lane = Lane::ALL[lane];
            for _ in 0..burst {
                if ledger.is_full(lane, &read(), at(now)).is_none() {
                    ledger.sent(lane, &read(), at(now));
                    ledger.ended(lane, &read(), None, at(now));
                    sent.push((now, lane));
                }
            }
        }
        for (end, _) in &sent {
            let minute = sent.iter().filter(|(time, _)| *time <= *end && *time > end - 60_000);
            let (mut all, mut later) = (0, 0);
            minute.for_each(|(_, lane)| { all += 1; later += u32::from(*lane != Lane::Live); });
            prop_assert!(all <= 900 && later <= 720, "{} of which {} are not live", all, later);
        }
    }

    #[test]
    fn a_wait_for_room_ends_when_it_says(busy in 1..900_u64, now in 0..60_000_i64) {
        let mut ledger = Ledger::default();
        for n in 0..busy {
            ledger.sent(Lane::Live, &read(), at(n as i64 * 50));
            ledger.ended(Lane::Live, &read(), Some(Duration::from_millis(40)), at(n as i64 * 50));
        }
        let now = at(busy as i64 * 50 + now);
        if let Some(wait) = ledger.is_full(Lane::Scheduled, &read(), now) {
            prop_assert!(ledger.is_full(Lane::Scheduled, &read(), wait.until.unwrap()).is_none());
        }
    }
}

#[test]
fn work_without_a_bound_keeps_its_distance_at_all_times_and_other_work_does_not() {
    let mut ledger = Ledger::default();
    // A second's worth at once, and then twelve in a second.
    assert_eq!(send_all(&mut ledger, Lane::Bulk, &read(), at(0)), 13);
    let wait = ledger.is_full(Lane::Bulk, &read(), at(0)).unwrap();
    assert_eq!(wait.reason, WaitReason::Secondary);
    assert!(wait.until.unwrap() <= at(100));
    assert_eq!(ledger.is_full(Lane::Scheduled, &read(), at(0)), None);
    let in_a_minute: u64 = (1..=600)
        .map(|tenth| send_all(&mut ledger, Lane::Bulk, &read(), at(tenth * 100)))
        .sum();
    assert!((700..=720).contains(&in_a_minute), "{in_a_minute}");
}

#[test]
fn what_was_not_sent_after_all_takes_no_room() {
    let count = |ledger: &Ledger| {
        let now = at(9_000);
        (ledger.points_sent(now), ledger.content_sent(now))
    };
    for ask in [read(), query(), Ask::write(Resource::core(), 1)] {
        for lane in Lane::ALL {
            let mut ledger = Ledger::default();
            ledger.sent(lane, &ask, at(0));
            ledger.ended(lane, &ask, Some(Duration::ZERO), at(0));
            let before = count(&ledger);
            let untouched = send_all(&mut ledger.clone(), lane, &ask, at(9_000));
            for second in 1..9 {
                ledger.sent(lane, &ask, at(second * 1000));
                ledger.unsent(lane, &ask, at(second * 1000), at(second * 1000 + 900));
            }
            assert_eq!(count(&ledger), before, "{lane} {ask:?}");
            assert_eq!(ledger.in_flight(), 0);
            assert_eq!(send_all(&mut ledger, lane, &ask, at(9_000)), untouched);
        }
    }
}

#[test]
fn work_that_keeps_its_distance_keeps_none_from_what_was_not_sent() {
    let mut ledger = Ledger::default();
    assert_eq!(hold_all(&mut ledger, Lane::Bulk, at(0)), 13);
    for _ in 0..6 {
        ledger.unsent(Lane::Bulk, &read(), at(0), at(0));
    }
    assert_eq!(hold_all(&mut ledger, Lane::Bulk, at(0)), 6);
}

#[test]
fn what_other_processes_have_sent_is_sent() {
    let mut ledger = Ledger::default();
    ledger.hear(Others {
        rest_points: 700,
        graphql_points: 0,
        content: [0; 2],
        in_flight: 45,
        divided_by: 4,
    });
    assert_eq!(send_all(&mut ledger, Lane::Scheduled, &read(), at(0)), 20);
    assert_eq!(send_all(&mut ledger, Lane::Live, &read(), at(0)), 180);
    assert_eq!(hold_all(&mut ledger, Lane::Live, at(120_000)), 55);
}
