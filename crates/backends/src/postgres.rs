//! The stores in one `PostgreSQL` database (14 or later), shared by any number of nodes: opening it, and its parts.
//!
//! What events, coverage and terms mean is decided in `ledger`; who is to lead, and what is to be told, elsewhere.
//!
//! **A step is one statement**, sent whole in one round trip: what writes activity is a function that the migration makes
//! (`migrations/0001_store.sql`). So a step is there whole or not at all wherever the connection breaks, no transaction is
//! ever left open, and a step that is answered is on disk. Only bringing the schema up to date takes transactions of several
//! statements.
//!
//! **No state of a session.** Statements are unnamed and typed ([`tokio_postgres::Client::query_typed`]), never prepared, so
//! that any connection will do, also one that a pooler hands out for each transaction. Parsing costs little, since what is
//! expensive to plan is planned inside the functions, once for each connection. With [`Settings::notify`] the connections
//! carry time limits, which poolers refuse to pass on; without it the limits on locks are in the functions, and a limit on
//! statements is the role's (`ALTER ROLE … SET statement_timeout`).
//!
//! **Down at start or later.** Opening touches no network. A step answers that the store is unavailable for as long as it is,
//! never later than its time limit, and the first step that finds it brings the schema up to date.
//!
//! **An answer that was lost** after the commit, as the caller sees it when it tries again:
//!
//! | step | again |
//! |---|---|
//! | `lead` | a higher term; the lost one is over |
//! | `track`, `record`, `confirm`, `miss`, `unavailable`, `dispatched` | changes nothing more; `record` counts nothing as new |
//! | `cycle` | the same report counts once |
//! | `claim` | held, until the lost claim passes |
//! | `hold` | the same |
//! | `end` | false: it has ended |
//! | `rearm`, `ask_history` | 0: it has happened |
//! | `exchange`, `leave`, `sweep`, `close` | the same; `sweep` says false |
//! | `keep_learnt` | false: what is read then is what was to be kept |
//! | `take`, `renew` | none: a look shows the caller as the holder, under another mark |
//! | `publish` | the task is there twice, which a queue may do |
//! | `ack`, `put_off`, `bury` | nothing more happens |
//! | `keep_answer`, `note` | the same |

mod address;
mod backfill;
mod cache;
mod changes;
mod coordination;
mod coverage;
mod election;
mod events;
mod fault;
mod link;
mod migrations;
mod ports;
mod queue;
mod repos;
mod rewrite;
mod rows;
mod state;
mod tls;

use std::sync::Arc;
use std::time::Duration;

use ledger::port::Result;
use secrecy::SecretString;
use tokio_postgres::Row;

pub use address::SettingsError;
use cache::Cache;
use fault::Fault;
use link::{Link, Parameter};
pub use queue::{IN_HAND, PostgresQueue};

/// Where the database is, and how it is spoken to.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `postgres://user:password@host:port/database?sslmode=…`. As in libpq, `prefer` (the default) and `require` encrypt and
    /// check no certificate, unless `sslrootcert` names a file to check it by; `verify-ca` checks who signed it, `verify-full`
    /// the host's name too, by that file or else by the certificates of the system. Several hosts are tried in turn, with
    /// `target_session_attrs=read-write` until one is found that can be written. Never shown.
    pub url: SecretString,
    /// The schema that holds the tables. Made if it is not there. At most 63 bytes.
    pub schema: String,
    /// At most so many connections, and one more for notifications. At least 1.
    pub connections: usize,
    /// Whether a connection may be kept to be told of tasks, and time limits set on connections. Off behind a pooler that hands
    /// out a connection for each transaction: tasks are then found by looking.
    pub notify: bool,
    /// How long the database may work on one statement. A step takes three seconds more at most, which are for connecting.
    pub timeout: Duration,
}

impl Settings {
    /// What is meant where nothing else is said: schema `tidegate`, 8 connections, with notifications, 10 seconds.
    pub fn new(url: impl Into<SecretString>) -> Settings {
        Settings {
            url: url.into(),
            schema: "tidegate".to_owned(),
            connections: 8,
            notify: true,
            timeout: Duration::from_secs(10),
        }
    }
}

/// The stores in one database: of activity, of small state, the board, and the office. [`PostgresQueue`] is the fifth. Clones share
/// connections and what is known of repositories.
#[derive(Clone)]
pub struct Postgres {
    parts: Arc<Parts>,
}

struct Parts {
    link: Link,
    cache: Cache,
    answers: state::Keeping,
}

impl Postgres {
    /// Prepares to work on a database, without a look at it: no connection is made before the first step.
    ///
    /// # Errors
    ///
    /// A [`SettingsError`] if the URL, a certificate file or a number cannot be meant.
    pub fn open(settings: &Settings) -> std::result::Result<Postgres, SettingsError> {
        Ok(Postgres {
            parts: Arc::new(Parts {
                link: Link::new(settings)?,
                cache: Cache::default(),
                answers: state::Keeping::new(state::BOUND),
            }),
        })
    }

    /// Where it is, without secrets: `host:port/database`.
    pub fn place(&self) -> &str {
        self.parts.link.place()
    }

    /// Whether the database is there and its schema is the present one.
    ///
    /// # Errors
    ///
    /// As of every step.
    pub async fn ping(&self) -> Result<()> {
        self.ask("SELECT 1", &[])
            .await
            .map(drop)
            .map_err(|fault| fault.while_it_should("answer"))
    }

    /// One statement, in which `@` stands for the schema.
    async fn ask(
        &self,
        sql: &str,
        parameters: &[Parameter<'_>],
    ) -> std::result::Result<Vec<Row>, Fault> {
        self.parts.link.ask(sql, parameters).await
    }
}

impl std::fmt::Debug for Postgres {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Postgres")
            .field("place", &self.place())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
