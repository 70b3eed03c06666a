//! Cases of recording: a fact is counted once, at its own time.

use super::fixture::*;
use crate::coverage::GapReason;
use crate::event::{Actor, CommentOn, Event, Fact, Kind, RepoId, ReviewState, Stream, id};
use crate::port::activity::{CycleReport, CycleResult, Miss, Part, Recorded, SeenRepo};

/// Terms rise, also when the same holder leads again.
pub async fn each_leader_has_a_higher_term_than_the_one_before(open: Open<'_>) {
    let store = open();
    let mut terms = Vec::new();
    for holder in ["first", "second", "second", "first"] {
        terms.push(store.lead(holder, now()).await.expect("a term is given"));
    }
    assert!(
        terms.is_sorted_by(|earlier, later| earlier < later),
        "terms rise: {terms:?}"
    );
}

/// No step of a leader whose term is over leaves a trace.
pub async fn a_stale_term_is_refused_and_changes_nothing(open: Open<'_>) {
    let World { store, term: stale } = World::new(open).await;
    let term = store
        .lead("second", now())
        .await
        .expect("a second leader takes office");
    let world = World { store, term };
    world.record(LIB, vec![proven(0, 10)]).await;
    let before = world.feed(Default::default(), 100).await;

    let store = &world.store;
    let miss = Miss {
        repo: LIB,
        stream: Stream::Pulls,
        window: window(0, 5),
        reason: GapReason::Partial,
        error: "no".into(),
    };
    let report = CycleReport {
        started: at(0),
        finished: at(1),
        result: CycleResult::Success,
        repos: 1,
        changed: 1,
        failed: 0,
        recorded: Recorded::default(),
        requests: 1,
        points: 1,
        error: None,
    };
    let parts = commits(vec![commit("aa", 1)]);
    let outcomes = [
        store.track(stale, ORG, &[], at(0), now()).await,
        store
            .record(stale.into(), ORG, LIB, parts, now())
            .await
            .map(|_| ()),
        store
            .confirm(stale, ORG, &[(LIB, Stream::Commits)], at(50), now())
            .await,
        store.miss(stale, ORG, &[miss], now()).await,
        store
            .unavailable(stale.into(), ORG, LIB, Stream::Pulls, "gone".into(), now())
            .await,
        store.cycle(stale, ORG, report).await,
    ];
    for outcome in outcomes {
        assert!(
            outcome.expect_err("a stale term is refused").is_fenced(),
            "the refusal says that the term is over"
        );
    }
    assert_eq!(
        world.feed(Default::default(), 100).await,
        before,
        "nothing changed"
    );
}

/// The same batch again inserts nothing and tells the feed nothing.
pub async fn recording_twice_changes_nothing(open: Open<'_>) {
    let world = World::new(open).await;
    let batch = || {
        vec![
            part(Stream::Commits, vec![commit("aa", 1), commit("bb", 2)]),
            part(Stream::Pulls, vec![review(5, 3, ReviewState::Approved, 9)]),
        ]
    };
    let first = world.record(LIB, batch()).await;
    assert_eq!(
        first,
        Recorded {
            inserted: 3,
            ..Recorded::default()
        }
    );
    let cursor = world.feed(Default::default(), 100).await.next;

    assert_eq!(world.record(LIB, batch()).await, Recorded::default());
    assert_eq!(world.events(LIB).await.len(), 3);
    assert_eq!(
        world.feed(cursor, 100).await.events,
        [],
        "the feed has no news of it"
    );
}

