//! What comes from the broker: a subscription that is kept up while it is wanted, what it has brought, and what is in
//! whose hands.
//!
//! A message is taken from the shelf and handed over in one step, so that a wait that is dropped loses none. When a channel
//! ends, the broker gives everything that it has brought to somebody else: then nothing of it is in hand here any more, and
//! its tags do nothing.

use std::collections::{HashMap, VecDeque};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use lapin::options::{BasicCancelOptions, BasicConsumeOptions, BasicNackOptions, BasicQosOptions};
use lapin::types::FieldTable;
use lapin::{Acker, Channel, Consumer};
use ledger::port::queue::{Delivery, Task};
use tokio::sync::{Notify, watch};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::address::Broker;
use super::connect::Session;
use super::link::{Link, Pauses, next};
use super::topology::Topology;
use super::trouble::{Answer, Trouble, answer};
use crate::message;

/// How long messages may lie here that nobody waits for; then they go back, for others. Between once and twice as long.
const IDLE: Duration = Duration::from_secs(5);

/// After so long without a message, a subscription is made anew, if nothing of it is in hand: where a queue was deleted and
/// at once made again, the broker moves its consumers over by itself, and they may have lost what it handed out first.
const RENEW: Duration = Duration::from_secs(300);

pub(super) struct Intake {
    broker: Arc<Broker>,
    topology: Arc<Topology>,
    prefetch: u16,
    stop: CancellationToken,
    link: OnceLock<Arc<Link>>,
    shelf: Mutex<Shelf>,
    arrived: Notify,
    /// How many wait for a message.
    waiting: watch::Sender<usize>,
    /// Why none can come now.
    trouble: watch::Sender<Option<Trouble>>,
}

#[derive(Default)]
struct Shelf {
    /// Counts the subscriptions.
    subscription: u64,
    buffered: VecDeque<Held>,
    in_hand: HashMap<String, Held>,
}

/// A message that the broker has given to us.
pub(super) struct Held {
    subscription: u64,
    tag: String,
    task: Option<Task>,
    pub(super) body: Vec<u8>,
    pub(super) acker: Acker,
}

/// What is here.
pub(super) struct Here {
    pub(super) buffered: u64,
    pub(super) in_hand: u64,
    pub(super) oldest: Option<Timestamp>,
}

/// Why a subscription ended.
enum End {
    /// The channel or the connection is gone, or the queue is.
    Lost,
    /// Nobody has waited for a while.
    Idle,
}

impl Intake {
    pub(super) fn new(
        broker: &Arc<Broker>,
        topology: &Arc<Topology>,
        prefetch: u16,
        stop: &CancellationToken,
    ) -> Intake {
        Intake {
            broker: Arc::clone(broker),
            topology: Arc::clone(topology),
            prefetch,
            stop: stop.clone(),
            link: OnceLock::new(),
            shelf: Mutex::default(),
            arrived: Notify::new(),
            waiting: watch::Sender::new(0),
            trouble: watch::Sender::new(None),
        }
    }

    /// The next message, or why none can come now.
    pub(super) async fn next(self: &Arc<Self>) -> Result<Delivery, Trouble> {
        if self.stop.is_cancelled() {
            return Err(Trouble::Closed);
        }
        self.start();
        let _waiting = Waiting::new(self);
        let mut trouble = self.trouble.subscribe();
        loop {
            let mut arrived = pin!(self.arrived.notified());
            arrived.as_mut().enable();
            if let Some(delivery) = self.take() {
                return Ok(delivery);
            }
            if let Some(trouble) = trouble.borrow_and_update().clone() {
                return Err(trouble);
            }
            tokio::select! {
                () = arrived => {}
                _ = trouble.changed() => {}
            }
        }
    }

