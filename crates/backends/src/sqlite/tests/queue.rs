//! The queue of backfill tasks: the suite, and what only a queue in a file can do.

use std::sync::Mutex;

use async_trait::async_trait;
use ledger::conformance::queue::{Bench, LONG, SHORT};
use ledger::port::queue::{BackfillQueue, Delays, Task};
use rusqlite::params;
use tokio::time::{Instant, timeout};

use super::super::queue::{EARLIEST, IN_HAND, NEXT};
use super::*;

/// No case takes this long; one whose message is lost would wait without end.
const PATIENCE: Duration = Duration::from_secs(120);

/// A queue of a process that can die and be started again.
struct Desk {
    began: Instant,
    directory: Option<tempfile::TempDir>,
    running: Mutex<Option<(Sqlite, SqliteQueue)>>,
}

impl Desk {
    async fn on_disk() -> Desk {
        let desk = Desk {
            began: Instant::now(),
            directory: Some(tempfile::tempdir().unwrap()),
            running: Mutex::default(),
        };
        desk.start(None).await;
        desk
    }

    async fn in_memory() -> Desk {
        let desk = Desk {
            began: Instant::now(),
            directory: None,
            running: Mutex::default(),
        };
        desk.start(Some(Sqlite::in_memory().unwrap())).await;
        desk
    }

    fn path(&self) -> PathBuf {
        self.directory.as_ref().unwrap().path().join("state.db")
    }

    async fn start(&self, in_memory: Option<Sqlite>) {
        let store = in_memory.unwrap_or_else(|| Sqlite::open(self.path()).unwrap());
        let began = self.began;
        let clock = move || at(0) + SignedDuration::try_from(began.elapsed()).unwrap();
        let queue = SqliteQueue::open(&store, delays(), clock).await.unwrap();
        *self.running.lock().unwrap() = Some((store, queue));
    }

    /// The process ends, and another begins.
    async fn restart(&self) {
        let (store, queue) = self.running.lock().unwrap().take().unwrap();
        drop(queue);
        let in_memory = self.directory.is_none().then_some(store);
        self.start(in_memory).await;
    }

    fn store(&self) -> Sqlite {
        self.running.lock().unwrap().as_ref().unwrap().0.clone()
    }

    fn queue(&self) -> SqliteQueue {
        self.running.lock().unwrap().as_ref().unwrap().1.clone()
    }
}

#[async_trait]
impl Bench for Desk {
    async fn handle(&self) -> Arc<dyn BackfillQueue> {
        Arc::new(self.queue())
    }

    fn now(&self) -> Timestamp {
        at(0) + SignedDuration::try_from(self.began.elapsed()).unwrap()
    }

    async fn kill(&self, consumer: Arc<dyn BackfillQueue>) {
        drop(consumer);
        self.restart().await;
    }

    async fn inject(&self, body: &[u8]) {
        let body = body.to_vec();
        let store = self.store();
        let injected = store.write(move |connection| {
            Ok(connection.execute("INSERT INTO messages (body) VALUES (?)", [body])?)
        });
        injected.await.unwrap();
        self.queue().wait.changed.notify_one();
    }
}

fn delays() -> Delays {
    Delays::new([SHORT, LONG]).unwrap()
}

fn task(number: u32) -> Task {
    Task {
        org: ORG.to_owned(),
        repo: RepoId(1),
        stream: Stream::Commits,
        window: window(0, 900),
        reason: ledger::coverage::GapReason::Outage,
        attempts: number,
        enqueued_at: at(i64::from(number)),
    }
}

/// A message that waits, one that is put off, one in hand and one that is dead.
pub(super) async fn fill(store: &Sqlite) {
    let queue = SqliteQueue::open(store, delays(), || at(1000))
        .await
        .unwrap();
    for number in 0..4 {
        queue.publish(&task(number), at(1000)).await.unwrap();
    }
    let put_off = queue.next().await.unwrap();
    queue.put_off(&put_off, LONG, at(1000)).await.unwrap();
    let dead = queue.next().await.unwrap();
    queue.bury(&dead, "410", at(1000)).await.unwrap();
    queue.next().await.unwrap();
}

mod in_memory {
    use super::*;

    macro_rules! queue {
        ($($case:ident)*) => { $(
            #[tokio::test(start_paused = true)]
            async fn $case() {
                let desk = Desk::in_memory().await;
                timeout(PATIENCE, ledger::conformance::queue::$case(&desk)).await.unwrap();
            }
        )* };
    }
    ledger::queue_cases!(queue);
}

mod on_disk {
    use super::*;

    macro_rules! queue {
        ($($case:ident)*) => { $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let desk = Desk::on_disk().await;
                timeout(PATIENCE, ledger::conformance::queue::$case(&desk)).await.unwrap();
            }
        )* };
    }
    ledger::queue_cases!(queue);
}

#[tokio::test(start_paused = true)]
async fn a_message_in_hand_for_too_long_is_handed_out_again() {
    let desk = Desk::in_memory().await;
    let queue = desk.queue();
    queue.publish(&task(1), desk.now()).await.unwrap();
    let first = queue.next().await.unwrap();
    let before = desk.now();
    let second = queue.next().await.unwrap();
    assert!(desk.now().duration_since(before) >= IN_HAND);
    assert_eq!(second.task, Some(task(1)));

    queue.ack(&first).await.unwrap();
    assert_eq!(
        queue.depth().await.unwrap().in_hand,
        1,
        "the old tag does nothing"
    );
    queue.ack(&second).await.unwrap();
    assert_eq!(queue.depth().await.unwrap(), Default::default());
}

