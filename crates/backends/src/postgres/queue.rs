//! The queue of backfill tasks: a table, and who waits for a row of it.
//!
//! A message that was handed out is in hand for [`IN_HAND`], by the database's clock; then it is handed out again, wherever
//! its consumer is. How often it was handed out is part of its tag, so that an old tag does nothing.
//!
//! Whoever waits is woken by what this process does, by what the others do (`NOTIFY`, on a connection of its own, where
//! [`super::Settings::notify`] says so), and by a look every one to five seconds, which finds what was not told.

use std::future::poll_fn;
use std::hash::{BuildHasher, RandomState};
use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use ledger::port::Result;
use ledger::port::queue::{BackfillQueue, Delays, Delivery, Depth, Task};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_postgres::AsyncMessage;
use tokio_postgres::types::Type;

use super::Postgres;
use super::address::CONNECTING;
use super::fault::Fault;
use super::link::{Link, Parameter};
use super::rows::{self, get};
use crate::message;

/// How long a message is in hand before it is handed out again.
pub const IN_HAND: Duration = Duration::from_secs(10 * 60);

/// The channel of all schemas of a database. What is told on it is a schema's name.
const CHANNEL: &str = "tidegate";

/// How long nothing may be heard of the connection for notifications before it is asked whether it is alive.
const PING: Duration = Duration::from_secs(20);

/// The queue of backfill tasks in a database. Clones share it; it is opened once for each store.
#[derive(Clone)]
pub struct PostgresQueue {
    store: Postgres,
    delays: Arc<Delays>,
    wait: Arc<Wait>,
}

/// Who waits, and what listens for them.
#[derive(Default)]
struct Wait {
    changed: Notify,
    listener: OnceLock<Listener>,
}

/// Ends with the queue.
struct Listener(JoinHandle<()>);

impl Drop for Listener {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What a message in hand is known by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Tag {
    id: i64,
    handed_out: i64,
}

impl Tag {
    fn of(delivery: &Delivery) -> Option<Tag> {
        let (id, handed_out) = delivery.tag.split_once(':')?;
        Some(Tag {
            id: id.parse().ok()?,
            handed_out: handed_out.parse().ok()?,
        })
    }
}

impl PostgresQueue {
    /// The queue in `store`, with these delays. No connection is made before the first step.
    pub fn open(store: &Postgres, delays: Delays) -> PostgresQueue {
        PostgresQueue {
            store: store.clone(),
            delays: Arc::new(delays),
            wait: Arc::default(),
        }
    }

    /// Hands a message out, if there is one that anybody may have; else says how long it takes until there is one, if one is
    /// known of.
    ///
    /// It goes on when nobody waits for it any more: what it takes then is given back.
    async fn take(&self) -> std::result::Result<Taken, Fault> {
        let queue = self.clone();
        let taking = tokio::spawn(async move {
            let in_hand = seconds(IN_HAND);
            let rows = queue.store.ask(TAKE, &[(&in_hand, Type::FLOAT8)]).await?;
            let Some(row) = rows.first() else {
                return Ok(Taken::NothingFor(None));
            };
            let Some(id) = get(row, 0)? else {
                let left: Option<f64> = get(row, 3)?;
                let left = left.map(|left| Duration::try_from_secs_f64(left).unwrap_or_default());
                return Ok(Taken::NothingFor(left));
            };
            let tag = Tag {
                id,
                handed_out: get(row, 1)?,
            };
            let body: &[u8] = get(row, 2)?;
            Ok(Taken::Message(Handed {
                delivery: Some(Delivery {
                    task: message::decode(body),
                    tag: format!("{}:{}", tag.id, tag.handed_out),
                }),
                queue: queue.clone(),
            }))
        });
        taking.await.unwrap_or(Err(Fault::Closed))
    }

    async fn give_back(&self, tag: Tag) {
        let schema = self.store.parts.link.schema();
        let sql = "WITH given AS (
                UPDATE @.tasks SET in_hand = false, visible_at = clock_timestamp()
                WHERE id = $1 AND handed_out = $2 AND in_hand RETURNING 1
            ) SELECT pg_notify($3, $4) FROM given";
        let parameters: &[Parameter<'_>] = &[
            (&tag.id, Type::INT8),
            (&tag.handed_out, Type::INT8),
            (&CHANNEL, Type::TEXT),
            (&schema, Type::TEXT),
        ];
        // If the database is away, the message comes again when its time in hand has passed.
        let _ = self.store.ask(sql, parameters).await;
        self.wait.changed.notify_waiters();
    }

