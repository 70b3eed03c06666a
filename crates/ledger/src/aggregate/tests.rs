//! The folded numbers, on timelines that a person can check and against a definition that knows no windows.

mod definition;

use std::fmt::Write;

use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::event::{CommentOn, Event, Fact, ReviewState, id};
use crate::port::activity::{EventChange, News, StreamView};

const ACME: &str = "acme";
const LIB: RepoId = RepoId(1);

fn hour(hours: i64) -> Timestamp {
    Timestamp::constant(1_767_225_600, 0) + SignedDuration::from_hours(hours)
}

fn event(id: &str, at: Timestamp, login: &str, fact: Fact) -> Event {
    Event {
        id: id.to_owned(),
        at,
        actor: Actor::new(login, None),
        fact,
        version: 0,
    }
}

fn commit(oid: &str, at: Timestamp, login: &str) -> Event {
    event(
        oid,
        at,
        login,
        Fact::Commit {
            additions: 10,
            deletions: 3,
            changed_files: 1,
        },
    )
}

fn review(database_id: u64, at: Timestamp, number: u64, seconds: u64) -> Event {
    let fact = Fact::Review {
        number,
        state: ReviewState::Approved,
        seconds_since_ready: Some(seconds),
    };
    event(&id::item(database_id), at, "eve", fact)
}

fn view(id: RepoId, name: &str, tracked: bool) -> RepoView {
    let stream = |stream, open| StreamView {
        open,
        ..StreamView::new(stream, hour(-1_000))
    };
    let streams = vec![
        stream(Stream::Commits, None),
        stream(Stream::Pulls, Some(4)),
        stream(Stream::Issues, Some(0)),
    ];
    RepoView {
        org: ACME.to_owned(),
        id,
        name: name.to_owned(),
        created_at: hour(-2_000),
        tracked,
        streams,
    }
}

/// An aggregate with a feed of its own.
struct Bench {
    aggregate: Aggregate,
    seq: u64,
}

impl Bench {
    fn new() -> Bench {
        Bench::with(UserLabels::Login, Exclude::nobody())
    }

    fn with(labels: UserLabels, exclude: Exclude) -> Bench {
        let mut bench = Bench {
            aggregate: Aggregate::new(labels, exclude, hour(0)),
            seq: 0,
        };
        bench.tell(vec![view(LIB, "lib", true)], Vec::new());
        bench
    }

    fn tell(&mut self, repos: Vec<RepoView>, events: Vec<(News, Event, bool)>) {
        self.tell_all(repos, events, false);
    }

    /// Events from before the time that is counted.
    fn record_history(&mut self, events: impl IntoIterator<Item = Event>) {
        let events = events.into_iter().map(|it| (News::Recorded, it, false));
        self.tell_all(Vec::new(), events.collect(), true);
    }

    fn tell_all(&mut self, repos: Vec<RepoView>, events: Vec<(News, Event, bool)>, history: bool) {
        let events = events.into_iter().map(|(news, event, retracted)| {
            self.seq += 1;
            let first_state = match event.fact {
                Fact::Review { state, .. } => Some(state),
                _ => None,
            };
            EventChange {
                seq: Cursor(self.seq),
                news,
                org: ACME.into(),
                repo: LIB,
                event,
                first_state,
                retracted,
                history,
            }
        });
        let events: Vec<EventChange> = events.collect();
        let changes = Changes {
            events,
            repos,
            next: Cursor(self.seq),
            ..Changes::default()
        };
        self.aggregate.apply(&changes);
    }

    fn record(&mut self, events: impl IntoIterator<Item = Event>) {
        self.tell(
            Vec::new(),
            events
                .into_iter()
                .map(|event| (News::Recorded, event, false))
                .collect(),
        );
    }

    fn retract(&mut self, event: Event) {
        self.tell(Vec::new(), vec![(News::Amended, event, true)]);
    }

    fn shown(&self) -> String {
        shown(&self.aggregate)
    }

    /// What is shown at each of these hours.
    fn timeline(&mut self, hours: &[i64]) -> String {
        let mut timeline = String::new();
        for at in hours {
            self.aggregate.advance(hour(*at));
            write!(timeline, "{at:>4}h{}", self.shown().replace("acme/lib", "")).unwrap();
        }
        timeline
    }
}

