//! Cases of the change feed: every change once, in order, and every fact recorded once for every reader.

use std::collections::BTreeMap;

use super::fixture::*;
use crate::event::{RepoId, ReviewState, Stream};
use crate::port::Cursor;
use crate::port::activity::{Changes, CycleReport, CycleResult, EventChange, News, Part, Recorded};

fn told(changes: &[EventChange]) -> Vec<(&str, News, bool)> {
    changes
        .iter()
        .map(|change| (change.event.id.as_str(), change.news, change.retracted))
        .collect()
}

fn retract(oid: &str) -> Vec<Part> {
    vec![Part {
        retracted: vec![oid.to_owned()],
        ..part(Stream::Commits, Vec::new())
    }]
}

fn assert_in_order(changes: &Changes) {
    assert!(
        changes
            .events
            .is_sorted_by(|earlier, later| earlier.seq < later.seq),
        "places rise and none is told twice"
    );
    assert!(
        changes
            .events
            .last()
            .is_none_or(|last| last.seq <= changes.next),
        "the cursor is past what was told"
    );
}

/// A reader that follows sees each change when it happens, and nothing when nothing does.
pub async fn the_feed_tells_of_every_change_once_and_in_order(open: Open<'_>) {
    let world = World::new(open).await;
    world
        .record(LIB, commits(vec![commit("aa", 1), commit("bb", 2)]))
        .await;
    let first = world.feed(Cursor::default(), 100).await;
    assert_in_order(&first);
    assert_eq!(
        told(&first.events),
        [("aa", News::Recorded, false), ("bb", News::Recorded, false)]
    );
    assert!(
        first
            .events
            .iter()
            .all(|change| (change.org.as_str(), change.repo) == (ORG, LIB))
    );

    let idle = world.feed(first.next, 100).await;
    assert_eq!(
        (idle.events.len(), idle.repos.len(), idle.orgs.len()),
        (0, 0, 0)
    );
    assert!(idle.next >= first.next);

    world.record(LIB, retract("aa")).await;
    world.record(LIB, commits(vec![commit("cc", 3)])).await;
    let second = world.feed(idle.next, 100).await;
    assert_in_order(&second);
    assert_eq!(
        told(&second.events),
        [("aa", News::Amended, true), ("cc", News::Recorded, false)]
    );

    world.record(LIB, commits(vec![commit("aa", 1)])).await;
    let third = world.feed(second.next, 100).await;
    assert_eq!(told(&third.events), [("aa", News::Amended, false)]);
}

/// Pieces of one, of a few, and of all.
pub async fn the_feed_is_the_same_in_pieces_of_any_size(open: Open<'_>) {
    let world = World::new(open).await;
    for batch in 0..5 {
        let events = (0..7)
            .map(|number| commit(&format!("{batch}-{number}"), batch * 10 + number))
            .collect();
        world.record(LIB, commits(events)).await;
    }
    for oid in ["0-3", "4-6", "2-0"] {
        world.record(LIB, retract(oid)).await;
    }
    let mut whole = world.feed(Cursor::default(), 1_000).await;
    whole.repos.sort_by_key(|view| view.id);
    assert_in_order(&whole);
    assert_eq!(whole.events.len(), 38);
    for limit in [1, 2, 7, 37, 38, 39] {
        let mut pieces = world.feed(Cursor::default(), limit).await;
        pieces.repos.sort_by_key(|view| view.id);
        assert_eq!(pieces.events, whole.events, "in pieces of {limit}");
        assert_eq!(pieces.next, whole.next, "in pieces of {limit}");
        assert_eq!(pieces.repos, whole.repos, "in pieces of {limit}");
    }
}

/// So that a reader sees a pull request's reviews as they happened, however the parts were put together.
pub async fn the_events_of_one_call_stand_in_the_feed_by_time(open: Open<'_>) {
    let world = World::new(open).await;
    let parts = vec![
        part(
            Stream::Pulls,
            vec![
                review(3, 30, ReviewState::Approved, 0),
                review(1, 10, ReviewState::Commented, 0),
            ],
        ),
        part(Stream::Commits, vec![commit("dd", 40), commit("bb", 20)]),
    ];
    world.record(LIB, parts).await;
    let feed = world.feed(Cursor::default(), 100).await;
    let ids: Vec<_> = feed
        .events
        .iter()
        .map(|change| change.event.id.as_str())
        .collect();
    assert_eq!(ids, ["1", "bb", "3", "dd"]);
}

/// Wherever a reader stopped before the changes, and whatever the size of its pieces.
pub async fn an_amended_event_is_recorded_once_for_every_reader(open: Open<'_>) {
    for stop_after in 0..4 {
        for limit in [1, 2, 100] {
            let world = World::new(open).await;
            let oids = ["aa", "bb", "cc", "dd"];
            world
                .record(
                    LIB,
                    commits(
                        oids.iter()
                            .zip(1..)
                            .map(|(oid, second)| commit(oid, second))
                            .collect(),
                    ),
                )
                .await;

            let mut seen = Vec::new();
            let mut cursor = Cursor::default();
            for _ in 0..stop_after {
                let piece = world
                    .store
                    .changes(cursor, 1)
                    .await
                    .expect("the feed is read");
                seen.extend(piece.events);
                cursor = piece.next;
            }
            world.record(LIB, retract("bb")).await;
            world.record(LIB, retract("cc")).await;
            world.record(LIB, commits(vec![commit("bb", 2)])).await;
            seen.extend(world.feed(cursor, limit).await.events);

            let mut recorded: BTreeMap<&str, u32> = BTreeMap::new();
            let mut last: BTreeMap<&str, bool> = BTreeMap::new();
            for change in &seen {
                *recorded.entry(&change.event.id).or_default() +=
                    u32::from(change.news == News::Recorded);
                last.insert(&change.event.id, change.retracted);
            }
            let context = format!(
                "stopped after {stop_after}, then in pieces of {limit}: {:?}",
                told(&seen)
            );
            assert_eq!(
                recorded,
                oids.iter().map(|oid| (*oid, 1)).collect(),
                "{context}"
            );
            assert_eq!(
                last,
                oids.iter().map(|oid| (*oid, *oid == "cc")).collect(),
                "{context}"
            );
        }
    }
}

