//! The queue of backfill tasks in the state file: a table, and who waits for a row of it.
//!
//! A message that was handed out is in hand for [`IN_HAND`], or until the queue is opened anew: one process works on a state,
//! so whoever had something in hand before is gone. How often a message was handed out is part of its tag, so that an old
//! tag does nothing.
//!
//! Whoever waits is woken by what this process does, and by a timer at the end of the earliest delay. Nobody asks the file
//! on a rhythm.

use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use ledger::port::Result;
use ledger::port::queue::{BackfillQueue, Delays, Delivery, Depth, Task};
use rusqlite::{Connection, OptionalExtension, params};
use tokio::sync::Notify;

use super::Sqlite;
use super::fault::Fault;
use super::rows::Micros;
use crate::message;

/// How long a message is in hand before it is handed out again.
pub const IN_HAND: SignedDuration = SignedDuration::from_mins(10);

/// The longest sleep until a delay is looked at again: the clock may have been set.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

/// The first message that anybody may have.
pub(super) const NEXT: &str =
    "SELECT id FROM messages WHERE visible_at <= ?1 ORDER BY visible_at, id LIMIT 1";

/// When a message comes into reach that is not yet.
pub(super) const EARLIEST: &str = "SELECT min(visible_at) FROM messages";

/// The queue of backfill tasks in a state file. Clones share it; it is opened once for each store.
#[derive(Clone)]
pub struct SqliteQueue {
    store: Sqlite,
    delays: Delays,
    clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    pub(super) wait: Arc<Wait>,
}

/// Who waits, and what was handed out to somebody who had gone. It holds no store: the writer's thread drops it too.
#[derive(Default)]
pub(super) struct Wait {
    pub(super) changed: Notify,
    forsaken: Mutex<Vec<Tag>>,
}

impl Wait {
    fn forsaken(&self) -> MutexGuard<'_, Vec<Tag>> {
        // A list that somebody panicked beside is whole.
        self.forsaken.lock().unwrap_or_else(PoisonError::into_inner)
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

impl SqliteQueue {
    /// The queue in `store`, with these delays. What an earlier process had in hand waits again.
    ///
    /// Where `store` was opened to be read, only [`BackfillQueue::depth`] answers. In that of a visitor nothing that is in hand
    /// is touched: it is the node's.
    ///
    /// # Errors
    ///
    /// As those of [`BackfillQueue::publish`].
    pub async fn open(
        store: &Sqlite,
        delays: Delays,
        clock: impl Fn() -> Timestamp + Send + Sync + 'static,
    ) -> Result<SqliteQueue> {
        let queue = SqliteQueue {
            store: store.clone(),
            delays,
            clock: Arc::new(clock),
            wait: Arc::default(),
        };
        if !store.is_the_nodes() {
            return Ok(queue);
        }
        let sql = "UPDATE messages SET in_hand = 0, visible_at = 0 WHERE in_hand";
        let opened = store
            .write(move |connection| Ok(connection.execute(sql, [])?))
            .await;
        opened.map_err(|fault| fault.while_it_should("open the queue"))?;
        Ok(queue)
    }

    /// Hands a message out, if there is one that anybody may have; else says when there will be one, if one is known of.
    async fn claim(&self) -> std::result::Result<Claimed, Fault> {
        let now = (self.clock)();
        let forsaken = std::mem::take(&mut *self.wait.forsaken());
        let given_back = forsaken.clone();
        let wait = Arc::clone(&self.wait);
        let claimed = self.store.write(move |connection| {
            for tag in &given_back {
                give_back(connection, *tag)?;
            }
            claim(connection, &wait, now)
        });
        let claimed = claimed.await;
        if claimed.is_err() {
            self.wait.forsaken().extend(forsaken);
        }
        claimed
    }