/// Each row in a line: the gauges of the day (`-` where not shown), lines of the week, hours since the last event.
fn shown(aggregate: &Aggregate) -> String {
    let number = |value: Option<u64>| value.map_or("-".to_owned(), |value| value.to_string());
    let mut text = String::new();
    for row in aggregate.rows() {
        let daily: Vec<String> = Daily::ALL
            .iter()
            .map(|gauge| number(row.daily(*gauge)))
            .collect();
        let lines = (
            number(row.lines_added_weekly()),
            number(row.lines_removed_weekly()),
        );
        let last = row.last_event().map_or("-".to_owned(), |last| {
            format!("{}h", last.duration_since(hour(0)).as_hours())
        });
        let (org, repo, user) = (row.org(), row.repo(), row.user());
        let daily = daily.join(" ");
        writeln!(
            text,
            "{org}/{repo} {user}: {daily} | +{} -{} | last {last}",
            lines.0, lines.1
        )
        .unwrap();
    }
    text
}

#[test]
fn a_gauge_decays_to_zero_stays_for_one_window_length_and_vanishes() {
    let mut bench = Bench::new();
    bench.record([commit("aa", hour(-1), "ada"), commit("bb", hour(0), "ada")]);
    let timeline = bench.timeline(&[0, 22, 23, 24, 47, 48, 166, 167, 168, 335, 336]);
    let expected = "   0h ada: 2 - - - - | +20 -6 | last 0h
  22h ada: 2 - - - - | +20 -6 | last 0h
  23h ada: 1 - - - - | +20 -6 | last 0h
  24h ada: 0 - - - - | +20 -6 | last 0h
  47h ada: 0 - - - - | +20 -6 | last 0h
  48h ada: - - - - - | +20 -6 | last 0h
 166h ada: - - - - - | +20 -6 | last 0h
 167h ada: - - - - - | +10 -3 | last 0h
 168h ada: - - - - - | +0 -0 | last 0h
 335h ada: - - - - - | +0 -0 | last 0h
 336h ada: - - - - - | +- -- | last 0h
";
    assert_eq!(timeline, expected);
    assert_eq!(
        bench.aggregate.next_due(),
        None,
        "nothing is left to forget"
    );
    assert!(bench.aggregate.commits.is_empty());
}

#[test]
fn a_window_is_exact_to_the_nanosecond() {
    let mut bench = Bench::new();
    bench.record([
        commit("aa", hour(-24), "ada"),
        commit("bb", hour(-24) + SignedDuration::from_nanos(1), "ada"),
    ]);
    assert_eq!(
        bench.shown(),
        "acme/lib ada: 1 - - - - | +20 -6 | last -24h\n".replace("-24h", "-23h")
    );
    bench
        .aggregate
        .advance(hour(0) + SignedDuration::from_nanos(1));
    assert_eq!(
        bench.shown(),
        "acme/lib ada: 0 - - - - | +20 -6 | last -23h\n"
    );
}

#[test]
fn late_events_land_at_their_own_time() {
    let mut bench = Bench::new();
    bench.aggregate.advance(hour(100));
    bench.record([
        commit("day", hour(90), "ada"),
        commit("week", hour(10), "ada"),
        commit("zero", hour(-100), "eve"),
        commit("gone", hour(-300), "bob"),
    ]);
    let expected = "acme/lib ada: 1 - - - - | +20 -6 | last 90h
acme/lib bob: - - - - - | +- -- | last -300h
acme/lib eve: - - - - - | +0 -0 | last -100h
";
    assert_eq!(bench.shown(), expected);
    let totals: Vec<u64> = bench
        .aggregate
        .rows()
        .map(|row| row.counters().commits)
        .collect();
    assert_eq!(totals, [2, 1, 1]);
}

