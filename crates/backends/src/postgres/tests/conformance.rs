//! The suites of the five ports.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use ledger::conformance::queue::{Bench, LONG, SHORT};
use ledger::port::queue::{BackfillQueue, Delays};
use ledger::port::{Activity, Coordination, Election, State};
use tokio_postgres::types::Type;

use super::super::{Postgres, PostgresQueue, Settings};
use super::space::{Space, beside, open};

macro_rules! activity {
    ($($case:ident)*) => { $(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $case() {
            let space = Space::new();
            ledger::conformance::activity::$case(&|| Arc::new(space.open()) as Arc<dyn Activity>).await;
        }
    )* };
}
ledger::activity_cases!(activity);

macro_rules! state {
    ($($case:ident)*) => { $(
        #[tokio::test]
        async fn $case() {
            let space = Space::new();
            ledger::conformance::state::$case(&|answers| Arc::new(space.bounded(answers)) as Arc<dyn State>).await;
        }
    )* };
}
ledger::state_cases!(state);

fn shared<T: ?Sized>(stores: Vec<Postgres>, of: fn(Postgres) -> Arc<T>) -> Vec<Arc<T>> {
    stores.into_iter().map(of).collect()
}

macro_rules! coordination {
    ($($case:ident)*) => { $(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $case() {
            let space = Space::new();
            ledger::conformance::coordination::$case(&|handles| {
                shared(space.handles(handles), |store| Arc::new(store) as Arc<dyn Coordination>)
            }).await;
        }
    )* };
}
ledger::coordination_cases!(coordination);

macro_rules! election {
    ($($case:ident)*) => { $(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $case() {
            let space = Space::new();
            ledger::conformance::election::$case(&|handles| {
                shared(space.handles(handles), |store| Arc::new(store) as Arc<dyn Election>)
            }).await;
        }
    )* };
}
ledger::election_cases!(election);

/// A queue in a schema of its own.
struct Desk {
    settings: Settings,
    _space: Space,
}

impl Desk {
    fn new(notify: bool) -> Desk {
        let space = Space::new();
        Desk {
            settings: Settings {
                notify,
                connections: 2,
                ..space.settings()
            },
            _space: space,
        }
    }
}

#[async_trait]
impl Bench for Desk {
    async fn handle(&self) -> Arc<dyn BackfillQueue> {
        let delays = Delays::new([SHORT, LONG]).unwrap();
        Arc::new(PostgresQueue::open(&open(&self.settings), delays))
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the time of a real server passes"
    )]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    /// Its messages come again when their time in hand has passed; so it passes.
    async fn kill(&self, consumer: Arc<dyn BackfillQueue>) {
        drop(consumer);
        let sql = format!(
            "UPDATE {}.tasks SET visible_at = now() WHERE in_hand",
            self.settings.schema
        );
        beside().await.batch_execute(&sql).await.unwrap();
    }

    async fn inject(&self, body: &[u8]) {
        open(&self.settings).ping().await.unwrap();
        let sql = format!(
            "INSERT INTO {}.tasks (body) VALUES ($1)",
            self.settings.schema
        );
        beside()
            .await
            .query_typed(&sql, &[(&body, Type::BYTEA)])
            .await
            .unwrap();
    }
}

macro_rules! queue {
    ($($case:ident)*) => {
        mod queue_with_notifications { $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let case = ledger::conformance::queue::$case;
                super::bounded(async { case(&super::Desk::new(true)).await }).await;
            }
        )* }

        mod queue_without_notifications { $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let case = ledger::conformance::queue::$case;
                super::bounded(async { case(&super::Desk::new(false)).await }).await;
            }
        )* }
    };
}
ledger::queue_cases!(queue);

async fn bounded(case: impl Future<Output = ()>) {
    let ended = tokio::time::timeout(Duration::from_secs(120), case).await;
    ended.expect("a message is waited for that does not come");
}
