//! The change feed: what happened after a place, in the order in which it happened.
//!
//! An event stands in a stream at the place of its first recording, and in a sorted set at the place of its latest change: so the
//! feed is as long as there are events, however often they change. A script makes all its places visible at once, and only one runs
//! at a time: so nothing ever appears at or before a place that a reader has seen.

use std::collections::HashMap;

use ledger::event::{Event, RepoId};
use ledger::port::Cursor;
use ledger::port::activity::{Changes, EventChange, News};

use super::Redis;
use super::fault::Fault;
use super::known::Version;
use super::packed::{self, Unpacked};
use super::reply::Reply;
use super::repos::Tries;
use super::rows::Row;
use super::script::{Answer, By, CHANGES};
use super::term::EXACT;

/// How many events one script reads at most, whatever is asked for: some tens of milliseconds of the server's time.
const EVENTS: usize = 4000;

impl Redis {
    /// What happened after a cursor.
    pub(super) async fn changes(&self, after: Cursor, limit: usize) -> Result<Changes, Fault> {
        let limit = limit.clamp(1, EVENTS);
        let after = after.0.min(EXACT.unsigned_abs());
        let mut tries = Tries::default();
        loop {
            let live = self.live().await?;
            let (incarnation, read_to) = self.parts.known.position();
            let own = vec![
                after.to_string().into(),
                limit.to_string().into(),
                read_to.to_string().into(),
            ];
            let answer = self.call_by(&live, &CHANGES, By::Anybody, &incarnation, own);
            let Answer::Done(mut reply) = answer.await? else {
                tries.once_more()?;
                continue;
            };
            let next: u64 = reply.number()?;
            let more = reply.yes()?;
            let behind = reply.yes()?;
            let orgs = orgs(reply.list()?)?;
            let entries = entries(reply)?;
            if behind {
                self.read_on().await?;
            }
            let ids: Vec<RepoId> = entries.iter().map(|entry| entry.repo).collect();
            let (still, rows) = self.parts.known.look(&ids);
            let repos = self.parts.known.changed(after, next);
            if still != incarnation {
                tries.once_more()?;
                continue;
            }
            let events = entries.into_iter().zip(&rows).map(Entry::told);
            return Ok(Changes {
                events: events.collect::<Result<_, Fault>>()?,
                repos: repos.into_iter().map(|(id, row)| row.view(id)).collect(),
                orgs,
                next: Cursor(next),
                more,
                incarnation: incarnation.to_string(),
            });
        }
    }
}

fn orgs(mut views: Reply) -> Result<Vec<ledger::port::activity::OrgView>, Fault> {
    let mut orgs: HashMap<String, ledger::port::activity::OrgView> = HashMap::new();
    while !views.is_read() {
        let view: ledger::port::activity::OrgView = serde_json::from_slice(&views.bytes()?)?;
        orgs.insert(view.org.clone(), view);
    }
    let mut orgs: Vec<_> = orgs.into_values().collect();
    orgs.sort_by(|one, other| one.org.cmp(&other.org));
    Ok(orgs)
}

/// An event of a piece, without what its repository's row says.
struct Entry {
    place: u64,
    news: News,
    repo: RepoId,
    unpacked: Unpacked,
}

fn entries(mut reply: Reply) -> Result<Vec<Entry>, Fault> {
    const WORD: Fault = Fault::Unreadable("an event that says not of what it is");
    let mut entries = Vec::new();
    while !reply.is_read() {
        let place = reply.number()?;
        let news = match reply.text()?.as_str() {
            "R" => News::Recorded,
            "A" => News::Amended,
            _ => return Err(WORD),
        };
        let key = reply.text()?;
        let (kind, repo) = key.split_once(':').ok_or(WORD)?;
        let (field, row) = (reply.bytes()?, reply.bytes()?);
        entries.push(Entry {
            place,
            news,
            repo: RepoId(repo.parse().map_err(|_error| WORD)?),
            unpacked: packed::unpack(packed::kind(kind)?, &field, &row)?,
        });
    }
    Ok(entries)
}

impl Entry {
    fn told((entry, row): (Entry, &Option<Version<Row>>)) -> Result<EventChange, Fault> {
        let row = row.as_ref().map(|row| &row.what);
        let row = row.ok_or(Fault::Unreadable(
            "an event of a repository that is not there",
        ))?;
        let event: Event = entry.unpacked.event;
        let start = row.counted_from(event.fact.stream());
        Ok(EventChange {
            seq: Cursor(entry.place),
            news: entry.news,
            org: row.org.clone(),
            repo: entry.repo,
            history: start.is_some_and(|start| event.at < start),
            event,
            first_state: entry.unpacked.first_state,
            retracted: entry.unpacked.retracted,
        })
    }
}
