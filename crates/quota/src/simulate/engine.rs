//! Runs one policy through one world on a virtual clock, event by event. Decides nothing about limits and nothing about pace:
//! GitHub's model and the processes' desks do.

mod flights;
mod job;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};

use super::arrivals::{Repo, World};
use super::dice::Fortunes;
use super::github::GitHub;
use super::process::{Errand, Process};
use super::record::{Hour, Record, Sample};
use super::store::Store;
use super::{Millis, PER_SECOND, SECOND, history};
use crate::ask::Ask;
use crate::item::ItemCost;
use crate::lane::Lane;
use crate::observation::Resource;
use crate::policy::Policy;
use flights::Flight;

/// How often processes tell each other.
const EXCHANGES: Millis = SECOND;
/// How often they write down what they have learnt, in exchanges.
const KEEPS: i64 = 60;
/// How often a picture is taken, in exchanges of the first process.
const SAMPLES: i64 = 5;
/// Nobody knows a reset better: it is stated within a second of the truth, and so is the time.
const UNSURE: Millis = 3 * SECOND;
/// What is under way at the end is watched for so long.
const DRAINS: Millis = 15 * SECOND;

/// Which work there is besides live work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bulk {
    /// The scenario's job; the run lasts until the end of the window in which it ends.
    Job,
    /// None; the run lasts as long as it is told.
    Without { until: Millis },
}

/// Whether pictures are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pictures {
    None,
    Taken,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// A request reaches GitHub.
    Served(usize),
    /// Its answer is there, or would be.
    Answered(usize),
    /// The sender gives up.
    GivenUp(usize),
    Wake {
        process: usize,
    },
    Exchange {
        process: usize,
        life: u32,
        count: i64,
    },
    Start {
        process: usize,
    },
    /// The primary limit begins anew.
    Reset,
}

pub(super) struct Engine<'a> {
    world: &'a World,
    policy: Policy,
    bulk: Bulk,
    pictures: Pictures,
    github: GitHub,
    fortunes: Fortunes,
    processes: Vec<Process>,
    store: Store,
    events: BinaryHeap<Reverse<(Millis, u64, Event)>>,
    planned: u64,
    now: Millis,
    flights: Vec<Option<Flight>>,
    free: Vec<usize>,
    /// The list of the job: what nobody works on, and how much is not done.
    todo: VecDeque<usize>,
    open: usize,
    /// What an item is expected to cost, learnt from those that have ended.
    expected: ItemCost,
    /// By the end of the window: what the floors left that could no longer be spent.
    floors: BTreeMap<Millis, u64>,
    /// By the end of the window: what items under way still had to spend, or had been promised.
    under_way: BTreeMap<Millis, u64>,
    live: usize,
    strangers: usize,
    kills: usize,
    /// The first live request after the start.
    first: usize,
    served: (u64, u64),
    record: Record,
}

impl<'a> Engine<'a> {
    pub(super) fn run(world: &'a World, policy: Policy, bulk: Bulk, pictures: Pictures) -> Record {
        let mut engine = Engine::new(world, policy, bulk, pictures);
        engine.start();
        while engine.step() {}
        engine.finish()
    }

