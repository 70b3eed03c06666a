//! What steps cost, and several processes at one store.

use std::sync::Arc;

use ledger::coverage::GapReason;
use ledger::event::{RepoId, Stream};
use ledger::port::activity::{Authority, Claimed, Ending, Miss};
use ledger::port::{Activity, Cursor};
use ledger::window::Window;

use super::server::Server;
use super::{Rooms, open, settings};
use crate::{ORG, at, fetched, seen};

const MANY: u64 = 3000;

/// What one cycle of an organisation writes: one script for each repository that has changed, and one for each thousand that
/// have not.
#[tokio::test]
async fn a_cycle_costs_one_round_trip_for_a_repository_that_changed_and_one_for_a_thousand_that_did_not()
 {
    let server = Server::start(&[]);
    let store = open(&settings(server.url()));
    let term = store.lead("test", at(0)).await.unwrap();
    let listing: Vec<_> = (0..MANY).map(seen).collect();
    store
        .track(term, ORG, &listing, at(0), at(0))
        .await
        .unwrap();
    let by = Authority::Leader(term);
    let all = |second| {
        let parts = fetched([format!("{second:040x}")], second);
        let by = by.clone();
        let store = store.clone();
        async move |repo| {
            store
                .record(by.clone(), ORG, RepoId(repo), parts.clone(), at(1000))
                .await
                .unwrap()
        }
    };
    let first = all(10);
    for repo in 0..MANY {
        first(repo).await;
    }

    let before = server.scripts();
    assert_eq!(store.repos(ORG).await.unwrap().len(), 3000);
    assert_eq!(
        server.scripts() - before,
        1,
        "what this process wrote itself is not read again"
    );
    let before = server.scripts();
    let second = all(20);
    for repo in 0..200 {
        assert_eq!(second(repo).await.inserted, 1);
    }
    assert_eq!(server.scripts() - before, 200);

    let before = server.scripts();
    let unchanged: Vec<_> = (0..MANY)
        .map(|repo| (RepoId(repo), Stream::Commits))
        .collect();
    store
        .confirm(term, ORG, &unchanged, at(30), at(1000))
        .await
        .unwrap();
    assert_eq!(server.scripts() - before, 3);
    let views = store.repos(ORG).await.unwrap();
    assert!(
        views
            .iter()
            .all(|view| { view.stream(Stream::Commits).unwrap().coverage.frontier() == at(30) })
    );

    let before = server.scripts();
    let miss = |repo| Miss {
        repo: RepoId(repo),
        stream: Stream::Pulls,
        window: Window::new(at(0), at(30)).unwrap(),
        reason: GapReason::Unhealthy,
        error: "cooling down".to_owned(),
    };
    let misses: Vec<_> = (0..MANY).map(miss).collect();
    store.miss(term, ORG, &misses, at(1000)).await.unwrap();
    assert_eq!(server.scripts() - before, 3);

    let before = server.scripts();
    store
        .track(term, ORG, &listing, at(0), at(0))
        .await
        .unwrap();
    assert_eq!(server.scripts() - before, 4, "one of them to read on");
    let due = store.due(ORG, at(0), at(1000), 10).await.unwrap();
    assert_eq!((due.due.len(), due.deferred), (10, 2990));
}

/// Another process that follows reads what has changed, and no more.
#[tokio::test]
async fn a_follower_reads_an_idle_feed_with_one_round_trip() {
    let server = Server::start(&[]);
    let settings = settings(server.url());
    let (leader, follower) = (open(&settings), open(&settings));
    let term = leader.lead("test", at(0)).await.unwrap();
    let listing: Vec<_> = (0..10).map(seen).collect();
    leader
        .track(term, ORG, &listing, at(0), at(0))
        .await
        .unwrap();
    let piece = follower.changes(Cursor::default(), 100).await.unwrap();
    assert_eq!(piece.repos.len(), 10);
    let before = server.scripts();
    let idle = follower.changes(piece.next, 100).await.unwrap();
    assert_eq!((idle.repos.len(), idle.orgs.len()), (0, 0));
    assert_eq!(server.scripts() - before, 1);

    leader
        .record(
            Authority::Leader(term),
            ORG,
            RepoId(3),
            fetched(["aa".to_owned()], 10),
            at(20),
        )
        .await
        .unwrap();
    let before = server.scripts();
    let news = follower.changes(idle.next, 100).await.unwrap();
    assert_eq!((news.repos.len(), news.events.len()), (1, 1));
    assert_eq!(server.scripts() - before, 2);
}

