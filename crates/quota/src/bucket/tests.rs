use proptest::prelude::*;

use super::*;

/// Seconds from the start of a window of an hour.
fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

fn answer(limit: u64, used: u64, reset: i64) -> Observation {
    Observation {
        limit: Some(limit),
        remaining: Some(limit.saturating_sub(used)),
        used: Some(used),
        reset: Some(at(reset)),
        ..Observation::default()
    }
}

fn seen(answers: &[Observation]) -> Bucket {
    let mut bucket = Bucket::default();
    for answer in answers {
        bucket.observe(answer, at(0));
    }
    bucket
}

/// Limit, used, and the reset in seconds from the start.
#[track_caller]
fn check(bucket: &Bucket, now: i64, wanted: (u64, u64, Option<i64>)) {
    let Standing::Known(level) = bucket.standing(at(now)) else {
        panic!("nothing is known of {bucket:?}")
    };
    assert_eq!(
        (level.limit, level.used + level.unseen, level.reset),
        (wanted.0, wanted.1, wanted.2.map(at))
    );
    assert_eq!(level.full_at, wanted.2.map(|reset| at(reset + 1)));
}

#[test]
fn nothing_is_known_before_the_first_answer() {
    let mut bucket = Bucket::default();
    bucket.reserve(3);
    assert_eq!(
        bucket.standing(at(0)),
        Standing::Unknown {
            in_flight: 3,
            held: 0
        }
    );
}

#[test]
fn answers_without_headers_have_no_limit() {
    assert_eq!(
        seen(&[Observation::default()]).standing(at(0)),
        Standing::Unlimited
    );
    let only_reset = Observation {
        reset: Some(at(3600)),
        ..Observation::default()
    };
    assert_eq!(seen(&[only_reset]).standing(at(0)), Standing::Unlimited);
}

#[test]
fn zero_of_zero_is_no_limit() {
    assert_eq!(
        seen(&[answer(0, 0, 3600)]).standing(at(0)),
        Standing::Unlimited
    );
}

#[test]
fn remaining_without_reset_is_known_but_has_no_end() {
    let answer = Observation {
        limit: Some(5000),
        remaining: Some(10),
        ..Observation::default()
    };
    check(&seen(&[answer]), 0, (5000, 4990, None));
}

#[test]
fn a_reset_that_is_now_or_past_means_a_full_bucket_once_the_jitter_is_over() {
    let bucket = seen(&[answer(5000, 4990, 100)]);
    check(&bucket, 99, (5000, 4990, Some(100)));
    check(&bucket, 100, (5000, 4990, Some(100)));
    check(&bucket, 101, (5000, 0, None));
    check(&seen(&[answer(5000, 4990, -30)]), 0, (5000, 0, None));
}

#[test]
fn missing_used_is_derived_from_remaining() {
    let answer = Observation {
        used: None,
        ..answer(5000, 40, 3600)
    };
    check(&seen(&[answer]), 0, (5000, 40, Some(3600)));
}

#[test]
fn a_missing_limit_is_the_known_one_and_nothing_without_one() {
    let unlimited = Observation {
        limit: None,
        used: None,
        ..answer(5000, 40, 3600)
    };
    assert_eq!(
        seen(std::slice::from_ref(&unlimited)).standing(at(0)),
        Standing::Unlimited
    );
    check(
        &seen(&[answer(5000, 30, 3600), unlimited]),
        0,
        (5000, 40, Some(3600)),
    );
}

#[test]
fn where_used_and_remaining_disagree_the_cautious_one_is_believed() {
    let answer = Observation {
        remaining: Some(4000),
        ..answer(5000, 40, 3600)
    };
    check(&seen(&[answer]), 0, (5000, 1000, Some(3600)));
}

#[test]
fn a_later_reset_opens_a_new_window_and_late_answers_of_the_old_one_change_nothing() {
    let (old, new) = (answer(5000, 4990, 100), answer(5000, 3, 3500));
    check(&seen(&[old.clone(), new.clone()]), 0, (5000, 3, Some(3500)));
    check(&seen(&[new, old]), 0, (5000, 3, Some(3500)));
}

#[test]
fn remaining_that_rises_within_a_window_is_an_answer_that_was_overtaken() {
    check(
        &seen(&[answer(5000, 80, 3600), answer(5000, 20, 3600)]),
        0,
        (5000, 80, Some(3600)),
    );
}

#[test]
fn resets_within_five_seconds_are_one_window() {
    check(
        &seen(&[answer(5000, 80, 3600), answer(5000, 20, 3601)]),
        0,
        (5000, 80, Some(3601)),
    );
    check(
        &seen(&[answer(5000, 80, 3601), answer(5000, 90, 3600)]),
        0,
        (5000, 90, Some(3601)),
    );
    check(
        &seen(&[answer(5000, 80, 3600), answer(5000, 20, 3605)]),
        0,
        (5000, 80, Some(3605)),
    );
    check(
        &seen(&[answer(30, 29, 60), answer(30, 1, 120)]),
        0,
        (30, 1, Some(120)),
    );
}

