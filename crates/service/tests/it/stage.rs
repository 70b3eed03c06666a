//! A node and a simulated GitHub in one process, on a clock that moves only when nobody works.
//!
//! Decides nothing about either: it puts them together, runs cycles, and holds what the node has recorded against what
//! the simulator says is true ([`audit`]).

mod audit;
mod facts;
mod play;

use std::net::TcpListener;
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::http;
use backends::sqlite::{Coordination, Sqlite};
use github::{Clock, transport};
use github_sim::observer::Summary;
use github_sim::{Sim, SimClock, SimConfig, World};
use jiff::{SignedDuration, Timestamp};
use ledger::port::activity::{Activity, CycleResult, LAG};
use ledger::port::{self, Term};
use service::config::{self, Config, Environment, Flag, Purpose};
use service::http::{Guard, router};
use service::node::{Node, Outside};
use service::task::scrape::{Cycle, Progress, Scrape};
use service::wire::{Plan, Stores, delays};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

pub(crate) use self::audit::Diff;
use self::audit::Memory;
pub(crate) use self::play::{Play, random};

/// When every play begins: 1 June 2025, noon.
pub(crate) const NOON: &str = "2025-06-01T12:00:00Z";

/// GitHub's dates have whole seconds, and its clock may be off by half a minute.
const LEEWAY: SignedDuration = SignedDuration::from_secs(32);

pub(crate) fn noon() -> Timestamp {
    NOON.parse().unwrap()
}

/// What a node is told beside where GitHub is.
#[derive(Clone, Default)]
pub(crate) struct Told {
    orgs: Vec<String>,
    /// Keys and their values.
    keys: Vec<(&'static str, Vec<String>)>,
    app: bool,
}

impl Told {
    /// To measure these organisations with the simulator's token.
    pub(crate) fn to_measure(orgs: &[&str]) -> Told {
        Told {
            orgs: orgs.iter().map(|org| (*org).to_owned()).collect(),
            ..Told::default()
        }
    }

    /// To use the simulator's App in place of the token.
    pub(crate) fn with_app(self) -> Told {
        Told { app: true, ..self }
    }

    pub(crate) fn key(mut self, key: &'static str, values: &[&str]) -> Told {
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        self.keys.push((key, values));
        self
    }

    fn config(&self, sim: &Sim, folder: &std::path::Path) -> Config {
        let flag = |key, values| Flag {
            key,
            flag: "--stage".to_owned(),
            values,
        };
        let mut flags = vec![
            flag("github.api_url", vec!["http://127.0.0.1:1".to_owned()]),
            flag("github.organisations", self.orgs.clone()),
        ];
        let mut environment = vec![("GITHUB_TOKEN", "sim-token")];
        if self.app {
            environment.clear();
            let key = folder.join("app.pem");
            std::fs::write(&key, sim.credentials().app_pem()).unwrap();
            let app_id = sim.credentials().app_id().to_string();
            flags.push(flag("github.app_id", vec![app_id]));
            let key = key.to_str().unwrap().to_owned();
            flags.push(flag("github.private_key_file", vec![key]));
        }
        flags.extend(
            self.keys
                .iter()
                .map(|(key, values)| flag(key, values.clone())),
        );
        let request = config::Request {
            file: None,
            flags,
            purpose: Purpose::Measure,
        };
        config::load(&request, &Environment::of(environment))
            .unwrap()
            .config
    }
}

/// A node before a simulated GitHub.
pub(crate) struct Stage {
    pub(crate) sim: Sim,
    pub(crate) node: Node,
    told: Told,
    config: Config,
    term: Term,
    state: Sqlite,
    board: Arc<dyn port::Coordination>,
    memory: Memory,
    folder: tempfile::TempDir,
}

impl Stage {
    /// A generated world.
    pub(crate) async fn generated(config: SimConfig) -> Stage {
        let orgs: Vec<&str> = config.orgs.iter().map(String::as_str).collect();
        let told = Told::to_measure(&orgs);
        Stage::new(
            Sim::new(config.clone(), SimClock::virtual_from(noon())),
            told,
        )
        .await
    }

    /// A world that a test has made, as of its present.
    pub(crate) async fn of(world: World, told: Told) -> Stage {
        let clock = SimClock::virtual_from(world.now());
        Stage::new(Sim::with_world(SimConfig::default(), clock, world), told).await
    }

    pub(crate) async fn new(sim: Sim, told: Told) -> Stage {
        Stage::with_board(sim, told, Arc::new(Coordination::in_memory().unwrap())).await
    }

