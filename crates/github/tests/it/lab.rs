//! A simulated GitHub, and clients that speak to it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use github::{
    ApiUrl, AppKey, Client, Clock, Credential, Governor, Installation, MemoryAnswers, Settings,
    transport,
};
use github_sim::fault::{Action, Rule};
use github_sim::{Sim, SimClock, SimConfig, observer::Summary};
use jiff::{SignedDuration, Timestamp};
use quota::{Policy, ResourceReport};
use tower::ServiceExt as _;

/// 1 June 2025, noon.
pub(crate) const NOON: &str = "2025-06-01T12:00:00Z";

/// A world at standstill (only what a test does changes it), and what a node brings to it.
pub(crate) struct Lab {
    pub(crate) sim: Sim,
    pub(crate) governor: Arc<Governor>,
    pub(crate) answers: Arc<MemoryAnswers>,
    /// The clock of the node.
    pub(crate) clock: Clock,
}

impl Lab {
    pub(crate) fn new() -> Lab {
        Lab::with(SimConfig::default())
    }

    pub(crate) fn with(config: SimConfig) -> Lab {
        let now: Timestamp = NOON.parse().unwrap();
        let sim = Sim::new(
            SimConfig {
                speed: 0.0,
                ..config
            },
            SimClock::virtual_from(now),
        );
        let clock = Clock::virtual_from(now);
        let governor = Governor::new(clock, quota::Settings::default());
        Lab {
            sim,
            governor,
            answers: Arc::new(MemoryAnswers::new(1_000)),
            clock,
        }
    }

    /// The same world, seen by a node whose clock is off.
    pub(crate) fn off_by(self, ahead: SignedDuration) -> Lab {
        let now = self.sim.clock().now();
        let clock = Clock::virtual_from(now + ahead);
        Lab {
            clock,
            governor: Governor::new(clock, quota::Settings::default()),
            ..self
        }
    }

    /// The same node with another policy.
    pub(crate) fn paced(self, policy: Policy) -> Lab {
        let settings = quota::Settings {
            policy,
            ..quota::Settings::default()
        };
        Lab {
            governor: Governor::new(self.clock, settings),
            ..self
        }
    }

    /// Another process before the same GitHub, with the same credential and nothing known of it.
    pub(crate) fn another(&self) -> Lab {
        Lab {
            sim: self.sim.clone(),
            governor: Governor::new(self.clock, quota::Settings::default()),
            answers: Arc::new(MemoryAnswers::new(1_000)),
            clock: self.clock,
        }
    }

    /// Somebody else spends so much of the token's quota at once.
    pub(crate) async fn others_spend(&self, requests: u64) {
        let mut spending = tokio::task::JoinSet::new();
        for _ in 0..requests {
            let request = http::Request::get("/orgs/acme")
                .header("user-agent", "somebody else")
                .header("authorization", "Bearer sim-token")
                .body(Bytes::new())
                .unwrap();
            spending.spawn(self.sim.service().oneshot(request));
        }
        for answer in spending.join_all().await {
            assert_eq!(answer.unwrap().status(), 200);
        }
    }

    /// What the node knows of a bucket.
    pub(crate) fn bucket(&self, resource: &str) -> ResourceReport {
        let report = self.governor.gate("lab").report().quota;
        let mut resources = report.resources.into_iter();
        let found = resources.find(|one| one.resource.as_str() == resource);
        found.unwrap_or_else(|| panic!("nothing is known of {resource}"))
    }

    pub(crate) fn client(&self, credential: Credential) -> Client {
        self.client_with(credential, |_| ())
    }

    pub(crate) fn client_with(
        &self,
        credential: Credential,
        change: impl FnOnce(&mut Settings),
    ) -> Client {
        let mut settings = Settings::new(ApiUrl::parse("http://127.0.0.1:1").unwrap(), "lab");
        change(&mut settings);
        let (transport, gate) = (
            transport::adapt(self.sim.service()),
            self.governor.gate("lab"),
        );
        Client::new(
            settings,
            credential,
            transport,
            gate,
            self.clock,
            self.answers.clone(),
        )
    }

    /// A client with the token that the simulator knows.
    pub(crate) fn with_token(&self) -> Client {
        self.client(token("sim-token"))
    }

    /// A client for the App's installation at `acme`.
    pub(crate) fn with_app(&self) -> Client {
        self.client(self.app_at("acme"))
    }

    pub(crate) fn app_at(&self, owner: &str) -> Credential {
        let credentials = self.sim.credentials();
        let key = AppKey::from_pem(credentials.app_pem().as_bytes()).unwrap();
        let installation = Installation::Owner(owner.to_owned());
        Credential::App {
            app_id: credentials.app_id(),
            installation,
            key,
        }
    }

    /// A repository with a page of conversation comments, and room for more on it.
    pub(crate) fn repo(&self) -> String {
        let talks = |repo: &github_sim::truth::TruthRepo| {
            repo.comments.iter().filter(|one| one.on != "diff").count()
        };
        let one_page = self
            .sim
            .truth()
            .repos
            .into_iter()
            .find(|repo| (1..90).contains(&talks(repo)));
        one_page
            .expect("a generated world holds short conversations")
            .name
    }

    pub(crate) fn strikes(&self, rule: Rule) {
        self.sim.faults().add(rule);
    }

    pub(crate) fn summary(&self) -> Summary {
        self.sim.observer().summary()
    }

    /// Promise of every test with limits: nobody was asked while it was known that they would refuse.
    #[track_caller]
    pub(crate) fn assert_nothing_sent_into_a_block(&self) {
        assert_eq!(self.summary().total.sent_into_block, 0);
    }
}

pub(crate) fn token(token: &str) -> Credential {
    Credential::Token(token.to_owned().into())
}

pub(crate) fn status(code: u16) -> Action {
    Action::Status { code }
}

pub(crate) async fn minutes(minutes: u64) {
    tokio::time::sleep(Duration::from_secs(60 * minutes)).await;
}

/// A GitHub without secondary limits, whose users have so much an hour.
pub(crate) fn limit(user: u64) -> SimConfig {
    let mut config = SimConfig::default();
    config.rules.limits.primary.user = user;
    config.rules.limits.secondary.enforced = false;
    config
}

/// Lets everything go on that can without time passing.
pub(crate) async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}
