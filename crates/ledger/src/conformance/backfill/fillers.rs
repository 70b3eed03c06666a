//! What a filler may write: its own stream, and facts.

use super::*;
use crate::event::{CommentOn, ReviewState};
use crate::port::activity::{Part, Recorded};

/// What it saw of others by the way is no whole fetch of theirs.
pub async fn a_filler_proves_its_own_stream_alone_and_its_events_count(open: Open<'_>) {
    let world = World::with_gaps(open, &[LIB_COMMITS, LIB_PULLS]).await;
    let parts = vec![Part {
        events: vec![commit("aa", 5), commit("bb", 6)],
        ..proven(0, 8)
    }];
    world.record(LIB, parts).await;
    let before = world.stream(LIB_COMMITS).await;

    let claim = world.claim("ada", LIB_PULLS, 900, 500).await;
    let parts = vec![
        Part {
            stream: Stream::Pulls,
            events: vec![
                review(7, 12, ReviewState::Approved, 0),
                comment(CommentOn::Pull, 8, 13),
            ],
            ..proven(0, 20)
        },
        Part {
            events: vec![commit("cc", 11)],
            retracted: vec!["aa".to_owned()],
            ..proven(10, 20)
        },
    ];
    let by = Authority::Filler(claim);
    let recorded = world.store.record(by, ORG, LIB, parts, now()).await;
    let expected = Recorded {
        inserted: 3,
        ..Recorded::default()
    };
    assert_eq!(recorded.expect("the claim entitles to it"), expected);
    assert_eq!(world.stream(LIB_COMMITS).await, before);
    let known = ["aa", "bb", "cc"].map(|oid| (oid.to_owned(), false));
    assert_eq!(world.known(LIB).await, known);
    let pulls = world.stream(LIB_PULLS).await.coverage;
    assert_eq!(pulls.gaps(), []);
    assert_eq!(pulls.covered(), [window(0, 20)]);
}

/// A stream is of one repository: the same stream of another is another's.
pub async fn a_filler_proves_nothing_of_another_repository(open: Open<'_>) {
    let world = World::with_gaps(open, &[LIB_COMMITS, APP_COMMITS]).await;
    world
        .record(APP, vec![part(Stream::Commits, vec![commit("aa", 5)])])
        .await;
    let before = world.view(APP).await;
    let by = Authority::Filler(world.claim("ada", LIB_COMMITS, 900, 500).await);
    let parts = vec![Part {
        events: vec![commit("bb", 11)],
        retracted: vec!["aa".to_owned()],
        ..proven(0, 30)
    }];
    let recorded = world.store.record(by.clone(), ORG, APP, parts, now()).await;
    assert_eq!(recorded.expect("the claim is not over").inserted, 1);
    for (repo, stream) in [APP_COMMITS, LIB_PULLS] {
        let why = "gone".to_owned();
        let said = world
            .store
            .unavailable(by.clone(), ORG, repo, stream, why, now())
            .await;
        said.expect("the claim is not over");
    }
    assert_eq!(world.view(APP).await, before);
    assert_eq!(world.stream(LIB_PULLS).await.unavailable, None);
    let known = ["aa", "bb"].map(|oid| (oid.to_owned(), false));
    assert_eq!(world.known(APP).await, known);
}

/// All that a whole fetch says, as a leader's does.
pub async fn a_filler_retracts_and_leaves_what_it_saw(open: Open<'_>) {
    let world = World::with_gaps(open, &[LIB_COMMITS]).await;
    world.record(LIB, commits(vec![commit("aa", 11)])).await;
    let claim = world.claim("ada", LIB_COMMITS, 900, 500).await;
    let by = Authority::Filler(claim.clone());
    let parts = vec![Part {
        events: vec![commit("bb", 12)],
        retracted: vec!["aa".to_owned()],
        ..proven(0, 30)
    }];
    let recorded = world
        .store
        .record(by.clone(), ORG, LIB, parts, at(600))
        .await;
    let expected = Recorded {
        inserted: 1,
        retracted: 1,
        ..Recorded::default()
    };
    assert_eq!(recorded.expect("the claim entitles to it"), expected);
    let stream = world.stream(LIB_COMMITS).await;
    assert_eq!(stream.fingerprint, Some(head("c0ffee")));
    assert_eq!(stream.fetched_at, Some(at(600)));
    assert_eq!(stream.coverage.covered(), [window(0, 30)]);

    let why = "410".to_owned();
    let said = world
        .store
        .unavailable(by.clone(), ORG, LIB, Stream::Commits, why, at(610))
        .await;
    said.expect("the claim entitles to it");
    let stream = world.stream(LIB_COMMITS).await;
    assert_eq!(stream.unavailable.as_deref(), Some("410"));

    let parts = commits(vec![commit("cc", 13)]);
    let recorded = world.store.record(by, ORG, LIB, parts, at(620)).await;
    assert_eq!(recorded.expect("the claim entitles to it").inserted, 1);
    let stream = world.stream(LIB_COMMITS).await;
    assert_eq!(stream.fingerprint, None, "as if a leader had recorded it");
    assert!(world.end(&claim, Ending::Filled, 630).await);
}

/// What is under way changes every few seconds, and is nobody's news.
pub async fn the_feed_tells_of_failures_and_not_of_who_is_at_it(open: Open<'_>) {
    let world = World::with_gaps(open, &[LIB_COMMITS]).await;
    let before = world.feed(Cursor::default(), 100).await;
    world.dispatch(&[LIB_COMMITS], 500).await;
    let claim = world.claim("ada", LIB_COMMITS, 600, 500).await;
    assert!(
        world
            .store
            .hold(&claim, at(900))
            .await
            .expect("it is answered")
    );
    let quiet = world.feed(before.next, 100).await;
    assert_eq!(
        (&quiet.events[..], &quiet.repos[..], &quiet.orgs[..]),
        (&[][..], &[][..], &[][..])
    );

    assert!(world.end(&claim, failed("502", None), 700).await);
    let failure = world.feed(quiet.next, 100).await;
    assert_eq!(failure.repos, [world.view(LIB).await]);
    let armed = world.store.rearm(ORG, None, at(800)).await;
    assert_eq!(armed.expect("it is answered"), 1);
    let again = world.feed(failure.next, 100).await;
    assert_eq!(again.repos, [world.view(LIB).await]);
}
