//! The change feed: what happened after a place, in the order in which it was committed.
//!
//! An event stands in it at the place of its first recording, which is the key of its row, and again at the place of
//! its latest change. A commit makes all its places visible at once, and only one transaction writes at a time: so
//! nothing ever appears at or before a place that a reader has seen.

use std::collections::HashMap;

use ledger::event::{Fact, RepoId, ReviewState};
use ledger::port::Cursor;
use ledger::port::activity::{Changes, EventChange, News};
use rusqlite::{Connection, Row};

use super::coverage;
use super::events::{self, event_columns};
use super::fault::Fault;
use super::repos;
use super::rows::{Code, Number};

macro_rules! feed {
    ($place:literal) => {
        concat!(
            "SELECT ",
            event_columns!(),
            ", ",
            $place,
            ", o.name, e.repo, e.retracted, e.first
             FROM events e CROSS JOIN actors a ON a.id = e.actor CROSS JOIN repos r ON r.id = e.repo
             CROSS JOIN orgs o ON o.id = r.org LEFT JOIN actors m ON m.id = e.merged_by
             WHERE ",
            $place,
            " > ?1 ORDER BY ",
            $place,
            " LIMIT ?2"
        )
    };
}

pub(super) const RECORDED: &str = feed!("e.place");
pub(super) const AMENDED: &str = feed!("e.amended");

/// What happened after a cursor.
pub(super) fn changes(
    connection: &Connection,
    after: Cursor,
    limit: usize,
) -> Result<Changes, Fault> {
    let limit = limit.max(1);
    // No cursor of ours lies beyond what a column can hold.
    let after = i64::try_from(after.0).unwrap_or(i64::MAX);
    let one_more = i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1);
    let mut events = entries(connection, RECORDED, News::Recorded, after, one_more)?;
    events.extend(entries(
        connection,
        AMENDED,
        News::Amended,
        after,
        one_more,
    )?);
    events.sort_by_key(|entry| entry.seq);
    let more = events.len() > limit;
    events.truncate(limit);
    let next = match events.last() {
        Some(last) if more => last.seq.0.cast_signed(),
        _ => connection
            .prepare_cached("SELECT place FROM store WHERE one = 1")?
            .query_row([], |row| row.get::<_, i64>(0))?
            .max(after),
    };
    Ok(Changes {
        events,
        repos: repos::views(connection, repos::CHANGED, [after, next])?,
        orgs: repos::orgs(connection, repos::ORGS_CHANGED, [after, next])?,
        next: Cursor(next.cast_unsigned()),
        more,
        incarnation: connection
            .prepare_cached("SELECT incarnation FROM store WHERE one = 1")?
            .query_row([], |row| row.get(0))?,
    })
}

fn entries(
    connection: &Connection,
    sql: &str,
    news: News,
    after: i64,
    limit: i64,
) -> Result<Vec<EventChange>, Fault> {
    let entry = |row: &Row<'_>| {
        let event = events::read(row)?;
        let first_state = match event.fact {
            Fact::Review { .. } => Some(row.get::<_, Code<ReviewState>>(19)?.0),
            _ => None,
        };
        Ok(EventChange {
            seq: Cursor(row.get::<_, Number>(15)?.0),
            news,
            org: row.get(16)?,
            repo: RepoId(row.get::<_, Number>(17)?.0),
            event,
            first_state,
            retracted: row.get(18)?,
            history: false,
        })
    };
    let mut statement = connection.prepare_cached(sql)?;
    let mut entries = statement
        .query_map([after, limit], entry)?
        .collect::<rusqlite::Result<Vec<EventChange>>>()?;
    let mut starts = HashMap::new();
    for entry in &mut entries {
        let key = (entry.repo, entry.event.fact.stream());
        let start = match starts.get(&key) {
            Some(start) => *start,
            None => {
                let start = coverage::counted_from(connection, key.0, key.1)?;
                starts.insert(key, start);
                start
            }
        };
        entry.history = start.is_some_and(|start| entry.event.at < start);
    }
    Ok(entries)
}
