//! Filling gaps: which are due, who was given which, and how that ended. What a step makes of a stream is decided by
//! `ledger`'s `StreamView`; who may write is said by the token that lies beside it here.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use jiff::Timestamp;
use ledger::coverage::{Gap, GapReason};
use ledger::event::{RepoId, Stream};
use ledger::port::Token;
use ledger::port::activity::{Backfill, Claim, Claimed, DueNow, Ending, StreamView};
use rusqlite::{Connection, OptionalExtension, Row};

use super::coverage;
use super::fault::Fault;
use super::repos;
use super::rows::{Micros, Number, Word};
use super::term::Change;

pub(super) const GAPS: &str = "SELECT g.repo, g.stream, g.starts_at, g.ends_at, g.reason, s.dispatched_at,
         s.holder IS NOT NULL AND s.held_until > ?2, s.attempts, s.next_attempt, s.stuck
     FROM orgs o CROSS JOIN repos r ON r.org = o.id
     CROSS JOIN coverage g INDEXED BY coverage_gaps ON g.repo = r.id AND g.reason IS NOT NULL
     CROSS JOIN streams s ON s.repo = g.repo AND s.stream = g.stream
     WHERE o.name = ?1 AND r.tracked = 1 AND g.starts_at < ?2 AND s.listed = 1 AND s.unavailable IS NULL";
/// The streams that wait for an attempt, and those that do not reach back to a time, if one is given.
pub(super) const WAITING: &str = "SELECT s.repo, s.stream
     FROM orgs o CROSS JOIN repos r ON r.org = o.id CROSS JOIN streams s ON s.repo = r.id
     WHERE o.name = ?1 AND r.tracked = 1 AND s.listed = 1 AND (?2 IS NULL OR r.id = ?2)
         AND (s.stuck OR s.next_attempt IS NOT NULL OR (?3 IS NOT NULL AND s.started_at > ?3))";
/// Makes history a gap of every stream that does not wait for an attempt, and that begins with no such gap yet.
pub(super) const REACH_BACK: &str =
    "INSERT INTO coverage (repo, stream, starts_at, ends_at, reason, error)
     SELECT s.repo, s.stream, ?3, s.started_at, ?4, ''
     FROM orgs o CROSS JOIN repos r ON r.org = o.id CROSS JOIN streams s ON s.repo = r.id
     WHERE o.name = ?1 AND r.tracked = 1 AND s.listed = 1 AND (?2 IS NULL OR r.id = ?2)
         AND s.started_at > ?3 AND NOT s.stuck AND s.next_attempt IS NULL
         AND NOT EXISTS (SELECT 1 FROM coverage c WHERE c.repo = s.repo AND c.stream = s.stream
             AND c.starts_at = s.started_at AND c.reason = ?4)
     RETURNING repo, stream";
pub(super) const CLAIM: &str =
    "SELECT token, holder, held_until FROM streams WHERE repo = ?1 AND stream = ?2";

/// A stream with gaps: as much of it as decides whether they can be filled now.
struct Wanted {
    backfill: Backfill,
    gaps: Vec<Gap>,
    dispatched_at: Option<Timestamp>,
    is_held: bool,
}

/// Which gaps can be filled now.
pub(super) fn due(
    connection: &Connection,
    org: &str,
    silent_since: Timestamp,
    now: Timestamp,
    limit: usize,
) -> Result<DueNow, Fault> {
    let (mut found, mut answer) = (Vec::new(), DueNow::default());
    for ((repo, stream), mut wanted) in wanted(connection, org, now)? {
        if wanted.is_held || wanted.dispatched_at.is_some_and(|at| at > silent_since) {
            answer.under_way += 1;
            continue;
        }
        wanted.gaps.sort_by_key(|gap| gap.window);
        if let Some(due) = wanted.backfill.due(repo, stream, &wanted.gaps, now) {
            let by_hand = due.reason == GapReason::Manual;
            found.push(((by_hand, wanted.dispatched_at, repo, stream), due));
        }
    }
    found.sort_by_key(|(order, _)| *order);
    answer.deferred = found.len().saturating_sub(limit) as u64;
    answer.due = found.into_iter().take(limit).map(|(_, due)| due).collect();
    Ok(answer)
}

