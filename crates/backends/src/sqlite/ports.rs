//! The ports, method by method: each is one write or one read of the store, and its failure says what was to be done.

use async_trait::async_trait;
use jiff::Timestamp;
use ledger::event::{Event, RepoId, Stream};
use ledger::port::activity::{
    Changes, CycleReport, KnownCommit, Miss, OrgView, Part, Recorded, RepoView, SeenRepo,
};
use ledger::port::state::KeptAnswer;
use ledger::port::{Activity, Cursor, Result, State, Term};
use ledger::window::Window;

use super::fault::Fault;
use super::term::{self, Change};
use super::{Sqlite, changes, coverage, events, repos, state};

impl Sqlite {
    /// One change of the leader of this term.
    async fn change<T, W>(&self, term: Term, doing: &'static str, work: W) -> Result<T>
    where
        T: Send + 'static,
        W: FnOnce(&mut Change<'_>) -> std::result::Result<T, Fault> + Send + 'static,
    {
        let answer = self.write(move |connection| {
            let mut change = Change::begin(connection, term)?;
            let answer = work(&mut change)?;
            change.end()?;
            Ok(answer)
        });
        answer.await.map_err(|fault| fault.while_it_should(doing))
    }
}

#[async_trait]
impl Activity for Sqlite {
    async fn lead(&self, holder: &str, now: Timestamp) -> Result<Term> {
        let holder = holder.to_owned();
        let term = self.write(move |connection| term::lead(connection, &holder, now));
        term.await
            .map_err(|fault| fault.while_it_should("begin a term"))
    }

    async fn track(
        &self,
        term: Term,
        org: &str,
        repos: &[SeenRepo],
        start: Timestamp,
        _now: Timestamp,
    ) -> Result<()> {
        let (org, repos) = (org.to_owned(), repos.to_vec());
        self.change(term, "take in a listing", move |change| {
            repos::track(change, &org, &repos, start)
        })
        .await
    }

    async fn record(
        &self,
        term: Term,
        org: &str,
        repo: RepoId,
        parts: Vec<Part>,
        now: Timestamp,
    ) -> Result<Recorded> {
        let org = org.to_owned();
        self.change(term, "record events", move |change| {
            events::record(change, &org, repo, parts, now)
        })
        .await
    }

    async fn confirm(
        &self,
        term: Term,
        org: &str,
        unchanged: &[(RepoId, Stream)],
        until: Timestamp,
        now: Timestamp,
    ) -> Result<()> {
        let (org, unchanged) = (org.to_owned(), unchanged.to_vec());
        let work =
            move |change: &mut Change<'_>| coverage::confirm(change, &org, &unchanged, until, now);
        self.change(term, "confirm coverage", work).await
    }

    async fn miss(&self, term: Term, org: &str, misses: &[Miss], _now: Timestamp) -> Result<()> {
        let (org, misses) = (org.to_owned(), misses.to_vec());
        self.change(term, "record gaps", move |change| {
            coverage::miss(change, &org, &misses)
        })
        .await
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
        let org = org.to_owned();
        let work = move |change: &mut Change<'_>| {
            coverage::unavailable(change, &org, repo, stream, reason)
        };
        self.change(term, "record what is unavailable", work).await
    }

    async fn cycle(&self, term: Term, org: &str, report: CycleReport) -> Result<()> {
        let org = org.to_owned();
        self.change(term, "record a cycle", move |change| {
            repos::cycle(change, &org, report)
        })
        .await
    }

    async fn repos(&self, org: &str) -> Result<Vec<RepoView>> {
        let org = org.to_owned();
        let views = self.read(move |connection| repos::views(connection, repos::OF_ORG, [org]));
        views
            .await
            .map_err(|fault| fault.while_it_should("read repositories"))
    }

    async fn commits(&self, org: &str, repo: RepoId) -> Result<Vec<KnownCommit>> {
        let org = org.to_owned();
        let commits = self.read(move |connection| {
            if !repos::belongs(connection, &org, repo)? {
                return Ok(Vec::new());
            }
            events::commits(connection, repo)
        });
        commits
            .await
            .map_err(|fault| fault.while_it_should("read commits"))
    }

    async fn orgs(&self) -> Result<Vec<OrgView>> {
        let views = self.read(|connection| repos::orgs(connection, repos::ORGS, []));
        views
            .await
            .map_err(|fault| fault.while_it_should("read organisations"))
    }

    async fn changes(&self, after: Cursor, limit: usize) -> Result<Changes> {
        let changes = self.read(move |connection| changes::changes(connection, after, limit));
        changes
            .await
            .map_err(|fault| fault.while_it_should("read changes"))
    }

    async fn events(&self, org: &str, repo: RepoId, window: Window) -> Result<Vec<Event>> {
        let org = org.to_owned();
        let events = self.read(move |connection| {
            if !repos::belongs(connection, &org, repo)? {
                return Ok(Vec::new());
            }
            events::events(connection, repo, window)
        });
        events
            .await
            .map_err(|fault| fault.while_it_should("read events"))
    }
}

#[async_trait]
impl State for Sqlite {
    async fn answer(&self, credential: &str, url: &str) -> Result<Option<KeptAnswer>> {
        let (credential, url) = (credential.to_owned(), url.to_owned());
        let answer = self.read(move |connection| state::answer(connection, &credential, &url));
        answer
            .await
            .map_err(|fault| fault.while_it_should("read a kept answer"))
    }

    async fn keep_answer(&self, mut answer: KeptAnswer, now: Timestamp) -> Result<()> {
        let packed = state::pack(std::mem::take(&mut answer.body)).await;
        let kept = match packed {
            Ok(packed) => {
                let bound = self.parts.bound;
                self.write(move |connection| state::keep(connection, &answer, &packed, now, bound))
                    .await
            }
            Err(fault) => Err(fault),
        };
        kept.map_err(|fault| fault.while_it_should("keep an answer"))
    }
}
