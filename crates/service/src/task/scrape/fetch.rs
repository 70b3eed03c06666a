//! Fetches what changed in one repository. Decides in which order its lists are read, how far, and what a failure means;
//! what the answers say is the business of `facts`.

mod comments;
mod commits;
mod inside;
mod items;

use std::sync::Arc;

use github::graphql::Answer;
use github::{Lane, Request};
use jiff::{SignedDuration, Timestamp};
use ledger::coverage::GapReason;
use ledger::event::{Event, Stream};
use ledger::fingerprint::Fingerprint;
use ledger::port;
use ledger::port::activity::{Authority, LAG, Part, Proof, RepoView, StreamView};
use ledger::window::Window;
use serde::de::DeserializeOwned;

use self::comments::Comments;
use self::inside::Touched;
use super::plan::{Probed, READ_AGAIN_DEPTH, Step};
use super::{Scrape, Tally, chain};
use crate::export::{Source, Written};

/// How far a list is read beyond what was seen before: facts are idempotent, so overlap costs nothing.
const OVERLAP: SignedDuration = SignedDuration::from_mins(10);

/// A repository younger than this may still be unknown to some of GitHub's replicas.
const YOUNG: SignedDuration = SignedDuration::from_hours(1);

/// One repository in one cycle.
pub(super) struct Visit<'a> {
    pub(super) scrape: &'a Scrape,
    /// What entitles to record what it brings.
    pub(super) by: Authority,
    pub(super) lane: Lane,
    pub(super) tally: &'a Tally,
    pub(super) repo: &'a Probed,
    pub(super) view: Option<&'a RepoView>,
    /// The date of the probe's answer.
    pub(super) probed_at: Timestamp,
    /// Where tracking starts for a stream that the store does not know yet.
    pub(super) start: Timestamp,
}

/// Why a stream could not be read.
#[derive(Debug, Clone)]
pub(super) enum Trouble {
    /// GitHub refuses it; for good, if it goes on doing so.
    Refused(GapReason, String),
    /// It did not work this time.
    Missed(GapReason, String),
    /// The store did not take it.
    Store(Arc<port::Error>),
}

impl From<port::Error> for Trouble {
    fn from(error: port::Error) -> Self {
        Self::Store(Arc::new(error))
    }
}

/// A list that was read to its end, and how many of its items could not be read.
struct Listed {
    events: Vec<Event>,
    /// Every item that was read, and when it was touched last.
    touched: Vec<Touched>,
    unreadable: u64,
    proof: Proof,
}

