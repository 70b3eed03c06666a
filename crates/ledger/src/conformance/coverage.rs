//! Cases of coverage: no instant is claimed that was not read, and none is lost.

use super::fixture::*;
use crate::coverage::{Gap, GapReason};
use crate::event::{RepoId, Stream};
use crate::fingerprint::Fingerprint;
use crate::port::activity::{Miss, Part, Proof};

fn miss(start: i64, end: i64, reason: GapReason, error: &str) -> Miss {
    Miss {
        repo: LIB,
        stream: Stream::Commits,
        window: window(start, end),
        reason,
        error: error.to_owned(),
    }
}

fn gap(start: i64, end: i64, reason: GapReason, error: &str) -> Gap {
    Gap {
        window: window(start, end),
        reason,
        error: error.to_owned(),
    }
}

/// One stream of one repository, with what the fetch saw and when.
pub async fn a_proof_covers_its_window_and_nothing_else(open: Open<'_>) {
    let world = World::new(open).await;
    world
        .record(
            LIB,
            vec![Part {
                events: vec![commit("aa", 5)],
                ..proven(-100, 20)
            }],
        )
        .await;
    let view = world.view(LIB).await;
    let stream = view.stream(Stream::Commits).expect("commits are tracked");
    assert_eq!(stream.coverage.start(), at(0));
    assert_eq!(
        stream.coverage.covered(),
        [window(0, 20)],
        "nothing is claimed before the start"
    );
    assert_eq!(stream.fingerprint, Some(head("c0ffee")));
    assert_eq!(stream.fetched_at, Some(now()));
    for other in [Stream::Pulls, Stream::Issues] {
        let other = view.stream(other).expect("the stream is tracked");
        assert_eq!(
            (
                other.coverage.covered(),
                &other.fingerprint,
                other.fetched_at
            ),
            (&[][..], &None, None)
        );
    }
    assert_eq!(world.coverage(APP, Stream::Commits).await.covered(), []);
}

/// Neither a proof of an older window nor an older confirmation takes anything back.
pub async fn a_frontier_never_moves_back(open: Open<'_>) {
    let world = World::new(open).await;
    world.record(LIB, vec![proven(0, 50)]).await;
    world.record(LIB, vec![proven(10, 20)]).await;
    assert_eq!(
        world.coverage(LIB, Stream::Commits).await.frontier(),
        at(50)
    );
    world.confirm(&[(LIB, Stream::Commits)], 60).await;
    world.confirm(&[(LIB, Stream::Commits)], 40).await;
    assert_eq!(
        world.coverage(LIB, Stream::Commits).await.frontier(),
        at(60)
    );
    world
        .store
        .miss(
            world.term,
            ORG,
            &[miss(0, 100, GapReason::ScrapeError, "no")],
            now(),
        )
        .await
        .expect("it is taken in");
    let coverage = world.coverage(LIB, Stream::Commits).await;
    assert_eq!(coverage.frontier(), at(60));
    assert_eq!(
        coverage.covered(),
        [window(0, 60)],
        "what was read stays read"
    );
}

/// A miss is a gap with its reason and its error; a proof of a part of it leaves the rest.
pub async fn a_miss_is_a_gap_until_it_is_read(open: Open<'_>) {
    let world = World::new(open).await;
    world.record(LIB, vec![proven(0, 10)]).await;
    let misses = [
        miss(10, 20, GapReason::ScrapeError, "502"),
        miss(20, 30, GapReason::Unhealthy, "cooling down"),
    ];
    world
        .store
        .miss(world.term, ORG, &misses, now())
        .await
        .expect("the misses are taken in");
    let coverage = world.coverage(LIB, Stream::Commits).await;
    assert_eq!(
        coverage.gaps(),
        [
            gap(10, 20, GapReason::ScrapeError, "502"),
            gap(20, 30, GapReason::Unhealthy, "cooling down")
        ]
    );
    assert_eq!(coverage.frontier(), at(10));

    world.record(LIB, vec![proven(12, 25)]).await;
    let coverage = world.coverage(LIB, Stream::Commits).await;
    assert_eq!(
        coverage.gaps(),
        [
            gap(10, 12, GapReason::ScrapeError, "502"),
            gap(25, 30, GapReason::Unhealthy, "cooling down")
        ]
    );

    world.record(LIB, vec![proven(10, 40)]).await;
    let coverage = world.coverage(LIB, Stream::Commits).await;
    assert_eq!(coverage.gaps(), []);
    assert_eq!(coverage.covered(), [window(0, 40)]);

    let unknown = Miss {
        repo: RepoId(99),
        ..miss(0, 5, GapReason::Partial, "")
    };
    world
        .store
        .miss(world.term, ORG, &[unknown], now())
        .await
        .expect("a miss of what is not tracked does nothing");
}

/// Unchanged since the last whole fetch proves the time since that fetch, and not the time that it did not read.
pub async fn a_confirmation_moves_the_frontier_and_heals_no_older_gap(open: Open<'_>) {
    let world = World::new(open).await;
    world.record(LIB, vec![proven(0, 10)]).await;
    world.record(LIB, vec![proven(20, 30)]).await;
    world
        .store
        .miss(
            world.term,
            ORG,
            &[miss(30, 35, GapReason::ScrapeError, "")],
            now(),
        )
        .await
        .expect("it is taken in");
    let before = world.view(LIB).await;
    world
        .confirm(&[(LIB, Stream::Commits), (RepoId(99), Stream::Commits)], 40)
        .await;
    let after = world.view(LIB).await;
    let coverage = &after
        .stream(Stream::Commits)
        .expect("commits are tracked")
        .coverage;
    assert_eq!(coverage.covered(), [window(0, 10), window(20, 40)]);
    assert_eq!(coverage.gaps(), [gap(10, 20, GapReason::Outage, "")]);
    let kept = |view: &crate::port::activity::RepoView| {
        let stream = view
            .stream(Stream::Commits)
            .expect("commits are tracked")
            .clone();
        (stream.fingerprint, stream.fetched_at)
    };
    assert_eq!(kept(&after), kept(&before), "a confirmation is no fetch");
}

