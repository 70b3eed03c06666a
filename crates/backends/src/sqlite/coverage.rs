//! Streams and their coverage in rows. What a window covers and what a miss means is decided in `ledger::coverage`;
//! here it is read, handed over and written back, touching only the rows that changed.

use std::collections::BTreeMap;

use jiff::Timestamp;
use ledger::coverage::{Coverage, Gap, GapReason};
use ledger::event::{RepoId, Stream};
use ledger::fingerprint::Fingerprint;
use ledger::port::activity::{Backfill, Miss, Proof, StreamView};
use ledger::window::Window;
use rusqlite::types::FromSqlError;
use rusqlite::{Connection, OptionalExtension, Row};

use super::fault::Fault;
use super::repos;
use super::rows::{Micros, Number, Word};
use super::term::Change;

pub(super) const STREAMS: &str =
    "SELECT stream, started_at, fingerprint, fetched_at, open, unavailable, counted_from, attempts, attempt_error,
         next_attempt, stuck
     FROM streams WHERE repo = ?1 AND listed = 1";
pub(super) const STREAM: &str =
    "SELECT s.stream, s.started_at, s.fingerprint, s.fetched_at, s.open, s.unavailable, s.counted_from,
         s.attempts, s.attempt_error, s.next_attempt, s.stuck
     FROM streams s JOIN repos r ON r.id = s.repo JOIN orgs o ON o.id = r.org
     WHERE s.repo = ?1 AND s.stream = ?2 AND s.listed = 1 AND r.tracked = 1 AND o.name = ?3";
pub(super) const COUNTED_FROM: &str =
    "SELECT counted_from FROM streams WHERE repo = ?1 AND stream = ?2";
pub(super) const SPANS: &str =
    "SELECT starts_at, ends_at, reason, error FROM coverage WHERE repo = ?1 AND stream = ?2";
/// Moves the frontier of a stream that was read last of all it has, and of which nothing else changes with that.
pub(super) const MOVE_FRONTIER: &str =
    "UPDATE coverage SET ends_at = ?3 WHERE repo = ?1 AND stream = ?2 AND reason IS NULL AND ends_at < ?3
     AND starts_at = (SELECT max(starts_at) FROM coverage WHERE repo = ?1 AND stream = ?2)
     AND EXISTS (SELECT 1 FROM streams WHERE repo = ?1 AND stream = ?2 AND listed = 1
         AND fingerprint IS NOT NULL AND unavailable IS NULL)";

/// The listed streams of a repository, in the order of [`Stream::ALL`].
pub(super) fn streams(connection: &Connection, repo: RepoId) -> Result<Vec<StreamView>, Fault> {
    let mut statement = connection.prepare_cached(STREAMS)?;
    let mut rows = statement.query([Number(repo.0)])?;
    let mut views = Vec::new();
    while let Some(row) = rows.next()? {
        views.push(view(connection, repo, row)?);
    }
    views.sort_by_key(|view| view.stream);
    Ok(views)
}

/// A stream that may be written: listed, of a repository that this organisation tracks.
pub(super) fn tracked(
    connection: &Connection,
    org: &str,
    repo: RepoId,
    stream: Stream,
) -> Result<Option<StreamView>, Fault> {
    let mut statement = connection.prepare_cached(STREAM)?;
    let mut rows = statement.query((Number(repo.0), Word(stream), org))?;
    rows.next()?
        .map(|row| view(connection, repo, row))
        .transpose()
}

/// Takes in what a whole fetch proves.
pub(super) fn prove(
    change: &mut Change<'_>,
    org: &str,
    repo: RepoId,
    stream: Stream,
    proof: Proof,
    now: Timestamp,
) -> Result<(), Fault> {
    amend(change, org, repo, stream, |view| {
        view.prove(proof, now);
    })
}

/// Takes in that commits were recorded which no whole fetch vouches for.
pub(super) fn doubt(change: &mut Change<'_>, org: &str, repo: RepoId) -> Result<(), Fault> {
    amend(change, org, repo, Stream::Commits, |view| {
        view.doubt();
    })
}

/// Takes in that nothing changed up to `until`.
///
/// Of a quiet organisation this is all that there is to do, for every stream of it: so where only the end of the last span
/// moves, it is moved where it lies. Everything else is read, decided and written back.
pub(super) fn confirm(
    change: &mut Change<'_>,
    org: &str,
    unchanged: &[(RepoId, Stream)],
    until: Timestamp,
    now: Timestamp,
) -> Result<(), Fault> {
    let connection = change.connection;
    let mut move_frontier = connection.prepare_cached(MOVE_FRONTIER)?;
    let end = Micros(until.min(now));
    let mut known = None;
    for (repo, stream) in unchanged {
        let is_tracked = match known {
            Some((of, is_tracked)) if of == *repo => is_tracked,
            _ => repos::is_tracked(connection, org, *repo)?,
        };
        known = Some((*repo, is_tracked));
        if !is_tracked {
            continue;
        }
        if move_frontier.execute((Number(repo.0), Word(*stream), end))? > 0 {
            change.touch(*repo);
        } else {
            amend(change, org, *repo, *stream, |view| {
                view.confirm(until, now);
            })?;
        }
    }
    Ok(())
}