    /// Listens for what others do from now on, if this queue does at all.
    fn listen(&self) {
        let link = &self.store.parts.link;
        if link.notifies() {
            self.wait.listener.get_or_init(|| {
                let wait = Arc::downgrade(&self.wait);
                let wake = move || {
                    if let Some(wait) = wait.upgrade() {
                        wait.changed.notify_waiters();
                    }
                };
                Listener(tokio::spawn(listen(link.clone(), wake)))
            });
        }
    }
}

impl std::fmt::Debug for PostgresQueue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresQueue")
            .field("place", &self.store.place())
            .finish_non_exhaustive()
    }
}

/// What came of asking for a message.
enum Taken {
    Message(Handed),
    NothingFor(Option<Duration>),
}

/// A message on its way to whoever waits for it. If nobody takes it, it waits again.
struct Handed {
    delivery: Option<Delivery>,
    queue: PostgresQueue,
}

impl Handed {
    fn take(mut self) -> Delivery {
        self.delivery.take().expect("a message is taken once")
    }
}

impl Drop for Handed {
    fn drop(&mut self) {
        let tag = self.delivery.take().as_ref().and_then(Tag::of);
        if let (Some(tag), Ok(runtime)) = (tag, tokio::runtime::Handle::try_current()) {
            let queue = self.queue.clone();
            runtime.spawn(async move { queue.give_back(tag).await });
        }
    }
}

/// Tells of notifications for as long as it is let; begins anew where the connection is lost.
async fn listen(link: Link, wake: impl Fn()) {
    loop {
        let lost = hear(&link, &wake).await;
        tracing::debug!(
            place = link.place(),
            error = lost
                .as_ref()
                .err()
                .map(|fault| fault as &dyn std::error::Error),
            "no connection for notifications"
        );
        tokio::time::sleep(some_seconds()).await;
    }
}

/// Tells of notifications until the connection is lost.
async fn hear(link: &Link, wake: &impl Fn()) -> std::result::Result<(), Fault> {
    let (client, mut connection) = link.alone().await?;
    let hearing = async {
        while let Some(message) = poll_fn(|context| connection.poll_message(context)).await {
            if matches!(message?, AsyncMessage::Notification(told) if told.payload() == link.schema())
            {
                wake();
            }
        }
        Ok(())
    };
    let asking = async {
        let mut word = format!("LISTEN {CHANNEL}");
        loop {
            let answer = tokio::time::timeout(CONNECTING, client.batch_execute(&word)).await;
            answer.map_err(|_late| link.late(CONNECTING))??;
            if !word.is_empty() {
                // Something may have been told before.
                wake();
                word.clear();
            }
            tokio::time::sleep(PING).await;
        }
    };
    tokio::select! {
        heard = hearing => heard,
        asked = asking => asked,
    }
}

/// From one second to five, unlike what others get.
fn some_seconds() -> Duration {
    let random = RandomState::new().hash_one(0) % 4_000;
    Duration::from_millis(1_000 + random)
}

fn seconds(duration: Duration) -> f64 {
    duration.as_secs_f64()
}

const TAKE: &str = "WITH taken AS (
        UPDATE @.tasks SET in_hand = true, handed_out = handed_out + 1,
            visible_at = clock_timestamp() + make_interval(secs => $1)
        WHERE id = (
            SELECT id FROM @.tasks WHERE visible_at <= statement_timestamp()
            ORDER BY visible_at, id FOR UPDATE SKIP LOCKED LIMIT 1
        )
        RETURNING id, handed_out, body
    )
    SELECT id, handed_out, body, NULL::float8 FROM taken
    UNION ALL
    SELECT NULL, NULL, NULL, extract(epoch FROM min(visible_at) - clock_timestamp())::float8 FROM @.tasks
    WHERE NOT EXISTS (SELECT FROM taken)";

#[async_trait]
impl BackfillQueue for PostgresQueue {
    async fn publish(&self, task: &Task, _now: Timestamp) -> Result<()> {
        let body = message::encode(task)?;
        let enqueued_at = task.enqueued_at.as_microsecond();
        let schema = self.store.parts.link.schema();
        let sql =
            "WITH put AS (INSERT INTO @.tasks (enqueued_at, body) VALUES ($1, $2) RETURNING 1)
            SELECT pg_notify($3, $4) FROM put";
        let published = self
            .store
            .ask(
                sql,
                &[
                    (&enqueued_at, Type::INT8),
                    (&body, Type::BYTEA),
                    (&CHANNEL, Type::TEXT),
                    (&schema, Type::TEXT),
                ],
            )
            .await;
        published.map_err(|fault| fault.while_it_should("enqueue a task"))?;
        self.wait.changed.notify_waiters();
        Ok(())
    }