/// A stream without a whole fetch, and one that is not tracked.
pub async fn a_confirmation_claims_nothing_that_was_never_read(open: Open<'_>) {
    let world = World::new(open).await;
    world.record(LIB, commits(vec![commit("aa", 5)])).await;
    world
        .confirm(&[(LIB, Stream::Commits), (LIB, Stream::Pulls)], 40)
        .await;
    assert_eq!(world.coverage(LIB, Stream::Commits).await.covered(), []);
    assert_eq!(world.coverage(LIB, Stream::Pulls).await.covered(), []);

    world.record(APP, vec![proven(0, 10)]).await;
    world.track(ORG, &[seen(LIB, "lib")], 0).await;
    world.confirm(&[(APP, Stream::Commits)], 40).await;
    assert_eq!(
        world.coverage(APP, Stream::Commits).await.covered(),
        [window(0, 10)]
    );
}

/// GitHub's clock may be ahead of ours.
pub async fn nothing_is_claimed_beyond_now(open: Open<'_>) {
    let world = World::new(open).await;
    let recorded = world
        .store
        .record(world.term.into(), ORG, LIB, vec![proven(0, 90)], at(50))
        .await;
    recorded.expect("the proof is recorded");
    assert_eq!(
        world.coverage(LIB, Stream::Commits).await.covered(),
        [window(0, 50)]
    );
    let confirmed = world
        .store
        .confirm(world.term, ORG, &[(LIB, Stream::Commits)], at(90), at(60))
        .await;
    confirmed.expect("the confirmation is taken in");
    assert_eq!(
        world.coverage(LIB, Stream::Commits).await.covered(),
        [window(0, 60)]
    );
}

/// Per stream, with its reason.
pub async fn what_is_unavailable_is_so_until_it_is_read_or_confirmed(open: Open<'_>) {
    let world = World::new(open).await;
    let reason = async |stream| {
        world
            .view(LIB)
            .await
            .stream(stream)
            .expect("it is tracked")
            .unavailable
            .clone()
    };
    let mark = async |why: &str| {
        let marked = world
            .store
            .unavailable(
                world.term.into(),
                ORG,
                LIB,
                Stream::Commits,
                why.to_owned(),
                now(),
            )
            .await;
        marked.expect("it is recorded");
    };

    mark("missing permission").await;
    mark("repository is gone").await;
    assert_eq!(
        reason(Stream::Commits).await.as_deref(),
        Some("repository is gone")
    );
    assert_eq!(reason(Stream::Pulls).await, None);
    world.record(LIB, vec![proven(0, 10)]).await;
    assert_eq!(reason(Stream::Commits).await, None);

    mark("missing permission").await;
    world.confirm(&[(LIB, Stream::Commits)], 20).await;
    assert_eq!(reason(Stream::Commits).await, None);
}

/// A fetch that does not say how many are open leaves the count.
pub async fn the_count_of_open_items_stays_until_another_is_told(open: Open<'_>) {
    let world = World::new(open).await;
    let fetched = |open| {
        let fingerprint = Fingerprint::items(Some((4, at(3))), 12, at(500));
        let proof = Proof {
            window: window(0, 10),
            fingerprint,
            open,
            deep: false,
        };
        vec![Part {
            proof: Some(proof),
            ..part(Stream::Pulls, Vec::new())
        }]
    };
    let open_pulls = async || {
        world
            .view(LIB)
            .await
            .stream(Stream::Pulls)
            .expect("pulls are tracked")
            .open
    };
    assert_eq!(open_pulls().await, None);
    for (told, then) in [(Some(4), Some(4)), (None, Some(4)), (Some(0), Some(0))] {
        world.record(LIB, fetched(told)).await;
        assert_eq!(open_pulls().await, then);
    }
    let view = world.view(LIB).await;
    let fingerprint = view
        .stream(Stream::Pulls)
        .and_then(|stream| stream.fingerprint.clone());
    assert_eq!(
        fingerprint,
        Some(Fingerprint::items(Some((4, at(3))), 12, at(500)))
    );
}

/// A walk that was cut off leaves commits that the last whole fetch did not see: it can vouch for nothing any more.
pub async fn commits_without_a_proof_take_the_fingerprint_away(open: Open<'_>) {
    let world = World::new(open).await;
    world.record(LIB, vec![proven(0, 10)]).await;
    world.record(LIB, commits(vec![commit("aa", 15)])).await;
    let view = world.view(LIB).await;
    let stream = view.stream(Stream::Commits).expect("commits are tracked");
    assert_eq!(stream.fingerprint, None);
    assert_eq!(
        stream.coverage.covered(),
        [window(0, 10)],
        "what was proved stays proved"
    );
}

/// What was read in part is kept and claims nothing.
pub async fn events_without_a_proof_cover_nothing(open: Open<'_>) {
    let world = World::new(open).await;
    world.record(LIB, commits(vec![commit("aa", 5)])).await;
    let view = world.view(LIB).await;
    let stream = view.stream(Stream::Commits).expect("commits are tracked");
    assert_eq!(
        (
            stream.coverage.covered(),
            &stream.fingerprint,
            stream.fetched_at
        ),
        (&[][..], &None, None)
    );
    assert_eq!(world.events(LIB).await, [commit("aa", 5)]);
}
