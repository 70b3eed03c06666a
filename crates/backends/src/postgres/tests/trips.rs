//! How often the network is crossed.

use ledger::coverage::GapReason;
use ledger::event::{RepoId, ReviewState, Stream};
use ledger::port::activity::{Authority, Claimed, Ending, Miss, Part};
use ledger::port::{Activity, Coordination, Cursor, Election};

use super::proxy::Proxy;
use super::space::{Space, open};
use super::world::{ORG, at, commit, fetched, lead, now, report, review, seen, window};

const REPOS: std::ops::Range<u64> = 1..21;

/// Counts what is asked while something is done.
macro_rules! trips {
    ($proxy:expr, $step:expr) => {{
        let before = $proxy.questions();
        let answer = $step;
        ($proxy.questions() - before, answer)
    }};
}

/// A fetch of everything, in which a commit is gone and another one back, and a review has changed.
fn parts(cycle: i64) -> Vec<Part> {
    let (state, gone) = if cycle % 2 == 0 {
        (ReviewState::Approved, "old")
    } else {
        (ReviewState::Dismissed, "new")
    };
    let events = vec![
        commit(if gone == "old" { "new" } else { "old" }, 1),
        commit(format!("{cycle}"), cycle),
    ];
    vec![
        Part {
            retracted: vec![gone.to_owned()],
            ..fetched(Stream::Commits, events, cycle)
        },
        fetched(Stream::Pulls, vec![review(state, cycle)], cycle),
        fetched(Stream::Issues, Vec::new(), cycle),
    ]
}

#[tokio::test]
async fn a_cycle_costs_one_round_trip_for_each_repository_of_which_something_was_read() {
    let (space, proxy) = (Space::new(), Proxy::new().await);
    let store = open(&proxy.settings(&space.settings()));
    let term = lead(&store, REPOS).await;
    for cycle in 1..5 {
        let (trips, ()) = trips!(
            proxy,
            store
                .track(term, ORG, &seen(REPOS), at(0), now())
                .await
                .unwrap()
        );
        assert_eq!(trips, 1, "the listing of cycle {cycle}");
        for repo in REPOS {
            let (trips, recorded) = trips!(
                proxy,
                store
                    .record(term.into(), ORG, RepoId(repo), parts(cycle), now())
                    .await
                    .unwrap()
            );
            assert_eq!(trips, 1, "repository {repo} in cycle {cycle}");
            assert!(recorded.inserted > 0, "{recorded:?}");
            assert_eq!(
                recorded.updated,
                u64::from(cycle > 1) + u64::from(cycle > 2),
                "{recorded:?}"
            );
            assert_eq!(recorded.retracted, u64::from(cycle > 1), "{recorded:?}");
        }
        let streams: Vec<_> = REPOS
            .flat_map(|repo| Stream::ALL.map(|stream| (RepoId(repo), stream)))
            .collect();
        let (trips, ()) = trips!(
            proxy,
            store
                .confirm(term, ORG, &streams, at(cycle * 10), now())
                .await
                .unwrap()
        );
        assert_eq!(trips, 1, "a confirmation of all in cycle {cycle}");
        let (trips, ()) = trips!(proxy, store.cycle(term, ORG, report(cycle)).await.unwrap());
        // What the store made of the first listing was not seen.
        assert!(
            trips == 1 || cycle == 1,
            "the end of cycle {cycle}: {trips}"
        );
    }
    assert_eq!(store.orgs().await.unwrap()[0].cycles, [4, 0, 0, 0]);
}

#[tokio::test]
async fn every_other_step_is_one_round_trip_and_what_takes_in_all_streams_two() {
    let (space, proxy) = (Space::new(), Proxy::new().await);
    let store = open(&proxy.settings(&space.settings()));
    let term = lead(&store, REPOS).await;
    let misses: Vec<Miss> = REPOS
        .map(|repo| Miss {
            repo: RepoId(repo),
            stream: Stream::Pulls,
            window: window(0, 100),
            reason: GapReason::ScrapeError,
            error: "502".to_owned(),
        })
        .collect();
    let pulls = (RepoId(3), Stream::Pulls);
    let (trips, ()) = trips!(proxy, store.miss(term, ORG, &misses, now()).await.unwrap());
    assert_eq!(trips, 1, "gaps");
    let (trips, due) = trips!(proxy, store.due(ORG, at(0), now(), 5).await.unwrap());
    assert_eq!(
        (trips, due.due.len(), due.deferred),
        (1, 5, 15),
        "what is due"
    );
    let (trips, ()) = trips!(
        proxy,
        store.dispatched(term, ORG, &[pulls], now()).await.unwrap()
    );
    assert_eq!(trips, 1, "a dispatch");
    let (trips, claimed) = trips!(
        proxy,
        store
            .claim(ORG, pulls.0, pulls.1, "bob", at(2_000_000), now())
            .await
            .unwrap()
    );
    assert_eq!(trips, 1, "a claim");
    let Claimed::Given { claim, .. } = claimed else {
        panic!("it was due: {claimed:?}");
    };
    let (trips, held) = trips!(proxy, store.hold(&claim, at(3_000_000)).await.unwrap());
    assert_eq!((trips, held), (1, true), "a renewal");
    let by = Authority::Filler(claim.clone());
    let filled = vec![fetched(Stream::Pulls, Vec::new(), 100)];
    let (trips, _) = trips!(
        proxy,
        store.record(by, ORG, pulls.0, filled, now()).await.unwrap()
    );
    assert_eq!(trips, 1, "a recording of a filler");
    let (trips, ended) = trips!(
        proxy,
        store.end(&claim, Ending::Filled, now()).await.unwrap()
    );
    assert_eq!((trips, ended), (1, true), "the end of a claim");
    let (trips, _) = trips!(
        proxy,
        store.changes(Cursor::default(), 1_000).await.unwrap()
    );
    assert_eq!(trips, 1, "a piece of the feed");
    let (trips, reached) = trips!(
        proxy,
        store.ask_history(ORG, None, at(-9), now()).await.unwrap()
    );
    assert_eq!((trips, reached), (2, 60), "asking for history");
    let (trips, _) = trips!(proxy, store.blocks().await.unwrap());
    assert_eq!(trips, 1, "a look at blocks");
    let (trips, office) = trips!(proxy, store.take("ada", None).await.unwrap());
    assert_eq!(trips, 1, "taking the office");
    let (trips, _) = trips!(proxy, store.renew(&office.unwrap()).await.unwrap());
    assert_eq!(trips, 1, "renewing it");
}

#[tokio::test]
async fn what_another_process_has_changed_costs_one_round_trip_more() {
    let (space, proxy) = (Space::new(), Proxy::new().await);
    let settings = space.settings();
    let store = open(&proxy.settings(&settings));
    let other = open(&settings);
    let term = lead(&store, REPOS).await;
    let record = async |store: &super::super::Postgres, cycle| {
        store
            .record(term.into(), ORG, RepoId(1), parts(cycle), now())
            .await
            .unwrap()
    };
    record(&store, 1).await;
    for cycle in 1..4 {
        record(&other, 10 * cycle).await;
        let (trips, _) = trips!(proxy, record(&store, 10 * cycle + 1).await);
        assert_eq!(trips, 2);
        let (trips, _) = trips!(proxy, record(&store, 10 * cycle + 2).await);
        assert_eq!(trips, 1, "now it is known");
    }
}
