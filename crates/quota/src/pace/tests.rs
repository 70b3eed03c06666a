use super::*;
use crate::bucket::LONGEST_WINDOW;
use crate::demand::Demand;
use crate::observation::Resource;
use crate::policy::Policy;
use crate::policy::even::Even;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

fn level(limit: u64, remaining: u64) -> Standing {
    let used = limit - remaining;
    Standing::Known(Level {
        limit,
        used,
        unseen: 0,
        in_flight: 0,
        reset: Some(at(3600)),
        full_at: Some(at(3601)),
        ..Level::default()
    })
}

/// Decides as `even` does, with a reserve of 1,000, for a process that is alone.
fn decide_as(
    lane: Lane,
    ask: &Ask,
    standing: Standing,
    closed_until: Option<Timestamp>,
) -> Decision {
    let known = Known {
        closed_until,
        standing,
        pacer: Pacer {
            policy: Policy::Even,
            even: &Even::default(),
            demand: &Demand::default(),
            reserve: 1000,
            staleness: Duration::ZERO,
            length: LONGEST_WINDOW,
        },
        fleet: &Fleet::default(),
        skew: &Skew::default(),
        ledger: &Ledger::default(),
        is_prepaid: false,
        untold: 0,
        seen_ago: Duration::ZERO,
        before: None,
    };
    decide(lane, ask, &known, at(0))
}

fn decide_cost(lane: Lane, cost: u64, standing: Standing) -> Decision {
    decide_as(lane, &Ask::read(Resource::core(), cost), standing, None)
}

/// What each lane may do, one word a lane, first to last.
fn lanes(cost: u64, standing: Standing) -> String {
    let words = Lane::ALL.map(|lane| match decide_cost(lane, cost, standing) {
        Decision::Go => "go".to_owned(),
        Decision::Wait(Wait {
            until: None,
            reason,
        }) => format!("{}(answer)", reason.as_str()),
        Decision::Wait(Wait {
            until: Some(until),
            reason,
        }) => {
            format!(
                "{}({})",
                reason.as_str(),
                until.duration_since(at(0)).as_secs()
            )
        }
    });
    words.join(" ")
}

#[test]
fn lanes_at_the_reserve() {
    let cases = [
        (5000, 5000, "go go go go go"),
        (5000, 1001, "go go go go go"),
        (
            5000,
            1000,
            "go go reserve(3601) reserve(3601) reserve(3601)",
        ),
        (5000, 1, "go go reserve(3601) reserve(3601) reserve(3601)"),
        (
            5000,
            0,
            "blocked(3601) blocked(3601) reserve(3601) reserve(3601) reserve(3601)",
        ),
        // A reserve beyond 40 % of the limit is 40 % of it.
        (60, 25, "go go go go go"),
        (60, 24, "go go reserve(3601) reserve(3601) reserve(3601)"),
        (1000, 401, "go go go go go"),
        (1000, 400, "go go reserve(3601) reserve(3601) reserve(3601)"),
    ];
    for (limit, remaining, wanted) in cases {
        assert_eq!(
            lanes(1, level(limit, remaining)),
            wanted,
            "{remaining} of {limit}"
        );
    }
}

#[test]
fn a_dearer_request_keeps_the_reserve_as_well() {
    assert_eq!(lanes(10, level(5000, 1010)), "go go go go go");
    assert_eq!(
        lanes(10, level(5000, 1009)),
        "go go reserve(3601) reserve(3601) reserve(3601)"
    );
    assert_eq!(
        lanes(10, level(5000, 9)),
        "blocked(3601) blocked(3601) reserve(3601) reserve(3601) reserve(3601)"
    );
}

#[test]
fn a_request_dearer_than_a_whole_window_goes_while_half_of_it_is_left() {
    assert_eq!(
        decide_cost(Lane::Bulk, 9999, level(5000, 3000)),
        Decision::Go
    );
    assert_ne!(
        decide_cost(Lane::Bulk, 9999, level(5000, 2999)),
        Decision::Go
    );
}

#[test]
fn what_is_free_of_the_primary_quota_asks_nothing_of_the_bucket() {
    assert_eq!(lanes(0, level(5000, 0)), "go go go go go");
}

#[test]
fn without_a_limit_everything_goes() {
    assert_eq!(lanes(1, Standing::Unlimited), "go go go go go");
}

#[test]
fn before_the_first_answer_one_request_finds_out_and_urgent_ones_do_not_wait_for_it() {
    assert_eq!(
        lanes(
            1,
            Standing::Unknown {
                in_flight: 0,
                held: 0
            }
        ),
        "go go go go go"
    );
    let one = Standing::Unknown {
        in_flight: 1,
        held: 0,
    };
    assert_eq!(
        lanes(1, one),
        "go go pacing(answer) pacing(answer) pacing(answer)"
    );
}

#[test]
fn without_a_reset_nothing_waits_for_one() {
    let endless = |remaining: u64, in_flight| {
        Standing::Known(Level {
            limit: 5000,
            used: 5000 - remaining,
            unseen: 0,
            in_flight,
            reset: None,
            full_at: None,
            ..Level::default()
        })
    };
    assert_eq!(lanes(1, endless(0, 0)), "go go go go go");
    let waits = "blocked(answer) blocked(answer) reserve(answer) reserve(answer) reserve(answer)";
    assert_eq!(lanes(1, endless(0, 1)), waits);
    assert_eq!(
        lanes(1, endless(4000, 1)),
        "go go go pacing(answer) pacing(answer)"
    );
}

#[test]
fn lost_answers_slow_a_lane_down_to_one_request_and_do_not_stop_it() {
    let lost = |in_flight| {
        let reset = Some(at(3600));
        let full_at = Some(at(3601));
        Standing::Known(Level {
            limit: 5000,
            used: 3000,
            unseen: 2000,
            in_flight,
            reset,
            full_at,
            ..Level::default()
        })
    };
    assert_eq!(lanes(1, lost(0)), "go go go go go");
    let waits = "blocked(3601) blocked(3601) reserve(3601) reserve(3601) reserve(3601)";
    assert_eq!(lanes(1, lost(1)), waits);
}

#[test]
fn a_closed_credential_is_closed_to_every_lane() {
    for lane in Lane::ALL {
        let wanted = Decision::Wait(Wait {
            until: Some(at(60)),
            reason: WaitReason::Blocked,
        });
        assert_eq!(
            decide_as(
                lane,
                &Ask::read(Resource::core(), 0),
                level(5000, 5000),
                Some(at(60))
            ),
            wanted,
            "{lane}"
        );
    }
}
