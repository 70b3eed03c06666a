//! What goes wrong between us and the broker, until it becomes the port's error at the edge. Never says a password.

use std::sync::Arc;

use lapin::ErrorKind;
use lapin::protocol::{AMQPErrorKind, AMQPSoftError};
use ledger::port;

/// Why something could not be done. Trying later may always help: an operator can mend each of these while we run.
#[derive(Debug, Clone, thiserror::Error)]
pub(super) enum Trouble {
    #[error("{0} is being connected to")]
    Connecting(Arc<str>),
    #[error("{0} cannot be connected to")]
    Unreachable(Arc<str>, #[source] Arc<lapin::Error>),
    #[error("{address} has not answered within {seconds} seconds")]
    Silent { address: Arc<str>, seconds: u64 },
    #[error("the connection to {0} was lost")]
    Lost(Arc<str>),
    #[error("{0} refused")]
    Refused(Arc<str>, #[source] Arc<lapin::Error>),
    #[error("{0} has stopped publishers: {1}")]
    Blocked(Arc<str>, Arc<str>),
    #[error(
        "{what} `{name}` stands on the broker with other arguments ({detail}): delete it once it is empty, or name another prefix"
    )]
    Mismatch {
        what: &'static str,
        name: String,
        detail: String,
    },
    #[error("no queue takes what is published to `{0}`")]
    Unroutable(String),
    #[error("the broker could not keep it")]
    NotKept,
    #[error("the queue is closed")]
    Closed,
}

impl Trouble {
    pub(super) fn while_it_should(self, doing: &'static str) -> port::Error {
        port::Error::Unavailable {
            doing,
            cause: Box::new(self),
        }
    }
}

/// What the broker said of one thing that was asked of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// There is no such queue or exchange.
    Missing,
    /// There is one, with other arguments.
    Different,
    Other,
}

pub(super) fn answer(error: &lapin::Error) -> Answer {
    let ErrorKind::ProtocolError(error) = error.kind() else {
        return Answer::Other;
    };
    match error.kind() {
        AMQPErrorKind::Soft(AMQPSoftError::NOTFOUND) => Answer::Missing,
        AMQPErrorKind::Soft(AMQPSoftError::PRECONDITIONFAILED) => Answer::Different,
        _ => Answer::Other,
    }
}
