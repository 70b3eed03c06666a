//! What the processes of one credential share, and the office of their leader, in an `SQLite` file of its own (or in memory).
//!
//! Unlike the state it is open to any number of processes at once. Each has one connection that writes, in short IMMEDIATE
//! transactions, and one that reads and waits for nobody. A commit that carries a block or what was learnt is synced before
//! it is answered; an exchange is not: it is about this second, and a file that lost the last one is whole all the same.
//!
//! A file that was taken away, or replaced by another, is noticed by the next step, which fails; the one after it begins
//! with the file that is there, or makes one. What shares mean, and who is alive, is decided elsewhere.

mod board;
pub(super) mod office;
mod opening;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use ledger::port::coordination::{Block, Held, Member, Telling};
use ledger::port::{self, Result};
use rusqlite::{Connection, TransactionBehavior};

use super::error::OpenError;
use super::fault::Fault;
use super::migrations::COORDINATION;
use super::prepare;
use opening::{Opened, Place};

/// How long a step waits for another process that is writing. Nobody holds the file for longer than a commit takes.
const PATIENCE: Duration = Duration::from_secs(1);

/// The board of the processes that share a credential. Clones share it and its connections.
#[derive(Clone)]
pub struct Coordination {
    medium: Medium,
}

#[derive(Clone)]
enum Medium {
    File(Arc<OnDisk>),
    Memory(Arc<Mutex<Connection>>),
}

/// The last connection to a file that may write folds the log into it, so the reader's goes first.
struct OnDisk {
    place: Place,
    access: Access,
    reader: Mutex<Option<Opened>>,
    writer: Mutex<Option<Opened>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Access {
    Work,
    Look,
}

/// Whether a step must survive a loss of power once it is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Survives {
    Power,
    Processes,
}

impl Coordination {
    /// Opens the file at `path` beside whoever has it open, makes it if there is none, and brings it to the present schema.
    ///
    /// A new file can be read by its owner alone. Blocks while it works, up to a few seconds if another program holds the
    /// database.
    ///
    /// # Errors
    ///
    /// An [`OpenError`] that says what is wrong with the file, and what to do about it.
    pub fn open(path: impl AsRef<Path>) -> std::result::Result<Coordination, OpenError> {
        let path = path.as_ref();
        let place = Place::of(path)?;
        let mut writer = place.open()?;
        // Who holds it locked shows with the first change, and here there is somebody to tell.
        writer
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .and_then(rusqlite::Transaction::commit)
            .map_err(|error| OpenError::sql(path, error).of_coordination())?;
        let reader = place.look()?;
        Ok(Coordination::on_disk(OnDisk {
            place,
            access: Access::Work,
            reader: Mutex::new(Some(reader)),
            writer: Mutex::new(Some(writer)),
        }))
    }

    /// Opens the file at `path` to look at it, beside those who work on it or without any.
    ///
    /// Every method that would write answers that the store is unavailable.
    ///
    /// # Errors
    ///
    /// An [`OpenError`] as for [`Coordination::open`]; also if there is no such file, or if its schema is not the present
    /// one.
    pub fn read_only(path: impl AsRef<Path>) -> std::result::Result<Coordination, OpenError> {
        let place = Place::of(path.as_ref())?;
        let reader = place.look()?;
        Ok(Coordination::on_disk(OnDisk {
            place,
            access: Access::Look,
            reader: Mutex::new(Some(reader)),
            writer: Mutex::new(None),
        }))
    }

    /// A board that lives in memory and ends with its last clone: for a process that shares with nobody, and for tests.
    ///
    /// # Errors
    ///
    /// An [`OpenError`] if there is no memory for it.
    pub fn in_memory() -> std::result::Result<Coordination, OpenError> {
        let sql = |error| OpenError::sql(Path::new(":memory:"), error).of_coordination();
        let mut connection = Connection::open_in_memory().map_err(sql)?;
        prepare(&connection, PATIENCE).map_err(sql)?;
        COORDINATION.migrate(&mut connection).map_err(sql)?;
        Ok(Coordination {
            medium: Medium::Memory(Arc::new(Mutex::new(connection))),
        })
    }

    fn on_disk(file: OnDisk) -> Coordination {
        Coordination {
            medium: Medium::File(Arc::new(file)),
        }
    }

    /// One atomic change.
    pub(super) async fn change<T, W>(
        &self,
        survives: Survives,
        doing: &'static str,
        work: W,
    ) -> Result<T>
    where
        T: Send + 'static,
        W: FnOnce(&Connection) -> std::result::Result<T, Fault> + Send + 'static,
    {
        self.step(doing, move |medium| match medium {
            Medium::Memory(connection) => write(&mut lock(connection), survives, work),
            Medium::File(file) if file.access == Access::Look => Err(Fault::ReadOnly),
            Medium::File(file) => with(&file.place, Place::open, &file.writer, |connection| {
                write(connection, survives, work)
            }),
        })
        .await
    }