#[test]
fn an_event_ahead_of_the_clock_waits_for_its_time_and_is_counted_at_once() {
    let mut bench = Bench::new();
    let opened = event("5", hour(2), "ada", Fact::PullOpened { number: 5 });
    bench.record([commit("aa", hour(1), "ada"), opened]);
    let counters = *bench.aggregate.rows().next().unwrap().counters();
    assert_eq!((counters.commits, counters.pulls_opened), (1, 1));
    let timeline = bench.timeline(&[0, 1, 2, 24, 25, 26, 48, 49, 50]);
    let expected = "   0h ada: - - - - - | +- -- | last -
   1h ada: 1 - - - - | +10 -3 | last 1h
   2h ada: 1 1 - - - | +10 -3 | last 2h
  24h ada: 1 1 - - - | +10 -3 | last 2h
  25h ada: 0 1 - - - | +10 -3 | last 2h
  26h ada: 0 0 - - - | +10 -3 | last 2h
  48h ada: 0 0 - - - | +10 -3 | last 2h
  49h ada: - 0 - - - | +10 -3 | last 2h
  50h ada: - - - - - | +10 -3 | last 2h
";
    assert_eq!(timeline, expected);
}

#[test]
fn a_retracted_commit_leaves_the_windows_and_not_the_counters() {
    let mut bench = Bench::new();
    bench.record([
        commit("aa", hour(-30), "ada"),
        commit("bb", hour(-2), "ada"),
    ]);
    bench.retract(commit("bb", hour(-2), "ada"));
    assert_eq!(
        bench.shown(),
        "acme/lib ada: 0 - - - - | +10 -3 | last -2h\n"
    );
    bench.retract(commit("aa", hour(-30), "ada"));
    assert_eq!(
        bench.shown(),
        "acme/lib ada: 0 - - - - | +0 -0 | last -2h\n",
        "it happened, whatever became of it"
    );
    let counters = *bench.aggregate.rows().next().unwrap().counters();
    assert_eq!(
        (
            counters.commits,
            counters.lines_added,
            counters.lines_removed
        ),
        (2, 20, 6)
    );

    bench.tell(
        Vec::new(),
        vec![(News::Amended, commit("bb", hour(-2), "ada"), false)],
    );
    assert_eq!(
        bench.shown(),
        "acme/lib ada: 1 - - - - | +10 -3 | last -2h\n"
    );
    assert_eq!(
        bench.aggregate.rows().next().unwrap().counters().commits,
        2,
        "its return is no second commit"
    );
    bench.aggregate.advance(hour(400));
    assert_eq!(
        bench.shown(),
        "acme/lib ada: - - - - - | +- -- | last -2h\n"
    );
}

#[test]
fn a_commit_that_was_retracted_while_ahead_of_the_clock_never_enters() {
    let mut bench = Bench::new();
    bench.record([commit("aa", hour(5), "ada")]);
    bench.retract(commit("aa", hour(5), "ada"));
    bench.aggregate.advance(hour(6));
    assert_eq!(bench.shown(), "acme/lib ada: 0 - - - - | +0 -0 | last 5h\n");
    bench.aggregate.advance(hour(500));
    assert_eq!(bench.shown(), "acme/lib ada: - - - - - | +- -- | last 5h\n");
}

#[test]
fn every_fact_has_its_counter_and_its_gauge() {
    let mut bench = Bench::new();
    let merged = Fact::PullMerged {
        number: 1,
        merged_by: None,
        seconds_open: 7_200,
        lines: 120,
    };
    let dismissed = Fact::Review {
        number: 1,
        state: ReviewState::Dismissed,
        seconds_since_ready: None,
    };
    let facts = [
        Fact::Commit {
            additions: 5,
            deletions: 2,
            changed_files: 1,
        },
        Fact::PullOpened { number: 1 },
        merged,
        Fact::PullClosed {
            number: 2,
            seconds_open: 9,
        },
        dismissed,
        Fact::Comment {
            on: CommentOn::Issue,
        },
        Fact::Comment {
            on: CommentOn::Pull,
        },
        Fact::Comment {
            on: CommentOn::Diff,
        },
        Fact::IssueOpened { number: 3 },
        Fact::IssueClosed {
            number: 3,
            seconds_open: 9,
        },
    ];
    bench.record(
        facts
            .into_iter()
            .zip(0..)
            .map(|(fact, id)| event(&format!("{id}"), hour(-1), "ada", fact)),
    );
    assert_eq!(
        bench.shown(),
        "acme/lib ada: 1 1 1 1 2 | +5 -2 | last -1h\n"
    );
    let expected = Counters {
        commits: 1,
        lines_added: 5,
        lines_removed: 2,
        pulls_opened: 1,
        pulls_merged: 1,
        pulls_closed: 1,
        reviews: [0, 0, 0, 1],
        comments: [1, 1, 1],
        issues_opened: 1,
        issues_closed: 1,
    };
    let row = bench.aggregate.rows().next().unwrap();
    assert_eq!(*row.counters(), expected);
    assert_eq!(row.counters().reviews(ReviewState::Dismissed), 1);
    assert_eq!(row.counters().comments(CommentOn::Diff), 1);
    assert_eq!(row.created(Stream::Issues), Some(hour(-1_000)));
    let histograms = row.repo_row().histograms().unwrap();
    assert_eq!(
        (histograms.merge.count(), histograms.merge.sum()),
        (1, 7_200)
    );
    assert_eq!((histograms.size.count(), histograms.size.sum()), (1, 120));
    assert_eq!(
        histograms.first_review.count(),
        0,
        "the author's own review is no first review"
    );
}