    /// Does something to a message in hand, by its tag; nothing where the tag is not in hand any more.
    async fn settle<W>(&self, delivery: &Delivery, doing: &'static str, work: W) -> Result<()>
    where
        W: FnOnce(&Connection, Tag) -> std::result::Result<(), Fault> + Send + 'static,
    {
        let Some(tag) = Tag::of(delivery) else {
            return Ok(());
        };
        let settled = self.store.write(move |connection| {
            let sql = "SELECT 1 FROM messages WHERE id = ? AND handed_out = ? AND in_hand";
            let held = connection
                .prepare_cached(sql)?
                .exists(params![tag.id, tag.handed_out])?;
            if held { work(connection, tag) } else { Ok(()) }
        });
        settled.await.map_err(|fault| fault.while_it_should(doing))
    }
}

impl std::fmt::Debug for SqliteQueue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteQueue").finish_non_exhaustive()
    }
}

/// What came of asking for a message.
enum Claimed {
    Message(Handed),
    NothingBefore(Option<Timestamp>),
}

/// A message on its way to whoever waits for it. If nobody takes it, it waits again.
struct Handed {
    message: Option<(Tag, Vec<u8>)>,
    wait: Arc<Wait>,
}

impl Handed {
    fn take(mut self) -> Delivery {
        let (tag, body) = self.message.take().expect("a message is taken once");
        Delivery {
            task: message::decode(&body),
            tag: format!("{}:{}", tag.id, tag.handed_out),
        }
    }
}

impl Drop for Handed {
    fn drop(&mut self) {
        if let Some((tag, _)) = self.message.take() {
            self.wait.forsaken().push(tag);
            self.wait.changed.notify_one();
        }
    }
}

fn claim(
    connection: &Connection,
    wait: &Arc<Wait>,
    now: Timestamp,
) -> std::result::Result<Claimed, Fault> {
    let first: Option<i64> = connection
        .prepare_cached(NEXT)?
        .query_row([Micros(now)], |row| row.get(0))
        .optional()?;
    let Some(id) = first else {
        let earliest: Option<Micros> = connection
            .prepare_cached(EARLIEST)?
            .query_row([], |row| row.get(0))?;
        return Ok(Claimed::NothingBefore(earliest.map(|at| at.0)));
    };
    let sql =
        "UPDATE messages SET in_hand = 1, handed_out = handed_out + 1, visible_at = ? WHERE id = ?
        RETURNING handed_out, body";
    let until = Micros(now + IN_HAND);
    let (handed_out, body) = connection
        .prepare_cached(sql)?
        .query_row(params![until, id], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(Claimed::Message(Handed {
        message: Some((Tag { id, handed_out }, body)),
        wait: Arc::clone(wait),
    }))
}

fn give_back(connection: &Connection, tag: Tag) -> rusqlite::Result<usize> {
    let sql = "UPDATE messages SET in_hand = 0, visible_at = 0 WHERE id = ? AND handed_out = ? AND in_hand";
    connection
        .prepare_cached(sql)?
        .execute(params![tag.id, tag.handed_out])
}

fn bury(
    connection: &Connection,
    tag: Tag,
    why: &str,
    now: Timestamp,
) -> std::result::Result<(), Fault> {
    let sql = "INSERT INTO dead_letters (body, reason, buried_at) SELECT body, ?, ? FROM messages WHERE id = ?";
    connection
        .prepare_cached(sql)?
        .execute(params![why, Micros(now), tag.id])?;
    let bound = "DELETE FROM dead_letters WHERE id <= (SELECT max(id) FROM dead_letters) - ?";
    connection
        .prepare_cached(bound)?
        .execute([message::MOST_DEAD])?;
    delete(connection, tag)
}

fn delete(connection: &Connection, tag: Tag) -> std::result::Result<(), Fault> {
    let sql = "DELETE FROM messages WHERE id = ?";
    connection.prepare_cached(sql)?.execute([tag.id])?;
    Ok(())
}

fn depth(connection: &Connection, now: Timestamp) -> std::result::Result<Depth, Fault> {
    let sql = "SELECT count(*) FILTER (WHERE NOT held), count(*) FILTER (WHERE held),
            min(enqueued_at) FILTER (WHERE NOT held), (SELECT count(*) FROM dead_letters)
        FROM (SELECT in_hand AND visible_at > ? AS held, enqueued_at FROM messages)";
    let read = |row: &rusqlite::Row<'_>| {
        let count = |column| row.get(column).map(i64::unsigned_abs);
        Ok(Depth {
            waiting: count(0)?,
            in_hand: count(1)?,
            oldest: row.get::<_, Option<Micros>>(2)?.map(|at| at.0),
            dead: count(3)?,
        })
    };
    Ok(connection
        .prepare_cached(sql)?
        .query_row([Micros(now)], read)?)
}

