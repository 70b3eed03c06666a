//! How many events a second a store in `PostgreSQL` takes in and gives out, and what a cycle over 16,000 repositories costs, on
//! the server that `TIDEGATE_TEST_POSTGRES_URL` names, in a schema that is made and taken away.

use backends::postgres::{Postgres, Settings};
use jiff::{SignedDuration, Timestamp};
use ledger::coverage::GapReason;
use ledger::event::{Actor, Event, Fact, RepoId, Stream, id};
use ledger::fingerprint::Fingerprint;
use ledger::port::activity::{Miss, Part, Proof, SeenRepo};
use ledger::port::{Activity, Coordination, Cursor, Term};
use ledger::window::Window;
use tokio::time::Instant;

const ORG: &str = "acme";
const REPOS: u64 = 200;
const BATCHES: u64 = 5;
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

fn proof(second: u64) -> Proof {
    let head = format!("{second:040x}");
    Proof {
        window: Window::new(at(0), at(second)).expect("it is not empty"),
        fingerprint: Fingerprint::commits(Some("main".to_owned()), Some(head), second),
        open: None,
        deep: true,
    }
}

fn part(stream: Stream, events: Vec<Event>, second: u64) -> Part {
    Part {
        stream,
        events,
        retracted: Vec::new(),
        proof: Some(proof(second)),
    }
}

fn parts(repo: u64, batch: u64) -> Vec<Part> {
    let first = (batch * REPOS + repo) * BATCH;
    let events = (first..first + BATCH).map(commit).collect();
    vec![part(Stream::Commits, events, 1 + batch)]
}

/// So many callers at once, each of which does one thing after another.
async fn each<T: Future<Output = ()> + Send + 'static>(
    callers: usize,
    things: impl IntoIterator<Item = T>,
) {
    let mut running = tokio::task::JoinSet::new();
    for thing in things {
        running.spawn(thing);
        if running.len() >= callers {
            running.join_next().await;
        }
    }
    running.join_all().await;
}

async fn record(store: &Postgres, term: Term, batch: u64, callers: usize) {
    let recordings = (0..REPOS).map(|repo| {
        let store = store.clone();
        async move {
            let parts = parts(repo, batch);
            let now = at(u64::from(u32::MAX));
            let recorded = store
                .record(term.into(), ORG, RepoId(repo), parts, now)
                .await;
            recorded.expect("it is recorded");
        }
    });
    each(callers, recordings).await;
}

fn report(what: &str, things: &str, count: u64, began: Instant) {
    let seconds = began.elapsed().as_secs_f64();
    println!(
        "{what}: {count} {things} in {seconds:.2} s, {:.0} a second",
        count as f64 / seconds
    );
}

#[tokio::main]
async fn main() {
    #[expect(
        clippy::disallowed_methods,
        reason = "a benchmark finds its server by the environment"
    )]
    let url = std::env::var("TIDEGATE_TEST_POSTGRES_URL")
        .unwrap_or_else(|_unset| "postgres://postgres@127.0.0.1:5432/postgres".to_owned());
    let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls)
        .await
        .expect("a PostgreSQL server is there: name one with TIDEGATE_TEST_POSTGRES_URL");
    tokio::spawn(connection);
    let settings = Settings {
        schema: format!("tg_bench_{}", std::process::id()),
        timeout: std::time::Duration::from_secs(60),
        ..Settings::new(url)
    };
    let store = Postgres::open(&settings).expect("the settings are right");
    measure(&store, &client, &settings.schema).await;
    let drop = format!(
        "SET client_min_messages = warning; DROP SCHEMA {} CASCADE",
        settings.schema
    );
    client
        .batch_execute(&drop)
        .await
        .expect("the schema is taken away");
}

