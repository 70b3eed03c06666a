//! What is shown is a function of the store's content and of the moment, whoever reads it, how and since when.

use backends::sqlite::Sqlite;
use jiff::SignedDuration;
use ledger::event::{Actor, CommentOn, Event, Fact, ReviewState, id};
use ledger::exclude::Exclude;
use ledger::fingerprint::Fingerprint;
use ledger::port::activity::{
    CycleReport, CycleResult, EventChange, Miss, News, Part, Proof, Recorded, SeenRepo,
};
use ledger::port::{Cursor, Term};
use ledger::user_label::UserLabels;
use ledger::window::Window;
use proptest::prelude::*;
use proptest::sample::Index;

use super::*;
use crate::config::Refresh;
use crate::export::{Format, Settings};

const REPOS: [RepoId; 3] = [RepoId(1), RepoId(2), RepoId(3)];
const PEOPLE: [&str; 4] = ["ada", "eve", "bob", "renovate[bot]"];
const FACTS: usize = 40;

fn hour(hours: i64) -> Timestamp {
    Timestamp::constant(1_767_225_600, 0) + SignedDuration::from_hours(hours)
}

fn followed(refresh: Refresh, now: Timestamp) -> Followed {
    let aggregate = Aggregate::new(UserLabels::Login, Exclude::new(["*[bot]"]), now);
    let settings = Settings {
        max_series: 500_000,
        refresh,
        compat: false,
    };
    Followed::new(aggregate, settings)
}

/// Both formats as of a moment, with the state that they are of.
fn shown(followed: &mut Followed, as_of: Timestamp) -> (Stamp, String) {
    followed.write(&["acme".to_owned(), "acme-labs".to_owned()], as_of);
    let (stamp, exposition) = followed.written.as_ref().expect("the feed was read whole");
    let bodies = [Format::Text, Format::OpenMetrics].map(|format| exposition.body(format));
    let text = String::from_utf8(bodies.concat()).unwrap();
    (stamp.clone(), text)
}

fn run<T>(task: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.build().unwrap().block_on(task)
}

#[derive(Debug, Clone)]
struct Seed {
    repo: usize,
    person: usize,
    minutes: i64,
    kind: u8,
    value: u64,
}

impl Seed {
    fn event(&self, number: usize, later: bool) -> Event {
        let (value, pull) = (self.value, self.value % 4 + 1);
        let item = id::item(number as u64 + 1);
        let (id, fact) = match self.kind {
            0..4 => (
                id::commit(&format!("{:040x}", number + 1)),
                Fact::Commit {
                    additions: value,
                    deletions: value / 3,
                    changed_files: 1,
                },
            ),
            4 => (item, Fact::PullOpened { number: pull }),
            5 => (
                item,
                Fact::PullMerged {
                    number: pull,
                    merged_by: None,
                    seconds_open: value * 60,
                    lines: value,
                },
            ),
            6..8 => (
                item,
                Fact::Review {
                    number: pull,
                    state: if later {
                        ReviewState::Dismissed
                    } else {
                        ReviewState::Approved
                    },
                    seconds_since_ready: Some(value * 30),
                },
            ),
            8 => (
                id::comment(CommentOn::Issue, number as u64 + 1),
                Fact::Comment {
                    on: CommentOn::Issue,
                },
            ),
            _ => (item, Fact::IssueOpened { number: pull }),
        };
        Event {
            id,
            at: hour(0) + SignedDuration::from_mins(self.minutes),
            actor: Actor::new(PEOPLE[self.person], None),
            fact,
            version: i64::from(later),
        }
    }
}

#[derive(Debug, Clone)]
enum Act {
    Record(Vec<Index>, bool),
    Retract(Index),
    Miss(usize, i64),
    Cycle(bool),
    /// The repositories have these names now; one that has none is not listed.
    Rename([u8; 3]),
    AskHistory,
    /// One of the readers reads so many entries.
    Read(usize, usize),
    /// One of the readers shows what it has.
    Show(usize),
    /// One of the readers begins anew.
    Restart(usize),
    Pass(i64),
}