/// The streams that have gaps before `now`, and could be read.
fn wanted(
    connection: &Connection,
    org: &str,
    now: Timestamp,
) -> Result<BTreeMap<(RepoId, Stream), Wanted>, Fault> {
    let mut statement = connection.prepare_cached(GAPS)?;
    let mut rows = statement.query((org, Micros(now)))?;
    let mut streams: BTreeMap<(RepoId, Stream), Wanted> = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let wanted = match streams.entry(key(row)?) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(read(row)?),
        };
        wanted.gaps.push(coverage::gap(row, 2)?);
    }
    Ok(streams)
}

fn read(row: &Row<'_>) -> rusqlite::Result<Wanted> {
    let time = |column| {
        let time = row.get::<_, Option<Micros>>(column)?;
        Ok::<_, rusqlite::Error>(time.map(|Micros(at)| at))
    };
    let backfill = Backfill {
        attempts: row.get(7)?,
        error: String::new(),
        next_attempt: time(8)?,
        stuck: row.get(9)?,
    };
    Ok(Wanted {
        backfill,
        gaps: Vec::new(),
        dispatched_at: time(5)?,
        is_held: row.get::<_, Option<bool>>(6)?.unwrap_or(false),
    })
}

/// Takes in that these were dispatched.
pub(super) fn dispatched(
    change: &mut Change<'_>,
    streams: &[(RepoId, Stream)],
    now: Timestamp,
) -> Result<(), Fault> {
    let sql = "UPDATE streams SET dispatched_at = ?3 WHERE repo = ?1 AND stream = ?2";
    for (repo, stream) in streams {
        change.connection.prepare_cached(sql)?.execute((
            Number(repo.0),
            Word(*stream),
            Micros(now),
        ))?;
    }
    Ok(())
}

/// Gives the gaps of a stream to somebody, if they can be given.
pub(super) fn claim(
    connection: &Connection,
    org: &str,
    (repo, stream): (RepoId, Stream),
    holder: &str,
    until: Timestamp,
    now: Timestamp,
) -> Result<Claimed, Fault> {
    let view = coverage::tracked(connection, org, repo, stream)?;
    let Some(view) =
        view.filter(|view| view.unavailable.is_none() && view.gaps_window(now).is_some())
    else {
        return Ok(Claimed::Nothing);
    };
    let held = kept(connection, repo, stream)?.and_then(|kept| kept.held_until);
    if let Some(held_until) = held.filter(|until| *until > now) {
        return Ok(Claimed::Held(held_until));
    }
    if view.backfill.stuck {
        return Ok(Claimed::Stuck);
    }
    if let Some(at) = view.backfill.next_attempt.filter(|at| *at > now) {
        return Ok(Claimed::NotYet(at));
    }
    let sql = "UPDATE streams SET token = token + 1, holder = ?3, held_until = ?4 WHERE repo = ?1 AND stream = ?2
        RETURNING token";
    let row = (Number(repo.0), Word(stream), holder, Micros(until));
    let Number(token) = connection
        .prepare_cached(sql)?
        .query_row(row, |row| row.get(0))?;
    let repo_view = repos::views(connection, repos::ONE, [Number(repo.0)])?
        .pop()
        .expect("a repository with a tracked stream is there");
    let claim = Claim {
        org: org.to_owned(),
        repo,
        stream,
        token: Token(token),
    };
    Ok(Claimed::Given {
        claim,
        repo: Box::new(repo_view),
    })
}

/// Renews a claim. Whether it is still theirs.
pub(super) fn hold(
    connection: &Connection,
    claim: &Claim,
    until: Timestamp,
) -> Result<bool, Fault> {
    let sql = "UPDATE streams SET held_until = ?4
        WHERE repo = ?1 AND stream = ?2 AND token = ?3 AND holder IS NOT NULL";
    let row = (
        Number(claim.repo.0),
        Word(claim.stream),
        Number(claim.token.0),
        Micros(until),
    );
    Ok(connection.prepare_cached(sql)?.execute(row)? > 0)
}