#[test]
fn a_dismissal_moves_no_number() {
    let mut bench = Bench::new();
    bench.record([review(5, hour(-1), 1, 600)]);
    let (shown, counters) = (
        bench.shown(),
        *bench.aggregate.rows().next().unwrap().counters(),
    );
    let mut dismissed = review(5, hour(-1), 1, 600);
    dismissed.fact = Fact::Review {
        number: 1,
        state: ReviewState::Dismissed,
        seconds_since_ready: Some(600),
    };
    bench.tell(Vec::new(), vec![(News::Amended, dismissed, false)]);
    assert_eq!(
        (
            bench.shown(),
            *bench.aggregate.rows().next().unwrap().counters()
        ),
        (shown, counters)
    );
}

#[test]
fn the_first_review_of_a_pull_request_is_observed_once_and_is_the_smallest() {
    let mut bench = Bench::new();
    bench.record([
        review(1, hour(-9), 1, 5_000),
        review(2, hour(-8), 1, 8_000),
        review(3, hour(-7), 2, 100),
    ]);
    let observed = |bench: &Bench| {
        let row = bench.aggregate.repos().next().unwrap();
        let first = &row.histograms().unwrap().first_review;
        (
            first.count(),
            first.sum(),
            first
                .buckets()
                .map(|(_, count, _)| count)
                .collect::<Vec<_>>(),
        )
    };
    assert_eq!(
        observed(&bench),
        (2, 5_100, vec![1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2])
    );
    bench.record([review(4, hour(-10), 1, 600)]);
    assert_eq!(
        observed(&bench),
        (2, 5_100, vec![1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2])
    );
    let exemplar = Exemplar {
        at: hour(-10),
        number: 1,
        value: 600,
    };
    let row = bench.aggregate.repos().next().unwrap();
    assert_eq!(
        row.histograms()
            .unwrap()
            .first_review
            .buckets()
            .nth(1)
            .unwrap()
            .2,
        Some(exemplar)
    );
}

#[test]
fn people_who_share_a_label_are_summed() {
    let events = || {
        [
            commit("aa", hour(-1), "ada"),
            commit("bb", hour(-2), "eve"),
            commit("cc", hour(-3), "ghost"),
        ]
    };
    let mut bench = Bench::with(UserLabels::None, Exclude::nobody());
    bench.record(events());
    assert_eq!(
        bench.shown(),
        "acme/lib all: 3 - - - - | +30 -9 | last -1h\n"
    );
    let mut bench = Bench::with(UserLabels::Id, Exclude::nobody());
    bench.record(events());
    let users: Vec<_> = bench
        .aggregate
        .rows()
        .map(|row| row.user().to_owned())
        .collect();
    assert_eq!(users, ["ghost", "unlinked"]);
}

#[test]
fn who_is_excluded_leaves_no_trace() {
    let mut bench = Bench::with(UserLabels::Login, Exclude::new(["*[bot]", "eve"]));
    let generation = bench.aggregate.generation();
    bench.record([
        commit("aa", hour(-1), "dependabot[bot]"),
        review(1, hour(-1), 1, 60),
    ]);
    assert_eq!(
        (bench.shown().as_str(), bench.aggregate.generation()),
        ("", generation)
    );
    assert!(
        bench
            .aggregate
            .repos()
            .next()
            .unwrap()
            .histograms()
            .is_none()
    );
}

