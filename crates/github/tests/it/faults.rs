//! Trouble on the way and inside GitHub: what is repeated, what is asked for in smaller pieces, what is told.

use std::time::Duration;

use github::graphql::Pages;
use github::{Lane, graphql, rest};
use github_sim::fault::{Action, Matcher, Rule};
use serde_json::json;
use tokio::time::Instant;

use crate::lab::{Lab, status};

const ORG: &str = "/orgs/acme";

#[tokio::test(start_paused = true)]
async fn trouble_inside_github_is_waited_out_with_growing_pauses() {
    let lab = Lab::new();
    let client = lab.with_token();
    lab.strikes(Rule::always(status(502)).when(Matcher::path(ORG)).times(3));
    let begun = Instant::now();
    client
        .send(Lane::Live, rest::users::org("acme"))
        .await
        .unwrap();
    let waited = begun.elapsed();
    assert!(
        (Duration::from_millis(3_500)..Duration::from_secs(12)).contains(&waited),
        "{waited:?}"
    );

    lab.strikes(Rule::always(status(503)).when(Matcher::path(ORG)));
    let before = lab.summary().total.requests;
    let error = client
        .send(Lane::Live, rest::users::org("acme"))
        .await
        .unwrap_err();
    assert!(error.is_server_error());
    assert_eq!(lab.summary().total.requests - before, 4);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_breaks_off_is_asked_for_again() {
    let lab = Lab::new();
    let client = lab.with_token();
    for keep in [Some(0), Some(1), None] {
        lab.strikes(Rule::always(Action::Truncate { keep }).times(1));
    }
    let response = client
        .send(Lane::Live, rest::users::org("acme"))
        .await
        .unwrap();
    assert_eq!(response.json::<rest::User>().unwrap().login, "acme");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_never_ends_is_given_up_after_the_time_for_one_try() {
    let lab = Lab::new();
    let client = lab.with_token();
    lab.strikes(
        Rule::always(Action::Trickle {
            pieces: 100,
            pause_ms: 1_000,
        })
        .when(Matcher::path(ORG))
        .times(1),
    );
    let begun = Instant::now();
    client
        .send(Lane::Live, rest::users::org("acme"))
        .await
        .unwrap();
    assert!(
        (30..40).contains(&begun.elapsed().as_secs()),
        "{:?}",
        begun.elapsed()
    );

    lab.strikes(
        Rule::always(Action::Trickle {
            pieces: 100,
            pause_ms: 1_000,
        })
        .when(Matcher::path(ORG)),
    );
    let error = client
        .send(Lane::Live, rest::users::org("acme").unconditional())
        .await
        .unwrap_err();
    assert!(error.is_unreachable() && error.is_too_large());
    insta::assert_snapshot!(error, @"cannot reach GitHub for GET /orgs/acme");
}

#[tokio::test(start_paused = true)]
async fn a_body_beyond_the_bound_is_refused_without_a_second_try() {
    let lab = Lab::new();
    let client = lab.client_with(crate::lab::token("sim-token"), |settings| {
        settings.max_body = 100;
    });
    let error = client
        .send(Lane::Live, rest::users::org("acme"))
        .await
        .unwrap_err();
    assert!(error.is_too_large());
    assert_eq!(lab.summary().total.requests, 1);
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_told_as_one() {
    let lab = Lab::new();
    let client = lab.with_token();
    lab.strikes(Rule::outage());
    let error = client
        .send(Lane::Live, rest::users::org("acme"))
        .await
        .unwrap_err();
    assert!(error.is_unreachable() && !error.is_too_large());
    lab.sim.faults().clear();
    client
        .send(Lane::Live, rest::users::org("acme"))
        .await
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_page_that_github_cannot_answer_shrinks_and_the_good_size_is_remembered() {
    let lab = Lab::new();
    let (client, pages) = (lab.with_token(), Pages::new());
    let too_many = Matcher {
        first_above: Some(30),
        ..Matcher::operation("Pulls")
    };
    lab.strikes(Rule::always(status(502)).when(too_many));
    let variables = json!({ "owner": "acme", "name": lab.repo() });
    for expected in [3, 4] {
        client
            .graphql_page::<graphql::Pulls>(
                Lane::Scheduled,
                graphql::PULLS,
                &variables,
                &pages,
                "acme/r",
            )
            .await
            .unwrap();
        let asked = lab.summary().endpoint("POST graphql Pulls").requests;
        assert_eq!(asked, expected, "100, 50, 25, and then 25 at once");
    }
    assert_eq!(pages.size("acme/r"), 25);
}

#[tokio::test(start_paused = true)]
async fn a_page_that_was_cut_short_is_never_taken_for_whole() {
    let lab = Lab::new();
    let (client, pages) = (lab.with_token(), Pages::new());
    let variables = json!({ "owner": "acme" });
    lab.strikes(Rule::always(Action::PartialData).times(2));
    let answer = client
        .graphql_page::<graphql::Probe>(Lane::Scheduled, graphql::PROBE, &variables, &pages, "acme")
        .await
        .unwrap();
    let repositories = answer.data.repository_owner.unwrap().repositories;
    assert_eq!((repositories.nodes.len(), repositories.unreadable), (12, 0));
    assert_eq!(pages.size("acme"), 25);

    lab.strikes(Rule::always(Action::PartialData));
    let error = client
        .graphql_page::<graphql::Probe>(Lane::Scheduled, graphql::PROBE, &variables, &pages, "acme")
        .await
        .unwrap_err();
    assert!(error.is_too_large(), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_request_leaves_the_client_whole() {
    let lab = Lab::new();
    let client = lab.with_app();
    lab.strikes(Rule::always(Action::Delay { ms: 10_000 }).times(1));
    let cancelled = tokio::time::timeout(
        Duration::from_secs(1),
        client.send(Lane::Live, rest::users::org("acme")),
    );
    assert!(cancelled.await.is_err());
    client
        .send(Lane::Live, rest::users::org("acme"))
        .await
        .unwrap();
}
