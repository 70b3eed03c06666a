//! The aggregate against the definition: every number computed anew from all facts at one instant.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use proptest::sample::Index;

use super::{hour, shown};
use crate::aggregate::{Aggregate, Counters, DAY, Daily, TIME_BOUNDS, WEEK};
use crate::conformance::model::Model;
use crate::conformance::tests::run;
use crate::event::{Actor, CommentOn, Event, Fact, RepoId, ReviewState, Stream};
use crate::exclude::Exclude;
use crate::port::activity::{Activity, Part, SeenRepo};
use crate::port::{Cursor, Term};
use crate::user_label::UserLabels;

const REPOS: [(RepoId, &str); 2] = [(RepoId(1), "lib"), (RepoId(2), "app")];
const PEOPLE: [&str; 3] = ["ada", "eve", "renovate[bot]"];
/// The facts of a run; an id is the place in this list.
const FACTS: usize = 30;
/// From when the second repository is counted. What is older is history that was asked for.
const COUNTED_FROM_HOURS: i64 = -60;
/// How far a run moves the clock, all in all.
const SPAN_HOURS: i64 = 72;

/// A fact, and for a review the version and state that a later look finds.
#[derive(Debug, Clone)]
struct Seed {
    repo: usize,
    person: usize,
    minutes: i64,
    kind: u8,
    number: u64,
    value: u64,
}

impl Seed {
    fn event(&self, id: usize, later: bool) -> Event {
        let (number, value) = (self.number, self.value);
        let state = if later {
            ReviewState::Dismissed
        } else {
            ReviewState::ALL[id % 3]
        };
        let fact = match self.kind {
            0..4 => Fact::Commit {
                additions: value,
                deletions: value / 3,
                changed_files: 1,
            },
            4 => Fact::PullOpened { number },
            5 => Fact::PullMerged {
                number,
                merged_by: None,
                seconds_open: value * 60,
                lines: value,
            },
            6 => Fact::PullClosed {
                number,
                seconds_open: value,
            },
            7..10 => Fact::Review {
                number,
                state,
                seconds_since_ready: (value % 5 > 0).then_some(value * 30),
            },
            10 => Fact::Comment {
                on: CommentOn::ALL[id % 3],
            },
            11 => Fact::IssueOpened { number },
            _ => Fact::IssueClosed {
                number,
                seconds_open: value,
            },
        };
        Event {
            id: id.to_string(),
            at: hour(0) + SignedDuration::from_mins(self.minutes),
            actor: Actor::new(PEOPLE[self.person], None),
            fact,
            version: i64::from(later),
        }
    }

    fn is_commit(&self) -> bool {
        self.kind < 4
    }

    /// Whether it lies before the time that is counted: in windows, and not in counters.
    fn is_history(&self) -> bool {
        self.repo == 1 && self.minutes < COUNTED_FROM_HOURS * 60
    }
}

#[derive(Debug, Clone)]
enum Act {
    /// Records these facts in one call per repository, as first or as later seen.
    Record(Vec<Index>, bool),
    Retract(Index),
    Read(usize),
    Advance(i64),
}

fn seeds() -> impl Strategy<Value = Vec<Seed>> {
    // Twenty days back to three days ahead, with many near the edges of the windows.
    let minutes = prop_oneof![
        -20 * 24 * 60..3 * 24 * 60i64,
        (0..8i64, -2..=2i64).prop_map(|(days, off)| (3 - days) * 24 * 60 + off * 30),
    ];
    let seed = (0..2usize, 0..3usize, minutes, 0..13u8, 1..4u64, 0..2_000u64).prop_map(
        |(repo, person, minutes, kind, number, value)| Seed {
            repo,
            person,
            minutes,
            kind,
            number,
            value,
        },
    );
    prop::collection::vec(seed, FACTS)
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        4 => (prop::collection::vec(any::<Index>(), 1..8), prop::bool::weighted(0.3))
            .prop_map(|(facts, later)| Act::Record(facts, later)),
        2 => any::<Index>().prop_map(Act::Retract),
        3 => (1..6usize).prop_map(Act::Read),
        1 => (0..600i64).prop_map(Act::Advance),
    ];
    prop::collection::vec(act, 0..40)
}