/// Takes in what could not be read.
pub(super) fn miss(change: &mut Change<'_>, org: &str, misses: &[Miss]) -> Result<(), Fault> {
    for miss in misses {
        amend(change, org, miss.repo, miss.stream, |view| {
            view.miss(miss);
        })?;
    }
    Ok(())
}

/// Takes in that a stream cannot be read for good.
pub(super) fn unavailable(
    change: &mut Change<'_>,
    org: &str,
    repo: RepoId,
    stream: Stream,
    reason: String,
) -> Result<(), Fault> {
    amend(change, org, repo, stream, |view| {
        view.unavailable = Some(reason);
    })
}

/// Changes a tracked stream, if it is one, and gives its repository a new place if anything is different afterwards.
pub(super) fn amend(
    change: &mut Change<'_>,
    org: &str,
    repo: RepoId,
    stream: Stream,
    amendment: impl FnOnce(&mut StreamView),
) -> Result<(), Fault> {
    let connection = change.connection;
    let Some(before) = tracked(connection, org, repo, stream)? else {
        return Ok(());
    };
    let mut after = before.clone();
    amendment(&mut after);
    if after == before {
        return Ok(());
    }
    write_spans(connection, repo, stream, &before.coverage, &after.coverage)?;
    let own = |view: &StreamView| {
        (
            view.fingerprint.clone(),
            view.fetched_at,
            view.open,
            view.unavailable.clone(),
            view.coverage.start(),
            view.backfill.clone(),
        )
    };
    if own(&before) != own(&after) {
        write_stream(connection, repo, &after)?;
    }
    change.touch(repo);
    Ok(())
}

/// Marks which streams a listing names; new ones are tracked from `start`. Whether that changed anything.
pub(super) fn list(
    connection: &Connection,
    repo: RepoId,
    listed: &[Stream],
    start: Timestamp,
) -> Result<bool, Fault> {
    let mut changed = 0;
    for stream in Stream::ALL {
        let key = (Number(repo.0), Word(stream));
        changed += if listed.contains(&stream) {
            let sql =
                "INSERT INTO streams (repo, stream, started_at, counted_from, listed) VALUES (?1, ?2, ?3, ?3, 1)
                ON CONFLICT DO UPDATE SET listed = 1 WHERE listed = 0";
            connection
                .prepare_cached(sql)?
                .execute((key.0, key.1, Micros(start)))?
        } else {
            let sql =
                "UPDATE streams SET listed = 0 WHERE repo = ?1 AND stream = ?2 AND listed = 1";
            connection.prepare_cached(sql)?.execute(key)?
        };
    }
    Ok(changed > 0)
}

/// From when on a stream's counters count, whether it is tracked or not.
pub(super) fn counted_from(
    connection: &Connection,
    repo: RepoId,
    stream: Stream,
) -> Result<Option<Timestamp>, Fault> {
    let from = connection
        .prepare_cached(COUNTED_FROM)?
        .query_row((Number(repo.0), Word(stream)), |row| {
            row.get::<_, Micros>(0)
        })
        .optional()?;
    Ok(from.map(|Micros(from)| from))
}

/// When a tracked stream starts.
pub(super) fn started_at(
    connection: &Connection,
    org: &str,
    repo: RepoId,
    stream: Stream,
) -> Result<Option<Timestamp>, Fault> {
    let started = connection
        .prepare_cached(STREAM)?
        .query_row((Number(repo.0), Word(stream), org), |row| {
            row.get::<_, Micros>(1)
        })
        .optional()?;
    Ok(started.map(|Micros(started)| started))
}

fn view(connection: &Connection, repo: RepoId, row: &Row<'_>) -> Result<StreamView, Fault> {
    let Word(stream) = row.get(0)?;
    let Micros(start) = row.get(1)?;
    let fingerprint: Option<String> = row.get(2)?;
    Ok(StreamView {
        stream,
        coverage: spans(connection, repo, stream, start)?,
        fingerprint: fingerprint
            .map(|text| serde_json::from_str::<Fingerprint>(&text))
            .transpose()?,
        fetched_at: row.get::<_, Option<Micros>>(3)?.map(|Micros(at)| at),
        open: row.get::<_, Option<Number>>(4)?.map(|Number(open)| open),
        unavailable: row.get(5)?,
        counted_from: row.get::<_, Micros>(6)?.0,
        backfill: Backfill {
            attempts: row.get(7)?,
            error: row.get(8)?,
            next_attempt: row.get::<_, Option<Micros>>(9)?.map(|Micros(at)| at),
            stuck: row.get(10)?,
        },
    })
}

