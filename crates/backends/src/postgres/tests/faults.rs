//! Connections that break at the worst moment, and servers that do not answer.

use std::error::Error;
use std::pin::Pin;
use std::time::Duration;

use ledger::event::{RepoId, Stream};
use ledger::port::activity::{Claim, Ending};
use ledger::port::coordination::{Block, Member};
use ledger::port::election::Office;
use ledger::port::queue::{BackfillQueue, Delays, Delivery, Task};
use ledger::port::state::KeptAnswer;
use ledger::port::{Activity, Coordination, Cursor, Election, Result, State, Token};
use tokio::time::Instant;

use super::super::address::CONNECTING;
use super::super::{Postgres, PostgresQueue, Settings};
use super::fencing::wait_for_waiters;
use super::proxy::{Proxy, Wire};
use super::space::{Space, beside, open};
use super::world::{ORG, at, commits, feed, held, lead, now, report, seen, window};

fn delays() -> Delays {
    Delays::new([Duration::from_secs(60)]).unwrap()
}

pub(super) fn task() -> Task {
    Task {
        org: ORG.to_owned(),
        repo: RepoId(1),
        stream: Stream::Commits,
        window: window(0, 900),
        reason: ledger::coverage::GapReason::Outage,
        attempts: 0,
        enqueued_at: at(0),
    }
}

#[tokio::test]
async fn a_step_whose_answer_is_lost_has_happened_whole_and_changes_nothing_again() {
    let (space, proxy) = (Space::new(), Proxy::new().await);
    let settings = space.settings();
    let store = open(&proxy.settings(&settings));
    let other = open(&settings);
    let term = lead(&store, [1]).await;

    let record = async || {
        store
            .record(
                term.into(),
                ORG,
                RepoId(1),
                commits(&["aa", "bb"], 10),
                now(),
            )
            .await
    };
    proxy.set(Wire::LosesTheNextAnswer);
    assert!(record().await.unwrap_err().is_unavailable());
    proxy.set(Wire::Passes);
    assert_eq!(
        held(&other, 1).await,
        (vec!["aa".to_owned(), "bb".to_owned()], at(10))
    );
    let before = feed(&other, Cursor::default()).await;
    assert_eq!(record().await.unwrap(), Default::default());
    assert_eq!(feed(&other, Cursor::default()).await, before);

    proxy.set(Wire::LosesTheNextAnswer);
    assert!(
        store
            .cycle(term, ORG, report(5))
            .await
            .unwrap_err()
            .is_unavailable()
    );
    proxy.set(Wire::Passes);
    store.cycle(term, ORG, report(5)).await.unwrap();
    store.cycle(term, ORG, report(6)).await.unwrap();
    assert_eq!(
        other.orgs().await.unwrap()[0].cycles[0],
        2,
        "one report counts once"
    );

    proxy.set(Wire::LosesTheNextAnswer);
    assert!(store.take("ada", None).await.unwrap_err().is_unavailable());
    proxy.set(Wire::Passes);
    assert_eq!(store.take("ada", None).await.unwrap(), None);
    let office = store.look().await.unwrap().unwrap();
    assert_eq!(office.holder.as_deref(), Some("ada"));

    proxy.set(Wire::LosesTheNextAnswer);
    assert!(store.lead("ada", now()).await.unwrap_err().is_unavailable());
    proxy.set(Wire::Passes);
    assert!(
        record().await.unwrap_err().is_fenced(),
        "the lost term is later than the old one"
    );

    let queue = PostgresQueue::open(&store, delays());
    proxy.set(Wire::LosesTheNextAnswer);
    assert!(
        queue
            .publish(&task(), now())
            .await
            .unwrap_err()
            .is_unavailable()
    );
    proxy.set(Wire::Passes);
    assert_eq!(queue.depth().await.unwrap().waiting, 1);
    let delivery = queue.next().await.unwrap();
    proxy.set(Wire::LosesTheNextAnswer);
    assert!(queue.ack(&delivery).await.unwrap_err().is_unavailable());
    proxy.set(Wire::Passes);
    queue.ack(&delivery).await.unwrap();
    let empty = queue.depth().await.unwrap();
    assert_eq!((empty.waiting, empty.in_hand), (0, 0));
}

