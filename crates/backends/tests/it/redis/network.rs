//! Networks that cut and swallow, and a failover.

use std::time::Duration;

use backends::redis::{At, Settings};
use ledger::event::{RepoId, Stream};
use ledger::port::activity::Authority;
use ledger::port::coordination::Member;
use ledger::port::{Activity, Coordination, Cursor, Election};
use tokio::time::Instant;

use super::proxy::{Network, Proxy};
use super::server::{Server, free_port};
use super::{eventually, open, prefix, settings, told};
use crate::{ORG, at, fetched, seen};

/// Every step of every port, on a connection that was good a moment ago and on a new one.
#[tokio::test]
async fn no_step_waits_for_longer_than_its_patience_where_the_network_swallows_all() {
    const PATIENCE: Duration = Duration::from_millis(300);
    let server = Server::start(&[]);
    let proxy = Proxy::to(&server).await;
    let store = open(&Settings {
        patience: PATIENCE,
        ..settings(&proxy.url())
    });
    let term = store.lead("test", at(0)).await.unwrap();
    store
        .track(term, ORG, &[seen(1)], at(0), at(0))
        .await
        .unwrap();
    let by = Authority::Leader(term);
    let unchanged = [(RepoId(1), Stream::Commits)];
    let me = Member {
        name: "me".to_owned(),
        beat: 1,
    };
    for step in 0..9 {
        proxy.be(Network::Whole);
        eventually("the office is seen", async || store.look().await).await;
        proxy.be(Network::Swallows);
        for connection in ["the old", "a new"] {
            let began = Instant::now();
            let answer = match step {
                0 => store.lead("test", at(0)).await.map(|_| ()),
                1 => store
                    .record(by.clone(), ORG, RepoId(1), fetched([], 10), at(20))
                    .await
                    .map(|_| ()),
                2 => store.confirm(term, ORG, &unchanged, at(10), at(20)).await,
                3 => store.changes(Cursor::default(), 10).await.map(|_| ()),
                4 => store.repos(ORG).await.map(|_| ()),
                5 => store.events(ORG, RepoId(1), window()).await.map(|_| ()),
                6 => store.exchange(&me, &[]).await.map(|_| ()),
                7 => store.blocks().await.map(|_| ()),
                _ => store.take("me", None).await.map(|_| ()),
            };
            let took = began.elapsed();
            let refused = answer.expect_err("nothing answers");
            assert!(refused.is_unavailable(), "step {step}: {}", told(&refused));
            assert!(
                took < 2 * PATIENCE + Duration::from_secs(2),
                "step {step} on {connection} connection took {took:?}"
            );
        }
    }
    proxy.be(Network::Whole);
    eventually("a term", async || store.lead("test", at(0)).await).await;
}

fn window() -> ledger::window::Window {
    ledger::window::Window::new(at(0), at(100)).unwrap()
}

#[tokio::test]
async fn a_connection_that_was_cut_is_made_anew() {
    let server = Server::start(&[]);
    let proxy = Proxy::to(&server).await;
    let store = open(&settings(&proxy.url()));
    let first = store.lead("test", at(0)).await.unwrap();
    for _ in 0..5 {
        proxy.be(Network::Cut);
        let refused = store.lead("test", at(0)).await.unwrap_err();
        assert!(refused.is_unavailable(), "{}", told(&refused));
        proxy.be(Network::Whole);
        eventually("a term", async || store.lead("test", at(0)).await).await;
    }
    assert!(store.lead("test", at(0)).await.unwrap() > first);
    let piece = store.changes(Cursor::default(), 1).await.unwrap();
    assert_eq!(
        open(&settings_of(&server, &store_prefix(&server)))
            .changes(Cursor::default(), 1)
            .await
            .unwrap()
            .incarnation,
        piece.incarnation,
        "a broken network is no loss"
    );
}

/// The prefix of the one store in a server.
fn store_prefix(server: &Server) -> String {
    let keys: Vec<String> = server.ask(&["KEYS", "*:store"]);
    let key = &keys[0];
    key[1..key.find('}').unwrap()].to_owned()
}

fn settings_of(server: &Server, prefix: &str) -> Settings {
    Settings {
        prefix: prefix.to_owned(),
        ..settings(server.url())
    }
}

/// More events than one script writes, cut off at many places: what is there without its proof claims nothing, and the next
/// recording is as if nothing had happened.
#[tokio::test]
async fn a_recording_that_is_cut_off_in_the_middle_claims_nothing_and_can_be_repeated() {
    const EVENTS: u64 = 9_000;
    let oids = || (0..EVENTS).map(|number| format!("{number:040x}"));
    let mut parts_seen = std::collections::BTreeSet::new();
    for kilobytes in [1, 100, 200, 300, 400] {
        let server = Server::start(&[]);
        let proxy = Proxy::to(&server).await;
        let settings = settings(&proxy.url());
        let store = open(&settings);
        let term = store.lead("test", at(0)).await.unwrap();
        store
            .track(term, ORG, &[seen(1)], at(0), at(0))
            .await
            .unwrap();
        let record = async |oids: Vec<String>, second| {
            let parts = fetched(oids, second);
            let by = Authority::Leader(term);
            store.record(by, ORG, RepoId(1), parts, at(100_000)).await
        };
        record(vec!["aa".to_owned()], 5).await.unwrap();
        proxy.cut_after(kilobytes * 1024);
        let refused = record(oids().collect(), 10).await.unwrap_err();
        assert!(refused.is_unavailable());

        let look = open(&settings_of(&server, &settings.prefix));
        let there = look.commits(ORG, RepoId(1)).await.unwrap().len() - 1;
        assert_eq!(there % 4000, 0, "whole scripts alone");
        parts_seen.insert(there);
        let view = look.repos(ORG).await.unwrap().remove(0);
        let stream = view.stream(Stream::Commits).unwrap();
        assert_eq!(stream.coverage.frontier(), at(5), "{there} without a proof");
        assert_eq!(
            stream.fingerprint.is_none(),
            there > 0,
            "nothing vouches for what is there"
        );
        proxy.be(Network::Whole);
        let again = eventually("a recording", async || record(oids().collect(), 10).await).await;
        assert_eq!(again.inserted, EVENTS - there as u64);
        let view = look.repos(ORG).await.unwrap().remove(0);
        let stream = view.stream(Stream::Commits).unwrap();
        assert_eq!(stream.coverage.frontier(), at(10));
        assert!(stream.fingerprint.is_some());
    }
    assert!(
        parts_seen.len() > 1,
        "cut at different places: {parts_seen:?}"
    );
}