/// Six orders of three overlapping batches, one of which repeats an event in itself.
pub async fn overlapping_batches_in_any_order_make_the_same_store(open: Open<'_>) {
    let batches = |number: usize| match number {
        0 => vec![Part {
            events: vec![commit("aa", 1), commit("bb", 12)],
            ..proven(0, 20)
        }],
        1 => vec![Part {
            events: vec![commit("bb", 12), commit("cc", 25), commit("cc", 25)],
            ..proven(10, 30)
        }],
        _ => vec![Part {
            events: vec![commit("dd", 55), commit("cc", 25)],
            ..proven(25, 60)
        }],
    };
    let mut outcomes = Vec::new();
    for order in [
        [0, 1, 2],
        [0, 2, 1],
        [1, 0, 2],
        [1, 2, 0],
        [2, 0, 1],
        [2, 1, 0],
    ] {
        let world = World::new(open).await;
        let mut inserted = 0;
        for number in order {
            inserted += world.record(LIB, batches(number)).await.inserted;
        }
        assert_eq!(inserted, 4, "each fact is inserted once in order {order:?}");
        outcomes.push((
            world.events(LIB).await,
            world.coverage(LIB, Stream::Commits).await,
        ));
    }
    assert_eq!(outcomes[0].0.len(), 4);
    assert_eq!(outcomes[0].1.covered(), [window(0, 60)]);
    assert_eq!(outcomes[0].1.gaps(), []);
    assert!(
        outcomes.iter().all(|outcome| *outcome == outcomes[0]),
        "every order ends the same"
    );
}

/// Every kind of fact, with its edges: no id, long and foreign names, large numbers, and a fraction of a second.
pub async fn every_fact_comes_back_as_it_was_recorded(open: Open<'_>) {
    let world = World::new(open).await;
    let long = "x".repeat(300);
    let facts = [
        (
            "a1",
            Actor::unlinked(),
            Fact::Commit {
                additions: 1 << 53,
                deletions: 0,
                changed_files: 3_000,
            },
        ),
        (
            "1",
            Actor::new("dependabot[bot]", Some(49_699_333)),
            Fact::PullOpened { number: 1 << 40 },
        ),
        (
            "1",
            Actor::new(long.as_str(), Some(i64::MAX.unsigned_abs())),
            Fact::PullMerged {
                number: 1,
                merged_by: Some(Actor::new("märz🌊", None)),
                seconds_open: 31_536_000_000,
                lines: 0,
            },
        ),
        (
            "2",
            Actor::ghost(),
            Fact::PullMerged {
                number: 2,
                merged_by: None,
                seconds_open: 0,
                lines: 9,
            },
        ),
        (
            "3@77",
            Actor::new("O'Brien\"; --", None),
            Fact::PullClosed {
                number: 3,
                seconds_open: 5,
            },
        ),
        (
            "9",
            Actor::new("eve", Some(2)),
            Fact::Review {
                number: 1,
                state: ReviewState::ChangesRequested,
                seconds_since_ready: None,
            },
        ),
        (
            "10",
            Actor::new("eve", Some(2)),
            Fact::Review {
                number: 1,
                state: ReviewState::Dismissed,
                seconds_since_ready: Some(0),
            },
        ),
        (
            "issue:1",
            Actor::unattributed(),
            Fact::Comment {
                on: CommentOn::Issue,
            },
        ),
        (
            "issue:2",
            Actor::ghost(),
            Fact::Comment {
                on: CommentOn::Pull,
            },
        ),
        (
            "diff:1",
            Actor::ghost(),
            Fact::Comment {
                on: CommentOn::Diff,
            },
        ),
        ("4", Actor::new("", None), Fact::IssueOpened { number: 4 }),
        (
            "4@78",
            Actor::ghost(),
            Fact::IssueClosed {
                number: 4,
                seconds_open: 1,
            },
        ),
    ];
    let step = jiff::SignedDuration::from_micros(1_000_001);
    let mut when = at(0);
    let mut recorded = Vec::new();
    for (id, actor, fact) in facts {
        recorded.push(Event {
            id: id.to_owned(),
            at: when,
            actor,
            fact,
            version: 0,
        });
        when += step;
    }
    let parts = recorded
        .iter()
        .map(|event| part(event.fact.stream(), vec![event.clone()]))
        .collect();
    assert_eq!(world.record(LIB, parts).await.inserted, 12);
    assert_eq!(world.events(LIB).await, recorded);
    let fed: Vec<Event> = world
        .feed(Default::default(), 100)
        .await
        .events
        .into_iter()
        .map(|change| change.event)
        .collect();
    assert_eq!(fed, recorded);
}

