//! Who leads, and the places of changes: every change starts by asking both.

use std::collections::BTreeSet;

use jiff::Timestamp;
use ledger::event::RepoId;
use ledger::port::Term;
use ledger::port::activity::Authority;
use rusqlite::Connection;

use super::backfill;
use super::fault::Fault;
use super::rows::{Micros, Number};

/// One change on its way: it hands out places, and [`Change::end`] keeps the last one.
pub(super) struct Change<'connection> {
    pub(super) connection: &'connection Connection,
    first: i64,
    last: i64,
    touched: BTreeSet<RepoId>,
}

pub(super) const STORE: &str = "SELECT term, place FROM store WHERE one = 1";

impl<'connection> Change<'connection> {
    /// Starts a change of somebody who is entitled to it; refused if another is now.
    ///
    /// Only one transaction writes at a time, so nobody else can become so between this and the commit.
    pub(super) fn begin(
        connection: &'connection Connection,
        by: &Authority,
    ) -> Result<Change<'connection>, Fault> {
        let (current, change) = Change::of_anybody(connection)?;
        match by {
            Authority::Leader(term) if current != *term => Err(Fault::Fenced(*term)),
            Authority::Filler(claim) if !backfill::is_theirs(connection, claim)? => {
                Err(Fault::Lost(claim.token))
            }
            Authority::Leader(_) | Authority::Filler(_) => Ok(change),
        }
    }

    /// Starts a change that anybody may make, and tells the present term.
    pub(super) fn of_anybody(
        connection: &'connection Connection,
    ) -> Result<(Term, Change<'connection>), Fault> {
        let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, Number>(0)?.0, row.get(1)?));
        let (current, last) = connection.prepare_cached(STORE)?.query_row([], read)?;
        let change = Change {
            connection,
            first: last,
            last,
            touched: BTreeSet::new(),
        };
        Ok((Term(current), change))
    }

    /// The repository, one of its streams or their coverage looks different now: [`Change::end`] says so in the feed,
    /// once, however much of it changed.
    pub(super) fn touch(&mut self, repo: RepoId) {
        self.touched.insert(repo);
    }

    /// The next place: higher than every one that was ever handed out and committed.
    pub(super) fn place(&mut self) -> i64 {
        self.last += 1;
        self.last
    }

    /// Tells the feed of what was touched, and keeps the last place.
    pub(super) fn end(mut self) -> Result<(), Fault> {
        let mut touch = self
            .connection
            .prepare_cached("UPDATE repos SET place = ?2 WHERE id = ?1")?;
        for repo in std::mem::take(&mut self.touched) {
            touch.execute((Number(repo.0), self.place()))?;
        }
        if self.last > self.first {
            self.connection
                .prepare_cached("UPDATE store SET place = ?1 WHERE one = 1")?
                .execute([self.last])?;
        }
        Ok(())
    }
}

/// Begins the next term.
pub(super) fn lead(connection: &Connection, holder: &str, now: Timestamp) -> Result<Term, Fault> {
    let sql =
        "UPDATE store SET term = term + 1, holder = ?1, led_at = ?2 WHERE one = 1 RETURNING term";
    let term = connection
        .prepare_cached(sql)?
        .query_row((holder, Micros(now)), |row| row.get::<_, Number>(0))?;
    Ok(Term(term.0))
}
