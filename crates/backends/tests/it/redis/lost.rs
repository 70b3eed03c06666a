//! A server that has lost something: all, the last of it, or only its memory of scripts.

use ledger::coverage::GapReason;
use ledger::event::{RepoId, Stream};
use ledger::port::activity::{Authority, Claimed, Miss, Recorded};
use ledger::port::{Activity, Cursor, Election, Result, Term};
use ledger::window::Window;

use super::proxy::{Network, Proxy};
use super::server::Server;
use super::{eventually, open, settings};
use crate::{ORG, at, fetched, seen};

async fn incarnation(store: &impl Activity) -> String {
    let piece = store.changes(Cursor::default(), 1).await.unwrap();
    assert!(!piece.incarnation.is_empty());
    piece.incarnation
}

async fn record(store: &impl Activity, term: Term, oid: &str, second: i64) -> Result<Recorded> {
    let parts = fetched([oid.to_owned()], second);
    store
        .record(Authority::Leader(term), ORG, RepoId(1), parts, at(100_000))
        .await
}

async fn led(store: &impl Activity) -> Term {
    let term = store.lead("test", at(0)).await.unwrap();
    store
        .track(term, ORG, &[seen(1)], at(0), at(0))
        .await
        .unwrap();
    term
}

/// Whoever had a right to write has lost it, and terms, tokens and marks of before never return.
#[tokio::test]
async fn a_flush_in_the_middle_begins_a_new_incarnation_and_fences_whoever_was_there() {
    let server = Server::start(&[]);
    let settings = settings(server.url());
    let (store, other) = (open(&settings), open(&settings));
    let mut term = led(&store).await;
    for _ in 0..6 {
        term = store.lead("test", at(0)).await.unwrap();
    }
    record(&store, term, "aa", 10).await.unwrap();
    let miss = Miss {
        repo: RepoId(1),
        stream: Stream::Pulls,
        window: Window::new(at(0), at(10)).unwrap(),
        reason: GapReason::ScrapeError,
        error: String::new(),
    };
    let misses = [miss];
    let claim = async || {
        store
            .claim(ORG, RepoId(1), Stream::Pulls, "me", at(60), at(50))
            .await
            .unwrap()
    };
    store.miss(term, ORG, &misses, at(50)).await.unwrap();
    let Claimed::Given { claim: old, .. } = claim().await else {
        panic!("the gap is free");
    };
    let office = store.take("me", None).await.unwrap().unwrap();
    let before = incarnation(&store).await;
    assert_eq!(incarnation(&other).await, before);

    let _: String = server.ask(&["FLUSHALL"]);
    assert!(
        record(&store, term, "bb", 20)
            .await
            .unwrap_err()
            .is_fenced()
    );
    let parts = fetched(["cc".to_owned()], 20);
    let by = Authority::Filler(old.clone());
    let refused = store.record(by, ORG, RepoId(1), parts, at(100)).await;
    assert!(refused.unwrap_err().is_lost());
    assert!(!store.hold(&old, at(100)).await.unwrap());
    assert_eq!(store.look().await.unwrap(), None);
    assert_eq!(store.renew(&office).await.unwrap(), None);

    let after = incarnation(&other).await;
    assert_ne!(after, before);
    assert_eq!(incarnation(&store).await, after);
    assert_eq!(store.repos(ORG).await.unwrap(), []);
    assert_eq!(store.orgs().await.unwrap(), []);

    // As many terms and claims as before, so that counts alone would meet again; and the clock stands still.
    for _ in 0..7 {
        let again = other.lead("other", at(0)).await.unwrap();
        assert_ne!(again, term);
        assert!(
            record(&store, term, "bb", 20)
                .await
                .unwrap_err()
                .is_fenced()
        );
    }
    let mut new = other.lead("other", at(600)).await.unwrap();
    assert!(new > term, "{new} after {term}");
    for _ in 0..7 {
        new = other.lead("other", at(600)).await.unwrap();
        assert!(
            record(&store, term, "bb", 20)
                .await
                .unwrap_err()
                .is_fenced()
        );
    }
    other
        .track(new, ORG, &[seen(1)], at(0), at(0))
        .await
        .unwrap();
    record(&other, new, "aa", 10).await.unwrap();
    other.miss(new, ORG, &misses, at(70)).await.unwrap();
    let claimed = other
        .claim(ORG, RepoId(1), Stream::Pulls, "other", at(90), at(70))
        .await;
    let Claimed::Given { claim: given, .. } = claimed.unwrap() else {
        panic!("the gap is free");
    };
    assert!(given.token > old.token, "claimed 20 seconds later");
    assert!(!store.hold(&old, at(100)).await.unwrap());
    let taken = other.take("other", None).await.unwrap().unwrap();
    assert_ne!(taken.mark, office.mark);
    assert_eq!(store.renew(&office).await.unwrap(), None);
    assert_eq!(store.commits(ORG, RepoId(1)).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_restart_that_loses_nothing_goes_on_where_it_was() {
    let mut server = Server::start(&["--appendonly", "yes", "--appendfsync", "always"]);
    let store = open(&settings(server.url()));
    let term = led(&store).await;
    record(&store, term, "aa", 10).await.unwrap();
    let before = store.changes(Cursor::default(), 100).await.unwrap();
    server.kill();
    let refused = record(&store, term, "bb", 20).await.unwrap_err();
    assert!(refused.is_unavailable(), "{refused}");
    server.start_again();
    // The same leader goes on: its term is what the store says.
    let recorded = eventually("a record after the restart", async || {
        record(&store, term, "bb", 20).await
    });
    assert_eq!(recorded.await.inserted, 1);
    let piece = store.changes(before.next, 100).await.unwrap();
    assert_eq!(piece.incarnation, before.incarnation);
    assert_eq!(piece.events.len(), 1);
}

#[tokio::test]
async fn a_restart_that_loses_all_begins_a_new_incarnation() {
    let mut server = Server::start(&[]);
    let store = open(&settings(server.url()));
    let term = led(&store).await;
    record(&store, term, "aa", 10).await.unwrap();
    let before = incarnation(&store).await;
    server.kill();
    server.start_again();
    let refused = eventually("an answer after the restart", async || {
        let refused = record(&store, term, "bb", 20).await.unwrap_err();
        if refused.is_unavailable() {
            Err(refused)
        } else {
            Ok(refused)
        }
    });
    assert!(refused.await.is_fenced());
    assert_ne!(incarnation(&store).await, before);
    assert!(store.lead("test", at(60)).await.unwrap() > term);
}

/// The server is back as it was a while ago. Who has seen no more than that has nothing to say; who has, tells everybody.
#[tokio::test]
async fn a_restart_that_loses_the_last_of_it_is_noticed_by_whoever_saw_that() {
    let mut server = Server::start(&[]);
    let settings = settings(server.url());
    let (store, unaware) = (open(&settings), open(&settings));
    let term = led(&store).await;
    record(&store, term, "aa", 10).await.unwrap();
    let before = incarnation(&unaware).await;
    let _: String = server.ask(&["SAVE"]);
    record(&store, term, "bb", 20).await.unwrap();
    server.kill();
    server.start_again();

    let seen = eventually("an answer after the restart", async || {
        unaware.changes(Cursor::default(), 100).await
    })
    .await;
    assert_eq!(seen.incarnation, before, "it has lost nothing that it saw");
    // So much is written meanwhile that the places are higher than ever.
    for second in 30..40 {
        record(&unaware, term, &second.to_string(), second)
            .await
            .unwrap();
    }
    assert_eq!(incarnation(&unaware).await, before);
    let noticed = eventually("an answer after the restart", async || {
        store.changes(Cursor::default(), 100).await
    })
    .await;
    assert_ne!(noticed.incarnation, before);
    assert_eq!(noticed.events.len(), 11, "and it knows what is there now");
    assert_eq!(incarnation(&unaware).await, noticed.incarnation);
    record(&store, term, "bb", 20).await.unwrap();
    assert_eq!(incarnation(&store).await, noticed.incarnation);
}

/// Whoever noticed may be cut off before it could say so, at any byte.
#[tokio::test]
async fn a_loss_is_noticed_also_by_who_was_cut_off_while_it_came_back() {
    let mut server = Server::start(&[]);
    let proxy = Proxy::to(&server).await;
    let store = open(&settings(&proxy.url()));
    let term = led(&store).await;
    let _: String = server.ask(&["SAVE"]);
    record(&store, term, "aa", 10).await.unwrap();
    let before = incarnation(&store).await;
    server.kill();
    server.start_again();
    for bytes in [1, 50, 100, 200, 400, 600, 700, 750] {
        proxy.be(Network::Whole);
        proxy.cut_after(bytes);
        eventually("a cut", async || {
            match store.changes(Cursor::default(), 100).await {
                Err(refused) if proxy.is_cut() => Ok(refused),
                other => Err(other),
            }
        })
        .await;
    }
    proxy.be(Network::Whole);
    let noticed = eventually("an answer", async || {
        store.changes(Cursor::default(), 100).await
    })
    .await;
    assert_ne!(noticed.incarnation, before);
}

/// A server forgets its scripts with a restart, or when it is told to.
#[tokio::test]
async fn a_script_that_the_server_has_forgotten_is_sent_again() {
    let server = Server::start(&[]);
    let store = open(&settings(server.url()));
    let term = led(&store).await;
    let _: String = server.ask(&["SCRIPT", "FLUSH"]);
    assert_eq!(record(&store, term, "aa", 10).await.unwrap().inserted, 1);
}
