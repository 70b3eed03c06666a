//! What goes wrong inside the adapter, until it becomes the port's error at the edge.

use std::sync::Arc;

use ledger::port::{self, Term, Token};
use rusqlite::ErrorCode;

use super::error::OpenError;

/// A failure of one step.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error("a newer leader than that of term {0} has taken office")]
    Fenced(Term),
    #[error("the gaps are not of claim {0} any more")]
    Lost(Token),
    #[error("SQLite refused")]
    Sql(#[from] rusqlite::Error),
    #[error("the transaction that carried it was not committed")]
    Uncommitted(#[source] Arc<rusqlite::Error>),
    #[error("a row does not hold what was kept in it")]
    Json(#[from] serde_json::Error),
    #[error("a kept body cannot be unpacked")]
    Body(#[source] std::io::Error),
    #[error("it was opened to be read")]
    ReadOnly,
    #[error("the file is not there any more, or another is in its place")]
    Gone,
    #[error("the file cannot be used")]
    Unusable(#[from] OpenError),
    #[error("the store is closing")]
    Closed,
    #[error("the step panicked")]
    Panicked,
}

impl Fault {
    /// The port's error, for a step that was to do this.
    pub(super) fn while_it_should(self, doing: &'static str) -> port::Error {
        match self {
            Fault::Fenced(term) => port::Error::Fenced(term),
            Fault::Lost(token) => port::Error::Lost(token),
            fault if fault.may_pass() => port::Error::Unavailable {
                doing,
                cause: Box::new(fault),
            },
            fault => port::Error::Failed {
                doing,
                cause: Box::new(fault),
            },
        }
    }

    /// Whether trying later may help.
    fn may_pass(&self) -> bool {
        let code = match self {
            Fault::Sql(error) => error.sqlite_error_code(),
            Fault::Uncommitted(error) => error.sqlite_error_code(),
            Fault::ReadOnly | Fault::Gone | Fault::Unusable(_) | Fault::Closed => return true,
            Fault::Fenced(_)
            | Fault::Lost(_)
            | Fault::Json(_)
            | Fault::Body(_)
            | Fault::Panicked => return false,
        };
        matches!(
            code,
            Some(
                ErrorCode::DatabaseBusy
                    | ErrorCode::DatabaseLocked
                    | ErrorCode::DiskFull
                    | ErrorCode::SystemIoFailure
                    | ErrorCode::CannotOpen
                    | ErrorCode::ReadOnly
                    | ErrorCode::PermissionDenied
                    | ErrorCode::OutOfMemory
                    | ErrorCode::OperationAborted
                    | ErrorCode::OperationInterrupted
                    | ErrorCode::FileLockingProtocolFailed
            )
        )
    }
}
