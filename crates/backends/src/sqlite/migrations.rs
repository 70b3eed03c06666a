//! Brings a database from the schema version that it has to the one that this program needs.
//!
//! The version is `SQLite`'s `user_version`. Each step is one file and one transaction, so a database has a whole version
//! or the one before; a step that is released is never changed. There is no way back: an older program refuses a newer
//! database instead.

use rusqlite::{Connection, TransactionBehavior};

/// What a database of one kind is made of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Schema<'a> {
    /// Marks our databases of this kind in their header, so that any other is recognised.
    pub(super) application_id: i32,
    /// The steps, in order; the first one makes version 1.
    pub(super) steps: &'a [&'a str],
}

/// The state of a node.
pub(super) const STATE: Schema<'static> = Schema {
    application_id: i32::from_be_bytes(*b"Tide"),
    steps: &[
        include_str!("migrations/0001_activity.sql"),
        include_str!("migrations/0002_backfill.sql"),
        include_str!("migrations/0003_queue.sql"),
    ],
};

/// What processes share of a credential, and the office of their leader.
pub(super) const COORDINATION: Schema<'static> = Schema {
    application_id: i32::from_be_bytes(*b"TidC"),
    steps: &[
        include_str!("coordination/0001_board.sql"),
        include_str!("coordination/0002_office.sql"),
    ],
};

/// What a file turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// A database without a single table, new or never used.
    Empty,
    /// One of ours of this kind, at this version.
    Version(u32),
    /// Somebody else's, or of another kind.
    Foreign,
}

impl Schema<'_> {
    /// Looks without changing anything.
    pub(super) fn look(&self, connection: &Connection) -> rusqlite::Result<Found> {
        let application: i32 =
            connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
        let version = version(connection)?;
        if application == self.application_id {
            return Ok(Found::Version(version));
        }
        let objects: i64 =
            connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        Ok(if objects == 0 && application == 0 && version == 0 {
            Found::Empty
        } else {
            Found::Foreign
        })
    }

    /// Takes the steps that the database has not taken yet.
    ///
    /// Whoever is on the way at the same time takes each step once: the version is looked at again when nobody else can write.
    pub(super) fn migrate(&self, connection: &mut Connection) -> rusqlite::Result<()> {
        // A step may rebuild a table that others point at; what they point at is checked before the step is committed.
        connection.pragma_update(None, "foreign_keys", false)?;
        while version(connection)? < self.newest() {
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let before = version(&transaction)?;
            let Some(step) = self.steps.get(before as usize) else {
                break;
            };
            transaction.execute_batch(step)?;
            if transaction
                .prepare("PRAGMA foreign_key_check")?
                .exists([])?
            {
                let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CONSTRAINT_FOREIGNKEY);
                let message = format!("step {} leaves rows that point at nothing", before + 1);
                return Err(rusqlite::Error::SqliteFailure(code, Some(message)));
            }
            transaction.pragma_update(None, "application_id", self.application_id)?;
            transaction.pragma_update(None, "user_version", before + 1)?;
            transaction.commit()?;
        }
        connection.pragma_update(None, "foreign_keys", true)
    }

    /// The version that the steps lead to.
    pub(super) fn newest(&self) -> u32 {
        u32::try_from(self.steps.len()).expect("there are fewer than four billion steps")
    }
}

fn version(connection: &Connection) -> rusqlite::Result<u32> {
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    Ok(u32::try_from(version).unwrap_or(u32::MAX))
}
