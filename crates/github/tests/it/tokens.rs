//! Installation tokens: minted when needed, once; renewed early; and what people read when that fails.

use github::{Credential, Lane, graphql, rest};
use github_sim::fault::{Action, Matcher, Rule};
use jiff::SignedDuration;
use serde_json::json;

use crate::lab::{Lab, minutes, status, token};

const MINT: &str = "POST /app/installations/{installation_id}/access_tokens";

fn mints(lab: &Lab) -> u64 {
    lab.summary().endpoint(MINT).requests
}

#[tokio::test(start_paused = true)]
async fn many_requests_at_once_share_one_mint() {
    let lab = Lab::new();
    let client = lab.with_app();
    let requests: Vec<_> = (0..20)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move {
                client
                    .send(Lane::Live, rest::users::org("acme"))
                    .await
                    .unwrap()
            })
        })
        .collect();
    for request in requests {
        request.await.unwrap();
    }
    assert_eq!((mints(&lab), client.stats().tokens_minted), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_token_is_renewed_five_minutes_before_it_expires_and_is_never_refused() {
    let lab = Lab::new();
    let client = lab.with_app();
    let mut minted = Vec::new();
    for _ in 0..13 {
        client
            .send(Lane::Live, rest::users::org("acme"))
            .await
            .unwrap();
        minted.push(mints(&lab));
        minutes(10).await;
    }
    assert_eq!(minted, [1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 3]);
    assert_eq!(lab.summary().total.refused_credential, 0);
}

#[tokio::test(start_paused = true)]
async fn a_token_that_github_refuses_is_replaced_once() {
    let lab = Lab::new();
    let client = lab.with_app();
    client
        .send(Lane::Live, rest::users::org("acme"))
        .await
        .unwrap();
    lab.sim.credentials().revoke_installation_tokens();
    client
        .send(Lane::Live, rest::users::org("acme"))
        .await
        .unwrap();
    assert_eq!(
        (mints(&lab), lab.summary().total.refused_credential),
        (2, 1)
    );

    lab.strikes(Rule::always(Action::ExpireToken).when(Matcher::path("/orgs/acme")));
    let error = client
        .send(Lane::Live, rest::users::org("acme"))
        .await
        .unwrap_err();
    assert!(error.is_unauthorized());
    assert_eq!(
        (mints(&lab), lab.summary().total.refused_credential),
        (3, 3)
    );
}

#[tokio::test(start_paused = true)]
async fn a_token_that_lives_is_used_on_while_it_cannot_be_renewed() {
    let lab = Lab::new();
    let client = lab.with_app();
    client
        .send(Lane::Live, rest::users::org("acme"))
        .await
        .unwrap();
    lab.strikes(Rule::always(status(500)).when(Matcher::path("/app/installations/*")));
    minutes(56).await;
    client
        .send(Lane::Live, rest::users::org("acme"))
        .await
        .unwrap();
    minutes(5).await;
    let error = client
        .send(Lane::Live, rest::users::org("acme"))
        .await
        .unwrap_err();
    assert!(error.is_server_error());
    lab.sim.faults().clear();
    client
        .send(Lane::Live, rest::users::org("acme"))
        .await
        .unwrap();
    assert_eq!(lab.summary().total.refused_credential, 0);
}

#[tokio::test(start_paused = true)]
async fn an_app_that_is_installed_anew_is_found_again() {
    let lab = Lab::new();
    let client = lab.with_app();
    client
        .send(Lane::Live, rest::users::org("acme"))
        .await
        .unwrap();
    let owner = lab.sim.world().account_named("acme").unwrap().id;
    let credentials = lab.sim.credentials();
    credentials.uninstall(credentials.installation_of(owner), true);
    credentials.revoke_installation_tokens();
    let error = client
        .send(Lane::Live, rest::users::org("acme"))
        .await
        .unwrap_err();
    assert!(error.is_not_installed(), "{error}");
    credentials.uninstall(credentials.installation_of(owner), false);
    client
        .send(Lane::Live, rest::users::org("acme"))
        .await
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_bucket_of_the_anonymous_is_never_taken_for_the_credentials() {
    let lab = Lab::new();
    let client = lab.with_token();
    client
        .send(Lane::Live, rest::users::org("acme"))
        .await
        .unwrap();
    lab.strikes(Rule::always(Action::ExpireToken).times(1));
    assert!(
        client
            .send(Lane::Live, rest::users::org("acme"))
            .await
            .unwrap_err()
            .is_unauthorized()
    );
    let limits = |lab: &Lab| -> Vec<Option<u64>> {
        lab.governor
            .report()
            .into_iter()
            .flat_map(|credential| credential.quota.resources.into_iter().map(|r| r.limit))
            .collect()
    };
    assert_eq!(limits(&lab), [Some(5_000)]);
}

#[tokio::test(start_paused = true)]
async fn every_bad_credential_says_what_is_wrong_with_it() {
    let lab = Lab::new();
    let other_key = Lab::with(github_sim::SimConfig {
        seed: 99,
        ..Default::default()
    })
    .app_at("acme");
    let ask = async |lab: &Lab, credential: Credential| {
        lab.client(credential)
            .send(Lane::Interactive, rest::users::org("acme"))
            .await
            .unwrap_err()
    };
    let wrong_token = ask(&lab, token("wrong")).await;
    assert!(wrong_token.is_unauthorized());
    let wrong_key = ask(&lab, other_key).await;
    assert!(wrong_key.is_wrong_key());
    let not_installed = ask(&lab, lab.app_at("nobody-here")).await;
    assert!(not_installed.is_not_installed());
    let behind = Lab::new().off_by(SignedDuration::from_mins(-15));
    let behind = ask(&behind, behind.app_at("acme")).await;
    assert_eq!(
        behind
            .clock_off()
            .map(|off| (off.as_secs_f64() / 60.0).round()),
        Some(-15.0)
    );
    let ahead = Lab::new().off_by(SignedDuration::from_mins(7));
    let ahead = ask(&ahead, ahead.app_at("acme")).await;
    assert!(ahead.clock_off().is_some());
    let unknown = lab
        .with_token()
        .send(Lane::Interactive, rest::users::org("nobody-here"))
        .await
        .unwrap_err();
    assert!(unknown.is_not_found());
    insta::assert_snapshot!(
        [wrong_token, wrong_key, not_installed, behind, ahead, unknown].map(|error| error.to_string()).join("\n"),
        @r"
    GitHub answers GET /orgs/acme with 401 Unauthorized: Bad credentials
    GitHub refuses the private key for App 1: A JSON web token could not be decoded
    App 1 is not installed for nobody-here
    the clock of this machine is 15 min behind GitHub's, so that GitHub refuses the signature of App 1
    the clock of this machine is 7 min ahead of GitHub's, so that GitHub refuses the signature of App 1
    GitHub answers GET /orgs/nobody-here with 404 Not Found: Not Found
    "
    );
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_off_by_less_than_a_minute_does_no_harm() {
    for seconds in [-59, 59] {
        let lab = Lab::new().off_by(SignedDuration::from_secs(seconds));
        let client = lab.with_app();
        client
            .send(Lane::Live, rest::users::org("acme"))
            .await
            .unwrap();
        let ahead = client.clock_ahead().unwrap();
        assert!((ahead.as_secs() - seconds).abs() <= 1, "{ahead:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_installation_reads_rest_and_graphql_of_its_owner() {
    let lab = Lab::new();
    let client = lab.with_app();
    let variables = json!({ "owner": "acme", "first": 5 });
    let probe = client
        .graphql::<graphql::Probe>(Lane::Scheduled, graphql::PROBE, &variables)
        .await
        .unwrap();
    let owner = probe.data.repository_owner.unwrap();
    assert_eq!(
        (owner.login.as_str(), owner.typename.as_str()),
        ("acme", "Organization")
    );
    assert_eq!(owner.repositories.total_count, 12);
    assert_eq!(
        (
            owner.repositories.nodes.len(),
            owner.repositories.unreadable
        ),
        (5, 0)
    );
    assert!(owner.repositories.next().is_some());
    assert!((1..=2).contains(&probe.cost));
}
