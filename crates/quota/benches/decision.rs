//! What a decision costs with five lanes and a thousand requests that wait at the reserve, in nanoseconds and allocations,
//! beside a limiter in the same process that knows nothing of all this: one check of the `governor` crate.
//!
//! The figures are medians over rounds, each in a world of its own, and all of one run. Unlike the others this benchmark
//! fails where its bar is missed: the bar is far from what machines differ by.

#[expect(dead_code, reason = "no bar of this one is a least")]
#[path = "../../service/benches/shared/report.rs"]
mod report;

use std::alloc::System;
use std::hint::black_box;
use std::num::NonZeroU32;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use governor::{Quota, RateLimiter};
use jiff::Timestamp;
use quota::{
    Ask, CredentialQuota, Desk, Lane, Learnt, Observation, Resource, Seen, Settings, Ticket,
};
use serde_json::{Value, json};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

use self::report::{Bar, judged, keep};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// What waits, in the four lanes that wait at the reserve; live work comes and goes.
const WAITING: usize = 1_000;
const ORGS: usize = 10;
const REPOS: usize = 100;
/// Rounds of a measurement, and operations of each: before it is looked at, and while it is.
const ROUNDS: usize = 101;
const WARM: u32 = 50;
const MEASURED: u32 = 150;
/// From one operation to the next, by the clock of the world.
const PACE: Duration = Duration::from_millis(90);

const MOST_NANOS: f64 = 1_000.0;
const MOST_ALLOCATIONS: f64 = 0.0;

/// One operation.
type Step = fn(&mut World);

/// What one operation costs.
struct Cost {
    nanos: f64,
    allocations: f64,
}

