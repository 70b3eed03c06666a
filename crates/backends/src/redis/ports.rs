//! The port of activity, method by method: its failure says what was to be done.

use async_trait::async_trait;
use jiff::Timestamp;
use ledger::event::{Event, RepoId, Stream};
use ledger::port::activity::{
    Authority, Changes, Claim, Claimed, CycleReport, DueNow, Ending, KnownCommit, Miss, OrgView,
    Part, Recorded, RepoView, SeenRepo, StreamView,
};
use ledger::port::{Activity, Cursor, Result, Term};
use ledger::window::Window;

use super::Redis;
use super::script::By;

#[async_trait]
impl Activity for Redis {
    async fn lead(&self, holder: &str, now: Timestamp) -> Result<Term> {
        Redis::lead(self, holder, now)
            .await
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
        Redis::track(self, By::Leader(term), org, repos, start)
            .await
            .map_err(|fault| fault.while_it_should("take in a listing"))
    }

    async fn record(
        &self,
        by: Authority,
        org: &str,
        repo: RepoId,
        parts: Vec<Part>,
        now: Timestamp,
    ) -> Result<Recorded> {
        Redis::record(self, &by, org, repo, parts, now)
            .await
            .map_err(|fault| fault.while_it_should("record events"))
    }

    async fn confirm(
        &self,
        term: Term,
        org: &str,
        unchanged: &[(RepoId, Stream)],
        until: Timestamp,
        now: Timestamp,
    ) -> Result<()> {
        Redis::confirm(self, By::Leader(term), org, unchanged, until, now)
            .await
            .map_err(|fault| fault.while_it_should("confirm coverage"))
    }

    async fn miss(&self, term: Term, org: &str, misses: &[Miss], _now: Timestamp) -> Result<()> {
        Redis::miss(self, By::Leader(term), org, misses)
            .await
            .map_err(|fault| fault.while_it_should("record gaps"))
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
        Redis::unavailable(self, &by, org, repo, stream, &reason)
            .await
            .map_err(|fault| fault.while_it_should("record what is unavailable"))
    }

    async fn cycle(&self, term: Term, org: &str, report: CycleReport) -> Result<()> {
        Redis::cycle(self, By::Leader(term), org, report)
            .await
            .map_err(|fault| fault.while_it_should("record a cycle"))
    }

    async fn due(
        &self,
        org: &str,
        silent_since: Timestamp,
        now: Timestamp,
        limit: usize,
    ) -> Result<DueNow> {
        Redis::due(self, org, silent_since, now, limit)
            .await
            .map_err(|fault| fault.while_it_should("find gaps that are due"))
    }

    async fn dispatched(
        &self,
        term: Term,
        _org: &str,
        streams: &[(RepoId, Stream)],
        now: Timestamp,
    ) -> Result<()> {
        Redis::dispatched(self, By::Leader(term), streams, now)
            .await
            .map_err(|fault| fault.while_it_should("record what was dispatched"))
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
        Redis::claim(self, org, (repo, stream), holder, until, now)
            .await
            .map_err(|fault| fault.while_it_should("claim gaps"))
    }

    async fn hold(&self, claim: &Claim, until: Timestamp) -> Result<bool> {
        Redis::hold(self, claim, until)
            .await
            .map_err(|fault| fault.while_it_should("hold a claim"))
    }

    async fn end(&self, claim: &Claim, ending: Ending, _now: Timestamp) -> Result<bool> {
        self.end_claim(claim, ending)
            .await
            .map_err(|fault| fault.while_it_should("end a claim"))
    }

    async fn rearm(&self, org: &str, repo: Option<RepoId>, _now: Timestamp) -> Result<u64> {
        self.each(org, repo, StreamView::rearm)
            .await
            .map_err(|fault| fault.while_it_should("arm gaps again"))
    }

    async fn ask_history(
        &self,
        org: &str,
        repo: Option<RepoId>,
        since: Timestamp,
        _now: Timestamp,
    ) -> Result<u64> {
        self.each(org, repo, |view| view.ask_history(since))
            .await
            .map_err(|fault| fault.while_it_should("ask for history"))
    }

    async fn repos(&self, org: &str) -> Result<Vec<RepoView>> {
        Redis::repos(self, org)
            .await
            .map_err(|fault| fault.while_it_should("read repositories"))
    }

    async fn commits(&self, org: &str, repo: RepoId) -> Result<Vec<KnownCommit>> {
        Redis::commits(self, org, repo)
            .await
            .map_err(|fault| fault.while_it_should("read commits"))
    }

    async fn orgs(&self) -> Result<Vec<OrgView>> {
        Redis::orgs(self)
            .await
            .map_err(|fault| fault.while_it_should("read organisations"))
    }

    async fn changes(&self, after: Cursor, limit: usize) -> Result<Changes> {
        Redis::changes(self, after, limit)
            .await
            .map_err(|fault| fault.while_it_should("read changes"))
    }

    async fn events(&self, org: &str, repo: RepoId, window: Window) -> Result<Vec<Event>> {
        Redis::events(self, org, repo, window)
            .await
            .map_err(|fault| fault.while_it_should("read events"))
    }
}
