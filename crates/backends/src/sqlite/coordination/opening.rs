//! Making and opening a coordination file while others may do the same, and finding out whether it is still the one that
//! was opened. Refuses to know what is in it.
//!
//! Two rules that are easy to break by accident. While a connection is open, its process never opens and closes the file by
//! itself, not even to look: closing would take away the locks that `SQLite` holds on it. And what `SQLite` keeps beside a
//! database is taken away with it: a log that is left behind would be played back into the next one of that name.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use rustix::fs::{FlockOperation, flock};

use super::super::error::{OpenError, Problem};
use super::super::migrations::COORDINATION;
use super::super::{
    as_it_lies, bring_up_to_date, check_library, check_present, open_reader, real_path,
};
use super::PATIENCE;

/// A step that finds another one at work looks again so soon. `SQLite`'s own pauses grow, so that with many at work some
/// would wait in vain.
const PAUSE: Duration = Duration::from_millis(2);

/// Whether to look again, after so many times.
fn wait(times: i32) -> bool {
    let go_on = PAUSE * times.unsigned_abs() < PATIENCE;
    if go_on {
        std::thread::sleep(PAUSE);
    }
    go_on
}

/// Where a coordination file is.
#[derive(Debug)]
pub(super) struct Place {
    /// As it was given, for people.
    given: PathBuf,
    /// Whatever link led to it, so that a process may change its directory.
    real: PathBuf,
}

/// A connection, and the file that it is to.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) connection: Connection,
    file: FileId,
}

/// Two files are never the same while both are open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FileId {
    device: u64,
    number: u64,
}

impl Place {
    pub(super) fn of(path: &Path) -> Result<Place, OpenError> {
        check_library(path).map_err(OpenError::of_coordination)?;
        Ok(Place {
            given: path.to_owned(),
            real: real_path(path).map_err(OpenError::of_coordination)?,
        })
    }

    /// Opens the file to write in it, makes it if it is not there, and brings it to the present schema.
    pub(super) fn open(&self) -> Result<Opened, OpenError> {
        self.try_to_open().map_err(OpenError::of_coordination)
    }

    /// Opens the file to look at it.
    pub(super) fn look(&self) -> Result<Opened, OpenError> {
        self.try_to_look().map_err(OpenError::of_coordination)
    }

    /// Whether it is still this file that has the name.
    pub(super) fn still_has(&self, opened: &Opened) -> bool {
        self.file().is_ok_and(|file| file == opened.file)
    }

    fn try_to_open(&self) -> Result<Opened, OpenError> {
        let sql = |error| OpenError::sql(&self.given, error);
        let _alone = self.alone()?;
        self.make()?;
        let file = self.file()?;
        self.check_mark()?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(&self.real, flags).map_err(sql)?;
        connection.busy_timeout(PATIENCE).map_err(sql)?;
        if connection.is_readonly("main").map_err(sql)? {
            return Err(OpenError::new(&self.given, Problem::ReadOnly));
        }
        bring_up_to_date(&self.given, COORDINATION, &mut connection, PATIENCE)?;
        connection.busy_handler(Some(wait)).map_err(sql)?;
        self.checked(Opened { connection, file })
    }

    fn try_to_look(&self) -> Result<Opened, OpenError> {
        let sql = |error| OpenError::sql(&self.given, error);
        let file = self.file()?;
        self.check_mark()?;
        let connection = open_reader(&self.real).map_err(sql)?;
        connection.busy_timeout(PATIENCE).map_err(sql)?;
        check_present(&self.given, COORDINATION, &connection)?;
        self.checked(Opened { connection, file })
    }

    /// Refuses what is another program's or no database at all, by the file alone. A log that somebody's database left beside
    /// it would make it look like ours, and would be written into it.
    fn check_mark(&self) -> Result<(), OpenError> {
        let sql = |error| OpenError::sql(&self.given, error);
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_URI;
        let name = as_it_lies(&self.real);
        let connection = Connection::open_with_flags(Path::new(&name), flags).map_err(sql)?;
        let mark: i32 = connection
            .pragma_query_value(None, "application_id", |row| row.get(0))
            .map_err(sql)?;
        // A file without a mark may be a new one whose first page is still in its log.
        if mark == 0 || mark == COORDINATION.application_id {
            Ok(())
        } else {
            Err(OpenError::new(&self.given, Problem::Foreign))
        }
    }

    /// Somebody may have put another file there in between.
    fn checked(&self, opened: Opened) -> Result<Opened, OpenError> {
        if self.still_has(&opened) {
            Ok(opened)
        } else {
            Err(OpenError::new(&self.given, Problem::Missing))
        }
    }

    fn file(&self) -> Result<FileId, OpenError> {
        let found = std::fs::metadata(&self.real).map_err(|error| self.io(error))?;
        if found.is_dir() {
            return Err(OpenError::new(&self.given, Problem::NotADatabase));
        }
        Ok(FileId {
            device: found.dev(),
            number: found.ino(),
        })
    }

    /// Makes an empty file if there is none. Only its owner can read it, and `SQLite` does the same with what it puts beside.
    fn make(&self) -> Result<(), OpenError> {
        if self.real.try_exists().map_err(|error| self.io(error))? {
            return Ok(());
        }
        for end in ["-wal", "-shm"] {
            let mut name = self.real.clone().into_os_string();
            name.push(end);
            match std::fs::remove_file(name) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(self.io(error));
                }
                _ => {}
            }
        }
        let made = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&self.real);
        match made {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(self.io(error)),
            _ => Ok(()),
        }
    }

    /// One process at a time makes, migrates and opens a file in a directory; the kernel gives the lock back when its holder
    /// dies. It is on the directory, so that nothing more lies there. Where directories cannot be locked, `SQLite`'s own
    /// locks have to do.
    fn alone(&self) -> Result<Option<File>, OpenError> {
        const LOOK: Duration = Duration::from_millis(10);
        let directory = self.real.parent().unwrap_or(Path::new("/"));
        let Ok(directory) = File::open(directory) else {
            return Ok(None);
        };
        for _ in 0..PATIENCE.as_millis() / LOOK.as_millis() {
            match flock(&directory, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Some(directory)),
                Err(rustix::io::Errno::WOULDBLOCK) => std::thread::sleep(LOOK),
                Err(_) => return Ok(None),
            }
        }
        Err(OpenError::new(&self.given, Problem::Locked))
    }

    fn io(&self, error: io::Error) -> OpenError {
        OpenError::io(&self.given, error)
    }
}
