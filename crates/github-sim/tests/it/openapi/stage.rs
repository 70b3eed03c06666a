//! A lively world behind the whole REST face, and the credentials to ask it with.

use bytes::Bytes;
use github_sim::world::{CommentOn, Conclusion, Found, ReviewState, Trigger, World};
use github_sim::{Sim, SimClock, SimConfig};
use http::Request;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum As {
    Anonymous,
    Reader,
    /// A member of the organisation.
    Member,
    App,
    Installation,
}

/// A simulator, and the names and numbers that the routes are asked with.
pub(super) struct Stage {
    pub(super) sim: Sim,
    pub(super) jwt: String,
    pub(super) installation: u64,
    pub(super) installation_token: String,
    pub(super) issue: u64,
    pub(super) pull: u64,
    pub(super) branch: String,
    pub(super) run: u64,
}

pub(super) const OWNER: &str = "acme";
pub(super) const START: &str = "2026-03-01T12:00:00Z";

impl Stage {
    pub(super) async fn new() -> Stage {
        let config = SimConfig {
            repos: 3,
            ..SimConfig::default()
        };
        let sim = Sim::new(config, SimClock::virtual_from(START.parse().unwrap()));
        let member = {
            let world = sim.world();
            let org = world.account_named(OWNER).unwrap();
            world.account(org.members[0]).unwrap().login.clone()
        };
        sim.credentials().grant("member", &member);
        let (issue, pull, branch) = enliven(&mut sim.world());
        let run = automate(&mut sim.world());
        let owner = sim.world().account_named(OWNER).unwrap().id;
        let mut stage = Stage {
            jwt: app_jwt(&sim),
            installation: sim.credentials().installation_of(owner),
            installation_token: String::new(),
            sim,
            issue,
            pull,
            branch,
            run,
        };
        let minted = format!("/app/installations/{}/access_tokens", stage.installation);
        let (status, body) = stage.ask("POST", &minted, As::App).await;
        assert_eq!(status, 201, "{body}");
        body["token"]
            .as_str()
            .unwrap()
            .clone_into(&mut stage.installation_token);
        stage
    }

    pub(super) async fn ask(&self, method: &str, path: &str, by: As) -> (u16, Value) {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("user-agent", "openapi-test")
            .header("accept", "application/vnd.github+json");
        let request = match by {
            As::Anonymous => request,
            As::Reader => request.header("authorization", "Bearer sim-token"),
            As::Member => request.header("authorization", "Bearer member"),
            As::App => request.header("authorization", format!("Bearer {}", self.jwt)),
            As::Installation => request.header(
                "authorization",
                format!("token {}", self.installation_token),
            ),
        };
        let request = request.body(Bytes::new()).unwrap();
        let answer = self.sim.service().oneshot(request).await.unwrap();
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }
}

/// Adds what a generated world may lack: an account that is gone, a bot, every state, an answered diff comment, a
/// rename. The busiest repository is called `rocket`, the second was called `old-name`, the third is empty.
fn enliven(world: &mut World) -> (u64, u64, String) {
    let owner = world.account_named(OWNER).unwrap().id;
    let repos: Vec<u64> = world.repos_of(owner).iter().map(|repo| repo.id).collect();
    let busiest = *repos
        .iter()
        .max_by_key(|id| world.repo(**id).unwrap().pulls.len())
        .unwrap();
    world.rename_repo(busiest, "rocket");
    let other = *repos.iter().find(|id| **id != busiest).unwrap();
    world.rename_repo(other, "old-name");
    world.rename_repo(other, "new-name");
    world.create_repo(owner, "empty");

    let (bot, gone) = (world.add_bot("dependabot"), world.add_user("gone"));
    let repo = world.repo(busiest).unwrap();
    let branch = repo.default_branch.clone();
    let pull = *repo
        .pulls
        .keys()
        .next_back()
        .expect("the busiest repository has a pull request");
    let issue = world.open_issue(busiest, gone, "An issue of somebody who left");
    world.comment(busiest, issue, bot, "A bot's comment");
    world.comment(busiest, pull, gone, "A comment of somebody who left");
    let review = world.review(busiest, pull, gone, ReviewState::ChangesRequested, "");
    world.review(busiest, pull, bot, ReviewState::Approved, "fine");
    let comment = world.diff_comment_in(busiest, review, "A line");
    world.reply(busiest, comment, bot, "An answer");
    world.close(busiest, issue, gone);
    world.delete_account(gone);
    assert!(
        world
            .repo(busiest)
            .unwrap()
            .comments
            .values()
            .any(|comment| comment.on == CommentOn::Issue)
    );
    (issue, pull, branch)
}

/// Runs that are queued, under way, ended and started anew, by people who are there and gone; releases; teams. Returns the
/// run with two attempts.
fn automate(world: &mut World) -> u64 {
    let owner = world.account_named(OWNER).unwrap().id;
    let repo = match world.find_repo(OWNER, "rocket").unwrap() {
        Found::Here(repo) | Found::Moved(repo) => repo.id,
    };
    let branch = world.repo(repo).unwrap().default_branch.clone();
    let bot = world.account_named("dependabot").unwrap().id;
    world.enable_actions(repo, true);
    let workflow = world.add_workflow(repo, "Everything", &["lint", "test"]);
    let start = |world: &mut World| world.start_run(repo, workflow, Trigger::Push, &branch, bot);
    let queued = start(world);
    let under_way = start(world);
    let twice = start(world);
    world.start_job(repo, under_way, 0);
    world.end_run(repo, twice, Conclusion::Failure);
    world.rerun(repo, twice, None);
    assert!(queued < under_way);
    let open = world
        .repo(repo)
        .unwrap()
        .open_pulls()
        .next()
        .expect("an open pull");
    let topic = world.repo(repo).unwrap().pulls[&open].head.clone();
    world.start_run(repo, workflow, Trigger::PullRequest, &topic, None);
    world.release(repo, "v9.0.0", bot);
    world.release(repo, "v9.1.0", None);
    world.draft_release(repo, "v9.2.0", bot);
    let whole = world.add_team(owner, "Everybody", None);
    world.add_team(owner, "Somebody", Some(whole));
    world.join_team(whole, bot);
    twice
}

/// A JWT of the simulator's App, as a client would sign it.
fn app_jwt(sim: &Sim) -> String {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use rsa::pkcs1::DecodeRsaPrivateKey as _;
    use rsa::signature::{SignatureEncoding as _, Signer as _};

    let key = rsa::PrivateKey::from_pkcs1_pem(&sim.credentials().app_pem()).unwrap();
    let now = sim.clock().now().as_second();
    let claims =
        json!({ "iat": now - 60, "exp": now + 540, "iss": sim.credentials().app_id().to_string() });
    let signed = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256","typ":"JWT"}"#),
        URL_SAFE_NO_PAD.encode(claims.to_string())
    );
    let signature = rsa::pkcs1v15::SigningKey::<sha2::Sha256>::new(key).sign(signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()))
}
