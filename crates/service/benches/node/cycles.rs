//! An hour of scrapes on a clock that moves only when nobody works, counted by the simulator.

use std::time::Duration;

use backends::sqlite::{Coordination, Sqlite};
use github::{Clock, transport};
use github_sim::limit::Resource;
use github_sim::{Sim, SimClock, SimConfig};
use ledger::port::activity::CycleResult;
use service::config::{self, Config, Environment, Flag, Purpose};
use service::node::{Node, Outside};

use ledger::port::Term;
use service::wire::{Plan, Stores, delays};

/// What GitHub's books say of one cycle.
#[derive(Clone, Copy, Default)]
pub(crate) struct Spent {
    /// Of both kinds.
    pub(crate) requests: u64,
    /// Of GraphQL.
    pub(crate) points: u64,
}

/// A first cycle, which reads the history, and twelve more.
pub(crate) struct Hour {
    pub(crate) first: Spent,
    pub(crate) later: Vec<Spent>,
}

impl Hour {
    pub(crate) fn sum(&self) -> Spent {
        self.later.iter().fold(Spent::default(), |sum, it| Spent {
            requests: sum.requests + it.requests,
            points: sum.points + it.points,
        })
    }

    /// The most of either.
    pub(crate) fn dearest(&self) -> Spent {
        self.later.iter().fold(Spent::default(), |most, it| Spent {
            requests: most.requests.max(it.requests),
            points: most.points.max(it.points),
        })
    }
}

pub(crate) fn an_hour() -> Hour {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .expect("a runtime can be made");
    runtime.block_on(measure())
}

async fn measure() -> Hour {
    let noon = "2025-06-01T12:00:00Z".parse().expect("a time");
    let sim = Sim::new(
        SimConfig {
            repos: 500,
            active: 10,
            users: 60,
            ..SimConfig::default()
        },
        SimClock::virtual_from(noon),
    );
    let config = configuration();
    let plan = Plan::of(&config).expect("the configuration is right");
    let outside = Outside {
        clock: Clock::virtual_from(noon),
        stores: Stores::of_files(
            Sqlite::in_memory().expect("memory is there"),
            Coordination::in_memory().expect("memory is there"),
            delays(&config),
            Clock::virtual_from(noon),
        )
        .await
        .expect("memory is there"),
        transport: transport::adapt(sim.service()),
    };
    let node = Node::build(config, plan, outside)
        .await
        .expect("the node is put together");
    let term = node.lead().await.expect("the store works");
    let first = cycle(&sim, &node, term).await;
    let mut later = Vec::new();
    for _ in 0..12 {
        tokio::time::sleep(Duration::from_secs(300)).await;
        later.push(cycle(&sim, &node, term).await);
    }
    Hour { first, later }
}

fn configuration() -> Config {
    let flag = |key, value: &str| Flag {
        key,
        flag: "--bench".to_owned(),
        values: vec![value.to_owned()],
    };
    let request = config::Request {
        file: None,
        flags: vec![
            flag("github.api_url", "http://127.0.0.1:1"),
            flag("github.organisations", "acme"),
        ],
        purpose: Purpose::Measure,
    };
    config::load(&request, &Environment::of([("GITHUB_TOKEN", "sim-token")]))
        .expect("the configuration is right")
        .config
}

async fn cycle(sim: &Sim, node: &Node, term: Term) -> Spent {
    let cycles = node.run_leader_cycle(term).await.expect("the store works");
    for cycle in cycles {
        assert_eq!(cycle.report.result, CycleResult::Success, "{cycle:?}");
    }
    let summary = sim.observer().summary();
    sim.observer().reset();
    let of = |resource| summary.resource(resource);
    Spent {
        requests: of(Resource::Core).requests + of(Resource::Graphql).requests,
        points: of(Resource::Graphql).cost,
    }
}
