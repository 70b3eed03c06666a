mod adaptive;
mod breaking;
mod fleet;
mod items;
mod world;

use std::time::Duration;

use jiff::SignedDuration;
use proptest::prelude::*;

use super::*;
use crate::bucket::Level;
use crate::pace::{Wait, WaitReason};
use world::{GitHub, at};

/// A credential that is paced by `even`.
fn even() -> CredentialQuota {
    paced_by(Policy::Even)
}

fn paced_by(policy: Policy) -> CredentialQuota {
    CredentialQuota::new(Settings {
        policy,
        ..Settings::default()
    })
}

/// What was learnt from a day on which nothing happened.
fn quiet_day() -> Learnt {
    let mut quota = paced_by(Policy::Adaptive);
    let begins = at(-86_400.0);
    quota.observe(&Resource::core(), &Observation::default(), begins);
    for hour in 0..24 {
        quota.share(at(f64::from(hour - 24) * 3600.0));
    }
    quota.learnt()
}

fn read() -> Ask {
    Ask::read(Resource::core(), 1)
}

fn answer(used: u64) -> Seen {
    limited(5000, used)
}

fn limited(limit: u64, used: u64) -> Seen {
    let observation = Observation {
        limit: Some(limit),
        remaining: Some(limit - used),
        used: Some(used),
        reset: Some(at(3600.0)),
        ..Observation::default()
    };
    Seen {
        observation,
        ..Seen::default()
    }
}

fn refused(refusal: Refusal, observation: Observation) -> Seen {
    Seen {
        observation,
        refusal: Some(refusal),
        ..Seen::default()
    }
}

fn secondary(seconds: Option<u64>) -> Seen {
    refused(
        Refusal::Secondary {
            retry_after: seconds.map(Duration::from_secs),
        },
        Observation::default(),
    )
}

/// A credential of which one answer has told `used` of 5,000.
fn known(used: u64) -> CredentialQuota {
    let mut quota = even();
    ask(&mut quota, Lane::Live, &answer(used), 0.0);
    quota
}

/// Sends a request that is answered in the same instant.
fn ask(quota: &mut CredentialQuota, lane: Lane, seen: &Seen, now: f64) {
    let reservation = quota.reserve(lane, read(), at(now));
    quota.settle(reservation, seen, at(now));
}

fn waits(quota: &CredentialQuota, lane: Lane, now: f64) -> Option<(WaitReason, f64)> {
    match quota.decide(lane, &read(), at(now)) {
        Decision::Go => None,
        Decision::Wait(Wait { until, reason }) => {
            let until = until.map_or(f64::NAN, |until| {
                until.duration_since(at(0.0)).as_secs_f64()
            });
            Some((reason, (until * 1000.0).round() / 1000.0))
        }
    }
}

#[test]
fn bulk_is_spread_and_scrapes_are_not() {
    let mut quota = known(0);
    ask(&mut quota, Lane::Bulk, &answer(1), 0.0);
    assert_eq!(
        waits(&quota, Lane::Bulk, 0.0),
        Some((WaitReason::Pacing, 0.9))
    );
    assert_eq!(
        waits(&quota, Lane::Backfill, 0.0),
        Some((WaitReason::Pacing, 0.9)),
        "both share one spread"
    );
    for lane in [Lane::Live, Lane::Interactive, Lane::Scheduled] {
        assert_eq!(waits(&quota, lane, 0.0), None, "{lane}");
    }
    assert_eq!(waits(&quota, Lane::Bulk, 0.91), None);
}

#[test]
fn two_requests_without_an_answer_between_them_are_still_spread() {
    let mut quota = known(0);
    let first = quota.reserve(Lane::Bulk, read(), at(0.0));
    assert_eq!(
        waits(&quota, Lane::Bulk, 0.0),
        Some((WaitReason::Pacing, 0.9))
    );
    quota.refund(first, at(0.0));
    assert_eq!(
        waits(&quota, Lane::Bulk, 0.0),
        None,
        "a request that was not sent delays nothing"
    );
}