#[test]
fn a_401_shows_the_bucket_of_the_anonymous_which_never_overwrites() {
    let (ours, anonymous) = (answer(5000, 80, 3600), answer(60, 59, 3599));
    let later = answer(60, 1, 9000);
    let wanted = (5000, 80, Some(3600));
    check(
        &seen(&[ours.clone(), anonymous.clone(), later.clone()]),
        0,
        wanted,
    );
    check(&seen(&[anonymous, ours.clone(), later.clone()]), 0, wanted);
    check(&seen(&[later, ours]), 0, wanted);
}

#[test]
fn the_anonymous_themselves_have_a_bucket() {
    check(
        &seen(&[answer(60, 1, 3600), answer(60, 2, 3600)]),
        0,
        (60, 2, Some(3600)),
    );
}

#[test]
fn a_limit_that_changes_in_mid_run_is_taken_over_in_either_direction() {
    let (small, large) = (answer(5000, 80, 3600), answer(12_500, 81, 3600));
    check(
        &seen(&[small.clone(), large.clone()]),
        0,
        (12_500, 81, Some(3600)),
    );
    check(&seen(&[large, small]), 0, (12_500, 81, Some(3600)));
    check(
        &seen(&[answer(12_500, 80, 3600), answer(5000, 81, 3600)]),
        0,
        (5000, 81, Some(3600)),
    );
}

#[test]
fn own_requests_in_flight_count_as_used() {
    let mut bucket = seen(&[answer(5000, 80, 3600)]);
    bucket.reserve(7);
    let Standing::Known(level) = bucket.standing(at(0)) else {
        panic!("known")
    };
    assert_eq!(
        (
            level.used,
            level.in_flight,
            level.spent(),
            level.remaining()
        ),
        (80, 7, 87, 4913)
    );
    bucket.release(7);
    check(&bucket, 0, (5000, 80, Some(3600)));
}

#[test]
fn what_no_answer_told_counts_until_one_does() {
    let mut bucket = seen(&[answer(5000, 80, 3600)]);
    bucket.spend_unseen(5);
    check(&bucket, 0, (5000, 85, Some(3600)));
    bucket.observe(&answer(5000, 84, 3600), at(1));
    check(&bucket, 1, (5000, 84, Some(3600)));
    bucket.spend_unseen(5);
    check(&bucket, 3601, (5000, 0, None));
}

#[test]
fn a_reset_further_away_than_any_window_is_the_error_of_a_clock() {
    let bucket = seen(&[answer(5000, 5000, 100_000)]);
    let Standing::Known(level) = bucket.standing(at(0)) else {
        panic!("known")
    };
    assert_eq!(level.full_at, Some(at(3611)));
    check(&bucket, 3611, (5000, 0, None));
}

#[test]
fn a_window_that_was_taken_for_passed_comes_back_with_its_next_answer() {
    let mut bucket = seen(&[answer(5000, 100, 100_000)]);
    bucket.observe(&answer(5000, 120, 100_000), at(4000));
    let Standing::Known(level) = bucket.standing(at(4000)) else {
        panic!("known")
    };
    assert_eq!((level.used, level.full_at), (120, Some(at(4000 + 3611))));
}

/// Answers of up to three windows, an hour apart, as a fleet sees them: shuffled, with jittering resets, some without
/// `used` and some anonymous.
fn answers() -> impl Strategy<Value = Vec<Observation>> {
    let one =
        (0..3_i64, 0..5000_u64, -1..=1_i64, 0..20_u8).prop_map(|(window, used, jitter, kind)| {
            match kind {
                0 => answer(60, used % 60, 3600 * (window + 1) + jitter),
                1 => Observation {
                    used: None,
                    ..answer(5000, used, 3600 * (window + 1) + jitter)
                },
                2 => answer(12_500, used, 3600 * (window + 1) + jitter),
                _ => answer(5000, used, 3600 * (window + 1) + jitter),
            }
        });
    prop::collection::vec(one, 1..40)
}

proptest! {
    #[test]
    fn answers_fold_to_the_same_bucket_in_any_order((one, other) in answers().prop_flat_map(|answers| {
        (Just(answers.clone()), Just(answers).prop_shuffle())
    })) {
        prop_assert_eq!(seen(&one).standing(at(0)), seen(&other).standing(at(0)));
    }

    #[test]
    fn used_never_falls_within_a_window(answers in answers()) {
        let mut bucket = Bucket::default();
        let mut before: Option<Level> = None;
        for answer in answers {
            bucket.observe(&answer, at(0));
            let Standing::Known(level) = bucket.standing(at(0)) else { panic!("known") };
            if let Some(before) = before.filter(|before| before.limit > ANONYMOUS) {
                let same = between(before.reset.unwrap(), level.reset.unwrap()) <= SAME_WINDOW;
                prop_assert!(!same || level.used >= before.used);
                prop_assert!(level.reset >= before.reset, "a window never comes back");
            }
            before = Some(level);
        }
    }
}