    /// A node that meets others on this board.
    pub(crate) async fn with_board(
        sim: Sim,
        told: Told,
        board: Arc<dyn port::Coordination>,
    ) -> Stage {
        let folder = tempfile::tempdir().unwrap();
        let config = told.config(&sim, folder.path());
        let state = Sqlite::in_memory().unwrap();
        let node = build(&sim, &config, &state, &board).await;
        let term = node.lead().await.unwrap();
        let memory = Memory::default();
        Stage {
            sim,
            node,
            term,
            told,
            config,
            state,
            board,
            memory,
            folder,
        }
    }

    /// Remembers nothing of the past, which is quicker: for large worlds in which nothing is taken back.
    pub(crate) fn without_memory(mut self) -> Stage {
        self.memory.off();
        self
    }

    /// Another node takes over this one's state, as after a crash.
    pub(crate) async fn restart(&mut self) {
        self.node = build(&self.sim, &self.config, &self.state, &self.board).await;
        self.term = self.node.lead().await.unwrap();
    }

    /// The same with another configuration.
    pub(crate) async fn restart_told(&mut self, told: Told) {
        self.config = told.config(&self.sim, self.folder.path());
        self.told = told;
        self.restart().await;
    }

    pub(crate) fn store(&self) -> Arc<dyn Activity> {
        Arc::clone(self.node.store())
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.sim.clock().now()
    }

    /// Lets time pass.
    pub(crate) async fn pass(&self, span: SignedDuration) {
        tokio::time::sleep(span.unsigned_abs()).await;
    }

    pub(crate) async fn minutes(&self, minutes: i64) {
        self.pass(SignedDuration::from_mins(minutes)).await;
    }

    pub(crate) async fn seconds(&self, seconds: i64) {
        self.pass(SignedDuration::from_secs(seconds)).await;
    }

    /// Lets the simulator do something now.
    pub(crate) fn script<T>(&mut self, change: impl FnOnce(&mut World) -> T) -> T {
        self.memory.keep(&self.sim);
        let done = change(&mut self.sim.world());
        self.memory.keep(&self.sim);
        done
    }

    /// One pass over every organisation.
    pub(crate) async fn cycle(&mut self) -> Vec<Cycle> {
        self.memory.keep(&self.sim);
        let mut cycles = Vec::new();
        for scrape in self.node.scrapes() {
            cycles.push(one(scrape, self.term).await);
        }
        self.memory.keep(&self.sim);
        cycles
    }

    /// One pass that has to read everything.
    #[track_caller]
    pub(crate) fn whole(cycles: &[Cycle]) {
        for cycle in cycles {
            assert_eq!(cycle.report.result, CycleResult::Success, "{cycle:#?}");
        }
    }

    /// One pass over every organisation that is broken off after so long, wherever it is then.
    pub(crate) async fn broken_cycle(&mut self, after: std::time::Duration) {
        self.memory.keep(&self.sim);
        let (scrapes, term) = (self.node.scrapes(), self.term);
        let all = async {
            for scrape in scrapes {
                one(scrape, term).await;
            }
        };
        // Whether it was over by then does not matter.
        let _ = tokio::time::timeout(after, all).await;
        self.memory.keep(&self.sim);
    }

    /// Cycles until what is recorded is the truth: of a world that lives on, something can happen during a cycle.
    pub(crate) async fn catch_up(&mut self) {
        for _ in 0..5 {
            self.cycle().await;
            if self.audit().await.is_empty() {
                return;
            }
        }
        self.assert_true().await;
    }

    /// What differs between the records and the truth.
    pub(crate) async fn audit(&mut self) -> Diff {
        self.memory.keep(&self.sim);
        audit::audit(
            &self.sim,
            &*self.store(),
            &self.config,
            &self.told.orgs,
            &self.memory,
        )
        .await
    }

    /// The records are the truth, and what is claimed was read.
    pub(crate) async fn assert_true(&mut self) {
        let diff = self.audit().await;
        assert!(diff.is_empty(), "{diff}");
    }

    /// Nothing is claimed that was not read, whatever is still missing.
    pub(crate) async fn assert_honest(&mut self) {
        let diff = self.audit().await;
        assert!(diff.overclaims.is_empty(), "{diff}");
    }

    /// Every instant up to a cycle, but for the lag that coverage allows for, was read or is a recorded gap.
    pub(crate) async fn assert_accounted(&self, cycles: &[Cycle]) {
        let start = cycles[0].report.started;
        for org in &self.told.orgs {
            for view in self.store().repos(org).await.unwrap() {
                let streams = view.streams.iter().filter(|_| view.tracked);
                for stream in streams.filter(|stream| stream.unavailable.is_none()) {
                    let left = stream.coverage.undecided(start - LAG - LEEWAY);
                    assert!(
                        left.is_empty(),
                        "{} {} of {left:?} nothing is known at {start}: {stream:#?}",
                        view.name,
                        stream.stream
                    );
                }
            }
        }
    }

