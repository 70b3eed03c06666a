//! Events: each fact once. Which may be written is decided here, from the row that the script holds the step to; which are new
//! is found by the script, since only the store knows.

use std::collections::{BTreeMap, HashSet};

use jiff::Timestamp;
use ledger::event::{Event, Kind, RepoId, Stream};
use ledger::port::activity::{Authority, KnownCommit, Part, Proof, Recorded};
use ledger::window::Window;
use redis::{FromRedisValue, Value};

use super::Redis;
use super::fault::Fault;
use super::packed::{self, Unpacked};
use super::repos::{Claims, Tries};
use super::rows::Row;

/// How many events one script writes at most: some tens of milliseconds of the server's time.
const EVENTS: usize = 4000;

/// How many events are read at a time. A small hash comes whole whatever is asked for.
const READ: usize = 4000;

const OF_ANOTHER_KIND: Fault = Fault::Unreadable("an answer of another kind");

/// What was fetched of one repository, in the order in which it is written.
struct Fetched {
    items: Vec<Item>,
    doubted: bool,
    proofs: Vec<(Stream, Proof)>,
}

enum Item {
    Retracted(String),
    Brought(Event),
}

impl Item {
    fn is_of_commits(&self) -> bool {
        match self {
            Item::Retracted(_) => true,
            Item::Brought(event) => event.fact.stream() == Stream::Commits,
        }
    }
}

impl Fetched {
    fn new(by: &Authority, repo: RepoId, parts: Vec<Part>) -> Fetched {
        let (mut events, mut retracted, mut proofs) = (Vec::new(), Vec::new(), Vec::new());
        let mut doubted = false;
        for part in parts {
            events.extend(part.events);
            if !by.may_change(repo, part.stream) {
                continue;
            }
            doubted |= part.stream == Stream::Commits && part.proof.is_none();
            retracted.extend(part.retracted);
            proofs.extend(part.proof.map(|proof| (part.stream, proof)));
        }
        events.sort_by_key(|event| event.at);
        let brought: HashSet<&str> = events
            .iter()
            .filter(|event| event.fact.kind() == Kind::Commit)
            .map(|event| event.id.as_str())
            .collect();
        retracted.retain(|oid| !brought.contains(oid.as_str()));
        let items = retracted.into_iter().map(Item::Retracted);
        let items = items.chain(events.into_iter().map(Item::Brought)).collect();
        Fetched {
            items,
            doubted,
            proofs,
        }
    }
}

/// The script's words for what may be written of these, and how many may not.
fn words(items: &[Item], row: Option<&Row>, org: &str) -> (Vec<Vec<u8>>, u64) {
    let start = |stream| Some(row?.writable_stream(org, stream)?.coverage.start());
    let mut words = Vec::with_capacity(3 * items.len());
    let mut outside = 0;
    for item in items {
        match item {
            Item::Retracted(oid) => {
                if start(Stream::Commits).is_some() {
                    let kind = packed::code(Kind::Commit).to_string();
                    words.extend([kind.into(), packed::field(oid), Vec::new()]);
                }
            }
            Item::Brought(event) => match start(event.fact.stream()) {
                Some(start) if event.at >= start => {
                    let kind = packed::code(event.fact.kind()).to_string();
                    words.extend([kind.into(), packed::field(&event.id), packed::pack(event)]);
                }
                _ => outside += 1,
            },
        }
    }
    (words, outside)
}

impl Redis {
    /// Takes in what was fetched of one repository.
    ///
    /// More than a few thousand events are written in several scripts, what they prove with the last. So a crash in between
    /// leaves events that nothing vouches for: they are known when they are fetched again, and for commits the fingerprint is
    /// gone until then, as after any walk that was cut off.
    pub(super) async fn record(
        &self,
        by: &Authority,
        org: &str,
        repo: RepoId,
        parts: Vec<Part>,
        now: Timestamp,
    ) -> Result<Recorded, Fault> {
        let Fetched {
            items,
            doubted,
            proofs,
        } = Fetched::new(by, repo, parts);
        let may_doubt = by.may_change(repo, Stream::Commits);
        let mut done = Recorded::default();
        let mut rest = items.as_slice();
        let mut tries = Tries::default();
        loop {
            let (some, more) = rest.split_at(rest.len().min(EVENTS));
            let (incarnation, known) = self.parts.known.look(&[repo]);
            let known = known.into_iter().next().flatten();
            let row = known.as_ref().map(|known| &*known.what);
            let (words, outside) = words(some, row, org);
            let mut new = row.cloned();
            let mut change = |stream, change: &dyn Fn(&mut _)| {
                if let Some(view) = new
                    .as_mut()
                    .and_then(|row| row.stream_to_write(org, stream))
                {
                    change(view);
                }
            };
            let is_last = more.is_empty();
            let in_part = !is_last && may_doubt && some.iter().any(Item::is_of_commits);
            if in_part || (is_last && doubted) {
                change(Stream::Commits, &ledger::port::activity::StreamView::doubt);
            }
            if is_last {
                for (stream, proof) in &proofs {
                    change(*stream, &|view| view.prove(proof.clone(), now));
                }
            }
            let known = (&incarnation, known.as_ref());
            let step = self.step_on(by.into(), repo, known, new, Claims::Stay, words);
            let Some([inserted, updated, retracted]) = step.await? else {
                tries.once_more()?;
                continue;
            };
            done.inserted += inserted;
            done.updated += updated;
            done.retracted += retracted;
            done.outside += outside;
            if is_last {
                return Ok(done);
            }
            rest = more;
        }
    }

