//! The store as its ports see it, on a disk and in memory, and its file as `SQLite` sees it.

mod conformance;
mod full_disk;
mod plans;
mod queue;
mod steps;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use ledger::event::{Actor, CommentOn, Event, Fact, RepoId, ReviewState, Stream, id};
use ledger::fingerprint::Fingerprint;
use ledger::port::activity::{
    Authority, Claimed, CycleReport, CycleResult, Ending, Miss, Part, Proof, Recorded, SeenRepo,
};
use ledger::port::state::KeptAnswer;
use ledger::port::{Activity, State, Term};
use ledger::window::Window;

use super::*;

const ORG: &str = "acme";

fn at(second: i64) -> Timestamp {
    Timestamp::constant(1_767_225_600, 0) + SignedDuration::from_secs(second)
}

fn window(start: i64, end: i64) -> Window {
    Window::new(at(start), at(end)).unwrap()
}

fn event(id: impl Into<String>, second: i64, login: &str, fact: Fact) -> Event {
    Event {
        id: id.into(),
        at: at(second),
        actor: Actor::new(login, Some(login.len() as u64)),
        fact,
        version: 0,
    }
}

fn commit(number: i64, second: i64) -> Event {
    let fact = Fact::Commit {
        additions: 3,
        deletions: 2,
        changed_files: 1,
    };
    event(
        format!("{number:040x}"),
        second,
        ["ada", "grace", "dependabot[bot]"][number as usize % 3],
        fact,
    )
}

fn part(stream: Stream, events: Vec<Event>, fingerprint: Fingerprint) -> Part {
    let proof = Proof {
        window: window(0, 1000),
        fingerprint,
        open: Some(3),
        deep: true,
    };
    Part {
        stream,
        events,
        retracted: Vec::new(),
        proof: Some(proof),
    }
}

fn seen(id: u64) -> SeenRepo {
    let streams = if id.is_multiple_of(2) {
        &Stream::ALL[..2]
    } else {
        &Stream::ALL[..]
    };
    SeenRepo {
        id: RepoId(id),
        name: format!("repo-{id}"),
        streams: streams.to_vec(),
        created_at: at(-5000),
    }
}

/// What a node that has worked for a while leaves behind: every table has rows of every shape.
async fn fill(store: &Sqlite) -> Term {
    let term = scrape_for_a_while(store).await;
    fill_gaps(store, term).await;
    queue::fill(store).await;
    term
}

/// What a node leaves behind that has filled no gap yet.
async fn scrape_for_a_while(store: &Sqlite) -> Term {
    store.lead("an earlier node", at(0)).await.unwrap();
    let term = store.lead("this node", at(1)).await.unwrap();
    let listing: Vec<SeenRepo> = (1..=6).map(seen).collect();
    store
        .track(term, ORG, &listing, at(0), at(1))
        .await
        .unwrap();
    store
        .track(term, "umbrella", &[seen(7)], at(0), at(1))
        .await
        .unwrap();
    for repo in 1..=5 {
        let commits = (0..40)
            .map(|number| commit(repo * 100 + number, number))
            .collect();
        let head = Fingerprint::commits(Some("main".to_owned()), Some("c0ffee".to_owned()), 40);
        let review = Fact::Review {
            number: 8,
            state: ReviewState::Approved,
            seconds_since_ready: Some(60),
        };
        let merged = Fact::PullMerged {
            number: 8,
            merged_by: Some(Actor::ghost()),
            seconds_open: 90,
            lines: 12,
        };
        let pulls = vec![
            event(id::item(70), 5, "ada", Fact::PullOpened { number: 8 }),
            event(id::item(70), 95, "ada", merged),
            event(id::item(71), 65, "grace", review),
            event(
                id::close(72, at(9)),
                9,
                "ada",
                Fact::PullClosed {
                    number: 9,
                    seconds_open: 4,
                },
            ),
            event(
                id::comment(CommentOn::Diff, 5),
                7,
                "grace",
                Fact::Comment {
                    on: CommentOn::Diff,
                },
            ),
        ];
        let issues = vec![
            event(id::item(80), 5, "ghost", Fact::IssueOpened { number: 10 }),
            event(
                id::close(80, at(30)),
                30,
                "ada",
                Fact::IssueClosed {
                    number: 10,
                    seconds_open: 25,
                },
            ),
            event(
                id::comment(CommentOn::Issue, 5),
                7,
                "grace",
                Fact::Comment {
                    on: CommentOn::Issue,
                },
            ),
        ];
        let items = |number| Fingerprint::items(Some((number, at(95))), 2, at(900));
        let parts = vec![
            part(Stream::Commits, commits, head),
            part(Stream::Pulls, pulls, items(9)),
            part(Stream::Issues, issues, items(10)),
        ];
        store
            .record(
                term.into(),
                ORG,
                RepoId(repo.cast_unsigned()),
                parts,
                at(1000),
            )
            .await
            .unwrap();
    }
    let gone = Part {
        retracted: vec![commit(101, 0).id],
        ..commits_alone(Vec::new())
    };
    let dismissed = Fact::Review {
        number: 8,
        state: ReviewState::Dismissed,
        seconds_since_ready: Some(60),
    };
    let dismissed = Event {
        version: 5,
        ..event(id::item(71), 65, "grace", dismissed)
    };
    let pulls = Part {
        stream: Stream::Pulls,
        ..commits_alone(vec![dismissed])
    };
    store
        .record(term.into(), ORG, RepoId(1), vec![gone, pulls], at(1100))
        .await
        .unwrap();
    let miss = Miss {
        repo: RepoId(2),
        stream: Stream::Pulls,
        window: window(1000, 1200),
        reason: ledger::coverage::GapReason::ScrapeError,
        error: "502".to_owned(),
    };
    store.miss(term, ORG, &[miss], at(1200)).await.unwrap();
    store
        .confirm(
            term,
            ORG,
            &[(RepoId(3), Stream::Commits)],
            at(1200),
            at(1300),
        )
        .await
        .unwrap();
    store
        .unavailable(
            term.into(),
            ORG,
            RepoId(6),
            Stream::Pulls,
            "gone".to_owned(),
            at(1300),
        )
        .await
        .unwrap();
    store
        .track(term, ORG, &listing[..5], at(0), at(1300))
        .await
        .unwrap();
    let report = CycleReport {
        started: at(1000),
        finished: at(1300),
        result: CycleResult::Partial,
        repos: 5,
        changed: 5,
        failed: 1,
        recorded: Recorded::default(),
        requests: 20,
        points: 12,
        error: Some("502".to_owned()),
    };
    store.cycle(term, ORG, report).await.unwrap();
    for number in 0..3 {
        let answer = KeptAnswer {
            credential: "token".to_owned(),
            url: format!("https://api.example.test/{number}"),
            etag: Some("\"1\"".to_owned()),
            date: Some(at(1000)),
            headers: vec![("link".to_owned(), "<x>".to_owned())],
            body: b"{}".repeat(50),
        };
        store.keep_answer(answer, at(1000)).await.unwrap();
    }
    term
}