/// A store that is filled, and what was put into it.
struct Run {
    store: Model,
    term: Term,
    seeds: Vec<Seed>,
    first_states: BTreeMap<usize, ReviewState>,
    recorded: BTreeSet<usize>,
    retracted: BTreeSet<usize>,
}

impl Run {
    fn new(seeds: Vec<Seed>) -> Run {
        let store = Model::default();
        let term = run(store.lead("one", hour(0))).unwrap();
        let listing = REPOS.map(|(id, name)| SeenRepo {
            id,
            name: name.to_owned(),
            streams: Stream::ALL.to_vec(),
            created_at: hour(-9_000),
        });
        // The second is tracked since later, and then its history is asked for.
        let first = &listing[..1];
        run(store.track(term, "acme", first, hour(-9_000), hour(0))).unwrap();
        let counted_from = hour(COUNTED_FROM_HOURS);
        run(store.track(term, "acme", &listing, counted_from, hour(0))).unwrap();
        run(store.ask_history("acme", Some(REPOS[1].0), hour(-9_000), hour(0))).unwrap();
        let (first_states, recorded, retracted) =
            (BTreeMap::new(), BTreeSet::new(), BTreeSet::new());
        Run {
            store,
            term,
            seeds,
            first_states,
            recorded,
            retracted,
        }
    }

    fn record(&mut self, facts: &[usize], later: bool) {
        for (place, (repo, _)) in REPOS.iter().enumerate() {
            let facts = facts
                .iter()
                .copied()
                .filter(|fact| self.seeds[*fact].repo == place);
            let mut parts = Vec::new();
            for fact in facts {
                let event = self.seeds[fact].event(fact, later);
                if let Fact::Review { state, .. } = event.fact {
                    self.first_states.entry(fact).or_insert(state);
                }
                self.recorded.insert(fact);
                self.retracted.remove(&fact);
                parts.push(Part {
                    stream: event.fact.stream(),
                    events: vec![event],
                    retracted: vec![],
                    proof: None,
                });
            }
            run(self
                .store
                .record(self.term.into(), "acme", *repo, parts, hour(0)))
            .unwrap();
        }
    }

    fn retract(&mut self, fact: usize) {
        if self.seeds[fact].is_commit() && self.recorded.contains(&fact) {
            self.retracted.insert(fact);
            let retracted = vec![fact.to_string()];
            let part = Part {
                stream: Stream::Commits,
                events: vec![],
                retracted,
                proof: None,
            };
            let repo = REPOS[self.seeds[fact].repo].0;
            run(self
                .store
                .record(self.term.into(), "acme", repo, vec![part], hour(0)))
            .unwrap();
        }
    }

    fn read(&self, aggregate: &mut Aggregate, limit: usize) -> bool {
        let changes = run(self.store.changes(aggregate.cursor(), limit)).unwrap();
        aggregate.apply(&changes);
        changes.more
    }

    fn read_all(&self, aggregate: &mut Aggregate, limit: usize) {
        while self.read(aggregate, limit) {}
    }

    /// The facts of a series that were ever recorded.
    fn of(&self, repo: usize, person: usize) -> Vec<(usize, Event)> {
        let facts = self.recorded.iter().copied();
        let facts = facts
            .filter(|fact| (self.seeds[*fact].repo, self.seeds[*fact].person) == (repo, person));
        facts
            .map(|fact| (fact, self.seeds[fact].event(fact, false)))
            .collect()
    }