    fn new(world: &'a World, policy: Policy, bulk: Bulk, pictures: Pictures) -> Engine<'a> {
        let scenario = &world.scenario;
        let count = match bulk {
            Bulk::Job => scenario.processes,
            // Those without live work have nothing to do.
            Bulk::Without { .. } => 1,
        };
        let mut processes: Vec<Process> = (0..count)
            .map(|number| {
                let jitter = world.stream(&format!("jitter {number}"));
                Process::new(policy, scenario.skew * SECOND, jitter)
            })
            .collect();
        // The others remember nothing of an earlier window.
        let learns = policy == Policy::Adaptive && scenario.history > 0;
        let github = history::pass(world, learns.then(|| &mut processes[0]));
        let mut store = Store::new(count, world.store_lost);
        if learns {
            store.keep_learnt(&processes[0], 0);
            for process in &mut processes[1..] {
                store.teach(process, 0);
            }
        }
        let items = if bulk == Bulk::Job {
            world.items.len()
        } else {
            0
        };
        let mut record = Record::default();
        for item in &world.items[..items] {
            record.fairness.has_work(item.repo);
        }
        let after_zero = |all: &[Millis]| all.partition_point(|at| *at < 0);
        let first = after_zero(&world.live);
        let mean = f64::from(scenario.calls.0 + scenario.calls.1) / 2.0;
        Engine {
            world,
            policy,
            bulk,
            pictures,
            github,
            fortunes: Fortunes::new(world.stream("network"), scenario.network),
            processes,
            store,
            events: BinaryHeap::new(),
            planned: 0,
            now: 0,
            flights: Vec::new(),
            free: Vec::new(),
            todo: (0..items).collect(),
            open: items,
            expected: ItemCost::guess((mean * (1.0 - scenario.unchanged)).ceil() as u64),
            floors: BTreeMap::new(),
            under_way: BTreeMap::new(),
            live: first,
            strangers: after_zero(&world.strangers),
            kills: 0,
            first,
            served: (0, 0),
            record,
        }
    }

    fn start(&mut self) {
        for number in 0..self.processes.len() {
            self.store.exchange(number, &mut self.processes[number], 0);
            self.schedule_exchange(number, 0);
        }
        self.plan(self.world.first_reset(), Event::Reset);
        self.share_out();
    }

    /// Lets the next thing happen. Says whether there is more.
    fn step(&mut self) -> bool {
        let stop = self.stop();
        let closes = self.closes();
        let arrival = |all: &[Millis], next: usize| {
            all.get(next)
                .copied()
                .filter(|at| *at < closes)
                .unwrap_or(Millis::MAX)
        };
        let stranger = arrival(&self.world.strangers, self.strangers);
        let live = arrival(&self.world.live, self.live);
        let kill = self
            .world
            .kills
            .get(self.kills)
            .map_or(Millis::MAX, |(at, _)| *at);
        let event = self
            .events
            .peek()
            .map_or(Millis::MAX, |Reverse((at, ..))| *at);
        let next = stranger.min(live).min(kill).min(event);
        if next >= stop {
            return false;
        }
        self.now = next;
        if stranger == next {
            self.strangers += 1;
            self.github.serve(next, false, 0);
            self.github.answered();
        } else if live == next {
            self.live += 1;
            self.live_arrives(self.live - 1);
        } else if kill == next {
            self.kills += 1;
            self.kill(self.world.kills[self.kills - 1].1);
        } else if let Some(Reverse((_, _, event))) = self.events.pop() {
            self.happen(event);
        }
        true
    }

    /// When nothing new arrives any more.
    fn closes(&self) -> Millis {
        match (self.bulk, self.record.bulk_done) {
            (Bulk::Without { until }, _) => until,
            (Bulk::Job, Some(done)) => self.world.window_end(done).min(self.world.cap()),
            (Bulk::Job, None) => self.world.cap(),
        }
    }

    fn stop(&self) -> Millis {
        self.closes() + DRAINS
    }

    fn finish(mut self) -> Record {
        let end = self.closes();
        self.github.pass(end);
        for (number, since) in self.processes[0].live_waiting() {
            self.note_wait(number, since, end.max(since));
        }
        let hours = self
            .github
            .windows()
            .iter()
            .filter(|window| window.ends <= end);
        self.record.windows = hours
            .map(|window| Hour {
                ends: window.ends,
                remaining: window.remaining,
                emptied: window.emptied,
                floor: self.floors.get(&window.ends).copied(),
                under_way: self.under_way.get(&window.ends).copied().unwrap_or(0),
            })
            .collect();
        self.record.end = end;
        self.record
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Served(flight) => self.serve(flight),
            Event::Answered(flight) => self.answer(flight),
            Event::GivenUp(flight) => self.give_up(flight),
            Event::Wake { process } => {
                if self.processes[process].wakes(self.now) {
                    self.turn(process);
                }
            }
            Event::Exchange {
                process,
                life,
                count,
            } => {
                if self.processes[process].life == life {
                    self.exchange(process, count);
                }
            }
            Event::Start { process } => self.restart(process),
            Event::Reset => self.note_under_way(),
        }
    }

    fn plan(&mut self, at: Millis, event: Event) {
        self.planned += 1;
        self.events.push(Reverse((at, self.planned, event)));
    }

    fn schedule_exchange(&mut self, process: usize, count: i64) {
        // Each process has its own moment within the second.
        let offset = EXCHANGES * process as i64 / self.processes.len() as i64;
        let at = (self.now - offset).div_euclid(EXCHANGES) * EXCHANGES + EXCHANGES + offset;
        let life = self.processes[process].life;
        self.plan(
            at,
            Event::Exchange {
                process,
                life,
                count,
            },
        );
    }

    fn exchange(&mut self, number: usize, count: i64) {
        let process = &mut self.processes[number];
        self.store.exchange(number, process, self.now);
        if count % KEEPS == KEEPS - 1 && self.world.scenario.kills.is_some() {
            self.store.keep_learnt(process, self.now);
        }
        if self.open > 0 {
            self.note_floor(number);
        }
        if number == 0 && self.pictures == Pictures::Taken && count % SAMPLES == 0 {
            self.take_picture();
        }
        self.schedule_exchange(number, count + 1);
        self.turn(number);
    }

