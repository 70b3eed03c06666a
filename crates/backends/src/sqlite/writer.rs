//! The one writer of a process: requests queue up, and one transaction carries all that are there.
//!
//! A write costs one sync of the disk, so many callers share one: the thread takes what the queue holds (at most
//! [`GROUP`] requests), waits [`STRAGGLERS`] once for callers that have announced themselves and not yet arrived, runs
//! each request in a savepoint of its own and answers all of them after the commit. A caller that is alone waits for
//! nobody. A request that fails or panics is rolled back by itself; if the commit fails, every request of the group is
//! answered with that error. It does not know what the requests do.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;

use super::fault::Fault;

/// The most requests that one transaction carries.
pub(super) const GROUP: usize = 256;

/// The most requests that wait in the queue. When it is full, callers wait for a place (on a thread for blocking work,
/// never on a worker of the runtime); nothing is dropped.
const QUEUE: usize = 1024;

/// How long the thread waits for callers that are on their way.
const STRAGGLERS: Duration = Duration::from_millis(2);

/// A handle to the writer thread. Dropping it lets the thread finish what is queued, and waits for that.
pub(super) struct Writer {
    queue: Option<SyncSender<Box<dyn Request>>>,
    announced: Arc<AtomicUsize>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread that owns `connection` from here on.
    pub(super) fn start(connection: Connection) -> std::io::Result<Writer> {
        let (queue, requests) = sync_channel(QUEUE);
        let announced = Arc::new(AtomicUsize::new(0));
        let on_their_way = Arc::clone(&announced);
        let thread = std::thread::Builder::new()
            .name("sqlite-writer".to_owned())
            .spawn(move || serve(&connection, &requests, &on_their_way))?;
        Ok(Writer {
            queue: Some(queue),
            announced,
            thread: Some(thread),
        })
    }

    /// Runs `work` in a transaction, and answers when it is on disk.
    ///
    /// The answer is awaited on a thread for blocking work: on a paused clock, time stands still until it is there. A
    /// caller that goes away takes nothing back, its work is done all the same.
    pub(super) async fn write<T, W>(&self, work: W) -> Result<T, Fault>
    where
        T: Send + 'static,
        W: FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    {
        let queue = self.queue.clone().ok_or(Fault::Closed)?;
        let (reply, answer) = sync_channel(1);
        let task = Task {
            work: Some(work),
            outcome: None,
            reply,
            announcement: Some(self.announce()),
        };
        let waiting = tokio::task::spawn_blocking(move || {
            queue
                .send(Box::new(task))
                .map_err(|_closed| Fault::Closed)?;
            drop(queue);
            answer.recv().map_err(|_closed| Fault::Closed)?
        });
        waiting.await.map_err(|_cancelled| Fault::Closed)?
    }

