//! What the tests do with a store: an organisation, its repositories, and what was fetched of them.

use jiff::{SignedDuration, Timestamp};
use ledger::event::{Actor, Event, Fact, RepoId, ReviewState, Stream, id};
use ledger::fingerprint::Fingerprint;
use ledger::port::activity::{Changes, CycleReport, CycleResult, Part, Proof, Recorded, SeenRepo};
use ledger::port::{Activity, Cursor, Term};
use ledger::window::Window;

use super::super::Postgres;

pub(super) const ORG: &str = "acme";

pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::constant(1_767_225_600, 0) + SignedDuration::from_secs(second)
}

pub(super) fn now() -> Timestamp {
    at(1_000_000)
}

pub(super) fn window(start: i64, end: i64) -> Window {
    Window::new(at(start), at(end)).unwrap()
}

pub(super) fn seen(ids: impl IntoIterator<Item = u64>) -> Vec<SeenRepo> {
    let seen = |id| SeenRepo {
        id: RepoId(id),
        name: format!("repo-{id}"),
        streams: Stream::ALL.to_vec(),
        created_at: at(-500),
    };
    ids.into_iter().map(seen).collect()
}

pub(super) fn commit(oid: impl Into<String>, second: i64) -> Event {
    Event {
        id: id::commit(&oid.into()),
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

pub(super) fn review(state: ReviewState, version: i64) -> Event {
    Event {
        id: id::item(5),
        at: at(1),
        actor: Actor::new("eve", Some(2)),
        fact: Fact::Review {
            number: 7,
            state,
            seconds_since_ready: Some(60),
        },
        version,
    }
}

/// What was fetched whole of a stream, up to a second.
pub(super) fn fetched(stream: Stream, events: Vec<Event>, second: i64) -> Part {
    Part {
        stream,
        events,
        retracted: Vec::new(),
        proof: Some(Proof {
            window: window(0, second),
            fingerprint: Fingerprint::commits(None, Some("c0ffee".to_owned()), 3),
            open: None,
            deep: true,
        }),
    }
}

pub(super) fn commits(oids: &[&str], second: i64) -> Vec<Part> {
    let events = oids.iter().map(|oid| commit(*oid, 1)).collect();
    vec![fetched(Stream::Commits, events, second)]
}

pub(super) fn report(second: i64) -> CycleReport {
    CycleReport {
        started: at(second),
        finished: at(second + 1),
        result: CycleResult::Success,
        repos: 1,
        changed: 1,
        failed: 0,
        recorded: Recorded::default(),
        requests: 1,
        points: 1,
        error: None,
    }
}

/// A leader, and these repositories.
pub(super) async fn lead(store: &Postgres, repos: impl IntoIterator<Item = u64>) -> Term {
    let term = store.lead("ada", now()).await.unwrap();
    let listing = seen(repos);
    store
        .track(term, ORG, &listing, at(0), now())
        .await
        .unwrap();
    term
}

/// All of the feed after a cursor.
pub(super) async fn feed(store: &Postgres, after: Cursor) -> Changes {
    store.changes(after, 1_000_000).await.unwrap()
}

/// The oids that a repository has, and up to which second its commits are covered.
pub(super) async fn held(store: &Postgres, repo: u64) -> (Vec<String>, Timestamp) {
    let commits = store.commits(ORG, RepoId(repo)).await.unwrap();
    let views = store.repos(ORG).await.unwrap();
    let view = views.iter().find(|view| view.id == RepoId(repo)).unwrap();
    let frontier = view.stream(Stream::Commits).unwrap().coverage.frontier();
    (
        commits.into_iter().map(|commit| commit.oid).collect(),
        frontier,
    )
}
