//! The queue of backfill tasks in `RabbitMQ` (3.10 or later), over AMQP 0-9-1.
//!
//! ```text
//! publish ──> gh.backfill (direct) ──jobs──> gh.backfill.jobs ──> consumers ──ack
//!                 ^  │                            │ (over its delivery limit)    │
//!                 │  ├──dlq──> gh.backfill.dlq <──┘                              ├─ bury: published to dlq, then acknowledged
//!                 │  └──retry.1m──> gh.backfill.retry.1m                         └─ put off: published to retry.…, then acknowledged
//!                 └───────────────────────┘ (after a minute)
//! ```
//!
//! Every message is persistent, published as mandatory and confirmed; every queue is a durable quorum queue. What stands
//! there is declared with each connection, and again when something of it turns out to be gone.
//!
//! **Two connections.** A broker that is short of memory or disk stops reading what publishers send. What is acknowledged
//! goes over a connection of its own, which is made when somebody waits for a message for the first time: who only publishes
//! hoards nothing. Both are kept up in the background (`link.rs`).
//!
//! **Never hangs.** Each thing that is asked of the broker ends within [`PATIENCE`], or is refused at once where the last
//! attempt to reach the broker has failed. What could not be put off or buried is still in hand.
//!
//! It does not know what a task means. How often one was tried is counted elsewhere: a message has no count.

mod address;
mod connect;
mod intake;
mod link;
mod publisher;
mod settle;
mod topology;
mod trouble;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use ledger::port::Result;
use ledger::port::queue::{BackfillQueue, Delays, Delivery, Depth, Task};
use secrecy::SecretString;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::message;

use address::Broker;
pub use address::Unusable;
use intake::Intake;
use link::Link;
pub use link::State;
use publisher::{Letter, Publisher};
use topology::Topology;
use trouble::Trouble;

/// The longest that a method waits for the broker, [`BackfillQueue::next`] aside; to put off and to bury are two things that
/// are asked of it.
pub const PATIENCE: Duration = Duration::from_secs(3);

/// What a queue is opened with.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `amqp://user:password@host:5672/vhost`, or `amqps://` for TLS. The virtual host `/` is written `%2f`; the host is a
    /// name or an IPv4 address. `?heartbeat=` sets the seconds between heartbeats, [`HEARTBEAT`] if it does not.
    pub url: SecretString,
    /// For TLS: a file of PEM certificates that are trusted beside the system's. It is read with each connection.
    pub ca_file: Option<PathBuf>,
    /// What the names of the exchange and the queues begin with; [`PREFIX`] by default. At most 200 bytes.
    pub prefix: String,
    /// For how long a task can be put off: a retry queue each.
    pub delays: Delays,
    /// How many messages are in this process at once, in hands and on their way to them: as many as there are workers. At
    /// least 1.
    pub prefetch: u16,
}

impl Settings {
    /// The settings for a URL, with the system's certificates, the prefix [`PREFIX`], delays of 1, 5 and 30 minutes and of 2
    /// hours, and a prefetch of 4.
    pub fn new(url: SecretString) -> Settings {
        let delays = [1, 5, 30, 120].map(Duration::from_mins);
        Settings {
            url,
            ca_file: None,
            prefix: PREFIX.to_owned(),
            delays: Delays::new(delays).expect("they are possible"),
            prefetch: 4,
        }
    }
}

/// What names begin with where nothing else is said.
pub const PREFIX: &str = "gh.backfill";

/// Seconds between heartbeats. A broker that is silent for two of them is taken for gone.
pub const HEARTBEAT: u16 = 10;

/// The queue of backfill tasks in `RabbitMQ`. Clones share their connections, which are closed with the last one.
#[derive(Clone)]
pub struct RabbitMq {
    parts: Arc<Parts>,
}

struct Parts {
    topology: Arc<Topology>,
    publisher: Arc<Publisher>,
    intake: Arc<Intake>,
    delays: Delays,
    stop: CancellationToken,
}

