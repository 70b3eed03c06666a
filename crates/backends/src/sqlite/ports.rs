//! The ports, method by method: each is one write or one read of the store, and its failure says what was to be done.

use async_trait::async_trait;
use jiff::Timestamp;
use ledger::event::{Event, RepoId, Stream};
use ledger::port::activity::{
    Authority, Changes, Claim, Claimed, CycleReport, DueNow, Ending, KnownCommit, Miss, OrgView,
    Part, Recorded, RepoView, SeenRepo,
};
use ledger::port::state::KeptAnswer;
use ledger::port::{Activity, Cursor, Result, State, Term};
use ledger::window::Window;

use super::fault::Fault;
use super::term::{self, Change};
use super::{Sqlite, backfill, changes, coverage, events, repos, state};

impl Sqlite {
    /// One change of somebody who is entitled to it.
    async fn change<T, W>(
        &self,
        by: impl Into<Authority>,
        doing: &'static str,
        work: W,
    ) -> Result<T>
    where
        T: Send + 'static,
        W: FnOnce(&mut Change<'_>) -> std::result::Result<T, Fault> + Send + 'static,
    {
        let by = by.into();
        let answer = self.write(move |connection| {
            let mut change = Change::begin(connection, &by)?;
            let answer = work(&mut change)?;
            change.end()?;
            Ok(answer)
        });
        answer.await.map_err(|fault| fault.while_it_should(doing))
    }

    /// One change that anybody may make.
    async fn change_of_anybody<T, W>(&self, doing: &'static str, work: W) -> Result<T>
    where
        T: Send + 'static,
        W: FnOnce(&mut Change<'_>) -> std::result::Result<T, Fault> + Send + 'static,
    {
        let answer = self.write(move |connection| {
            let (_, mut change) = Change::of_anybody(connection)?;
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
        by: Authority,
        org: &str,
        repo: RepoId,
        parts: Vec<Part>,
        now: Timestamp,
    ) -> Result<Recorded> {
        let org = org.to_owned();
        self.change(by.clone(), "record events", move |change| {
            events::record(change, &by, &org, repo, parts, now)
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
        by: Authority,
        org: &str,
        repo: RepoId,
        stream: Stream,
        reason: String,
        _now: Timestamp,
    ) -> Result<()> {
        let org = org.to_owned();
        let may_change = by.may_change(repo, stream);
        let work = move |change: &mut Change<'_>| {
            if may_change {
                coverage::unavailable(change, &org, repo, stream, reason)?;
            }
            Ok(())
        };
        self.change(by, "record what is unavailable", work).await
    }

    async fn cycle(&self, term: Term, org: &str, report: CycleReport) -> Result<()> {
        let org = org.to_owned();
        self.change(term, "record a cycle", move |change| {
            repos::cycle(change, &org, report)
        })
        .await
    }

    async fn due(
        &self,
        org: &str,
        silent_since: Timestamp,
        now: Timestamp,
        limit: usize,
    ) -> Result<DueNow> {
        let org = org.to_owned();
        let due =
            self.read(move |connection| backfill::due(connection, &org, silent_since, now, limit));
        due.await
            .map_err(|fault| fault.while_it_should("find gaps that are due"))
    }

    async fn dispatched(
        &self,
        term: Term,
        _org: &str,
        streams: &[(RepoId, Stream)],
        now: Timestamp,
    ) -> Result<()> {
        let streams = streams.to_vec();
        self.change(term, "record what was dispatched", move |change| {
            backfill::dispatched(change, &streams, now)
        })
        .await
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
        let (org, holder) = (org.to_owned(), holder.to_owned());
        let claimed = self.write(move |connection| {
            backfill::claim(connection, &org, (repo, stream), &holder, until, now)
        });
        claimed
            .await
            .map_err(|fault| fault.while_it_should("claim gaps"))
    }

    async fn hold(&self, claim: &Claim, until: Timestamp) -> Result<bool> {
        let claim = claim.clone();
        let held = self.write(move |connection| backfill::hold(connection, &claim, until));
        held.await
            .map_err(|fault| fault.while_it_should("hold a claim"))
    }

    async fn end(&self, claim: &Claim, ending: Ending, _now: Timestamp) -> Result<bool> {
        let claim = claim.clone();
        let ended = self
            .change(
                Authority::Filler(claim.clone()),
                "end a claim",
                move |change| backfill::end(change, &claim, ending),
            )
            .await;
        match ended {
            Ok(()) => Ok(true),
            Err(error) if error.is_lost() => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn rearm(&self, org: &str, repo: Option<RepoId>, _now: Timestamp) -> Result<u64> {
        let org = org.to_owned();
        self.change_of_anybody("arm gaps again", move |change| {
            backfill::rearm(change, &org, repo)
        })
        .await
    }

    async fn ask_history(
        &self,
        org: &str,
        repo: Option<RepoId>,
        since: Timestamp,
        _now: Timestamp,
    ) -> Result<u64> {
        let org = org.to_owned();
        self.change_of_anybody("ask for history", move |change| {
            backfill::ask_history(change, &org, repo, since)
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

    async fn noted(&self, name: &str) -> Result<Option<String>> {
        let name = name.to_owned();
        let noted = self.read(move |connection| state::noted(connection, &name));
        noted
            .await
            .map_err(|fault| fault.while_it_should("read a note"))
    }

    async fn note(&self, name: &str, value: &str) -> Result<()> {
        let (name, value) = (name.to_owned(), value.to_owned());
        let noted = self.write(move |connection| state::note(connection, &name, &value));
        noted
            .await
            .map_err(|fault| fault.while_it_should("keep a note"))
    }
}
