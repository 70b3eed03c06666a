//! The faces from outside: every rule of the simulated GitHub as a client meets it, on paused time.

mod access;
mod actions;
mod copilot;
mod faults;
mod limits;
mod routes;
mod served;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use github_sim::body::SimError;
use github_sim::service::{Latency, Rules, SimService};
use github_sim::world::{MergeMethod, NewCommit, NewPull, RepoId, ReviewState};
use github_sim::{Sim, SimClock, SimConfig, World};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use jiff::Timestamp;
use rsa::pkcs1::DecodeRsaPrivateKey;
use rsa::signature::{SignatureEncoding, Signer};
use serde_json::{Value, json};
use tower::Service;

const START: &str = "2024-06-01T00:00:00Z";

/// A simulated GitHub with one small organisation, and a client.
struct Stage {
    sim: Sim,
    service: SimService,
    repo: RepoId,
}

/// An answer, read whole.
#[derive(Debug)]
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("the body is JSON")
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    fn number(&self, name: &str) -> Option<i64> {
        self.header(name).map(|value| value.parse().unwrap())
    }

    fn message(&self) -> String {
        self.json()["message"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }
}

impl Stage {
    fn new() -> Stage {
        Stage::with(Rules::default())
    }

    /// Answers take no time unless the rules say so.
    fn instant() -> Stage {
        Stage::with(Rules {
            latency: Latency {
                base: std::time::Duration::ZERO,
                per_node: std::time::Duration::ZERO,
            },
            ..Rules::default()
        })
    }

    fn with(rules: Rules) -> Stage {
        let clock = SimClock::virtual_from(START.parse().unwrap());
        let mut world = World::empty(1, clock.now());
        let org = world.add_org("acme");
        let (alice, bob) = (world.add_user("alice"), world.add_user("bob"));
        let bot = world.add_bot("renovate");
        world.add_member(org, alice);
        let repo = world.create_repo(org, "widget");
        let (by_alice, by_bob) = (world.identity(alice), world.identity(bob));
        let start: Timestamp = START.parse().unwrap();
        let old = |hours: i64| start - jiff::SignedDuration::from_hours(hours);
        world.push(
            repo,
            "main",
            (0..5_i64)
                .map(|n| {
                    NewCommit::by(by_alice.clone())
                        .at(old(50 - n))
                        .lines(10, 2, 3)
                        .message(format!("change {n}"))
                })
                .collect(),
        );
        for (n, author) in [(1, Some(alice)), (2, Some(bob)), (3, Some(bot)), (4, None)] {
            let branch = format!("topic-{n}");
            world.push(
                repo,
                &branch,
                vec![NewCommit::by(by_bob.clone()).at(old(n)).lines(7, 1, 1)],
            );
            world.open_pull(repo, NewPull::by(author, &branch));
        }
        world.merge_pull(repo, 1, bob, MergeMethod::Squash);
        world.review(repo, 2, alice, ReviewState::Approved, "fine");
        let thread = world.diff_comment(repo, 2, alice, "why?");
        world.reply(repo, thread, bob, "because");
        let issue = world.open_issue(repo, bob, "it breaks");
        world.comment(repo, issue, alice, "since when?");
        world.comment(repo, 2, bob, "ready");
        world.comment(repo, 2, None, "a ghost was here");
        let closed = world.open_issue(repo, alice, "it broke");
        world.close(repo, closed, alice);
        let sim = Sim::with_world(
            SimConfig {
                rules,
                ..SimConfig::default()
            },
            clock,
            world,
        );
        Stage {
            service: sim.service(),
            sim,
            repo,
        }
    }

    async fn send(&self, request: Request<Bytes>) -> Result<Answer, SimError> {
        let response = self.service.clone().call(request).await?;
        let (head, body) = response.into_parts();
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            body: body.collect().await?.to_bytes(),
        })
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(get(path)).await.unwrap()
    }

    /// With another token.
    async fn get_as(&self, token: &str, path: &str) -> Answer {
        let mut request = get(path);
        request
            .headers_mut()
            .insert("authorization", format!("Bearer {token}").parse().unwrap());
        self.send(request).await.unwrap()
    }

    async fn graphql(&self, query: &str) -> Answer {
        self.send(post("/graphql", &json!({"query": query})))
            .await
            .unwrap()
    }

    /// A JWT of the App.
    fn jwt(&self, issued: i64, expires: i64) -> String {
        let now = self.sim.clock().now().as_second();
        let key = rsa::PrivateKey::from_pkcs1_pem(&self.sim.credentials().app_pem()).unwrap();
        let claims = json!({"iat": now + issued, "exp": now + expires, "iss": self.sim.credentials().app_id()});
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let signed = format!(
            "{}.{}",
            part(r#"{"alg":"RS256","typ":"JWT"}"#),
            part(&claims.to_string())
        );
        let signature = rsa::pkcs1v15::SigningKey::<sha2::Sha256>::new(key).sign(signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()))
    }

    /// A fresh token of the organisation's installation.
    async fn installation_token(&self) -> String {
        let org = self.sim.world().account_named("acme").unwrap().id;
        let id = self.sim.credentials().installation_of(org);
        let mut request = post(
            &format!("/app/installations/{id}/access_tokens"),
            &json!({}),
        );
        let jwt = self.jwt(-60, 540);
        request
            .headers_mut()
            .insert("authorization", format!("Bearer {jwt}").parse().unwrap());
        let answer = self.send(request).await.unwrap();
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.json()["token"].as_str().unwrap().to_owned()
    }
}

fn get(path: &str) -> Request<Bytes> {
    Request::get(format!("http://gh.test{path}"))
        .header("authorization", "Bearer sim-token")
        .header("user-agent", "test/1")
        .header("accept", "application/vnd.github+json")
        .body(Bytes::new())
        .unwrap()
}

fn post(path: &str, body: &Value) -> Request<Bytes> {
    let mut request = get(path).map(|_| Bytes::from(body.to_string()));
    *request.method_mut() = http::Method::POST;
    request
}

/// Without a token.
fn anonymous(path: &str) -> Request<Bytes> {
    let mut request = get(path);
    request.headers_mut().remove("authorization");
    request
}
