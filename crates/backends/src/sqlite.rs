//! The state in one `SQLite` file (or in memory): opening it, and its parts. What processes share of a credential lies in a
//! file of its own ([`Coordination`]).
//!
//! One node works on a file at a time ([`Sqlite::open`] takes a lock beside it), with one writer thread and a few readers
//! in WAL mode, every commit synced. Anyone may read at the same time ([`Sqlite::read_only`]), and make short changes
//! ([`Sqlite::visit`]). All times are integers, microseconds since 1970. What events and coverage mean is decided in `ledger`.

mod backfill;
mod changes;
mod coordination;
mod coverage;
mod election;
mod error;
mod events;
mod fault;
mod lock;
mod migrations;
mod ports;
mod queue;
mod reader;
mod repos;
mod rows;
mod state;
mod term;
mod visit;
mod writer;

use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

pub use coordination::Coordination;
pub use error::{OpenError, Problem};
use fault::Fault;
use lock::{Lock, Refused};
use migrations::{Found, STATE, Schema};
pub use queue::{IN_HAND, SqliteQueue};
use reader::Readers;
use writer::Writer;

/// The first library version without the defect that can corrupt a database in WAL mode (3.51.3).
const SAFE_LIBRARY: i32 = 3_051_003;

/// How long a statement waits for another program that holds the database locked.
const PATIENCE: Duration = Duration::from_secs(5);

/// A store in one `SQLite` database. Clones share it; the last one to go closes it.
#[derive(Clone)]
pub struct Sqlite {
    parts: Arc<Parts>,
}

/// In the order in which they are closed: the writer's connection is the last one, and folds the log into the file.
struct Parts {
    readers: Option<Readers>,
    writer: Option<Writer>,
    /// None for a reader, a visitor, and in memory.
    lock: Option<Lock>,
    bound: state::Bound,
}

impl Sqlite {
    /// Opens the state at `path` to work on it, makes it if there is none, and brings it to the present schema.
    ///
    /// A new file can be read by its owner alone. Blocks while it works, up to five seconds if another program holds the
    /// database.
    ///
    /// # Errors
    ///
    /// An [`OpenError`] that says what is wrong with the file, and what to do about it.
    pub fn open(path: impl AsRef<Path>) -> Result<Sqlite, OpenError> {
        open(path.as_ref(), PATIENCE)
    }

    /// A store that lives in memory and ends with its last clone. It behaves as one in a file does.
    ///
    /// # Errors
    ///
    /// An [`OpenError`] if there is no memory or no thread for it.
    pub fn in_memory() -> Result<Sqlite, OpenError> {
        let path = Path::new(":memory:");
        check_library(path)?;
        let mut connection =
            Connection::open_in_memory().map_err(|error| OpenError::sql(path, error))?;
        prepare(&connection, PATIENCE).map_err(|error| OpenError::sql(path, error))?;
        STATE
            .migrate(&mut connection)
            .map_err(|error| OpenError::sql(path, error))?;
        let writer = Writer::start(connection).map_err(|error| OpenError::io(path, error))?;
        Ok(Sqlite {
            parts: Arc::new(Parts {
                readers: None,
                writer: Some(writer),
                lock: None,
                bound: state::BOUND,
            }),
        })
    }

    /// Opens the state at `path` to look at it, beside the node that works on it or without one.
    ///
    /// Every method that would write answers that the store is unavailable.
    ///
    /// # Errors
    ///
    /// An [`OpenError`] as for [`Sqlite::open`]; also if there is no such file, or if its schema is not the present one.
    pub fn read_only(path: impl AsRef<Path>) -> Result<Sqlite, OpenError> {
        let path = path.as_ref();
        check_library(path)?;
        let real = path
            .canonicalize()
            .map_err(|error| OpenError::io(path, error))?;
        check_header(
            path,
            &mut File::open(&real).map_err(|error| OpenError::io(path, error))?,
        )?;
        let connection = open_reader(&real).map_err(|error| OpenError::sql(path, error))?;
        check_present(path, STATE, &connection)?;
        let readers = Readers::new(real, open_reader, vec![connection]);
        Ok(Sqlite {
            parts: Arc::new(Parts {
                readers: Some(readers),
                writer: None,
                lock: None,
                bound: state::BOUND,
            }),
        })
    }

