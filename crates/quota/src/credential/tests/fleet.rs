//! Several processes with one credential, which tell each other their shares.

use super::*;
use crate::fleet::{Heard, Hearing};

/// Processes that know a quiet day and the same bucket.
fn processes(count: usize, used: u64) -> Vec<CredentialQuota> {
    (0..count)
        .map(|_| {
            let mut quota = paced_by(Policy::Adaptive);
            quota.learn(&quiet_day(), at(0.0));
            ask(&mut quota, Lane::Scheduled, &answer(used), 0.0);
            quota
        })
        .collect()
}

fn exchange(processes: &mut [CredentialQuota], now: f64) {
    let shares: Vec<_> = processes
        .iter_mut()
        .map(|quota| quota.share(at(now)))
        .collect();
    for (index, quota) in processes.iter_mut().enumerate() {
        let others = shares
            .iter()
            .enumerate()
            .filter(|(other, _)| *other != index);
        let heard = others
            .map(|(other, share)| Heard {
                member: format!("process-{other}"),
                share: share.clone(),
            })
            .collect();
        let me = format!("process-{index}");
        quota.hear(&Hearing::Others { me, heard }, at(now));
    }
}

fn item(cost: u64) -> Ask {
    Ask::item(Resource::core(), cost)
}

#[test]
fn at_the_floor_all_processes_together_start_no_more_than_there_is() {
    for count in [1, 4, 8] {
        let mut processes = processes(count, 3900);
        exchange(&mut processes, 1.0);
        let mut begun = 0;
        // One hundred are above the reserve; an item costs twelve. Nobody ends an item, everybody keeps trying.
        for tenth in 10..1000 {
            let now = f64::from(tenth) / 10.0;
            if tenth % 10 == 0 {
                exchange(&mut processes, now);
            }
            for quota in &mut processes {
                if quota.decide(Lane::Bulk, &item(12), at(now)) == Decision::Go {
                    let reservation = quota.reserve(Lane::Bulk, item(12), at(now));
                    quota.begin(reservation);
                    begun += 12;
                }
            }
        }
        assert!(begun <= 100, "{count} processes began {begun}");
        assert!(begun >= 96, "{count} processes left {}", 100 - begun);
    }
}

#[test]
fn a_block_that_one_has_met_closes_all_of_them_and_the_rate_begins_at_half() {
    let mut processes = processes(3, 100);
    ask(&mut processes[0], Lane::Bulk, &secondary(Some(90)), 1.0);
    exchange(&mut processes, 2.0);
    for quota in &processes {
        assert_eq!(
            waits(quota, Lane::Live, 2.0),
            Some((WaitReason::Blocked, 91.0))
        );
        assert!((quota.report(at(92.0)).rate - 0.5).abs() < 0.01);
    }
    exchange(&mut processes, 3.0);
    exchange(&mut processes, 50.0);
    let rates: Vec<f64> = processes
        .iter()
        .map(|quota| quota.report(at(92.0)).rate)
        .collect();
    assert!(
        rates.iter().all(|rate| (rate - 0.5).abs() < 0.01),
        "hearing it again changes nothing: {rates:?}"
    );
}

#[test]
fn live_work_of_one_process_is_what_all_of_them_leave_room_for() {
    let mut processes = processes(2, 100);
    exchange(&mut processes, 1.0);
    let mut used = 100;
    for tenth in 20..1200_u32 {
        let now = f64::from(tenth) / 10.0;
        used += 1;
        ask(&mut processes[0], Lane::Live, &answer(used), now);
        if tenth % 10 == 0 {
            exchange(&mut processes, now);
        }
    }
    let floors: Vec<u64> = processes
        .iter()
        .map(|quota| {
            quota
                .floor(Lane::Bulk, &Resource::core(), at(120.0))
                .unwrap()
        })
        .collect();
    assert!(floors.iter().all(|floor| *floor > 2000), "{floors:?}");
    assert!(floors[0].abs_diff(floors[1]) <= 60, "{floors:?}");
}