    async fn next(&self) -> Result<Delivery> {
        self.listen();
        loop {
            let mut changed = pin!(self.wait.changed.notified());
            // From here on nothing is missed, though the table is looked at first.
            changed.as_mut().enable();
            let taken = self.take().await;
            let left = match taken.map_err(|fault| fault.while_it_should("take a task"))? {
                Taken::Message(handed) => return Ok(handed.take()),
                Taken::NothingFor(left) => left,
            };
            // Timers count in whole milliseconds.
            let left = left.map(|left| left + Duration::from_millis(1));
            let look = some_seconds().min(left.unwrap_or(Duration::MAX));
            let _ = tokio::time::timeout(look, changed).await;
        }
    }

    async fn ack(&self, delivery: &Delivery) -> Result<()> {
        let Some(tag) = Tag::of(delivery) else {
            return Ok(());
        };
        let sql = "DELETE FROM @.tasks WHERE id = $1 AND handed_out = $2 AND in_hand";
        let parameters: &[Parameter<'_>] = &[(&tag.id, Type::INT8), (&tag.handed_out, Type::INT8)];
        let acknowledged = self.store.ask(sql, parameters).await;
        acknowledged
            .map(drop)
            .map_err(|fault| fault.while_it_should("acknowledge a task"))
    }

    async fn put_off(&self, delivery: &Delivery, after: Duration, _now: Timestamp) -> Result<()> {
        let Some(tag) = Tag::of(delivery) else {
            return Ok(());
        };
        let delay = seconds(self.delays.round(after));
        let schema = self.store.parts.link.schema();
        let sql = "WITH put AS (
                UPDATE @.tasks SET in_hand = false, visible_at = clock_timestamp() + make_interval(secs => $3)
                WHERE id = $1 AND handed_out = $2 AND in_hand RETURNING 1
            ) SELECT pg_notify($4, $5) FROM put";
        let put_off = self
            .store
            .ask(
                sql,
                &[
                    (&tag.id, Type::INT8),
                    (&tag.handed_out, Type::INT8),
                    (&delay, Type::FLOAT8),
                    (&CHANNEL, Type::TEXT),
                    (&schema, Type::TEXT),
                ],
            )
            .await;
        put_off.map_err(|fault| fault.while_it_should("put a task off"))?;
        // Whoever waits may have to look earlier than it was going to.
        self.wait.changed.notify_waiters();
        Ok(())
    }

    async fn bury(&self, delivery: &Delivery, why: &str, now: Timestamp) -> Result<()> {
        let Some(tag) = Tag::of(delivery) else {
            return Ok(());
        };
        // A column of text cannot hold this character.
        let why = message::shorten(why, message::LONGEST_REASON).replace('\0', "\u{fffd}");
        let (now, older) = (now.as_microsecond(), i64::from(message::MOST_DEAD) - 1);
        let sql = "WITH gone AS (
                DELETE FROM @.tasks WHERE id = $1 AND handed_out = $2 AND in_hand RETURNING body
            ), crowded AS (
                DELETE FROM @.dead_tasks
                WHERE id <= (SELECT id FROM @.dead_tasks ORDER BY id DESC OFFSET $5 LIMIT 1) AND EXISTS (SELECT FROM gone)
            )
            INSERT INTO @.dead_tasks (buried_at, why, body) SELECT $3, $4, body FROM gone";
        let buried = self
            .store
            .ask(
                sql,
                &[
                    (&tag.id, Type::INT8),
                    (&tag.handed_out, Type::INT8),
                    (&now, Type::INT8),
                    (&why, Type::TEXT),
                    (&older, Type::INT8),
                ],
            )
            .await;
        buried
            .map(drop)
            .map_err(|fault| fault.while_it_should("bury a task"))
    }

    async fn clear_dead(&self) -> Result<u64> {
        let sql = "WITH gone AS (DELETE FROM @.dead_tasks RETURNING 1) SELECT count(*) FROM gone";
        let cleared = async { rows::count(&self.store.ask(sql, &[]).await?[0], 0) };
        cleared
            .await
            .map_err(|fault: Fault| fault.while_it_should("clear the dead tasks"))
    }

    async fn depth(&self) -> Result<Depth> {
        let sql = "SELECT count(*) FILTER (WHERE NOT held), count(*) FILTER (WHERE held),
                min(enqueued_at) FILTER (WHERE NOT held), (SELECT count(*) FROM @.dead_tasks)
            FROM (SELECT in_hand AND visible_at > statement_timestamp() AS held, enqueued_at FROM @.tasks) AS all_tasks";
        let depth = async {
            let row = &self.store.ask(sql, &[]).await?[0];
            Ok(Depth {
                waiting: rows::count(row, 0)?,
                in_hand: rows::count(row, 1)?,
                oldest: rows::time_if_any(row, 2)?,
                dead: rows::count(row, 3)?,
            })
        };
        depth
            .await
            .map_err(|fault: Fault| fault.while_it_should("look at the queue"))
    }
}