    fn announce(&self) -> Announcement {
        self.announced.fetch_add(1, Ordering::SeqCst);
        Announcement(Arc::clone(&self.announced))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A caller that is on its way to the queue; gone when its request has been taken, or will never come.
struct Announcement(Arc<AtomicUsize>);

impl Drop for Announcement {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// One request: run first, answered once its transaction has ended.
trait Request: Send {
    fn taken(&mut self);
    /// Runs inside a savepoint; whether that savepoint may stay.
    fn run(&mut self, connection: &Connection) -> Savepoint;
    /// Replaces what came out: the savepoint could not be made or ended.
    fn fail(&mut self, fault: Fault);
    /// Tells the caller. `lost` is the error that took the whole transaction with it.
    fn answer(self: Box<Self>, lost: Option<&Arc<rusqlite::Error>>);
}

#[derive(PartialEq, Eq)]
enum Savepoint {
    Keep,
    RollBack,
}

struct Task<T, W> {
    work: Option<W>,
    outcome: Option<Result<T, Fault>>,
    reply: SyncSender<Result<T, Fault>>,
    announcement: Option<Announcement>,
}

impl<T, W> Request for Task<T, W>
where
    T: Send,
    W: FnOnce(&Connection) -> Result<T, Fault> + Send,
{
    fn taken(&mut self) {
        self.announcement = None;
    }

    fn run(&mut self, connection: &Connection) -> Savepoint {
        let work = self.work.take().expect("a request runs once");
        let outcome =
            catch_unwind(AssertUnwindSafe(|| work(connection))).unwrap_or(Err(Fault::Panicked));
        let verdict = if outcome.is_ok() {
            Savepoint::Keep
        } else {
            Savepoint::RollBack
        };
        self.outcome = Some(outcome);
        verdict
    }

    fn fail(&mut self, fault: Fault) {
        self.outcome = Some(Err(fault));
    }

    fn answer(self: Box<Self>, lost: Option<&Arc<rusqlite::Error>>) {
        let answer = match (self.outcome, lost) {
            // A request that failed by itself keeps its own reason.
            (Some(Err(fault)), _) => Err(fault),
            (_, Some(error)) => Err(Fault::Uncommitted(Arc::clone(error))),
            (Some(Ok(value)), None) => Ok(value),
            (None, None) => Err(Fault::Closed),
        };
        // Nobody listens any more if the caller went away; the work is done all the same.
        let _ = self.reply.send(answer);
    }
}

fn serve(connection: &Connection, requests: &Receiver<Box<dyn Request>>, announced: &AtomicUsize) {
    while let Ok(first) = requests.recv() {
        let mut group = gather(first, requests, announced).into_iter();
        while group.len() > 0 {
            commit(connection, &mut group);
        }
    }
}

/// Takes what the queue holds, and waits once for callers that are on their way.
fn gather(
    first: Box<dyn Request>,
    requests: &Receiver<Box<dyn Request>>,
    announced: &AtomicUsize,
) -> Vec<Box<dyn Request>> {
    let mut group = vec![first];
    group[0].taken();
    let mut waited = false;
    while group.len() < GROUP {
        let mut next = match requests.try_recv() {
            Ok(request) => request,
            Err(TryRecvError::Empty) if !waited && announced.load(Ordering::SeqCst) > 0 => {
                waited = true;
                match requests.recv_timeout(STRAGGLERS) {
                    Ok(request) => request,
                    Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
                }
            }
            Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
        };
        next.taken();
        group.push(next);
    }
    group
}

/// Carries requests from `waiting` in one transaction and answers them.
///
/// All of them, unless `SQLite` gives up the transaction in the middle (it may, on a full disk or a failed read): then
/// those that ran are answered with that error, and the rest is left for the next transaction.
fn commit(connection: &Connection, waiting: &mut std::vec::IntoIter<Box<dyn Request>>) {
    let mut ran = Vec::with_capacity(waiting.len());
    let ended = match execute(connection, "BEGIN IMMEDIATE") {
        Ok(()) => {
            for mut request in waiting.by_ref() {
                in_savepoint(connection, request.as_mut());
                ran.push(request);
                if connection.is_autocommit() {
                    break;
                }
            }
            if connection.is_autocommit() {
                Err(gave_up())
            } else {
                execute(connection, "COMMIT")
            }
        }
        Err(error) => {
            ran.extend(waiting.by_ref());
            Err(error)
        }
    };
    let lost = ended.err().map(Arc::new);
    if lost.is_some() && !connection.is_autocommit() {
        // If even this fails, SQLite has no transaction to roll back any more.
        let _ = execute(connection, "ROLLBACK");
    }
    for request in ran {
        request.answer(lost.as_ref());
    }
}

fn in_savepoint(connection: &Connection, request: &mut dyn Request) {
    if let Err(error) = execute(connection, "SAVEPOINT request") {
        request.fail(error.into());
        return;
    }
    if request.run(connection) == Savepoint::RollBack {
        if connection.is_autocommit() {
            return;
        }
        if execute(connection, "ROLLBACK TO request").is_err() {
            // Half a request must not stay: give up the transaction, and with it the requests before this one.
            let _ = execute(connection, "ROLLBACK");
            return;
        }
    }
    if let Err(error) = execute(connection, "RELEASE request") {
        request.fail(error.into());
        let _ = execute(connection, "ROLLBACK");
    }
}

fn execute(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute([]).map(|_rows| ())
}

fn gave_up() -> rusqlite::Error {
    let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_ABORT_ROLLBACK);
    rusqlite::Error::SqliteFailure(code, Some("the transaction was given up".to_owned()))
}

#[cfg(test)]
mod tests;
