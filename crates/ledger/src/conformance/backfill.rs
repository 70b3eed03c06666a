//! Cases of filling gaps: what is due, who is given it, what that entitles to, and how it ends.

mod claims;
mod due;
mod endings;
mod fillers;
mod history;
mod schedule;

pub use claims::*;
pub use due::*;
pub use endings::*;
pub use fillers::*;
pub use history::*;
#[cfg(test)]
pub(crate) use schedule::play;
pub use schedule::whatever_leaders_and_fillers_do_only_who_may_write_does_and_nothing_read_is_lost;

use super::fixture::*;
use crate::coverage::GapReason;
use crate::event::{Event, RepoId, Stream};
use crate::port::activity::{Authority, Claim, Claimed, DueNow, Ending, Miss, RepoView};
use crate::port::activity::{Backfill, EventChange, StreamView};
use crate::port::{Cursor, Token};

/// A dispatch that is older than so many seconds is silent, in these cases.
const SILENCE: i64 = 100;

type Gaps = (RepoId, Stream);

const LIB_COMMITS: Gaps = (LIB, Stream::Commits);
const LIB_PULLS: Gaps = (LIB, Stream::Pulls);
const APP_COMMITS: Gaps = (APP, Stream::Commits);

/// What a store says of the organisation and its events.
#[derive(Debug, PartialEq)]
struct Said {
    repos: Vec<RepoView>,
    feed: Vec<EventChange>,
    events: Vec<Event>,
}

impl World {
    /// With a gap from 10 to 20 in each of these.
    async fn with_gaps(open: Open<'_>, streams: &[Gaps]) -> World {
        let world = World::new(open).await;
        for gaps in streams {
            world.lose(*gaps, 10, 20).await;
        }
        world
    }

    async fn lose(&self, (repo, stream): Gaps, start: i64, end: i64) {
        let miss = Miss {
            repo,
            stream,
            window: window(start, end),
            reason: GapReason::ScrapeError,
            error: "502".to_owned(),
        };
        let taken = self.store.miss(self.term, ORG, &[miss], now()).await;
        taken.expect("the miss is taken in");
    }

    async fn due_now(&self, org: &str, second: i64, limit: usize) -> DueNow {
        let due = self
            .store
            .due(org, at(second - SILENCE), at(second), limit)
            .await;
        due.expect("what is due is found")
    }

    /// What is due, by repository and stream, in its order.
    async fn due(&self, second: i64) -> Vec<Gaps> {
        let found = self.due_now(ORG, second, 100).await;
        assert_eq!(found.deferred, 0);
        found.due.iter().map(|due| (due.repo, due.stream)).collect()
    }

    async fn dispatch(&self, streams: &[Gaps], second: i64) {
        let dispatched = self
            .store
            .dispatched(self.term, ORG, streams, at(second))
            .await;
        dispatched.expect("the dispatch is taken in");
    }

    async fn ask(&self, holder: &str, (repo, stream): Gaps, until: i64, second: i64) -> Claimed {
        let claimed = self
            .store
            .claim(ORG, repo, stream, holder, at(until), at(second))
            .await;
        claimed.expect("the claim is answered")
    }

    /// A claim that is given.
    async fn claim(&self, holder: &str, gaps: Gaps, until: i64, second: i64) -> Claim {
        given(self.ask(holder, gaps, until, second).await)
    }

    async fn end(&self, claim: &Claim, ending: Ending, second: i64) -> bool {
        let ended = self.store.end(claim, ending, at(second)).await;
        ended.expect("the end is answered")
    }

    async fn stream(&self, (repo, stream): Gaps) -> StreamView {
        let view = self.view(repo).await;
        view.stream(stream).expect("the stream is listed").clone()
    }

    async fn said(&self) -> Said {
        Said {
            repos: self.store.repos(ORG).await.expect("they are read"),
            feed: self.feed(Cursor::default(), 100).await.events,
            events: self.events(LIB).await,
        }
    }

    /// None of what a filler may do is possible with this claim, and trying changes nothing.
    async fn assert_void(&self, claim: &Claim) {
        let before = self.said().await;
        let (by, until) = (Authority::Filler(claim.clone()), at(900_000));
        let mut parts = vec![proven(0, 500)];
        parts[0].events = vec![commit("void", 5)];
        parts[0].stream = claim.stream;
        let recorded = self
            .store
            .record(by.clone(), ORG, claim.repo, parts, now())
            .await;
        assert!(recorded.expect_err("it may not record").is_lost());
        let why = "gone".to_owned();
        let said = self
            .store
            .unavailable(by, ORG, claim.repo, claim.stream, why, now())
            .await;
        assert!(said.expect_err("it may not say so").is_lost());
        assert!(!self.store.hold(claim, until).await.expect("it is answered"));
        for ending in [Ending::Filled, Ending::Abandoned, failed("late", None)] {
            assert!(!self.end(claim, ending, 900_000).await);
        }
        assert_eq!(self.said().await, before, "nothing has changed");
    }
}

fn given(claimed: Claimed) -> Claim {
    match claimed {
        Claimed::Given { claim, .. } => claim,
        other => panic!("the claim is given, and not {other:?}"),
    }
}

fn failed(error: &str, next_attempt: Option<i64>) -> Ending {
    Ending::Failed {
        error: error.to_owned(),
        next_attempt: next_attempt.map(at),
    }
}

fn token(claim: &Claim, token: u64) -> Claim {
    Claim {
        token: Token(token),
        ..claim.clone()
    }
}

/// As if nothing had ever failed.
fn fresh() -> Backfill {
    Backfill::default()
}
