//! Limits in each of GitHub's forms: the request comes through in the end, and nothing is sent into a known block.

use std::time::Duration;

use github::{Client, Lane, graphql, rest};
use github_sim::SimConfig;
use github_sim::fault::{Action, Matcher, Rule};
use github_sim::limit::{RefusalStatus, Resource};
use serde_json::json;
use tokio::time::Instant;

use crate::lab::{Lab, status};

async fn read(client: &Client) {
    client
        .send(Lane::Scheduled, rest::users::org("acme").unconditional())
        .await
        .unwrap();
}

async fn probe(client: &Client) {
    let variables = json!({ "owner": "acme", "first": 100 });
    client
        .graphql::<graphql::Probe>(Lane::Scheduled, graphql::PROBE, &variables)
        .await
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_secondary_limit_in_any_form_closes_the_credential_until_it_is_over() {
    for retry_after in [true, false] {
        for status in [RefusalStatus::Forbidden, RefusalStatus::TooManyRequests] {
            for claims_exhaustion in [true, false] {
                let lab = Lab::new();
                let client = lab.with_token();
                read(&client).await;
                let seconds = if retry_after { 90 } else { 60 };
                let limit = Action::SecondaryLimit {
                    seconds,
                    retry_after,
                    status,
                    claims_exhaustion,
                };
                lab.strikes(
                    Rule::always(limit)
                        .when(Matcher::resource(Resource::Core))
                        .times(1),
                );
                let begun = Instant::now();
                let (rest, graphql) = (client.clone(), client.clone());
                let rest = tokio::spawn(async move { read(&rest).await });
                tokio::time::sleep(Duration::from_secs(5)).await;
                // The whole credential is closed, not only what was refused.
                probe(&graphql).await;
                rest.await.unwrap();
                let waited = begun.elapsed().as_secs();
                let form = (retry_after, status, claims_exhaustion);
                assert!(
                    (seconds..seconds + 30).contains(&waited),
                    "{form:?}: {waited} s"
                );
                let total = lab.summary().total;
                assert_eq!(
                    (total.refused_secondary, total.sent_into_block),
                    (1, 0),
                    "{form:?}"
                );
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_that_breaks_off_is_heeded_as_far_as_it_came() {
    for (retry_after, keep) in [(true, 0), (true, 40), (false, 160)] {
        let lab = Lab::new();
        let client = lab.with_token();
        let limit = Action::SecondaryLimit {
            seconds: 60,
            retry_after,
            status: RefusalStatus::Forbidden,
            claims_exhaustion: false,
        };
        lab.strikes(Rule::always(limit).times(1));
        lab.strikes(Rule::always(Action::Truncate { keep: Some(keep) }).times(1));
        let begun = Instant::now();
        read(&client).await;
        assert!(begun.elapsed().as_secs() >= 60);
        lab.assert_nothing_sent_into_a_block();
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_that_breaks_off_before_it_says_why_is_taken_for_a_limit() {
    let slowly = Action::Trickle {
        pieces: 100,
        pause_ms: 1_000,
    };
    for breaks_off in [
        Action::Truncate { keep: Some(0) },
        Action::Truncate { keep: Some(10) },
        slowly,
    ] {
        for status in [RefusalStatus::Forbidden, RefusalStatus::TooManyRequests] {
            let lab = Lab::new();
            let client = lab.with_token();
            let limit = Action::SecondaryLimit {
                seconds: 60,
                retry_after: false,
                status,
                claims_exhaustion: false,
            };
            lab.strikes(Rule::always(limit).times(1));
            lab.strikes(Rule::always(breaks_off.clone()).times(1));
            let begun = Instant::now();
            read(&client).await;
            assert!(begun.elapsed().as_secs() >= 60, "{:?}", begun.elapsed());
            assert_eq!(lab.summary().total.requests, 2, "{breaks_off:?}");
            let report = lab.governor.gate("lab").report().quota;
            assert_eq!((report.secondary_hits, report.incidents), (1, 1));
            lab.assert_nothing_sent_into_a_block();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_missing_permission_that_is_told_whole_closes_nothing() {
    let lab = Lab::new();
    let client = lab.with_token();
    lab.strikes(Rule::always(status(403)).times(1));
    let error = client
        .send(Lane::Scheduled, rest::users::org("acme"))
        .await
        .unwrap_err();
    assert!(error.is_forbidden() && !error.is_rate_limit(), "{error}");
    let begun = Instant::now();
    read(&client).await;
    assert!(begun.elapsed().as_secs() < 1);
}

#[tokio::test(start_paused = true)]
async fn a_spent_quota_is_waited_for_and_not_asked_again() {
    let mut config = SimConfig::default();
    config.rules.limits.primary.user = 30;
    let lab = Lab::with(config);
    let client = lab.with_token();
    let begun = Instant::now();
    for _ in 0..40 {
        client
            .send(Lane::Live, rest::users::org("acme").unconditional())
            .await
            .unwrap();
    }
    let waited = begun.elapsed().as_secs();
    assert!((3_500..3_700).contains(&waited), "one window: {waited} s");
    assert!(lab.summary().total.refused_primary <= 1);
    lab.assert_nothing_sent_into_a_block();
}

#[tokio::test(start_paused = true)]
async fn a_limit_inside_a_200_is_waited_for_in_both_spellings() {
    for kind in ["RATE_LIMITED", "RATE_LIMIT"] {
        let lab = Lab::new();
        let client = lab.with_token();
        lab.strikes(
            Rule::always(Action::GraphqlRateLimited {
                kind: kind.to_owned(),
            })
            .times(1),
        );
        let begun = Instant::now();
        probe(&client).await;
        assert!(
            begun.elapsed() >= Duration::from_secs(60),
            "{kind}: {:?}",
            begun.elapsed()
        );
        assert_eq!(lab.summary().resource(Resource::Graphql).requests, 2);
        lab.assert_nothing_sent_into_a_block();
    }
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_never_ends_is_an_error_in_the_end() {
    let lab = Lab::new();
    let client = lab.with_token();
    let limit = Action::SecondaryLimit {
        seconds: 60,
        retry_after: true,
        status: RefusalStatus::Forbidden,
        claims_exhaustion: false,
    };
    lab.strikes(Rule::always(limit));
    let error = client
        .send(Lane::Interactive, rest::users::org("acme"))
        .await
        .unwrap_err();
    assert!(error.is_rate_limit() && !error.is_forbidden());
    assert_eq!(lab.summary().total.requests, 5);
    lab.assert_nothing_sent_into_a_block();
}

#[tokio::test(start_paused = true)]
async fn a_server_without_limit_headers_is_not_waited_for() {
    let mut config = SimConfig::default();
    config.rules.limits.primary.enforced = false;
    let lab = Lab::with(config);
    let client = lab.with_token();
    let begun = Instant::now();
    for _ in 0..50 {
        read(&client).await;
    }
    probe(&client).await;
    assert!(
        begun.elapsed() < Duration::from_secs(60),
        "{:?}",
        begun.elapsed()
    );
    let error = client
        .send(Lane::Interactive, rest::rate_limit::rate_limit())
        .await
        .unwrap_err();
    assert!(error.is_not_found());
}

#[tokio::test(start_paused = true)]
async fn headers_that_go_missing_for_a_while_stop_nothing() {
    let lab = Lab::new();
    let client = lab.with_token();
    read(&client).await;
    lab.strikes(Rule::always(Action::NoLimitHeaders).times(10));
    for _ in 0..20 {
        read(&client).await;
    }
    lab.assert_nothing_sent_into_a_block();
}