#[test]
fn a_304_costs_nothing_and_delays_nothing_but_counts_as_a_point() {
    let mut quota = known(50);
    for _ in 0..719 {
        assert_eq!(waits(&quota, Lane::Scheduled, 1.0), None);
        let seen = Seen {
            charged: Some(0),
            ..answer(50)
        };
        ask(&mut quota, Lane::Scheduled, &seen, 1.0);
    }
    assert_eq!(
        waits(&quota, Lane::Scheduled, 1.0),
        Some((WaitReason::Secondary, 61.0))
    );
}

#[test]
fn a_304_is_free_where_headers_do_not_say_so_too() {
    let mut quota = known(50);
    ask(
        &mut quota,
        Lane::Bulk,
        &Seen {
            charged: Some(0),
            ..Seen::default()
        },
        1.0,
    );
    assert_eq!(quota.report(at(1.0)).resources[0].used, Some(50));
    ask(&mut quota, Lane::Bulk, &Seen::default(), 1.0);
    assert_eq!(
        quota.report(at(1.0)).resources[0].used,
        Some(51),
        "a lost answer is counted as spent"
    );
}

#[test]
fn a_graphql_query_that_costs_more_than_expected_is_paid_in_full() {
    let mut quota = even();
    let query = Ask::read(Resource::graphql(), 1);
    for used in [0, 30] {
        let reservation = quota.reserve(Lane::Bulk, query.clone(), at(0.0));
        let mut seen = Seen {
            charged: Some(used),
            ..answer(used)
        };
        seen.observation.resource = Some(Resource::graphql());
        quota.settle(reservation, &seen, at(0.0));
    }
    let Decision::Wait(wait) = quota.decide(Lane::Bulk, &query, at(0.0)) else {
        panic!("it is spread")
    };
    assert_eq!(
        wait.until,
        Some(after(
            at(0.0),
            Duration::from_secs_f64(3601.0 * 30.0 / 4000.0)
        ))
    );
}

#[test]
fn search_and_graphql_headers_stand_beside_core() {
    let mut quota = known(100);
    for (resource, limit, used) in [
        (Resource::search(), 30, 29),
        (Resource::graphql(), 5000, 4999),
    ] {
        let mut seen = limited(limit, used);
        seen.observation.resource = Some(resource);
        ask(&mut quota, Lane::Scheduled, &seen, 0.0);
    }
    assert_eq!(waits(&quota, Lane::Scheduled, 0.0), None, "core has plenty");
    let search = Ask::read(Resource::search(), 1);
    assert_ne!(
        quota.decide(Lane::Scheduled, &search, at(0.0)),
        Decision::Go
    );
    let names: Vec<_> = quota
        .report(at(0.0))
        .resources
        .into_iter()
        .map(|seen| (seen.resource, seen.used))
        .collect();
    let wanted = [
        (Resource::core(), 100),
        (Resource::graphql(), 4999),
        (Resource::search(), 29),
    ];
    assert_eq!(names, wanted.map(|(resource, used)| (resource, Some(used))));
}

#[test]
fn a_bucket_that_another_one_pays_for_is_not_unknown_for_ever() {
    let mut quota = even();
    let mut seen = answer(1);
    seen.observation.resource = Some(Resource::new("code_search"));
    ask(&mut quota, Lane::Scheduled, &seen, 0.0);
    let _first = quota.reserve(Lane::Scheduled, read(), at(0.0));
    assert_eq!(waits(&quota, Lane::Scheduled, 0.0), None);
}

#[test]
fn an_enterprise_server_without_headers_is_not_paced() {
    let mut quota = even();
    let mut silent = Seen::default();
    silent.observation.date = Some(at(0.0));
    ask(&mut quota, Lane::Scheduled, &silent, 0.0);
    let _under_way = quota.reserve(Lane::Scheduled, read(), at(0.0));
    for _ in 0..100 {
        assert_eq!(waits(&quota, Lane::Scheduled, 0.0), None);
        ask(&mut quota, Lane::Scheduled, &silent, 0.0);
    }
    assert_eq!(quota.report(at(0.0)).resources[0].limit, None);
}

#[test]
fn the_first_of_many_finds_out_what_there_is() {
    let mut quota = even();
    let first = quota.reserve(Lane::Scheduled, read(), at(0.0));
    let wait = quota.decide(Lane::Scheduled, &read(), at(0.0));
    assert_eq!(
        wait,
        Decision::Wait(Wait {
            until: None,
            reason: WaitReason::Pacing
        })
    );
    assert_eq!(waits(&quota, Lane::Live, 0.0), None);
    quota.settle(first, &answer(4500), at(0.2));
    assert_eq!(
        waits(&quota, Lane::Scheduled, 0.2),
        Some((WaitReason::Reserve, 3601.0))
    );
}