    /// Whether nobody else works on it: this is the node's own, or in memory.
    fn is_the_nodes(&self) -> bool {
        self.parts.lock.is_some() || self.parts.readers.is_none()
    }

    /// One atomic change; answered when it is on disk.
    async fn write<T, W>(&self, work: W) -> Result<T, Fault>
    where
        T: Send + 'static,
        W: FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    {
        match &self.parts.writer {
            Some(writer) => writer.write(work).await,
            None => Err(Fault::ReadOnly),
        }
    }

    /// One look at the committed state.
    async fn read<T, W>(&self, work: W) -> Result<T, Fault>
    where
        T: Send + 'static,
        W: FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    {
        match (&self.parts.readers, &self.parts.writer) {
            (Some(readers), _) => readers.read(work).await,
            // In memory there is one connection.
            (None, Some(writer)) => writer.write(work).await,
            (None, None) => Err(Fault::Closed),
        }
    }
}

impl std::fmt::Debug for Sqlite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sqlite").finish_non_exhaustive()
    }
}

fn open(path: &Path, patience: Duration) -> Result<Sqlite, OpenError> {
    check_library(path)?;
    let sql = |error| OpenError::sql(path, error);
    let real = real_path(path)?;
    // Look before anything is made beside a file that is not ours.
    match File::open(&real) {
        Ok(mut file) => check_header(path, &mut file)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(OpenError::io(path, error)),
    }
    let lock = Lock::take(&real).map_err(|refused| match refused {
        Refused::Held(pid) => OpenError::new(path, Problem::Held { pid }),
        Refused::Io(error) => OpenError::io(path, error),
    })?;
    // SQLite gives the log and the index beside the database the permissions of the database.
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&real)
        .map_err(|error| OpenError::io(path, error))?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(&real, flags).map_err(sql)?;
    connection.busy_timeout(patience).map_err(sql)?;
    bring_up_to_date(path, STATE, &mut connection, patience)?;
    let first = open_reader(&real).map_err(sql)?;
    let writer = Writer::start(connection).map_err(|error| OpenError::io(path, error))?;
    let readers = Readers::new(real, open_reader, vec![first]);
    Ok(Sqlite {
        parts: Arc::new(Parts {
            readers: Some(readers),
            writer: Some(writer),
            lock: Some(lock),
            bound: state::BOUND,
        }),
    })
}

/// Refuses a database that is not of this kind or of a later version, and makes any other ready to be written.
fn bring_up_to_date(
    path: &Path,
    schema: Schema<'_>,
    connection: &mut Connection,
    patience: Duration,
) -> Result<(), OpenError> {
    let sql = |error| OpenError::sql(path, error);
    let known = schema.newest();
    match schema.look(connection).map_err(sql)? {
        Found::Version(found) if found > known => {
            return Err(OpenError::new(path, Problem::NewerSchema { found, known }));
        }
        Found::Foreign => return Err(OpenError::new(path, Problem::Foreign)),
        Found::Version(_) | Found::Empty => {}
    }
    prepare(connection, patience).map_err(sql)?;
    if !is_wal(connection).map_err(sql)? {
        // The file system has no shared memory for the log's index: a network file system, mostly.
        return Err(OpenError::new(path, Problem::Disk));
    }
    schema.migrate(connection).map_err(sql)
}

/// Refuses a database that is not of this kind and of the present version.
fn check_present(
    path: &Path,
    schema: Schema<'_>,
    connection: &Connection,
) -> Result<(), OpenError> {
    let known = schema.newest();
    let problem = match schema
        .look(connection)
        .map_err(|error| OpenError::sql(path, error))?
    {
        Found::Version(found) if found == known => return Ok(()),
        Found::Version(found) if found > known => Problem::NewerSchema { found, known },
        Found::Version(found) => Problem::OlderSchema { found, known },
        Found::Empty => Problem::OlderSchema { found: 0, known },
        Found::Foreign => Problem::Foreign,
    };
    Err(OpenError::new(path, problem))
}