    /// The rows by the definition, as [`shown`] writes them, each with its counters.
    fn defined(&self, now: Timestamp) -> String {
        let mut text = String::new();
        for repo in [1, 0] {
            for person in [0, 1] {
                let facts = self.of(repo, person);
                if facts.is_empty() {
                    continue;
                }
                let live: Vec<&Event> = facts
                    .iter()
                    .filter(|(fact, _)| !self.retracted.contains(fact))
                    .map(|(_, event)| event)
                    .collect();
                let within =
                    |event: &Event, span: SignedDuration| event.at <= now && event.at > now - span;
                let daily: Vec<String> = Daily::ALL
                    .iter()
                    .map(|gauge| {
                        let counts = |event: &Event| Daily::of(&event.fact) == Some(*gauge);
                        if !facts
                            .iter()
                            .any(|(_, event)| counts(event) && within(event, DAY * 2))
                        {
                            return "-".to_owned();
                        }
                        live.iter()
                            .filter(|event| counts(event) && within(event, DAY))
                            .count()
                            .to_string()
                    })
                    .collect();
                let is_commit = |event: &Event| matches!(event.fact, Fact::Commit { .. });
                let lines = if facts
                    .iter()
                    .any(|(_, event)| is_commit(event) && within(event, WEEK * 2))
                {
                    let (mut added, mut removed) = (0, 0);
                    for event in live.iter().filter(|event| within(event, WEEK)) {
                        if let Fact::Commit {
                            additions,
                            deletions,
                            ..
                        } = event.fact
                        {
                            added += additions;
                            removed += deletions;
                        }
                    }
                    format!("+{added} -{removed}")
                } else {
                    "+- --".to_owned()
                };
                let last = facts
                    .iter()
                    .map(|(_, event)| event.at)
                    .filter(|at| *at <= now)
                    .max();
                let last = last.map_or("-".to_owned(), |last| {
                    format!("{}h", last.duration_since(hour(0)).as_hours())
                });
                text += &format!(
                    "acme/{} {}: {} | {lines} | last {last}\n",
                    REPOS[repo].1,
                    PEOPLE[person],
                    daily.join(" ")
                );
            }
        }
        text
    }

    fn counters(&self) -> Vec<Counters> {
        let mut all = Vec::new();
        for repo in [1, 0] {
            for person in [0, 1] {
                let facts = self.of(repo, person);
                let mut counters = Counters::default();
                for (fact, event) in &facts {
                    if self.seeds[*fact].is_history() {
                        continue;
                    }
                    counters.count(event, self.first_states.get(fact).copied());
                }
                if !facts.is_empty() {
                    all.push(counters);
                }
            }
        }
        all
    }

    /// The cumulative buckets of the time to first review, per repository that has one.
    fn first_reviews(&self) -> Vec<Vec<u64>> {
        let mut all = Vec::new();
        for repo in [1, 0] {
            let mut smallest: BTreeMap<u64, u64> = BTreeMap::new();
            for (fact, event) in self.of(repo, 0).into_iter().chain(self.of(repo, 1)) {
                if self.seeds[fact].is_history() {
                    continue;
                }
                if let Fact::Review {
                    number,
                    seconds_since_ready: Some(seconds),
                    ..
                } = event.fact
                {
                    let entry = smallest.entry(number).or_insert(seconds);
                    *entry = (*entry).min(seconds);
                }
            }
            let up_to = |bound: u64| {
                smallest
                    .values()
                    .filter(|seconds| **seconds <= bound)
                    .count() as u64
            };
            if !smallest.is_empty() {
                all.push(
                    TIME_BOUNDS
                        .iter()
                        .copied()
                        .chain([u64::MAX])
                        .map(up_to)
                        .collect(),
                );
            }
        }
        all
    }
}

fn fresh() -> Aggregate {
    Aggregate::new(UserLabels::Login, Exclude::new(["*[bot]"]), hour(0))
}

fn counters(aggregate: &Aggregate) -> Vec<Counters> {
    aggregate.rows().map(|row| *row.counters()).collect()
}

fn first_reviews(aggregate: &Aggregate) -> Vec<Vec<u64>> {
    let histograms = aggregate.repos().filter_map(|repo| repo.histograms());
    let observed = histograms.filter(|histograms| histograms.first_review.count() > 0);
    observed
        .map(|it| {
            it.first_review
                .buckets()
                .map(|(_, count, _)| count)
                .collect()
        })
        .collect()
}

/// Everything that must never fall, by what it is.
fn totals(aggregate: &Aggregate) -> BTreeMap<String, Vec<u64>> {
    let mut totals = BTreeMap::new();
    for row in aggregate.rows() {
        let c = row.counters();
        let mut numbers = vec![
            c.commits,
            c.lines_added,
            c.lines_removed,
            c.pulls_opened,
            c.pulls_merged,
        ];
        numbers.extend([c.pulls_closed, c.issues_opened, c.issues_closed]);
        numbers.extend(c.reviews.iter().chain(&c.comments));
        totals.insert(format!("{} {}", row.repo(), row.user()), numbers);
    }
    for repo in aggregate.repos() {
        for (name, histogram) in repo.histograms().into_iter().flat_map(|histograms| {
            [
                ("review", &histograms.first_review),
                ("merge", &histograms.merge),
                ("size", &histograms.size),
            ]
        }) {
            let mut numbers = vec![histogram.count(), histogram.sum()];
            numbers.extend(histogram.buckets().map(|(_, count, _)| count));
            totals.insert(format!("{} {name}", repo.name()), numbers);
        }
    }
    totals
}

