//! Organisations and repositories: who belongs where, under which name, and what the last cycle came to.

use std::collections::BTreeSet;

use jiff::Timestamp;
use ledger::event::RepoId;
use ledger::port::activity::{CycleReport, OrgView, RepoView, SeenRepo};
use rusqlite::{Connection, OptionalExtension, Params};

use super::coverage;
use super::fault::Fault;
use super::rows::{Micros, Number};
use super::term::Change;

pub(super) const OF_ORG: &str = "SELECT r.id, o.name, r.name, r.created_at, r.tracked
     FROM orgs o JOIN repos r ON r.org = o.id WHERE o.name = ?1";
pub(super) const CHANGED: &str = "SELECT r.id, o.name, r.name, r.created_at, r.tracked
     FROM repos r JOIN orgs o ON o.id = r.org WHERE r.place > ?1 AND r.place <= ?2";
pub(super) const ONE: &str = "SELECT r.id, o.name, r.name, r.created_at, r.tracked
     FROM repos r JOIN orgs o ON o.id = r.org WHERE r.id = ?1";
pub(super) const TRACKED: &str = "SELECT 1 FROM repos r JOIN orgs o ON o.id = r.org
     WHERE r.id = ?1 AND o.name = ?2 AND r.tracked = 1";
pub(super) const ORGS: &str = "SELECT view FROM orgs ORDER BY name";
pub(super) const ORGS_CHANGED: &str =
    "SELECT view FROM orgs WHERE place > ?1 AND place <= ?2 ORDER BY name";

/// Takes in the full listing of an organisation.
pub(super) fn track(
    change: &mut Change<'_>,
    org: &str,
    seen: &[SeenRepo],
    start: Timestamp,
) -> Result<(), Fault> {
    let connection = change.connection;
    let org = org_row(change, org)?;
    let sql = "SELECT id FROM repos WHERE org = ?1 AND tracked = 1";
    let mut missing = connection
        .prepare_cached(sql)?
        .query_map([org], |row| Ok(row.get::<_, Number>(0)?.0))?
        .collect::<rusqlite::Result<BTreeSet<u64>>>()?;
    for repo in seen {
        missing.remove(&repo.id.0);
        let sql = "INSERT INTO repos (id, org, name, created_at, tracked, place) VALUES (?1, ?2, ?3, ?4, 1, 0)
            ON CONFLICT DO UPDATE SET org = ?2, name = ?3, created_at = ?4, tracked = 1
            WHERE (org, name, created_at, tracked) <> (?2, ?3, ?4, 1)";
        let row = (Number(repo.id.0), org, &repo.name, Micros(repo.created_at));
        let moved = connection.prepare_cached(sql)?.execute(row)? > 0;
        if coverage::list(connection, repo.id, &repo.streams, start)? || moved {
            change.touch(repo.id);
        }
    }
    for id in missing {
        connection
            .prepare_cached("UPDATE repos SET tracked = 0 WHERE id = ?1")?
            .execute([Number(id)])?;
        change.touch(RepoId(id));
    }
    Ok(())
}

/// Takes in the end of a cycle.
pub(super) fn cycle(change: &mut Change<'_>, org: &str, report: CycleReport) -> Result<(), Fault> {
    let id = org_row(change, org)?;
    let view: String = change
        .connection
        .prepare_cached("SELECT view FROM orgs WHERE id = ?1")?
        .query_row([id], |row| row.get(0))?;
    let mut view: OrgView = serde_json::from_str(&view)?;
    view.fold(report);
    let row = (id, serde_json::to_string(&view)?, change.place());
    change
        .connection
        .prepare_cached("UPDATE orgs SET view = ?2, place = ?3 WHERE id = ?1")?
        .execute(row)?;
    Ok(())
}

/// The organisation's row, made if there is none.
fn org_row(change: &mut Change<'_>, org: &str) -> Result<i64, Fault> {
    let sql = "SELECT id FROM orgs WHERE name = ?1";
    if let Some(id) = change
        .connection
        .prepare_cached(sql)?
        .query_row([org], |row| row.get(0))
        .optional()?
    {
        return Ok(id);
    }
    let sql = "INSERT INTO orgs (name, view, place) VALUES (?1, ?2, ?3)";
    let row = (
        org,
        serde_json::to_string(&OrgView::new(org))?,
        change.place(),
    );
    Ok(change.connection.prepare_cached(sql)?.insert(row)?)
}

/// Whether the organisation tracks the repository now.
pub(super) fn is_tracked(connection: &Connection, org: &str, repo: RepoId) -> Result<bool, Fault> {
    Ok(connection
        .prepare_cached(TRACKED)?
        .exists((Number(repo.0), org))?)
}

/// Whether the repository belongs to the organisation now, tracked or not.
pub(super) fn belongs(connection: &Connection, org: &str, repo: RepoId) -> Result<bool, Fault> {
    let sql = "SELECT 1 FROM repos r JOIN orgs o ON o.id = r.org WHERE r.id = ?1 AND o.name = ?2";
    Ok(connection
        .prepare_cached(sql)?
        .exists((Number(repo.0), org))?)
}

/// The repositories that a query finds, by id.
pub(super) fn views(
    connection: &Connection,
    sql: &str,
    parameters: impl Params,
) -> Result<Vec<RepoView>, Fault> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(parameters)?;
    let mut views = Vec::new();
    while let Some(row) = rows.next()? {
        let id = RepoId(row.get::<_, Number>(0)?.0);
        views.push(RepoView {
            id,
            org: row.get(1)?,
            name: row.get(2)?,
            created_at: row.get::<_, Micros>(3)?.0,
            tracked: row.get(4)?,
            streams: coverage::streams(connection, id)?,
        });
    }
    views.sort_by_key(|view| view.id);
    Ok(views)
}

/// The organisations that a query finds, by login.
pub(super) fn orgs(
    connection: &Connection,
    sql: &str,
    parameters: impl Params,
) -> Result<Vec<OrgView>, Fault> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(parameters)?;
    let mut views = Vec::new();
    while let Some(row) = rows.next()? {
        views.push(serde_json::from_str(
            row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?,
        )?);
    }
    Ok(views)
}