    /// Every commit of the repository, by oid.
    pub(super) async fn commits(&self, org: &str, repo: RepoId) -> Result<Vec<KnownCommit>, Fault> {
        let found = self.read_events(org, repo, &[Kind::Commit]).await?;
        let commits = found.into_values().map(|unpacked| KnownCommit {
            oid: unpacked.event.id,
            at: unpacked.event.at,
            retracted: unpacked.retracted,
        });
        let mut commits: Vec<KnownCommit> = commits.collect();
        commits.sort_by(|one, other| one.oid.cmp(&other.oid));
        Ok(commits)
    }

    /// The live events of the repository inside a window.
    pub(super) async fn events(
        &self,
        org: &str,
        repo: RepoId,
        window: Window,
    ) -> Result<Vec<Event>, Fault> {
        let found = self.read_events(org, repo, &Kind::ALL).await?;
        let mut events: Vec<Event> = found
            .into_values()
            .filter(|unpacked| !unpacked.retracted && window.contains(unpacked.event.at))
            .map(|unpacked| unpacked.event)
            .collect();
        events.sort_by(|one, other| {
            (one.at, one.fact.kind(), &one.id).cmp(&(other.at, other.fact.kind(), &other.id))
        });
        Ok(events)
    }

    /// The events of these kinds, if the repository belongs to the organisation; in pieces, so that a repository with very many
    /// keeps the server from nobody. What is written meanwhile may be among them or not; all else is.
    async fn read_events(
        &self,
        org: &str,
        repo: RepoId,
        kinds: &[Kind],
    ) -> Result<BTreeMap<(Kind, Vec<u8>), Unpacked>, Fault> {
        let live = self.live().await?;
        let keys = &self.parts.keys;
        let mut found = BTreeMap::new();
        let mut ask = redis::pipe();
        ask.hget(keys.repos(), repo.0);
        let mut reading: Vec<(Kind, u64)> = kinds.iter().map(|kind| (*kind, 0)).collect();
        let mut is_first = true;
        while !reading.is_empty() {
            for (kind, cursor) in &reading {
                ask.cmd("HSCAN")
                    .arg(keys.events(packed::code(*kind), repo.0))
                    .arg(*cursor)
                    .arg("COUNT")
                    .arg(READ);
            }
            let pipeline = std::mem::take(&mut ask);
            let send = async move |mut connection| pipeline.query_async(&mut connection).await;
            let answers: Vec<Value> = self.parts.link.send(&live, send).await?;
            let mut answers = answers.into_iter();
            if std::mem::take(&mut is_first) {
                let row = answers.next().ok_or(OF_ANOTHER_KIND)?;
                let row = Option::<Vec<u8>>::from_redis_value(row);
                let row = row.map_err(|_error| OF_ANOTHER_KIND)?;
                let row = row.map(|row| Row::decode(&row)).transpose()?;
                if row.is_none_or(|row| row.org != org) {
                    return Ok(BTreeMap::new());
                }
            }
            let mut go_on = Vec::new();
            for ((kind, _), answer) in reading.iter().zip(answers) {
                let piece = <(u64, Vec<(Vec<u8>, Vec<u8>)>)>::from_redis_value(answer);
                let (cursor, rows) = piece.map_err(|_error| OF_ANOTHER_KIND)?;
                for (field, row) in rows {
                    let unpacked = packed::unpack(*kind, &field, &row)?;
                    found.insert((*kind, field), unpacked);
                }
                if cursor != 0 {
                    go_on.push((*kind, cursor));
                }
            }
            reading = go_on;
        }
        Ok(found)
    }
}
