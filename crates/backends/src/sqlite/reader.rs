//! Readers beside the writer: each read is one snapshot, on a connection that cannot write.
//!
//! They never wait for the writer, nor it for them. They do not know what is read.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::fault::Fault;

/// How many reads run at once; more wait their turn.
const READERS: usize = 4;

/// How a reader's connection is made.
pub(super) type Open = fn(&std::path::Path) -> rusqlite::Result<Connection>;

/// A few read-only connections, opened when first needed.
pub(super) struct Readers {
    places: Arc<Semaphore>,
    pool: Arc<Pool>,
}

struct Pool {
    path: PathBuf,
    open: Open,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    pub(super) fn new(path: PathBuf, open: Open, first: Vec<Connection>) -> Readers {
        let pool = Pool {
            path,
            open,
            idle: Mutex::new(first),
        };
        Readers {
            places: Arc::new(Semaphore::new(READERS)),
            pool: Arc::new(pool),
        }
    }

    /// Runs `work` on one snapshot of the committed state.
    pub(super) async fn read<T, W>(&self, work: W) -> Result<T, Fault>
    where
        T: Send + 'static,
        W: FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    {
        let place = Arc::clone(&self.places)
            .acquire_owned()
            .await
            .map_err(|_closed| Fault::Closed)?;
        let pool = Arc::clone(&self.pool);
        let reading = tokio::task::spawn_blocking(move || {
            let connection = pool.take()?;
            let answer = snapshot(&connection, work)?;
            pool.give_back(connection);
            drop(place);
            Ok(answer)
        });
        reading.await.map_err(|error| {
            if error.is_panic() {
                Fault::Panicked
            } else {
                Fault::Closed
            }
        })?
    }
}

/// A failed read costs its connection: the next read starts with a fresh one.
fn snapshot<T>(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> Result<T, Fault>,
) -> Result<T, Fault> {
    let transaction = connection.unchecked_transaction()?;
    let answer = work(connection)?;
    transaction.finish()?;
    Ok(answer)
}

impl Pool {
    fn take(&self) -> Result<Connection, Fault> {
        // A poisoned lock only means that another thread died between push and pop: the list is whole.
        let idle = self
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        match idle {
            Some(connection) => Ok(connection),
            None => Ok((self.open)(&self.path)?),
        }
    }

    fn give_back(&self, connection: Connection) {
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(connection);
    }
}
