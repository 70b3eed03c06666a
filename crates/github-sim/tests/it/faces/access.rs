//! Tokens, the App, validators, and the headers that every request needs.

use std::time::Duration;

use sha2::{Digest, Sha256};

use super::{Stage, anonymous, get, post};

fn org_installation(stage: &Stage) -> u64 {
    let org = stage.sim.world().account_named("acme").unwrap().id;
    stage.sim.credentials().installation_of(org)
}

#[tokio::test(start_paused = true)]
async fn a_bad_token_is_a_401_that_shows_the_quota_of_the_address() {
    let stage = Stage::instant();
    stage.get("/user").await;
    let refused = stage.get_as("ghp_wrong", "/user").await;
    assert_eq!(
        (refused.status.as_u16(), refused.message().as_str()),
        (401, "Bad credentials")
    );
    assert_eq!(
        (
            refused.number("x-ratelimit-limit"),
            refused.number("x-ratelimit-remaining")
        ),
        (Some(60), Some(59))
    );
    let fine = stage.get("/user").await;
    assert_eq!(
        fine.number("x-ratelimit-used"),
        Some(2),
        "the user's quota was not touched"
    );
    assert_eq!(
        stage.sim.observer().summary().by_credential["unknown:127.0.0.1"].refused_credential,
        1
    );
}

#[tokio::test(start_paused = true)]
async fn all_tokens_of_a_user_share_one_quota() {
    let stage = Stage::instant();
    stage.sim.credentials().grant("ghp_one", "alice");
    stage.sim.credentials().grant("ghp_two", "alice");
    stage.get_as("ghp_one", "/user").await;
    let answer = stage.get_as("ghp_two", "/user").await;
    assert_eq!(
        (
            answer.json()["login"].as_str(),
            answer.number("x-ratelimit-used")
        ),
        (Some("alice"), Some(2))
    );
    stage.sim.credentials().revoke("ghp_two");
    assert_eq!(stage.get_as("ghp_two", "/user").await.status, 401);
}

#[tokio::test(start_paused = true)]
async fn the_app_finds_its_installations_and_mints_tokens() {
    let stage = Stage::instant();
    let jwt = stage.jwt(-60, 540);
    let app = stage.get_as(&jwt, "/app").await.json();
    assert_eq!(
        (app["id"].as_u64(), app["installations_count"].as_u64()),
        (Some(1), Some(1))
    );
    let installations = stage.get_as(&jwt, "/app/installations").await.json();
    assert_eq!(installations[0]["account"]["login"], "acme");
    let of_org = stage.get_as(&jwt, "/orgs/acme/installation").await.json();
    assert_eq!(of_org["id"].as_u64(), Some(org_installation(&stage)));
    assert_eq!(
        stage
            .get_as(&jwt, "/repos/acme/widget/installation")
            .await
            .json()["id"],
        of_org["id"]
    );
    assert_eq!(
        stage.get_as(&jwt, "/users/alice/installation").await.status,
        404
    );
    assert_eq!(
        stage.get_as(&jwt, "/orgs/nobody/installation").await.status,
        404
    );

    let token = stage.installation_token().await;
    assert!(token.starts_with("ghs_"));
    let repos = stage
        .get_as(&token, "/installation/repositories")
        .await
        .json();
    assert_eq!(repos["total_count"], 1);
}

