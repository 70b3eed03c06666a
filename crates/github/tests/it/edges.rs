//! The edges of the limits, seen through a client: headers that are missing, wrong or of somebody else, and limits that are
//! small, change or are met in the middle of work.

mod waits;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use github::{Client, Credential, Lane, Request, graphql, rest};
use github_sim::SimConfig;
use github_sim::fault::{Action, Matcher, Rule};
use github_sim::limit::{RefusalStatus, Resource};
use quota::Policy;
use serde_json::json;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use crate::lab::{Lab, limit, minutes, status};

/// Something to ask that nobody else asks, so that every request is sent.
fn org() -> Request {
    static ASKED: AtomicU64 = AtomicU64::new(0);
    let asked = ASKED.fetch_add(1, Ordering::Relaxed);
    Request::get(format!("/orgs/acme?asked={asked}")).unconditional()
}

async fn read(client: &Client, lane: Lane) {
    client.send(lane, org()).await.unwrap();
}

/// Asks so often, one request after the other, from a task of its own.
fn run(client: &Client, lane: Lane, requests: u64) -> JoinHandle<()> {
    let client = client.clone();
    tokio::spawn(async move {
        for _ in 0..requests {
            read(&client, lane).await;
        }
    })
}

fn requests(lab: &Lab) -> u64 {
    lab.summary().total.requests
}

/// Answers whose headers read so.
fn headers(headers: &[(&str, Option<&str>)]) -> Action {
    let headers = headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.map(str::to_owned)));
    Action::Headers(BTreeMap::from_iter(headers))
}

const BOTH: [Policy; 2] = [Policy::Adaptive, Policy::Even];

#[tokio::test(start_paused = true)]
async fn without_a_credential_work_goes_on_to_sixty_percent_and_live_work_has_the_rest() {
    for policy in BOTH {
        let lab = Lab::new().paced(policy);
        let client = lab.client(Credential::Anonymous);
        let work = run(&client, Lane::Scheduled, 60);
        minutes(10).await;
        assert_eq!(requests(&lab), 36, "{policy}: 60 less two fifths");
        assert_eq!(lab.bucket("core").limit, Some(60));
        let begun = Instant::now();
        for _ in 0..24 {
            read(&client, Lane::Live).await;
        }
        assert!(begun.elapsed().as_secs() < 5, "{policy}");
        // Nothing is left, so that live work waits for the reset as well. The rest of the work goes on in the next window,
        // and what was learnt of live work by then decides how early.
        read(&client, Lane::Live).await;
        let waited = begun.elapsed().as_secs();
        assert!((2_990..3_010).contains(&waited), "{policy}: {waited} s");
        work.await.unwrap();
        let waited = begun.elapsed().as_secs();
        assert!(waited < 6_610, "{policy}: {waited} s");
        assert_eq!(lab.summary().total.refused_primary, 0, "{policy}");
    }
}

