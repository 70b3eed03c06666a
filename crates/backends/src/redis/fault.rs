//! What goes wrong inside the adapter, until it becomes the port's error at the edge. None of it shows the URL.

use std::sync::Arc;

use ledger::port::{self, Term, Token};
use redis::{ErrorKind, RedisError, ServerErrorKind};

use super::server::Refusal;

/// A failure of one step.
#[derive(Debug, Clone, thiserror::Error)]
pub(super) enum Fault {
    #[error("a newer leader than that of term {0} has taken office, or Redis was emptied since")]
    Fenced(Term),
    #[error("the gaps are not of claim {0} any more")]
    Lost(Token),
    #[error("cannot connect to Redis")]
    Connect(#[source] Arc<RedisError>),
    #[error("Redis did not answer in time")]
    TimedOut,
    #[error("the connection to Redis was lost")]
    Disconnected(#[source] Arc<RedisError>),
    #[error("this Redis server cannot be used: {0}")]
    Refused(#[from] Refusal),
    #[error("Redis has no memory left: raise its maxmemory, or shorten how long activity is kept")]
    Full(#[source] Arc<RedisError>),
    #[error("Redis cannot do it now")]
    Passing(#[source] Arc<RedisError>),
    #[error("Redis refused")]
    Redis(#[source] Arc<RedisError>),
    #[error("others kept changing the same repository")]
    Contended,
    #[error("Redis holds something else than what was kept in it: {0}")]
    Unreadable(&'static str),
    #[error("Redis holds something else than what was kept in it")]
    Json(#[source] Arc<serde_json::Error>),
}

impl Fault {
    /// The port's error, for a step that was to do this.
    pub(super) fn while_it_should(self, doing: &'static str) -> port::Error {
        match self {
            Fault::Fenced(term) => port::Error::Fenced(term),
            Fault::Lost(token) => port::Error::Lost(token),
            fault @ (Fault::Redis(_) | Fault::Unreadable(_) | Fault::Json(_)) => {
                port::Error::Failed {
                    doing,
                    cause: Box::new(fault),
                }
            }
            fault => port::Error::Unavailable {
                doing,
                cause: Box::new(fault),
            },
        }
    }

    /// What an answer of the server's, or none, means.
    pub(super) fn of(error: RedisError) -> Fault {
        let word = word(&error);
        let error = Arc::new(error);
        match word {
            Word::Full => Fault::Full(error),
            Word::Passing => Fault::Passing(error),
            Word::NotMaster => Fault::Refused(Refusal::Replica),
            Word::Gone => Fault::Disconnected(error),
            Word::Late => Fault::TimedOut,
            Word::Other => Fault::Redis(error),
        }
    }

    /// Whether the connection is of no use any more.
    pub(super) fn costs_the_connection(&self) -> bool {
        matches!(
            self,
            Fault::TimedOut | Fault::Disconnected(_) | Fault::Refused(_)
        )
    }
}

impl From<serde_json::Error> for Fault {
    fn from(error: serde_json::Error) -> Fault {
        Fault::Json(Arc::new(error))
    }
}

enum Word {
    Full,
    Passing,
    NotMaster,
    Gone,
    Late,
    Other,
}

/// Words with which a server says that something is in its way now.
const PASSING: [&str; 13] = [
    "LOADING",
    "BUSY",
    "MISCONF",
    "MASTERDOWN",
    "NOREPLICAS",
    "TRYAGAIN",
    "CLUSTERDOWN",
    "MOVED",
    "ASK",
    "NOAUTH",
    "WRONGPASS",
    "NOPERM",
    "UNBLOCKED",
];

fn word(error: &RedisError) -> Word {
    if error.is_timeout() {
        return Word::Late;
    }
    match error.kind() {
        ErrorKind::Io | ErrorKind::Parse => return Word::Gone,
        ErrorKind::AuthenticationFailed => return Word::Passing,
        ErrorKind::Server(ServerErrorKind::ReadOnly) => return Word::NotMaster,
        ErrorKind::MasterNameNotFoundBySentinel | ErrorKind::NoValidReplicasFoundBySentinel => {
            return Word::Passing;
        }
        _ => {}
    }
    let code = error.code().unwrap_or_default();
    let detail = error.detail().unwrap_or_default();
    // Before version 7, what a command in a script was refused for stands in the text of another error.
    let says = |word: &str| code == word || detail.contains(&format!("-{word} "));
    if says("OOM") || detail.contains("OOM command not allowed") {
        Word::Full
    } else if says("READONLY") {
        Word::NotMaster
    } else if PASSING.iter().any(|word| says(word)) {
        Word::Passing
    } else {
        Word::Other
    }
}