#[async_trait]
impl BackfillQueue for SqliteQueue {
    async fn publish(&self, task: &Task, _now: Timestamp) -> Result<()> {
        let body = message::encode(task)?;
        let enqueued_at = Micros(task.enqueued_at);
        let published = self.store.write(move |connection| {
            let sql = "INSERT INTO messages (body, enqueued_at) VALUES (?, ?)";
            connection
                .prepare_cached(sql)?
                .execute(params![body, enqueued_at])?;
            Ok(())
        });
        published
            .await
            .map_err(|fault| fault.while_it_should("enqueue a task"))?;
        self.wait.changed.notify_one();
        Ok(())
    }

    async fn next(&self) -> Result<Delivery> {
        loop {
            let mut changed = pin!(self.wait.changed.notified());
            // From here on nothing is missed, though the table is looked at first.
            changed.as_mut().enable();
            let claimed = self.claim().await;
            let earliest = match claimed.map_err(|fault| fault.while_it_should("take a task"))? {
                Claimed::Message(handed) => return Ok(handed.take()),
                Claimed::NothingBefore(earliest) => earliest,
            };
            match earliest {
                Some(at) => {
                    let left = at.duration_since((self.clock)());
                    // Timers count in whole milliseconds.
                    let left =
                        Duration::try_from(left).unwrap_or_default() + Duration::from_millis(1);
                    let _ = tokio::time::timeout(left.min(LONGEST_SLEEP), changed).await;
                }
                None => changed.await,
            }
        }
    }

    async fn ack(&self, delivery: &Delivery) -> Result<()> {
        self.settle(delivery, "acknowledge a task", delete).await
    }

    async fn put_off(&self, delivery: &Delivery, after: Duration, now: Timestamp) -> Result<()> {
        let delay = SignedDuration::try_from(self.delays.round(after)).expect("a delay is short");
        let put_off = self.settle(delivery, "put a task off", move |connection, tag| {
            let sql = "UPDATE messages SET in_hand = 0, visible_at = ? WHERE id = ?";
            connection
                .prepare_cached(sql)?
                .execute(params![Micros(now + delay), tag.id])?;
            Ok(())
        });
        put_off.await?;
        // Whoever waits may have to look earlier than it was going to.
        self.wait.changed.notify_one();
        Ok(())
    }

    async fn bury(&self, delivery: &Delivery, why: &str, now: Timestamp) -> Result<()> {
        let why = message::shorten(why, message::LONGEST_REASON).to_owned();
        self.settle(delivery, "bury a task", move |connection, tag| {
            bury(connection, tag, &why, now)
        })
        .await
    }

    async fn clear_dead(&self) -> Result<u64> {
        let cleared = self
            .store
            .write(|connection| Ok(connection.execute("DELETE FROM dead_letters", [])? as u64));
        cleared
            .await
            .map_err(|fault| fault.while_it_should("clear the dead letters"))
    }

    async fn depth(&self) -> Result<Depth> {
        let now = (self.clock)();
        let counted = self.store.read(move |connection| depth(connection, now));
        counted
            .await
            .map_err(|fault| fault.while_it_should("count the queue"))
    }
}