fn spans(
    connection: &Connection,
    repo: RepoId,
    stream: Stream,
    start: Timestamp,
) -> Result<Coverage, Fault> {
    let mut statement = connection.prepare_cached(SPANS)?;
    let mut rows = statement.query((Number(repo.0), Word(stream)))?;
    let (mut covered, mut gaps) = (Vec::new(), Vec::new());
    while let Some(row) = rows.next()? {
        let (Micros(starts), Micros(ends)) = (row.get(0)?, row.get(1)?);
        let window = Window::new(starts, ends).ok_or_else(|| unreadable(1))?;
        match row.get::<_, Option<String>>(2)? {
            None => covered.push(window),
            Some(word) => gaps.push(Gap {
                window,
                reason: GapReason::parse(&word).ok_or_else(|| unreadable(2))?,
                error: row.get(3)?,
            }),
        }
    }
    Ok(Coverage::restore(start, covered, gaps))
}

/// A gap from three columns of a row, the first of which is `first`: its start, its end and its reason.
pub(super) fn gap(row: &Row<'_>, first: usize) -> rusqlite::Result<Gap> {
    let (Micros(starts), Micros(ends)) = (row.get(first)?, row.get(first + 1)?);
    let reason = GapReason::parse(row.get_ref(first + 2)?.as_str()?);
    Ok(Gap {
        window: Window::new(starts, ends).ok_or_else(|| unreadable(first + 1))?,
        reason: reason.ok_or_else(|| unreadable(first + 2))?,
        error: String::new(),
    })
}

fn unreadable(column: usize) -> rusqlite::Error {
    let value = rusqlite::types::Type::Null;
    rusqlite::Error::FromSqlConversionFailure(column, value, Box::new(FromSqlError::InvalidType))
}

fn write_stream(connection: &Connection, repo: RepoId, view: &StreamView) -> Result<(), Fault> {
    let fingerprint = view
        .fingerprint
        .as_ref()
        .map(serde_json::to_string)
        .transpose()?;
    let sql = "UPDATE streams SET fingerprint = ?3, fetched_at = ?4, open = ?5, unavailable = ?6, started_at = ?7,
        attempts = ?8, attempt_error = ?9, next_attempt = ?10, stuck = ?11
        WHERE repo = ?1 AND stream = ?2";
    connection.prepare_cached(sql)?.execute((
        Number(repo.0),
        Word(view.stream),
        fingerprint,
        view.fetched_at.map(Micros),
        view.open.map(Number),
        view.unavailable.as_deref(),
        Micros(view.coverage.start()),
        view.backfill.attempts,
        &view.backfill.error,
        view.backfill.next_attempt.map(Micros),
        view.backfill.stuck,
    ))?;
    Ok(())
}

/// A row of coverage under its start.
type Spans<'coverage> = BTreeMap<Timestamp, (Timestamp, Option<GapReason>, &'coverage str)>;

fn rows_of(coverage: &Coverage) -> Spans<'_> {
    let covered = coverage
        .covered()
        .iter()
        .map(|window| (window.start(), (window.end(), None, "")));
    let gaps = coverage.gaps().iter();
    let gaps = gaps.map(|gap| {
        (
            gap.window.start(),
            (gap.window.end(), Some(gap.reason), gap.error.as_str()),
        )
    });
    covered.chain(gaps).collect()
}

fn write_spans(
    connection: &Connection,
    repo: RepoId,
    stream: Stream,
    before: &Coverage,
    after: &Coverage,
) -> Result<(), Fault> {
    let (before, after) = (rows_of(before), rows_of(after));
    let sql = "DELETE FROM coverage WHERE repo = ?1 AND stream = ?2 AND starts_at = ?3";
    for start in before.keys().filter(|start| !after.contains_key(start)) {
        connection
            .prepare_cached(sql)?
            .execute((Number(repo.0), Word(stream), Micros(*start)))?;
    }
    let sql = "INSERT INTO coverage (repo, stream, starts_at, ends_at, reason, error) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
        ON CONFLICT DO UPDATE SET ends_at = excluded.ends_at, reason = excluded.reason, error = excluded.error";
    for (start, span) in after
        .iter()
        .filter(|(start, span)| before.get(start) != Some(span))
    {
        let (end, reason, error) = span;
        if start.as_microsecond() == end.as_microsecond() {
            // Shorter than what a column can tell: its neighbours touch.
            continue;
        }
        let reason = reason.map(GapReason::as_str);
        let row = (
            Number(repo.0),
            Word(stream),
            Micros(*start),
            Micros(*end),
            reason,
            *error,
        );
        connection.prepare_cached(sql)?.execute(row)?;
    }
    Ok(())
}
