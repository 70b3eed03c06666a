//! A node that is killed while it writes: what was acknowledged is there, and nothing is there by half.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use backends::sqlite::Sqlite;
use ledger::coverage::GapReason;
use ledger::event::{RepoId, Stream};
use ledger::port::activity::{Claimed, Miss, News};
use ledger::port::{Activity, Cursor};
use ledger::window::Window;

use crate::{ORG, at, fetched, seen};

const ROUNDS: u32 = 12;
const WRITERS: u64 = 8;
/// Commits of one recording.
const BATCH: i64 = 7;
/// How the parent tells the child which file it works on; to the test runner it is one more filter.
const ROLE: &str = "write-until-killed=";

#[test]
fn what_was_acknowledged_before_a_kill_is_there_and_nothing_is_there_by_half() {
    if let Some(path) =
        std::env::args().find_map(|argument| Some(argument.strip_prefix(ROLE)?.to_owned()))
    {
        write_until_killed(Path::new(&path));
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.db");
    let mut told = Told::default();
    for round in 1..=ROUNDS {
        let before: i64 = told.recordings.values().sum();
        run_and_kill(&path, 10 * round as usize, &mut told);
        assert!(
            told.recordings.values().sum::<i64>() > before,
            "round {round} wrote something"
        );
        audit(&path, &told, u64::from(round));
    }
}

/// What the child was told, by repository.
#[derive(Default)]
struct Told {
    /// How many recordings were acknowledged.
    recordings: BTreeMap<u64, i64>,
    /// The token of the latest claim that was given.
    tokens: BTreeMap<u64, u64>,
}

/// Asks for the gaps that nobody fills; each claim has passed when the next is asked for.
async fn claim(store: &Sqlite, repo: u64) -> u64 {
    let asked = store.claim(ORG, RepoId(repo), Stream::Pulls, "a filler", at(90), at(90));
    match asked.await.unwrap() {
        Claimed::Given { claim, .. } => claim.token.0,
        other => panic!("it is given, and not {other:?}"),
    }
}

/// The child: several writers at once, each of which prints the number of every recording that was acknowledged, and the token
/// of every claim.
fn write_until_killed(path: &Path) -> ! {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    runtime.block_on(async {
        let store = Sqlite::open(path).unwrap();
        let term = store.lead("the child", at(0)).await.unwrap();
        let listing: Vec<_> = (1..=WRITERS).map(seen).collect();
        store
            .track(term, ORG, &listing, at(0), at(0))
            .await
            .unwrap();
        let miss = |repo| Miss {
            repo: RepoId(repo),
            stream: Stream::Pulls,
            window: Window::new(at(10), at(20)).unwrap(),
            reason: GapReason::ScrapeError,
            error: String::new(),
        };
        let misses: Vec<_> = (1..=WRITERS).map(miss).collect();
        store.miss(term, ORG, &misses, at(30)).await.unwrap();
        let mut writers = tokio::task::JoinSet::new();
        for repo in 1..=WRITERS {
            let store = store.clone();
            let known = store.commits(ORG, RepoId(repo)).await.unwrap().len();
            let first = i64::try_from(known).unwrap() / BATCH;
            writers.spawn(async move {
                for number in first.. {
                    let oids = (0..BATCH).map(|place| format!("{repo}-{number}-{place}"));
                    let parts = fetched(oids, number + 1);
                    store
                        .record(term.into(), ORG, RepoId(repo), parts, at(1_000_000))
                        .await
                        .unwrap();
                    let token = claim(&store, repo).await;
                    let mut output = std::io::stdout().lock();
                    writeln!(output, "claimed {repo} {token}").unwrap();
                    writeln!(output, "acknowledged {repo} {number}").unwrap();
                    output.flush().unwrap();
                }
            });
        }
        writers.join_all().await;
    });
    unreachable!("the writers go on until the parent kills them")
}

fn run_and_kill(path: &Path, lines: usize, told: &mut Told) {
    let mut role = std::ffi::OsString::from(ROLE);
    role.push(path);
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "crash::what_was_acknowledged_before_a_kill_is_there_and_nothing_is_there_by_half",
            "--exact",
        ])
        .args(["--nocapture", "--test-threads=1"])
        .arg(role)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut heard = 0;
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        // The pipe may end in half a line, and begins with the test runner's own.
        let words: Vec<&str> = line.split(' ').collect();
        if let ["claimed", repo, token] = words[..]
            && let (Ok(repo), Ok(token)) = (repo.parse::<u64>(), token.parse::<u64>())
        {
            told.tokens.insert(repo, token);
        }
        if let ["acknowledged", repo, number] = words[..]
            && let (Ok(repo), Ok(number)) = (repo.parse::<u64>(), number.parse::<i64>())
        {
            let recordings = told.recordings.entry(repo).or_default();
            *recordings = (*recordings).max(number + 1);
            heard += 1;
            if heard == lines {
                child.kill().unwrap();
            }
        }
    }
    let status = child.wait().unwrap();
    assert!(
        !status.success() && heard >= lines,
        "the child was killed: {status}"
    );
}

#[tokio::main(flavor = "current_thread")]
async fn audit(path: &PathBuf, told: &Told, round: u64) {
    let store = Sqlite::open(path).expect("the state opens at once: the dead child's lock is gone");
    for view in store.repos(ORG).await.unwrap() {
        let commits = store.commits(ORG, view.id).await.unwrap();
        let commits = i64::try_from(commits.len()).unwrap();
        assert_eq!(
            commits % BATCH,
            0,
            "a recording is there whole or not at all"
        );
        let recordings = commits / BATCH;
        let promised = told.recordings.get(&view.id.0).copied();
        let promised = promised.unwrap_or_default();
        assert!(
            recordings >= promised,
            "{}: {recordings} recordings of {promised} acknowledged",
            view.name
        );
        let coverage = &view.stream(Stream::Commits).unwrap().coverage;
        assert_eq!(
            coverage.frontier(),
            at(recordings),
            "coverage is that of the recordings, no more and no less"
        );
        let token = told.tokens.get(&view.id.0).copied();
        assert!(
            claim(&store, view.id.0).await > token.unwrap_or_default(),
            "no token is given twice"
        );
    }
    let feed = store.changes(Cursor::default(), 1_000_000).await.unwrap();
    assert!(
        feed.events
            .is_sorted_by(|earlier, later| earlier.seq < later.seq)
    );
    assert!(
        feed.events
            .iter()
            .all(|entry| entry.news == News::Recorded && entry.seq <= feed.next)
    );
    assert_eq!(
        store.lead("the audit", at(0)).await.unwrap().0,
        2 * round,
        "every term was kept"
    );
    drop(store);
    let connection = rusqlite::Connection::open(path).unwrap();
    let verdict: String = connection
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(verdict, "ok");
}
