//! History that is asked for: it is read like any gap, and counters do not count it.

use super::*;
use crate::coverage::Gap;
use crate::port::activity::{News, Part, Recorded};

async fn ask(world: &World, repo: Option<RepoId>, since: i64) -> u64 {
    let reached = world.store.ask_history(ORG, repo, at(since), at(500)).await;
    reached.expect("it is answered")
}

/// Of one repository or of all; further back, never less far.
pub async fn history_that_is_asked_for_is_a_gap_and_moves_no_counter(open: Open<'_>) {
    let world = World::new(open).await;
    world.record(LIB, vec![proven(0, 50)]).await;
    let untouched = world.view(APP).await;
    let streams = Stream::ALL.len() as u64;
    assert_eq!(ask(&world, Some(LIB), -100).await, streams);
    assert_eq!(world.view(APP).await, untouched);
    let manual = |start, end| Gap {
        window: window(start, end),
        reason: GapReason::Manual,
        error: String::new(),
    };
    for view in world.view(LIB).await.streams {
        assert_eq!(view.counted_from, at(0));
        assert_eq!(view.coverage.start(), at(-100));
        assert_eq!(view.coverage.gaps(), [manual(-100, 0)]);
    }
    let commits = world.stream(LIB_COMMITS).await;
    assert_eq!(commits.coverage.covered(), [window(0, 50)]);
    assert_eq!(commits.coverage.frontier(), at(50));
    assert_eq!(commits.fingerprint, Some(head("c0ffee")));

    let before = world.said().await;
    assert_eq!(ask(&world, Some(LIB), -100).await, 0);
    assert_eq!(ask(&world, Some(LIB), -50).await, 0);
    assert_eq!(world.said().await, before, "asking again changes nothing");
    assert_eq!(
        ask(&world, None, -100).await,
        streams,
        "of the other repository"
    );
    assert_eq!(ask(&world, None, -200).await, 2 * streams);
    let commits = world.stream(LIB_COMMITS).await;
    assert_eq!(commits.coverage.gaps(), [manual(-200, 0)], "one gap");
    let asked = world
        .store
        .ask_history("umbrella", None, at(-900), at(500))
        .await;
    assert_eq!(asked.expect("it is answered"), 0);

    // A repository that is new keeps its own start, and a further listing takes no history back.
    let new = RepoId(3);
    let listing = [seen(LIB, "lib"), seen(APP, "app"), seen(new, "new")];
    world.track(ORG, &listing, 300).await;
    let start = async |repo| world.view(repo).await.streams[0].coverage.start();
    assert_eq!((start(LIB).await, start(new).await), (at(-200), at(300)));
}

/// What cannot be read today is to be read when it can.
pub async fn history_of_what_is_unavailable_is_asked_for_as_well_and_of_the_untracked_not(
    open: Open<'_>,
) {
    let world = World::new(open).await;
    let gone = world
        .store
        .unavailable(
            world.term.into(),
            ORG,
            LIB,
            Stream::Commits,
            "403".to_owned(),
            now(),
        )
        .await;
    gone.expect("it is taken in");
    let mut without_issues = seen(LIB, "lib");
    without_issues
        .streams
        .retain(|stream| *stream != Stream::Issues);
    world.track(ORG, &[without_issues], 0).await;
    let listed = Stream::ALL.len() as u64 - 1;
    assert_eq!(ask(&world, None, -100).await, listed);
    assert_eq!(world.stream(LIB_COMMITS).await.coverage.start(), at(-100));
    world
        .track(ORG, &[seen(LIB, "lib"), seen(APP, "app")], 0)
        .await;
    let start = async |gaps| world.stream(gaps).await.coverage.start();
    assert_eq!(start((LIB, Stream::Issues)).await, at(0));
    assert_eq!(start(APP_COMMITS).await, at(0));
}

/// The feed says which events are history, for whoever keeps counters.
pub async fn events_before_the_counters_start_are_history_in_the_feed(open: Open<'_>) {
    let world = World::new(open).await;
    let old = vec![
        commit("reach", -100),
        commit("old", -1),
        commit("older", -101),
    ];
    let refused = world.record(LIB, commits(old.clone())).await;
    assert_eq!(refused.outside, 3);
    assert_eq!(ask(&world, Some(LIB), -100).await, Stream::ALL.len() as u64);
    let claim = world.claim("ada", LIB_COMMITS, 900, 500).await;
    let mut events = old;
    events.push(commit("start", 0));
    let parts = vec![Part {
        events,
        ..proven(-100, 0)
    }];
    let by = Authority::Filler(claim.clone());
    let recorded = world.store.record(by, ORG, LIB, parts, at(600)).await;
    let expected = Recorded {
        inserted: 3,
        outside: 1,
        ..Recorded::default()
    };
    assert_eq!(recorded.expect("the claim entitles to it"), expected);
    assert!(world.end(&claim, Ending::Filled, 610).await);
    let stream = world.stream(LIB_COMMITS).await;
    assert_eq!(stream.coverage.gaps(), []);
    assert_eq!(
        (stream.coverage.start(), stream.counted_from),
        (at(-100), at(0))
    );
    assert_eq!(world.events(LIB).await.len(), 3, "windows show history");

    for oid in ["old", "start"] {
        let retract = Part {
            retracted: vec![oid.to_owned()],
            ..part(Stream::Commits, Vec::new())
        };
        world.record(LIB, vec![retract]).await;
    }
    let feed = world.feed(Cursor::default(), 2).await.events;
    let told: Vec<_> = feed
        .iter()
        .map(|entry| (entry.event.id.as_str(), entry.news, entry.history))
        .collect();
    let expected = [
        ("reach", News::Recorded, true),
        ("old", News::Recorded, true),
        ("start", News::Recorded, false),
        ("old", News::Amended, true),
        ("start", News::Amended, false),
    ];
    assert_eq!(told, expected);

    // Also of what is not listed or tracked any more.
    let mut without = seen(LIB, "lib");
    without.streams.retain(|stream| *stream != Stream::Commits);
    world.track(ORG, &[without], 0).await;
    world.track(ORG, &[], 0).await;
    assert_eq!(world.feed(Cursor::default(), 100).await.events, feed);
}

/// Whoever asks for history again wants it tried again.
pub async fn asking_for_history_arms_what_is_stuck(open: Open<'_>) {
    let world = World::with_gaps(open, &[LIB_COMMITS]).await;
    ask(&world, None, -100).await;
    let claim = world.claim("ada", LIB_COMMITS, 900, 500).await;
    assert!(world.end(&claim, failed("502", None), 510).await);
    assert_eq!(ask(&world, None, -100).await, 0);
    assert_eq!(world.stream(LIB_COMMITS).await.backfill, fresh());
    assert!(world.due(520).await.contains(&LIB_COMMITS));
}

/// A cursor means something within one incarnation alone.
pub async fn every_piece_of_the_feed_is_of_one_incarnation(open: Open<'_>) {
    let world = World::new(open).await;
    let incarnation = async |after: u64| {
        let piece = world.store.changes(Cursor(after), 1).await;
        piece.expect("the feed is read").incarnation
    };
    let first = incarnation(0).await;
    assert!(!first.is_empty());
    world
        .record(LIB, commits(vec![commit("aa", 5), commit("bb", 6)]))
        .await;
    world
        .store
        .lead("second", now())
        .await
        .expect("a term begins");
    for after in [0, 1, 1_000_000] {
        assert_eq!(incarnation(after).await, first);
    }
}