fn seeds() -> impl Strategy<Value = Vec<Seed>> {
    let minutes = -20 * 24 * 60..2 * 24 * 60_i64;
    let seed = (0..3_usize, 0..4_usize, minutes, 0..10_u8, 0..2_000_u64).prop_map(
        |(repo, person, minutes, kind, value)| Seed {
            repo,
            person,
            minutes,
            kind,
            value,
        },
    );
    prop::collection::vec(seed, FACTS)
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let facts = prop::collection::vec(any::<Index>(), 1..8);
    let act = prop_oneof![
        5 => (facts, prop::bool::weighted(0.3)).prop_map(|(facts, later)| Act::Record(facts, later)),
        2 => any::<Index>().prop_map(Act::Retract),
        1 => (0..3_usize, 1..200_i64).prop_map(|(repo, hours)| Act::Miss(repo, hours)),
        1 => any::<bool>().prop_map(Act::Cycle),
        1 => prop::array::uniform3(0..4_u8).prop_map(Act::Rename),
        1 => Just(Act::AskHistory),
        4 => (0..2_usize, 1..9_usize).prop_map(|(reader, limit)| Act::Read(reader, limit)),
        3 => (0..2_usize).prop_map(Act::Show),
        1 => (0..2_usize).prop_map(Act::Restart),
        2 => (0..900_i64).prop_map(Act::Pass),
    ];
    prop::collection::vec(act, 0..40)
}

/// A store that is filled.
struct Store {
    sqlite: Sqlite,
    term: Term,
    now: Timestamp,
}

impl Store {
    fn new() -> Store {
        let sqlite = Sqlite::in_memory().unwrap();
        let term = run(sqlite.lead("one", hour(0))).unwrap();
        let store = Store {
            sqlite,
            term,
            now: hour(0),
        };
        store.track([1, 2, 3]);
        store
    }

    fn track(&self, names: [u8; 3]) {
        let named = REPOS.into_iter().zip(names).filter(|(_, name)| *name > 0);
        let repos: Vec<SeenRepo> = named
            .map(|(id, name)| SeenRepo {
                id,
                name: format!("repo-{name}"),
                streams: Stream::ALL[..if name == 3 { 2 } else { 3 }].to_vec(),
                created_at: hour(-9_000),
            })
            .collect();
        let start = hour(-100);
        run(self
            .sqlite
            .track(self.term, "acme", &repos, start, self.now))
        .unwrap();
    }

    fn record(&self, repo: RepoId, parts: Vec<Part>) {
        run(self
            .sqlite
            .record(self.term.into(), "acme", repo, parts, self.now))
        .unwrap();
    }

    fn act(&mut self, act: &Act, seeds: &[Seed]) {
        match act {
            Act::Record(facts, later) => {
                for fact in facts.iter().map(|fact| fact.index(FACTS)) {
                    let event = seeds[fact].event(fact, *later);
                    let proof = Window::new(hour(-100), self.now).map(|window| Proof {
                        window,
                        fingerprint: Fingerprint::commits(None, None, fact as u64),
                        open: Some(fact as u64),
                        deep: false,
                    });
                    let part = Part {
                        stream: event.fact.stream(),
                        events: vec![event],
                        retracted: Vec::new(),
                        proof: proof.filter(|_| fact % 3 == 0),
                    };
                    self.record(REPOS[seeds[fact].repo], vec![part]);
                }
            }
            Act::Retract(fact) => {
                let fact = fact.index(FACTS);
                let part = Part {
                    stream: Stream::Commits,
                    events: Vec::new(),
                    retracted: vec![seeds[fact].event(fact, false).id],
                    proof: None,
                };
                self.record(REPOS[seeds[fact].repo], vec![part]);
            }
            Act::Miss(repo, hours) => {
                let misses = [Miss {
                    repo: REPOS[*repo],
                    stream: Stream::Pulls,
                    window: Window::new(hour(-*hours), self.now + SignedDuration::from_mins(1))
                        .unwrap(),
                    reason: GapReason::ScrapeError,
                    error: "no".to_owned(),
                }];
                run(self.sqlite.miss(self.term, "acme", &misses, self.now)).unwrap();
            }
            Act::Cycle(is_good) => {
                let report = CycleReport {
                    started: self.now,
                    finished: self.now + SignedDuration::from_millis(1_234),
                    result: if *is_good {
                        CycleResult::Success
                    } else {
                        CycleResult::Failure
                    },
                    repos: 3,
                    changed: 1,
                    failed: 0,
                    recorded: Recorded::default(),
                    requests: 1,
                    points: 1,
                    error: None,
                };
                run(self.sqlite.cycle(self.term, "acme", report)).unwrap();
            }
            Act::Rename(names) => self.track(*names),
            Act::AskHistory => {
                run(self
                    .sqlite
                    .ask_history("acme", None, hour(-9_000), self.now))
                .unwrap();
            }
            Act::Pass(minutes) => self.now += SignedDuration::from_mins(*minutes),
            Act::Read(..) | Act::Show(_) | Act::Restart(_) => {}
        }
    }

