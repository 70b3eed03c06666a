//! Processes that share a credential, and the board on which they meet.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use backends::sqlite::Coordination as Sqlite;
use github::gate::Ask;
use github::{Clock, Gate, Governor, Lane};
use jiff::{SignedDuration, Timestamp};
use ledger::port::Coordination;
use ledger::port::coordination::{Block, Held};
use quota::{Learnt, Resource, Seen};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::super::machine::Machine;
use super::super::{Fleet, Views};
use super::{TOKEN, start};
use crate::health::{Component, Condition, Health};

/// One process.
pub(super) struct Process {
    pub(super) governor: Arc<Governor>,
    pub(super) gate: Gate,
    pub(super) fleet: Fleet,
    pub(super) health: Health,
    pub(super) leave: CancellationToken,
    pub(super) task: Option<JoinHandle<()>>,
}

impl Process {
    pub(super) fn run(&mut self) {
        self.task = Some(tokio::spawn(self.fleet.clone().run(self.leave.clone())));
    }

    pub(super) async fn sees(&self, seen: Seen) {
        let pass = self
            .gate
            .admit(Lane::Live, Ask::read(Resource::core(), 1))
            .await;
        self.gate.observe(pass, seen);
    }

    pub(super) fn closed_until(&self) -> Option<Timestamp> {
        self.gate.report().quota.closed_until
    }

    pub(super) fn condition(&self) -> Condition {
        self.health.condition(&Component::Coordination).unwrap()
    }

    pub(super) fn core_used(&self) -> Option<u64> {
        let resources = self.gate.report().quota.resources;
        let core = resources
            .iter()
            .find(|found| found.resource == Resource::core());
        core.and_then(|core| core.used)
    }

    /// Ends as kill -9 does.
    pub(super) fn kill(mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
        }
    }

    pub(super) async fn end(mut self) {
        self.leave.cancel();
        if let Some(task) = self.task.take() {
            task.await.unwrap();
        }
    }
}

thread_local! {
    /// When the machine of this test was started.
    static STARTED: Instant = Instant::now();
}

/// Time as the test's runtime counts it; each test has a thread of its own.
fn running_for() -> Option<Duration> {
    Some(STARTED.with(Instant::elapsed))
}

/// Where processes meet, and the time of all of them.
pub(super) struct World {
    pub(super) board: Arc<dyn Coordination>,
    pub(super) clock: Clock,
}

impl World {
    pub(super) fn new() -> World {
        World::on(Arc::new(Sqlite::in_memory().unwrap()))
    }

    pub(super) fn on(board: Arc<dyn Coordination>) -> World {
        World {
            board,
            clock: Clock::virtual_from(start()),
        }
    }

    /// A process that has joined and takes part.
    pub(super) async fn start(&self, name: &str) -> Process {
        let mut process = self.joined(name).await;
        process.run();
        process
    }

    pub(super) async fn joined(&self, name: &str) -> Process {
        let process = self.process(name);
        process.fleet.join().await.unwrap();
        process
    }

    pub(super) fn process(&self, name: &str) -> Process {
        let governor = Governor::new(self.clock, quota::Settings::default());
        let gate = governor.gate(TOKEN);
        let health = Health::new([Component::Coordination], start());
        let view = format!("a view of {name}");
        let views: Views = Arc::new(move || BTreeMap::from([(TOKEN.to_owned(), view.clone())]));
        let fleet = Fleet::on(
            Some(Machine::made(running_for)),
            governor.clone(),
            self.board.clone(),
            self.clock,
            name.to_owned(),
            views,
            health.clone(),
        );
        Process {
            governor,
            gate,
            fleet,
            health,
            leave: CancellationToken::new(),
            task: None,
        }
    }

    /// The same, and its clock shows so many seconds more than the others'.
    pub(super) fn with_a_clock_ahead(&self, seconds: i64) -> World {
        let now = self.clock.now() + SignedDuration::from_secs(seconds);
        World {
            board: self.board.clone(),
            clock: Clock::virtual_from(now),
        }
    }

    pub(super) async fn two(&self) -> (Process, Process) {
        (self.start("ada").await, self.start("bob").await)
    }

    pub(super) async fn held(&self) -> Vec<Held> {
        self.board.held().await.unwrap()
    }

    pub(super) async fn blocks(&self) -> Vec<Block> {
        self.board.blocks().await.unwrap()
    }

    pub(super) async fn learnt(&self) -> Learnt {
        let kept = self
            .board
            .learnt(TOKEN)
            .await
            .unwrap()
            .expect("something is kept");
        serde_json::from_str(&kept).expect("it can be read")
    }
}
