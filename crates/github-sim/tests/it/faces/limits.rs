//! Quotas and secondary limits, and what the observer saw of them.

use std::time::Duration;

use github_sim::limit::{
    Limits, PrimaryRules, RefusalStatus, Resource, SecondaryCause, SecondaryRules,
};
use github_sim::observer::Refused;
use github_sim::service::{Latency, Rules};
use jiff::SignedDuration;

use super::{Stage, anonymous, get};

fn limits(primary: PrimaryRules, secondary: SecondaryRules) -> Rules {
    let latency = Latency {
        base: Duration::ZERO,
        per_node: Duration::ZERO,
    };
    Rules {
        limits: Limits { primary, secondary },
        latency,
        ..Rules::default()
    }
}

fn quota_of(limit: u64) -> Rules {
    limits(
        PrimaryRules {
            user: limit,
            ..PrimaryRules::default()
        },
        SecondaryRules::default(),
    )
}

#[tokio::test(start_paused = true)]
async fn every_answer_shows_the_quota_and_what_is_left_of_it() {
    let stage = Stage::instant();
    let first = stage.get("/repos/acme/widget").await;
    let second = stage.get("/nowhere").await;
    assert_eq!(
        (
            first.number("x-ratelimit-limit"),
            first.number("x-ratelimit-used")
        ),
        (Some(5000), Some(1))
    );
    assert_eq!(
        (
            second.status.as_u16(),
            second.number("x-ratelimit-remaining")
        ),
        (404, Some(4998))
    );
    assert_eq!(second.header("x-ratelimit-resource"), Some("core"));
    let reset = second.number("x-ratelimit-reset").unwrap();
    let whole = stage.sim.clock().now().as_second() + 3600;
    assert!(
        (whole..=whole + 1).contains(&reset),
        "{reset} is about {whole}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_spent_quota_refuses_until_its_window_ends() {
    let stage = Stage::with(quota_of(3));
    for _ in 0..3 {
        assert_eq!(stage.get("/user").await.status, 200);
    }
    let refused = stage.get("/user").await;
    assert_eq!(
        (
            refused.status.as_u16(),
            refused.number("x-ratelimit-remaining")
        ),
        (403, Some(0))
    );
    assert!(
        refused
            .message()
            .starts_with("API rate limit exceeded for user ID"),
        "{}",
        refused.message()
    );
    assert_eq!(
        refused.number("x-ratelimit-used"),
        Some(3),
        "a refusal costs nothing"
    );

    tokio::time::advance(Duration::from_secs(3599)).await;
    assert_eq!(stage.get("/user").await.status, 403);
    tokio::time::advance(Duration::from_secs(1)).await;
    let fresh = stage.get("/user").await;
    assert_eq!(
        (fresh.status.as_u16(), fresh.number("x-ratelimit-remaining")),
        (200, Some(2))
    );
}

#[tokio::test(start_paused = true)]
async fn windows_and_statuses_can_be_configured() {
    let primary = PrimaryRules {
        user: 1,
        window: SignedDuration::from_secs(60),
        status: RefusalStatus::TooManyRequests,
        ..PrimaryRules::default()
    };
    let stage = Stage::with(limits(primary, SecondaryRules::default()));
    stage.get("/user").await;
    assert_eq!(stage.get("/user").await.status, 429);
    tokio::time::advance(Duration::from_secs(60)).await;
    assert_eq!(stage.get("/user").await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_request_after_a_refusal_is_seen_as_sent_into_the_block() {
    let stage = Stage::with(quota_of(1));
    stage.get("/user").await;
    stage.get("/user").await;
    assert_eq!(
        stage.sim.observer().summary().total.sent_into_block,
        0,
        "nobody had said so yet"
    );

    tokio::time::advance(Duration::from_secs(1)).await;
    stage.get("/user").await;
    stage.graphql("{ viewer { login } }").await;
    stage.get("/rate_limit").await;
    let summary = stage.sim.observer().summary();
    assert_eq!(
        summary.resource(Resource::Core).sent_into_block,
        1,
        "asking for the quota is no offence"
    );
    assert_eq!(
        summary.resource(Resource::Graphql).sent_into_block,
        0,
        "another quota, another block"
    );
    let last = stage
        .sim
        .observer()
        .requests()
        .into_iter()
        .find(|seen| seen.sent_into_block)
        .unwrap();
    assert_eq!(
        (last.endpoint.as_str(), last.refused),
        ("/user", Some(Refused::Primary))
    );

    tokio::time::advance(Duration::from_secs(3600)).await;
    assert_eq!(stage.get("/user").await.status, 200);
    assert_eq!(stage.sim.observer().summary().total.sent_into_block, 1);
}

#[tokio::test(start_paused = true)]
async fn a_304_is_free_and_counts_as_a_point() {
    let stage = Stage::instant();
    let first = stage.get("/repos/acme/widget").await;
    let mut again = get("/repos/acme/widget");
    let validator = first.header("etag").unwrap();
    again
        .headers_mut()
        .insert("if-none-match", format!("W/{validator}").parse().unwrap());
    let second = stage.send(again).await.unwrap();
    assert_eq!((second.status.as_u16(), second.body.len()), (304, 0));
    assert_eq!(
        second.number("x-ratelimit-remaining"),
        first.number("x-ratelimit-remaining")
    );
    assert_eq!(second.header("etag"), Some(validator));
    let total = stage.sim.observer().summary().total;
    assert_eq!(
        (total.requests, total.cost, total.points, total.not_modified),
        (2, 1, 2, 1)
    );
}

#[tokio::test(start_paused = true)]
async fn a_304_without_a_token_is_not_free() {
    let stage = Stage::instant();
    let first = stage.send(anonymous("/repos/acme/widget")).await.unwrap();
    let mut again = anonymous("/repos/acme/widget");
    again
        .headers_mut()
        .insert("if-none-match", first.headers["etag"].clone());
    let second = stage.send(again).await.unwrap();
    assert_eq!(
        (
            second.status.as_u16(),
            second.number("x-ratelimit-remaining")
        ),
        (304, Some(58))
    );
}

#[tokio::test(start_paused = true)]
async fn asking_for_the_quotas_is_free() {
    let stage = Stage::instant();
    stage.graphql("{ viewer { login } }").await;
    for _ in 0..3 {
        stage.get("/rate_limit").await;
    }
    let quotas = stage.get("/rate_limit").await.json();
    assert_eq!(quotas["resources"]["core"]["used"], 0);
    assert_eq!(quotas["resources"]["graphql"]["used"], 1);
    assert_eq!(quotas["rate"], quotas["resources"]["core"]);
}

#[tokio::test(start_paused = true)]
async fn graphql_over_its_quota_answers_200_with_an_error() {
    let primary = PrimaryRules {
        graphql: Some(1),
        ..PrimaryRules::default()
    };
    let stage = Stage::with(limits(primary, SecondaryRules::default()));
    assert!(stage.graphql("{ viewer { login } }").await.json()["errors"].is_null());
    let refused = stage.graphql("{ viewer { login } }").await;
    assert_eq!(
        (
            refused.status.as_u16(),
            refused.number("x-ratelimit-remaining")
        ),
        (200, Some(0))
    );
    assert_eq!(refused.header("x-ratelimit-resource"), Some("graphql"));
    assert_eq!(refused.json()["errors"][0]["type"], "RATE_LIMITED");
    assert_eq!(
        stage.get("/user").await.status,
        200,
        "REST has a quota of its own"
    );
}

#[tokio::test(start_paused = true)]
async fn an_installation_has_a_quota_by_formula_and_anybody_else_sixty() {
    let stage = Stage::instant();
    let org = stage.sim.world().account_named("acme").unwrap().id;
    for n in 0..22 {
        stage.sim.world().create_repo(org, &format!("more-{n}"));
    }
    let token = stage.installation_token().await;
    let answer = stage.get_as(&token, "/repos/acme/widget").await;
    assert_eq!(
        answer.number("x-ratelimit-limit"),
        Some(5_150),
        "23 repositories"
    );
    let nobody = stage.send(anonymous("/repos/acme/widget")).await.unwrap();
    assert_eq!(
        (
            nobody.number("x-ratelimit-limit"),
            nobody.number("x-ratelimit-remaining")
        ),
        (Some(60), Some(59))
    );
    let other = stage.service.from_address("192.0.2.7".parse().unwrap());
    let elsewhere = Stage {
        service: other,
        sim: stage.sim.clone(),
        repo: stage.repo,
    };
    let answer = elsewhere
        .send(anonymous("/repos/acme/widget"))
        .await
        .unwrap();
    assert_eq!(
        answer.number("x-ratelimit-remaining"),
        Some(59),
        "each address has its own"
    );
}

#[tokio::test(start_paused = true)]
async fn nine_hundred_points_a_minute_close_the_account_for_a_minute() {
    let stage = Stage::instant();
    for n in 0..900 {
        assert_eq!(stage.get("/rate_limit").await.status, 200, "request {n}");
    }
    let refused = stage.get("/rate_limit").await;
    assert_eq!(
        (refused.status.as_u16(), refused.number("retry-after")),
        (403, Some(60))
    );
    assert!(refused.message().contains("secondary rate limit"));
    assert_eq!(
        refused.number("x-ratelimit-remaining"),
        Some(5000),
        "the quota is not what is spent"
    );

    tokio::time::advance(Duration::from_millis(59_500)).await;
    let graphql = stage.graphql("{ viewer { login } }").await;
    assert_eq!(
        (graphql.status.as_u16(), graphql.number("retry-after")),
        (403, Some(1)),
        "all is closed"
    );
    assert_eq!(stage.sim.observer().summary().total.sent_into_block, 1);

    tokio::time::advance(Duration::from_millis(500)).await;
    assert_eq!(stage.get("/rate_limit").await.status, 200);
    let refused = stage.sim.observer().summary().total.refused_secondary;
    assert_eq!(
        (
            refused,
            stage.sim.observer().summary().total.sent_into_block
        ),
        (2, 1)
    );
}

#[tokio::test(start_paused = true)]
async fn a_refusal_that_names_no_time_means_a_minute() {
    let secondary = SecondaryRules {
        rest_points: 1.0,
        block: Duration::from_secs(30),
        retry_after: false,
        status: RefusalStatus::TooManyRequests,
        ..SecondaryRules::default()
    };
    let stage = Stage::with(limits(PrimaryRules::default(), secondary));
    stage.get("/user").await;
    tokio::time::advance(Duration::from_secs(5)).await;
    let refused = stage.get("/user").await;
    assert_eq!(
        (refused.status.as_u16(), refused.header("retry-after")),
        (429, None)
    );
    let sent_into_block = || stage.sim.observer().summary().total.sent_into_block;
    tokio::time::advance(Duration::from_secs(59)).await;
    assert_eq!(
        stage.get("/user").await.status,
        200,
        "the block has ended, which its sender cannot know"
    );
    assert_eq!(sent_into_block(), 1);
    tokio::time::advance(Duration::from_secs(60)).await;
    assert_eq!(stage.get("/user").await.status, 200);
    assert_eq!(sent_into_block(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_hundred_and_first_request_at_a_time_is_refused() {
    let stage = Stage::new();
    let mut services = vec![stage.service.clone(); 101];
    let in_flight: Vec<_> = services
        .iter_mut()
        .map(|service| tower::Service::call(service, get("/user")))
        .collect();
    let mut statuses = Vec::new();
    for answer in in_flight {
        statuses.push(answer.await.unwrap().status().as_u16());
    }
    assert_eq!(
        statuses.iter().filter(|status| **status == 200).count(),
        100
    );
    assert_eq!(statuses[100], 403);
    let refused = stage
        .sim
        .observer()
        .requests()
        .into_iter()
        .find_map(|seen| seen.refused)
        .unwrap();
    assert_eq!(refused, Refused::Secondary(SecondaryCause::InFlight));
    assert_eq!(stage.sim.observer().summary().total.sent_into_block, 0);
    tokio::time::advance(Duration::from_secs(60)).await;
    assert_eq!(
        stage.get("/user").await.status,
        200,
        "every place was given back"
    );
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_goes_away_gives_the_place_back_and_is_seen() {
    let stage = Stage::new();
    drop(tower::Service::call(
        &mut stage.service.clone(),
        get("/user"),
    ));
    let seen = stage.sim.observer().requests();
    assert_eq!((seen.len(), seen[0].status), (1, 0));
    let secondary = SecondaryRules {
        in_flight: 1,
        ..SecondaryRules::default()
    };
    stage.sim.set_limits(Limits {
        secondary,
        ..Limits::default()
    });
    assert_eq!(stage.get("/user").await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn processor_time_is_limited_by_what_answers_take() {
    let latency = Latency {
        base: Duration::from_secs(3),
        per_node: Duration::ZERO,
    };
    let stage = Stage::with(Rules {
        latency,
        ..Rules::default()
    });
    let mut together = tokio::task::JoinSet::new();
    for _ in 0..31 {
        together.spawn(tower::Service::call(
            &mut stage.service.clone(),
            get("/user"),
        ));
    }
    for answer in together.join_all().await {
        assert_eq!(answer.unwrap().status(), 200);
    }
    assert_eq!(
        stage.get("/user").await.status,
        403,
        "31 answers of 3 s within a minute are too much"
    );
    let seen = stage.sim.observer().requests().pop().unwrap();
    assert_eq!(
        seen.refused,
        Some(Refused::Secondary(SecondaryCause::CpuSeconds))
    );
}

#[tokio::test(start_paused = true)]
async fn a_server_without_limits_shows_none() {
    let primary = PrimaryRules {
        enforced: false,
        ..PrimaryRules::default()
    };
    let secondary = SecondaryRules {
        enforced: false,
        ..SecondaryRules::default()
    };
    let stage = Stage::with(limits(primary, secondary));
    for _ in 0..1_000 {
        assert_eq!(stage.get("/user").await.status, 200);
    }
    let answer = stage.get("/user").await;
    assert!(
        answer
            .headers
            .keys()
            .all(|name| !name.as_str().starts_with("x-ratelimit"))
    );
    assert_eq!(stage.get("/rate_limit").await.status, 404);
}

#[tokio::test(start_paused = true)]
async fn a_reset_forgets_what_was_spent() {
    let stage = Stage::with(quota_of(1));
    stage.get("/user").await;
    assert_eq!(stage.get("/user").await.status, 403);
    stage.sim.reset();
    assert_eq!(stage.get("/user").await.status, 200);
    assert_eq!(stage.sim.observer().summary().total.requests, 1);
}
