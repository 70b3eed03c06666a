//! How filling ends: attempts, their times, what is stuck, and what arms it again.

use super::*;

/// Each failure counts and says why; the next attempt waits for its time.
pub async fn a_failed_attempt_counts_and_the_next_waits_for_its_time(open: Open<'_>) {
    let world = World::with_gaps(open, &[LIB_COMMITS]).await;
    for attempt in 1..=3_u32 {
        let second = 1_000 * i64::from(attempt);
        world.dispatch(&[LIB_COMMITS], second).await;
        let claim = world.claim("ada", LIB_COMMITS, second + 500, second).await;
        let error = format!("attempt {attempt}: 502");
        let ending = failed(&error, Some(second + 300));
        assert!(world.end(&claim, ending, second + 50).await);
        let backfill = Backfill {
            attempts: attempt,
            error,
            next_attempt: Some(at(second + 300)),
            stuck: false,
        };
        assert_eq!(world.stream(LIB_COMMITS).await.backfill, backfill);
        assert_eq!(
            world.due_now(ORG, second + 299, 100).await,
            DueNow::default(),
            "what waits is neither due nor under way"
        );
        assert_eq!(
            world
                .ask("eve", LIB_COMMITS, second + 900, second + 299)
                .await,
            Claimed::NotYet(at(second + 300))
        );
        let due = world.due_now(ORG, second + 300, 100).await.due;
        assert_eq!(due.len(), 1);
        assert_eq!(due[0].attempts, attempt);
    }
}

/// For good, until somebody arms it.
pub async fn when_every_attempt_is_used_up_it_is_stuck_until_it_is_armed_again(open: Open<'_>) {
    let world = World::with_gaps(open, &[LIB_COMMITS, LIB_PULLS, APP_COMMITS]).await;
    let claim = world.claim("ada", LIB_COMMITS, 900, 500).await;
    assert!(world.end(&claim, failed("410", None), 510).await);
    let claim = world.claim("ada", LIB_PULLS, 900, 500).await;
    assert!(world.end(&claim, failed("502", Some(900_000)), 510).await);
    let stuck = Backfill {
        attempts: 1,
        error: "410".to_owned(),
        next_attempt: None,
        stuck: true,
    };
    assert_eq!(world.stream(LIB_COMMITS).await.backfill, stuck);
    assert_eq!(world.due(800_000).await, [APP_COMMITS]);
    let asked = world.ask("ada", LIB_COMMITS, 900_000, 800_000).await;
    assert_eq!(asked, Claimed::Stuck);
    world.lose(LIB_COMMITS, 30, 40).await;
    assert_eq!(
        world.due(800_000).await,
        [APP_COMMITS],
        "more gaps arm nothing"
    );

    let rearm = async |org, repo| {
        let armed = world.store.rearm(org, repo, at(520)).await;
        armed.expect("it is answered")
    };
    assert_eq!(rearm("umbrella", None).await, 0);
    assert_eq!(rearm(ORG, Some(APP)).await, 0, "nothing of it waits");
    assert_eq!(world.stream(LIB_COMMITS).await.backfill, stuck);
    assert_eq!(rearm(ORG, Some(LIB)).await, 2);
    for gaps in [LIB_COMMITS, LIB_PULLS] {
        assert_eq!(world.stream(gaps).await.backfill, fresh());
    }
    assert_eq!(world.due(530).await, [APP_COMMITS, LIB_COMMITS, LIB_PULLS]);
    assert_eq!(rearm(ORG, None).await, 0, "it is armed already");
}

/// Who has given the permission that was missing does not arm twice.
pub async fn what_is_unavailable_is_armed_again_as_well(open: Open<'_>) {
    let world = World::with_gaps(open, &[LIB_COMMITS]).await;
    let claim = world.claim("ada", LIB_COMMITS, 900, 500).await;
    let by = Authority::Filler(claim.clone());
    let why = "403".to_owned();
    let said = world
        .store
        .unavailable(by, ORG, LIB, Stream::Commits, why, at(505))
        .await;
    said.expect("the claim entitles to it");
    assert!(world.end(&claim, failed("403", None), 510).await);
    let armed = world.store.rearm(ORG, None, at(520)).await;
    assert_eq!(armed.expect("it is answered"), 1);
    assert_eq!(world.due(530).await, []);
    world.record(LIB, vec![proven(0, 5)]).await;
    assert_eq!(world.due(530).await, [LIB_COMMITS]);
}

/// Attempts are those of what is missing, and start anew with what is left.
pub async fn filled_begins_anew_and_abandoned_counts_nothing(open: Open<'_>) {
    let world = World::with_gaps(open, &[LIB_COMMITS]).await;
    let claim = world.claim("ada", LIB_COMMITS, 900, 500).await;
    assert!(world.end(&claim, failed("502", Some(550)), 510).await);
    let before = world.stream(LIB_COMMITS).await;

    world.dispatch(&[LIB_COMMITS], 560).await;
    let claim = world.claim("ada", LIB_COMMITS, 900, 560).await;
    assert!(world.end(&claim, Ending::Abandoned, 570).await);
    assert_eq!(world.stream(LIB_COMMITS).await, before);
    assert_eq!(world.due(570).await, [LIB_COMMITS], "it is due at once");

    world.dispatch(&[LIB_COMMITS], 580).await;
    let claim = world.claim("ada", LIB_COMMITS, 900, 580).await;
    let by = Authority::Filler(claim.clone());
    let parts = vec![proven(0, 15)];
    let recorded = world.store.record(by, ORG, LIB, parts, at(585)).await;
    recorded.expect("the claim entitles to it");
    assert!(world.end(&claim, Ending::Filled, 590).await);
    assert_eq!(world.stream(LIB_COMMITS).await.backfill, fresh());
    let due = world.due_now(ORG, 590, 100).await.due;
    assert_eq!(due.len(), 1, "what is left is due at once");
    assert_eq!((due[0].window, due[0].attempts), (window(15, 20), 0));
}

/// Whoever it is who heals it.
pub async fn what_a_leader_reads_or_confirms_heals_the_gap_and_forgets_failures(open: Open<'_>) {
    let world = World::new(open).await;
    world.record(LIB, vec![proven(0, 8)]).await;
    let fail = async || {
        world.lose(LIB_COMMITS, 10, 20).await;
        let claim = world.claim("ada", LIB_COMMITS, 900, 500).await;
        assert!(world.end(&claim, failed("410", None), 510).await);
        assert!(world.stream(LIB_COMMITS).await.backfill.stuck);
    };
    fail().await;
    world.confirm(&[LIB_COMMITS], 15).await;
    let half = world.stream(LIB_COMMITS).await;
    assert!(half.backfill.stuck, "a gap is left of it");
    world.confirm(&[LIB_COMMITS], 20).await;
    let healed = world.stream(LIB_COMMITS).await;
    assert_eq!(
        (healed.coverage.gaps(), &healed.backfill),
        (&[][..], &fresh())
    );

    world.lose(LIB_COMMITS, 30, 40).await;
    let claim = world.claim("ada", LIB_COMMITS, 900, 520).await;
    assert!(world.end(&claim, failed("410", None), 530).await);
    world.record(LIB, vec![proven(20, 50)]).await;
    let healed = world.stream(LIB_COMMITS).await;
    assert_eq!(
        (healed.coverage.gaps(), &healed.backfill),
        (&[][..], &fresh())
    );
    assert_eq!(world.due(540).await, []);
}
