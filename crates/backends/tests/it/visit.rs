//! A visitor of a state: short changes beside the node that works on it, from another process, which may die.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use backends::sqlite::{Problem, Sqlite, SqliteQueue};
use ledger::coverage::GapReason;
use ledger::event::{RepoId, Stream};
use ledger::port::activity::{Changes, Claimed, Ending, Miss, News, RepoView};
use ledger::port::queue::{Delays, Task};
use ledger::port::{Activity, BackfillQueue, Cursor, State, Term};
use ledger::window::Window;
use rusqlite::Connection;

use crate::open::{allow, as_an_ordinary_user, directory, names};
use crate::{ORG, at, fetched, seen};

const REPOS: u64 = 8;
/// How often a visitor asks before it is killed.
const VISITS: usize = 25;
const ROUNDS: usize = 3;
/// How the parent tells the child which file it visits; to the test runner it is one more filter.
const ROLE: &str = "visit-until-killed=";

async fn started(path: &Path, repos: u64) -> (Sqlite, Term) {
    let node = Sqlite::open(path).unwrap();
    let term = node.lead("node", at(0)).await.unwrap();
    let listing: Vec<_> = (1..=repos).map(seen).collect();
    node.track(term, ORG, &listing, at(0), at(0)).await.unwrap();
    (node, term)
}

#[tokio::test]
async fn a_visitor_changes_what_anybody_may_and_takes_nothing_of_the_node_s() {
    let directory = directory();
    let path = directory.path().join("state.db");
    let (node, term) = started(&path, 1).await;
    let miss = Miss {
        repo: RepoId(1),
        stream: Stream::Commits,
        window: Window::new(at(10), at(20)).unwrap(),
        reason: GapReason::Partial,
        error: String::new(),
    };
    node.miss(term, ORG, &[miss], at(100)).await.unwrap();
    let asked = node
        .claim(ORG, RepoId(1), Stream::Commits, "node", at(200), at(100))
        .await;
    let Claimed::Given { claim, .. } = asked.unwrap() else {
        panic!("there is a gap");
    };
    let ending = Ending::Failed {
        error: "410".to_owned(),
        next_attempt: None,
    };
    assert!(node.end(&claim, ending, at(110)).await.unwrap());
    let cursor = node.changes(Cursor::default(), 100).await.unwrap().next;

    let beside = names(&directory);
    let visitor = Sqlite::visit(&path).unwrap();
    assert_eq!(names(&directory), beside, "nothing is made");
    assert_eq!(visitor.rearm(ORG, None, at(120)).await.unwrap(), 1);
    let reached = visitor.ask_history(ORG, None, at(-50), at(120)).await;
    assert_eq!(reached.unwrap(), 3);
    visitor.note("asked", "yes").await.unwrap();
    let news = node.changes(cursor, 100).await.unwrap();
    assert_eq!(news.repos, node.repos(ORG).await.unwrap());
    assert_eq!(news.repos[0].streams[0].coverage.start(), at(-50));
    assert_eq!(node.noted("asked").await.unwrap().as_deref(), Some("yes"));

    // The present term entitles whoever has it, and a new one ends it.
    let confirmed = visitor.confirm(term, ORG, &[], at(0), at(0)).await;
    confirmed.expect("the term is not over");
    let next = visitor.lead("visitor", at(130)).await.unwrap();
    let refused = node.confirm(term, ORG, &[], at(0), at(0)).await;
    assert!(refused.unwrap_err().is_fenced());

    drop(node);
    let node = Sqlite::open(&path).expect("a visitor keeps no node away");
    drop(visitor);
    let confirmed = node.confirm(next, ORG, &[], at(0), at(0)).await;
    confirmed.expect("the visitor's change was kept");
    let refused = Sqlite::open(&path).unwrap_err();
    assert!(
        matches!(refused.problem(), Problem::Held { .. }),
        "the node still has its lock"
    );
}

#[tokio::test]
async fn a_visitor_leaves_what_the_node_has_in_hand() {
    let directory = directory();
    let path = directory.path().join("state.db");
    let (node, _) = started(&path, 1).await;
    let delays = || Delays::new([std::time::Duration::from_secs(60)]).unwrap();
    let queue = SqliteQueue::open(&node, delays(), || at(100))
        .await
        .unwrap();
    let task = Task {
        org: ORG.to_owned(),
        repo: RepoId(1),
        stream: Stream::Commits,
        window: Window::new(at(10), at(20)).unwrap(),
        reason: GapReason::Partial,
        attempts: 0,
        enqueued_at: at(100),
    };
    queue.publish(&task, at(100)).await.unwrap();
    let delivery = queue.next().await.unwrap();
    let visitor = Sqlite::visit(&path).unwrap();
    let visiting = SqliteQueue::open(&visitor, delays(), || at(101))
        .await
        .unwrap();
    let depth = visiting.depth().await.unwrap();
    assert_eq!((depth.waiting, depth.in_hand, depth.dead), (0, 1, 0));
    queue.bury(&delivery, "410", at(102)).await.unwrap();
    assert_eq!(visiting.clear_dead().await.unwrap(), 1);
    assert_eq!(queue.depth().await.unwrap().dead, 0);
}