/// A gap of which an attempt has failed, one that is stuck, and history of which some is claimed and some dispatched.
async fn fill_gaps(store: &Sqlite, term: Term) {
    let lost = Miss {
        repo: RepoId(5),
        stream: Stream::Issues,
        window: window(1000, 1100),
        reason: ledger::coverage::GapReason::Unhealthy,
        error: String::new(),
    };
    store.miss(term, ORG, &[lost], at(1400)).await.unwrap();
    let reached = store.ask_history(ORG, Some(RepoId(4)), at(-100), at(1400));
    assert_eq!(reached.await.unwrap(), 2);
    let claim = async |repo, stream| {
        let asked = store.claim(ORG, RepoId(repo), stream, "filler", at(1500), at(1400));
        match asked.await.unwrap() {
            Claimed::Given { claim, .. } => claim,
            other => panic!("it is given, and not {other:?}"),
        }
    };
    let attempts = [
        (5, Stream::Issues, Some(at(1460))),
        (2, Stream::Pulls, None),
    ];
    for (repo, stream, next_attempt) in attempts {
        let ending = Ending::Failed {
            error: "502".to_owned(),
            next_attempt,
        };
        let claim = claim(repo, stream).await;
        assert!(store.end(&claim, ending, at(1400)).await.unwrap());
    }
    let by = Authority::Filler(claim(4, Stream::Commits).await);
    let part = commits_alone(vec![commit(9_000, -50)]);
    let recorded = store.record(by, ORG, RepoId(4), vec![part], at(1410));
    assert_eq!(recorded.await.unwrap().inserted, 1);
    let dispatched = store.dispatched(term, ORG, &[(RepoId(4), Stream::Pulls)], at(1410));
    dispatched.await.unwrap();
    store.note("place", "12").await.unwrap();
}

fn commits_alone(events: Vec<Event>) -> Part {
    Part {
        stream: Stream::Commits,
        events,
        retracted: Vec::new(),
        proof: None,
    }
}

/// Everything that the ports can say of a store, except for which one it is.
async fn all_of(store: &Sqlite) -> String {
    let mut feed = store.changes(Default::default(), 1_000_000).await.unwrap();
    feed.incarnation.clear();
    let orgs = store.orgs().await.unwrap();
    let repos = store.repos(ORG).await.unwrap();
    let commits = store.commits(ORG, RepoId(1)).await.unwrap();
    let events = store
        .events(ORG, RepoId(1), window(-10, 10_000))
        .await
        .unwrap();
    let answer = store
        .answer("token", "https://api.example.test/1")
        .await
        .unwrap();
    let due = store.due(ORG, at(1405), at(1440), 10).await.unwrap();
    let later = store.due(ORG, at(9_000), at(9_000), 10).await.unwrap();
    let noted = store.noted("place").await.unwrap();
    format!(
        "{feed:#?}\n{orgs:#?}\n{repos:#?}\n{commits:#?}\n{events:#?}\n{answer:#?}\n{due:#?}\n{later:#?}\n{noted:?}"
    )
}

