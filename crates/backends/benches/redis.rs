//! What a store in Redis takes of memory and time, on a server of its own without persistence: at 100,000 events, and at a million
//! with `million`. It prints bytes per event, and events a second recorded, recorded again and read.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use backends::redis::{Redis, Settings};
use jiff::{SignedDuration, Timestamp};
use ledger::event::{Actor, CommentOn, Event, Fact, RepoId, ReviewState, Stream, id};
use ledger::fingerprint::Fingerprint;
use ledger::port::activity::{Part, Proof, SeenRepo};
use ledger::port::{Activity, Cursor, Term};
use ledger::window::Window;
use tokio::time::Instant;

const ORG: &str = "acme";
/// Repositories that change, and all there are.
const ACTIVE: u64 = 200;
const ALL: u64 = 16_000;
const BATCH: u64 = 100;

fn at(second: u64) -> Timestamp {
    Timestamp::constant(1_767_225_600, 0) + SignedDuration::from_secs(second.cast_signed())
}

fn mix(number: u64, salt: u64) -> u64 {
    (number ^ salt)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .rotate_left(29)
        .wrapping_mul(0xbf58_476d_1ce4_e5b9)
}

/// A mixture as an organisation has it: half of it commits, with oids and ids as GitHub's.
fn event(number: u64) -> Event {
    let database_id = 2_000_000_000 + number;
    let (id, fact, version) = match number % 10 {
        0..5 => {
            let oid = format!(
                "{:016x}{:016x}{:08x}",
                mix(number, 1),
                mix(number, 2),
                mix(number, 3) >> 32
            );
            let fact = Fact::Commit {
                additions: number % 300,
                deletions: number % 100,
                changed_files: number % 9,
            };
            (id::commit(&oid), fact, 0)
        }
        5 => {
            let fact = Fact::PullOpened { number };
            (id::item(database_id), fact, 0)
        }
        6 => {
            let fact = Fact::PullMerged {
                number,
                merged_by: Some(Actor::new("merging-person", Some(87_654_321))),
                seconds_open: number % 500_000,
                lines: number % 1000,
            };
            (id::item(database_id), fact, 0)
        }
        7 => {
            let fact = Fact::Review {
                number,
                state: ReviewState::Approved,
                seconds_since_ready: Some(number % 100_000),
            };
            let version = at(number).as_microsecond();
            (id::item(database_id), fact, version)
        }
        _ => {
            let on = CommentOn::Pull;
            (id::comment(on, database_id), Fact::Comment { on }, 0)
        }
    };
    Event {
        id,
        at: at(number),
        actor: Actor::new(
            format!("some-person-{}", number % 500),
            Some(12_000_000 + number % 500),
        ),
        fact,
        version,
    }
}

fn parts(repo: u64, batch: u64) -> Vec<Part> {
    let first = (batch * ACTIVE + repo) * BATCH;
    let proof = Proof {
        window: Window::new(at(0), at(first + BATCH)).expect("it ends later"),
        fingerprint: Fingerprint::commits(
            Some("main".to_owned()),
            Some(format!("{:040x}", mix(first, 4))),
            first,
        ),
        open: None,
        deep: false,
    };
    vec![Part {
        stream: Stream::Commits,
        events: (first..first + BATCH).map(event).collect(),
        retracted: Vec::new(),
        proof: Some(proof),
    }]
}

struct Server {
    process: Child,
    directory: tempfile::TempDir,
}

impl Server {
    fn start() -> Server {
        let directory = tempfile::tempdir().expect("there is a temporary directory");
        let mut process = Command::new("redis-server")
            .args(["--port", "0", "--unixsocket", "redis.sock", "--save", ""])
            .current_dir(directory.path())
            .stdout(Stdio::piped())
            .spawn()
            .expect("redis-server must be on the PATH");
        let log = BufReader::new(process.stdout.take().expect("it is a pipe"));
        let mut lines = log.lines();
        while let Some(Ok(line)) = lines.next() {
            if line.contains("eady to accept connections") {
                break;
            }
        }
        std::thread::spawn(move || lines.count());
        Server { process, directory }
    }

    fn url(&self) -> String {
        format!("unix://{}/redis.sock", self.directory.path().display())
    }

    fn ask<T: redis::FromRedisValue>(&self, command: &[&str]) -> T {
        let mut connection = redis::Client::open(self.url())
            .and_then(|client| client.get_connection())
            .expect("the server is there");
        redis::cmd(command[0])
            .arg(&command[1..])
            .query(&mut connection)
            .expect("it answers")
    }