/// The key is (repository, kind, id).
pub async fn facts_of_two_kinds_or_repositories_may_share_an_id(open: Open<'_>) {
    let world = World::new(open).await;
    let opened = Event {
        fact: Fact::PullOpened { number: 1 },
        id: id::item(5),
        ..commit("", 1)
    };
    let issue = Event {
        fact: Fact::IssueOpened { number: 1 },
        ..opened.clone()
    };
    let parts = || {
        vec![
            part(
                Stream::Pulls,
                vec![opened.clone(), review(5, 1, ReviewState::Approved, 0)],
            ),
            part(Stream::Issues, vec![issue.clone()]),
        ]
    };
    assert_eq!(world.record(LIB, parts()).await.inserted, 3);
    assert_eq!(world.record(APP, parts()).await.inserted, 3);
    assert_eq!(world.events(LIB).await.len(), 3);
    assert_eq!(world.events(APP).await.len(), 3);
}

/// A retraction takes a commit out of what is live and not out of what is known.
pub async fn a_retracted_commit_is_not_live_and_can_return(open: Open<'_>) {
    let world = World::new(open).await;
    world
        .record(LIB, commits(vec![commit("aa", 1), commit("bb", 2)]))
        .await;
    world.record(APP, commits(vec![commit("aa", 1)])).await;
    let cursor = world.feed(Default::default(), 100).await.next;

    let retract = || {
        vec![Part {
            retracted: vec!["aa".into()],
            ..part(Stream::Commits, Vec::new())
        }]
    };
    assert_eq!(
        world.record(LIB, retract()).await,
        Recorded {
            retracted: 1,
            ..Recorded::default()
        }
    );
    assert_eq!(
        world.record(LIB, retract()).await,
        Recorded::default(),
        "it is retracted already"
    );
    assert_eq!(world.events(LIB).await, [commit("bb", 2)]);
    assert_eq!(
        world.known(LIB).await,
        [("aa".to_owned(), true), ("bb".to_owned(), false)]
    );
    assert_eq!(
        world.known(APP).await,
        [("aa".to_owned(), false)],
        "another repository keeps its own"
    );
    let feed = world.feed(cursor, 100).await;
    let told: Vec<_> = feed
        .events
        .iter()
        .map(|change| (change.event.id.as_str(), change.retracted))
        .collect();
    assert_eq!(told, [("aa", true)]);

    let again = world.record(LIB, commits(vec![commit("aa", 1)])).await;
    assert_eq!(
        again,
        Recorded {
            updated: 1,
            ..Recorded::default()
        }
    );
    assert_eq!(world.events(LIB).await, [commit("aa", 1), commit("bb", 2)]);
    let back = world.feed(feed.next, 100).await;
    let told: Vec<_> = back
        .events
        .iter()
        .map(|change| (change.event.id.as_str(), change.retracted))
        .collect();
    assert_eq!(told, [("aa", false)]);
}

/// The retractions of a call come before its events.
pub async fn what_one_call_retracts_and_brings_is_live(open: Open<'_>) {
    let world = World::new(open).await;
    world.record(LIB, commits(vec![commit("aa", 1)])).await;
    let both = Part {
        retracted: vec!["aa".into()],
        ..part(Stream::Commits, vec![commit("aa", 1)])
    };
    world.record(LIB, vec![both]).await;
    assert_eq!(world.known(LIB).await, [("aa".to_owned(), false)]);
    assert_eq!(world.events(LIB).await, [commit("aa", 1)]);
}

/// It does not become known by it, either.
pub async fn retracting_what_is_not_known_does_nothing(open: Open<'_>) {
    let world = World::new(open).await;
    let nothing = Part {
        retracted: vec!["aa".into()],
        ..part(Stream::Commits, Vec::new())
    };
    assert_eq!(world.record(LIB, vec![nothing]).await, Recorded::default());
    assert_eq!(world.known(LIB).await, []);
    assert_eq!(
        world
            .record(LIB, commits(vec![commit("aa", 1)]))
            .await
            .inserted,
        1
    );
}

/// Versions in any order end with the newest, and only the state is amended.
pub async fn a_newer_version_amends_a_review_and_an_older_one_does_not(open: Open<'_>) {
    let pulls = |event| vec![part(Stream::Pulls, vec![event])];
    let world = World::new(open).await;
    world
        .record(LIB, pulls(review(5, 1, ReviewState::Approved, 10)))
        .await;

    let mut newer = review(5, 2, ReviewState::Dismissed, 20);
    newer.actor = Actor::ghost();
    assert_eq!(
        world.record(LIB, pulls(newer)).await,
        Recorded {
            updated: 1,
            ..Recorded::default()
        }
    );
    assert_eq!(
        world.events(LIB).await,
        [review(5, 1, ReviewState::Dismissed, 20)]
    );

    for version in [10, 19, 20] {
        let older = world
            .record(LIB, pulls(review(5, 1, ReviewState::Commented, version)))
            .await;
        assert_eq!(older, Recorded::default(), "version {version} is not newer");
    }
    assert_eq!(
        world.events(LIB).await,
        [review(5, 1, ReviewState::Dismissed, 20)]
    );
}

