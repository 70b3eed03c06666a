//! What goes wrong inside the adapter, until it becomes the port's error at the edge. Decides what may pass by itself.

use std::time::Duration;

use ledger::port::{self, Term, Token};
use tokio_postgres::error::SqlState;

/// A failure of one step.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error("a newer leader than that of term {0} has taken office")]
    Fenced(Term),
    #[error("the gaps are not of claim {0} any more")]
    Lost(Token),
    #[error("cannot connect to PostgreSQL at {place}")]
    Connect {
        place: String,
        #[source]
        cause: tokio_postgres::Error,
    },
    #[error(
        "a pooler at {place} refuses what a session starts with: turn notifications off, or name the server itself"
    )]
    Pooler {
        place: String,
        #[source]
        cause: tokio_postgres::Error,
    },
    #[error("PostgreSQL at {place} did not answer within {limit:?}")]
    Late { place: String, limit: Duration },
    #[error("every connection to PostgreSQL at {place} was in use for {limit:?}")]
    Busy { place: String, limit: Duration },
    #[error("PostgreSQL refused")]
    Sql(#[from] tokio_postgres::Error),
    #[error(
        "the schema `{schema}` has version {found}, and this program knows versions up to {known}: run the version of \
         tidegate that wrote it or a later one"
    )]
    NewerSchema {
        schema: String,
        found: i32,
        known: i32,
    },
    #[error("PostgreSQL {found} is too old: 14 or later is needed")]
    OldServer { found: String },
    #[error("the database has the encoding {found}: make one with UTF8")]
    Encoding { found: String },
    #[error(
        "commits are answered before they are on disk: set synchronous_commit to on for this role or database"
    )]
    Forgetful,
    #[error("others have changed the same repositories {0} times in a row")]
    Crowded(u32),
    #[error("a row does not hold what was kept in it")]
    Json(#[from] serde_json::Error),
    #[error("a column does not hold what was kept in it: {0}")]
    Column(String),
    #[error("a kept body cannot be unpacked")]
    Body(#[source] std::io::Error),
    #[error("the runtime is shutting down")]
    Closed,
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

    /// Whether the schema, or a part of it, is not there (any more).
    pub(super) fn is_without_schema(&self) -> bool {
        let Fault::Sql(error) = self else {
            return false;
        };
        let Some(code) = error.code() else {
            return false;
        };
        [
            SqlState::INVALID_SCHEMA_NAME,
            SqlState::UNDEFINED_TABLE,
            SqlState::UNDEFINED_FUNCTION,
        ]
        .contains(code)
    }

    /// Whether trying later may help: what an operator repairs, too, without a change to this program.
    fn may_pass(&self) -> bool {
        match self {
            Fault::Connect { .. }
            | Fault::Pooler { .. }
            | Fault::Late { .. }
            | Fault::Busy { .. }
            | Fault::Crowded(_)
            | Fault::Closed => true,
            Fault::Sql(error) => self.is_without_schema() || sql_may_pass(error),
            _ => false,
        }
    }
}

fn sql_may_pass(error: &tokio_postgres::Error) -> bool {
    let Some(error) = error.as_db_error() else {
        // The server said nothing: the connection was lost, or what came was none of its words.
        return error.is_closed()
            || std::error::Error::source(error)
                .is_some_and(<dyn std::error::Error>::is::<std::io::Error>);
    };
    let code = error.code();
    // Connection, rollback (deadlock, serialization), resources, intervention of an operator, the system. And a lock that was
    // not given, a server that was made a standby, a transaction that was idle.
    ["08", "40", "53", "57", "58"]
        .iter()
        .any(|class| code.code().starts_with(class))
        || *code == SqlState::LOCK_NOT_AVAILABLE
        || *code == SqlState::READ_ONLY_SQL_TRANSACTION
        || *code == SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT
}
