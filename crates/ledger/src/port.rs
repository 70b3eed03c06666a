//! What a store must do, each method one atomic step named for what it means.
//!
//! Decides the words between the service and its stores; refuses to know of SQL, transactions and connections.
//! [`crate::conformance`] holds every store to it.
//!
//! `now` comes in; no transaction handle leaves. Times are kept to the microsecond at least.

pub mod activity;
pub mod coordination;
pub mod election;
pub mod queue;
pub mod state;

pub use activity::Activity;
pub use coordination::Coordination;
pub use election::Election;
pub use queue::BackfillQueue;
pub use state::State;

use std::fmt;

use serde::{Deserialize, Serialize};

/// A leader's term of office. The store gives a higher one to each new leader and refuses the writes of older ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Term(pub u64);

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What its holder was given with the gaps of a stream to fill. The store gives a higher one with each claim and refuses the
/// writes of older ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Token(pub u64);

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A place in a store's change feed: everything up to and including it has been seen. The start is 0.
#[derive(
    Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Cursor(pub u64);

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The cause that an adapter found, kept for the chain that the edge prints.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// What a store could not do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A newer leader has taken office; this one must stop writing.
    #[error("term {0} is over: another leader has taken office")]
    Fenced(Term),
    /// The gaps were given to another, or taken back; this holder must stop writing.
    #[error("claim {0} is over: the gaps are not this worker's any more")]
    Lost(Token),
    /// The store cannot be reached, is locked by another, or has no room. Trying later may help.
    #[error("the store is unavailable while it should {doing}")]
    Unavailable {
        /// What was to be done, as a verb phrase: `record events`.
        doing: &'static str,
        /// Why.
        #[source]
        cause: Cause,
    },
    /// The store answered with something that trying again does not help.
    #[error("the store could not {doing}")]
    Failed {
        /// What was to be done, as a verb phrase: `record events`.
        doing: &'static str,
        /// Why.
        #[source]
        cause: Cause,
    },
}

impl Error {
    /// Whether a newer leader has taken office.
    pub fn is_fenced(&self) -> bool {
        matches!(self, Error::Fenced(_))
    }

    /// Whether the claim is over under which something was to be written.
    pub fn is_lost(&self) -> bool {
        matches!(self, Error::Lost(_))
    }

    /// Whether trying later may help.
    pub fn is_unavailable(&self) -> bool {
        matches!(self, Error::Unavailable { .. })
    }
}

/// What a store answers.
pub type Result<T> = std::result::Result<T, Error>;