    fn take(&self) -> Option<Delivery> {
        let mut shelf = self.shelf();
        let held = shelf.buffered.pop_front()?;
        if !shelf.buffered.is_empty() {
            self.arrived.notify_one();
        }
        let delivery = Delivery {
            task: held.task.clone(),
            tag: held.tag.clone(),
        };
        shelf.in_hand.insert(held.tag.clone(), held);
        Some(delivery)
    }

    /// Takes a message out of its consumer's hands, to be settled.
    pub(super) fn release(&self, delivery: &Delivery) -> Option<Held> {
        self.shelf().in_hand.remove(&delivery.tag)
    }

    /// Gives a message back into its consumer's hands, since it could not be settled.
    pub(super) fn hold_again(&self, held: Held) {
        let mut shelf = self.shelf();
        if shelf.subscription == held.subscription {
            shelf.in_hand.insert(held.tag.clone(), held);
        }
    }

    pub(super) fn count(&self) -> Here {
        let shelf = self.shelf();
        let tasks = shelf.buffered.iter().filter_map(|held| held.task.as_ref());
        Here {
            oldest: tasks.map(|task| task.enqueued_at).min(),
            buffered: shelf.buffered.len() as u64,
            in_hand: shelf.in_hand.len() as u64,
        }
    }

    pub(super) fn address(&self) -> &Arc<str> {
        &self.broker.shown
    }

