//! What is due, in which order, and how much of it.

use super::*;
use crate::port::activity::Due;

/// Not before there is a gap, and not after.
pub async fn a_gap_is_due_until_it_is_dispatched_claimed_or_filled(open: Open<'_>) {
    let world = World::new(open).await;
    assert_eq!(world.due_now(ORG, 500, 100).await, DueNow::default());
    world.lose(LIB_COMMITS, 10, 20).await;
    world.lose(LIB_COMMITS, 30, 40).await;
    let due = Due {
        repo: LIB,
        stream: Stream::Commits,
        window: window(10, 40),
        reason: GapReason::ScrapeError,
        attempts: 0,
    };
    let whole = DueNow {
        due: vec![due],
        ..DueNow::default()
    };
    assert_eq!(world.due_now(ORG, 500, 100).await, whole);
    assert_eq!(
        world.due_now("umbrella", 500, 100).await,
        DueNow::default(),
        "it is no gap of another organisation"
    );
    let under_way = DueNow {
        under_way: 1,
        ..DueNow::default()
    };
    world.dispatch(&[LIB_COMMITS], 500).await;
    assert_eq!(world.due_now(ORG, 500, 100).await, under_way);
    let claim = world.claim("ada", LIB_COMMITS, 900, 500).await;
    assert_eq!(world.due_now(ORG, 899, 100).await, under_way);

    let by = Authority::Filler(claim.clone());
    let filled = world
        .store
        .record(by, ORG, LIB, vec![proven(0, 40)], now())
        .await;
    filled.expect("the claim entitles to it");
    assert_eq!(
        world.due_now(ORG, 899, 100).await,
        DueNow::default(),
        "what is claimed and has no gap is not under way"
    );
    assert!(world.end(&claim, Ending::Filled, 600).await);
    assert_eq!(world.due_now(ORG, 5_000, 100).await, DueNow::default());
}

/// A message may be lost, and a worker may die: neither is told.
pub async fn what_was_dispatched_or_claimed_is_due_again_once_it_is_silent(open: Open<'_>) {
    let world = World::with_gaps(open, &[LIB_COMMITS]).await;
    world.dispatch(&[LIB_COMMITS], 500).await;
    assert_eq!(world.due(500 + SILENCE - 1).await, []);
    assert_eq!(world.due(500 + SILENCE).await, [LIB_COMMITS]);

    world.dispatch(&[LIB_COMMITS], 700).await;
    world.claim("ada", LIB_COMMITS, 1_000, 710).await;
    assert_eq!(world.due(999).await, [], "it is renewed in good time");
    assert_eq!(world.due(1_000).await, [LIB_COMMITS]);
}

/// What was never dispatched is first, and history that was asked for and nothing else last.
pub async fn what_is_due_comes_in_order_and_bounded(open: Open<'_>) {
    let world = World::new(open).await;
    let app = |stream| (APP, stream);
    world
        .store
        .ask_history(ORG, Some(APP), at(-100), at(5))
        .await
        .expect("history is asked for");
    let lost = [
        (LIB, Stream::Issues),
        (LIB, Stream::Pulls),
        LIB_COMMITS,
        app(Stream::Pulls),
    ];
    for gaps in lost {
        world.lose(gaps, 10, 20).await;
    }
    world.dispatch(&[LIB_COMMITS], 250).await;
    world.dispatch(&[LIB_PULLS], 240).await;
    let order = [
        app(Stream::Pulls),
        (LIB, Stream::Issues),
        LIB_PULLS,
        LIB_COMMITS,
        app(Stream::Commits),
        app(Stream::Issues),
    ];
    assert_eq!(world.due(500).await, order);
    let whole = world.due_now(ORG, 500, 100).await;
    assert_eq!(whole.under_way, 0);
    let reason_and_window = |place: usize| (whole.due[place].reason, whole.due[place].window);
    assert_eq!(
        reason_and_window(0),
        (GapReason::ScrapeError, window(-100, 20)),
        "the reason is that of the gap which nobody asked for"
    );
    assert_eq!(reason_and_window(4), (GapReason::Manual, window(-100, 0)));

    world.claim("ada", LIB_PULLS, 900, 500).await;
    for limit in 0..=6 {
        let piece = world.due_now(ORG, 500, limit).await;
        let expected: Vec<Due> = whole
            .due
            .iter()
            .filter(|due| (due.repo, due.stream) != LIB_PULLS)
            .take(limit)
            .cloned()
            .collect();
        assert_eq!(piece.due, expected);
        assert_eq!(piece.deferred, 5 - expected.len() as u64);
        assert_eq!(piece.under_way, 1);
    }
}

/// A clock that was set back has gaps before it.
pub async fn only_the_time_before_now_is_due(open: Open<'_>) {
    let world = World::with_gaps(open, &[LIB_COMMITS]).await;
    assert_eq!(world.due(10).await, []);
    assert_eq!(
        world.ask("ada", LIB_COMMITS, 50, 10).await,
        Claimed::Nothing
    );
    let due = world.due_now(ORG, 15, 100).await.due;
    assert_eq!(due.len(), 1);
    assert_eq!(due[0].window, window(10, 15));
}

/// Until it is available or tracked again.
pub async fn what_cannot_be_read_is_not_due_and_cannot_be_claimed(open: Open<'_>) {
    let world = World::with_gaps(open, &[LIB_COMMITS, LIB_PULLS, APP_COMMITS]).await;
    let gone = world
        .store
        .unavailable(
            world.term.into(),
            ORG,
            LIB,
            Stream::Commits,
            "gone".to_owned(),
            now(),
        )
        .await;
    gone.expect("it is taken in");
    let mut without_pulls = seen(LIB, "lib");
    without_pulls
        .streams
        .retain(|stream| *stream != Stream::Pulls);
    world.track(ORG, &[without_pulls], 0).await;

    assert_eq!(world.due_now(ORG, 500, 100).await, DueNow::default());
    for gaps in [
        LIB_COMMITS,
        LIB_PULLS,
        APP_COMMITS,
        (RepoId(99), Stream::Pulls),
    ] {
        assert_eq!(world.ask("ada", gaps, 900, 500).await, Claimed::Nothing);
    }

    world
        .track(ORG, &[seen(LIB, "lib"), seen(APP, "app")], 0)
        .await;
    world.record(LIB, vec![proven(0, 5)]).await;
    assert_eq!(world.due(500).await, [APP_COMMITS, LIB_COMMITS, LIB_PULLS]);
}