/// All that is shown, exemplars and sums included.
fn everything(aggregate: &Aggregate) -> String {
    use std::fmt::Write as _;
    let mut text = shown(aggregate);
    for row in aggregate.rows() {
        let created = Stream::ALL.map(|stream| row.created(stream));
        writeln!(text, "{:?} {created:?}", row.last_event()).unwrap();
    }
    for repo in aggregate.repos() {
        let open = (repo.pulls_open(), repo.issues_open());
        writeln!(text, "{} {open:?} {:?}", repo.name(), repo.histograms()).unwrap();
    }
    text
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn every_number_is_what_its_definition_says_whatever_the_order_and_the_batches(
        seeds in seeds(), acts in acts(), limit in 1..50usize,
    ) {
        let mut run = Run::new(seeds);
        let mut following = fresh();
        let mut now = hour(0);
        let mut before = totals(&following);
        for act in acts {
            match act {
                Act::Record(facts, later) => {
                    let facts: Vec<usize> = facts.iter().map(|fact| fact.index(FACTS)).collect();
                    run.record(&facts, later);
                }
                Act::Retract(fact) => run.retract(fact.index(FACTS)),
                Act::Read(limit) => {
                    run.read(&mut following, limit);
                }
                Act::Advance(minutes) => {
                    now = (now + SignedDuration::from_mins(minutes)).min(hour(SPAN_HOURS));
                    following.advance(now);
                }
            }
            let after = totals(&following);
            for (what, numbers) in &before {
                let fallen = numbers.iter().zip(&after[what]).any(|(before, after)| after < before);
                prop_assert!(!fallen, "{what} fell from {numbers:?} to {:?}", after[what]);
            }
            before = after;
        }
        run.read_all(&mut following, limit);
        prop_assert_eq!(shown(&following), run.defined(now));
        prop_assert_eq!(counters(&following), run.counters());
        prop_assert_eq!(first_reviews(&following), run.first_reviews());

        // Who starts late and reads all at once shows the same, and so it does when the windows have moved on.
        let mut late = fresh();
        late.advance(now);
        run.read_all(&mut late, 1_000);
        prop_assert_eq!(totals(&late), totals(&following));
        prop_assert_eq!(everything(&late), everything(&following));
        for hours in [0, 1, 23, 24, 48, 167, 168, 400] {
            let then = now + SignedDuration::from_hours(hours);
            following.advance(then);
            late.advance(then);
            prop_assert_eq!(shown(&following), run.defined(then));
            prop_assert_eq!(shown(&late), run.defined(then));
            prop_assert_eq!(everything(&late), everything(&following));
        }
        prop_assert_eq!(following.commits.len(), 0);
    }

    #[test]
    fn the_generation_stands_still_only_if_nothing_shown_changed(seeds in seeds(), steps in prop::collection::vec(0..300i64, 1..40)) {
        let mut run = Run::new(seeds);
        run.record(&(0..FACTS).collect::<Vec<_>>(), false);
        let mut aggregate = fresh();
        run.read_all(&mut aggregate, 1_000);
        let mut before = (aggregate.generation(), shown(&aggregate));
        let mut now = hour(0);
        for minutes in steps {
            now += SignedDuration::from_mins(minutes);
            aggregate.advance(now);
            let after = (aggregate.generation(), shown(&aggregate));
            prop_assert!(before.1 == after.1 || before.0 < after.0);
            before = after;
        }
    }

    #[test]
    fn a_reader_at_the_end_of_the_feed_reads_nothing_twice(seeds in seeds()) {
        let mut run = Run::new(seeds);
        run.record(&(0..FACTS).collect::<Vec<_>>(), false);
        let mut aggregate = fresh();
        run.read_all(&mut aggregate, 7);
        prop_assert!(aggregate.cursor() > Cursor::default());
        let before = (totals(&aggregate), aggregate.generation());
        run.read_all(&mut aggregate, 7);
        prop_assert_eq!((totals(&aggregate), aggregate.generation()), before);
    }
}