#[test]
fn a_machine_whose_clock_is_off_waits_as_long_as_any_other() {
    for off in [-120.0, 0.0, 120.0] {
        let mut quota = even();
        let mut seen = answer(4900);
        seen.observation.date = Some(at(1000.0));
        ask(&mut quota, Lane::Live, &seen, 1000.0 + off);
        assert_eq!(
            waits(&quota, Lane::Bulk, 1000.0 + off),
            Some((WaitReason::Reserve, 3601.0 + off)),
            "{off} s"
        );
        assert_eq!(waits(&quota, Lane::Bulk, 3601.0 + off), None);
        assert_eq!(
            quota.report(at(1000.0 + off)).resources[0].reset,
            Some(at(3600.0)),
            "people read GitHub's time"
        );
    }
}

#[test]
fn a_limit_closes_every_lane_and_bucket_until_the_stated_time() {
    let primary = refused(
        Refusal::Primary {
            until: Some(at(3600.0)),
        },
        answer(5000).observation,
    );
    for (seen, until) in [
        (secondary(Some(90)), 100.0),
        (secondary(None), 70.0),
        (primary, 3601.0),
    ] {
        let mut quota = known(100);
        ask(&mut quota, Lane::Bulk, &seen, 10.0);
        for lane in Lane::ALL {
            assert_eq!(
                waits(&quota, lane, 10.0),
                Some((WaitReason::Blocked, until)),
                "{lane} {seen:?}"
            );
            let elsewhere = Ask::read(Resource::graphql(), 0);
            assert_ne!(
                quota.decide(lane, &elsewhere, at(until - 0.1)),
                Decision::Go
            );
        }
        assert_eq!(quota.report(at(10.0)).closed_until, Some(at(until)));
        assert_eq!(waits(&quota, Lane::Live, until), None);
        assert_eq!(quota.report(at(until)).rate, 0.5);
    }
}

#[test]
fn a_secondary_limit_that_carries_remaining_0_leaves_the_bucket_alone() {
    let mut quota = known(100);
    let mut seen = secondary(Some(60));
    seen.observation = answer(5000).observation;
    ask(&mut quota, Lane::Bulk, &seen, 0.0);
    assert_eq!(quota.report(at(0.0)).resources[0].used, Some(100));
    assert_eq!(waits(&quota, Lane::Scheduled, 60.0), None);
}

#[test]
fn refusals_of_requests_under_way_are_counted_and_are_one_incident() {
    let mut quota = known(100);
    let under_way: Vec<_> = (0..10)
        .map(|_| quota.reserve(Lane::Scheduled, read(), at(0.0)))
        .collect();
    for reservation in under_way {
        assert!(quota.is_open(&reservation, at(0.0)) || quota.report(at(0.0)).incidents == 1);
        quota.settle(reservation, &secondary(None), at(0.0));
    }
    let report = quota.report(at(0.0));
    assert_eq!(
        (
            report.refused,
            report.secondary_hits,
            report.incidents,
            report.rate
        ),
        (10, 10, 1, 0.5)
    );
    assert_eq!(report.closed_until, Some(at(60.0)));
}

#[test]
fn a_pass_given_before_a_limit_is_void_after_it() {
    let mut quota = known(100);
    let [unsent, sent] = [(); 2].map(|()| quota.reserve(Lane::Scheduled, read(), at(0.0)));
    assert!(quota.is_open(&unsent, at(0.0)));
    quota.settle(sent, &secondary(Some(1)), at(0.0));
    assert!(!quota.is_open(&unsent, at(0.0)));
    quota.refund(unsent, at(0.0));
}

#[test]
fn limits_without_a_stated_time_double_until_the_rate_is_whole_again() {
    let mut quota = known(0);
    let mut now = 0.0;
    let mut lengths = Vec::new();
    for _ in 0..3 {
        ask(&mut quota, Lane::Live, &secondary(None), now);
        let (_, until) = waits(&quota, Lane::Live, now).unwrap();
        lengths.push(until - now);
        now = until + 1.0;
    }
    assert_eq!(lengths, [60.0, 120.0, 240.0]);
    now += 3600.0;
    ask(&mut quota, Lane::Live, &secondary(None), now);
    assert_eq!(
        waits(&quota, Lane::Live, now),
        Some((WaitReason::Blocked, now + 60.0))
    );
}

