//! Everything that can go wrong, one test each.

use std::time::Duration;

use github_sim::body::SimError;
use github_sim::etag::EtagRule;
use github_sim::fault::{Action, Matcher, Rule};
use github_sim::limit::{RefusalStatus, Resource};
use github_sim::observer::Refused;
use serde_json::json;

use super::{Stage, get, post};

#[tokio::test(start_paused = true)]
async fn server_errors_have_no_quota_headers_and_cost_nothing() {
    let stage = Stage::instant();
    stage.sim.faults().add(
        Rule::always(Action::Status { code: 503 })
            .when(Matcher::path("/repos/*"))
            .times(1),
    );
    let broken = stage.get("/repos/acme/widget").await;
    assert_eq!(
        (broken.status.as_u16(), broken.number("x-ratelimit-limit")),
        (503, None)
    );
    assert_eq!(
        stage
            .get("/repos/acme/widget")
            .await
            .number("x-ratelimit-used"),
        Some(1)
    );
    assert_eq!(stage.sim.observer().summary().by_fault["status"], 1);
}

#[tokio::test(start_paused = true)]
async fn large_graphql_pages_can_time_out_and_cost_a_point() {
    let stage = Stage::instant();
    let too_large = Matcher {
        first_above: Some(30),
        ..Matcher::operation("Pulls")
    };
    stage
        .sim
        .faults()
        .add(Rule::always(Action::Status { code: 502 }).when(too_large));
    let query = "query Pulls($first: Int!) { repository(owner: \"acme\", name: \"widget\") { pullRequests(first: $first) { totalCount } } }";
    let ask = |first: u64| {
        post(
            "/graphql",
            &json!({"query": query, "variables": {"first": first}}),
        )
    };
    assert_eq!(stage.send(ask(31)).await.unwrap().status, 502);
    let fine = stage.send(ask(30)).await.unwrap();
    assert_eq!(
        (fine.status.as_u16(), fine.number("x-ratelimit-used")),
        (200, Some(2))
    );
    assert_eq!(
        fine.json()["data"]["repository"]["pullRequests"]["totalCount"],
        4
    );
    assert_eq!(
        stage
            .sim
            .observer()
            .summary()
            .endpoint("POST graphql Pulls")
            .requests,
        2
    );
}

#[tokio::test(start_paused = true)]
async fn connections_reset_and_bodies_break_off() {
    let stage = Stage::instant();
    stage.sim.faults().add(Rule::outage().times(1));
    assert_eq!(stage.send(get("/user")).await.unwrap_err(), SimError::Reset);
    stage.sim.faults().clear();
    stage
        .sim
        .faults()
        .add(Rule::always(Action::Truncate { keep: None }).times(1));
    assert_eq!(
        stage.send(get("/user")).await.unwrap_err(),
        SimError::Truncated
    );
    assert_eq!(stage.get("/user").await.status, 200);
    let statuses: Vec<u16> = stage
        .sim
        .observer()
        .requests()
        .iter()
        .map(|seen| seen.status)
        .collect();
    assert_eq!(statuses, [0, 200, 200]);
}

#[tokio::test(start_paused = true)]
async fn answers_can_be_late_and_slow() {
    let stage = Stage::instant();
    stage
        .sim
        .faults()
        .add(Rule::always(Action::Delay { ms: 3_000 }));
    stage.sim.faults().add(Rule::always(Action::Trickle {
        pieces: 10,
        pause_ms: 500,
    }));
    let begun = tokio::time::Instant::now();
    let answer = stage.get("/user").await;
    assert_eq!(begun.elapsed(), Duration::from_secs(8));
    assert_eq!(answer.json()["login"], "sim-reader");
}

