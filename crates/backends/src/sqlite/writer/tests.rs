use std::sync::mpsc::sync_channel;

use super::*;

type Answer = Result<i64, Fault>;

/// A database with one empty table, on a disk so that a second connection sees only what is committed.
struct World {
    directory: tempfile::TempDir,
    connection: Connection,
}

impl World {
    fn new() -> World {
        let directory = tempfile::tempdir().unwrap();
        let connection = Connection::open(directory.path().join("it.db")).unwrap();
        connection
            .execute_batch(
                "PRAGMA journal_mode = wal; PRAGMA foreign_keys = on;
                CREATE TABLE whole (id INTEGER PRIMARY KEY) STRICT;
                CREATE TABLE part (of INTEGER REFERENCES whole (id) DEFERRABLE INITIALLY DEFERRED, body BLOB) STRICT;",
            )
            .unwrap();
        World {
            directory,
            connection,
        }
    }

    fn observer(&self) -> Connection {
        Connection::open(self.directory.path().join("it.db")).unwrap()
    }

    /// Serves these requests, all of which are in the queue before the first is taken.
    fn serve<W>(&self, requests: Vec<W>) -> Vec<Answer>
    where
        W: FnOnce(&Connection) -> Answer + Send + 'static,
    {
        let (queue, taken) = sync_channel::<Box<dyn Request>>(requests.len());
        let mut answers = Vec::new();
        for work in requests {
            let (reply, answer) = sync_channel(1);
            queue
                .send(Box::new(Task {
                    work: Some(work),
                    outcome: None,
                    reply,
                    announcement: None,
                }))
                .unwrap();
            answers.push(answer);
        }
        drop(queue);
        serve(&self.connection, &taken, &AtomicUsize::new(0));
        answers
            .into_iter()
            .map(|answer| answer.recv().unwrap())
            .collect()
    }
}

fn count(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row(
        "SELECT (SELECT count(*) FROM whole) + (SELECT count(*) FROM part)",
        [],
        |row| row.get(0),
    )
}

/// What a request of these tests does after it has inserted its row.
#[derive(Clone, Copy, PartialEq)]
enum Then {
    Succeed,
    Refuse,
    Panic,
    /// Points at nothing, which `SQLite` finds out at the commit.
    Dangle,
    /// Needs more room than there is.
    Grow,
}

fn requests(kinds: &[Then]) -> Vec<impl FnOnce(&Connection) -> Answer + Send + 'static + use<>> {
    let kinds: Vec<(usize, Then)> = kinds.iter().copied().enumerate().collect();
    kinds
        .into_iter()
        .map(|(number, then)| {
            move |connection: &Connection| {
                let id = connection
                    .prepare_cached("INSERT INTO whole VALUES (?1)")?
                    .insert([number as i64])?;
                match then {
                    Then::Succeed => Ok(id),
                    Then::Refuse => Err(Fault::Fenced(ledger::port::Term(7))),
                    Then::Panic => panic!("as asked"),
                    Then::Dangle => {
                        Ok(connection.execute("INSERT INTO part VALUES (-1, NULL)", [])? as i64)
                    }
                    Then::Grow => Ok(connection
                        .execute("INSERT INTO part VALUES (NULL, zeroblob(10000000))", [])?
                        as i64),
                }
            }
        })
        .collect()
}

fn rows(connection: &Connection) -> Vec<i64> {
    let mut statement = connection
        .prepare("SELECT id FROM whole ORDER BY id")
        .unwrap();
    statement
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect()
}

#[test]
fn one_commit_carries_all_that_wait_up_to_its_bound() {
    let world = World::new();
    let observed: Vec<_> = (0..GROUP + 44)
        .map(|number| {
            let observer = world.observer();
            move |connection: &Connection| {
                connection.execute("INSERT INTO whole VALUES (?1)", [number as i64])?;
                Ok(count(&observer)?)
            }
        })
        .collect();
    let committed: Vec<i64> = world
        .serve(observed)
        .into_iter()
        .map(Result::unwrap)
        .collect();
    assert_eq!(
        committed[..GROUP],
        [0; GROUP],
        "the first group sees nothing of itself committed"
    );
    assert_eq!(
        committed[GROUP..],
        [GROUP as i64; 44],
        "the second group sees the first one committed"
    );
}