#[test]
fn what_is_no_state_of_this_version_is_not_visited_and_left_alone() {
    let directory = directory();
    let refused = |path: &Path| Sqlite::visit(path).unwrap_err().problem().clone();
    let path = directory.path().join("state.db");
    assert_eq!(refused(&path), Problem::Missing);
    assert_eq!(refused(directory.path()), Problem::NotADatabase);
    assert_eq!(names(&directory), [""; 0], "nothing is made");

    fs::write(&path, "# notes, and not a database").unwrap();
    assert_eq!(refused(&path), Problem::NotADatabase);
    assert_eq!(names(&directory), ["state.db"]);
    fs::remove_file(&path).unwrap();
    let connection = Connection::open(&path).unwrap();
    connection
        .execute_batch("CREATE TABLE photos (name TEXT)")
        .unwrap();
    drop(connection);
    assert_eq!(refused(&path), Problem::Foreign);
    fs::remove_file(&path).unwrap();

    fs::write(&path, "").unwrap();
    let older = refused(&path);
    assert!(
        matches!(older, Problem::OlderSchema { found: 0, .. }),
        "{older:?}"
    );
    fs::remove_file(&path).unwrap();
    drop(Sqlite::open(&path).unwrap());
    for version in [1, 99] {
        let connection = Connection::open(&path).unwrap();
        connection
            .pragma_update(None, "user_version", version)
            .unwrap();
        drop(connection);
        let before = fs::read(&path).unwrap();
        let problem = refused(&path);
        let expected = match version {
            1 => matches!(problem, Problem::OlderSchema { found: 1, .. }),
            _ => matches!(problem, Problem::NewerSchema { found: 99, .. }),
        };
        assert!(expected, "{problem:?}");
        assert_eq!(fs::read(&path).unwrap(), before, "the file is as it was");
    }
}

#[test]
fn a_state_that_may_not_be_written_is_not_visited() {
    let cases = [
        (0o777, 0o444, Problem::ReadOnly),
        (0o777, 0o600, Problem::Forbidden),
        // Nothing may be made beside the file, and no node has made it.
        (0o555, 0o666, Problem::ReadOnly),
    ];
    for (of_directory, of_file, problem) in cases {
        let directory = directory();
        let path = directory.path().join("state.db");
        drop(Sqlite::open(&path).unwrap());
        allow(&path, of_file);
        allow(directory.path(), of_directory);
        let refused = || Sqlite::visit(&path).unwrap_err().problem().clone();
        assert_eq!(as_an_ordinary_user(refused), problem, "{of_file:o}");
        allow(directory.path(), 0o755);
    }
}

/// The child: asks for a second more of history again and again, each time as a visitor of its own.
#[tokio::main(flavor = "current_thread")]
async fn visit_until_killed(path: &Path) {
    loop {
        let visitor = Sqlite::visit(path).unwrap();
        let reaches = visitor.repos(ORG).await.unwrap()[0].streams[0]
            .coverage
            .start();
        let since = reaches - jiff::SignedDuration::from_secs(1);
        let reached = visitor.ask_history(ORG, None, since, at(0)).await.unwrap();
        assert_eq!(reached, REPOS * 3);
        let mut output = std::io::stdout().lock();
        writeln!(output, "asked {}", at(0).as_second() - since.as_second()).unwrap();
        output.flush().unwrap();
    }
}

/// A process that ends with the test.
struct Visitor(Child);

impl Drop for Visitor {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _ended = self.0.wait();
    }
}

impl Visitor {
    fn start(path: &Path) -> Visitor {
        let mut role = std::ffi::OsString::from(ROLE);
        role.push(path);
        let test = "visit::beside_a_busy_node_a_visitor_gets_its_turn_and_the_feed_misses_nothing";
        let child = Command::new(std::env::current_exe().unwrap())
            .args([test, "--exact", "--nocapture", "--test-threads=1"])
            .arg(role)
            .stdout(Stdio::piped())
            .spawn();
        Visitor(child.unwrap())
    }