impl Drop for Parts {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl RabbitMq {
    /// Opens the queue. Succeeds while the broker is down: it is connected to in the background, with pauses of one second to
    /// half a minute. Needs a runtime of tokio's around it.
    ///
    /// # Errors
    ///
    /// [`Unusable`] if the settings name no broker.
    pub fn open(settings: &Settings) -> std::result::Result<RabbitMq, Unusable> {
        let broker = Arc::new(Broker::parse(&settings.url, settings.ca_file.clone())?);
        let topology = Arc::new(Topology::new(&settings.prefix, &settings.delays)?);
        let stop = CancellationToken::new();
        let link = Link::keep(&broker, &topology, "publishing", &stop);
        let publisher = Arc::new(Publisher::new(link, &topology));
        let intake = Arc::new(Intake::new(
            &broker,
            &topology,
            settings.prefetch.max(1),
            &stop,
        ));
        Ok(RabbitMq {
            parts: Arc::new(Parts {
                topology,
                publisher,
                intake,
                delays: settings.delays.clone(),
                stop,
            }),
        })
    }

    /// How the connection that publishes stands, from now on.
    pub fn state(&self) -> watch::Receiver<State> {
        self.parts.publisher.state()
    }

    /// Closes the connections: what is in hand goes back to the queue. At most a few seconds; also happens, in the
    /// background, when the last clone is dropped.
    pub async fn close(&self) {
        self.parts.stop.cancel();
        tokio::join!(self.parts.publisher.closed(), self.parts.intake.closed());
    }
}

impl std::fmt::Debug for RabbitMq {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RabbitMq").finish_non_exhaustive()
    }
}

#[async_trait]
impl BackfillQueue for RabbitMq {
    async fn publish(&self, task: &Task, now: Timestamp) -> Result<()> {
        let letter = Letter::task(self.parts.topology.jobs_key(), task, now)?;
        let published = self.parts.publisher.publish(letter).await;
        published.map_err(|trouble| trouble.while_it_should("enqueue a task"))
    }

    async fn next(&self) -> Result<Delivery> {
        let next = self.parts.intake.next().await;
        next.map_err(|trouble| trouble.while_it_should("take a task"))
    }

    async fn ack(&self, delivery: &Delivery) -> Result<()> {
        let acknowledged = settle::ack(&self.parts.intake, delivery).await;
        acknowledged.map_err(|trouble| trouble.while_it_should("acknowledge a task"))
    }

    async fn put_off(&self, delivery: &Delivery, after: Duration, now: Timestamp) -> Result<()> {
        let key = self
            .parts
            .topology
            .retry_key(self.parts.delays.round(after));
        let put_off = self.settle(delivery, |body| Letter::again(key, body, now));
        let put_off = put_off.await;
        put_off.map_err(|trouble| trouble.while_it_should("put a task off"))
    }

    async fn bury(&self, delivery: &Delivery, why: &str, now: Timestamp) -> Result<()> {
        let key = self.parts.topology.dead_key();
        let why = message::shorten(why, message::LONGEST_REASON).to_owned();
        let buried = self.settle(delivery, |body| Letter::dead(key, body, &why, now));
        let buried = buried.await;
        buried.map_err(|trouble| trouble.while_it_should("bury a task"))
    }

    async fn clear_dead(&self) -> Result<u64> {
        let cleared = self.parts.publisher.purge_dead().await;
        cleared.map_err(|trouble| trouble.while_it_should("clear the dead letters"))
    }

    /// What is in hands of other processes is not told, and of what waits the oldest only where it has come to this process
    /// and nobody here has taken it yet: to look at more would count as handing it out.
    async fn depth(&self) -> Result<Depth> {
        let counted = self.parts.publisher.count().await;
        let (waiting, dead) =
            counted.map_err(|trouble| trouble.while_it_should("count the queue"))?;
        let here = self.parts.intake.count();
        Ok(Depth {
            waiting: waiting + here.buffered,
            in_hand: here.in_hand,
            dead,
            oldest: here.oldest,
        })
    }
}

impl RabbitMq {
    /// Publishes what comes of a message in hand, and then acknowledges it. A crash between the two repeats the message.
    async fn settle(
        &self,
        delivery: &Delivery,
        letter: impl FnOnce(Vec<u8>) -> Letter,
    ) -> std::result::Result<(), Trouble> {
        settle::instead(&self.parts.intake, &self.parts.publisher, delivery, letter).await
    }
}