    fn info(&self, name: &str) -> u64 {
        let info: String = self.ask(&["INFO", "memory"]);
        let found = info
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        found.and_then(|text| text.parse().ok()).expect("a number")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn report(what: &str, things: &str, count: u64, began: Instant) {
    let seconds = began.elapsed().as_secs_f64();
    println!(
        "{what}: {count} {things} in {seconds:.2} s, {:.0} a second",
        count as f64 / seconds
    );
}

async fn record(store: &Redis, term: Term, batch: u64) {
    let mut recordings = tokio::task::JoinSet::new();
    for repo in 0..ACTIVE {
        let store = store.clone();
        recordings.spawn(async move {
            let now = at(u64::from(u32::MAX));
            let recording = store.record(term.into(), ORG, RepoId(repo), parts(repo, batch), now);
            recording.await.expect("it is recorded")
        });
        if recordings.len() >= 8 {
            recordings.join_next().await;
        }
    }
    recordings.join_all().await;
}

async fn feed(store: &Redis) -> u64 {
    let mut cursor = Cursor::default();
    let mut events = 0;
    loop {
        let piece = store
            .changes(cursor, 10_000)
            .await
            .expect("the feed is read");
        events += piece.events.len() as u64;
        cursor = piece.next;
        if !piece.more {
            return events;
        }
    }
}

#[tokio::main]
async fn main() {
    measure(100_000).await;
    if std::env::args().any(|argument| argument == "million") {
        measure(1_000_000).await;
    }
}

async fn measure(events: u64) {
    println!("# {events} events of {ACTIVE} repositories of {ALL}");
    let server = Server::start();
    let store = Redis::open(&Settings::new(server.url().into())).expect("the settings are good");
    let term = store.lead("bench", at(0)).await.expect("a term begins");
    let seen = |id| SeenRepo {
        id: RepoId(id),
        name: format!("repo-{id}"),
        streams: Stream::ALL.to_vec(),
        created_at: at(0),
    };
    let listing: Vec<SeenRepo> = (0..ALL).map(seen).collect();
    let began = Instant::now();
    store
        .track(term, ORG, &listing, at(0), at(0))
        .await
        .expect("the listing is taken in");
    report("a listing", "repositories", ALL, began);

    let empty = server.info("used_memory_dataset");
    let batches = events / ACTIVE / BATCH;
    let began = Instant::now();
    for batch in 0..batches {
        record(&store, term, batch).await;
    }
    report(
        "new events, by 8 callers in batches of 100",
        "events",
        events,
        began,
    );
    let used = server.info("used_memory_dataset");
    println!("memory: {} bytes for each event", (used - empty) / events);
    let of = |key: &str| -> u64 {
        let key = format!("{{tidegate}}:{key}");
        server.ask(&["MEMORY", "USAGE", &key, "SAMPLES", "0"])
    };
    println!(
        "of these in the feed: {} bytes; the rows of repositories: {} bytes each",
        of("feed") / events,
        (of("repos") + of("places")) / ALL
    );

    let began = Instant::now();
    for batch in 0..batches {
        record(&store, term, batch).await;
    }
    report("the same again", "events", events, began);

    let began = Instant::now();
    let told = feed(&store).await;
    report("the whole feed", "events", told, began);
    let newcomer = Redis::open(&Settings::new(server.url().into())).expect("they are good");
    let began = Instant::now();
    feed(&newcomer).await;
    report(
        "the whole feed, by a process that knows nothing",
        "events",
        told,
        began,
    );

    for repo in 0..ALL {
        let window = Window::new(at(0), at(1)).expect("it ends later");
        let proof = Proof {
            window,
            fingerprint: Fingerprint::commits(Some("main".to_owned()), None, 0),
            open: None,
            deep: false,
        };
        let part = Part {
            stream: Stream::Commits,
            events: Vec::new(),
            retracted: Vec::new(),
            proof: Some(proof),
        };
        let recorded = store
            .record(term.into(), ORG, RepoId(repo), vec![part], at(1))
            .await;
        recorded.expect("it is recorded");
    }
    let unchanged: Vec<_> = (0..ALL)
        .map(|repo| (RepoId(repo), Stream::Commits))
        .collect();
    let began = Instant::now();
    store
        .confirm(term, ORG, &unchanged, at(events), at(events))
        .await
        .expect("it is confirmed");
    report("a confirmation", "repositories", ALL, began);
    let began = Instant::now();
    let views = store.repos(ORG).await.expect("they are read");
    report(
        "all repositories, of which none has changed",
        "repositories",
        views.len() as u64,
        began,
    );
    let newcomer = Redis::open(&Settings::new(server.url().into())).expect("they are good");
    let began = Instant::now();
    newcomer.repos(ORG).await.expect("they are read");
    report(
        "the same, by a process that knows nothing",
        "repositories",
        ALL,
        began,
    );
    println!();
}