fn main() -> ExitCode {
    println!(
        "a decision with 5 lanes and {WAITING} waiting requests (median of {ROUNDS} rounds of {MEASURED})\n"
    );
    println!("{:<64} {:>10} {:>12}", "", "ns", "allocations");
    let mut bars = Vec::new();
    let mut figures = Vec::new();
    let learnt = learnt();
    let cases: [(&str, Step); 3] = [
        (
            "admits: arrive, dispatch, collect, settle, dispatch",
            World::admit,
        ),
        (
            "refuses: dispatch, all that are first in their line",
            World::refuse,
        ),
        ("one that waits leaves, another arrives", World::swap),
    ];
    for (what, step) in cases {
        let cost = cost(|| World::new(&learnt), step);
        figures.push(shown(what, &cost));
        bars.push((what, cost));
    }
    let per_second = NonZeroU32::MAX;
    let peer = cost(
        || RateLimiter::direct(Quota::per_second(per_second)),
        |limiter| {
            black_box(limiter.check().is_ok());
        },
    );
    figures.push(shown("governor: one check of a direct limiter", &peer));
    println!();
    let bars: Vec<Value> = bars
        .iter()
        .flat_map(|(what, cost)| {
            [
                judged(what, cost.nanos, "ns", Bar::AtMost(MOST_NANOS)),
                judged(
                    what,
                    cost.allocations,
                    "allocs",
                    Bar::AtMost(MOST_ALLOCATIONS),
                ),
            ]
        })
        .collect();
    keep(
        "decision",
        &json!({ "waiting": WAITING, "rounds": ROUNDS, "figures": figures, "bars": bars }),
    );
    if bars.iter().all(|bar| bar["met"] == true) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// A credential at the reserve, and all that waits for it.
struct World {
    desk: Desk,
    now: Timestamp,
    used: u64,
    names: Vec<(Arc<str>, Arc<str>)>,
    waiting: Vec<(Ticket, Lane, usize)>,
    next: usize,
}

impl World {
    fn new(learnt: &Learnt) -> World {
        let names = (0..REPOS).map(|repo| {
            let org = format!("organisation-{}", repo % ORGS);
            let repo = format!("{org}/repository-{repo}");
            (Arc::from(org), Arc::from(repo))
        });
        let mut world = World {
            desk: Desk::new(Settings::default()),
            now: start(),
            used: 4_500,
            names: names.collect(),
            waiting: Vec::new(),
            next: 0,
        };
        world.desk.quota_mut().learn(learnt, start());
        world.admit();
        for n in 0..WAITING {
            let lane = Lane::ALL[1 + n % 4];
            world.arrive(lane, n);
        }
        world.desk.dispatch(world.now);
        let waits: usize = world.desk.waiting().iter().map(|line| line.requests).sum();
        assert_eq!(
            waits,
            WAITING,
            "all of them wait: {:?}",
            world.desk.waiting()
        );
        world
    }

    fn ask(&self, n: usize) -> Ask {
        let (org, repo) = &self.names[n % self.names.len()];
        Ask::read(Resource::core(), 1)
            .of(org.clone())
            .in_repo(repo.clone())
    }

    fn arrive(&mut self, lane: Lane, n: usize) {
        let ticket = self.desk.arrive(lane, self.ask(n), self.now);
        self.waiting.push((ticket, lane, n));
    }

    fn hear(&mut self) {
        while let Some(ticket) = self.desk.news() {
            black_box(ticket);
        }
    }

    fn admit(&mut self) {
        self.now += PACE;
        self.next += 1;
        let ask = self.ask(self.next);
        let ticket = self.desk.arrive(Lane::Live, ask, self.now);
        self.desk.dispatch(self.now);
        self.hear();
        let pass = self.desk.collect(ticket).expect("live work goes at once");
        self.used += 1;
        let seen = seen(self.used, self.now);
        black_box(self.desk.settle(pass, &seen, self.now));
        self.desk.dispatch(self.now);
        self.hear();
    }

    fn refuse(&mut self) {
        self.now += PACE;
        // Something may have changed: every head is asked again.
        black_box(self.desk.quota_mut());
        self.desk.dispatch(self.now);
        self.hear();
    }

    fn swap(&mut self) {
        self.now += PACE;
        self.next = (self.next + 7) % self.waiting.len();
        let (ticket, lane, n) = self.waiting[self.next];
        if self.desk.leave(ticket, self.now) {
            self.desk.dispatch(self.now);
            self.hear();
        }
        let ticket = self.desk.arrive(lane, self.ask(n), self.now);
        self.waiting[self.next].0 = ticket;
    }
}

fn start() -> Timestamp {
    Timestamp::from_second(1_750_000_200).expect("it is in the calendar")
}

fn seen(used: u64, now: Timestamp) -> Seen {
    let length = 3_600;
    let reset = now.as_second() - (now.as_second() - 200).rem_euclid(length) + length;
    Seen {
        observation: Observation {
            limit: Some(5_000),
            remaining: Some(5_000_u64.saturating_sub(used)),
            used: Some(used),
            reset: Timestamp::from_second(reset).ok(),
            date: Timestamp::from_second(now.as_second()).ok(),
            ..Observation::default()
        },
        took: Duration::from_millis(80),
        ..Seen::default()
    }
}

/// A day of live requests, some every hour as fast as they come here, so that there are curves to be asked.
fn learnt() -> Learnt {
    let mut quota = CredentialQuota::new(Settings::default());
    let hour = Duration::from_secs(3_600);
    let mut now = start() - hour * 24;
    for n in 0..24 * 900_u32 {
        now += if n % 900 < 700 {
            PACE
        } else {
            Duration::from_secs(17)
        };
        if n % 900 == 0 {
            now = start() - hour * (24 - n / 900);
        }
        let pass = quota.reserve(Lane::Live, Ask::read(Resource::core(), 1), now);
        quota.settle(pass, &seen(u64::from(n % 900) + 1, now), now);
    }
    quota.learnt()
}

/// The median cost of a step, over rounds that each begin with a fresh world.
fn cost<W>(world: impl Fn() -> W, step: impl Fn(&mut W)) -> Cost {
    let mut rounds: Vec<(f64, f64)> = (0..ROUNDS)
        .map(|_| {
            let mut world = world();
            (0..WARM).for_each(|_| step(&mut world));
            let region = Region::new(ALLOCATOR);
            let begun = instant();
            (0..MEASURED).for_each(|_| step(&mut world));
            let took = begun.elapsed();
            let change = region.change();
            let allocations = change.allocations + change.reallocations;
            let per_step = |amount: f64| amount / f64::from(MEASURED);
            (
                per_step(took.as_nanos() as f64),
                per_step(allocations as f64),
            )
        })
        .collect();
    let mut median = |of: fn(&(f64, f64)) -> f64| {
        rounds.sort_by(|one, other| of(one).total_cmp(&of(other)));
        of(&rounds[ROUNDS / 2])
    };
    Cost {
        nanos: median(|round| round.0),
        allocations: median(|round| round.1),
    }
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn instant() -> Instant {
    Instant::now()
}

fn shown(what: &str, cost: &Cost) -> Value {
    let Cost { nanos, allocations } = cost;
    println!("{what:<64} {nanos:>10.0} {allocations:>12.2}");
    json!({ "what": what, "ns": nanos, "allocations": allocations })
}
