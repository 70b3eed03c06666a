//! Brings a database from the schema version that it has to the one that this program needs.
//!
//! The version is `SQLite`'s `user_version`. Each step is one file and one transaction, so a database has a whole version
//! or the one before; a step that is released is never changed. There is no way back: an older program refuses a newer
//! database instead.

use rusqlite::{Connection, TransactionBehavior};

/// Marks our databases in their header, so that another program's is recognised.
pub(super) const APPLICATION_ID: i32 = i32::from_be_bytes(*b"Tide");

/// The steps, in order; the first one makes version 1.
pub(super) const MIGRATIONS: &[&str] = &[include_str!("migrations/0001_activity.sql")];

/// What a file turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// A database without a single table, new or never used.
    Empty,
    /// One of ours, at this version.
    Version(u32),
    /// Somebody else's.
    Foreign,
}

/// Looks without changing anything.
pub(super) fn look(connection: &Connection) -> rusqlite::Result<Found> {
    let application: i32 =
        connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if application == APPLICATION_ID {
        return Ok(Found::Version(u32::try_from(version).unwrap_or(u32::MAX)));
    }
    let objects: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    Ok(if objects == 0 && application == 0 && version == 0 {
        Found::Empty
    } else {
        Found::Foreign
    })
}

/// Takes the steps after `from`.
pub(super) fn migrate(
    connection: &mut Connection,
    from: u32,
    steps: &[&str],
) -> rusqlite::Result<()> {
    // A step may rebuild a table that others point at; what they point at is checked before the step is committed.
    connection.pragma_update(None, "foreign_keys", false)?;
    let mut version = from;
    for step in steps.iter().skip(from as usize) {
        version += 1;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(step)?;
        if transaction
            .prepare("PRAGMA foreign_key_check")?
            .exists([])?
        {
            let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CONSTRAINT_FOREIGNKEY);
            let message = format!("step {version} leaves rows that point at nothing");
            return Err(rusqlite::Error::SqliteFailure(code, Some(message)));
        }
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", version)?;
        transaction.commit()?;
    }
    connection.pragma_update(None, "foreign_keys", true)
}

/// The version that [`MIGRATIONS`] lead to.
pub(super) fn newest() -> u32 {
    u32::try_from(MIGRATIONS.len()).expect("there are fewer than four billion steps")
}