/// The replica has all that its master has.
async fn follows(master: &Server, replica: &Server) {
    eventually("a replica that follows", async || {
        let is_up = replica.info("master_link_status") == "up";
        let (theirs, its) = (
            master.info("master_repl_offset"),
            replica.info("slave_repl_offset"),
        );
        if is_up && theirs == its {
            Ok(())
        } else {
            Err((is_up, theirs, its))
        }
    })
    .await;
}

/// One master, one replica, one sentinel: the master dies, and the store goes on where it was.
#[tokio::test]
async fn a_failover_by_a_sentinel_is_followed() {
    let (port, other, guard) = (free_port(), free_port(), free_port());
    let mut master = Server::on_port(port, &[]);
    let replica = Server::on_port(other, &["--replicaof", "127.0.0.1", &port.to_string()]);
    let sentinel = Server::sentinel(guard, port);
    let store = open(&Settings {
        at: At::Sentinels {
            sentinels: vec![
                format!("127.0.0.1:{}", free_port()),
                format!("127.0.0.1:{guard}"),
            ],
            master: "main".to_owned(),
            tls: false,
            user: None,
            password: None,
            sentinel_password: None,
            database: 0,
        },
        prefix: prefix(),
        ..settings("")
    });
    follows(&master, &replica).await;
    eventually("the sentinel knows the replica", async || {
        let replicas: Vec<Vec<String>> = sentinel.ask(&["SENTINEL", "REPLICAS", "main"]);
        let is_good = |replica: &Vec<String>| {
            let line = replica.join(" ");
            line.contains("flags slave ") && line.contains("master-link-status ok")
        };
        replicas.iter().any(is_good).then_some(()).ok_or(replicas)
    })
    .await;
    let term = store.lead("test", at(0)).await.unwrap();
    store
        .track(term, ORG, &[seen(1)], at(0), at(0))
        .await
        .unwrap();
    let record = async |oid: &str, second| {
        let parts = fetched([oid.to_owned()], second);
        let by = Authority::Leader(term);
        store.record(by, ORG, RepoId(1), parts, at(100_000)).await
    };
    record("aa", 10).await.unwrap();
    let before = store.changes(Cursor::default(), 100).await.unwrap();
    follows(&master, &replica).await;

    master.kill();
    let recorded = eventually("a recording at the new master", async || {
        record("bb", 20).await
    })
    .await;
    assert_eq!(recorded.inserted, 1);
    assert_eq!(replica.info("role"), "master");
    let after = store.changes(before.next, 100).await.unwrap();
    assert_eq!(after.incarnation, before.incarnation, "nothing was lost");
    assert_eq!(after.events.len(), 1);
    assert_eq!(store.commits(ORG, RepoId(1)).await.unwrap().len(), 2);
}

/// The replica was cut off from its master for the last of it.
#[tokio::test]
async fn a_failover_that_loses_something_begins_a_new_incarnation() {
    let (port, other) = (free_port(), free_port());
    let mut master = Server::on_port(port, &[]);
    let mut replica = Server::on_port(other, &["--replicaof", "127.0.0.1", &port.to_string()]);
    let store = open(&settings(master.url()));
    follows(&master, &replica).await;
    let term = store.lead("test", at(0)).await.unwrap();
    store
        .track(term, ORG, &[seen(1)], at(0), at(0))
        .await
        .unwrap();
    let record = async |oid: &str, second| {
        let parts = fetched([oid.to_owned()], second);
        let by = Authority::Leader(term);
        store.record(by, ORG, RepoId(1), parts, at(100_000)).await
    };
    record("aa", 10).await.unwrap();
    follows(&master, &replica).await;
    let before = store.changes(Cursor::default(), 100).await.unwrap();
    let _: String = replica.ask(&["REPLICAOF", "NO", "ONE"]);
    record("bb", 20).await.unwrap();

    // The replica takes the master's address, as a virtual address moves.
    let _: String = replica.ask(&["SAVE"]);
    master.kill();
    replica.kill();
    replica.become_at(port);
    let after = eventually("an answer", async || {
        store.changes(Cursor::default(), 100).await
    })
    .await;
    assert_ne!(after.incarnation, before.incarnation);
    assert_eq!(after.events.len(), 1);
    assert_eq!(record("bb", 20).await.unwrap().inserted, 1);
}