#[tokio::test(start_paused = true)]
async fn of_a_thousand_an_hour_four_hundred_are_kept_and_not_all() {
    for policy in BOTH {
        let lab = Lab::with(limit(1_000)).paced(policy);
        let client = lab.with_token();
        let _work = run(&client, Lane::Scheduled, 700);
        minutes(10).await;
        assert_eq!(requests(&lab), 600, "{policy}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_grows_in_mid_run_lets_work_go_on_and_one_that_shrinks_stops_it() {
    for policy in BOTH {
        let lab = Lab::with(limit(5_000)).paced(policy);
        let client = lab.with_token();
        lab.others_spend(4_200).await;
        read(&client, Lane::Live).await;
        let work = run(&client, Lane::Scheduled, 10);
        minutes(5).await;
        assert!(!work.is_finished(), "{policy}: 799 are left");

        let mut limits = lab.sim.limits();
        limits.primary.user = 12_500;
        lab.sim.set_limits(limits.clone());
        let begun = Instant::now();
        read(&client, Lane::Live).await;
        work.await.unwrap();
        assert!(begun.elapsed().as_secs() < 5, "{policy}");
        assert_eq!(lab.bucket("core").limit, Some(12_500));

        limits.primary.user = 1_000;
        lab.sim.set_limits(limits);
        let live = run(&client, Lane::Live, 1);
        minutes(5).await;
        let work = run(&client, Lane::Scheduled, 10);
        let before = requests(&lab);
        minutes(30).await;
        assert!(!live.is_finished() && !work.is_finished());
        assert_eq!(requests(&lab), before, "{policy}: nobody asks again");
        live.await.unwrap();
        work.await.unwrap();
        assert_eq!(lab.bucket("core").limit, Some(1_000));
        assert_eq!(lab.summary().total.refused_primary, 1, "{policy}");
        lab.assert_nothing_sent_into_a_block();
    }
}

#[tokio::test(start_paused = true)]
async fn what_remains_without_a_reset_is_never_waited_for() {
    for policy in BOTH {
        let lab = Lab::with(limit(100)).paced(policy);
        let client = lab.with_token();
        lab.strikes(Rule::always(headers(&[("x-ratelimit-reset", None)])));
        let begun = Instant::now();
        for _ in 0..90 {
            read(&client, Lane::Scheduled).await;
        }
        assert!(begun.elapsed().as_secs() < 60, "{policy}");
        assert_eq!(lab.bucket("core").remaining, Some(10));
    }
}

#[tokio::test(start_paused = true)]
async fn a_reset_that_is_now_or_past_means_a_full_bucket() {
    for policy in BOTH {
        for past in [0, 1, 600, 1_000_000] {
            let lab = Lab::with(limit(500)).paced(policy);
            let client = lab.with_token();
            lab.others_spend(470).await;
            let reset = (lab.sim.clock().now().as_second() - past).to_string();
            lab.strikes(Rule::always(headers(&[(
                "x-ratelimit-reset",
                Some(&reset),
            )])));
            let begun = Instant::now();
            for _ in 0..20 {
                read(&client, Lane::Scheduled).await;
            }
            assert!(begun.elapsed().as_secs() < 30, "{policy} {past}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_no_number_is_neither_a_limit_nor_the_end_of_one() {
    let names = [
        "x-ratelimit-limit",
        "x-ratelimit-remaining",
        "x-ratelimit-used",
        "x-ratelimit-reset",
    ];
    for nonsense in ["NaN", "", "-1", "1e9", "0x0"] {
        let nonsense = names.map(|name| (name, Some(nonsense)));
        let lab = Lab::with(limit(500));
        let client = lab.with_token();
        lab.strikes(Rule::always(headers(&nonsense)));
        let begun = Instant::now();
        for _ in 0..30 {
            read(&client, Lane::Scheduled).await;
        }
        assert!(begun.elapsed().as_secs() < 60, "{nonsense:?}");

        // What is known stays known.
        lab.sim.faults().clear();
        lab.others_spend(400).await;
        read(&client, Lane::Live).await;
        lab.strikes(Rule::always(headers(&nonsense)));
        read(&client, Lane::Live).await;
        let work = run(&client, Lane::Scheduled, 1);
        minutes(5).await;
        assert!(!work.is_finished(), "{nonsense:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn missing_used_is_what_does_not_remain() {
    for policy in BOTH {
        let lab = Lab::with(limit(100)).paced(policy);
        let client = lab.with_token();
        lab.strikes(Rule::always(headers(&[("x-ratelimit-used", None)])));
        let _work = run(&client, Lane::Scheduled, 90);
        minutes(5).await;
        assert_eq!(requests(&lab), 60, "{policy}");
        assert_eq!(lab.bucket("core").used, Some(60));
    }
}

#[tokio::test(start_paused = true)]
async fn the_headers_of_search_and_of_graphql_say_nothing_of_core() {
    let lab = Lab::new();
    let client = lab.with_token();
    for _ in 0..12 {
        let search = Request::get("/search/issues?q=x").unconditional();
        let error = client.send(Lane::Live, search).await.unwrap_err();
        assert!(error.is_not_found());
    }
    let variables = json!({ "owner": "acme", "first": 100 });
    client
        .graphql::<graphql::Probe>(Lane::Scheduled, graphql::PROBE, &variables)
        .await
        .unwrap();
    let begun = Instant::now();
    for _ in 0..100 {
        read(&client, Lane::Scheduled).await;
    }
    assert!(begun.elapsed().as_secs() < 10);
    let limits = ["core", "graphql", "search"].map(|name| lab.bucket(name).limit);
    assert_eq!(limits, [Some(5_000), Some(5_000), Some(30)]);
    let used = ["core", "search"].map(|name| lab.bucket(name).used);
    assert_eq!(used, [Some(100), Some(12)]);
}

#[tokio::test(start_paused = true)]
async fn a_query_of_several_points_keeps_the_reserve_as_well() {
    for policy in BOTH {
        let mut config = limit(5_000);
        config.rules.limits.primary.graphql = Some(25);
        let lab = Lab::with(config).paced(policy);
        let client = lab.with_token();
        let variables = json!({ "owner": "acme", "name": lab.repo(), "first": 100 });
        let ask = move || {
            let (client, variables) = (client.clone(), variables.clone());
            async move {
                let answer = client
                    .graphql::<graphql::Pulls>(Lane::Scheduled, graphql::PULLS, &variables)
                    .await;
                answer.unwrap().cost
            }
        };
        assert_eq!(ask().await, 2);
        let work = tokio::spawn(async move {
            for _ in 0..20 {
                ask().await;
            }
        });
        minutes(5).await;
        // 25 less a reserve of 10 is seven times two.
        assert_eq!(
            lab.summary().resource(Resource::Graphql).cost,
            14,
            "{policy}"
        );
        assert_eq!(lab.bucket("graphql").used, Some(14));
        work.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn a_limit_in_mid_run_stops_everything_once_and_loses_nothing() {
    for retry_after in [true, false] {
        for status in [RefusalStatus::Forbidden, RefusalStatus::TooManyRequests] {
            let lab = Lab::new();
            let client = lab.with_token();
            let limit = Action::SecondaryLimit {
                seconds: 60,
                retry_after,
                status,
                claims_exhaustion: false,
            };
            lab.strikes(Rule::always(limit).skip(20).times(1));
            let begun = Instant::now();
            let work: Vec<_> = (0..5).map(|n| run(&client, Lane::ALL[n], 10)).collect();
            for work in work {
                work.await.unwrap();
            }
            let waited = begun.elapsed().as_secs();
            assert!(waited >= 60, "{waited} s");
            let total = lab.summary().total;
            // What was under way when the limit was met is refused with it; nothing is sent after that.
            let refused = total.refused_secondary;
            assert!((1..=5).contains(&refused), "{refused}");
            assert_eq!(total.requests, 50 + refused);
            assert_eq!(lab.governor.gate("lab").report().quota.incidents, 1);
            lab.assert_nothing_sent_into_a_block();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn tries_that_fail_count_as_spent_until_headers_tell() {
    let lab = Lab::new();
    let client = lab.with_token();
    let ask = async || {
        client
            .graphql::<graphql::Viewer>(Lane::Scheduled, graphql::VIEWER, &json!({}))
            .await
    };
    ask().await.unwrap();
    assert_eq!(lab.bucket("graphql").used, Some(1));
    lab.strikes(Rule::always(status(502)).when(Matcher::resource(Resource::Graphql)));
    assert!(ask().await.unwrap_err().is_server_error());
    // GitHub charges for each of them and says so in no header.
    assert_eq!(lab.summary().resource(Resource::Graphql).cost, 5);
    assert_eq!(lab.bucket("graphql").used, Some(5));
    lab.sim.faults().clear();
    ask().await.unwrap();
    assert_eq!(lab.bucket("graphql").used, Some(6));
}

#[tokio::test(start_paused = true)]
async fn of_two_requests_without_an_answer_between_them_the_second_counts_the_first() {
    let lab = Lab::with(limit(100)).paced(Policy::Even);
    let client = lab.with_token();
    lab.others_spend(58).await;
    read(&client, Lane::Live).await;
    assert_eq!(lab.bucket("core").remaining, Some(41));
    lab.strikes(Rule::always(Action::Delay { ms: 5_000 }));
    let before = requests(&lab);
    let _work: Vec<_> = (0..5).map(|_| run(&client, Lane::Scheduled, 1)).collect();
    sleep(Duration::from_secs(4)).await;
    assert_eq!(lab.governor.gate("lab").report().quota.in_flight, 1);
    minutes(5).await;
    assert_eq!(requests(&lab) - before, 1);
}

#[tokio::test(start_paused = true)]
async fn an_enterprise_server_without_limits_is_paced_by_nothing_but_the_secondary_budgets() {
    let mut config = SimConfig::default();
    config.rules.limits.primary.enforced = false;
    let lab = Lab::with(config);
    let client = lab.with_token();
    let error = client
        .send(Lane::Interactive, rest::rate_limit::rate_limit())
        .await
        .unwrap_err();
    assert!(error.is_not_found());
    let begun = Instant::now();
    let work: Vec<_> = Lane::ALL
        .iter()
        .map(|lane| run(&client, *lane, 100))
        .collect();
    for work in work {
        work.await.unwrap();
    }
    let waited = begun.elapsed().as_secs();
    assert!(waited < 60, "500 requests in {waited} s");
    let known: Vec<Option<u64>> = lab
        .governor
        .gate("lab")
        .report()
        .quota
        .resources
        .iter()
        .map(|one| one.limit)
        .collect();
    assert!(known.iter().all(Option::is_none), "{known:?}");
    assert_eq!(lab.summary().total.refused_secondary, 0);
}