/// Eight processes, each with a handle of its own, on one repository: whoever is refused tries again, and nothing is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_write_one_repository_at_once_nobody_s_events_are_lost() {
    const WRITERS: u64 = 8;
    const ROUNDS: u64 = 30;
    let rooms = Rooms::default();
    let settings = rooms.settings();
    let store = open(&settings);
    let term = store.lead("test", at(0)).await.unwrap();
    store
        .track(term, ORG, &[seen(1)], at(0), at(0))
        .await
        .unwrap();
    let mut writing = tokio::task::JoinSet::new();
    for writer in 0..WRITERS {
        let store = open(&settings);
        writing.spawn(async move {
            for round in 0..ROUNDS {
                let oid = format!("{writer}-{round}");
                let second = (1 + writer + WRITERS * round).cast_signed();
                let parts = fetched([oid], second);
                let by = Authority::Leader(term);
                let recorded = store.record(by, ORG, RepoId(1), parts, at(1000)).await;
                assert_eq!(recorded.unwrap().inserted, 1);
            }
        });
    }
    writing.join_all().await;
    let commits = store.commits(ORG, RepoId(1)).await.unwrap();
    assert_eq!(commits.len() as u64, WRITERS * ROUNDS);
    let view = store.repos(ORG).await.unwrap().remove(0);
    let coverage = &view.stream(Stream::Commits).unwrap().coverage;
    assert_eq!(coverage.frontier(), at((WRITERS * ROUNDS).cast_signed()));
    assert_eq!(coverage.gaps(), []);
}

/// What one process knows of a repository is old as soon as another has written.
#[tokio::test]
async fn who_goes_by_what_is_not_so_any_more_is_told_and_decides_again() {
    let rooms = Rooms::default();
    let settings = rooms.settings();
    let (leader, filler) = (open(&settings), open(&settings));
    let term = leader.lead("test", at(0)).await.unwrap();
    leader
        .track(term, ORG, &[seen(1)], at(0), at(0))
        .await
        .unwrap();
    let claim = async |store: &backends::redis::Redis| {
        store
            .claim(ORG, RepoId(1), Stream::Commits, "worker", at(600), at(500))
            .await
            .unwrap()
    };
    // The filler knows nothing of the repository yet, and then that it has no gap.
    assert_eq!(claim(&filler).await, Claimed::Nothing);
    let miss = Miss {
        repo: RepoId(1),
        stream: Stream::Commits,
        window: Window::new(at(0), at(100)).unwrap(),
        reason: GapReason::ScrapeError,
        error: "502".to_owned(),
    };
    leader.miss(term, ORG, &[miss], at(500)).await.unwrap();
    let Claimed::Given { claim: given, .. } = claim(&filler).await else {
        panic!("the gap is there, whatever was known before");
    };
    assert_eq!(claim(&leader).await, Claimed::Held(at(600)));

    let parts = fetched(["aa".to_owned()], 100);
    let by = Authority::Filler(given.clone());
    filler
        .record(by, ORG, RepoId(1), parts, at(500))
        .await
        .unwrap();
    assert!(filler.end(&given, Ending::Filled, at(500)).await.unwrap());
    assert_eq!(claim(&leader).await, Claimed::Nothing);
    leader.track(term, ORG, &[], at(0), at(0)).await.unwrap();
    let parts = fetched(["bb".to_owned()], 200);
    let refused = filler
        .record(Authority::Filler(given), ORG, RepoId(1), parts, at(500))
        .await;
    assert!(refused.unwrap_err().is_lost());
}

/// The cases of the suite run on one handle that shares what it knows; these handles know nothing of one another.
#[tokio::test]
async fn the_feed_of_one_handle_tells_what_others_wrote() {
    let rooms = Rooms::default();
    let settings = Arc::new(rooms.settings());
    let term = open(&settings).lead("test", at(0)).await.unwrap();
    open(&settings)
        .track(term, ORG, &[seen(1), seen(2)], at(0), at(0))
        .await
        .unwrap();
    for round in 0..5 {
        let parts = fetched([format!("{round}")], 10 + round);
        open(&settings)
            .record(Authority::Leader(term), ORG, RepoId(1), parts, at(1000))
            .await
            .unwrap();
    }
    open(&settings)
        .track(term, "umbrella", &[seen(1)], at(0), at(0))
        .await
        .unwrap();
    let reader = open(&settings);
    let mut cursor = Cursor::default();
    let mut events = Vec::new();
    loop {
        let piece = reader.changes(cursor, 2).await.unwrap();
        events.extend(piece.events);
        cursor = piece.next;
        if !piece.more {
            break;
        }
    }
    assert_eq!(events.len(), 5);
    assert!(
        events.iter().all(|change| change.org == "umbrella"),
        "where it belongs now"
    );
}
