//! Events in rows: each fact once. What a newer version may change is decided by `ledger`'s `Event::amend`; here that part of
//! a fact lies in a column of its own, so that the newer one can be put in its place without a look at it.

use std::collections::HashSet;

use jiff::Timestamp;
use ledger::event::{Event, Kind, RepoId, Stream};
use ledger::port::activity::{Authority, KnownCommit, Part, StreamView};
use ledger::window::Window;
use tokio_postgres::types::Type;

use super::Postgres;
use super::cache::Sight;
use super::coverage;
use super::fault::Fault;
use super::link::Parameter;
use super::rewrite::Plan;
use super::rows::{self, get};

/// What is recorded, column by column, in the order in which it enters the feed.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// The oids that are retracted.
    pub(super) gone: Vec<String>,
    pub(super) kinds: Vec<&'static str>,
    pub(super) keys: Vec<String>,
    pub(super) ats: Vec<i64>,
    pub(super) versions: Vec<i64>,
    pub(super) histories: Vec<bool>,
    pub(super) bodies: Vec<String>,
    pub(super) changes: Vec<Option<String>>,
    /// Events that are not recorded.
    pub(super) outside: u64,
}

impl Batch {
    /// Takes events in the order of their time, as far as these streams are tracked and reach back to them.
    fn bring(&mut self, events: &[&Event], streams: &[StreamView]) -> Result<(), Fault> {
        for event in events {
            let stream = event.fact.stream();
            let view = streams.iter().find(|view| view.stream == stream);
            let Some(view) = view.filter(|view| event.at >= view.coverage.start()) else {
                self.outside += 1;
                continue;
            };
            self.kinds.push(event.fact.kind().as_str());
            self.keys.push(event.id.clone());
            self.ats.push(event.at.as_microsecond());
            self.versions.push(event.version);
            self.histories.push(event.at < view.counted_from);
            self.bodies.push(rows::body(event)?);
            self.changes.push(rows::changeable(&event.fact)?);
        }
        Ok(())
    }
}

/// What a recording makes of a repository.
pub(super) fn plan(
    by: &Authority,
    org: &str,
    repo: RepoId,
    parts: &[Part],
    now: Timestamp,
    sight: &Sight,
) -> Result<Plan, Fault> {
    let known = sight.tracked_by(org);
    let streams = known.map_or(&[][..], |known| &known.view.streams);
    let may_change = |part: &&Part| by.may_change(repo, part.stream);

    let mut events: Vec<&Event> = parts.iter().flat_map(|part| &part.events).collect();
    events.sort_by_key(|event| event.at);
    let mut batch = Batch::default();
    batch.bring(&events, streams)?;
    if streams.iter().any(|view| view.stream == Stream::Commits) {
        let brought: HashSet<&str> = events
            .iter()
            .filter(|event| event.fact.kind() == Kind::Commit)
            .map(|event| event.id.as_str())
            .collect();
        let mut named = HashSet::new();
        batch.gone = parts
            .iter()
            .filter(may_change)
            .flat_map(|part| &part.retracted)
            .filter(|oid| !brought.contains(oid.as_str()) && named.insert(oid.as_str()))
            .cloned()
            .collect();
    }

    let changed = coverage::changed(sight, org, |view| {
        let stream = view.stream;
        let own = || {
            parts
                .iter()
                .filter(|part| part.stream == stream)
                .filter(may_change)
        };
        if stream == Stream::Commits && own().any(|part| part.proof.is_none()) {
            view.doubt();
        }
        for proof in own().filter_map(|part| part.proof.clone()) {
            view.prove(proof, now);
        }
    });
    Ok(Plan {
        streams: vec![changed],
        batch,
        ends: false,
    })
}

const COMMITS: &str =
    "SELECT e.id, e.at, e.retracted FROM @.events e JOIN @.repos r ON r.id = e.repo
    WHERE e.repo = $1 AND e.kind = 'commit' AND r.org = $2";
const OF_REPO: &str = "SELECT e.id, e.at, e.version, e.body, e.changed FROM @.events e JOIN @.repos r ON r.id = e.repo
    WHERE e.repo = $1 AND r.org = $2 AND e.at >= $3 AND e.at < $4 AND NOT e.retracted";

impl Postgres {
    /// Every commit of the repository, by oid.
    pub(super) async fn commits_of(
        &self,
        org: &str,
        repo: RepoId,
    ) -> Result<Vec<KnownCommit>, Fault> {
        let id = repo.0.cast_signed();
        let rows = self
            .ask(COMMITS, &[(&id, Type::INT8), (&org, Type::TEXT)])
            .await?;
        let mut commits = rows
            .iter()
            .map(|row| {
                Ok(KnownCommit {
                    oid: get(row, 0)?,
                    at: rows::time(row, 1)?,
                    retracted: get(row, 2)?,
                })
            })
            .collect::<Result<Vec<KnownCommit>, Fault>>()?;
        commits.sort_by(|one, other| one.oid.cmp(&other.oid));
        Ok(commits)
    }

    /// The live events of the repository inside a window.
    pub(super) async fn events_of(
        &self,
        org: &str,
        repo: RepoId,
        window: Window,
    ) -> Result<Vec<Event>, Fault> {
        let id = repo.0.cast_signed();
        let (start, end) = (
            window.start().as_microsecond(),
            window.end().as_microsecond(),
        );
        let parameters: &[Parameter<'_>] = &[
            (&id, Type::INT8),
            (&org, Type::TEXT),
            (&start, Type::INT8),
            (&end, Type::INT8),
        ];
        let rows = self.ask(OF_REPO, parameters).await?;
        let mut events = rows
            .iter()
            .map(|row| Ok(rows::event(row, 0)?.event))
            .collect::<Result<Vec<Event>, Fault>>()?;
        events.sort_by(|one, other| {
            (one.at, one.fact.kind(), &one.id).cmp(&(other.at, other.fact.kind(), &other.id))
        });
        Ok(events)
    }
}