/// Whether the claim is still the latest, and not ended.
pub(super) fn is_theirs(connection: &Connection, claim: &Claim) -> Result<bool, Fault> {
    let kept = kept(connection, claim.repo, claim.stream)?;
    Ok(kept.is_some_and(|kept| kept.token == claim.token && kept.held_until.is_some()))
}

/// Ends a claim that is theirs.
pub(super) fn end(change: &mut Change<'_>, claim: &Claim, ending: Ending) -> Result<(), Fault> {
    let sql = "UPDATE streams SET holder = NULL, held_until = NULL, dispatched_at = NULL
        WHERE repo = ?1 AND stream = ?2";
    change
        .connection
        .prepare_cached(sql)?
        .execute((Number(claim.repo.0), Word(claim.stream)))?;
    coverage::amend(change, &claim.org, claim.repo, claim.stream, |view| {
        view.end(ending);
    })
}

/// Arms again what waits.
pub(super) fn rearm(
    change: &mut Change<'_>,
    org: &str,
    repo: Option<RepoId>,
) -> Result<u64, Fault> {
    each_waiting(change, org, repo, None, StreamView::rearm)
}

/// Takes in that history is wanted.
///
/// Somebody may want all of a large organisation's, and the node waits for its turn meanwhile: so where nothing is to be
/// decided, all streams get their gap at once.
pub(super) fn ask_history(
    change: &mut Change<'_>,
    org: &str,
    repo: Option<RepoId>,
    since: Timestamp,
) -> Result<u64, Fault> {
    let connection = change.connection;
    let of_repo = repo.map(|repo| Number(repo.0));
    let row = (org, of_repo, Micros(since), GapReason::Manual.as_str());
    let reached = connection
        .prepare_cached(REACH_BACK)?
        .query_map(row, key)?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let sql = "UPDATE streams SET started_at = ?3 WHERE repo = ?1 AND stream = ?2";
    let mut start = connection.prepare_cached(sql)?;
    for (repo, stream) in &reached {
        start.execute((Number(repo.0), Word(*stream), Micros(since)))?;
        change.touch(*repo);
    }
    let ask = |view: &mut StreamView| view.ask_history(since);
    let further = each_waiting(change, org, repo, Some(since), ask)?;
    Ok(reached.len() as u64 + further)
}

/// Changes each of [`WAITING`], and counts those for which `step` says so.
fn each_waiting(
    change: &mut Change<'_>,
    org: &str,
    repo: Option<RepoId>,
    since: Option<Timestamp>,
    mut step: impl FnMut(&mut StreamView) -> bool,
) -> Result<u64, Fault> {
    let row = (org, repo.map(|repo| Number(repo.0)), since.map(Micros));
    let streams = change
        .connection
        .prepare_cached(WAITING)?
        .query_map(row, key)?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let mut counted = 0;
    for (repo, stream) in streams {
        coverage::amend(change, org, repo, stream, |view| {
            counted += u64::from(step(view));
        })?;
    }
    Ok(counted)
}

fn key(row: &Row<'_>) -> rusqlite::Result<(RepoId, Stream)> {
    let (Number(repo), Word(stream)) = (row.get(0)?, row.get(1)?);
    Ok((RepoId(repo), stream))
}

/// What lies beside a stream of the latest claim of it.
struct Kept {
    token: Token,
    /// None where it was ended, or nobody ever claimed.
    held_until: Option<Timestamp>,
}

fn kept(connection: &Connection, repo: RepoId, stream: Stream) -> Result<Option<Kept>, Fault> {
    let read = |row: &Row<'_>| {
        let holder: Option<String> = row.get(1)?;
        let until = row.get::<_, Option<Micros>>(2)?.map(|Micros(at)| at);
        Ok(Kept {
            token: Token(row.get::<_, Number>(0)?.0),
            held_until: holder.and(until),
        })
    };
    let mut statement = connection.prepare_cached(CLAIM)?;
    Ok(statement
        .query_row((Number(repo.0), Word(stream)), read)
        .optional()?)
}
