//! The change feed: what happened after a place, in the order in which it was committed.
//!
//! An event stands in it at the place of its first recording, and again at the place of its latest change. A commit makes all
//! its places visible at once, and a change waits for the one before it (`enter`): so nothing ever appears at or before a
//! place that a reader has seen. A piece is one statement, and so one look at one state.

use ledger::event::RepoId;
use ledger::port::Cursor;
use ledger::port::activity::{Changes, EventChange, News};
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::Postgres;
use super::fault::Fault;
use super::rows::{self, at_length, get};

/// One more event is read than was asked for, to know whether there is more. The last row says up to where.
const CHANGES: &str = "WITH page AS MATERIALIZED (
        SELECT * FROM (
            (SELECT e.place AS seq, false AS is_amended, e.* FROM @.events e WHERE e.place > $1 ORDER BY e.place LIMIT $2 + 1)
            UNION ALL
            (SELECT e.amended, true, e.* FROM @.events e WHERE e.amended > $1 ORDER BY e.amended LIMIT $2 + 1)
        ) AS both_kinds ORDER BY seq LIMIT $2 + 1
    ), edge AS MATERIALIZED (
        SELECT (SELECT count(*) FROM page) > $2 AS is_more, s.incarnation,
            CASE WHEN (SELECT count(*) FROM page) > $2 THEN (SELECT seq FROM page ORDER BY seq OFFSET $2 - 1 LIMIT 1)
                ELSE greatest(s.place, $1) END AS next
        FROM @.store s
    )
    SELECT 'event' AS what, p.repo, p.seq, r.org, NULL AS name, NULL::bigint AS created_at, p.is_amended, NULL AS view, NULL AS ends,
        p.id, p.at, p.version, p.body, p.changed, p.retracted, p.history
    FROM page p JOIN @.repos r ON r.id = p.repo
    UNION ALL
    SELECT 'repo', r.id, r.place, r.org, r.name, r.created_at, r.tracked, v.streams, r.ends,
        NULL, NULL, NULL, NULL, NULL, NULL, NULL
    FROM edge, @.repos r JOIN @.views v ON v.repo = r.id WHERE r.place > $1 AND r.place <= edge.next
    UNION ALL
    SELECT 'org', 0, o.place, o.name, NULL, NULL, NULL, o.view, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
    FROM edge, @.orgs o WHERE o.place > $1 AND o.place <= edge.next
    UNION ALL
    SELECT 'edge', 0, edge.next, edge.incarnation, NULL, NULL, edge.is_more, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
    FROM edge";

impl Postgres {
    /// What happened after a cursor.
    pub(super) async fn changes_after(
        &self,
        after: Cursor,
        limit: usize,
    ) -> Result<Changes, Fault> {
        // No cursor of ours lies beyond what a column can hold.
        let place = i64::try_from(after.0).unwrap_or(i64::MAX);
        let most = i64::try_from(limit.max(1)).unwrap_or(i64::MAX - 1);
        let rows = self
            .ask(CHANGES, &[(&place, Type::INT8), (&most, Type::INT8)])
            .await?;
        at_length(rows.len(), || read(&rows, limit))
    }
}

fn read(rows: &[Row], limit: usize) -> Result<Changes, Fault> {
    let mut changes = Changes::default();
    for row in rows {
        match get(row, 0)? {
            "event" => {
                let rows::Kept { event, first_state } = rows::event(row, 9)?;
                changes.events.push(EventChange {
                    seq: Cursor(rows::number(row, 2)?),
                    news: if get(row, 6)? {
                        News::Amended
                    } else {
                        News::Recorded
                    },
                    org: get(row, 3)?,
                    repo: RepoId(rows::number(row, 1)?),
                    event,
                    first_state,
                    retracted: get(row, 14)?,
                    history: get(row, 15)?,
                });
            }
            "repo" => changes
                .repos
                .extend(rows::repo(row, 1)?.1.map(|known| known.view)),
            "org" => changes.orgs.push(serde_json::from_str(get(row, 7)?)?),
            _ => {
                changes.next = Cursor(rows::number(row, 2)?);
                changes.incarnation = get(row, 3)?;
                changes.more = get(row, 6)?;
            }
        }
    }
    changes.events.sort_by_key(|entry| entry.seq);
    changes.events.truncate(limit.max(1));
    changes.repos.sort_by_key(|view| view.id);
    changes.orgs.sort_by(|one, other| one.org.cmp(&other.org));
    Ok(changes)
}
