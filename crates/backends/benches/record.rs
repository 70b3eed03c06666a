//! How many events a second a store takes in and gives out, on the disk that holds the temporary directory.

use backends::sqlite::Sqlite;
use jiff::{SignedDuration, Timestamp};
use ledger::coverage::GapReason;
use ledger::event::{Actor, Event, Fact, RepoId, Stream, id};
use ledger::fingerprint::Fingerprint;
use ledger::port::activity::{Claimed, Miss, Part, Proof, SeenRepo};
use ledger::port::{Activity, Cursor, Term};
use ledger::window::Window;
use rustix::time::{ClockId, clock_gettime};
use tokio::time::Instant;

const ORG: &str = "acme";
const REPOS: u64 = 200;
const BATCHES: u64 = 10;
const BATCH: u64 = 100;
const QUIET: u64 = 16_000;

fn at(second: u64) -> Timestamp {
    Timestamp::constant(1_767_225_600, 0) + SignedDuration::from_secs(second.cast_signed())
}

/// A commit with an oid that is spread over the whole key space, as real ones are.
fn commit(number: u64) -> Event {
    let mix = |salt: u64| {
        (number ^ salt)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .rotate_left(29)
            .wrapping_mul(0xbf58_476d_1ce4_e5b9)
    };
    Event {
        id: id::commit(&format!(
            "{:016x}{:016x}{:08x}",
            mix(1),
            mix(2),
            mix(3) >> 32
        )),
        at: at(number),
        actor: Actor::new(format!("user-{}", number % 500), Some(number % 500)),
        fact: Fact::Commit {
            additions: number % 300,
            deletions: number % 100,
            changed_files: number % 9,
        },
        version: 0,
    }
}

fn parts(repo: u64, batch: u64) -> Vec<Part> {
    let first = (batch * REPOS + repo) * BATCH;
    let events = (first..first + BATCH).map(commit).collect();
    vec![Part {
        stream: Stream::Commits,
        events,
        retracted: Vec::new(),
        proof: None,
    }]
}

async fn record(store: &Sqlite, term: Term, batch: u64) {
    let mut recordings = tokio::task::JoinSet::new();
    for repo in 0..REPOS {
        let store = store.clone();
        recordings.spawn(async move {
            store
                .record(
                    term.into(),
                    ORG,
                    RepoId(repo),
                    parts(repo, batch),
                    at(u64::from(u32::MAX)),
                )
                .await
                .expect("it is recorded")
        });
        if recordings.len() >= 8 {
            recordings.join_next().await;
        }
    }
    recordings.join_all().await;
}

/// By the clock on the wall, and by that of the processors: other programs may be at work as well.
struct Watch {
    began: Instant,
    worked: f64,
}

impl Watch {
    fn start() -> Watch {
        Watch {
            began: Instant::now(),
            worked: worked(),
        }
    }
}

/// How long this process has used the processors, in seconds.
fn worked() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn report(what: &str, things: &str, count: u64, watch: Watch) {
    let seconds = watch.began.elapsed().as_secs_f64();
    println!(
        "{what}: {count} {things} in {seconds:.2} s ({:.2} s of work), {:.0} a second",
        worked() - watch.worked,
        count as f64 / seconds
    );
}

