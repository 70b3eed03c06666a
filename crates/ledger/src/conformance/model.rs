//! A store in plain maps: what the suite is tried on, and what the aggregate's tests read. For tests of this crate alone.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::coverage::GapReason;
use crate::event::{Event, Fact, Kind, RepoId, ReviewState, Stream};
use crate::port::activity::{
    Activity, Authority, Changes, Claim, Claimed, CycleReport, DueNow, Ending, EventChange,
    KnownCommit, Miss, News, OrgView, Part, Recorded, RepoView, SeenRepo, StreamView,
};
use crate::port::state::{KeptAnswer, State};
use crate::port::{Cursor, Error, Result, Term, Token};
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
    desks: BTreeMap<(RepoId, Stream), Desk>,
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

    fn record(
        &mut self,
        by: &Authority,
        org: &str,
        repo: RepoId,
        parts: Vec<Part>,
        now: Timestamp,
    ) -> Recorded {
        let mut recorded = Recorded::default();
        let mut events = Vec::new();
        let mut retracted = Vec::new();
        for mut part in parts {
            events.append(&mut part.events);
            if !by.may_change(repo, part.stream) {
                continue;
            }
            retracted.extend(part.retracted);
            if part.proof.is_none() && part.stream != Stream::Commits {
                continue;
            }
            let Some(stream) = self.stream(org, repo, part.stream) else {
                continue;
            };
            let Some(proof) = part.proof else {
                stream.doubt();
                continue;
            };
            stream.prove(proof, now);
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
                    streams.push(kept.unwrap_or_else(|| StreamView::new(stream, start)));
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
                history: self.is_history(repo, &row.event),
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
            incarnation: "model".to_owned(),
        }
    }

    fn is_history(&self, repo: RepoId, event: &Event) -> bool {
        let stream = event.fact.stream();
        let shown = self
            .repos
            .get(&repo)
            .and_then(|(_, view)| view.stream(stream));
        shown
            .or_else(|| self.unlisted.get(&(repo, stream)))
            .is_some_and(|view| event.at < view.counted_from)
    }

    /// What only the store knows of a stream's gaps.
    fn desk(&mut self, repo: RepoId, stream: Stream) -> &mut Desk {
        self.desks.entry((repo, stream)).or_default()
    }

    /// The listed streams of the organisation's tracked repositories.
    fn tracked(&self, org: &str) -> Vec<(RepoId, StreamView)> {
        let repos = self.repos.values().map(|(_, view)| view);
        let tracked = repos.filter(|view| view.org == org && view.tracked);
        tracked
            .flat_map(|view| view.streams.iter().map(|stream| (view.id, stream.clone())))
            .collect()
    }

    /// Changes each of them, or those of one repository, and counts those for which `step` says so.
    fn each(
        &mut self,
        org: &str,
        repo: Option<RepoId>,
        step: impl Fn(&mut StreamView) -> bool,
    ) -> u64 {
        let mut counted = 0;
        for (of, mut view) in self.tracked(org) {
            let before = view.clone();
            let counts = step(&mut view);
            if repo.is_none_or(|repo| repo == of) && view != before {
                counted += u64::from(counts);
                let name = view.stream;
                *self.stream(org, of, name).unwrap() = view;
            }
        }
        counted
    }

    fn due(&self, org: &str, silent_since: Timestamp, now: Timestamp, limit: usize) -> DueNow {
        let mut due = Vec::new();
        let mut answer = DueNow::default();
        for (repo, stream) in self.tracked(org) {
            let has_gaps = stream.gaps_window(now).is_some() && stream.unavailable.is_none();
            let desk = self.desks.get(&(repo, stream.stream));
            let desk = desk.cloned().unwrap_or_default();
            if desk.is_held(now) || desk.dispatched_at.is_some_and(|at| at > silent_since) {
                answer.under_way += u64::from(has_gaps);
            } else if let Some(stream) = stream.due(repo, now) {
                let by_hand = stream.reason == GapReason::Manual;
                let order = (by_hand, desk.dispatched_at, repo, stream.stream);
                due.push((order, stream));
            }
        }
        due.sort_by_key(|(order, _)| *order);
        answer.deferred = due.len().saturating_sub(limit) as u64;
        answer.due = due.into_iter().take(limit).map(|(_, due)| due).collect();
        answer
    }

    fn claim(
        &mut self,
        org: &str,
        repo: RepoId,
        stream: Stream,
        holder: &str,
        until: Timestamp,
        now: Timestamp,
    ) -> Claimed {
        let found = self
            .tracked(org)
            .into_iter()
            .map(|(of, view)| (of, view.stream, view))
            .find(|(of, listed, _)| (*of, *listed) == (repo, stream));
        let Some((_, _, view)) = found else {
            return Claimed::Nothing;
        };
        if view.gaps_window(now).is_none() || view.unavailable.is_some() {
            return Claimed::Nothing;
        }
        let repo_view = self.repos[&repo].1.clone();
        let desk = self.desk(repo, stream);
        if let Some((_, held_until)) = desk.held.clone().filter(|_| desk.is_held(now)) {
            return Claimed::Held(held_until);
        }
        if view.backfill.stuck {
            return Claimed::Stuck;
        }
        if let Some(at) = view.backfill.next_attempt.filter(|at| *at > now) {
            return Claimed::NotYet(at);
        }
        desk.token += 1;
        desk.held = Some((holder.to_owned(), until));
        let claim = Claim {
            org: org.to_owned(),
            repo,
            stream,
            token: Token(desk.token),
        };
        Claimed::Given {
            claim,
            repo: Box::new(repo_view),
        }
    }

    fn is_theirs(&mut self, claim: &Claim) -> bool {
        let desk = self.desk(claim.repo, claim.stream);
        desk.token == claim.token.0 && desk.held.is_some()
    }
}