async fn measure(store: &Postgres, client: &tokio_postgres::Client, schema: &str) {
    let term = store.lead("bench", at(0)).await.expect("a term begins");
    let seen = |id| SeenRepo {
        id: RepoId(id),
        name: format!("repo-{id}"),
        streams: Stream::ALL.to_vec(),
        created_at: at(0),
    };
    let listing: Vec<SeenRepo> = (0..REPOS).map(seen).collect();
    let tracked = store.track(term, ORG, &listing, at(0), at(0)).await;
    tracked.expect("the listing is taken in");

    let all = REPOS * BATCHES * BATCH;
    let began = Instant::now();
    for batch in 0..BATCHES {
        record(store, term, batch, 8).await;
    }
    report(
        "new events, recorded by 8 callers in batches of 100",
        "events",
        all,
        began,
    );
    let began = Instant::now();
    for batch in 0..BATCHES {
        record(store, term, BATCHES + batch, 1).await;
    }
    report(
        "new events, recorded by 1 caller in batches of 100",
        "events",
        all,
        began,
    );
    let began = Instant::now();
    for batch in 0..BATCHES {
        record(store, term, batch, 8).await;
    }
    report("known events again, by 8 callers", "events", all, began);

    let began = Instant::now();
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
    report(
        "the whole change feed, in pieces of 10,000",
        "events",
        2 * all,
        began,
    );

    let sql = format!("SELECT pg_total_relation_size('{schema}.events')");
    let row = client
        .query_typed(&sql, &[])
        .await
        .expect("the table is there");
    let bytes: i64 = row[0].get(0);
    println!(
        "the table of events: {:.0} bytes for each",
        bytes as f64 / (2 * all) as f64
    );
    quiet_cycle(store, client, term, cursor, seen).await;
}

/// How far the server's log of changes has come, in bytes.
async fn logged(client: &tokio_postgres::Client) -> i64 {
    let sql = "SELECT (pg_current_wal_lsn() - '0/0')::bigint";
    let rows = client.query_typed(sql, &[]).await;
    rows.expect("it is no standby")[0].get(0)
}

/// An organisation of 16,000 repositories in which little happens.
async fn quiet_cycle(
    store: &Postgres,
    client: &tokio_postgres::Client,
    term: Term,
    cursor: Cursor,
    seen: impl Fn(u64) -> SeenRepo,
) {
    let org = "quiet";
    let repos = QUIET..2 * QUIET;
    let listing: Vec<SeenRepo> = repos.clone().map(seen).collect();
    for what in ["a listing, the first time", "the same listing again"] {
        let began = Instant::now();
        let tracked = store.track(term, org, &listing, at(0), at(0)).await;
        tracked.expect("the listing is taken in");
        report(what, "repositories", QUIET, began);
    }
    let began = Instant::now();
    let readings = repos.clone().map(|repo| {
        let store = store.clone();
        async move {
            let parts = Stream::ALL
                .map(|stream| part(stream, Vec::new(), 50))
                .to_vec();
            let recorded = store
                .record(term.into(), org, RepoId(repo), parts, at(100))
                .await;
            recorded.expect("it is recorded");
        }
    });
    each(8, readings).await;
    report(
        "a reading of each, by 8 callers",
        "repositories",
        QUIET,
        began,
    );
    let streams: Vec<_> = repos
        .clone()
        .flat_map(|repo| Stream::ALL.map(|stream| (RepoId(repo), stream)))
        .collect();
    for second in [80, 90] {
        let before = logged(client).await;
        let began = Instant::now();
        let confirmed = store
            .confirm(term, org, &streams, at(second), at(100))
            .await;
        confirmed.expect("it is confirmed");
        report(
            "a confirmation of all their streams",
            "streams",
            streams.len() as u64,
            began,
        );
        let bytes = logged(client).await - before;
        println!("which the server logs in {:.1} MB", bytes as f64 / 1e6);
    }
    let began = Instant::now();
    let piece = store
        .changes(cursor, 10_000)
        .await
        .expect("the feed is read");
    report(
        "the feed of that",
        "repositories",
        piece.repos.len() as u64,
        began,
    );
    let began = Instant::now();
    let views = store.repos(org).await.expect("they are read");
    report(
        "a look at all of them",
        "repositories",
        views.len() as u64,
        began,
    );

    let misses: Vec<Miss> = streams
        .iter()
        .map(|(repo, stream)| Miss {
            repo: *repo,
            stream: *stream,
            window: Window::new(at(90), at(100)).expect("it is not empty"),
            reason: GapReason::Unhealthy,
            error: "cooling down".to_owned(),
        })
        .collect();
    let began = Instant::now();
    store
        .miss(term, org, &misses, at(100))
        .await
        .expect("it is missed");
    report(
        "a gap in every stream",
        "streams",
        streams.len() as u64,
        began,
    );
    let began = Instant::now();
    let due = store
        .due(org, at(0), at(200), 100)
        .await
        .expect("gaps are due");
    report(
        "which 100 of them are due",
        "gaps",
        due.deferred + due.due.len() as u64,
        began,
    );

    let began = Instant::now();
    for _ in 0..200 {
        store.blocks().await.expect("they are read");
    }
    report("a look at blocks", "looks", 200, began);
}
