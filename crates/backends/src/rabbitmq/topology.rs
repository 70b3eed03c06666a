//! What stands on the broker: names and arguments. Declaring is idempotent; what stands with other arguments is never
//! changed, and named instead.

use std::time::Duration;

use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Connection, ExchangeKind};
use ledger::port::queue::Delays;
use tokio::sync::watch;

use super::address::Unusable;
use super::trouble::{Answer, Trouble, answer};
use crate::message::MOST_DEAD;

/// How often a message may be handed out without being settled: a consumer dies each time. Then it goes to the dead letters.
const DELIVERY_LIMIT: i64 = 20;

/// What a message is routed by.
const JOBS: &str = "jobs";
const DEAD: &str = "dlq";

/// The exchange, and the queues behind it.
pub(super) struct Topology {
    exchange: String,
    jobs: String,
    dead: String,
    retries: Vec<Retry>,
    /// Tells who is subscribed that the queue of tasks was found gone, and has been made again.
    pub(super) made_again: watch::Sender<()>,
}

struct Retry {
    delay: Duration,
    key: String,
    queue: String,
}

impl Topology {
    pub(super) fn new(prefix: &str, delays: &Delays) -> Result<Topology, Unusable> {
        if prefix.is_empty() || prefix.len() > 200 || prefix.starts_with("amq.") {
            return Err(Unusable::Prefix(prefix.to_owned()));
        }
        let retry = |delay| {
            let key = format!("retry.{}", label(delay));
            let queue = format!("{prefix}.{key}");
            Retry { delay, key, queue }
        };
        Ok(Topology {
            exchange: prefix.to_owned(),
            jobs: format!("{prefix}.{JOBS}"),
            dead: format!("{prefix}.{DEAD}"),
            retries: delays.iter().map(retry).collect(),
            made_again: watch::Sender::new(()),
        })
    }

    pub(super) fn exchange(&self) -> &str {
        &self.exchange
    }

    /// The queue of tasks.
    pub(super) fn jobs(&self) -> &str {
        &self.jobs
    }

    /// The queue of dead letters.
    pub(super) fn dead(&self) -> &str {
        &self.dead
    }

    /// The queues of what is put off.
    pub(super) fn retries(&self) -> impl Iterator<Item = &str> {
        self.retries.iter().map(|retry| retry.queue.as_str())
    }

    /// The queue that takes what is routed by this.
    pub(super) fn queue_of(&self, key: &str) -> &str {
        match key {
            JOBS => &self.jobs,
            DEAD => &self.dead,
            _ => {
                let retry = self.retries.iter().find(|retry| retry.key == key);
                retry.map_or(&self.exchange, |retry| &retry.queue)
            }
        }
    }

    pub(super) fn jobs_key(&self) -> String {
        JOBS.to_owned()
    }

    pub(super) fn dead_key(&self) -> String {
        DEAD.to_owned()
    }

    /// What a message is routed by that is put off for one of the delays.
    pub(super) fn retry_key(&self, delay: Duration) -> String {
        let retry = self.retries.iter().find(|retry| retry.delay == delay);
        retry.expect("it is one of the delays").key.clone()
    }

    /// Makes what is not there, on a channel of its own: the broker closes a channel that asked for something else than what
    /// stands there.
    pub(super) async fn declare(
        &self,
        connection: &Connection,
    ) -> lapin::Result<Result<(), Trouble>> {
        let channel = connection.create_channel().await?;
        let declared = self.declare_on(&channel).await?;
        if declared.is_ok() {
            channel.close(200, "OK".into()).await?;
        }
        Ok(declared)
    }

    async fn declare_on(&self, channel: &Channel) -> lapin::Result<Result<(), Trouble>> {
        let durable = ExchangeDeclareOptions {
            durable: true,
            ..ExchangeDeclareOptions::default()
        };
        let exchange = self.exchange.as_str().into();
        let nothing = FieldTable::default();
        let made = channel.exchange_declare(exchange, ExchangeKind::Direct, durable, nothing);
        if let Err(error) = made.await {
            return mismatch("exchange", &self.exchange, error);
        }
        let retries = self.retries.iter();
        let retries = retries.map(|retry| (&retry.queue, retry.key.as_str(), self.retry(retry)));
        let queues = [
            (&self.jobs, JOBS, self.jobs_arguments()),
            (&self.dead, DEAD, dead_arguments()),
        ];
        for (queue, key, arguments) in queues.into_iter().chain(retries) {
            let durable = QueueDeclareOptions {
                durable: true,
                ..QueueDeclareOptions::default()
            };
            let made = channel.queue_declare(queue.as_str().into(), durable, arguments);
            if let Err(error) = made.await {
                return mismatch("queue", queue, error);
            }
            let bound = channel.queue_bind(
                queue.as_str().into(),
                self.exchange.as_str().into(),
                key.into(),
                QueueBindOptions::default(),
                FieldTable::default(),
            );
            bound.await?;
        }
        Ok(Ok(()))
    }