    /// Every gap is healed.
    pub(crate) async fn assert_no_gaps(&self) {
        for org in &self.told.orgs {
            for view in self.store().repos(org).await.unwrap() {
                for stream in view.streams.iter().filter(|_| view.tracked) {
                    assert_eq!(
                        stream.coverage.gaps(),
                        [],
                        "{} {}",
                        view.name,
                        stream.stream
                    );
                }
            }
        }
    }

    /// Lets the node run by itself; it can then be looked at through its face and its store alone.
    pub(crate) fn run(self, listener: TcpListener, leave: CancellationToken) -> Running {
        let guard = Guard::new(self.config.http.listen, &[], None).unwrap();
        Running {
            router: router(self.node.face(), guard),
            sim: self.sim,
            store: Arc::clone(self.node.store()),
            told: self.told,
            config: self.config,
            memory: self.memory,
            end: tokio::spawn(self.node.run(listener, leave)),
        }
    }

    /// What the simulator has seen since the last time, which it forgets.
    pub(crate) fn spent(&self) -> Summary {
        let summary = self.sim.observer().summary();
        self.sim.observer().reset();
        summary
    }

    /// What a reader gets.
    pub(crate) async fn get(&self, path: &str) -> (u16, String) {
        ask(&self.node, &self.config, path).await
    }
}

/// A node that runs by itself.
pub(crate) struct Running {
    pub(crate) router: axum::Router,
    pub(crate) sim: Sim,
    store: Arc<dyn Activity>,
    told: Told,
    config: Config,
    memory: Memory,
    end: JoinHandle<anyhow::Result<()>>,
}

impl Running {
    /// Lets the simulator do something now.
    pub(crate) fn script(&mut self, change: impl FnOnce(&mut World)) {
        self.memory.keep(&self.sim);
        change(&mut self.sim.world());
        self.memory.keep(&self.sim);
    }

    async fn audit(&mut self) -> Diff {
        self.memory.keep(&self.sim);
        let Running {
            sim,
            store,
            told,
            config,
            memory,
            ..
        } = self;
        audit::audit(sim, &**store, config, &told.orgs, memory).await
    }

    /// The records are the truth, and what is claimed was read.
    pub(crate) async fn assert_true(&mut self) {
        let diff = self.audit().await;
        assert!(diff.is_empty(), "{diff}");
    }

    /// Nothing is claimed that was not read, whatever is still missing.
    pub(crate) async fn assert_honest(&mut self) {
        let diff = self.audit().await;
        assert!(diff.overclaims.is_empty(), "{diff}");
    }

    /// How it ended.
    pub(crate) async fn ended(self) -> anyhow::Result<()> {
        self.end.await.unwrap()
    }
}

async fn build(
    sim: &Sim,
    config: &Config,
    state: &Sqlite,
    board: &Arc<dyn port::Coordination>,
) -> Node {
    let clock = Clock::virtual_from(sim.clock().now());
    let unused = Coordination::in_memory().unwrap();
    let mut stores = Stores::of_files(state.clone(), unused, delays(config), clock)
        .await
        .unwrap();
    stores.coordination = Arc::clone(board);
    let outside = Outside {
        clock,
        stores,
        transport: transport::adapt(sim.service()),
    };
    let plan = Plan::of(config).unwrap();
    Node::build(config.clone(), plan, outside).await.unwrap()
}

async fn one(scrape: &Arc<Scrape>, term: Term) -> Cycle {
    let (progress, _seen) = watch::channel(Progress::default());
    scrape.cycle(term, &progress).await.unwrap()
}

async fn ask(node: &Node, config: &Config, path: &str) -> (u16, String) {
    let guard = Guard::new(config.http.listen, &[], None).unwrap();
    get(&router(node.face(), guard), path).await
}

/// What a reader gets at a path.
pub(crate) async fn get(router: &axum::Router, path: &str) -> (u16, String) {
    let request = http::Request::get(path).header("host", "localhost");
    let response = router
        .clone()
        .oneshot(request.body(Body::empty()).unwrap())
        .await
        .unwrap();
    let status = response.status().as_u16();
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

/// The values of a family in an exposition, by labels.
pub(crate) fn samples(exposition: &str, name: &str) -> std::collections::BTreeMap<String, f64> {
    let line = |line: &str| {
        let (series, value) = line.rsplit_once(' ')?;
        let labels = series.strip_prefix(name)?;
        let labels = match labels {
            "" => "",
            _ => labels.strip_prefix('{')?.strip_suffix('}')?,
        };
        Some((labels.to_owned(), value.parse().ok()?))
    };
    exposition.lines().filter_map(line).collect()
}
