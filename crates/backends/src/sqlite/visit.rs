//! Short writes beside the node that works on a state: somebody arms gaps again, or asks for history, while it runs.
//!
//! A visitor takes no lock, makes no file and takes no step of the schema. Its writes take turns with the node's, transaction
//! by transaction: nobody keeps the last place or anything else of the file from one transaction to the next, so neither
//! needs to know of the other.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::error::{OpenError, Problem};
use super::migrations::STATE;
use super::reader::Readers;
use super::writer::Writer;
use super::{
    PATIENCE, Parts, Sqlite, check_library, check_present, is_wal, open_reader, prepare, state,
};

/// A visitor that finds the node at work looks again so soon. A node that has much to write leaves the file for moments
/// only, and `SQLite`'s own pauses grow until they miss most of them.
const PAUSE: Duration = Duration::from_millis(1);

/// Whether to look again, after so many times.
fn wait(times: i32) -> bool {
    let go_on = PAUSE * times.unsigned_abs() < PATIENCE;
    if go_on {
        std::thread::sleep(PAUSE);
    }
    go_on
}

impl Sqlite {
    /// Opens the state at `path` for short writes beside the node that works on it, or without one.
    ///
    /// Every method works as for the node: what needs a term needs the present one. A write waits up to five seconds or a
    /// little longer for its turn, then it answers that the store is unavailable.
    ///
    /// # Errors
    ///
    /// An [`OpenError`] as for [`Sqlite::read_only`]; also if the file may not be written.
    pub fn visit(path: impl AsRef<Path>) -> Result<Sqlite, OpenError> {
        let path = path.as_ref();
        check_library(path)?;
        let sql = |error| OpenError::sql(path, error);
        let real = path
            .canonicalize()
            .map_err(|error| OpenError::io(path, error))?;
        if real.is_dir() {
            return Err(OpenError::new(path, Problem::NotADatabase));
        }
        // The file is not looked at by any other way than SQLite's: in a process that has it open already, closing it would
        // take away the locks on it.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(&real, flags).map_err(sql)?;
        connection.busy_timeout(PATIENCE).map_err(sql)?;
        check_present(path, STATE, &connection)?;
        if connection.is_readonly("main").map_err(sql)? {
            return Err(OpenError::new(path, Problem::ReadOnly));
        }
        prepare(&connection, PATIENCE).map_err(sql)?;
        if !is_wal(&connection).map_err(sql)? {
            return Err(OpenError::new(path, Problem::Disk));
        }
        connection.busy_handler(Some(wait)).map_err(sql)?;
        let first = open_reader(&real).map_err(sql)?;
        let writer = Writer::start(connection).map_err(|error| OpenError::io(path, error))?;
        Ok(Sqlite {
            parts: Arc::new(Parts {
                readers: Some(Readers::new(real, open_reader, vec![first])),
                writer: Some(writer),
                lock: None,
                bound: state::BOUND,
            }),
        })
    }
}