    /// Kills it when it has asked often enough; how far back it was told that history reaches.
    fn kill_after(mut self, visits: usize) -> i64 {
        let output = self.0.stdout.take().unwrap();
        let (mut heard, mut reached) = (0, 0);
        for line in BufReader::new(output).lines() {
            let line = line.unwrap();
            // The pipe may end in half a line, and begins with the test runner's own.
            if let Some(("asked", number)) = line.split_once(' ')
                && let Ok(number) = number.parse::<i64>()
            {
                (heard, reached) = (heard + 1, reached.max(number));
                if heard == visits {
                    self.0.kill().unwrap();
                }
            }
        }
        assert!(heard >= visits, "every visit had its turn: {heard}");
        reached
    }
}

/// What one who follows the feed knows.
#[derive(Default)]
struct Follower {
    cursor: Cursor,
    recorded: BTreeMap<(RepoId, String), u64>,
    repos: BTreeMap<RepoId, RepoView>,
}

impl Follower {
    fn take(&mut self, piece: Changes) {
        for change in piece.events {
            assert!(change.seq > self.cursor && change.seq <= piece.next);
            assert_eq!(change.news, News::Recorded);
            *self
                .recorded
                .entry((change.repo, change.event.id))
                .or_default() += 1;
        }
        self.repos
            .extend(piece.repos.into_iter().map(|view| (view.id, view)));
        self.cursor = piece.next;
    }

    async fn follow(&mut self, store: &Sqlite) {
        loop {
            let piece = store.changes(self.cursor, 20).await.unwrap();
            let more = piece.more;
            self.take(piece);
            if !more {
                return;
            }
        }
    }
}

/// Records without a pause until it is told to stop; how many recordings that were.
async fn write(store: Sqlite, term: Term, repo: u64, first: i64, stop: Arc<AtomicBool>) -> i64 {
    let mut number = first;
    while !stop.load(Ordering::SeqCst) {
        let parts = fetched([format!("{repo}-{number}")], number + 1);
        let recorded = store
            .record(term.into(), ORG, RepoId(repo), parts, at(1_000_000))
            .await
            .expect("a visitor takes no turn of the node's for long");
        assert_eq!(recorded.inserted, 1);
        number += 1;
    }
    number
}

#[test]
fn beside_a_busy_node_a_visitor_gets_its_turn_and_the_feed_misses_nothing() {
    if let Some(path) =
        std::env::args().find_map(|argument| Some(argument.strip_prefix(ROLE)?.to_owned()))
    {
        return visit_until_killed(Path::new(&path));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    runtime.block_on(async {
        let directory = directory();
        let path = directory.path().join("state.db");
        let (node, term) = started(&path, REPOS).await;
        let (mut follower, mut written) = (Follower::default(), vec![0; REPOS as usize]);
        for _ in 0..ROUNDS {
            let stop = Arc::new(AtomicBool::new(false));
            let writers: Vec<_> = (1..=REPOS)
                .zip(&written)
                .map(|(repo, first)| {
                    let writing = write(node.clone(), term, repo, *first, Arc::clone(&stop));
                    tokio::spawn(writing)
                })
                .collect();
            let visitor = Visitor::start(&path);
            let visits = tokio::task::spawn_blocking(move || visitor.kill_after(VISITS));
            while !visits.is_finished() {
                follower.follow(&node).await;
            }
            stop.store(true, Ordering::SeqCst);
            let promised = visits.await.unwrap();
            for (writer, written) in writers.into_iter().zip(&mut written) {
                let number = writer.await.unwrap();
                assert!(number > *written, "the node wrote meanwhile");
                *written = number;
            }
            follower.follow(&node).await;
            audit(&node, &follower, &written, promised).await;
        }
    });
}

async fn audit(node: &Sqlite, follower: &Follower, written: &[i64], promised: i64) {
    let views = node.repos(ORG).await.unwrap();
    assert!(follower.repos.values().eq(&views), "every change was told");
    let all: i64 = written.iter().sum();
    assert_eq!(i64::try_from(follower.recorded.len()).unwrap(), all);
    assert!(follower.recorded.values().all(|times| *times == 1));
    let reach = views[0].streams[0].coverage.start();
    assert!(at(0).as_second() - reach.as_second() >= promised);
    for (view, written) in views.iter().zip(written) {
        for stream in &view.streams {
            assert_eq!(
                stream.coverage.start(),
                reach,
                "of a visit there is all or nothing"
            );
            assert_eq!(stream.counted_from, at(0));
        }
        let commits = view.stream(Stream::Commits).unwrap();
        assert_eq!(commits.coverage.frontier(), at(*written));
    }
}