    fn jobs_arguments(&self) -> FieldTable {
        let mut arguments = self.dead_lettered_to(DEAD);
        arguments.insert(
            "x-delivery-limit".into(),
            AMQPValue::LongLongInt(DELIVERY_LIMIT),
        );
        arguments
    }

    fn retry(&self, retry: &Retry) -> FieldTable {
        let mut arguments = self.dead_lettered_to(JOBS);
        let delay = i64::try_from(retry.delay.as_millis()).expect("a delay is short");
        arguments.insert("x-message-ttl".into(), AMQPValue::LongLongInt(delay));
        arguments
    }

    /// A quorum queue whose dead letters are routed by this, and lost by no restart on their way.
    fn dead_lettered_to(&self, key: &str) -> FieldTable {
        let mut arguments = quorum();
        for (name, value) in [
            ("x-dead-letter-exchange", self.exchange.as_str()),
            ("x-dead-letter-routing-key", key),
            ("x-dead-letter-strategy", "at-least-once"),
            // The broker's condition for that strategy.
            ("x-overflow", "reject-publish"),
        ] {
            arguments.insert(name.into(), AMQPValue::LongString(value.into()));
        }
        arguments
    }
}

fn quorum() -> FieldTable {
    let mut arguments = FieldTable::default();
    arguments.insert(
        "x-queue-type".into(),
        AMQPValue::LongString("quorum".into()),
    );
    arguments
}

/// Past its bound the oldest go.
fn dead_arguments() -> FieldTable {
    let mut arguments = quorum();
    arguments.insert(
        "x-max-length".into(),
        AMQPValue::LongLongInt(i64::from(MOST_DEAD)),
    );
    arguments.insert(
        "x-overflow".into(),
        AMQPValue::LongString("drop-head".into()),
    );
    arguments
}

fn mismatch(
    what: &'static str,
    name: &str,
    error: lapin::Error,
) -> lapin::Result<Result<(), Trouble>> {
    let lapin::ErrorKind::ProtocolError(said) = error.kind() else {
        return Err(error);
    };
    if answer(&error) != Answer::Different {
        return Err(error);
    }
    Ok(Err(Trouble::Mismatch {
        what,
        name: name.to_owned(),
        detail: said.get_message().to_string(),
    }))
}

/// A delay in a name: `90s`, `5m`, `2h`.
fn label(delay: Duration) -> String {
    let millis = delay.as_millis();
    for (unit, word) in [(3_600_000, "h"), (60_000, "m"), (1000, "s")] {
        if millis.is_multiple_of(unit) {
            return format!("{}{word}", millis / unit);
        }
    }
    format!("{millis}ms")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topology() -> Topology {
        let delays = [150, 90_000, 60_000, 300_000, 7_200_000].map(Duration::from_millis);
        Topology::new("gh.backfill", &Delays::new(delays).unwrap()).unwrap()
    }

    #[test]
    fn names_say_what_a_queue_is_for() {
        let topology = topology();
        let mut names = vec![topology.exchange(), topology.jobs(), topology.dead()];
        names.extend(topology.retries());
        assert_eq!(
            names,
            [
                "gh.backfill",
                "gh.backfill.jobs",
                "gh.backfill.dlq",
                "gh.backfill.retry.150ms",
                "gh.backfill.retry.1m",
                "gh.backfill.retry.90s",
                "gh.backfill.retry.5m",
                "gh.backfill.retry.2h",
            ]
        );
        assert_eq!(topology.retry_key(Duration::from_mins(5)), "retry.5m");
    }

    #[test]
    fn a_prefix_that_makes_no_names_is_refused() {
        let delays = Delays::new([Duration::from_secs(60)]).unwrap();
        for prefix in ["", "amq.gh", &"x".repeat(201)] {
            assert!(Topology::new(prefix, &delays).is_err(), "{prefix}");
        }
    }
}