#[test]
fn a_piece_that_is_folded_twice_changes_nothing() {
    let mut bench = Bench::new();
    bench.record([commit("aa", hour(-1), "ada")]);
    let (shown, generation) = (bench.shown(), bench.aggregate.generation());
    bench.seq = 0;
    bench.record([commit("aa", hour(-1), "ada")]);
    assert_eq!(
        (bench.shown(), bench.aggregate.generation()),
        (shown, generation)
    );
    assert_eq!(bench.aggregate.rows().next().unwrap().counters().commits, 1);
}

#[test]
fn the_generation_tells_of_every_change_and_of_nothing_else() {
    let mut bench = Bench::new();
    bench.record([
        commit("aa", hour(0), "ada"),
        commit("bb", hour(-100), "eve"),
    ]);
    let mut before = (bench.shown(), bench.aggregate.generation());
    let mut changes = Vec::new();
    for minutes in (0..20_000).step_by(30) {
        bench
            .aggregate
            .advance(hour(0) + SignedDuration::from_mins(minutes));
        let after = (bench.shown(), bench.aggregate.generation());
        assert_eq!(
            before.0 == after.0,
            before.1 == after.1,
            "at minute {minutes}: {}",
            after.0
        );
        if before.1 != after.1 {
            changes.push(minutes / 60);
        }
        before = after;
    }
    // ada's day ends, her zero vanishes; eve's week, ada's week, eve's zero, ada's zero.
    assert_eq!(changes, [24, 48, 68, 168, 236]);
    bench.aggregate.advance(hour(1));
    assert_eq!(
        bench.aggregate.now(),
        hour(0) + SignedDuration::from_mins(19_980),
        "time does not run backwards"
    );
}

#[test]
fn only_the_rows_that_changed_carry_the_new_generation() {
    let mut bench = Bench::new();
    bench.record([commit("aa", hour(-1), "ada"), commit("bb", hour(-1), "eve")]);
    let before = bench.aggregate.generation();
    bench.record([commit("cc", hour(-1), "eve")]);
    let changed: Vec<_> = bench
        .aggregate
        .rows()
        .filter(|row| row.generation() > before)
        .map(|row| row.user().to_owned())
        .collect();
    assert_eq!(changed, ["eve"]);
}

#[test]
fn a_renamed_repository_takes_its_numbers_along_and_a_name_shows_who_has_it_now() {
    let mut bench = Bench::new();
    bench.record([commit("aa", hour(-1), "ada")]);
    let generation = bench.aggregate.generation();
    bench.tell(vec![view(LIB, "library", true)], Vec::new());
    assert_eq!(
        bench.shown(),
        "acme/library ada: 1 - - - - | +10 -3 | last -1h\n"
    );
    assert!(
        bench
            .aggregate
            .rows()
            .all(|row| row.generation() > generation),
        "its labels changed"
    );

    bench.tell(
        vec![
            view(LIB, "library", false),
            view(RepoId(0), "library", true),
        ],
        Vec::new(),
    );
    assert_eq!(
        bench.shown(),
        "",
        "the new one with this name has no series yet"
    );
    assert_eq!(bench.aggregate.repos().count(), 1);
    bench.tell(vec![view(RepoId(0), "other", true)], Vec::new());
    assert_eq!(
        bench.shown(),
        "acme/library ada: 1 - - - - | +10 -3 | last -1h\n"
    );
    let open: Vec<_> = bench
        .aggregate
        .repos()
        .map(|repo| (repo.name().to_owned(), repo.pulls_open()))
        .collect();
    assert_eq!(
        open,
        [("library".to_owned(), None), ("other".to_owned(), Some(4))],
        "no more looked after: no count"
    );
}

#[test]
fn a_repository_is_shown_once_the_feed_has_told_its_name() {
    let mut bench = Bench {
        aggregate: Aggregate::new(UserLabels::Login, Exclude::nobody(), hour(0)),
        seq: 0,
    };
    bench.record([commit("aa", hour(-1), "ada")]);
    assert_eq!(
        (bench.shown().as_str(), bench.aggregate.is_empty()),
        ("", true)
    );
    bench.tell(vec![view(LIB, "lib", true)], Vec::new());
    assert_eq!(
        bench.shown(),
        "acme/lib ada: 1 - - - - | +10 -3 | last -1h\n"
    );
    assert_eq!(bench.aggregate.len(), 1);
}