#[tokio::test(start_paused = true)]
async fn what_waits_is_delayed_or_dead_stays_so_through_a_restart() {
    let desk = Desk::on_disk().await;
    let queue = desk.queue();
    for number in 0..4 {
        queue.publish(&task(number), desk.now()).await.unwrap();
    }
    let buried = queue.next().await.unwrap();
    queue.bury(&buried, "410", desk.now()).await.unwrap();
    let delayed = queue.next().await.unwrap();
    queue.put_off(&delayed, LONG, desk.now()).await.unwrap();
    let began = desk.now();
    let in_hand = queue.next().await.unwrap();
    drop(queue);
    desk.restart().await;

    let queue = desk.queue();
    let depth = queue.depth().await.unwrap();
    assert_eq!((depth.waiting, depth.in_hand, depth.dead), (3, 0, 1));
    assert_eq!(depth.oldest, Some(at(1)));
    for _ in 0..2 {
        let next = queue.next().await.unwrap();
        assert_ne!(next.task, delayed.task);
        queue.ack(&next).await.unwrap();
    }
    let last = queue.next().await.unwrap();
    assert_eq!(last.task, delayed.task);
    assert!(desk.now().duration_since(began).unsigned_abs() >= LONG);
    queue.ack(&in_hand).await.unwrap();
    assert_eq!(queue.depth().await.unwrap().in_hand, 1);
}

#[tokio::test(start_paused = true)]
async fn a_message_whose_taker_has_gone_comes_to_another_who_waits() {
    let desk = Desk::in_memory().await;
    let queue = desk.queue();
    for round in 0..50 {
        let gone = queue.clone();
        let going = tokio::spawn(async move { gone.next().await.unwrap() });
        let stays = queue.clone();
        let staying = tokio::spawn(async move { stays.next().await.unwrap() });
        for _ in 0..round % 5 {
            tokio::task::yield_now().await;
        }
        queue.publish(&task(round), desk.now()).await.unwrap();
        going.abort();
        let taken = match going.await {
            Ok(delivery) => {
                staying.abort();
                delivery
            }
            Err(_aborted) => timeout(PATIENCE, staying).await.unwrap().unwrap(),
        };
        assert_eq!(taken.task, Some(task(round)));
        queue.ack(&taken).await.unwrap();
        assert_eq!(queue.depth().await.unwrap(), Default::default());
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_back_hides_nothing_that_was_published() {
    let store = Sqlite::in_memory().unwrap();
    let now = Arc::new(Mutex::new(at(10_000)));
    let clock = Arc::clone(&now);
    let clock = move || *clock.lock().unwrap();
    let queue = SqliteQueue::open(&store, delays(), clock).await.unwrap();
    queue.publish(&task(1), at(10_000)).await.unwrap();
    *now.lock().unwrap() = at(0);
    assert_eq!(queue.next().await.unwrap().task, Some(task(1)));
}

#[tokio::test(start_paused = true)]
async fn of_too_many_dead_letters_the_oldest_go() {
    let desk = Desk::in_memory().await;
    let queue = desk.queue();
    let store = desk.store();
    let many = store.write(|connection| {
        let sql = "INSERT INTO dead_letters (body, reason, buried_at)
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
            SELECT x'', 'number ' || i, i FROM n";
        Ok(connection.execute(sql, [crate::message::MOST_DEAD])?)
    });
    many.await.unwrap();
    queue.publish(&task(1), desk.now()).await.unwrap();
    let delivery = queue.next().await.unwrap();
    let long = "märz ".repeat(1000);
    queue.bury(&delivery, &long, desk.now()).await.unwrap();
    let kept = store.read(|connection| {
        let first = "SELECT reason FROM dead_letters ORDER BY id LIMIT 1";
        let last = "SELECT length(CAST(reason AS BLOB)) FROM dead_letters ORDER BY id DESC LIMIT 1";
        let first: String = connection.query_row(first, params![], |row| row.get(0))?;
        let last: i64 = connection.query_row(last, params![], |row| row.get(0))?;
        Ok((first, last))
    });
    assert_eq!(kept.await.unwrap(), ("number 2".to_owned(), 1000));
    assert_eq!(
        queue.clear_dead().await.unwrap(),
        u64::from(crate::message::MOST_DEAD)
    );
}

#[tokio::test]
async fn one_who_only_looks_sees_the_depth_and_changes_nothing() {
    let desk = Desk::on_disk().await;
    desk.queue().publish(&task(1), desk.now()).await.unwrap();
    let in_hand = desk.queue().next().await.unwrap();
    let store = Sqlite::read_only(desk.path()).unwrap();
    let clock = || at(0);
    let looking = SqliteQueue::open(&store, delays(), clock).await.unwrap();
    assert_eq!(looking.depth().await.unwrap().in_hand, 1);
    assert!(
        looking
            .publish(&task(2), at(0))
            .await
            .unwrap_err()
            .is_unavailable()
    );
    assert!(looking.next().await.unwrap_err().is_unavailable());
    desk.queue().ack(&in_hand).await.unwrap();
}

#[tokio::test]
async fn the_next_message_is_found_by_key() {
    let store = Sqlite::in_memory().unwrap();
    for sql in [NEXT, EARLIEST] {
        let plan = store.read(move |connection| Ok(plans::plan(connection, sql)));
        let plan = plan.await.unwrap();
        assert!(plan.starts_with("SEARCH messages USING"), "{sql}: {plan}");
    }
}
