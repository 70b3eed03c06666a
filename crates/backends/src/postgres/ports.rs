//! The port of activity, method by method; each failure says what was to be done. The other ports are where their parts are.

use async_trait::async_trait;
use jiff::Timestamp;
use ledger::event::{Event, RepoId, Stream};
use ledger::port::activity::{
    Authority, Changes, Claim, Claimed, CycleReport, DueNow, Ending, KnownCommit, Miss, OrgView,
    Part, Recorded, RepoView, SeenRepo, StreamView,
};
use ledger::port::{Activity, Cursor, Result, Term};
use ledger::window::Window;
use tokio_postgres::types::Type;

use super::cache::Sight;
use super::fault::Fault;
use super::{Postgres, events, rows};

#[async_trait]
impl Activity for Postgres {
    async fn lead(&self, holder: &str, now: Timestamp) -> Result<Term> {
        let now = now.as_microsecond();
        let term = async {
            let sql = "SELECT @.lead($1, $2)";
            let rows = self
                .ask(sql, &[(&holder, Type::TEXT), (&now, Type::INT8)])
                .await?;
            rows::number(&rows[0], 0).map(Term)
        };
        term.await
            .map_err(|fault: Fault| fault.while_it_should("begin a term"))
    }

    async fn track(
        &self,
        term: Term,
        org: &str,
        repos: &[SeenRepo],
        start: Timestamp,
        _now: Timestamp,
    ) -> Result<()> {
        let tracked = self.track_repos(term, org, repos, start).await;
        tracked.map_err(|fault| fault.while_it_should("take in a listing"))
    }

    async fn record(
        &self,
        by: Authority,
        org: &str,
        repo: RepoId,
        parts: Vec<Part>,
        now: Timestamp,
    ) -> Result<Recorded> {
        let plan = |sights: &[Sight]| events::plan(&by, org, repo, &parts, now, &sights[0]);
        let recorded = self.rewrite(Some(&by), &[repo], plan).await;
        recorded.map_err(|fault| fault.while_it_should("record events"))
    }

    async fn confirm(
        &self,
        term: Term,
        org: &str,
        unchanged: &[(RepoId, Stream)],
        until: Timestamp,
        now: Timestamp,
    ) -> Result<()> {
        let confirmed = self.confirm_streams(term, org, unchanged, until, now).await;
        confirmed.map_err(|fault| fault.while_it_should("confirm coverage"))
    }

    async fn miss(&self, term: Term, org: &str, misses: &[Miss], _now: Timestamp) -> Result<()> {
        let missed = self.miss_streams(term, org, misses).await;
        missed.map_err(|fault| fault.while_it_should("record gaps"))
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
        let lost = self.lose_stream(&by, org, (repo, stream), &reason).await;
        lost.map_err(|fault| fault.while_it_should("record what is unavailable"))
    }

    async fn cycle(&self, term: Term, org: &str, report: CycleReport) -> Result<()> {
        let folded = self.fold_cycle(term, org, report).await;
        folded.map_err(|fault| fault.while_it_should("record a cycle"))
    }

    async fn due(
        &self,
        org: &str,
        silent_since: Timestamp,
        now: Timestamp,
        limit: usize,
    ) -> Result<DueNow> {
        let due = self.due_gaps(org, silent_since, now, limit).await;
        due.map_err(|fault| fault.while_it_should("find gaps that are due"))
    }

    async fn dispatched(
        &self,
        term: Term,
        _org: &str,
        streams: &[(RepoId, Stream)],
        now: Timestamp,
    ) -> Result<()> {
        let dispatched = self.dispatch_streams(term, streams, now).await;
        dispatched.map_err(|fault| fault.while_it_should("record what was dispatched"))
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
        let claimed = self
            .claim_gaps(org, (repo, stream), holder, until, now)
            .await;
        claimed.map_err(|fault| fault.while_it_should("claim gaps"))
    }

    async fn hold(&self, claim: &Claim, until: Timestamp) -> Result<bool> {
        let held = self.hold_claim(claim, until).await;
        held.map_err(|fault| fault.while_it_should("hold a claim"))
    }

    async fn end(&self, claim: &Claim, ending: Ending, _now: Timestamp) -> Result<bool> {
        let ended = self.end_claim(claim, &ending).await;
        ended.map_err(|fault| fault.while_it_should("end a claim"))
    }

    async fn rearm(&self, org: &str, repo: Option<RepoId>, _now: Timestamp) -> Result<u64> {
        let armed = self.each_stream(org, repo, StreamView::rearm).await;
        armed.map_err(|fault| fault.while_it_should("arm gaps again"))
    }

    async fn ask_history(
        &self,
        org: &str,
        repo: Option<RepoId>,
        since: Timestamp,
        _now: Timestamp,
    ) -> Result<u64> {
        let asked = self
            .each_stream(org, repo, |view| view.ask_history(since))
            .await;
        asked.map_err(|fault| fault.while_it_should("ask for history"))
    }

    async fn repos(&self, org: &str) -> Result<Vec<RepoView>> {
        let repos = self.repos_of(org).await;
        let views = repos.map(|repos| repos.iter().map(|known| known.view.clone()).collect());
        views.map_err(|fault| fault.while_it_should("read repositories"))
    }

    async fn commits(&self, org: &str, repo: RepoId) -> Result<Vec<KnownCommit>> {
        let commits = self.commits_of(org, repo).await;
        commits.map_err(|fault| fault.while_it_should("read commits"))
    }

    async fn orgs(&self) -> Result<Vec<OrgView>> {
        let orgs = self.all_orgs().await;
        orgs.map_err(|fault| fault.while_it_should("read organisations"))
    }

    async fn changes(&self, after: Cursor, limit: usize) -> Result<Changes> {
        let changes = self.changes_after(after, limit).await;
        changes.map_err(|fault| fault.while_it_should("read changes"))
    }

    async fn events(&self, org: &str, repo: RepoId, window: Window) -> Result<Vec<Event>> {
        let events = self.events_of(org, repo, window).await;
        events.map_err(|fault| fault.while_it_should("read events"))
    }
}