#[test]
fn rows_come_in_the_order_of_their_labels() {
    let mut bench = Bench::new();
    let logins = ["zoe", "ada", "Bob", "ärger", "eve", "ada2"];
    bench.record(logins.iter().map(|login| commit(login, hour(-1), login)));
    let users: Vec<_> = bench
        .aggregate
        .rows()
        .map(|row| row.user().to_owned())
        .collect();
    assert_eq!(users, ["Bob", "ada", "ada2", "eve", "zoe", "ärger"]);
    assert_eq!(bench.aggregate.len(), 6);
}

#[test]
fn history_that_was_asked_for_is_in_the_windows_and_not_in_the_counters() {
    let mut bench = Bench::new();
    let merged = Fact::PullMerged {
        number: 8,
        merged_by: None,
        seconds_open: 7_200,
        lines: 120,
    };
    bench.record_history([
        commit("aa", hour(-1), "ada"),
        event("8", hour(-2), "ada", merged),
        event("9", hour(1), "ada", Fact::PullOpened { number: 9 }),
        review(4, hour(-3), 8, 600),
    ]);
    assert_eq!(
        bench.timeline(&[0, 1]),
        "   0h ada: 1 - 1 - - | +10 -3 | last -1h\n eve: - - - 1 - | +- -- | last -3h\n   \
           1h ada: 1 1 1 - - | +10 -3 | last 1h\n eve: - - - 1 - | +- -- | last -3h\n"
    );
    let counted = |bench: &Bench| -> Vec<Counters> {
        let rows = bench.aggregate.rows();
        rows.map(|row| *row.counters()).collect()
    };
    assert_eq!(counted(&bench), [Counters::default(); 2]);
    let repo = bench.aggregate.repos().next().unwrap();
    assert!(repo.histograms().is_none(), "nothing is observed");

    bench.retract(commit("aa", hour(-1), "ada"));
    assert_eq!(bench.timeline(&[1]).lines().count(), 2);
    assert_eq!(
        bench.aggregate.rows().next().unwrap().daily(Daily::Commits),
        Some(0)
    );
    bench.record([commit("bb", hour(0), "ada")]);
    assert_eq!(counted(&bench)[0].commits, 1);
}

#[test]
fn the_time_of_creation_is_when_counting_began_however_far_back_history_reaches() {
    let mut bench = Bench::new();
    bench.record([commit("aa", hour(-1), "ada")]);
    let mut reached = view(LIB, "lib", true);
    for stream in &mut reached.streams {
        stream.ask_history(hour(-5_000));
        assert_eq!(stream.coverage.start(), hour(-5_000));
    }
    bench.tell(vec![reached.clone()], Vec::new());
    let created = |bench: &Bench, stream| bench.aggregate.rows().next().unwrap().created(stream);
    assert_eq!(created(&bench, Stream::Commits), Some(hour(-1_000)));

    // A stream that is not listed any more has none, for whoever reads the feed later has never heard of it.
    reached
        .streams
        .retain(|stream| stream.stream != Stream::Issues);
    let before = bench.aggregate.generation();
    bench.tell(vec![reached], Vec::new());
    assert_eq!(created(&bench, Stream::Issues), None);
    let row = bench.aggregate.rows().next().unwrap();
    assert!(row.generation() > before, "its rows are written anew");
}

#[test]
fn a_repository_knows_when_any_of_its_rows_changed_and_the_layout_when_the_order_did() {
    let mut bench = Bench::new();
    let layout = bench.aggregate.layout();
    bench.tell(vec![view(RepoId(2), "other", true)], Vec::new());
    assert!(bench.aggregate.layout() > layout);

    let before = (bench.aggregate.generation(), bench.aggregate.layout());
    bench.record([commit("aa", hour(-1), "ada")]);
    let changed = |bench: &Bench, before: u64| -> Vec<String> {
        let repos = bench.aggregate.repos().filter(|row| row.newest() > before);
        repos.map(|row| row.name().to_owned()).collect()
    };
    assert_eq!(changed(&bench, before.0), ["lib"]);
    let row = bench.aggregate.repos().next().unwrap();
    assert!(
        row.generation() <= before.0,
        "its own numbers are as they were"
    );

    let before = (bench.aggregate.generation(), before.1);
    bench.aggregate.advance(hour(23));
    assert_eq!(changed(&bench, before.0), ["lib"], "a window ended");
    assert_eq!(bench.aggregate.layout(), before.1);
}