    /// One look at what is committed.
    pub(super) async fn read<T, W>(&self, doing: &'static str, work: W) -> Result<T>
    where
        T: Send + 'static,
        W: FnOnce(&Connection) -> std::result::Result<T, Fault> + Send + 'static,
    {
        self.step(doing, move |medium| match medium {
            Medium::Memory(connection) => work(&lock(connection)),
            Medium::File(file) => with(&file.place, Place::look, &file.reader, |connection| {
                work(connection)
            }),
        })
        .await
    }

    /// Works on a thread for blocking work: on a paused clock, time stands still until it is done. A caller that goes away
    /// takes nothing back.
    async fn step<T, W>(&self, doing: &'static str, work: W) -> Result<T>
    where
        T: Send + 'static,
        W: FnOnce(&Medium) -> std::result::Result<T, Fault> + Send + 'static,
    {
        let medium = self.medium.clone();
        let working = tokio::task::spawn_blocking(move || work(&medium));
        let done = working.await.unwrap_or_else(|error| {
            Err(if error.is_panic() {
                Fault::Panicked
            } else {
                Fault::Closed
            })
        });
        done.map_err(|fault| fault.while_it_should(doing))
    }
}

/// Works on the connection that is there, or on a fresh one. A failed step costs its connection: the next begins anew.
fn with<T>(
    place: &Place,
    open: impl FnOnce(&Place) -> std::result::Result<Opened, OpenError>,
    kept: &Mutex<Option<Opened>>,
    work: impl FnOnce(&mut Connection) -> std::result::Result<T, Fault>,
) -> std::result::Result<T, Fault> {
    let mut kept = lock(kept);
    let mut opened = match kept.take() {
        Some(opened) if place.still_has(&opened) => opened,
        Some(_) => return Err(Fault::Gone),
        None => open(place)?,
    };
    let answer = work(&mut opened.connection)?;
    *kept = Some(opened);
    Ok(answer)
}

fn write<T>(
    connection: &mut Connection,
    survives: Survives,
    work: impl FnOnce(&Connection) -> std::result::Result<T, Fault>,
) -> std::result::Result<T, Fault> {
    let synchronous = match survives {
        Survives::Power => "full",
        Survives::Processes => "normal",
    };
    connection.pragma_update(None, "synchronous", synchronous)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let answer = work(&transaction)?;
    transaction.commit()?;
    Ok(answer)
}

/// A connection whose holder has panicked was rolled back, or is not there any more.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl port::Coordination for Coordination {
    async fn exchange(&self, me: &Member, mine: &[Telling]) -> Result<Vec<Held>> {
        let (me, mine) = (me.clone(), mine.to_vec());
        self.change(
            Survives::Processes,
            "exchange with the other processes",
            move |connection| board::exchange(connection, &me, &mine),
        )
        .await
    }

    async fn leave(&self, member: &str) -> Result<()> {
        let member = member.to_owned();
        self.change(
            Survives::Processes,
            "leave the other processes",
            move |connection| board::leave(connection, &member),
        )
        .await
    }

    async fn sweep(&self, still: &Member) -> Result<bool> {
        let still = still.clone();
        self.change(
            Survives::Processes,
            "sweep away what a dead process told",
            move |connection| board::sweep(connection, &still),
        )
        .await
    }

    async fn held(&self) -> Result<Vec<Held>> {
        self.read("read what processes tell", board::held).await
    }

    async fn close(&self, block: &Block) -> Result<()> {
        let block = block.clone();
        self.change(Survives::Power, "record a block", move |connection| {
            board::close(connection, &block)
        })
        .await
    }

    async fn blocks(&self) -> Result<Vec<Block>> {
        self.read("read blocks", board::blocks).await
    }

    async fn learnt(&self, credential: &str) -> Result<Option<String>> {
        let credential = credential.to_owned();
        self.read("read what was learnt", move |connection| {
            board::learnt(connection, &credential)
        })
        .await
    }

    async fn keep_learnt(
        &self,
        credential: &str,
        learnt: &str,
        over: Option<&str>,
    ) -> Result<bool> {
        let (credential, learnt) = (credential.to_owned(), learnt.to_owned());
        let over = over.map(str::to_owned);
        self.change(Survives::Power, "keep what was learnt", move |connection| {
            board::keep_learnt(connection, &credential, &learnt, over.as_deref())
        })
        .await
    }
}

impl std::fmt::Debug for Coordination {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Coordination").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn blocks_and_what_was_learnt_are_synced_and_an_exchange_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let board = Coordination::open(directory.path().join("board")).unwrap();
        let synchronous = |connection: &Connection| {
            Ok(connection.pragma_query_value(None, "synchronous", |row| row.get::<_, i64>(0))?)
        };
        for (survives, expected) in [
            (Survives::Power, 2),
            (Survives::Processes, 1),
            (Survives::Power, 2),
        ] {
            let found = board.change(survives, "look", synchronous).await.unwrap();
            assert_eq!(found, expected, "{survives:?}");
        }
    }
}
