//! A queue of its own on the broker for each test.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use backends::rabbitmq::{RabbitMq, Settings, State};
use jiff::{SignedDuration, Timestamp};
use lapin::options::{
    BasicPublishOptions, ConfirmSelectOptions, ExchangeDeleteOptions, QueueDeleteOptions,
};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use ledger::conformance::queue::{Bench, LONG, SHORT};
use ledger::coverage::GapReason;
use ledger::event::{RepoId, Stream};
use ledger::port::BackfillQueue;
use ledger::port::queue::{Delays, Task};
use ledger::window::Window;
use tokio::time::{Instant, timeout};

use crate::{ORG, at};

/// No test takes this long; one whose message is lost would wait without end.
const PATIENCE: Duration = Duration::from_secs(180);

/// Where the queue of one test stands.
pub(super) struct Place {
    pub(super) prefix: String,
    began: Instant,
    opened: Mutex<Vec<RabbitMq>>,
    /// Past the adapter.
    connection: Connection,
}

/// The broker of these tests.
#[expect(
    clippy::disallowed_methods,
    reason = "the environment names the servers of the tests"
)]
pub(super) fn broker() -> String {
    std::env::var("TIDEGATE_TEST_AMQP_URL")
        .unwrap_or_else(|_unset| "amqp://guest:guest@127.0.0.1:5672/%2f".to_owned())
}

pub(super) fn task(number: u32) -> Task {
    Task {
        org: ORG.to_owned(),
        repo: RepoId(1),
        stream: Stream::Pulls,
        window: Window::new(at(0), at(900)).unwrap(),
        reason: GapReason::Outage,
        attempts: number,
        enqueued_at: at(i64::from(number)),
    }
}

/// Runs a test on a place of its own, and leaves nothing of it on the broker, whatever happens.
pub(super) async fn on_a_place<F, D>(test: F)
where
    F: FnOnce(Arc<Place>) -> D,
    D: Future<Output = ()> + Send + 'static,
{
    let place = Arc::new(Place::at(&broker()).await);
    let ended = tokio::spawn(timeout(PATIENCE, test(Arc::clone(&place)))).await;
    place.take_away().await;
    match ended {
        Ok(in_time) => in_time.expect("the test waits for something that does not come"),
        Err(failed) => std::panic::resume_unwind(failed.into_panic()),
    }
}

impl Place {
    /// On a broker.
    pub(super) async fn at(url: &str) -> Place {
        let connecting = Connection::connect(url, ConnectionProperties::default());
        let connection = match timeout(Duration::from_secs(20), connecting).await {
            Ok(Ok(connection)) => connection,
            failed => panic!(
                "no RabbitMQ answers ({:?}): start one on port 5672, or name one with TIDEGATE_TEST_AMQP_URL",
                failed.map(|answer| answer.err().map(|error| error.to_string()))
            ),
        };
        let random = RandomState::new().build_hasher().finish();
        Place {
            prefix: format!("tidegate-test.{}.{random:016x}", std::process::id()),
            began: Instant::now(),
            opened: Mutex::default(),
            connection,
        }
    }

    pub(super) fn time(&self) -> Timestamp {
        at(0) + SignedDuration::try_from(self.began.elapsed()).unwrap()
    }

    pub(super) fn open(&self) -> RabbitMq {
        self.open_at(&broker())
    }

    /// By another way to the broker.
    pub(super) fn open_at(&self, url: &str) -> RabbitMq {
        self.open_with(url, 4)
    }

    pub(super) fn open_with(&self, url: &str, prefetch: u16) -> RabbitMq {
        self.open_as(&Settings {
            prefetch,
            ..self.settings(url)
        })
    }

    pub(super) fn open_as(&self, settings: &Settings) -> RabbitMq {
        let queue = RabbitMq::open(settings).unwrap();
        self.opened.lock().unwrap().push(queue.clone());
        queue
    }

    pub(super) fn settings(&self, url: &str) -> Settings {
        Settings {
            prefix: self.prefix.clone(),
            delays: Delays::new([SHORT, LONG]).unwrap(),
            ..Settings::new(url.to_owned().into())
        }
    }

    pub(super) fn exchange(&self) -> String {
        self.prefix.clone()
    }

    /// A queue of ours by the end of its name.
    pub(super) fn name(&self, end: &str) -> String {
        format!("{}.{end}", self.prefix)
    }

    pub(super) fn retries(&self) -> [String; 2] {
        [SHORT, LONG].map(|delay| self.name(&format!("retry.{}ms", delay.as_millis())))
    }

    /// A channel past the adapter.
    pub(super) async fn channel(&self) -> Channel {
        self.connection.create_channel().await.unwrap()
    }

    pub(super) async fn delete_queue(&self, name: &str) {
        let channel = self.channel().await;
        let deleted = channel.queue_delete(name.into(), QueueDeleteOptions::default());
        deleted.await.unwrap();
    }

    pub(super) async fn delete_exchange(&self) {
        let channel = self.channel().await;
        let name = self.exchange().into();
        let deleted = channel.exchange_delete(name, ExchangeDeleteOptions::default());
        deleted.await.unwrap();
    }

    async fn take_away(&self) {
        self.close_all().await;
        let [short, long] = self.retries();
        for queue in [short, long, self.name("jobs"), self.name("dlq")] {
            self.delete_queue(&queue).await;
        }
        self.delete_exchange().await;
    }

    async fn close_all(&self) {
        let opened = std::mem::take(&mut *self.opened.lock().unwrap());
        for queue in opened {
            queue.close().await;
        }
    }
}

#[async_trait]
impl Bench for Place {
    async fn handle(&self) -> Arc<dyn BackfillQueue> {
        let queue = self.open();
        until_reached(&queue).await;
        Arc::new(queue)
    }

    fn now(&self) -> Timestamp {
        self.time()
    }

    async fn kill(&self, consumer: Arc<dyn BackfillQueue>) {
        drop(consumer);
        self.close_all().await;
    }

    async fn inject(&self, body: &[u8]) {
        let channel = self.channel().await;
        let confirm = ConfirmSelectOptions::default();
        channel.confirm_select(confirm).await.unwrap();
        let exchange = self.exchange().into();
        let options = BasicPublishOptions::default();
        let properties = BasicProperties::default();
        let published = channel.basic_publish(exchange, "jobs".into(), options, body, properties);
        assert!(published.await.unwrap().await.unwrap().is_ack());
    }
}

/// Waits until the connection that publishes stands so.
pub(super) async fn until(queue: &RabbitMq, what: impl Fn(&State) -> bool) -> State {
    let mut state = queue.state();
    state.wait_for(what).await.unwrap().clone()
}

pub(super) async fn until_reached(queue: &RabbitMq) {
    until(queue, |state| *state == State::Up).await;
}
