//! A store in plain maps: what the suite is tried on, and what the aggregate's tests read. For tests of this crate alone.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::coverage::Coverage;
use crate::event::{Event, Fact, Kind, RepoId, ReviewState, Stream};
use crate::port::activity::{
    Activity, Changes, CycleReport, EventChange, KnownCommit, Miss, News, OrgView, Part, Recorded,
    RepoView, SeenRepo, StreamView, claimable,
};
use crate::port::state::{KeptAnswer, State};
use crate::port::{Cursor, Error, Result, Term};
use crate::window::Window;

#[derive(Default)]
pub(crate) struct Model(Mutex<Inner>);

#[derive(Default, Clone)]
struct Inner {
    term: u64,
    seq: u64,
    orgs: BTreeMap<String, (u64, OrgView)>,
    repos: BTreeMap<RepoId, (u64, RepoView)>,
    /// Streams that the last listing did not name.
    unlisted: BTreeMap<(RepoId, Stream), StreamView>,
    events: BTreeMap<(RepoId, Kind, String), Row>,
}

#[derive(Clone)]
struct Row {
    event: Event,
    recorded: u64,
    amended: Option<u64>,
    first_state: Option<ReviewState>,
    retracted: bool,
}

impl Inner {
    fn next(&mut self) -> u64 {
        self.seq += 1;
        self.seq
    }

    fn org(&mut self, org: &str) -> &mut OrgView {
        let seq = self.next();
        let entry = self
            .orgs
            .entry(org.to_owned())
            .or_insert_with(|| (seq, OrgView::new(org)));
        entry.0 = seq;
        &mut entry.1
    }

    /// A tracked stream of a repository of this organisation, about to change.
    fn stream(&mut self, org: &str, repo: RepoId, stream: Stream) -> Option<&mut StreamView> {
        let seq = self.next();
        let (place, view) = self.repos.get_mut(&repo)?;
        if view.org != org || !view.tracked {
            return None;
        }
        let stream = view.streams.iter_mut().find(|view| view.stream == stream)?;
        *place = seq;
        Some(stream)
    }

    fn record(&mut self, org: &str, repo: RepoId, parts: Vec<Part>, now: Timestamp) -> Recorded {
        let mut recorded = Recorded::default();
        let mut events = Vec::new();
        let mut retracted = Vec::new();
        for part in parts {
            events.extend(part.events);
            retracted.extend(part.retracted);
            if part.proof.is_none() && part.stream != Stream::Commits {
                continue;
            }
            let Some(stream) = self.stream(org, repo, part.stream) else {
                continue;
            };
            let Some(proof) = part.proof else {
                stream.fingerprint = None;
                continue;
            };
            if let Some(window) = claimable(proof.window, now) {
                stream.coverage.cover(window);
            }
            stream.fingerprint = Some(proof.fingerprint);
            if proof.deep || stream.fetched_at.is_none() {
                stream.fetched_at = Some(now);
            }
            stream.open = proof.open.or(stream.open);
            stream.unavailable = None;
        }
        events.sort_by_key(|event| event.at);
        for oid in retracted {
            let seq = self.next();
            let back = events.iter().any(|event| event.id == oid);
            if let Some(row) = self.events.get_mut(&(repo, Kind::Commit, oid))
                && !row.retracted
                && !back
            {
                row.retracted = true;
                row.amended = Some(seq);
                recorded.retracted += 1;
            }
        }
        for event in events {
            let start = self
                .stream(org, repo, event.fact.stream())
                .map(|stream| stream.coverage.start());
            if start.is_none_or(|start| event.at < start) {
                recorded.outside += 1;
                continue;
            }
            let seq = self.next();
            let first_state = match event.fact {
                Fact::Review { state, .. } => Some(state),
                _ => None,
            };
            match self
                .events
                .get_mut(&(repo, event.fact.kind(), event.id.clone()))
            {
                Some(row) => {
                    if row.event.amend(&event) | std::mem::take(&mut row.retracted) {
                        row.amended = Some(seq);
                        recorded.updated += 1;
                    }
                }
                None => {
                    recorded.inserted += 1;
                    let key = (repo, event.fact.kind(), event.id.clone());
                    let row = Row {
                        event,
                        recorded: seq,
                        amended: None,
                        first_state,
                        retracted: false,
                    };
                    self.events.insert(key, row);
                }
            }
        }
        recorded
    }