/// Older than the start, of a stream or a repository that is not tracked: refused, counted, and no error.
pub async fn events_outside_of_what_is_tracked_are_ignored(open: Open<'_>) {
    let world = World::new(open).await;
    let no_issues = SeenRepo {
        streams: vec![Stream::Commits, Stream::Pulls],
        ..seen(APP, "app")
    };
    world.track(ORG, &[seen(LIB, "lib"), no_issues], 0).await;

    let early = world
        .record(LIB, commits(vec![commit("aa", -1), commit("bb", 0)]))
        .await;
    assert_eq!(
        early,
        Recorded {
            inserted: 1,
            outside: 1,
            ..Recorded::default()
        }
    );

    let conversations = vec![
        comment(CommentOn::Issue, 1, 5),
        comment(CommentOn::Pull, 2, 5),
        comment(CommentOn::Diff, 3, 5),
    ];
    let no_stream = world
        .record(APP, vec![part(Stream::Pulls, conversations)])
        .await;
    assert_eq!(
        no_stream,
        Recorded {
            inserted: 2,
            outside: 1,
            ..Recorded::default()
        }
    );

    let unknown = world
        .record(RepoId(99), commits(vec![commit("aa", 1)]))
        .await;
    assert_eq!(
        unknown,
        Recorded {
            outside: 1,
            ..Recorded::default()
        }
    );

    world.track(ORG, &[seen(LIB, "lib")], 0).await;
    let untracked = world.record(APP, commits(vec![commit("aa", 1)])).await;
    assert_eq!(
        untracked,
        Recorded {
            outside: 1,
            ..Recorded::default()
        }
    );
}

/// By time, then kind, then id.
pub async fn the_events_of_a_window_come_in_order_and_without_its_end(open: Open<'_>) {
    let world = World::new(open).await;
    let parts = vec![
        part(
            Stream::Pulls,
            vec![
                review(1, 2, ReviewState::Approved, 0),
                comment(CommentOn::Diff, 1, 2),
            ],
        ),
        part(
            Stream::Commits,
            vec![
                commit("dd", 4),
                commit("cc", 3),
                commit("bb", 2),
                commit("ab", 2),
                commit("aa", 1),
            ],
        ),
    ];
    world.record(LIB, parts).await;
    let inside = world
        .store
        .events(ORG, LIB, window(2, 4))
        .await
        .expect("the events are read");
    let told: Vec<_> = inside
        .iter()
        .map(|event| (event.fact.kind(), event.id.as_str()))
        .collect();
    let expected = [
        (Kind::Commit, "ab"),
        (Kind::Commit, "bb"),
        (Kind::Review, "1"),
        (Kind::Comment, "diff:1"),
        (Kind::Commit, "cc"),
    ];
    assert_eq!(told, expected);
}

/// Twenty thousand events in one call, and the same again.
pub async fn a_large_batch_is_one_step(open: Open<'_>) {
    const COUNT: i64 = 20_000;
    let world = World::new(open).await;
    let batch = || {
        commits(
            (0..COUNT)
                .map(|number| commit(&format!("{number:040x}"), number))
                .collect(),
        )
    };
    assert_eq!(
        world.record(LIB, batch()).await.inserted,
        COUNT.unsigned_abs()
    );
    assert_eq!(world.record(LIB, batch()).await, Recorded::default());
    assert_eq!(world.events(LIB).await.len(), 20_000);
    let all = (0..COUNT).map(|number| format!("{number:040x}")).collect();
    let retract_all = vec![Part {
        retracted: all,
        ..part(Stream::Commits, Vec::new())
    }];
    assert_eq!(
        world.record(LIB, retract_all).await.retracted,
        COUNT.unsigned_abs()
    );
    assert_eq!(world.events(LIB).await, []);
}