#[test]
fn what_other_processes_spend_on_bulk_is_not_taken_for_a_stranger_s() {
    let mut processes = processes(4, 100);
    let mut used = 100;
    for tenth in 10..3000_u32 {
        let now = f64::from(tenth) / 10.0;
        used += 1;
        let sender = tenth as usize % 4;
        ask(&mut processes[sender], Lane::Bulk, &answer(used), now);
        if tenth % 10 == 0 {
            exchange(&mut processes, now);
        }
    }
    for quota in &processes {
        let need = quota.resources.known[&Resource::core()]
            .demand
            .before(Lane::Bulk, Duration::from_secs(600));
        // The hundred of the first answers were nobody's.
        assert!(need < 300, "{need}");
    }
}

#[test]
fn what_strangers_spend_is_found_beside_other_processes_too() {
    let mut processes = processes(3, 0);
    let mut used = 0;
    for tenth in 10..6000_u32 {
        let now = f64::from(tenth) / 10.0;
        // One of ours and one of a stranger's.
        used += 2;
        ask(
            &mut processes[tenth as usize % 3],
            Lane::Bulk,
            &answer(used.min(5000)),
            now,
        );
        if tenth % 10 == 0 {
            exchange(&mut processes, now);
        }
        if used > 4000 {
            break;
        }
    }
    for quota in &processes {
        let need = quota.resources.known[&Resource::core()]
            .demand
            .before(Lane::Bulk, Duration::from_secs(200));
        assert!(need >= 1900, "{need}");
    }
}

#[test]
fn a_process_alone_in_silence_keeps_to_the_part_it_had() {
    let mut processes = processes(4, 3900);
    exchange(&mut processes, 1.0);
    let quota = &mut processes[0];
    quota.hear(&Hearing::Silence, at(2.0));
    let mut begun = 0;
    for second in 2..400 {
        let now = f64::from(second);
        if quota.decide(Lane::Bulk, &item(12), at(now)) == Decision::Go {
            let reservation = quota.reserve(Lane::Bulk, item(12), at(now));
            quota.begin(reservation);
            begun += 12;
        }
    }
    assert!(
        (12..=25).contains(&begun),
        "a quarter of the hundred: {begun}"
    );
    quota.hear(
        &Hearing::Others {
            me: "process-0".to_owned(),
            heard: Vec::new(),
        },
        at(400.0),
    );
    assert_eq!(quota.decide(Lane::Bulk, &item(12), at(400.0)), Decision::Go);
}

#[test]
fn processes_together_keep_to_the_rate_of_one() {
    let mut processes = processes(8, 0);
    let mut sent = 0_u64;
    let mut most = 0;
    let mut seconds = std::collections::VecDeque::new();
    for second in 1..180_u32 {
        let before = sent;
        for tenth in 0..10 {
            let now = f64::from(second) + f64::from(tenth) / 10.0;
            for quota in &mut processes {
                while quota.decide(Lane::Bulk, &read(), at(now)) == Decision::Go {
                    sent += 1;
                    let reservation = quota.reserve(Lane::Bulk, read(), at(now));
                    quota.settle(reservation, &answer(sent), at(now));
                }
            }
        }
        exchange(&mut processes, f64::from(second) + 0.99);
        seconds.push_back(sent - before);
        if seconds.len() > 60 {
            seconds.pop_front();
        }
        most = most.max(seconds.iter().sum::<u64>());
    }
    assert!(most <= 900, "{most} in a minute");
    assert!(sent >= 1800, "{sent} in three minutes");
}