#[test]
fn a_block_of_an_earlier_run_is_kept() {
    let mut quota = even();
    quota.close(at(500.0), at(0.0));
    assert_eq!(
        waits(&quota, Lane::Live, 499.0),
        Some((WaitReason::Blocked, 500.0))
    );
    assert_eq!(quota.report(at(0.0)).incidents, 0);
}

#[test]
fn an_app_s_own_answers_say_nothing_of_the_installation_s_bucket() {
    let mut quota = even();
    let own = quota.reserve(Lane::Scheduled, Ask::write(Resource::core(), 0), at(0.0));
    quota.settle(
        own,
        &Seen {
            charged: Some(0),
            ..Seen::default()
        },
        at(0.0),
    );
    let _first = quota.reserve(Lane::Scheduled, read(), at(0.0));
    assert_ne!(
        quota.decide(Lane::Scheduled, &read(), at(0.0)),
        Decision::Go,
        "it is still unknown"
    );
}

/// Requests one after the other as `even` lets them go, and when the last one went.
fn makespan(github: &mut GitHub, requests: u32) -> f64 {
    let mut quota = even();
    for _ in 0..requests {
        while let Decision::Wait(wait) = quota.decide(Lane::Bulk, &read(), github.now()) {
            github.advance_to(wait.until.unwrap());
        }
        let reservation = quota.reserve(Lane::Bulk, read(), github.now());
        let seen = github.serve(1);
        quota.settle(reservation, &seen, github.now());
    }
    github.now
}

#[test]
fn an_idle_window_is_used_up_to_the_reserve_and_evenly() {
    let last = makespan(&mut GitHub::new(5000), 3600);
    assert!(
        (3238.0..3245.0).contains(&last),
        "nine tenths of what may be spent took {last} s of the hour"
    );
    let over = makespan(&mut GitHub::new(5000), 4100);
    assert!(
        (3600.0..3800.0).contains(&over),
        "the rest goes in the next window, which ends with {over} s"
    );
}

#[test]
fn bulk_yields_to_whatever_else_spends() {
    let mut github = GitHub::new(5000);
    github.others_per_second = 0.5;
    // 4,000 may be spent, of which others take 1,800 in the hour.
    let last = makespan(&mut github, 2000);
    assert!((3000.0..3600.0).contains(&last), "{last} s");
    assert!(
        github.lowest >= 1000,
        "{} were left at least",
        github.lowest
    );
}

#[test]
fn bulk_stops_while_others_take_everything_and_goes_on_after_the_reset() {
    let mut github = GitHub::new(5000);
    github.others_per_second = 1.2;
    github.others_until = 3600.0;
    let last = makespan(&mut github, 300);
    assert!((3600.0..4200.0).contains(&last), "{last} s");
}

#[test]
fn a_spike_of_live_work_never_makes_bulk_sleep_beyond_the_reset() {
    let mut quota = known(0);
    ask(&mut quota, Lane::Bulk, &answer(1), 0.0);
    ask(&mut quota, Lane::Live, &answer(3999), 600.0);
    let (reason, until) = waits(&quota, Lane::Bulk, 600.0).unwrap();
    assert!(
        reason == WaitReason::Pacing && (3500.0..=3601.0).contains(&until),
        "{until} s"
    );
    let mut next = answer(3);
    next.observation.reset = Some(at(7200.0));
    ask(&mut quota, Lane::Live, &next, 3602.0);
    assert_eq!(
        waits(&quota, Lane::Bulk, 3602.0),
        None,
        "a new window re-plans it"
    );
}