/// What a store keeps beside a stream.
#[derive(Default, Clone)]
struct Desk {
    dispatched_at: Option<Timestamp>,
    token: u64,
    held: Option<(String, Timestamp)>,
}

impl Desk {
    fn is_held(&self, now: Timestamp) -> bool {
        self.held.as_ref().is_some_and(|(_, until)| *until > now)
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

    /// One step of whoever may write.
    fn step_of<T>(&self, by: &Authority, step: impl FnOnce(&mut Inner) -> T) -> Result<T> {
        match by {
            Authority::Leader(term) => self.step(*term, step),
            Authority::Filler(claim) => {
                let mut inner = self.0.lock().unwrap();
                if inner.is_theirs(claim) {
                    Ok(step(&mut inner))
                } else {
                    Err(Error::Lost(claim.token))
                }
            }
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
        by: Authority,
        org: &str,
        repo: RepoId,
        parts: Vec<Part>,
        now: Timestamp,
    ) -> Result<Recorded> {
        self.step_of(&by, |inner| inner.record(&by, org, repo, parts, now))
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
                if let Some(stream) = inner.stream(org, *repo, *stream) {
                    stream.confirm(until, now);
                }
            }
        })
    }

    async fn miss(&self, term: Term, org: &str, misses: &[Miss], _now: Timestamp) -> Result<()> {
        self.step(term, |inner| {
            for miss in misses {
                if let Some(stream) = inner.stream(org, miss.repo, miss.stream) {
                    stream.miss(miss);
                }
            }
        })
    }

    async fn unavailable(
        &self,
        by: Authority,
        org: &str,
        repo: RepoId,
        stream: Stream,
        reason: String,
        _now: Timestamp,
    ) -> Result<()> {
        self.step_of(&by, |inner| {
            if by.may_change(repo, stream)
                && let Some(stream) = inner.stream(org, repo, stream)
            {
                stream.unavailable = Some(reason);
            }
        })
    }

    async fn cycle(&self, term: Term, org: &str, report: CycleReport) -> Result<()> {
        self.step(term, |inner| inner.org(org).fold(report))
    }

    async fn due(
        &self,
        org: &str,
        silent_since: Timestamp,
        now: Timestamp,
        limit: usize,
    ) -> Result<DueNow> {
        Ok(self.0.lock().unwrap().due(org, silent_since, now, limit))
    }

    async fn dispatched(
        &self,
        term: Term,
        _org: &str,
        streams: &[(RepoId, Stream)],
        now: Timestamp,
    ) -> Result<()> {
        self.step(term, |inner| {
            for (repo, stream) in streams {
                inner.desk(*repo, *stream).dispatched_at = Some(now);
            }
        })
    }

    async fn claim(
        &self,
        org: &str,
        repo: RepoId,
        stream: Stream,
        holder: &str,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Claimed> {
        let mut inner = self.0.lock().unwrap();
        Ok(inner.claim(org, repo, stream, holder, until, now))
    }

    async fn hold(&self, claim: &Claim, until: Timestamp) -> Result<bool> {
        let mut inner = self.0.lock().unwrap();
        let theirs = inner.is_theirs(claim);
        if theirs && let Some(held) = &mut inner.desk(claim.repo, claim.stream).held {
            held.1 = until;
        }
        Ok(theirs)
    }

    async fn end(&self, claim: &Claim, ending: Ending, _now: Timestamp) -> Result<bool> {
        let mut inner = self.0.lock().unwrap();
        if !inner.is_theirs(claim) {
            return Ok(false);
        }
        let desk = inner.desk(claim.repo, claim.stream);
        (desk.held, desk.dispatched_at) = (None, None);
        if let Some(stream) = inner.stream(&claim.org, claim.repo, claim.stream) {
            stream.end(ending);
        }
        Ok(true)
    }

    async fn rearm(&self, org: &str, repo: Option<RepoId>, _now: Timestamp) -> Result<u64> {
        let mut inner = self.0.lock().unwrap();
        Ok(inner.each(org, repo, StreamView::rearm))
    }

    async fn ask_history(
        &self,
        org: &str,
        repo: Option<RepoId>,
        since: Timestamp,
        _now: Timestamp,
    ) -> Result<u64> {
        let mut inner = self.0.lock().unwrap();
        Ok(inner.each(org, repo, |view| view.ask_history(since)))
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
pub(super) struct Answers(
    pub(super) usize,
    pub(super) Mutex<Vec<KeptAnswer>>,
    pub(super) Mutex<BTreeMap<String, String>>,
);

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

    async fn noted(&self, name: &str) -> Result<Option<String>> {
        Ok(self.2.lock().unwrap().get(name).cloned())
    }

    async fn note(&self, name: &str, value: &str) -> Result<()> {
        let mut notes = self.2.lock().unwrap();
        notes.insert(name.to_owned(), value.to_owned());
        Ok(())
    }
}
