//! Fills the gaps of one stream of a repository: reads it back to where the first of them begins, and records that under a
//! claim. Decides what an answer means for the gap; when it is tried, and by whom, is decided elsewhere.

use github::Lane;
use ledger::event::Stream;
use ledger::port;
use ledger::port::activity::{Authority, Claim, LAG, RepoView};

use super::fetch::{Trouble, Visit, before};
use super::plan::{Probed, Step};
use super::{Scrape, Tally, chain, empty};

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Filling {
    /// All of it was read.
    Filled,
    /// It cannot be read for good, and the store knows.
    Unavailable(String),
    /// It could not be read this time.
    Failed(String),
}

impl Scrape {
    /// Reads the claimed stream of a repository as far back as its gaps go. Dropping the future cancels it; what was
    /// recorded stays and is right.
    ///
    /// # Errors
    ///
    /// Only the store's; [`port::Error::is_lost`] where the claim is over.
    pub(crate) async fn fill(&self, claim: &Claim, view: &RepoView) -> port::Result<Filling> {
        let tally = Tally::default();
        let stream = claim.stream;
        let found = self.probe_one(Lane::Backfill, &view.name, &tally).await;
        let (repo, probed_at) = match found {
            Ok(Some(found)) if found.0.id == view.id => found,
            // Renamed, moved or deleted: the next listing of its organisation says which.
            Ok(_) => {
                return Ok(Filling::Failed(format!(
                    "{} is not there by this name",
                    view.name
                )));
            }
            Err(error) => return Ok(Filling::Failed(chain(&error))),
        };
        let visit = Visit {
            scrape: self,
            by: Authority::Filler(claim.clone()),
            lane: Lane::Backfill,
            tally: &tally,
            repo: &repo,
            view: Some(view),
            probed_at,
            // Every listed stream is known, so no start is needed.
            start: before(probed_at, LAG),
        };
        if is_empty(&repo, stream) {
            visit
                .record(vec![empty(&visit, stream, Step::Fill)])
                .await?;
            return Ok(Filling::Filled);
        }
        let outcome = visit.fetch(&[(stream, Step::Fill)]).await.pop();
        match outcome.expect("one stream was asked for").1 {
            Ok(part) => {
                let is_whole = part.proof.is_some();
                visit.record(vec![part]).await?;
                self.refused().forget((repo.id, stream));
                Ok(if is_whole {
                    Filling::Filled
                } else {
                    Filling::Failed("some of it could not be read".to_owned())
                })
            }
            Err(Trouble::Missed(_, error)) => Ok(Filling::Failed(error)),
            Err(Trouble::Refused(_, error)) => {
                let now = self.clock.now();
                let for_good =
                    self.refused()
                        .refuse((repo.id, stream), visit.is_unavailable(stream), now);
                if !for_good {
                    return Ok(Filling::Failed(error));
                }
                self.store
                    .unavailable(
                        visit.by.clone(),
                        &self.org,
                        repo.id,
                        stream,
                        error.clone(),
                        now,
                    )
                    .await?;
                Ok(Filling::Unavailable(error))
            }
            Err(Trouble::Store(error)) => Err(std::sync::Arc::into_inner(error)
                .expect("one stream alone reports an error of the store")),
        }
    }
}

fn is_empty(repo: &Probed, stream: Stream) -> bool {
    match stream {
        Stream::Commits => repo.head.is_none(),
        Stream::Pulls => repo.pulls.total == 0,
        Stream::Issues => repo.issues.total == 0,
    }
}