#[test]
fn a_process_that_begins_with_a_wrong_clock_takes_github_s_from_the_others_and_keeps_their_block() {
    let mut processes = processes(2, 100);
    let dated = |seen: Seen| Seen {
        observation: Observation {
            date: Some(at(1.0)),
            ..seen.observation
        },
        ..seen
    };
    ask(&mut processes[0], Lane::Live, &dated(answer(101)), 1.0);
    ask(&mut processes[0], Lane::Bulk, &secondary(Some(60)), 2.0);
    let share = processes[0].share(at(3.0));
    // Its clock is two minutes ahead: by that, the block has ended.
    let mut newcomer = paced_by(Policy::Adaptive);
    let heard = vec![Heard {
        member: "process-0".to_owned(),
        share,
    }];
    let me = "process-9".to_owned();
    newcomer.hear(&Hearing::Others { me, heard }, at(123.0));
    let (reason, until) = waits(&newcomer, Lane::Live, 123.0).unwrap();
    assert_eq!(reason, WaitReason::Blocked);
    assert!((181.0..=183.0).contains(&until), "{until}");
}

#[test]
fn a_block_that_a_process_meets_and_hears_of_is_one_incident_in_either_order() {
    // What others tell of it ends later by seconds: neither their waits nor their clocks are exact.
    let told = at(10.0 + 8.0 + 3.5);
    let mut met_first = known(100);
    ask(&mut met_first, Lane::Live, &secondary(Some(8)), 10.0);
    met_first.close(told, at(10.2));
    let mut heard_first = known(100);
    let under_way = heard_first.reserve(Lane::Live, read(), at(10.0));
    heard_first.close(told, at(10.1));
    heard_first.settle(under_way, &secondary(Some(8)), at(10.2));
    for quota in [&mut met_first, &mut heard_first] {
        quota.close(told, at(11.0));
        assert_eq!(quota.report(at(11.0)).rate, 0.5);
        assert_eq!(quota.report(at(11.0)).closed_until, Some(told));
        // One that others keep for longer is the same, also when it is over here.
        quota.close(at(22.5), at(22.0));
        assert!(quota.report(at(22.0)).rate >= 0.5);
        quota.close(at(120.0), at(30.0));
        assert!(quota.report(at(30.0)).rate < 0.3);
    }
    // What GitHub refuses once a block is over is never the same.
    let mut again = known(100);
    ask(&mut again, Lane::Live, &secondary(Some(1)), 10.0);
    ask(&mut again, Lane::Live, &secondary(Some(1)), 11.5);
    assert!(again.report(at(11.5)).rate < 0.3);
}

#[test]
fn what_a_newcomer_spends_before_it_is_first_heard_is_not_taken_for_a_stranger_s() {
    let alone = |quota: &mut CredentialQuota, now: f64| {
        let me = "process-0".to_owned();
        let heard = Vec::new();
        quota.hear(&Hearing::Others { me, heard }, at(now));
    };
    let strangers = |quota: &CredentialQuota| {
        let demand = &quota.resources.known[&Resource::core()].demand;
        demand.seen_before(Lane::Bulk)
    };
    let mut first = paced_by(Policy::Adaptive);
    alone(&mut first, 0.0);
    ask(&mut first, Lane::Bulk, &answer(101), 0.1);
    let mut lonely = first.clone();
    alone(&mut first, 1.0);
    // Another has come, and spends until it is heard.
    let mut newcomer = paced_by(Policy::Adaptive);
    for used in 102..190 {
        ask(&mut newcomer, Lane::Bulk, &answer(used), 1.2);
    }
    ask(&mut first, Lane::Bulk, &answer(190), 1.3);
    let mut both = [first, newcomer];
    for second in 2..6 {
        exchange(&mut both, f64::from(second));
    }
    assert_eq!(strangers(&both[0]), 0);
    // Where nobody is heard who has spent it, it is a stranger's.
    ask(&mut lonely, Lane::Bulk, &answer(190), 1.3);
    for second in 2..5 {
        alone(&mut lonely, f64::from(second));
    }
    let found = strangers(&lonely);
    assert!((87..=88).contains(&found), "{found}");
}