    fn track(&mut self, org: &str, repos: &[SeenRepo], start: Timestamp) {
        self.org(org);
        let listed: Vec<RepoId> = repos.iter().map(|repo| repo.id).collect();
        let gone: Vec<RepoId> = self
            .repos
            .values()
            .filter(|(_, view)| view.org == org && view.tracked && !listed.contains(&view.id))
            .map(|(_, view)| view.id)
            .collect();
        for repo in gone {
            let seq = self.next();
            let entry = self.repos.get_mut(&repo).unwrap();
            entry.0 = seq;
            entry.1.tracked = false;
        }
        for repo in repos {
            let mut known: BTreeMap<Stream, StreamView> = BTreeMap::new();
            let before = self.repos.get(&repo.id).map(|(_, view)| view.clone());
            for view in before.iter().flat_map(|view| view.streams.clone()) {
                known.insert(view.stream, view);
            }
            let mut streams = Vec::new();
            for stream in Stream::ALL {
                let kept = known
                    .remove(&stream)
                    .or_else(|| self.unlisted.remove(&(repo.id, stream)));
                if repo.streams.contains(&stream) {
                    streams.push(kept.unwrap_or_else(|| StreamView {
                        stream,
                        coverage: Coverage::new(start),
                        fingerprint: None,
                        fetched_at: None,
                        open: None,
                        unavailable: None,
                    }));
                } else if let Some(kept) = kept {
                    self.unlisted.insert((repo.id, stream), kept);
                }
            }
            let view = RepoView {
                org: org.to_owned(),
                id: repo.id,
                name: repo.name.clone(),
                created_at: repo.created_at,
                tracked: true,
                streams,
            };
            if before.as_ref() != Some(&view) {
                let seq = self.next();
                self.repos.insert(repo.id, (seq, view));
            }
        }
    }

    fn changes(&self, after: u64, limit: usize) -> Changes {
        let mut entries: Vec<(u64, News, RepoId, &Row)> = Vec::new();
        for ((repo, _, _), row) in &self.events {
            entries.push((row.recorded, News::Recorded, *repo, row));
            entries.extend(row.amended.map(|seq| (seq, News::Amended, *repo, row)));
        }
        entries.retain(|(seq, ..)| *seq > after);
        entries.sort_by_key(|(seq, ..)| *seq);
        let more = entries.len() > limit;
        entries.truncate(limit);
        let next = if more {
            entries.last().unwrap().0
        } else {
            self.seq.max(after)
        };
        let events = entries
            .into_iter()
            .map(|(seq, news, repo, row)| EventChange {
                seq: Cursor(seq),
                news,
                org: self.repos[&repo].1.org.clone(),
                repo,
                event: row.event.clone(),
                first_state: row.first_state,
                retracted: row.retracted,
            })
            .collect();
        let changed = |seq: u64| seq > after && seq <= next;
        Changes {
            events,
            repos: self
                .repos
                .values()
                .filter(|(seq, _)| changed(*seq))
                .map(|(_, view)| view.clone())
                .collect(),
            orgs: self
                .orgs
                .values()
                .filter(|(seq, _)| changed(*seq))
                .map(|(_, view)| view.clone())
                .collect(),
            next: Cursor(next),
            more,
        }
    }
}

impl Model {
    /// One step of the leader of that term.
    fn step<T>(&self, term: Term, step: impl FnOnce(&mut Inner) -> T) -> Result<T> {
        let mut inner = self.0.lock().unwrap();
        if term.0 != inner.term {
            Err(Error::Fenced(term))
        } else {
            Ok(step(&mut inner))
        }
    }
}

#[async_trait]
impl Activity for Model {
    async fn lead(&self, _holder: &str, _now: Timestamp) -> Result<Term> {
        let mut inner = self.0.lock().unwrap();
        inner.term += 1;
        Ok(Term(inner.term))
    }

    async fn track(
        &self,
        term: Term,
        org: &str,
        repos: &[SeenRepo],
        start: Timestamp,
        _now: Timestamp,
    ) -> Result<()> {
        self.step(term, |inner| inner.track(org, repos, start))
    }