#[tokio::main]
async fn main() {
    let directory = tempfile::tempdir().expect("there is a temporary directory");
    let path = directory.path().join("state.db");
    let store = Sqlite::open(&path).expect("the store opens");
    let term = store.lead("bench", at(0)).await.expect("a term begins");
    let streams = Stream::ALL.to_vec();
    let seen = |id| SeenRepo {
        id: RepoId(id),
        name: format!("repo-{id}"),
        streams: streams.clone(),
        created_at: at(0),
    };
    let listing: Vec<SeenRepo> = (0..REPOS).map(seen).collect();
    store
        .track(term, ORG, &listing, at(0), at(0))
        .await
        .expect("the listing is taken in");

    let all = REPOS * BATCHES * BATCH;
    let watch = Watch::start();
    for batch in 0..BATCHES {
        record(&store, term, batch).await;
    }
    report(
        "new events, recorded by 8 callers in batches of 100",
        "events",
        all,
        watch,
    );

    let watch = Watch::start();
    for batch in 0..BATCHES {
        record(&store, term, batch).await;
    }
    report("the same events again", "events", all, watch);

    let watch = Watch::start();
    let mut cursor = Cursor::default();
    loop {
        let piece = store
            .changes(cursor, 10_000)
            .await
            .expect("the feed is read");
        cursor = piece.next;
        if !piece.more {
            break;
        }
    }
    report("the whole change feed", "events", all, watch);

    let pages = std::fs::metadata(&path).expect("the file is there").len();
    println!(
        "the file: {:.0} bytes for each event",
        pages as f64 / all as f64
    );

    // An organisation of 16,000 repositories in which nothing has happened since it was read.
    let listing: Vec<SeenRepo> = (QUIET..2 * QUIET).map(seen).collect();
    let watch = Watch::start();
    store
        .track(term, "quiet", &listing, at(0), at(0))
        .await
        .expect("the listing is taken in");
    report(
        "a listing of 16,000 repositories, the first time",
        "repositories",
        QUIET,
        watch,
    );
    let watch = Watch::start();
    store
        .track(term, "quiet", &listing, at(0), at(0))
        .await
        .expect("the listing is taken in");
    report("the same listing again", "repositories", QUIET, watch);
    let mut readings = tokio::task::JoinSet::new();
    for repo in QUIET..2 * QUIET {
        let proof = Proof {
            window: Window::new(at(0), at(50)).expect("it is not empty"),
            fingerprint: Fingerprint::commits(None, None, 0),
            open: None,
            deep: true,
        };
        let whole = |stream| Part {
            stream,
            events: Vec::new(),
            retracted: Vec::new(),
            proof: Some(proof.clone()),
        };
        let parts = Stream::ALL.map(whole).to_vec();
        let store = store.clone();
        readings.spawn(async move {
            store
                .record(term.into(), "quiet", RepoId(repo), parts, at(100))
                .await
                .expect("it is recorded")
        });
        if readings.len() >= 200 {
            readings.join_next().await;
        }
    }
    readings.join_all().await;
    let unchanged: Vec<_> = (QUIET..2 * QUIET)
        .flat_map(|repo| Stream::ALL.map(|stream| (RepoId(repo), stream)))
        .collect();
    let watch = Watch::start();
    store
        .confirm(term, "quiet", &unchanged, at(80), at(100))
        .await
        .expect("it is confirmed");
    report(
        "a confirmation of all their streams",
        "streams",
        unchanged.len() as u64,
        watch,
    );
    let watch = Watch::start();
    let piece = store
        .changes(cursor, 10_000)
        .await
        .expect("the feed is read");
    report(
        "the feed of that",
        "repositories",
        piece.repos.len() as u64,
        watch,
    );
    gaps(&store, &unchanged, term).await;
}

/// History of all of it is asked for, dispatched and claimed.
async fn gaps(store: &Sqlite, streams: &[(RepoId, Stream)], term: Term) {
    let all = streams.len() as u64;
    let since = Timestamp::constant(1_700_000_000, 0);
    let watch = Watch::start();
    store
        .ask_history("quiet", None, since, at(100))
        .await
        .expect("history is asked for");
    report("history of all their streams", "streams", all, watch);
    let watch = Watch::start();
    let found = store
        .due("quiet", at(0), at(200), 100)
        .await
        .expect("gaps are found");
    report(
        "what is due of that",
        "streams",
        100 + found.deferred,
        watch,
    );
    let due: Vec<_> = found.due.iter().map(|due| (due.repo, due.stream)).collect();
    let watch = Watch::start();
    store
        .dispatched(term, "quiet", &due, at(200))
        .await
        .expect("it is taken in");
    report("a dispatch", "streams", due.len() as u64, watch);
    let watch = Watch::start();
    for (repo, stream) in &due {
        let claimed = store
            .claim("quiet", *repo, *stream, "bench", at(400), at(300))
            .await
            .expect("it is answered");
        assert!(matches!(claimed, Claimed::Given { .. }));
    }
    report(
        "claims, one after the other",
        "streams",
        due.len() as u64,
        watch,
    );
    let watch = Watch::start();
    store
        .confirm(term, "quiet", streams, at(250), at(300))
        .await
        .expect("it is confirmed");
    report(
        "a confirmation beside all that history",
        "streams",
        all,
        watch,
    );
    let miss = |(repo, stream): &(RepoId, Stream)| Miss {
        repo: *repo,
        stream: *stream,
        window: Window::new(at(250), at(290)).expect("it is not empty"),
        reason: GapReason::ScrapeError,
        error: "502".to_owned(),
    };
    let misses: Vec<Miss> = streams.iter().map(miss).collect();
    let watch = Watch::start();
    store
        .miss(term, "quiet", &misses, at(300))
        .await
        .expect("it is taken in");
    report("a failure of the whole organisation", "streams", all, watch);
}