/// What happens to a credential, one step at a time.
#[derive(Clone, Debug)]
enum Step {
    /// A lane asks, by its index, at a cost.
    Ask(usize, u64),
    /// The request that was let through this many ago is answered.
    Answer(usize),
    /// The request that was let through this many ago is dropped.
    Drop(usize),
    /// Somebody else spends.
    Others(u64),
    Pass(f64),
    /// As `Answer`, with a secondary limit.
    Refuse(usize, Option<u64>),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0..5_usize, 1..20_u64).prop_map(|(lane, cost)| Step::Ask(lane, cost)),
        4 => (0..20_usize).prop_map(Step::Answer),
        1 => (0..20_usize).prop_map(Step::Drop),
        2 => (1..300_u64).prop_map(Step::Others),
        3 => (0.0..300.0_f64).prop_map(Step::Pass),
        1 => (0..20_usize, prop::option::of(0..200_u64)).prop_map(|(index, wait)| Step::Refuse(index, wait)),
    ];
    prop::collection::vec(step, 1..150)
}

proptest! {
    /// Runs any course of events against a model of GitHub, and holds every decision against what was known.
    #[test]
    fn decisions_keep_their_promises(
        steps in steps(), limit in prop::sample::select(vec![60_u64, 1000, 5000, 12_500]), off in -120..120_i64,
        policy in prop::sample::select(vec![Policy::Adaptive, Policy::Even, Policy::Sprint]), is_learnt in any::<bool>(),
    ) {
        let off = SignedDuration::from_secs(off);
        let mut github = GitHub::new(limit);
        let mut quota = paced_by(policy);
        if is_learnt {
            quota.learn(&quiet_day(), at(0.0));
        }
        let mut under_way: Vec<(Reservation, u64)> = Vec::new();
        let (mut closed_until, mut block_ends) = (at(0.0), at(0.0));
        for step in steps {
            let now = github.now() + off;
            match step {
                Step::Ask(lane, cost) => {
                    let lane = Lane::ALL[lane];
                    let ask = Ask::read(Resource::core(), cost);
                    match quota.decide(lane, &ask, now) {
                        Decision::Go => {
                            prop_assert!(github.now() >= closed_until, "sent into a known block");
                            under_way.push((quota.reserve(lane, ask, now), cost));
                            let known = quota.resources.known[&Resource::core()].standing(&quota.skew, now);
                            if let Standing::Known(Level { full_at: Some(_), .. }) = known
                                && let Standing::Known(level) = known
                            {
                                let floor = quota.floor(lane, &Resource::core(), now).unwrap();
                                let dear = cost > limit - floor;
                                prop_assert!(dear || level.remaining() + level.unseen >= floor, "{} pierced {} with {:?}", lane, floor, level);
                            }
                        }
                        Decision::Wait(wait) => {
                            let latest = match wait.reason {
                                WaitReason::Blocked | WaitReason::Reserve | WaitReason::Pacing => {
                                    // Our reading of GitHub's clock is up to a second behind it.
                                    (github.reset() + SignedDuration::from_millis(2100)).max(block_ends)
                                }
                                WaitReason::Secondary => github.now() + SignedDuration::from_secs(61),
                            };
                            prop_assert!(wait.until.is_none_or(|until| until - off <= latest), "{:?} at {}", wait, github.now);
                            prop_assert!(wait.until.is_some() || !under_way.is_empty(), "nothing will end {:?}", wait);
                            prop_assert!(wait.until.is_none_or(|until| until > now));
                        }
                    }
                }
                Step::Answer(index) if !under_way.is_empty() => {
                    let (reservation, cost) = under_way.remove(index % under_way.len());
                    quota.settle(reservation, &github.serve(cost), now);
                }
                Step::Drop(index) if !under_way.is_empty() => {
                    let (reservation, cost) = under_way.remove(index % under_way.len());
                    github.serve(cost);
                    quota.refund(reservation, now);
                }
                Step::Refuse(index, wait) if !under_way.is_empty() => {
                    let (reservation, _) = under_way.remove(index % under_way.len());
                    quota.settle(reservation, &secondary(wait), now);
                    let least = SignedDuration::from_secs(wait.unwrap_or(60) as i64);
                    closed_until = closed_until.max(github.now() + least);
                    let ends = quota.report(now).closed_until.unwrap().duration_since(quota.github_time(now));
                    block_ends = block_ends.max(github.now() + ends);
                    prop_assert!(block_ends >= closed_until);
                }
                Step::Others(spent) => github.spend(spent),
                Step::Pass(seconds) => github.advance(seconds),
                Step::Answer(_) | Step::Drop(_) | Step::Refuse(..) => {}
            }
        }
    }
}