    async fn record(
        &self,
        term: Term,
        org: &str,
        repo: RepoId,
        parts: Vec<Part>,
        now: Timestamp,
    ) -> Result<Recorded> {
        self.step(term, |inner| inner.record(org, repo, parts, now))
    }

    async fn confirm(
        &self,
        term: Term,
        org: &str,
        unchanged: &[(RepoId, Stream)],
        until: Timestamp,
        now: Timestamp,
    ) -> Result<()> {
        self.step(term, |inner| {
            for (repo, stream) in unchanged {
                if let Some(stream) = inner.stream(org, *repo, *stream)
                    && stream.fingerprint.is_some()
                {
                    stream.coverage.advance(until.min(now));
                    stream.unavailable = None;
                }
            }
        })
    }

    async fn miss(&self, term: Term, org: &str, misses: &[Miss], _now: Timestamp) -> Result<()> {
        self.step(term, |inner| {
            for miss in misses {
                if let Some(stream) = inner.stream(org, miss.repo, miss.stream) {
                    stream.coverage.miss(miss.window, miss.reason, &miss.error);
                }
            }
        })
    }

    async fn unavailable(
        &self,
        term: Term,
        org: &str,
        repo: RepoId,
        stream: Stream,
        reason: String,
        _now: Timestamp,
    ) -> Result<()> {
        self.step(term, |inner| {
            if let Some(stream) = inner.stream(org, repo, stream) {
                stream.unavailable = Some(reason);
            }
        })
    }

    async fn cycle(&self, term: Term, org: &str, report: CycleReport) -> Result<()> {
        self.step(term, |inner| inner.org(org).fold(report))
    }

    async fn repos(&self, org: &str) -> Result<Vec<RepoView>> {
        let inner = self.0.lock().unwrap();
        Ok(inner
            .repos
            .values()
            .filter(|(_, view)| view.org == org)
            .map(|(_, view)| view.clone())
            .collect())
    }

    async fn commits(&self, _org: &str, repo: RepoId) -> Result<Vec<KnownCommit>> {
        let inner = self.0.lock().unwrap();
        let rows = inner
            .events
            .iter()
            .filter(|((of, kind, _), _)| *of == repo && *kind == Kind::Commit);
        Ok(rows
            .map(|((_, _, oid), row)| KnownCommit {
                oid: oid.clone(),
                at: row.event.at,
                retracted: row.retracted,
            })
            .collect())
    }

    async fn orgs(&self) -> Result<Vec<OrgView>> {
        Ok(self
            .0
            .lock()
            .unwrap()
            .orgs
            .values()
            .map(|(_, view)| view.clone())
            .collect())
    }

    async fn changes(&self, after: Cursor, limit: usize) -> Result<Changes> {
        Ok(self.0.lock().unwrap().changes(after.0, limit))
    }

    async fn events(&self, _org: &str, repo: RepoId, window: Window) -> Result<Vec<Event>> {
        let inner = self.0.lock().unwrap();
        let rows = inner
            .events
            .iter()
            .filter(|((of, ..), row)| *of == repo && !row.retracted);
        let mut events: Vec<Event> = rows
            .map(|(_, row)| row.event.clone())
            .filter(|event| window.contains(event.at))
            .collect();
        events.sort_by(|one, other| {
            (one.at, one.fact.kind(), &one.id).cmp(&(other.at, other.fact.kind(), &other.id))
        });
        Ok(events)
    }
}

/// Kept answers in a list, the oldest first.
pub(super) struct Answers(pub(super) usize, pub(super) Mutex<Vec<KeptAnswer>>);

#[async_trait]
impl State for Answers {
    async fn answer(&self, credential: &str, url: &str) -> Result<Option<KeptAnswer>> {
        let answers = self.1.lock().unwrap();
        Ok(answers
            .iter()
            .find(|kept| kept.credential == credential && kept.url == url)
            .cloned())
    }

    async fn keep_answer(&self, answer: KeptAnswer, _now: Timestamp) -> Result<()> {
        let mut answers = self.1.lock().unwrap();
        answers.retain(|kept| (&kept.credential, &kept.url) != (&answer.credential, &answer.url));
        answers.push(answer);
        let over = answers.len().saturating_sub(self.0);
        answers.drain(..over);
        Ok(())
    }
}
