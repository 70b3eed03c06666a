//! The store as a program sees it: files, locks, other processes, and death.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends at the first surprise, helpers included"
)]

mod coordination;
mod crash;
mod election;
#[cfg(feature = "kubernetes")]
mod kubernetes;
mod open;
#[cfg(feature = "rabbitmq")]
mod rabbitmq;
#[cfg(feature = "redis")]
mod redis;
mod visit;

use jiff::{SignedDuration, Timestamp};
use ledger::event::{Actor, Event, Fact, RepoId, Stream, id};
use ledger::fingerprint::Fingerprint;
use ledger::port::activity::{Part, Proof, SeenRepo};
use ledger::window::Window;

const ORG: &str = "acme";

fn at(second: i64) -> Timestamp {
    Timestamp::constant(1_767_225_600, 0) + SignedDuration::from_secs(second)
}

fn seen(id: u64) -> SeenRepo {
    SeenRepo {
        id: RepoId(id),
        name: format!("repo-{id}"),
        streams: Stream::ALL.to_vec(),
        created_at: at(0),
    }
}

/// A fetch of commits that read everything before `second` and found these.
fn fetched(oids: impl IntoIterator<Item = String>, second: i64) -> Vec<Part> {
    let commit = |oid: String| Event {
        id: id::commit(&oid),
        at: at(second - 1),
        actor: Actor::new("ada", Some(1)),
        fact: Fact::Commit {
            additions: 1,
            deletions: 1,
            changed_files: 1,
        },
        version: 0,
    };
    let proof = Proof {
        window: Window::new(at(0), at(second)).unwrap(),
        fingerprint: Fingerprint::commits(None, None, 0),
        open: None,
        deep: true,
    };
    let events = oids.into_iter().map(commit).collect();
    vec![Part {
        stream: Stream::Commits,
        events,
        retracted: Vec::new(),
        proof: Some(proof),
    }]
}