async fn incarnation_of(store: &Sqlite) -> String {
    let feed = store.changes(Default::default(), 1).await.unwrap();
    assert!(!feed.incarnation.is_empty());
    feed.incarnation
}

#[tokio::test]
async fn a_store_says_the_same_after_it_was_closed_and_opened_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.db");
    let store = Sqlite::open(&path).unwrap();
    fill(&store).await;
    let before = all_of(&store).await;
    let incarnation = incarnation_of(&store).await;
    drop(store);
    assert!(
        !path.with_extension("db-wal").exists(),
        "the log is folded into the file"
    );

    let store = Sqlite::open(&path).unwrap();
    assert_eq!(all_of(&store).await, before);
    assert_eq!(incarnation_of(&store).await, incarnation);
    let in_memory = Sqlite::in_memory().unwrap();
    fill(&in_memory).await;
    assert_eq!(
        all_of(&in_memory).await,
        before,
        "a store in memory says the same as one on a disk"
    );
    assert_ne!(
        incarnation_of(&in_memory).await,
        incarnation,
        "and cursors of one mean nothing to the other"
    );
}

#[tokio::test]
async fn readers_see_a_whole_commit_or_nothing_of_it() {
    let directory = tempfile::tempdir().unwrap();
    let store = Sqlite::open(directory.path().join("state.db")).unwrap();
    let term = store.lead("a", at(0)).await.unwrap();
    store
        .track(term, ORG, &[seen(1)], at(0), at(0))
        .await
        .unwrap();
    let writing = {
        let store = store.clone();
        tokio::spawn(async move {
            for round in 0..50 {
                let events = (0..20)
                    .map(|number| commit(round * 20 + number, number))
                    .collect();
                store
                    .record(
                        term.into(),
                        ORG,
                        RepoId(1),
                        vec![commits_alone(events)],
                        at(100),
                    )
                    .await
                    .unwrap();
            }
        })
    };
    while !writing.is_finished() {
        assert_eq!(store.commits(ORG, RepoId(1)).await.unwrap().len() % 20, 0);
    }
    writing.await.unwrap();
    assert_eq!(store.commits(ORG, RepoId(1)).await.unwrap().len(), 1000);
}

#[test]
fn a_database_that_another_program_holds_locked_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.db");
    drop(Sqlite::open(&path).unwrap());
    let shell = Connection::open(&path).unwrap();
    shell
        .execute_batch("PRAGMA locking_mode = exclusive; BEGIN EXCLUSIVE")
        .unwrap();
    let refused = open(&path, Duration::ZERO).unwrap_err();
    assert_eq!(refused.problem(), &Problem::Locked);
    drop(shell);
    Sqlite::open(&path).expect("the shell has gone");
}

#[tokio::test]
async fn answers_are_bounded_in_bytes_also() {
    let mut store = Sqlite::in_memory().unwrap();
    Arc::get_mut(&mut store.parts).unwrap().bound = state::Bound {
        answers: 1000,
        bytes: 10_000,
    };
    // Bytes that do not pack.
    let mut noise = 1u32;
    let mut body = || -> Vec<u8> {
        let next = |_| {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            noise.to_be_bytes()[0]
        };
        (0..1500).map(next).collect()
    };
    for number in 0..20 {
        let answer = KeptAnswer {
            credential: "token".to_owned(),
            url: number.to_string(),
            etag: None,
            date: None,
            headers: Vec::new(),
            body: body(),
        };
        store.keep_answer(answer, at(number)).await.unwrap();
    }
    let (answers, bytes, counted, sum): (i64, i64, i64, i64) = store
        .read(|connection| {
            let sql = "SELECT answers, answer_bytes, (SELECT count(*) FROM answers),
                (SELECT sum(length(body)) FROM answers) FROM store";
            let read =
                |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?));
            Ok(connection.query_row(sql, [], read)?)
        })
        .await
        .unwrap();
    assert_eq!(
        (answers, bytes),
        (counted, sum),
        "the counters are what is there"
    );
    assert_eq!(answers, 6);
    assert!(store.answer("token", "19").await.unwrap().is_some());
    assert!(store.answer("token", "13").await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_paused_clock_stands_still_while_a_write_is_under_way() {
    let directory = tempfile::tempdir().unwrap();
    let store = Sqlite::open(directory.path().join("state.db")).unwrap();
    let began = tokio::time::Instant::now();
    let write = tokio::time::timeout(Duration::from_nanos(1), fill(&store));
    write.await.expect("no time passes while the store works");
    tokio::time::timeout(Duration::from_nanos(1), all_of(&store))
        .await
        .expect("nor while it is read");
    assert_eq!(began.elapsed(), Duration::ZERO);
}
