//! Waits for the reset or the end of a block: by clocks that are off, of many processes at once, and of one that is killed.

use std::time::Duration;

use github::{Client, Lane};
use github_sim::fault::{Action, Rule};
use github_sim::limit::RefusalStatus;
use jiff::SignedDuration;
use quota::Policy;
use tokio::time::Instant;

use super::{read, requests, run};
use crate::lab::{Lab, limit, minutes, settle};

/// How long scheduled work that finds nothing above the reserve waits, in seconds after the reset.
async fn waits_beyond_the_reset(lab: &Lab, meanwhile: impl AsyncFnOnce(&Client)) -> f64 {
    let client = lab.with_token();
    let reset = Instant::now() + Duration::from_secs(3_600);
    lab.others_spend(400).await;
    read(&client, Lane::Live).await;
    let work = run(&client, Lane::Scheduled, 1);
    minutes(10).await;
    meanwhile(&client).await;
    work.await.unwrap();
    let now = Instant::now();
    if now < reset {
        -(reset - now).as_secs_f64()
    } else {
        (now - reset).as_secs_f64()
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_ahead_or_behind_waits_as_long_as_any_other() {
    for minutes in [-600, -15, 0, 15, 600] {
        let lab = Lab::with(limit(500))
            .off_by(SignedDuration::from_mins(minutes))
            .paced(Policy::Even);
        let beyond = waits_beyond_the_reset(&lab, async |_| ()).await;
        assert!((-1.0..4.0).contains(&beyond), "{minutes}: {beyond}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_step_of_githubs_own_clock_moves_a_wait_by_no_more_than_itself() {
    for seconds in [-120, 120] {
        let lab = Lab::with(limit(500)).paced(Policy::Even);
        let beyond = waits_beyond_the_reset(&lab, async |client| {
            lab.strikes(Rule::always(Action::Skew { seconds }));
            for _ in 0..20 {
                read(client, Lane::Live).await;
                minutes(1).await;
            }
        })
        .await;
        assert!((-1.0..125.0).contains(&beyond), "{seconds}: {beyond}");
    }
}

#[tokio::test(start_paused = true)]
async fn processes_that_wait_for_one_reset_do_not_come_back_in_one_instant() {
    let lab = Lab::with(limit(500)).paced(Policy::Even);
    let reset = lab.sim.clock().now() + Duration::from_secs(3_600);
    lab.others_spend(400).await;
    let mut processes = Vec::new();
    for _ in 0..12 {
        let process = lab.another().paced(Policy::Even);
        let client = process.with_token();
        read(&client, Lane::Live).await;
        processes.push((run(&client, Lane::Scheduled, 1), process));
    }
    lab.sim.observer().reset();
    for (work, _process) in processes {
        work.await.unwrap();
    }
    let mut came: Vec<f64> = lab
        .sim
        .observer()
        .requests()
        .iter()
        .map(|seen| seen.at.duration_since(reset).as_secs_f64())
        .collect();
    came.sort_by(f64::total_cmp);
    assert_eq!(came.len(), 12);
    assert!(came[0] >= 0.0 && came[11] < 4.0, "{came:?}");
    let tenths: std::collections::BTreeSet<i64> =
        came.iter().map(|at| (at * 10.0) as i64).collect();
    assert!(tenths.len() >= 4, "{came:?}");
}

#[tokio::test(start_paused = true)]
async fn a_process_that_is_killed_while_it_waits_leaves_nothing_behind() {
    let lab = Lab::with(limit(500));
    lab.others_spend(400).await;
    let client = lab.with_token();
    read(&client, Lane::Live).await;
    let work: Vec<_> = (0..20).map(|_| run(&client, Lane::Scheduled, 1)).collect();
    minutes(10).await;
    let before = requests(&lab);
    for work in work {
        work.abort();
    }
    settle().await;
    let report = lab.governor.gate("lab").report();
    assert_eq!((report.quota.in_flight, report.waiting), (0, Vec::new()));

    // The next one knows nothing: one request finds out, and the others wait where they waited before.
    let next = lab.another();
    let client = next.with_token();
    let work: Vec<_> = (0..20).map(|_| run(&client, Lane::Scheduled, 1)).collect();
    minutes(10).await;
    assert_eq!(requests(&lab) - before, 1);
    for work in work {
        work.await.unwrap();
    }
    assert_eq!(lab.summary().total.refused_primary, 0);
}

#[tokio::test(start_paused = true)]
async fn a_block_outlives_the_process_that_met_it() {
    let lab = Lab::new();
    let client = lab.with_token();
    let limit = Action::SecondaryLimit {
        seconds: 600,
        retry_after: true,
        status: RefusalStatus::Forbidden,
        claims_exhaustion: false,
    };
    lab.strikes(Rule::always(limit).times(1));
    let work = run(&client, Lane::Live, 1);
    minutes(1).await;
    let until = lab.governor.gate("lab").report().quota.closed_until;
    work.abort();

    let next = lab.another();
    next.governor.gate("lab").close(until.unwrap());
    let begun = Instant::now();
    let work: Vec<_> = Lane::ALL
        .iter()
        .map(|lane| run(&next.with_token(), *lane, 1))
        .collect();
    for work in work {
        work.await.unwrap();
    }
    let waited = begun.elapsed().as_secs();
    assert!((539..560).contains(&waited), "{waited} s");
    lab.assert_nothing_sent_into_a_block();
}
