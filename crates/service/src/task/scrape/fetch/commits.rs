//! The default branch's history, from its head down to what is known.

use std::collections::HashSet;

use github::graphql::{self, COMMITS};
use ledger::coverage::GapReason;
use ledger::event::{Event, Stream};
use ledger::fingerprint::Fingerprint;
use ledger::port::activity::Part;
use serde_json::json;

use super::super::facts;
use super::super::plan::Step;
use super::super::walk::{Passed, Verdict, Walk};
use super::{Trouble, Visit};

/// So many commits are recorded at once while a long history is walked: memory stays bounded, and a crash loses little.
const AT_ONCE: usize = 2_000;

impl Visit<'_> {
    /// Walks the history. What it finds on a long way is recorded as it goes, without a proof; the rest is returned.
    pub(super) async fn commits(&self, step: Step) -> Result<Part, Trouble> {
        let live = self.live_commits().await?;
        let Some(head) = &self.repo.head else {
            let fingerprint = Fingerprint::commits(None, None, 0);
            let proof = self.proof(Stream::Commits, self.probed_at, fingerprint, None, step);
            let retracted = live.into_iter().collect();
            return Ok(Part {
                stream: Stream::Commits,
                events: Vec::new(),
                retracted,
                proof: Some(proof),
            });
        };
        let Some(oid) = &head.oid else {
            let error = format!("GitHub names no head of the branch {}", head.branch);
            return Err(Trouble::Missed(GapReason::ScrapeError, error));
        };
        // The old head says nothing of what lies in a gap below it.
        let seen = self.stream(Stream::Commits).filter(|_| step != Step::Fill);
        let before = match seen.and_then(|view| view.fingerprint.as_ref()) {
            Some(Fingerprint::Commits {
                head: Some(head),
                total,
                ..
            }) => Some((head.clone(), *total)),
            _ => None,
        };
        let mut page = self.commit_page(oid, None).await?;
        let total = page.total_count;
        let mut walk = Walk::new(self.start_of(Stream::Commits), before, live, total);
        let mut events = Vec::new();
        loop {
            let passed: Vec<Passed<'_>> = page
                .nodes
                .iter()
                .map(|commit| Passed {
                    oid: &commit.oid,
                    at: commit.committed_date,
                })
                .collect();
            let wanted = page
                .nodes
                .iter()
                .zip(&passed)
                .filter(|(_, passed)| walk.wants(passed));
            events.extend(wanted.map(|(commit, _)| facts::commit(commit)));
            let verdict = walk.page(&passed, page.next().is_none());
            if page.unreadable > 0 {
                self.keep(events).await?;
                let error = format!("{} commits could not be read", page.unreadable);
                return Err(Trouble::Missed(GapReason::Partial, error));
            }
            match verdict {
                Verdict::Further => {}
                Verdict::Done { retracted } => {
                    let branch = Some(head.branch.clone());
                    let fingerprint = Fingerprint::commits(branch, Some(oid.clone()), total);
                    let proof =
                        self.proof(Stream::Commits, self.probed_at, fingerprint, None, step);
                    return Ok(Part {
                        stream: Stream::Commits,
                        events,
                        retracted,
                        proof: Some(proof),
                    });
                }
                Verdict::Short { seen, total } => {
                    self.keep(events).await?;
                    let error = format!("GitHub counts {total} commits and listed {seen}");
                    return Err(Trouble::Missed(GapReason::Partial, error));
                }
            }
            if events.len() >= AT_ONCE {
                self.keep(std::mem::take(&mut events)).await?;
            }
            page = self.commit_page(oid, page.next()).await?;
        }
    }

    /// One page, pinned to the head's id, so that a push in between moves nothing.
    async fn commit_page(
        &self,
        head: &str,
        after: Option<&str>,
    ) -> Result<graphql::Connection<graphql::Commit>, Trouble> {
        let variables = json!({ "owner": self.scrape.org, "name": self.repo.name, "head": head, "after": after });
        let answer = self
            .ask::<graphql::Commits>(COMMITS, &variables, "commits")
            .await?;
        let repository = answer.data.repository.ok_or_else(|| self.not_there())?;
        self.same_repo(repository.database_id)?;
        let history = repository.object.and_then(|object| object.history);
        history.ok_or_else(|| {
            let error = format!("the head {head} of the default branch is gone");
            Trouble::Missed(GapReason::ScrapeError, error)
        })
    }

    async fn live_commits(&self) -> Result<HashSet<String>, Trouble> {
        if self.stream(Stream::Commits).is_none() {
            return Ok(HashSet::new());
        }
        let known = self
            .scrape
            .store
            .commits(&self.scrape.org, self.repo.id)
            .await?;
        Ok(known
            .into_iter()
            .filter(|commit| !commit.retracted)
            .map(|commit| commit.oid)
            .collect())
    }

    /// Records facts that no proof vouches for yet.
    async fn keep(&self, events: Vec<Event>) -> Result<(), Trouble> {
        let part = Part {
            stream: Stream::Commits,
            events,
            retracted: Vec::new(),
            proof: None,
        };
        self.record(vec![part]).await?;
        Ok(())
    }
}
