//! Servers that cannot be used, or not now: each is refused with what to do, and used as soon as it can be.

use ledger::event::RepoId;
use ledger::port::activity::{Authority, CycleReport, CycleResult, Recorded};
use ledger::port::{Activity, Coordination, Cursor, Election};

use super::server::{Server, free_port};
use super::{eventually, open, settings, told};
use crate::{ORG, at, fetched, seen};

#[tokio::test]
async fn a_server_that_evicts_is_refused_until_it_does_not() {
    let server = Server::start(&["--maxmemory-policy", "allkeys-lru"]);
    let store = open(&settings(server.url()));
    let refused = store.lead("test", at(0)).await.unwrap_err();
    assert!(refused.is_unavailable());
    let words = told(&refused);
    assert!(
        words.contains("maxmemory-policy is allkeys-lru")
            && words.contains("set maxmemory-policy to noeviction"),
        "{words}"
    );
    let refused = store.held().await.unwrap_err();
    assert!(told(&refused).contains("noeviction"));
    let _: String = server.ask(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]);
    eventually("a term", async || store.lead("test", at(0)).await).await;
}

#[tokio::test]
async fn a_replica_is_refused() {
    let (port, other) = (free_port(), free_port());
    let _master = Server::on_port(port, &[]);
    let replica = Server::on_port(other, &["--replicaof", "127.0.0.1", &port.to_string()]);
    let store = open(&settings(replica.url()));
    let refused = store.lead("test", at(0)).await.unwrap_err();
    assert!(refused.is_unavailable());
    assert!(told(&refused).contains("it is a replica: name the master"));
    let refused = store.changes(Cursor::default(), 1).await.unwrap_err();
    assert!(told(&refused).contains("it is a replica"));
}

/// A master that was made a replica under a connection that stays.
#[tokio::test]
async fn a_master_that_becomes_a_replica_is_left() {
    let server = Server::start(&[]);
    let store = open(&settings(server.url()));
    store.lead("test", at(0)).await.unwrap();
    let _: String = server.ask(&["REPLICAOF", "127.0.0.1", &free_port().to_string()]);
    let refused = store.lead("test", at(0)).await.unwrap_err();
    assert!(refused.is_unavailable());
    assert!(told(&refused).contains("replica"), "{}", told(&refused));
    let _: String = server.ask(&["REPLICAOF", "NO", "ONE"]);
    eventually("a term", async || store.lead("test", at(0)).await).await;
}

#[tokio::test]
async fn a_password_that_is_wrong_is_told_and_not_shown() {
    let server = Server::start(&["--requirepass", "r1ght"]);
    let with = |password: &str| {
        let path = server.socket();
        let url = format!("unix://{}?pass={password}", path.display());
        open(&settings(&url))
    };
    let refused = with("s3cret").lead("test", at(0)).await.unwrap_err();
    assert!(refused.is_unavailable(), "somebody may set it right");
    let words = format!("{} {refused:?}", told(&refused));
    assert!(
        words.contains("WRONGPASS") || words.contains("uthentication"),
        "{words}"
    );
    assert!(!words.contains("s3cret"), "{words}");
    with("r1ght").lead("test", at(0)).await.unwrap();
}

#[tokio::test]
async fn a_server_that_is_down_at_the_start_is_used_once_it_is_there() {
    let port = free_port();
    let store = open(&settings(&format!("redis://127.0.0.1:{port}")));
    for _ in 0..3 {
        let refused = store.lead("test", at(0)).await.unwrap_err();
        assert!(refused.is_unavailable());
        assert!(told(&refused).contains("cannot connect to Redis"));
    }
    let _server = Server::on_port(port, &[]);
    eventually("a term", async || store.lead("test", at(0)).await).await;
}

/// It is refused before the first write, so nothing is half there; what is there can be read all the while.
#[tokio::test]
async fn a_server_without_memory_keeps_all_of_a_step_or_nothing() {
    let server = Server::start(&[]);
    let store = open(&settings(server.url()));
    let term = store.lead("test", at(0)).await.unwrap();
    store
        .track(term, ORG, &[seen(1)], at(0), at(0))
        .await
        .unwrap();
    let record = async |batch: i64| {
        let oids = (0..500).map(|number| format!("{batch:020x}{number:020x}"));
        let parts = fetched(oids, 10 + batch);
        let by = Authority::Leader(term);
        store.record(by, ORG, RepoId(1), parts, at(100_000)).await
    };
    record(0).await.unwrap();
    let used: u64 = server.info("used_memory").parse().unwrap();
    let limit = used + 200_000;
    let _: String = server.ask(&["CONFIG", "SET", "maxmemory", &limit.to_string()]);
    let mut batches = 1;
    let refused = loop {
        match record(batches).await {
            Ok(recorded) => assert_eq!(recorded.inserted, 500),
            Err(refused) => break refused,
        }
        batches += 1;
        assert!(batches < 1000, "there is an end to its memory");
    };
    assert!(refused.is_unavailable());
    assert!(
        told(&refused).contains("raise its maxmemory"),
        "{}",
        told(&refused)
    );
    let _: String = server.ask(&["CONFIG", "SET", "maxmemory", "1"]);
    let close = ledger::port::coordination::Block {
        credential: "token".to_owned(),
        until: at(60),
        reckoned: None,
    };
    let outcomes = [
        store.close(&close).await,
        store.cycle(term, ORG, report()).await,
        store.lead("other", at(60)).await.map(|_| ()),
        store.take("me", None).await.map(|_| ()),
    ];
    for outcome in outcomes {
        let refused = outcome.unwrap_err();
        assert!(refused.is_unavailable());
        assert!(told(&refused).contains("raise its maxmemory"));
    }

    let mut events = 0;
    let mut cursor = Cursor::default();
    loop {
        let piece = store.changes(cursor, 300).await.unwrap();
        events += piece.events.len();
        cursor = piece.next;
        if !piece.more {
            break;
        }
    }
    assert_eq!(events as i64, 500 * batches, "whole batches alone");
    let view = store.repos(ORG).await.unwrap().remove(0);
    let coverage = &view.streams[0].coverage;
    assert_eq!(coverage.frontier(), at(10 + batches - 1));

    let _: String = server.ask(&["CONFIG", "SET", "maxmemory", "0"]);
    assert_eq!(record(batches).await.unwrap().inserted, 500);
}

fn report() -> CycleReport {
    CycleReport {
        started: at(0),
        finished: at(1),
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