#[tokio::test]
async fn a_connection_that_breaks_costs_one_step_and_the_next_has_another() {
    let (space, proxy) = (Space::new(), Proxy::new().await);
    let store = open(&proxy.settings(&space.settings()));
    let term = lead(&store, [1]).await;
    for round in 1..5 {
        proxy.set(Wire::IsCut);
        let failed = store
            .record(term.into(), ORG, RepoId(1), commits(&["aa"], round), now())
            .await;
        assert!(failed.unwrap_err().is_unavailable());
        assert!(store.look().await.unwrap_err().is_unavailable());
        proxy.set(Wire::Passes);
        store
            .record(term.into(), ORG, RepoId(1), commits(&["aa"], round), now())
            .await
            .unwrap();
        assert_eq!(held(&store, 1).await.1, at(round));
    }
}

type Step<'a> = (
    &'static str,
    Pin<Box<dyn Future<Output = Result<()>> + Send + 'a>>,
);

/// Every step of every port that talks to the server.
fn every_step<'a>(store: &'a Postgres, queue: &'a PostgresQueue) -> Vec<Step<'a>> {
    macro_rules! steps {
        ($($name:literal: $step:expr),* $(,)?) => {
            vec![$(($name, Box::pin(async move { $step.await.map(drop) }) as Pin<Box<dyn Future<Output = Result<()>> + Send + 'a>>)),*]
        };
    }
    let term = ledger::port::Term(1);
    let stream = (RepoId(1), Stream::Commits);
    let claim = || Claim {
        org: ORG.to_owned(),
        repo: RepoId(1),
        stream: Stream::Commits,
        token: Token(1),
    };
    let office = || Office {
        holder: Some("ada".to_owned()),
        epoch: 1,
        mark: "1".to_owned(),
    };
    let delivery = || Delivery {
        task: None,
        tag: "1:1".to_owned(),
    };
    let member = || Member {
        name: "ada".to_owned(),
        beat: 1,
    };
    let answer = || KeptAnswer {
        credential: "a".to_owned(),
        url: "/".to_owned(),
        etag: None,
        date: None,
        headers: Vec::new(),
        body: vec![1],
    };
    let block = || Block {
        credential: "a".to_owned(),
        until: at(1),
        reckoned: None,
    };
    steps![
        "lead": store.lead("bob", now()),
        "track": store.track(term, ORG, &seen([1]), at(0), now()),
        "record": store.record(term.into(), ORG, RepoId(1), commits(&["zz"], 99), now()),
        "confirm": store.confirm(term, ORG, &[stream], at(99), now()),
        "miss": store.miss(term, ORG, &[], now()),
        "unavailable": store.unavailable(term.into(), ORG, stream.0, stream.1, "gone".to_owned(), now()),
        "cycle": store.cycle(term, ORG, report(1)),
        "due": store.due(ORG, at(0), now(), 5),
        "dispatched": store.dispatched(term, ORG, &[stream], now()),
        "claim": store.claim(ORG, stream.0, stream.1, "bob", now(), now()),
        "hold": store.hold(&claim(), now()),
        "end": store.end(&claim(), Ending::Filled, now()),
        "rearm": store.rearm(ORG, None, now()),
        "ask_history": store.ask_history(ORG, None, at(-5), now()),
        "repos": store.repos(ORG),
        "commits": store.commits(ORG, RepoId(1)),
        "orgs": store.orgs(),
        "changes": store.changes(Cursor::default(), 10),
        "events": store.events(ORG, RepoId(1), window(0, 10)),
        "answer": store.answer("a", "/"),
        "keep_answer": store.keep_answer(answer(), now()),
        "noted": store.noted("a"),
        "note": store.note("a", "b"),
        "exchange": store.exchange(&member(), &[]),
        "leave": store.leave("ada"),
        "sweep": store.sweep(&member()),
        "held": store.held(),
        "close": store.close(&block()),
        "blocks": store.blocks(),
        "learnt": store.learnt("a"),
        "keep_learnt": store.keep_learnt("a", "b", None),
        "look": store.look(),
        "take": store.take("bob", None),
        "renew": store.renew(&office()),
        "resign": store.resign(&office()),
        "publish": queue.publish(&task(), now()),
        "next": queue.next(),
        "ack": queue.ack(&delivery()),
        "put_off": queue.put_off(&delivery(), Duration::ZERO, now()),
        "bury": queue.bury(&delivery(), "why", now()),
        "clear_dead": queue.clear_dead(),
        "depth": queue.depth(),
    ]
}

/// A server that is there and hears nothing, and one that closes every connection.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_step_waits_longer_than_its_limit_and_each_says_that_the_store_is_unavailable() {
    const TIMEOUT: Duration = Duration::from_secs(1);
    let (space, proxy) = (Space::new(), Proxy::new().await);
    let settings = space.settings();
    let other = open(&settings);
    lead(&other, [1]).await;
    let before = feed(&other, Cursor::default()).await;
    let store = open(&proxy.settings(&Settings {
        timeout: TIMEOUT,
        connections: 50,
        ..settings
    }));
    let queue = PostgresQueue::open(&store, delays());
    for wire in [Wire::SwallowsQuestions, Wire::IsCut] {
        // On a connection that is there, and on one that is to be made.
        proxy.set(Wire::Passes);
        store.ping().await.unwrap();
        proxy.set(wire);
        let began = Instant::now();
        let mut steps = tokio::task::JoinSet::new();
        for number in 0..every_step(&store, &queue).len() {
            let (store, queue) = (store.clone(), queue.clone());
            steps.spawn(async move {
                let (name, step) = every_step(&store, &queue).swap_remove(number);
                (name, step.await)
            });
        }
        for (name, outcome) in steps.join_all().await {
            let error = outcome.expect_err(name);
            assert!(error.is_unavailable(), "{name} with {wire:?}: {error:?}");
        }
        // A busy machine may be late itself.
        let limit = TIMEOUT + CONNECTING + Duration::from_secs(5);
        assert!(
            began.elapsed() < limit,
            "{wire:?} took {:?}",
            began.elapsed()
        );
    }
    proxy.set(Wire::Passes);
    store.ping().await.unwrap();
    assert_eq!(
        feed(&other, Cursor::default()).await,
        before,
        "nothing was written"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_does_not_come_is_not_waited_for_and_the_step_is_whole_or_not_there() {
    let (space, proxy) = (Space::new(), Proxy::new().await);
    let settings = space.settings();
    let other = open(&settings);
    let term = lead(&other, [1]).await;
    let store = open(&proxy.settings(&Settings {
        timeout: Duration::from_secs(1),
        ..settings
    }));
    // What it knows of the repository is as it is, so that the step is one.
    store.repos(ORG).await.unwrap();
    proxy.set(Wire::SwallowsAnswers);
    let began = Instant::now();
    let lost = store
        .record(term.into(), ORG, RepoId(1), commits(&["aa"], 10), now())
        .await;
    assert!(lost.unwrap_err().is_unavailable());
    assert!(
        began.elapsed() < Duration::from_secs(12),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(held(&other, 1).await, (vec!["aa".to_owned()], at(10)));
    proxy.set(Wire::Passes);
    let again = store
        .record(term.into(), ORG, RepoId(1), commits(&["aa"], 10), now())
        .await;
    assert_eq!(again.unwrap(), Default::default());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backend_that_is_terminated_in_the_middle_of_a_step_leaves_nothing_of_it() {
    let space = Space::new();
    let settings = space.settings();
    let store = open(&settings);
    let term = lead(&store, [1]).await;
    store
        .record(term.into(), ORG, RepoId(1), commits(&["aa"], 10), now())
        .await
        .unwrap();
    let before = feed(&store, Cursor::default()).await;
    // The step has written its events when it comes to the row of its repository.
    let mut holder = beside().await;
    let held_up = holder.transaction().await.unwrap();
    let lock = format!("SELECT FROM {}.repos FOR UPDATE", settings.schema);
    held_up.batch_execute(&lock).await.unwrap();
    let writer = store.clone();
    let writing = tokio::spawn(async move {
        writer
            .record(
                term.into(),
                ORG,
                RepoId(1),
                commits(&["aa", "bb"], 20),
                now(),
            )
            .await
    });
    let killer = beside().await;
    for pid in wait_for_waiters(&killer, &settings.schema, 1).await {
        let sql = format!("SELECT pg_terminate_backend({pid})");
        killer.batch_execute(&sql).await.unwrap();
    }
    assert!(writing.await.unwrap().unwrap_err().is_unavailable());
    held_up.rollback().await.unwrap();
    assert_eq!(
        feed(&store, Cursor::default()).await,
        before,
        "nothing of it is there"
    );
    let again = store
        .record(
            term.into(),
            ORG,
            RepoId(1),
            commits(&["aa", "bb"], 20),
            now(),
        )
        .await;
    assert_eq!(again.unwrap().inserted, 1);
    assert_eq!(held(&store, 1).await.1, at(20));
}

/// Four writers, and somebody who ends their connections all the time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_answered_is_there_and_nothing_by_half_however_often_connections_are_ended() {
    const WRITERS: u64 = 4;
    const RECORDINGS: i64 = 30;
    let space = Space::new();
    let settings = space.settings();
    let term = lead(&open(&settings), 0..WRITERS).await;
    let mut writers = tokio::task::JoinSet::new();
    for repo in 0..WRITERS {
        let store = open(&settings);
        writers.spawn(async move {
            let mut failures = 0;
            for number in 0..RECORDINGS {
                let oids = [0, 1, 2].map(|place| format!("{number:03}-{place}"));
                let parts = || commits(&oids.each_ref().map(String::as_str), number + 1);
                while let Err(error) = store
                    .record(term.into(), ORG, RepoId(repo), parts(), now())
                    .await
                {
                    assert!(error.is_unavailable(), "{error:?}");
                    failures += 1;
                }
                // Whatever was answered is whole, and the rest is not there.
                let commits = store.commits(ORG, RepoId(repo)).await;
                if let Ok(commits) = commits {
                    assert_eq!(commits.len() as i64, 3 * (number + 1));
                }
            }
            failures
        });
    }
    let killer = beside().await;
    let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE position($1 IN query) > 0 AND pid <> pg_backend_pid()";
    let killing = tokio::spawn(async move {
        loop {
            let parameters = [(&settings.schema as _, tokio_postgres::types::Type::TEXT)];
            killer.query_typed(sql, &parameters).await.unwrap();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    let failures = writers.join_all().await;
    killing.abort();
    assert!(failures.iter().sum::<u32>() > 0, "somebody was hit");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lock_that_is_not_given_ends_the_step_at_the_server_too() {
    let space = Space::new();
    let settings = space.settings();
    let other = open(&settings);
    let term = lead(&other, [1]).await;
    let store = open(&Settings {
        timeout: Duration::from_secs(1),
        ..settings.clone()
    });
    let mut holder = beside().await;
    let held_up = holder.transaction().await.unwrap();
    let lock = format!("SELECT FROM {}.store FOR UPDATE", settings.schema);
    held_up.batch_execute(&lock).await.unwrap();
    let failed = store
        .record(term.into(), ORG, RepoId(1), commits(&["aa"], 10), now())
        .await;
    assert!(failed.unwrap_err().is_unavailable());
    // A caller that goes away takes its statement with it.
    let writer = store.clone();
    let writing = tokio::spawn(async move {
        writer
            .record(term.into(), ORG, RepoId(1), commits(&["bb"], 10), now())
            .await
    });
    let looking = beside().await;
    wait_for_waiters(&looking, &settings.schema, 1).await;
    writing.abort();
    assert!(writing.await.unwrap_err().is_cancelled());
    held_up.commit().await.unwrap();
    other
        .record(term.into(), ORG, RepoId(1), commits(&["cc"], 10), now())
        .await
        .unwrap();
    assert!(!held(&other, 1).await.0.contains(&"aa".to_owned()));
}

#[tokio::test]
async fn a_store_that_was_taken_away_begins_anew_and_says_so() {
    let space = Space::new();
    let settings = space.settings();
    let store = open(&settings);
    let term = lead(&store, [1]).await;
    store
        .record(term.into(), ORG, RepoId(1), commits(&["aa"], 10), now())
        .await
        .unwrap();
    let before = feed(&store, Cursor::default()).await;
    let drop_schema = format!("DROP SCHEMA {} CASCADE", settings.schema);
    beside().await.batch_execute(&drop_schema).await.unwrap();
    let error = store
        .record(term.into(), ORG, RepoId(1), commits(&["bb"], 20), now())
        .await;
    assert!(error.unwrap_err().is_unavailable());
    let late = store
        .record(term.into(), ORG, RepoId(1), commits(&["bb"], 20), now())
        .await;
    assert!(late.unwrap_err().is_fenced(), "nobody leads there yet");
    let after = feed(&store, Cursor::default()).await;
    assert_ne!(after.incarnation, before.incarnation);
    assert_eq!((after.events.len(), after.repos.len()), (0, 0));
    let next = lead(&store, [1]).await;
    assert!(
        next > term,
        "no leader of before is taken for the one of now"
    );
    assert_eq!(held(&store, 1).await, (Vec::new(), at(0)));
    let late = store
        .record(term.into(), ORG, RepoId(1), commits(&["bb"], 20), now())
        .await;
    assert!(late.unwrap_err().is_fenced());
}

#[tokio::test]
async fn a_waiting_consumer_hears_of_tasks_after_its_connections_were_cut() {
    let (space, proxy) = (Space::new(), Proxy::new().await);
    let settings = space.settings();
    let consumer = PostgresQueue::open(&open(&proxy.settings(&settings)), delays());
    let producer = PostgresQueue::open(&open(&settings), delays());
    producer.depth().await.unwrap();
    let waiting = tokio::spawn(async move {
        loop {
            match consumer.next().await {
                Ok(delivery) => return delivery,
                Err(error) => assert!(error.is_unavailable(), "{error:?}"),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    tokio::task::yield_now().await;
    proxy.set(Wire::IsCut);
    producer.publish(&task(), now()).await.unwrap();
    proxy.set(Wire::Passes);
    let delivery = tokio::time::timeout(Duration::from_secs(30), waiting).await;
    assert_eq!(delivery.unwrap().unwrap().task, Some(task()));
}

#[tokio::test]
async fn no_error_shows_the_password() {
    let space = Space::new();
    for url in [
        "postgres://ada:hunter2@127.0.0.1:1/tide",
        "postgres://ada:hunter2@127.0.0.1:1/tide?sslmode=disable",
        "postgres://ada:hunter2@nowhere.invalid/tide",
    ] {
        let store = open(&Settings {
            url: url.to_owned().into(),
            ..space.settings()
        });
        let error = store.ping().await.unwrap_err();
        assert!(error.is_unavailable(), "{error:?}");
        let mut shown = format!("{store:?} {error:?}");
        let mut cause: Option<&dyn Error> = Some(&error);
        while let Some(error) = cause {
            shown.push_str(&format!(": {error}"));
            cause = error.source();
        }
        assert!(!shown.contains("hunter2"), "{shown}");
        assert!(shown.contains(store.place()), "{shown}");
    }
}