#[test]
fn a_request_that_fails_or_panics_takes_back_its_own_rows_alone() {
    let world = World::new();
    let kinds = [
        Then::Succeed,
        Then::Refuse,
        Then::Succeed,
        Then::Panic,
        Then::Succeed,
    ];
    let answers = world.serve(requests(&kinds));
    assert!(matches!(
        answers[..],
        [
            Ok(0),
            Err(Fault::Fenced(_)),
            Ok(2),
            Err(Fault::Panicked),
            Ok(4)
        ]
    ));
    assert_eq!(rows(&world.observer()), [0, 2, 4]);
}

#[test]
fn a_failed_commit_is_the_answer_to_every_request_of_the_group_and_the_next_group_works() {
    let world = World::new();
    let answers = world.serve(requests(&[
        Then::Succeed,
        Then::Dangle,
        Then::Refuse,
        Then::Succeed,
    ]));
    assert!(matches!(
        answers[..],
        [
            Err(Fault::Uncommitted(_)),
            Err(Fault::Uncommitted(_)),
            Err(Fault::Fenced(_)),
            Err(Fault::Uncommitted(_))
        ]
    ));
    assert_eq!(rows(&world.observer()), [0_i64; 0]);

    let answers = world.serve(requests(&[Then::Succeed]));
    assert!(matches!(answers[..], [Ok(0)]));
    assert_eq!(rows(&world.observer()), [0]);
}

#[test]
fn on_a_full_disk_a_request_is_answered_well_exactly_if_its_rows_are_there() {
    let world = World::new();
    world
        .connection
        .pragma_update_and_check(None, "max_page_count", 100, |_row| Ok(()))
        .unwrap();
    let kinds = [
        Then::Succeed,
        Then::Grow,
        Then::Succeed,
        Then::Grow,
        Then::Succeed,
    ];
    let answers = world.serve(requests(&kinds));
    let well: Vec<i64> = (0..)
        .zip(&answers)
        .filter(|(_, answer)| answer.is_ok())
        .map(|(id, _)| id)
        .collect();
    assert_eq!(rows(&world.observer()), well);
    assert!(
        answers[1].is_err() && answers[3].is_err() && answers[4].is_ok(),
        "{answers:?}"
    );
}

#[tokio::test]
async fn a_request_is_carried_out_although_its_caller_has_gone() {
    let world = World::new();
    let observer = world.observer();
    let (started, starting) = tokio::sync::oneshot::channel();
    let (go_on, going_on) = sync_channel::<()>(1);
    let writer = Writer::start(world.connection).unwrap();
    let write = writer.write(move |connection| {
        let _ = started.send(());
        going_on.recv().unwrap();
        connection.execute("INSERT INTO whole VALUES (1)", [])?;
        Ok(())
    });
    tokio::select! {
        biased;
        _ = starting => {}
        _ = write => unreachable!("it waits for us"),
    }
    go_on.send(()).unwrap();
    drop(writer);
    assert_eq!(rows(&observer), [1], "closing the writer waits for it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_callers_all_get_their_own_answer() {
    let world = World::new();
    let observer = world.observer();
    let writer = Arc::new(Writer::start(world.connection).unwrap());
    let mut callers = tokio::task::JoinSet::new();
    for number in 0..400_i64 {
        let writer = Arc::clone(&writer);
        callers.spawn(async move {
            let write = writer.write(move |connection| {
                Ok(connection
                    .prepare_cached("INSERT INTO whole VALUES (?1)")?
                    .insert([number])?)
            });
            assert_eq!(write.await.unwrap(), number);
        });
    }
    callers.join_all().await;
    assert_eq!(rows(&observer).len(), 400);
    assert_eq!(
        writer.announced.load(Ordering::SeqCst),
        0,
        "nobody is on the way any more"
    );
}
