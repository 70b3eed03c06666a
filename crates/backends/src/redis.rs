//! The shared stores in one Redis or Valkey server (6.2 or later): activity, coordination and election.
//!
//! **Every step is one script**, which runs alone and leaves all of it or nothing. A step on many repositories is cut into
//! pieces of a few thousand rows, so that the server is never busy with one for long; its document says what a crash between
//! two pieces leaves. All keys of one store have one hash tag (`{tidegate}:`), and so one slot.
//!
//! **The server holds the truth**, and must not be a cache: where it may evict keys it is refused, as is a replica and a server
//! that is too old; each new connection looks again. What it was told it keeps as well as its persistence does: with
//! `appendfsync everysec` (and on a failover) the last second may be lost. Then the store is as it was a second ago, coverage and
//! events alike, so that what was lost is read again. Who has seen more than that notices, and the store begins a new
//! incarnation, as it does when it was emptied.
//!
//! A server that is down makes no difference to [`Redis::open`]: the methods answer that the store is unavailable, and the
//! next one after a short pause tries again. What events and coverage mean is decided in `ledger`.

mod backfill;
mod changes;
mod coordination;
mod coverage;
mod election;
mod events;
mod fault;
mod keys;
mod known;
mod link;
mod packed;
mod ports;
mod reply;
mod repos;
mod rows;
mod script;
mod server;
mod settings;
mod term;

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;

use keys::Keys;
use known::Known;
use link::Link;

pub use settings::{At, OpenError, Settings};

/// A store in one server. Clones share its connection and what it knows of the repositories.
///
/// An election is best given one of its own: no renewal then waits behind a large answer.
#[derive(Clone)]
pub struct Redis {
    parts: Arc<Parts>,
}

struct Parts {
    keys: Keys,
    link: Link,
    known: Known,
    arrival: tokio::sync::Mutex<Option<term::Arrival>>,
}

impl Redis {
    /// A store in the server of these settings. Connects with the first step.
    ///
    /// # Errors
    ///
    /// An [`OpenError`] if the settings cannot be meant, or a file that they name cannot be read. It shows no secret.
    pub fn open(settings: &Settings) -> Result<Redis, OpenError> {
        Ok(Redis {
            parts: Arc::new(Parts {
                keys: Keys::new(&settings.prefix)?,
                link: Link::new(settings)?,
                known: Known::default(),
                arrival: tokio::sync::Mutex::default(),
            }),
        })
    }
}

impl std::fmt::Debug for Redis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Redis").finish_non_exhaustive()
    }
}

fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// A word that nobody has said before.
fn unheard_of() -> String {
    format!("{:016x}{:016x}", random(), random())
}

/// By how much the next term or token is higher than it need be: 1 to a million.
fn leap() -> String {
    (1 + random() % (1 << 20)).to_string()
}
