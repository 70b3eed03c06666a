//! A schema for one test, unlike every other.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::super::state::{BOUND, Bound, Keeping};
use super::super::{Postgres, Settings};

/// The server that the tests use.
pub(super) fn url() -> String {
    #[expect(
        clippy::disallowed_methods,
        reason = "a test finds its server by the environment"
    )]
    let named = std::env::var("TIDEGATE_TEST_POSTGRES_URL");
    named.unwrap_or_else(|_unset| "postgres://postgres@127.0.0.1:5432/postgres".to_owned())
}

/// Names schemas, and takes them away at its end.
pub(super) struct Space {
    prefix: String,
    made: AtomicU32,
}

impl Space {
    pub(super) fn new() -> Space {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        use std::hash::{BuildHasher, RandomState};
        let random = RandomState::new().hash_one(COUNT.fetch_add(1, Ordering::Relaxed));
        Space {
            prefix: format!("tg_test_{}_{random:016x}", std::process::id()),
            made: AtomicU32::new(0),
        }
    }

    /// Settings with a schema that nobody has.
    pub(super) fn settings(&self) -> Settings {
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        Settings {
            schema: format!("{}_{number}", self.prefix),
            connections: 4,
            ..Settings::new(url())
        }
    }

    /// A fresh store.
    pub(super) fn open(&self) -> Postgres {
        open(&self.settings())
    }

    /// So many handles to one fresh store that know nothing of each other.
    pub(super) fn handles(&self, count: usize) -> Vec<Postgres> {
        let settings = Settings {
            connections: 2,
            ..self.settings()
        };
        (0..count).map(|_| open(&settings)).collect()
    }

    /// A fresh store that keeps so many answers.
    pub(super) fn bounded(&self, answers: usize) -> Postgres {
        let mut store = self.open();
        let bound = Bound {
            answers: u32::try_from(answers).unwrap(),
            ..BOUND
        };
        Arc::get_mut(&mut store.parts).unwrap().answers = Keeping::new(bound);
        store
    }
}

pub(super) fn open(settings: &Settings) -> Postgres {
    Postgres::open(settings).unwrap()
}

/// A connection beside the stores, for what they do not offer.
pub(super) async fn beside() -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(&url(), tokio_postgres::NoTls)
        .await
        .expect(
            "these tests need a PostgreSQL server: start one, or name one with TIDEGATE_TEST_POSTGRES_URL",
        );
    tokio::spawn(connection);
    client
}

impl Drop for Space {
    fn drop(&mut self) {
        let prefix = std::mem::take(&mut self.prefix);
        let made = self.made.load(Ordering::Relaxed);
        let sweeping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let client = beside().await;
                for number in 0..made {
                    let sql = format!(
                        "SET client_min_messages = warning; DROP SCHEMA IF EXISTS {prefix}_{number} CASCADE"
                    );
                    client.batch_execute(&sql).await.unwrap();
                }
            });
        });
        let swept = sweeping.join();
        if !std::thread::panicking() {
            swept.expect("the schemas are taken away");
        }
    }
}