    /// Waits until nothing of it is left, after `stop`.
    pub(super) async fn closed(&self) {
        if let Some(link) = self.link.get() {
            link.closed().await;
        }
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start(self: &Arc<Self>) {
        self.link.get_or_init(|| {
            let link = Link::keep(&self.broker, &self.topology, "consuming", &self.stop);
            let link = Arc::new(link);
            let (intake, kept) = (Arc::clone(self), Arc::clone(&link));
            tokio::spawn(async move {
                tokio::select! {
                    () = intake.stop.cancelled() => {}
                    () = intake.run(&kept) => {}
                }
                intake.forget();
                intake.trouble.send_replace(Some(Trouble::Closed));
            });
            link
        });
    }

    /// Subscribes whenever somebody waits.
    async fn run(&self, link: &Link) {
        let mut pauses = Pauses::default();
        let mut waiting = self.waiting.subscribe();
        loop {
            let _ = waiting.wait_for(|waiting| *waiting > 0).await;
            let session = match link.session().await {
                Ok(session) => session,
                Err(trouble) => {
                    self.trouble.send_replace(Some(trouble));
                    link.another_try().await;
                    // Whoever asks from now on waits for what comes of that.
                    self.trouble.send_replace(None);
                    continue;
                }
            };
            match self.work(link, &session, &mut pauses).await {
                Ok(()) => self.forget(),
                Err(trouble) => {
                    self.forget();
                    self.trouble.send_replace(Some(trouble));
                    sleep(pauses.next()).await;
                    self.trouble.send_replace(None);
                }
            }
        }
    }

    /// Subscribes on one channel, whenever somebody waits, until that channel is gone.
    async fn work(
        &self,
        link: &Link,
        session: &Arc<Session>,
        pauses: &mut Pauses,
    ) -> Result<(), Trouble> {
        let refused = |error| Trouble::Refused(Arc::clone(&self.broker.shown), Arc::new(error));
        let mut made_again = self.topology.made_again.subscribe();
        let channel = self.channel(session).await.map_err(refused)?;
        let mut waiting = self.waiting.subscribe();
        loop {
            let consumer = match self.consume(&channel).await {
                Err(error) if answer(&error) == Answer::Missing => {
                    let declared = self.topology.declare(&session.connection).await;
                    return declared.map_err(refused)?;
                }
                consuming => consuming.map_err(refused)?,
            };
            *pauses = Pauses::default();
            let mut consumer = pin!(consumer);
            match self.serve(consumer.as_mut(), &mut made_again).await {
                End::Idle => self.give_back(&channel, consumer).await.map_err(refused)?,
                End::Lost => {
                    if !session.is_up() {
                        link.without(session).await;
                    }
                    return Ok(());
                }
            }
            // What is in hand still is so, for as long as the channel stands.
            tokio::select! {
                _ = waiting.wait_for(|waiting| *waiting > 0) => {}
                () = link.without(session) => return Ok(()),
            }
        }
    }

    async fn channel(&self, session: &Session) -> lapin::Result<Channel> {
        let channel = session.connection.create_channel().await?;
        let each = BasicQosOptions::default();
        channel.basic_qos(self.prefetch, each).await?;
        Ok(channel)
    }

    async fn consume(&self, channel: &Channel) -> lapin::Result<Consumer> {
        let consuming = channel.basic_consume(
            self.topology.jobs().into(),
            // The broker gives a tag that is unlike every other.
            "".into(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        );
        consuming.await
    }

    /// Ends a subscription, and gives back what it has brought and nobody has taken.
    async fn give_back(
        &self,
        channel: &Channel,
        mut consumer: Pin<&mut Consumer>,
    ) -> lapin::Result<()> {
        let requeue = BasicNackOptions {
            requeue: true,
            ..BasicNackOptions::default()
        };
        let tag = consumer.tag();
        channel
            .basic_cancel(tag, BasicCancelOptions::default())
            .await?;
        while let Some(late) = next(consumer.as_mut()).await {
            late?.acker.nack(requeue).await?;
        }
        let buffered = std::mem::take(&mut self.shelf().buffered);
        for held in buffered {
            held.acker.nack(requeue).await?;
        }
        Ok(())
    }

    /// Puts on the shelf what comes.
    async fn serve(
        &self,
        mut consumer: Pin<&mut Consumer>,
        made_again: &mut watch::Receiver<()>,
    ) -> End {
        let name = consumer.tag();
        let mut lying = None;
        let mut quiet = Duration::ZERO;
        loop {
            let delivery = tokio::select! {
                delivery = next(consumer.as_mut()) => delivery,
                _ = made_again.changed() => return End::Lost,
                () = sleep(IDLE) => {
                    quiet += IDLE;
                    if quiet >= RENEW && self.is_empty() {
                        return End::Lost;
                    }
                    if self.lies_idle(&mut lying) {
                        return End::Idle;
                    }
                    continue;
                }
            };
            let delivery = match delivery {
                Some(Ok(delivery)) => delivery,
                Some(Err(error)) => {
                    debug!(%error, "the subscription to the queue has ended");
                    return End::Lost;
                }
                None => return End::Lost,
            };
            quiet = Duration::ZERO;
            let task = message::decode(&delivery.data);
            let mut body = delivery.data;
            body.truncate(message::LARGEST);
            let mut shelf = self.shelf();
            let held = Held {
                subscription: shelf.subscription,
                tag: format!("{name}:{}", delivery.delivery_tag),
                task,
                body,
                acker: delivery.acker,
            };
            shelf.buffered.push_back(held);
            self.arrived.notify_one();
        }
    }

    /// Whether the first message on the shelf was the first when this was asked before.
    fn lies_idle(&self, before: &mut Option<String>) -> bool {
        let first = self.shelf().buffered.front().map(|held| held.tag.clone());
        let is_idle = first.is_some() && first == *before;
        *before = first;
        is_idle
    }

    fn is_empty(&self) -> bool {
        let shelf = self.shelf();
        shelf.buffered.is_empty() && shelf.in_hand.is_empty()
    }

    /// What the broker gives to others now.
    fn forget(&self) {
        self.shelf().clear();
    }
}

impl Shelf {
    fn clear(&mut self) {
        self.subscription += 1;
        self.buffered.clear();
        self.in_hand.clear();
    }
}

/// Somebody who waits for a message.
struct Waiting<'a>(&'a Intake);

impl Waiting<'_> {
    fn new(intake: &Intake) -> Waiting<'_> {
        intake.waiting.send_modify(|waiting| *waiting += 1);
        Waiting(intake)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.send_modify(|waiting| *waiting -= 1);
    }
}