    /// Whether there is more.
    fn read(&self, followed: &mut Followed, limit: usize) -> bool {
        let after = followed.aggregate.cursor();
        followed.take_in(run(self.sqlite.changes(after, limit)).unwrap())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn every_replica_shows_the_same_bytes_of_one_state_at_one_moment(
        seeds in seeds(), acts in acts(), limits in prop::array::uniform3(1..60_usize),
    ) {
        let mut store = Store::new();
        let modes = [Refresh::Incremental, Refresh::Full];
        let mut readers = modes.map(|refresh| followed(refresh, hour(0)));
        for act in &acts {
            store.act(act, &seeds);
            match act {
                Act::Read(reader, limit) => {
                    store.read(&mut readers[*reader], *limit);
                }
                Act::Show(reader) => {
                    let reader = &mut readers[*reader];
                    while store.read(reader, 7) {}
                    let (stamp, text) = shown(reader, store.now);
                    // Who has just begun shows the same already.
                    let mut fresh = followed(Refresh::Full, store.now);
                    while store.read(&mut fresh, 1_000) {}
                    prop_assert_eq!(shown(&mut fresh, store.now), (stamp, text));
                }
                Act::Restart(reader) => {
                    readers[*reader] = followed(modes[*reader], store.now);
                }
                _ => {}
            }
        }
        let [one, other] = &mut readers;
        let mut late = followed(Refresh::Incremental, store.now);
        for (reader, limit) in [&mut *one, &mut *other, &mut late].into_iter().zip(limits) {
            while store.read(reader, limit) {}
        }
        for hours in [0, 1, 23, 24, 48, 167, 168, 400] {
            let then = store.now + SignedDuration::from_hours(hours);
            let expected = shown(one, then);
            prop_assert_eq!(&shown(other, then), &expected);
            prop_assert_eq!(&shown(&mut late, then), &expected);
        }
    }
}

/// A piece of a feed.
fn piece(incarnation: &str, commits: std::ops::RangeInclusive<u64>, more: bool) -> Changes {
    let mut repo = None;
    run(async {
        let sqlite = Sqlite::in_memory().unwrap();
        let term = sqlite.lead("one", hour(0)).await.unwrap();
        let listed = SeenRepo {
            id: RepoId(1),
            name: "lib".to_owned(),
            streams: Stream::ALL.to_vec(),
            created_at: hour(-9_000),
        };
        let start = if incarnation == "first" { -100 } else { -50 };
        sqlite
            .track(term, "acme", &[listed], hour(start), hour(0))
            .await
            .unwrap();
        repo = sqlite.repos("acme").await.unwrap().pop();
    });
    let events = commits.clone().map(|number| EventChange {
        seq: Cursor(number),
        news: News::Recorded,
        org: "acme".to_owned(),
        repo: RepoId(1),
        event: Seed {
            repo: 0,
            person: 0,
            minutes: -30,
            kind: 0,
            value: 9,
        }
        .event(number as usize, false),
        first_state: None,
        retracted: false,
        history: false,
    });
    Changes {
        events: events.collect(),
        repos: repo.into_iter().collect(),
        orgs: Vec::new(),
        next: Cursor(*commits.end()),
        more,
        incarnation: incarnation.to_owned(),
    }
}

const COMMITS: &str = "gh_commits_total{org=\"acme\",repo=\"lib\",user=\"ada\"} ";
const CREATED: &str = "gh_commits_created{org=\"acme\",repo=\"lib\",user=\"ada\"} ";

fn value(text: &str, series: &str) -> String {
    let mut lines = text.lines().filter_map(|line| line.strip_prefix(series));
    lines.next().unwrap_or("none").to_owned()
}

#[test]
fn a_store_that_lost_what_it_held_is_read_from_the_start_and_its_counters_begin_anew() {
    let mut reader = followed(Refresh::Incremental, hour(0));
    assert!(!reader.take_in(piece("first", 1..=5, false)));
    let (stamp, text) = shown(&mut reader, hour(0));
    assert_eq!(
        (stamp.cursor, value(&text, COMMITS).as_str()),
        (Cursor(5), "5")
    );
    let began = hour(-100).as_second();
    assert_eq!(value(&text, CREATED), format!("{began}.0"));

    // What comes after the old place means nothing in the new filling.
    assert!(
        reader.take_in(piece("second", 6..=7, false)),
        "there is more: all of it"
    );
    assert_eq!(reader.aggregate.cursor(), Cursor(0));
    let (stamp, text) = shown(&mut reader, hour(1));
    assert_eq!(
        (stamp.incarnation.as_str(), value(&text, COMMITS).as_str()),
        ("first", "5"),
        "until the new filling was read, the old one is shown"
    );

    assert!(!reader.take_in(piece("second", 1..=2, false)));
    let (stamp, text) = shown(&mut reader, hour(1));
    assert_eq!(
        (stamp.incarnation.as_str(), stamp.cursor, stamp.as_of),
        ("second", Cursor(2), hour(1))
    );
    assert_eq!(value(&text, COMMITS), "2");
    let began = hour(-50).as_second();
    assert_eq!(value(&text, CREATED), format!("{began}.0"));
}

#[test]
fn a_feed_that_was_read_in_part_is_not_shown() {
    let mut reader = followed(Refresh::Incremental, hour(0));
    assert!(reader.take_in(piece("first", 1..=3, true)));
    reader.write(&["acme".to_owned()], hour(0));
    assert!(reader.written.is_none(), "three commits are half a number");

    assert!(!reader.take_in(piece("first", 4..=5, false)));
    assert_eq!(value(&shown(&mut reader, hour(0)).1, COMMITS), "5");
    assert!(reader.take_in(piece("first", 6..=7, true)));
    let (stamp, text) = shown(&mut reader, hour(1));
    assert_eq!(stamp.as_of, hour(0), "what was whole goes on being shown");
    assert_eq!(value(&text, COMMITS), "5");
}

#[test]
fn the_moment_of_a_snapshot_is_the_clock_cut_to_the_period() {
    let quarter = Duration::from_secs(15);
    for (now, expected) in [
        ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"),
        ("2026-01-01T00:00:14.999Z", "2026-01-01T00:00:00Z"),
        ("2026-01-01T00:00:15Z", "2026-01-01T00:00:15Z"),
        ("1969-12-31T23:59:59Z", "1969-12-31T23:59:45Z"),
    ] {
        let (now, expected): (Timestamp, Timestamp) =
            (now.parse().unwrap(), expected.parse().unwrap());
        assert_eq!(as_of(now, quarter), expected, "{now}");
    }
}

#[test]
fn a_stream_that_cannot_be_read_and_one_that_is_stuck_are_counted() {
    let mut reader = followed(Refresh::Incremental, hour(0));
    let mut changes = piece("first", 1..=1, false);
    let mut other = changes.repos[0].clone();
    other.id = RepoId(2);
    other.name = "app".to_owned();
    other.streams[0].unavailable = Some("gone".to_owned());
    other.streams[1].coverage.miss(
        Window::new(hour(-9), hour(-8)).unwrap(),
        GapReason::Partial,
        "",
    );
    other.streams[1].backfill.stuck = true;
    for view in &mut changes.repos[0].streams[2..] {
        view.unavailable = Some("disabled".to_owned());
    }
    other.streams.truncate(2);
    changes.repos.push(other);
    reader.take_in(changes);
    let text = shown(&mut reader, hour(0)).1;
    for (series, expected) in [
        (
            "tidegate_streams_unavailable{org=\"acme\",stream=\"commits\"} ",
            "1",
        ),
        (
            "tidegate_streams_unavailable{org=\"acme\",stream=\"pulls\"} ",
            "0",
        ),
        (
            "tidegate_streams_unavailable{org=\"acme\",stream=\"issues\"} ",
            "1",
        ),
        ("tidegate_gaps_stuck{org=\"acme\",stream=\"pulls\"} ", "1"),
        (
            "tidegate_gaps{org=\"acme\",stream=\"pulls\",reason=\"partial\"} ",
            "1",
        ),
        (
            "tidegate_coverage_ratio{org=\"acme\",stream=\"issues\"} ",
            "none",
        ),
        (
            "tidegate_gap_oldest_seconds{org=\"acme\",stream=\"pulls\"} ",
            "32400.0",
        ),
    ] {
        assert_eq!(value(&text, series), expected, "{series}");
    }
}
