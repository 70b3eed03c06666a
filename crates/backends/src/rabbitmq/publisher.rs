//! What goes to the broker: messages that are confirmed, and questions about its queues.
//!
//! **One message at a time on a channel.** The library gives a returned message to whichever message is confirmed next, so
//! that a channel with several under way could take one for another. A few channels take turns instead, which bounds as
//! well what waits in a connection that the broker does not read.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use lapin::options::{
    BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions, QueuePurgeOptions,
};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{BasicProperties, Channel, Confirmation};
use ledger::port::Result as PortResult;
use ledger::port::queue::Task;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::timeout;
use tracing::warn;

use super::PATIENCE;
use super::connect::Session;
use super::link::{Link, Stand, State};
use super::topology::Topology;
use super::trouble::{Answer, Trouble, answer};
use crate::message;

/// How many messages are under way to the broker at once; more wait, and are refused after [`PATIENCE`].
const CHANNELS: usize = 4;

/// A message for the exchange.
pub(super) struct Letter {
    key: String,
    body: Vec<u8>,
    properties: BasicProperties,
}

impl Letter {
    pub(super) fn task(key: String, task: &Task, now: Timestamp) -> PortResult<Letter> {
        Ok(Letter::again(key, message::encode(task)?, now))
    }

    /// A message anew, with the body that it had.
    pub(super) fn again(key: String, body: Vec<u8>, now: Timestamp) -> Letter {
        let second = u64::try_from(now.as_second()).unwrap_or_default();
        let mut properties = BasicProperties::default()
            .with_delivery_mode(2)
            .with_content_type("application/json".into())
            .with_type("backfill".into())
            .with_app_id("tidegate".into())
            .with_timestamp(second);
        if let Some(task) = message::decode(&body) {
            properties = properties.with_message_id(id(&task));
        }
        Letter {
            key,
            body,
            properties,
        }
    }

    pub(super) fn dead(key: String, body: Vec<u8>, why: &str, now: Timestamp) -> Letter {
        let mut headers = FieldTable::default();
        headers.insert("x-reason".into(), AMQPValue::LongString(why.into()));
        let letter = Letter::again(key, body, now);
        Letter {
            properties: letter.properties.with_headers(headers),
            ..letter
        }
    }
}

/// What a person knows a task by: nobody decides by it.
fn id(task: &Task) -> ShortString {
    let when = task.enqueued_at;
    let id = format!(
        "{} {} {when} {}",
        task.repo.0,
        task.stream.as_str(),
        task.org
    );
    message::shorten(&id, 255).into()
}

/// The connection that publishes, and its channels.
pub(super) struct Publisher {
    link: Link,
    topology: Arc<Topology>,
    turns: Arc<Semaphore>,
    idle: Mutex<Vec<(Arc<Session>, Channel)>>,
}

impl Publisher {
    pub(super) fn new(link: Link, topology: &Arc<Topology>) -> Publisher {
        Publisher {
            link,
            topology: Arc::clone(topology),
            turns: Arc::new(Semaphore::new(CHANNELS)),
            idle: Mutex::default(),
        }
    }

    pub(super) fn state(&self) -> watch::Receiver<State> {
        self.link.state()
    }

    pub(super) async fn closed(&self) {
        self.link.closed().await;
    }

    /// Returns when the broker has taken the message for good.
    pub(super) async fn publish(self: &Arc<Self>, letter: Letter) -> Result<(), Trouble> {
        let publishing = async {
            let session = self.link.session().await?;
            let mut blocked = session.blocked.subscribe();
            let _ = blocked.wait_for(Option::is_none).await;
            let turn = Arc::clone(&self.turns).acquire_owned().await;
            let turn = turn.map_err(|_closed| Trouble::Closed)?;
            // Whoever loses patience leaves a message under way, and a channel that is not free yet.
            let publisher = Arc::clone(self);
            let sent = tokio::spawn(async move { publisher.send(session, &letter, turn).await });
            sent.await.unwrap_or(Err(Trouble::Closed))
        };
        self.within_patience(publishing).await
    }

    async fn send(
        &self,
        session: Arc<Session>,
        letter: &Letter,
        _turn: OwnedSemaphorePermit,
    ) -> Result<(), Trouble> {
        for is_declared in [false, true] {
            let mut gone = self.topology.exchange();
            match self.send_once(&session, letter).await {
                Ok(Confirmation::Ack(None)) => return Ok(()),
                Ok(Confirmation::Ack(Some(_)) | Confirmation::Nack(Some(_))) => {
                    gone = self.topology.queue_of(&letter.key);
                }
                Ok(Confirmation::Nack(None) | Confirmation::NotRequested) => {
                    return Err(Trouble::NotKept);
                }
                Err(error) if answer(&error) == Answer::Missing => {}
                Err(error) => return Err(self.refused(&session, error)),
            }
            if !is_declared {
                self.declare(&session, gone).await?;
            }
        }
        Err(Trouble::Unroutable(letter.key.clone()))
    }

