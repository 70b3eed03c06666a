//! Terms and places with several processes at once.

use std::collections::BTreeMap;
use std::time::Duration;

use ledger::event::{RepoId, Stream};
use ledger::port::activity::{Changes, News};
use ledger::port::{Activity, Cursor};
use tokio_postgres::Client;

use super::space::{Space, beside, open};
use super::world::{ORG, at, commit, commits, feed, fetched, held, lead, now};

/// Waits until so many statements of a schema's functions wait for a lock.
pub(super) async fn wait_for_waiters(beside: &Client, schema: &str, waiters: i64) -> Vec<i32> {
    let sql = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND position($1 IN query) > 0";
    let began = tokio::time::Instant::now();
    loop {
        let limit = Duration::from_secs(30);
        assert!(began.elapsed() < limit, "nobody waits for a lock");
        let rows = beside
            .query_typed(sql, &[(&schema, tokio_postgres::types::Type::TEXT)])
            .await
            .unwrap();
        if rows.len() as i64 >= waiters {
            return rows.iter().map(|row| row.get(0)).collect();
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_under_way_is_there_before_the_next_term_or_not_at_all() {
    let space = Space::new();
    let settings = space.settings();
    let (store, other) = (open(&settings), open(&settings));
    let old = lead(&store, [1]).await;
    other.ping().await.unwrap();
    let mut holder = beside().await;
    for first in ["write", "term"] {
        let term = store.lead("ada", now()).await.unwrap();
        let held_up = holder.transaction().await.unwrap();
        let lock = format!("SELECT FROM {}.store FOR UPDATE", settings.schema);
        held_up.batch_execute(&lock).await.unwrap();
        let write = || {
            let (store, oid) = (store.clone(), format!("by-{first}"));
            tokio::spawn(async move {
                store
                    .record(term.into(), ORG, RepoId(1), commits(&[&oid], 10), now())
                    .await
            })
        };
        let take = || {
            let other = other.clone();
            tokio::spawn(async move { other.lead("bob", now()).await.unwrap() })
        };
        let looking = beside().await;
        let (write, take) = if first == "write" {
            let write = write();
            wait_for_waiters(&looking, &settings.schema, 1).await;
            let take = take();
            wait_for_waiters(&looking, &settings.schema, 2).await;
            (write, take)
        } else {
            let take = take();
            wait_for_waiters(&looking, &settings.schema, 1).await;
            let write = write();
            wait_for_waiters(&looking, &settings.schema, 2).await;
            (write, take)
        };
        held_up.commit().await.unwrap();
        assert!(take.await.unwrap() > term);
        let written = write.await.unwrap();
        let (oids, _) = held(&other, 1).await;
        let is_there = oids.contains(&format!("by-{first}"));
        match written {
            Ok(_) => assert!(is_there, "what was answered is there"),
            Err(error) => assert!(error.is_fenced() && !is_there, "{error:?}"),
        }
        for stale in [old, term] {
            let late = store
                .record(stale.into(), ORG, RepoId(1), commits(&["late"], 20), now())
                .await;
            assert!(late.unwrap_err().is_fenced());
        }
    }
    assert!(!held(&other, 1).await.0.contains(&"late".to_owned()));
}

fn assert_in_order(seen: &[(u64, String)]) {
    assert!(
        seen.is_sorted_by(|one, other| one.0 < other.0),
        "places rise"
    );
}

fn told(piece: &Changes) -> impl Iterator<Item = (u64, String)> {
    let recorded = piece
        .events
        .iter()
        .filter(|entry| entry.news == News::Recorded);
    recorded.map(|entry| (entry.seq.0, entry.event.id.clone()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn terms_never_interleave_and_a_reader_misses_nothing_whoever_writes() {
    const LEADERS: u64 = 4;
    const OFFICES: usize = 12;
    let space = Space::new();
    let settings = space.settings();
    let first = open(&settings);
    lead(&first, 0..LEADERS).await;

    let reader = open(&settings);
    let (done, mut is_done) = tokio::sync::watch::channel(false);
    let reading = tokio::spawn(async move {
        let (mut seen, mut cursor) = (Vec::new(), Cursor::default());
        loop {
            let was_done = *is_done.borrow_and_update();
            let piece = reader.changes(cursor, 3).await.unwrap();
            seen.extend(told(&piece));
            cursor = piece.next;
            if was_done && !piece.more {
                return seen;
            }
        }
    });

    let mut leaders = tokio::task::JoinSet::new();
    for number in 0..LEADERS {
        let store = open(&settings);
        leaders.spawn(async move {
            let mut written = Vec::new();
            for _ in 0..OFFICES {
                let term = store
                    .lead(&format!("leader-{number}"), now())
                    .await
                    .unwrap();
                for step in 0..8 {
                    // Terms in order are texts in order.
                    let oids =
                        (0..3).map(|event| format!("{:015}-{number}-{step}-{event}", term.0));
                    let oids: Vec<String> = oids.collect();
                    let events = oids.iter().map(|oid| commit(oid, step)).collect();
                    let part = fetched(Stream::Commits, events, step + 1);
                    match store
                        .record(term.into(), ORG, RepoId(number), vec![part], at(100))
                        .await
                    {
                        Ok(recorded) => {
                            assert_eq!(recorded.inserted, 3);
                            written.extend(oids);
                        }
                        Err(error) if error.is_fenced() => break,
                        Err(error) => panic!("{error:?}"),
                    }
                }
            }
            written
        });
    }
    let mut written: Vec<String> = leaders.join_all().await.concat();
    done.send_replace(true);
    let seen = reading.await.unwrap();
    assert_in_order(&seen);
    let term = |oid: &String| oid[..15].to_owned();
    assert!(
        seen.is_sorted_by_key(|(_, oid)| term(oid)),
        "no write of a term stands after one of a later term"
    );
    let mut told: Vec<String> = seen.into_iter().map(|(_, oid)| oid).collect();
    told.sort_unstable();
    written.sort_unstable();
    assert_eq!(
        told, written,
        "what was answered was told, once each, and nothing else"
    );
    assert!(
        written.len() >= 3 * OFFICES,
        "somebody got something done: {}",
        written.len()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_write_to_one_repository_lose_nothing_of_each_other() {
    const PROCESSES: i64 = 4;
    const ROUNDS: i64 = 10;
    let space = Space::new();
    let settings = space.settings();
    let first = open(&settings);
    let term = lead(&first, [1]).await;
    let mut writers = tokio::task::JoinSet::new();
    for process in 0..PROCESSES {
        let store = open(&settings);
        writers.spawn(async move {
            for round in 0..ROUNDS {
                // Each reads another stretch of time.
                let second = 10 * (process * ROUNDS + round);
                let mut part = fetched(
                    Stream::Commits,
                    vec![commit(format!("{second}"), second)],
                    1,
                );
                let proof = part.proof.as_mut().unwrap();
                proof.window = super::world::window(second, second + 10);
                store
                    .record(term.into(), ORG, RepoId(1), vec![part], now())
                    .await
                    .unwrap();
            }
        });
    }
    writers.join_all().await;
    let (oids, frontier) = held(&first, 1).await;
    assert_eq!(oids.len() as i64, PROCESSES * ROUNDS);
    assert_eq!(frontier, at(10 * PROCESSES * ROUNDS));
    let view = &first.repos(ORG).await.unwrap()[0];
    let coverage = &view.stream(Stream::Commits).unwrap().coverage;
    assert_eq!(coverage.gaps(), [], "every stretch was kept");
    let feed = feed(&first, Cursor::default()).await;
    let mut times: BTreeMap<&str, u32> = BTreeMap::new();
    for entry in &feed.events {
        *times.entry(&entry.event.id).or_default() += 1;
    }
    assert!(times.values().all(|times| *times == 1), "{times:?}");
}