/// A counter by state must not move when a review is dismissed.
pub async fn a_review_keeps_its_first_state_in_the_feed(open: Open<'_>) {
    let world = World::new(open).await;
    let pulls = |event| vec![part(Stream::Pulls, vec![event])];
    world
        .record(LIB, pulls(review(5, 1, ReviewState::Approved, 10)))
        .await;
    let cursor = world.feed(Cursor::default(), 100).await.next;
    world
        .record(LIB, pulls(review(5, 1, ReviewState::Dismissed, 20)))
        .await;
    world.record(LIB, commits(vec![commit("aa", 1)])).await;

    let amended = world.feed(cursor, 100).await;
    assert_eq!(
        told(&amended.events),
        [("5", News::Amended, false), ("aa", News::Recorded, false)]
    );
    assert_eq!(amended.events[0].first_state, Some(ReviewState::Approved));
    assert_eq!(amended.events[1].first_state, None);

    let anew = world.feed(Cursor::default(), 100).await;
    assert!(
        anew.events
            .iter()
            .filter(|change| change.event.id == "5")
            .all(|change| {
                change.first_state == Some(ReviewState::Approved)
                    && change.event == review(5, 1, ReviewState::Dismissed, 20)
            })
    );
}

/// Four writers and a reader at the same time: nothing ever appears at or before a cursor that the reader has.
pub async fn the_feed_misses_nothing_under_concurrent_writers(open: Open<'_>) {
    const WRITERS: u64 = 4;
    const ROUNDS: i64 = 40;
    let world = World::new(open).await;
    let repos: Vec<RepoId> = (0..WRITERS).map(|number| RepoId(100 + number)).collect();
    let listing: Vec<_> = repos
        .iter()
        .map(|repo| seen(*repo, &format!("r{repo}")))
        .collect();
    world.track(ORG, &listing, 0).await;

    let seen = std::sync::Mutex::new((Vec::new(), Cursor::default()));
    let (world, seen_ref) = (&world, &seen);
    let mut running: Vec<std::pin::Pin<Box<dyn Future<Output = ()> + Send + '_>>> = Vec::new();
    for repo in repos {
        running.push(Box::pin(async move {
            for round in 0..ROUNDS {
                let events = (0..3)
                    .map(|number| commit(&format!("{round}-{number}"), round))
                    .collect();
                world.record(repo, commits(events)).await;
                world.record(repo, retract(&format!("{round}-1"))).await;
            }
        }));
    }
    running.push(Box::pin(async move {
        let mut cursor = Cursor::default();
        for _ in 0..2 * ROUNDS {
            let piece = world
                .store
                .changes(cursor, 5)
                .await
                .expect("the feed is read");
            cursor = piece.next;
            let mut seen = seen_ref.lock().expect("no one panicked");
            seen.0.extend(piece.events);
            seen.1 = cursor;
        }
    }));
    together(running).await;

    let (mut events, cursor) = seen.into_inner().expect("no one panicked");
    events.extend(world.feed(cursor, 1_000).await.events);
    assert!(
        events.is_sorted_by(|earlier, later| earlier.seq < later.seq),
        "places rise"
    );
    let mut recorded: BTreeMap<(RepoId, &str), (u32, bool)> = BTreeMap::new();
    for change in &events {
        let entry = recorded.entry((change.repo, &change.event.id)).or_default();
        entry.0 += u32::from(change.news == News::Recorded);
        entry.1 = change.retracted;
    }
    assert_eq!(recorded.len() as u64, WRITERS * ROUNDS.unsigned_abs() * 3);
    for ((repo, oid), (times, retracted)) in recorded {
        assert_eq!(
            (times, retracted),
            (1, oid.ends_with("-1")),
            "{oid} of {repo}"
        );
    }
}

/// Each once, as it is now, at its latest change.
pub async fn the_feed_tells_of_repositories_and_organisations(open: Open<'_>) {
    let world = World::new(open).await;
    let first = world.feed(Cursor::default(), 100).await;
    let mut names: Vec<_> = first.repos.iter().map(|view| view.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["app", "lib"]);

    world
        .track(ORG, &[seen(LIB, "library"), seen(APP, "app")], 0)
        .await;
    world.record(LIB, vec![proven(0, 10)]).await;
    let second = world.feed(first.next, 100).await;
    let library = world.view(LIB).await;
    assert!(
        second
            .repos
            .iter()
            .filter(|view| view.id == LIB)
            .eq([&library]),
        "told once, as it is now"
    );

    world.confirm(&[(LIB, Stream::Commits)], 20).await;
    let third = world.feed(second.next, 100).await;
    assert_eq!(third.repos, [world.view(LIB).await]);

    let report = CycleReport {
        started: at(0),
        finished: at(5),
        result: CycleResult::Success,
        repos: 2,
        changed: 0,
        failed: 0,
        recorded: Recorded::default(),
        requests: 1,
        points: 1,
        error: None,
    };
    world
        .store
        .cycle(world.term, ORG, report)
        .await
        .expect("the report is taken in");
    let fourth = world.feed(third.next, 100).await;
    assert_eq!(
        fourth.orgs,
        world.store.orgs().await.expect("they are read")
    );
    assert_eq!(fourth.repos, []);
}
