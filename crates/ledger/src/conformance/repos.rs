//! Cases of listings: repositories are what their ids say, and organisations stand apart.

use super::fixture::*;
use crate::event::{RepoId, Stream};
use crate::port::activity::{CycleReport, CycleResult, OrgView, Part, Recorded, SeenRepo};

/// Names follow the id, also when two repositories exchange theirs.
pub async fn a_renamed_repository_keeps_everything(open: Open<'_>) {
    let world = World::new(open).await;
    world
        .record(
            LIB,
            vec![Part {
                events: vec![commit("aa", 5)],
                ..proven(0, 20)
            }],
        )
        .await;
    world
        .track(ORG, &[seen(LIB, "app"), seen(APP, "lib")], 500)
        .await;
    let view = world.view(LIB).await;
    assert_eq!((view.name.as_str(), view.tracked), ("app", true));
    assert_eq!(world.view(APP).await.name, "lib");
    assert_eq!(world.events(LIB).await, [commit("aa", 5)]);
    let coverage = world.coverage(LIB, Stream::Commits).await;
    assert_eq!(
        (coverage.start(), coverage.covered()),
        (at(0), &[window(0, 20)][..])
    );
}

/// It is tracked again where it left off.
pub async fn a_repository_that_is_not_listed_is_kept_and_comes_back(open: Open<'_>) {
    let world = World::new(open).await;
    world.record(LIB, vec![proven(0, 20)]).await;
    world.track(ORG, &[seen(APP, "app")], 0).await;
    assert!(!world.view(LIB).await.tracked);
    assert!(world.view(APP).await.tracked);

    world
        .track(ORG, &[seen(APP, "app"), seen(LIB, "lib")], 900)
        .await;
    assert!(world.view(LIB).await.tracked);
    let coverage = world.coverage(LIB, Stream::Commits).await;
    assert_eq!((coverage.start(), coverage.frontier()), (at(0), at(20)));
    assert_eq!(
        world
            .record(LIB, commits(vec![commit("aa", 30)]))
            .await
            .inserted,
        1
    );
}

/// The listing of the organisation that it left takes nothing from the one that has it now.
pub async fn a_repository_moves_from_one_organisation_to_another(open: Open<'_>) {
    let world = World::new(open).await;
    world.record(LIB, commits(vec![commit("aa", 5)])).await;
    world.track("umbrella", &[seen(LIB, "lib")], 300).await;
    world.track(ORG, &[seen(APP, "app")], 0).await;

    let theirs = world
        .store
        .repos("umbrella")
        .await
        .expect("the repositories are read");
    assert_eq!(theirs.len(), 1);
    assert_eq!(
        (theirs[0].org.as_str(), theirs[0].id, theirs[0].tracked),
        ("umbrella", LIB, true)
    );
    assert_eq!(
        theirs[0]
            .stream(Stream::Commits)
            .expect("it is tracked")
            .coverage
            .start(),
        at(0)
    );
    let ours = world
        .store
        .repos(ORG)
        .await
        .expect("the repositories are read");
    assert_eq!(ours.iter().map(|view| view.id).collect::<Vec<_>>(), [APP]);
    let again = world
        .store
        .record(
            world.term.into(),
            "umbrella",
            LIB,
            commits(vec![commit("aa", 5)]),
            now(),
        )
        .await;
    assert_eq!(
        again.expect("it is recorded"),
        Recorded::default(),
        "the fact is known already"
    );
}

/// Each stream has a start of its own, and one that is off for a while keeps it.
pub async fn a_stream_that_is_enabled_later_is_tracked_from_then(open: Open<'_>) {
    let world = World::new(open).await;
    let without_issues = SeenRepo {
        streams: vec![Stream::Commits, Stream::Pulls],
        ..seen(LIB, "lib")
    };
    world
        .track(
            "umbrella",
            &[SeenRepo {
                id: RepoId(7),
                ..without_issues.clone()
            }],
            0,
        )
        .await;
    world
        .track(
            "umbrella",
            &[SeenRepo {
                id: RepoId(7),
                ..seen(LIB, "lib")
            }],
            100,
        )
        .await;
    let views = world
        .store
        .repos("umbrella")
        .await
        .expect("the repositories are read");
    let starts: Vec<_> = views[0]
        .streams
        .iter()
        .map(|view| (view.stream, view.coverage.start()))
        .collect();
    assert_eq!(
        starts,
        [
            (Stream::Commits, at(0)),
            (Stream::Pulls, at(0)),
            (Stream::Issues, at(100))
        ]
    );

    world.track(ORG, &[without_issues], 0).await;
    assert_eq!(world.view(LIB).await.stream(Stream::Issues), None);
    world.track(ORG, &[seen(LIB, "lib")], 700).await;
    assert_eq!(world.coverage(LIB, Stream::Issues).await.start(), at(0));
}

/// An empty listing empties its own organisation.
pub async fn organisations_do_not_affect_one_another(open: Open<'_>) {
    let world = World::new(open).await;
    world.track("umbrella", &[seen(RepoId(7), "lib")], 0).await;
    world.track("umbrella", &[], 0).await;
    let theirs = world
        .store
        .repos("umbrella")
        .await
        .expect("the repositories are read");
    assert_eq!(
        theirs.iter().map(|view| view.tracked).collect::<Vec<_>>(),
        [false]
    );
    let ours = world
        .store
        .repos(ORG)
        .await
        .expect("the repositories are read");
    let told: Vec<_> = ours
        .iter()
        .map(|view| (view.id, view.name.as_str(), view.tracked))
        .collect();
    assert_eq!(told, [(APP, "app", true), (LIB, "lib", true)], "by id");
    assert_eq!(ours[0].created_at, at(-500));
    assert_eq!(
        world
            .store
            .repos("nobody")
            .await
            .expect("an unknown organisation is empty"),
        []
    );
}

/// The heartbeat: the last cycle, and how many ended each way.
pub async fn cycles_are_folded_into_their_organisation(open: Open<'_>) {
    let world = World::new(open).await;
    let report = |second, result, error: Option<&str>| CycleReport {
        started: at(second),
        finished: at(second + 5),
        result,
        repos: 2,
        changed: 1,
        failed: 0,
        recorded: Recorded {
            inserted: 3,
            updated: 2,
            retracted: 1,
            outside: 4,
        },
        requests: 7,
        points: 9,
        error: error.map(str::to_owned),
    };
    let reports = [
        report(10, CycleResult::Success, None),
        report(20, CycleResult::Partial, Some("lib: 502")),
        report(30, CycleResult::Failure, Some("no answer")),
        report(40, CycleResult::SkippedUnhealthy, None),
        report(50, CycleResult::Failure, Some("no answer")),
    ];
    let mut expected = OrgView::new(ORG);
    for report in reports {
        expected.fold(report.clone());
        world
            .store
            .cycle(world.term, ORG, report)
            .await
            .expect("the report is taken in");
    }
    assert_eq!(expected.cycles, [1, 1, 2, 1]);
    assert_eq!(expected.last_read, Some(at(25)));
    world.track("umbrella", &[], 0).await;
    assert_eq!(
        world.store.orgs().await.expect("they are read"),
        [expected, OrgView::new("umbrella")]
    );
}