#[tokio::test(start_paused = true)]
async fn a_token_can_end_early() {
    let stage = Stage::instant();
    let token = stage.installation_token().await;
    stage
        .sim
        .faults()
        .add(Rule::always(Action::ExpireToken).times(1).when(Matcher {
            credential: Some("installation:*".into()),
            ..Matcher::default()
        }));
    assert_eq!(stage.get("/user").await.status, 200);
    assert_eq!(stage.get_as(&token, "/repos/acme/widget").await.status, 401);
    assert_eq!(
        stage.get_as(&token, "/repos/acme/widget").await.status,
        401,
        "it stays expired"
    );
    let fresh = stage.installation_token().await;
    assert_eq!(stage.get_as(&fresh, "/repos/acme/widget").await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn quota_headers_can_be_missing_or_stray() {
    let stage = Stage::instant();
    stage
        .sim
        .faults()
        .add(Rule::always(Action::NoLimitHeaders).times(2));
    assert_eq!(stage.get("/user").await.number("x-ratelimit-limit"), None);
    assert_eq!(stage.get("/rate_limit").await.status, 404);
    stage
        .sim
        .faults()
        .add(Rule::always(Action::ResetJitter { seconds: 10 }));
    let mut resets = Vec::new();
    for _ in 0..20 {
        resets.push(
            stage
                .get("/user")
                .await
                .number("x-ratelimit-reset")
                .unwrap(),
        );
    }
    let spread = resets.iter().max().unwrap() - resets.iter().min().unwrap();
    assert!((2..=10).contains(&spread), "{spread}");
}

#[tokio::test(start_paused = true)]
async fn githubs_clock_can_be_off() {
    let stage = Stage::instant();
    stage
        .sim
        .faults()
        .add(Rule::always(Action::Skew { seconds: -120 }));
    let answer = stage.get("/user").await;
    assert_eq!(answer.header("date"), Some("Fri, 31 May 2024 23:58:00 GMT"));
    let reset = answer.number("x-ratelimit-reset").unwrap() - stage.sim.clock().now().as_second();
    assert!((3480..=3481).contains(&reset), "{reset}");
}

#[tokio::test(start_paused = true)]
async fn a_replica_can_lag_behind() {
    let stage = Stage::instant();
    let stale = Matcher::path("/repos/acme/widget/issues/*");
    stage
        .sim
        .faults()
        .add(Rule::always(Action::Stale).when(stale).times(1));
    stage.sim.world().comment(stage.repo, 2, None, "news");
    let count = async || {
        stage
            .get("/repos/acme/widget/issues/2/comments")
            .await
            .json()
            .as_array()
            .unwrap()
            .len()
    };
    assert_eq!(count().await, 2);
    assert_eq!(count().await, 3);
}

#[tokio::test(start_paused = true)]
async fn a_secondary_limit_comes_in_each_of_its_forms() {
    for (retry_after, status, claims_exhaustion) in [
        (true, RefusalStatus::Forbidden, false),
        (true, RefusalStatus::TooManyRequests, true),
        (false, RefusalStatus::Forbidden, true),
        (false, RefusalStatus::TooManyRequests, false),
    ] {
        let stage = Stage::instant();
        let limit = Action::SecondaryLimit {
            seconds: 90,
            retry_after,
            status,
            claims_exhaustion,
        };
        stage.sim.faults().add(Rule::always(limit).times(1));
        let refused = stage.get("/user").await;
        assert_eq!(refused.status.as_u16(), status.code());
        assert_eq!(refused.number("retry-after"), retry_after.then_some(90));
        assert_eq!(
            refused.number("x-ratelimit-remaining") == Some(0),
            claims_exhaustion
        );
        assert!(refused.message().contains("secondary"));

        tokio::time::advance(Duration::from_secs(89)).await;
        assert_eq!(
            stage.graphql("{ viewer { login } }").await.status.as_u16(),
            status.code(),
            "all is closed"
        );
        let told = stage.sim.observer().summary().total.sent_into_block;
        assert_eq!(
            told,
            u64::from(retry_after),
            "who was told no time may try again after a minute"
        );
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(stage.get("/user").await.status, 200);
    }
}

#[tokio::test(start_paused = true)]
async fn a_limit_can_hide_in_a_200() {
    for kind in ["RATE_LIMITED", "RATE_LIMIT"] {
        let stage = Stage::instant();
        stage
            .sim
            .faults()
            .add(Rule::always(Action::GraphqlRateLimited { kind: kind.into() }).times(1));
        assert_eq!(stage.get("/user").await.status, 200, "REST is not meant");
        let limited = stage.graphql("{ viewer { login } }").await;
        assert_eq!(
            (
                limited.status.as_u16(),
                limited.json()["errors"][0]["type"].as_str()
            ),
            (200, Some(kind))
        );
        assert!(limited.json()["data"].is_null());
        tokio::time::advance(Duration::from_secs(30)).await;
        stage.graphql("{ viewer { login } }").await;
        let sum = stage.sim.observer().summary().resource(Resource::Graphql);
        assert_eq!((sum.refused_primary, sum.sent_into_block), (1, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn graphql_data_can_be_partial() {
    let stage = Stage::instant();
    stage
        .sim
        .faults()
        .add(Rule::always(Action::PartialData).times(1));
    let query = "{ repository(owner: \"acme\", name: \"widget\") { pullRequests(first: 4) { nodes { number } } } }";
    let partial = stage.graphql(query).await.json();
    let nodes = partial["data"]["repository"]["pullRequests"]["nodes"]
        .as_array()
        .unwrap();
    assert_eq!(nodes.iter().filter(|node| node.is_null()).count(), 2);
    assert_eq!(partial["errors"][0]["type"], "RESOURCE_LIMITS_EXCEEDED");
    assert_eq!(
        partial["errors"][0]["path"],
        json!(["repository", "pullRequests", "nodes", 2])
    );
    assert!(stage.graphql(query).await.json()["errors"].is_null());
}

#[tokio::test(start_paused = true)]
async fn validators_can_follow_another_rule() {
    let stage = Stage::instant();
    let before = stage.get("/user").await;
    stage
        .sim
        .faults()
        .add(Rule::always(Action::Etag(EtagRule::Salted(
            "pepper".into(),
        ))));
    let mut request = get("/user");
    request
        .headers_mut()
        .insert("if-none-match", before.headers["etag"].clone());
    let after = stage.send(request).await.unwrap();
    assert_eq!(after.status, 200);
    assert_eq!(after.body, before.body);
    let mut request = get("/user");
    request
        .headers_mut()
        .insert("if-none-match", after.headers["etag"].clone());
    assert_eq!(
        stage.send(request).await.unwrap().status,
        304,
        "a validator that was served still works"
    );
}

#[tokio::test(start_paused = true)]
async fn faults_and_their_effects_go_over_http() {
    let stage = Stage::instant();
    let rules = json!([
        {"when": {"path": "/user"}, "then": {"status": {"code": 500}}, "times": 1},
        {"then": {"skew": {"seconds": 5}}}
    ]);
    assert_eq!(
        stage
            .send(post("/_sim/faults", &rules))
            .await
            .unwrap()
            .status,
        200
    );
    assert_eq!(stage.get("/user").await.status, 500);
    let listed = stage.get("/_sim/faults").await.json();
    assert_eq!(
        (listed[0]["struck"].as_u64(), listed[0]["number"].as_u64()),
        (Some(1), Some(1))
    );
    let refused = stage
        .send(post("/_sim/faults", &json!({"then": "explode"})))
        .await
        .unwrap();
    assert_eq!(refused.status, 400);

    let summary = stage.get("/_sim/summary").await.json();
    assert_eq!(
        summary["total"]["requests"], 1,
        "the simulator does not watch itself"
    );
    assert_eq!(stage.get("/_sim/requests").await.json()[0]["status"], 500);
    assert!(
        stage
            .get("/_sim/app.pem")
            .await
            .body
            .starts_with(b"-----BEGIN RSA PRIVATE KEY")
    );
    assert_eq!(
        stage.get("/_sim/truth").await.json()["repos"][0]["name"],
        "widget"
    );
    assert!(stage.get("/_sim/truth?summary=1").await.json().is_object());
    stage.send(post("/_sim/reset", &json!({}))).await.unwrap();
    assert_eq!(stage.get("/_sim/faults").await.json(), json!([]));
    assert!(stage.sim.observer().requests().is_empty());
    assert_eq!(stage.get("/_sim/nothing").await.status, 404);
}

#[tokio::test(start_paused = true)]
async fn the_observer_names_what_was_refused_and_why() {
    let stage = Stage::instant();
    stage.get_as("ghp_wrong", "/repos/acme/widget/pulls").await;
    let seen = stage.sim.observer().requests().pop().unwrap();
    assert_eq!(
        (seen.endpoint.as_str(), seen.refused),
        ("/repos/{owner}/{repo}/pulls", Some(Refused::Credential))
    );
}

#[test]
fn every_fault_in_the_documentation_is_one() {
    let page = include_str!("../../../../../docs/simulator.md");
    let (_, section) = page.split_once("\n## What goes wrong\n").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let sent = section
        .lines()
        .filter_map(|line| line.split_once(" -d '")?.1.strip_suffix('\''));
    let rules: Vec<Rule> = sent
        .map(|rule| serde_json::from_str(rule).unwrap())
        .collect();
    assert_eq!(rules.len(), 4);
    let named = section
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once("` |"))
        .map(|(action, _)| action)
        .filter(|action| *action != "then");
    let actions: Vec<Action> = named
        .map(|action| serde_json::from_str(action).unwrap())
        .collect();
    assert_eq!(actions.len(), 15);
}

#[tokio::test(start_paused = true)]
async fn headers_can_be_missing_or_nonsense() {
    let stage = Stage::instant();
    let headers = json!({"headers": {"x-ratelimit-reset": null, "x-ratelimit-remaining": "NaN", "not a name": "x"}});
    let rule = json!({"then": headers, "times": 1});
    stage
        .sim
        .faults()
        .add(serde_json::from_value(rule).unwrap());
    let bent = stage.get("/repos/acme/widget").await;
    assert_eq!(bent.status, 200);
    assert_eq!(bent.header("x-ratelimit-reset"), None);
    assert_eq!(bent.header("x-ratelimit-remaining"), Some("NaN"));
    assert_eq!(bent.number("x-ratelimit-limit"), Some(5_000));
    let straight = stage.get("/repos/acme/widget").await;
    assert_eq!(straight.number("x-ratelimit-remaining"), Some(4_998));
}
