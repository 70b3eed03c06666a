//! What an adversary would try: callers that go away in mid-air, answers that say nothing of limits, and late work in the way
//! of what is urgent.

use std::time::Duration;

use github::{Client, Lane, Request, rest};
use github_sim::fault::{Action, Rule};
use quota::{Policy, Resource};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until};

use crate::lab::{Lab, settle, status};

/// Asks from a task of its own for what nobody else asks for.
fn ask(client: &Client, lane: Lane, number: u32) -> JoinHandle<()> {
    let client = client.clone();
    let request = Request::get(format!("/orgs/acme?number={number}")).unconditional();
    tokio::spawn(async move {
        client.send(lane, request).await.unwrap();
    })
}

#[tokio::test(start_paused = true)]
async fn live_work_does_not_wait_for_a_token_that_a_scrape_is_to_mint() {
    let lab = Lab::new().paced(Policy::Sprint);
    let client = lab.with_app();
    let minted = Instant::now();
    ask(&client, Lane::Live, 0).await.unwrap();
    sleep_until(minted + Duration::from_secs(54 * 60 + 30)).await;
    // All points of the minute but one that are not set aside for live work.
    let scrapes: Vec<_> = (1..720)
        .map(|number| ask(&client, Lane::Scheduled, number))
        .collect();
    for scrape in scrapes {
        scrape.await.unwrap();
    }
    sleep_until(minted + Duration::from_secs(55 * 60 + 1)).await;
    let scrape = ask(&client, Lane::Scheduled, 1000);
    settle().await;
    let arrived = Instant::now();
    ask(&client, Lane::Live, 1001).await.unwrap();
    let waited = arrived.elapsed();
    assert!(waited < Duration::from_secs(1), "{waited:?}");
    scrape.await.unwrap();
    assert_eq!(client.stats().tokens_minted, 2);
}

#[tokio::test(start_paused = true)]
async fn requests_whose_callers_went_away_count_as_spent_and_are_nobody_else_s() {
    let lab = Lab::new().paced(Policy::Sprint);
    let client = lab.with_token();
    ask(&client, Lane::Live, 0).await.unwrap();
    lab.strikes(Rule::always(Action::Delay { ms: 5000 }).times(12));
    let asked: Vec<_> = (1..=12)
        .map(|number| ask(&client, Lane::Bulk, number))
        .collect();
    sleep(Duration::from_secs(1)).await;
    for request in &asked {
        request.abort();
    }
    settle().await;
    assert_eq!(lab.bucket("core").used, Some(13), "they were sent");
    sleep(Duration::from_secs(10)).await;
    ask(&client, Lane::Live, 13).await.unwrap();
    let used = lab.bucket("core").used.unwrap();
    assert!((2..=14).contains(&used), "GitHub has the last word: {used}");
    let gate = lab.governor.gate("lab");
    let learnt = gate.with_quota(|quota, _| quota.learnt());
    let core = learnt
        .resources
        .iter()
        .find(|(name, _)| name == Resource::core().as_str());
    let live = &core.unwrap().1[0];
    let most = live.iter().flat_map(|hour| &hour.most).max();
    assert_eq!(most, Some(&2), "live work has sent two");
}

#[tokio::test(start_paused = true)]
async fn an_error_that_says_nothing_of_limits_does_not_lift_them() {
    for code in [401, 500, 503] {
        let lab = Lab::new().paced(Policy::Sprint);
        let client = lab.with_token();
        lab.strikes(Rule::always(status(code)).times(1));
        lab.strikes(Rule::always(Action::Delay { ms: 5000 }));
        let first = client.clone();
        let first = tokio::spawn(async move {
            let request = rest::users::org("acme").unconditional();
            first.send(Lane::Bulk, request).await.is_ok()
        });
        sleep(Duration::from_millis(5400)).await;
        let asked: Vec<_> = (1..=12)
            .map(|number| ask(&client, Lane::Bulk, number))
            .collect();
        settle().await;
        let in_flight = lab.governor.gate("lab").report().quota.in_flight;
        assert_eq!(in_flight, 1, "after a {code} one finds out");
        for request in asked {
            request.await.unwrap();
        }
        assert_eq!(first.await.unwrap(), code != 401);
    }
}