#[tokio::test(start_paused = true)]
async fn a_jwt_by_a_clock_that_is_off_is_refused_in_githubs_words() {
    let stage = Stage::instant();
    for (issued, expires, says) in [
        (120, 600, "'Issued at' claim ('iat')"),
        (-60, 660, "is too far in the future"),
        (
            -700,
            -100,
            "'Expiration time' claim ('exp') must be a numeric value",
        ),
    ] {
        let answer = stage.get_as(&stage.jwt(issued, expires), "/app").await;
        assert_eq!(answer.status, 401);
        assert!(answer.message().contains(says), "{}", answer.message());
    }
    let token = stage.installation_token().await;
    for wrong in [token.as_str(), "sim-token"] {
        let answer = stage.get_as(wrong, "/app").await;
        assert_eq!(
            (answer.status.as_u16(), answer.message().as_str()),
            (401, "A JSON web token could not be decoded")
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_installation_token_lives_an_hour() {
    let stage = Stage::instant();
    let token = stage.installation_token().await;
    tokio::time::advance(Duration::from_secs(3599)).await;
    assert_eq!(stage.get_as(&token, "/repos/acme/widget").await.status, 200);
    tokio::time::advance(Duration::from_secs(1)).await;
    let refused = stage.get_as(&token, "/repos/acme/widget").await;
    assert_eq!(
        (refused.status.as_u16(), refused.message().as_str()),
        (401, "Bad credentials")
    );
    let next = stage.installation_token().await;
    assert_ne!(next, token);
    assert_eq!(stage.get_as(&next, "/repos/acme/widget").await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_rotation_ends_the_old_tokens_and_keeps_the_quota() {
    let stage = Stage::instant();
    let old = stage.installation_token().await;
    stage.get_as(&old, "/repos/acme/widget").await;
    stage.sim.credentials().revoke_installation_tokens();
    assert_eq!(stage.get_as(&old, "/repos/acme/widget").await.status, 401);
    let new = stage.installation_token().await;
    let answer = stage.get_as(&new, "/repos/acme/widget").await;
    assert_eq!(answer.number("x-ratelimit-used"), Some(2));
}

#[tokio::test(start_paused = true)]
async fn a_suspended_or_removed_installation_is_of_no_use() {
    let stage = Stage::instant();
    let token = stage.installation_token().await;
    let id = org_installation(&stage);
    stage.sim.credentials().suspend(id, true);
    let refused = stage.get_as(&token, "/repos/acme/widget").await;
    assert_eq!(
        (refused.status.as_u16(), refused.message().as_str()),
        (403, "This installation has been suspended")
    );
    let mut mint = post(
        &format!("/app/installations/{id}/access_tokens"),
        &serde_json::json!({}),
    );
    mint.headers_mut().insert(
        "authorization",
        format!("Bearer {}", stage.jwt(-60, 540)).parse().unwrap(),
    );
    assert_eq!(stage.send(mint.clone()).await.unwrap().status, 403);
    assert!(
        !stage
            .get_as(&stage.jwt(-60, 540), "/orgs/acme/installation")
            .await
            .json()["suspended_at"]
            .is_null()
    );

    stage.sim.credentials().suspend(id, false);
    stage.sim.credentials().uninstall(id, true);
    assert_eq!(stage.send(mint).await.unwrap().status, 404);
    assert_eq!(stage.get_as(&token, "/repos/acme/widget").await.status, 401);
    assert_eq!(
        stage
            .get_as(&stage.jwt(-60, 540), "/app/installations")
            .await
            .json(),
        serde_json::json!([])
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_private_is_missing_to_others() {
    let stage = Stage::instant();
    stage.sim.world().repo_mut(stage.repo).private = true;
    let token = stage.installation_token().await;
    assert_eq!(stage.get_as(&token, "/repos/acme/widget").await.status, 200);
    assert_eq!(
        stage
            .send(anonymous("/repos/acme/widget"))
            .await
            .unwrap()
            .status,
        404
    );
    assert_eq!(
        stage
            .send(anonymous("/orgs/acme/repos"))
            .await
            .unwrap()
            .json(),
        serde_json::json!([])
    );
}

#[tokio::test(start_paused = true)]
async fn graphql_wants_a_token() {
    let stage = Stage::instant();
    let mut request = post(
        "/graphql",
        &serde_json::json!({"query": "{ viewer { login } }"}),
    );
    request.headers_mut().remove("authorization");
    let status = stage.send(request).await.unwrap().status;
    assert!([401, 403].contains(&status.as_u16()), "{status}");
}

#[tokio::test(start_paused = true)]
async fn a_request_needs_a_user_agent_and_a_version_that_exists() {
    let stage = Stage::instant();
    let mut request = get("/user");
    request.headers_mut().remove("user-agent");
    assert_eq!(stage.send(request).await.unwrap().status, 403);
    for (version, status) in [
        ("2022-11-28", 200),
        ("2026-03-10", 200),
        ("1999-01-01", 400),
    ] {
        let mut request = get("/user");
        request
            .headers_mut()
            .insert("x-github-api-version", version.parse().unwrap());
        let answer = stage.send(request).await.unwrap();
        assert_eq!(answer.status, status, "{version}");
        assert_eq!(
            answer.header("x-github-api-version-selected"),
            Some(version)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_validator_can_be_computed_for_another_token() {
    let stage = Stage::instant();
    let old = stage.installation_token().await;
    let body = stage.get_as(&old, "/repos/acme/widget/pulls").await.body;
    let new = stage.installation_token().await;
    let mut hash = Sha256::new();
    hash.update(format!("application/vnd.github+json:Bearer {new}:"));
    hash.update(&body);
    let mut request = get("/repos/acme/widget/pulls");
    request
        .headers_mut()
        .insert("authorization", format!("Bearer {new}").parse().unwrap());
    request.headers_mut().insert(
        "if-none-match",
        format!("\"{}\"", hex::encode(hash.finalize()))
            .parse()
            .unwrap(),
    );
    assert_eq!(stage.send(request).await.unwrap().status, 304);
}

#[tokio::test(start_paused = true)]
async fn a_changed_answer_has_another_validator() {
    let stage = Stage::instant();
    let first = stage.get("/repos/acme/widget/issues/comments").await;
    tokio::time::advance(Duration::from_secs(1)).await;
    stage.sim.world().comment(stage.repo, 2, None, "news");
    let mut again = get("/repos/acme/widget/issues/comments");
    again
        .headers_mut()
        .insert("if-none-match", first.headers["etag"].clone());
    let second = stage.send(again).await.unwrap();
    assert_eq!(second.status, 200);
    assert_ne!(second.header("etag"), first.header("etag"));
}

#[tokio::test(start_paused = true)]
async fn people_get_json_laid_out_with_the_validator_of_the_compact_form() {
    let stage = Stage::instant();
    let compact = stage.get("/repos/acme/widget").await;
    let mut request = get("/repos/acme/widget");
    request
        .headers_mut()
        .insert("user-agent", "curl/8.5.0".parse().unwrap());
    let pretty = stage.send(request).await.unwrap();
    assert!(pretty.body.starts_with(b"{\n  \"id\""));
    assert_eq!(pretty.json(), compact.json());
    assert_eq!(pretty.header("etag"), compact.header("etag"));
}