/// The same state has the same lock, whatever link leads to it.
fn real_path(path: &Path) -> Result<PathBuf, OpenError> {
    let io = |error| OpenError::io(path, error);
    match path.canonicalize() {
        Ok(real) => Ok(real),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let absolute = std::path::absolute(path).map_err(io)?;
            let (Some(directory), Some(name)) = (absolute.parent(), absolute.file_name()) else {
                return Err(OpenError::new(path, Problem::Missing));
            };
            Ok(directory.canonicalize().map_err(io)?.join(name))
        }
        Err(error) => Err(io(error)),
    }
}

fn check_library(path: &Path) -> Result<(), OpenError> {
    if rusqlite::version_number() < SAFE_LIBRARY {
        return Err(OpenError::new(
            path,
            Problem::OldLibrary {
                found: rusqlite::version().to_owned(),
            },
        ));
    }
    Ok(())
}

/// An empty file is a database that nobody has used yet.
fn check_header(path: &Path, file: &mut File) -> Result<(), OpenError> {
    const MAGIC: &[u8] = b"SQLite format 3\0";
    let mut header = Vec::with_capacity(MAGIC.len());
    file.take(MAGIC.len() as u64)
        .read_to_end(&mut header)
        .map_err(|error| OpenError::io(path, error))?;
    if header.is_empty() || header == MAGIC {
        Ok(())
    } else {
        Err(OpenError::new(path, Problem::NotADatabase))
    }
}

/// The settings of the connection that writes.
fn prepare(connection: &Connection, patience: Duration) -> rusqlite::Result<()> {
    connection.busy_timeout(patience)?;
    connection
        .pragma_update_and_check(None, "journal_mode", "wal", |row| row.get::<_, String>(0))?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "temp_store", "memory")?;
    // In KiB when negative.
    connection.pragma_update(None, "cache_size", -32_768)?;
    connection.pragma_update_and_check(None, "journal_size_limit", 64 << 20, |row| {
        row.get::<_, i64>(0)
    })?;
    connection.set_prepared_statement_cache_capacity(128);
    Ok(())
}

fn is_wal(connection: &Connection) -> rusqlite::Result<bool> {
    let mode: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
    Ok(mode == "wal")
}

/// A connection that cannot write, and has shown that it can read.
fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    let ordinary = connect_to_read(path.as_os_str(), OpenFlags::empty());
    match ordinary
        .as_ref()
        .map_err(rusqlite::Error::sqlite_error_code)
    {
        // Where no file can be made beside it there is no index of the log; without a log none is needed. Nobody can
        // begin to write there either.
        Err(Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly)) if is_without_log(path) => {
            connect_to_read(&as_it_lies(path), OpenFlags::SQLITE_OPEN_URI)
        }
        _ => ordinary,
    }
}

/// The name of a file that is read without a look at what is beside it, and without a lock.
fn as_it_lies(path: &Path) -> OsString {
    let mut uri = OsString::from("file:");
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => {
                uri.push(char::from(*byte).to_string());
            }
            _ => uri.push(format!("%{byte:02x}")),
        }
    }
    uri.push("?immutable=1");
    uri
}

fn is_without_log(path: &Path) -> bool {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    std::fs::metadata(log).map_or_else(
        |error| error.kind() == io::ErrorKind::NotFound,
        |log| log.len() == 0,
    )
}

fn connect_to_read(name: &OsStr, more: OpenFlags) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | more;
    let connection = Connection::open_with_flags(Path::new(name), flags)?;
    connection.busy_timeout(PATIENCE)?;
    connection.pragma_update(None, "temp_store", "memory")?;
    connection.pragma_update(None, "cache_size", -8_192)?;
    connection.set_prepared_statement_cache_capacity(64);
    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_row| Ok(()))?;
    Ok(connection)
}

#[cfg(test)]
mod tests;