impl Visit<'_> {
    /// Reads the streams that `steps` name, one after the other. A part without a proof was not read whole.
    pub(super) async fn fetch(
        &self,
        steps: &[(Stream, Step)],
    ) -> Vec<(Stream, Result<Part, Trouble>)> {
        let step = |stream| {
            let found = steps
                .iter()
                .find(|(of, _)| *of == stream)
                .map(|(_, step)| *step);
            found.filter(|step| matches!(step, Step::Fetch | Step::ReadAgain | Step::Fill))
        };
        let mut outcomes = Vec::new();
        if let Some(step) = step(Stream::Commits) {
            outcomes.push((Stream::Commits, self.commits(step).await));
        }
        let mut lists: Vec<(Stream, Step, Result<Listed, Trouble>)> = Vec::new();
        if let Some(step) = step(Stream::Pulls) {
            lists.push((Stream::Pulls, step, self.pulls(step).await));
        }
        if let Some(step) = step(Stream::Issues) {
            lists.push((Stream::Issues, step, self.issues(step).await));
        }
        // Comments come after their items, so that they are at least as new.
        let is_inside = self.comments_are_better_inside(&lists);
        if !is_inside || !self.add_comments_from_inside(&mut lists).await {
            self.add_comments_from_lists(&mut lists).await;
        }
        outcomes.extend(
            lists
                .into_iter()
                .map(|(stream, _, list)| (stream, list.map(|list| list.part(stream)))),
        );
        outcomes
    }

    /// Gives each list its comments from REST's two lists per repository.
    async fn add_comments_from_lists(&self, lists: &mut [(Stream, Step, Result<Listed, Trouble>)]) {
        let until = |streams: &[Stream], lists: &[(Stream, Step, Result<Listed, Trouble>)]| {
            let whole = lists
                .iter()
                .filter(|(stream, _, list)| streams.contains(stream) && list.is_ok());
            whole
                .map(|(stream, step, _)| self.comments_until(*stream, *step))
                .min()
        };
        if let Some(until) = until(&[Stream::Pulls, Stream::Issues], lists) {
            add(
                lists,
                &[Stream::Pulls, Stream::Issues],
                self.conversations(until).await,
            );
        }
        if let Some(until) = until(&[Stream::Pulls], lists) {
            add(lists, &[Stream::Pulls], self.diffs(until).await);
        }
    }

    fn stream(&self, stream: Stream) -> Option<&StreamView> {
        self.view.and_then(|view| view.stream(stream))
    }

    /// The first instant that is tracked of a stream.
    fn start_of(&self, stream: Stream) -> Timestamp {
        self.stream(stream)
            .map_or(self.start, |view| view.coverage.start())
    }

    /// Whether the store knows already that a stream cannot be read.
    pub(super) fn is_unavailable(&self, stream: Stream) -> bool {
        self.stream(stream)
            .is_some_and(|view| view.unavailable.is_some())
    }

    /// Up to where a stream has been read whole.
    pub(super) fn frontier(&self, stream: Stream) -> Timestamp {
        self.stream(stream)
            .map_or(self.start, |view| view.coverage.frontier())
    }

    /// Where the first gap begins; what was read whole before it needs no second reading.
    fn first_gap(&self, stream: Stream) -> Timestamp {
        let view = self.stream(stream);
        let gap = view.and_then(|view| view.coverage.gaps().first());
        gap.map_or_else(|| self.frontier(stream), |gap| gap.window.start())
    }

    /// Records parts of this repository.
    pub(super) async fn record(&self, parts: Vec<Part>) -> port::Result<()> {
        let Scrape {
            store,
            org,
            clock,
            counts,
            ..
        } = self.scrape;
        let source = match &self.by {
            Authority::Leader(_) => Source::Scrape,
            Authority::Filler(_) => Source::Backfill,
        };
        let recorded = store
            .record(self.by.clone(), org, self.repo.id, parts, clock.now())
            .await
            .inspect_err(|error| {
                let refused = error.is_fenced() || error.is_lost();
                let result = if refused {
                    Written::Refused
                } else {
                    Written::Failed
                };
                counts.not_written(source, result);
            })?;
        counts.recorded(source, &recorded);
        self.tally.add(recorded);
        Ok(())
    }

    /// Items that were touched before this have been read.
    fn read_until(&self, stream: Stream, step: Step) -> Timestamp {
        let start = self.start_of(stream);
        let seen = match self
            .stream(stream)
            .and_then(|view| view.fingerprint.as_ref())
        {
            // What the last whole fetch saw, not when it was made: a replica may have been behind.
            Some(Fingerprint::Items {
                newest: Some((_, touched)),
                ..
            }) => before(*touched, OVERLAP),
            Some(Fingerprint::Items { newest: None, .. } | Fingerprint::Commits { .. }) | None => {
                start
            }
        };
        self.deeper(stream, seen, step).max(start)
    }

    /// A second reading goes back further than what was seen, and one that fills gaps to the first of them.
    fn deeper(&self, stream: Stream, until: Timestamp, step: Step) -> Timestamp {
        match step {
            Step::ReadAgain => until.min(before(self.probed_at, READ_AGAIN_DEPTH)),
            Step::Fill => until.min(before(self.first_gap(stream), OVERLAP)),
            Step::Fetch | Step::Confirm | Step::Empty | Step::Unavailable => until,
        }
    }

    /// What a whole reading proves that began when GitHub's clock showed `date`.
    pub(super) fn proof(
        &self,
        stream: Stream,
        date: Timestamp,
        fingerprint: Fingerprint,
        open: Option<u64>,
        step: Step,
    ) -> Proof {
        let until = before(date, LAG);
        // A reading soon after the last one proves nothing new, but its fingerprint counts.
        let read_from = match step {
            Step::Fill => self.first_gap(stream).min(self.frontier(stream)),
            _ => self.frontier(stream),
        };
        let from = read_from.min(before(until, SignedDuration::from_secs(1)));
        let window = Window::new(from, until).expect("the window begins before it ends");
        let deep = step == Step::ReadAgain;
        Proof {
            window,
            fingerprint,
            open,
            deep,
        }
    }

    /// Asks for one page of a list, sized by what was good for this repository before.
    async fn ask<A: DeserializeOwned>(
        &self,
        document: &'static str,
        variables: &serde_json::Value,
        list: &str,
    ) -> Result<Answer<A>, Trouble> {
        let Scrape { client, pages, .. } = self.scrape;
        let key = format!("{} {list}", self.repo.id.0);
        let answer = client
            .graphql_page::<A>(self.lane, document, variables, pages, &key)
            .await;
        let answer = answer.map_err(|error| self.trouble(&error))?;
        self.tally.graphql(answer.cost);
        Ok(answer)
    }

    async fn send(&self, request: Request) -> Result<github::Response, Trouble> {
        let response = self.scrape.client.send(self.lane, request).await;
        self.tally.request();
        response.map_err(|error| self.trouble(&error))
    }

    /// The date of an answer, or of the probe's where the answer has none.
    fn date(&self, date: Option<Timestamp>) -> Timestamp {
        date.unwrap_or(self.probed_at)
    }

    /// What an error means for the stream it happened to.
    fn trouble(&self, error: &github::Error) -> Trouble {
        let text = chain(error);
        let young = self.probed_at.duration_since(self.repo.created_at) < YOUNG;
        if error.is_forbidden() && !error.is_locked_out() {
            Trouble::Refused(GapReason::Forbidden, text)
        } else if error.is_gone() && !young {
            Trouble::Refused(GapReason::ScrapeError, text)
        } else if error.is_partial() {
            Trouble::Missed(GapReason::Partial, text)
        } else {
            Trouble::Missed(GapReason::ScrapeError, text)
        }
    }

    /// The repository that answered is the one that was probed: a name can be given to another one in between.
    fn same_repo(&self, database_id: u64) -> Result<(), Trouble> {
        if database_id == self.repo.id.0 {
            return Ok(());
        }
        let error = format!(
            "the name {} belongs to another repository now",
            self.repo.name
        );
        Err(Trouble::Missed(GapReason::ScrapeError, error))
    }

    fn not_there(&self) -> Trouble {
        let error = format!(
            "{}/{} was there a moment ago and is not now",
            self.scrape.org, self.repo.name
        );
        Trouble::Missed(GapReason::ScrapeError, error)
    }
}

impl Listed {
    fn part(self, stream: Stream) -> Part {
        let proof = (self.unreadable == 0).then_some(self.proof);
        Part {
            stream,
            events: self.events,
            retracted: Vec::new(),
            proof,
        }
    }
}

/// Gives each of `streams` its comments; where they could not be read, no stream among them was read whole.
fn add(
    lists: &mut [(Stream, Step, Result<Listed, Trouble>)],
    streams: &[Stream],
    comments: Result<Comments, Trouble>,
) {
    for (stream, _, list) in lists
        .iter_mut()
        .filter(|(stream, ..)| streams.contains(stream))
    {
        let Ok(listed) = list else { continue };
        match &comments {
            Ok(comments) => {
                listed.unreadable += comments.unreadable;
                let own = comments
                    .events
                    .iter()
                    .filter(|event| event.fact.stream() == *stream);
                listed.events.extend(own.cloned());
            }
            Err(trouble) => *list = Err(trouble.clone()),
        }
    }
}

/// `time` earlier by `span`, or the earliest time there is.
pub(super) fn before(time: Timestamp, span: SignedDuration) -> Timestamp {
    time.checked_sub(span).unwrap_or(Timestamp::MIN)
}