    async fn send_once(
        &self,
        session: &Arc<Session>,
        letter: &Letter,
    ) -> lapin::Result<Confirmation> {
        let channel = self.channel(session).await?;
        let options = BasicPublishOptions {
            mandatory: true,
            ..BasicPublishOptions::default()
        };
        let confirmed = channel
            .basic_publish(
                self.topology.exchange().into(),
                letter.key.as_str().into(),
                options,
                &letter.body,
                letter.properties.clone(),
            )
            .await?
            .await?;
        self.idle().push((Arc::clone(session), channel));
        Ok(confirmed)
    }

    /// A channel of this connection that nothing is under way on.
    async fn channel(&self, session: &Arc<Session>) -> lapin::Result<Channel> {
        {
            let mut idle = self.idle();
            idle.retain(|(of, channel)| Arc::ptr_eq(of, session) && channel.status().connected());
            if let Some((_, channel)) = idle.pop() {
                return Ok(channel);
            }
        }
        let channel = session.connection.create_channel().await?;
        channel
            .confirm_select(ConfirmSelectOptions::default())
            .await?;
        Ok(channel)
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<(Arc<Session>, Channel)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the dead letters away, and answers how many there were.
    pub(super) async fn purge_dead(&self) -> Result<u64, Trouble> {
        let purging = async {
            let session = self.link.session().await?;
            let channel = self.fresh(&session).await?;
            let dead = self.topology.dead();
            let purged = channel.queue_purge(dead.into(), QueuePurgeOptions::default());
            match purged.await {
                Ok(purged) => Ok(u64::from(purged)),
                Err(error) if answer(&error) == Answer::Missing => {
                    self.declare(&session, dead).await.map(|()| 0)
                }
                Err(error) => Err(self.refused(&session, error)),
            }
        };
        self.within_patience(purging).await
    }

    /// How many messages wait in the broker, and how many are dead. What moves in between may be counted twice.
    pub(super) async fn count(&self) -> Result<(u64, u64), Trouble> {
        let counting = async {
            let session = self.link.session().await?;
            let mut channel = self.fresh(&session).await?;
            let mut waiting = 0;
            for queue in self.topology.retries().chain([self.topology.jobs()]) {
                waiting += self.messages_in(&session, &mut channel, queue).await?;
            }
            let dead = self.topology.dead();
            let dead = self.messages_in(&session, &mut channel, dead).await?;
            Ok((waiting, dead))
        };
        self.within_patience(counting).await
    }

    /// How many messages a queue holds; none if it was gone, and is made again now, which costs the channel.
    async fn messages_in(
        &self,
        session: &Session,
        channel: &mut Channel,
        queue: &str,
    ) -> Result<u64, Trouble> {
        let look = QueueDeclareOptions {
            passive: true,
            ..QueueDeclareOptions::default()
        };
        let looked = channel.queue_declare(queue.into(), look, FieldTable::default());
        match looked.await {
            Ok(seen) => Ok(u64::from(seen.message_count())),
            Err(error) if answer(&error) == Answer::Missing => {
                self.declare(session, queue).await?;
                *channel = self.fresh(session).await?;
                Ok(0)
            }
            Err(error) => Err(self.refused(session, error)),
        }
    }

    async fn fresh(&self, session: &Session) -> Result<Channel, Trouble> {
        let channel = session.connection.create_channel().await;
        channel.map_err(|error| self.refused(session, error))
    }

    /// Makes again what was found gone.
    async fn declare(&self, session: &Session, gone: &str) -> Result<(), Trouble> {
        let declared = self.topology.declare(&session.connection).await;
        declared.map_err(|error| self.refused(session, error))??;
        warn!(gone, "what was gone from the queue's broker is made again");
        if gone == self.topology.jobs() {
            self.topology.made_again.send_replace(());
        }
        Ok(())
    }

    fn refused(&self, session: &Session, error: lapin::Error) -> Trouble {
        let address = Arc::clone(self.link.address());
        if session.is_up() {
            Trouble::Refused(address, Arc::new(error))
        } else {
            Trouble::Lost(address)
        }
    }

    async fn within_patience<T>(
        &self,
        work: impl Future<Output = Result<T, Trouble>>,
    ) -> Result<T, Trouble> {
        let done = timeout(PATIENCE, work).await;
        done.unwrap_or_else(|_elapsed| {
            let address = Arc::clone(self.link.address());
            Err(match self.link.stand() {
                Stand::Connecting => Trouble::Connecting(address),
                Stand::Down(trouble) => trouble,
                Stand::Up(session) => match session.blocked.borrow().clone() {
                    Some(why) => Trouble::Blocked(address, why),
                    None => Trouble::Silent {
                        address,
                        seconds: PATIENCE.as_secs(),
                    },
                },
            })
        })
    }
}
