//! The small world of the cases: one organisation with one repository, and events at whole seconds after its start.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use jiff::{SignedDuration, Timestamp};

use crate::coverage::Coverage;
use crate::event::{Actor, CommentOn, Event, Fact, RepoId, ReviewState, Stream, id};
use crate::fingerprint::Fingerprint;
use crate::port::activity::{Activity, Changes, Part, Proof, Recorded, RepoView, SeenRepo};
use crate::port::{Cursor, Term};
use crate::window::Window;

/// Opens a fresh, empty store.
pub type Open<'a> = &'a dyn Fn() -> Arc<dyn Activity>;

pub(super) const ORG: &str = "acme";
pub(super) const LIB: RepoId = RepoId(4_611_686_018_427);
pub(super) const APP: RepoId = RepoId(2);

/// So many seconds after the tracking start.
pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::constant(1_767_225_600, 0) + SignedDuration::from_secs(second)
}

/// A time by which everything in the cases has happened.
pub(super) fn now() -> Timestamp {
    at(1_000_000)
}

pub(super) fn window(start: i64, end: i64) -> Window {
    Window::new(at(start), at(end)).expect("the cases name windows that end after they start")
}

pub(super) fn seen(id: RepoId, name: &str) -> SeenRepo {
    SeenRepo {
        id,
        name: name.to_owned(),
        streams: Stream::ALL.to_vec(),
        created_at: at(-500),
    }
}

pub(super) fn commit(oid: &str, second: i64) -> Event {
    Event {
        id: id::commit(oid),
        at: at(second),
        actor: Actor::new("ada", Some(1)),
        fact: Fact::Commit {
            additions: 10,
            deletions: 4,
            changed_files: 2,
        },
        version: 0,
    }
}

pub(super) fn review(database_id: u64, second: i64, state: ReviewState, version: i64) -> Event {
    Event {
        id: id::item(database_id),
        at: at(second),
        actor: Actor::new("eve", Some(2)),
        fact: Fact::Review {
            number: 7,
            state,
            seconds_since_ready: Some(60),
        },
        version,
    }
}

pub(super) fn comment(on: CommentOn, database_id: u64, second: i64) -> Event {
    Event {
        id: id::comment(on, database_id),
        at: at(second),
        actor: Actor::ghost(),
        fact: Fact::Comment { on },
        version: 0,
    }
}

/// What was fetched of a stream, without a proof.
pub(super) fn part(stream: Stream, events: Vec<Event>) -> Part {
    Part {
        stream,
        events,
        retracted: Vec::new(),
        proof: None,
    }
}

pub(super) fn commits(events: Vec<Event>) -> Vec<Part> {
    vec![part(Stream::Commits, events)]
}

pub(super) fn head(oid: &str) -> Fingerprint {
    Fingerprint::commits(Some("main".to_owned()), Some(oid.to_owned()), 3)
}

pub(super) fn proven(start: i64, end: i64) -> Part {
    let proof = Proof {
        window: window(start, end),
        fingerprint: head("c0ffee"),
        open: None,
        deep: true,
    };
    Part {
        proof: Some(proof),
        ..part(Stream::Commits, Vec::new())
    }
}

/// A store with a leader, and with two repositories that are tracked from second 0.
pub(super) struct World {
    pub(super) store: Arc<dyn Activity>,
    pub(super) term: Term,
}

impl World {
    pub(super) async fn new(open: Open<'_>) -> World {
        let store = open();
        let term = store
            .lead("first", now())
            .await
            .expect("an empty store gives a term");
        let world = World { store, term };
        world
            .track(ORG, &[seen(LIB, "lib"), seen(APP, "app")], 0)
            .await;
        world
    }

    pub(super) async fn track(&self, org: &str, repos: &[SeenRepo], start: i64) {
        self.store
            .track(self.term, org, repos, at(start), now())
            .await
            .expect("the listing is taken in");
    }

    pub(super) async fn record(&self, repo: RepoId, parts: Vec<Part>) -> Recorded {
        self.store
            .record(self.term.into(), ORG, repo, parts, now())
            .await
            .expect("the parts are recorded")
    }

    pub(super) async fn confirm(&self, unchanged: &[(RepoId, Stream)], until: i64) {
        let confirmed = self
            .store
            .confirm(self.term, ORG, unchanged, at(until), now())
            .await;
        confirmed.expect("the confirmation is taken in");
    }

    pub(super) async fn view(&self, repo: RepoId) -> RepoView {
        let views = self
            .store
            .repos(ORG)
            .await
            .expect("the repositories are read");
        views
            .into_iter()
            .find(|view| view.id == repo)
            .expect("the repository is there")
    }

    pub(super) async fn coverage(&self, repo: RepoId, stream: Stream) -> Coverage {
        self.view(repo)
            .await
            .stream(stream)
            .expect("the stream is tracked")
            .coverage
            .clone()
    }

    /// Every live event of a repository.
    pub(super) async fn events(&self, repo: RepoId) -> Vec<Event> {
        let always = Window::new(Timestamp::MIN, Timestamp::MAX).expect("time has an extent");
        self.store
            .events(ORG, repo, always)
            .await
            .expect("the events are read")
    }

    /// The oids that are known, and whether each is retracted.
    pub(super) async fn known(&self, repo: RepoId) -> Vec<(String, bool)> {
        let known = self
            .store
            .commits(ORG, repo)
            .await
            .expect("the commits are read");
        known
            .into_iter()
            .map(|commit| (commit.oid, commit.retracted))
            .collect()
    }

    /// The feed after a cursor to its end, read in pieces of at most `limit`.
    pub(super) async fn feed(&self, after: Cursor, limit: usize) -> Changes {
        let mut whole = Changes {
            next: after,
            ..Changes::default()
        };
        loop {
            let piece = self
                .store
                .changes(whole.next, limit)
                .await
                .expect("the feed is read");
            assert!(
                piece.events.len() <= limit,
                "a piece has no more than {limit} events"
            );
            assert!(piece.next >= whole.next, "the cursor goes forward");
            assert!(
                !piece.more || piece.next > whole.next,
                "a piece that is not the last goes forward"
            );
            whole.events.extend(piece.events);
            whole.repos.extend(piece.repos);
            whole.orgs.extend(piece.orgs);
            whole.next = piece.next;
            if !piece.more {
                return whole;
            }
        }
    }
}

/// Drives several futures at the same time to their end.
pub(super) async fn together<'a>(futures: Vec<Pin<Box<dyn Future<Output = ()> + Send + 'a>>>) {
    let mut running = futures;
    poll_fn(move |context| {
        running.retain_mut(|future| future.as_mut().poll(context).is_pending());
        if running.is_empty() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
}
