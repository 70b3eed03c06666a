//! What can be wrong with a file of ours, as something that can be asked, and what to do about it.
//!
//! It does not know who asks: the remedy is a sentence, the exit code is the caller's.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::ErrorCode;

/// Why a file cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// There is no such file (only for those that open it to read), or its directory does not exist.
    #[error("it does not exist")]
    Missing,
    /// The file is something else, or its first page is damaged.
    #[error("it is not a SQLite database")]
    NotADatabase,
    /// The file is a database that another program made.
    #[error("it is the database of another program")]
    Foreign,
    /// The file was written by a later version of this program.
    #[error("it has schema version {found}, and this program knows versions up to {known}")]
    NewerSchema {
        /// The version in the file.
        found: u32,
        /// The newest version that this program can read.
        known: u32,
    },
    /// Only for those that open it to read: the file waits for a node to bring it to the present schema.
    #[error("it has schema version {found}, and this program reads version {known}")]
    OlderSchema {
        /// The version in the file.
        found: u32,
        /// The version that this program reads.
        known: u32,
    },
    /// The file or its directory cannot be written.
    #[error("it is read-only")]
    ReadOnly,
    /// The file cannot be read at all.
    #[error("permission denied")]
    Forbidden,
    /// Another program holds the database itself locked.
    #[error("another program holds it locked")]
    Locked,
    /// Another node works on this state.
    #[error("{} works on it", .pid.map_or_else(|| "another node".to_owned(), |pid| format!("the node with process id {pid}")))]
    Held {
        /// The process that works on it, if its name could be read.
        pid: Option<u32>,
    },
    /// No space is left for it.
    #[error("the disk is full")]
    Full,
    /// The database contradicts itself.
    #[error("it is damaged")]
    Damaged,
    /// The `SQLite` library has a defect that can corrupt a database.
    #[error("the SQLite library {found} can damage it")]
    OldLibrary {
        /// The library's version.
        found: String,
    },
    /// The disk or the file system failed.
    #[error("the disk failed")]
    Disk,
    /// Anything else; the source says what.
    #[error("SQLite refused")]
    Other,
}

/// Which of our files it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    State,
    Coordination,
}

impl Kind {
    fn noun(self) -> &'static str {
        match self {
            Kind::State => "state",
            Kind::Coordination => "coordination file",
        }
    }

    /// What names another one.
    fn setting(self) -> &'static str {
        match self {
            Kind::State => "--state",
            Kind::Coordination => "coordination.path",
        }
    }
}

/// A file of ours, the state or the coordination file, could not be opened.
#[derive(Debug, Clone, thiserror::Error)]
#[error("cannot open the {} {}: {problem}", .kind.noun(), .path.display())]
pub struct OpenError {
    kind: Kind,
    path: PathBuf,
    problem: Problem,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

impl OpenError {
    pub(super) fn new(path: &Path, problem: Problem) -> OpenError {
        OpenError {
            kind: Kind::State,
            path: path.to_owned(),
            problem,
            source: None,
        }
    }

    pub(super) fn sql(path: &Path, error: rusqlite::Error) -> OpenError {
        let problem = problem_of(&error);
        OpenError {
            source: Some(Arc::new(error)),
            ..OpenError::new(path, problem)
        }
    }

    pub(super) fn io(path: &Path, error: std::io::Error) -> OpenError {
        use std::io::ErrorKind;
        let problem = match error.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory => Problem::Missing,
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => Problem::ReadOnly,
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Problem::Full,
            ErrorKind::IsADirectory => Problem::NotADatabase,
            _ => Problem::Disk,
        };
        OpenError {
            source: Some(Arc::new(error)),
            ..OpenError::new(path, problem)
        }
    }

    /// The same of a coordination file.
    pub(super) fn of_coordination(self) -> OpenError {
        OpenError {
            kind: Kind::Coordination,
            ..self
        }
    }

    /// What is wrong.
    pub fn problem(&self) -> &Problem {
        &self.problem
    }

    /// The file that was to be opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What to do next, as the second half of a line that begins with the error.
    pub fn remedy(&self) -> String {
        let another = format!("name another file with {}", self.kind.setting());
        match &self.problem {
            Problem::Missing => format!("make its directory, or {another}"),
            Problem::NotADatabase | Problem::Foreign => format!("{another}, or move this one away"),
            Problem::NewerSchema { .. } => {
                format!("run the version of tidegate that wrote it or a later one, or {another}")
            }
            Problem::OlderSchema { .. } => {
                "start a node on it once: that brings it up to date".to_owned()
            }
            Problem::ReadOnly | Problem::Forbidden => {
                format!("let this user read and write the file and its directory, or {another}")
            }
            Problem::Locked => {
                "end the program that holds it (a database shell or a backup), and try again"
                    .to_owned()
            }
            Problem::Held { pid: Some(pid) } => format!("stop process {pid}, or {another}"),
            Problem::Held { pid: None } => format!("stop that node, or {another}"),
            Problem::Full => "free some space, and try again: nothing was lost".to_owned(),
            Problem::Damaged => match self.kind {
                Kind::State => {
                    "restore it from a backup, or move it away: a node fills a new one from GitHub"
                }
                Kind::Coordination => {
                    "move it away: a node makes a new one, and learns again how the quota is used"
                }
            }
            .to_owned(),
            Problem::OldLibrary { .. } => "use a build with SQLite 3.51.3 or later".to_owned(),
            Problem::Disk => "look at the system's log for this disk, and try again".to_owned(),
            Problem::Other => "the cause is shown with -v".to_owned(),
        }
    }
}

/// What a failure of `SQLite` means for the file.
fn problem_of(error: &rusqlite::Error) -> Problem {
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => Problem::NotADatabase,
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Problem::Locked,
        Some(ErrorCode::ReadOnly) => Problem::ReadOnly,
        Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => Problem::Forbidden,
        Some(ErrorCode::DiskFull) => Problem::Full,
        Some(ErrorCode::DatabaseCorrupt) => Problem::Damaged,
        Some(
            ErrorCode::SystemIoFailure
            | ErrorCode::FileLockingProtocolFailed
            | ErrorCode::NoLargeFileSupport,
        ) => Problem::Disk,
        _ => Problem::Other,
    }
}
