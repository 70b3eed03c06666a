//! What several nodes share: a PostgreSQL database, or a Redis server with a RabbitMQ broker. Each test has a corner of its own
//! there, and takes it away again.

use std::fmt::Write as _;
use std::sync::Arc;

use backends::postgres::{self, Postgres};
use backends::redis::{self, Redis};
use ledger::port::activity::Activity;
use secrecy::SecretString;

use crate::process::Place;

/// What several nodes share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Backing {
    Postgres,
    RedisAndRabbitMq,
}

/// A corner of the servers that nobody else uses.
pub(crate) struct Corner {
    backing: Backing,
    name: String,
}

#[expect(clippy::disallowed_methods, reason = "a test finds its servers by it")]
fn server(variable: &str, usual: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_unset| usual.to_owned())
}

fn postgres_url() -> String {
    server(
        "TIDEGATE_TEST_POSTGRES_URL",
        "postgres://postgres@127.0.0.1:5432/postgres",
    )
}

fn redis_url() -> String {
    server("TIDEGATE_TEST_REDIS_URL", "redis://127.0.0.1:6379")
}

fn amqp_url() -> String {
    server(
        "TIDEGATE_TEST_AMQP_URL",
        "amqp://guest:guest@127.0.0.1:5672/%2f",
    )
}

impl Corner {
    pub(crate) fn of(backing: Backing) -> Corner {
        let nanos = ::quota::clock::wall().as_nanosecond();
        Corner {
            backing,
            name: format!("test_{}_{nanos}", std::process::id()),
        }
    }

    /// The configuration of a node that works here, with a state file of its own where that is not shared.
    pub(crate) fn configuration(&self, place: &Place, node: &str, more: &str) -> String {
        let name = &self.name;
        let mut text = String::new();
        match self.backing {
            Backing::Postgres => {
                let url = place.write("postgres-url", postgres_url());
                let _ = write!(
                    text,
                    "[state]\nurl_file = \"{url}\"\n[postgres]\nschema = \"{name}\"\n"
                );
            }
            Backing::RedisAndRabbitMq => {
                let (redis, amqp) = (
                    place.write("redis-url", redis_url()),
                    place.write("amqp-url", amqp_url()),
                );
                let _ = write!(
                    text,
                    "[state]\npath = \"{node}.db\"\n[activity]\nstore = \"redis\"\n[coordination]\nstore = \"redis\"\n\
                     [redis]\nurl_file = \"{redis}\"\nprefix = \"{name}\"\n[rabbitmq]\nurl_file = \"{amqp}\"\nprefix = \"{name}\"\n\
                     [backfill]\nbroker = \"rabbitmq\"\n"
                );
            }
        }
        text.push_str(more);
        place.write(&format!("{node}.toml"), text)
    }

    /// The store of events, for the audit. Needs a runtime around it.
    pub(crate) fn events(&self) -> Arc<dyn Activity> {
        match self.backing {
            Backing::Postgres => {
                let settings = postgres::Settings {
                    schema: self.name.clone(),
                    connections: 2,
                    notify: false,
                    ..postgres::Settings::new(SecretString::from(postgres_url()))
                };
                Arc::new(Postgres::open(&settings).expect("the URL is right"))
            }
            Backing::RedisAndRabbitMq => {
                let settings = redis::Settings {
                    prefix: self.name.clone(),
                    ..redis::Settings::new(SecretString::from(redis_url()))
                };
                Arc::new(Redis::open(&settings).expect("the URL is right"))
            }
        }
    }

    /// Takes everything away.
    async fn clear(backing: Backing, name: &str) {
        match backing {
            Backing::Postgres => {
                let (client, connection) =
                    tokio_postgres::connect(&postgres_url(), tokio_postgres::NoTls)
                        .await
                        .expect("the database answers");
                let driven = tokio::spawn(connection);
                client
                    .batch_execute(&format!("DROP SCHEMA IF EXISTS \"{name}\" CASCADE"))
                    .await
                    .expect("the schema goes");
                drop(client);
                let _ = driven.await;
            }
            Backing::RedisAndRabbitMq => {
                let client = ::redis::Client::open(redis_url()).expect("the URL is right");
                let mut connection = client
                    .get_multiplexed_async_connection()
                    .await
                    .expect("the server answers");
                let keys: Vec<String> = ::redis::cmd("KEYS")
                    .arg(format!("{{{name}}}*"))
                    .query_async(&mut connection)
                    .await
                    .expect("the keys are listed");
                if !keys.is_empty() {
                    let _: () = ::redis::cmd("UNLINK")
                        .arg(keys)
                        .query_async(&mut connection)
                        .await
                        .expect("the keys go");
                }
                clear_queues(name).await;
            }
        }
    }
}

/// The exchange and the queues of a prefix.
async fn clear_queues(prefix: &str) {
    let connection =
        lapin::Connection::connect(&amqp_url(), lapin::ConnectionProperties::default())
            .await
            .expect("the broker answers");
    let names = [
        "jobs",
        "dlq",
        "retry.1s",
        "retry.2s",
        "retry.1m",
        "retry.5m",
        "retry.30m",
        "retry.2h",
    ];
    for name in names {
        let channel = connection.create_channel().await.expect("a channel");
        // One that is not there closes its channel, and nothing else.
        let _ = channel
            .queue_delete(
                format!("{prefix}.{name}").as_str().into(),
                lapin::options::QueueDeleteOptions::default(),
            )
            .await;
    }
    let channel = connection.create_channel().await.expect("a channel");
    let _ = channel
        .exchange_delete(
            prefix.into(),
            lapin::options::ExchangeDeleteOptions::default(),
        )
        .await;
    let _ = connection.close(200, "done".into()).await;
}

impl Drop for Corner {
    fn drop(&mut self) {
        let (backing, name) = (self.backing, self.name.clone());
        let cleared = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime can be made");
            runtime.block_on(Corner::clear(backing, &name));
        });
        let _ = cleared.join();
    }
}