    fn take_picture(&mut self) {
        let sample = Sample {
            at: self.now,
            remaining: self.github.remaining(self.now),
            floor: self.floor(0).unwrap_or(0),
            live: self.served.0,
            bulk: self.served.1,
        };
        self.record.samples.push(sample);
    }

    /// What bulk work has to leave, as a process sees it.
    fn floor(&self, number: usize) -> Option<u64> {
        let process = &self.processes[number];
        let quota = process.desk.quota();
        quota.floor(Lane::Bulk, &Resource::core(), process.clock(self.now))
    }

    fn live_arrives(&mut self, index: usize) {
        self.record.live.push(super::record::Fate::default());
        self.ask_live(index - self.first, 0);
        self.turn(0);
    }

    fn ask_live(&mut self, number: usize, tries: u32) {
        let ask = about(Ask::read(Resource::core(), 1), self.repo_of_live(number));
        self.processes[0].ask(Lane::Live, ask, Errand::Live { number, tries }, self.now);
    }

    fn repo_of_live(&self, number: usize) -> &'a Repo {
        &self.world.repos[number % self.world.repos.len()]
    }

    fn note_wait(&mut self, live: usize, since: Millis, until: Millis) {
        let fate = &mut self.record.live[live];
        fate.waited = fate.waited.max(until - since);
    }

    /// What has to be left now, less what bulk work could still spend before the reset, will be left then. While it stands back
    /// from a burst of live work, all has to.
    fn note_floor(&mut self, number: usize) -> Option<u64> {
        let floor = self.floor(number)?;
        let process = &self.processes[number];
        let stands_back = process
            .desk
            .quota()
            .stands_back(&Resource::core(), process.clock(self.now));
        let held = if stands_back {
            self.github.remaining(self.now)
        } else {
            floor
        };
        let ends = self.world.window_end(self.now);
        let left = (ends - self.now - UNSURE).max(0).unsigned_abs();
        let calls = left * PER_SECOND / SECOND.unsigned_abs();
        // A call that is answered by 304 takes its turn and spends nothing.
        let spendable = (calls as f64 * (1.0 - self.world.scenario.unchanged)) as u64;
        let left = self.floors.entry(ends).or_default();
        *left = (*left).max(held.saturating_sub(spendable));
        Some(floor)
    }
}

fn about(ask: Ask, repo: &Repo) -> Ask {
    ask.of(repo.org.clone()).in_repo(repo.name.clone())
}

#[cfg(test)]
mod tests {
    use super::super::matrix::matrix;
    use super::*;

    /// One live request of a process that may know of a block which GitHub keeps, in the first minute.
    fn sent_into_block(knows: bool) -> u64 {
        let scenario = matrix()
            .into_iter()
            .find(|scenario| scenario.name == "idle");
        let scenario = scenario.expect("it is in the matrix");
        let mut world = World::new(&scenario, 1);
        world.live = vec![1_000];
        world.items.clear();
        let until = Bulk::Without { until: 60_000 };
        let mut engine = Engine::new(&world, Policy::Reactive, until, Pictures::None);
        engine.start();
        for _ in 0..200 {
            // Beyond what a minute has points for.
            for _ in 0..5 {
                engine.github.serve(0, false, 0);
                engine.github.answered();
            }
        }
        if knows {
            engine.processes[0].knows_closed_until = 60_000;
        }
        while engine.step() {}
        engine.finish().sent_into_block
    }

    #[test]
    fn a_request_into_a_block_counts_once_its_sender_knows_of_it() {
        assert_eq!(sent_into_block(false), 0);
        assert_eq!(sent_into_block(true), 1);
    }

    #[test]
    fn a_bulk_call_that_leaves_less_than_the_floor_counts() {
        let scenario = matrix()
            .into_iter()
            .find(|scenario| scenario.name == "limit-1000");
        let world = World::new(&scenario.expect("it is in the matrix"), 1);
        let mut engine = Engine::new(&world, Policy::Sprint, Bulk::Job, Pictures::None);
        engine.start();
        while engine.served.1 < 20 {
            engine.step();
        }
        assert_eq!(engine.record.reserve_violations, 0);
        // Others take what leaves 300 of a reserve of 400, before the calls under way are served.
        while engine.github.remaining(engine.now) > 300 {
            engine.github.serve(engine.now, false, 0);
            engine.github.answered();
        }
        let before = engine.served.1;
        while engine.served.1 == before {
            engine.step();
        }
        assert!(engine.record.reserve_violations > 0);
    }
}
