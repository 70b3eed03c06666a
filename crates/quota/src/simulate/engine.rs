//! Runs one policy through one world on a virtual clock, event by event. Decides nothing about limits and nothing about pace:
//! GitHub's model and the processes' desks do.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};

use super::arrivals::{Repo, World};
use super::dice::Fortunes;
use super::github::{Answer, GitHub, Verdict};
use super::process::{Errand, Process, SLOTS, Work};
use super::record::{Hour, Record, Sample};
use super::store::Store;
use super::{HOUR, Millis, SECOND, headers, history};
use crate::ask::Ask;
use crate::credential::Reservation;
use crate::lane::Lane;
use crate::observation::Resource;
use crate::policy::Policy;

/// A request without an answer is given up after so long.
const PATIENCE: Millis = 10 * SECOND;
/// A killed process is back after so long.
const RESTARTS: Millis = 30 * SECOND;
/// How often processes tell each other.
const EXCHANGES: Millis = SECOND;
/// How often they write down what they have learnt, in exchanges.
const KEEPS: i64 = 60;
/// How often a picture is taken, in exchanges of the first process.
const SAMPLES: i64 = 5;
/// What is under way at the end is watched for so long.
const DRAINS: Millis = 15 * SECOND;
/// How much the last item counts for the expected cost of the next.
const WEIGHT: f64 = 0.2;

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

/// A request under way.
#[derive(Debug)]
struct Flight {
    process: usize,
    life: u32,
    errand: Errand,
    reservation: Option<Reservation>,
    sent: Millis,
    takes: Millis,
    is_lost: bool,
    jitter: i64,
    is_free: bool,
    /// Of bulk calls: the repository, and the floor when it was sent.
    bulk: Option<(usize, Option<u64>)>,
    /// Until when its sender knew that GitHub refuses.
    knew: Millis,
    answer: Option<Answer>,
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
    expected: f64,
    /// By the end of the window: the floor of the latest decision.
    floors: BTreeMap<Millis, u64>,
    /// By the end of the window: calls that items still had to make.
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
        let mut processes: Vec<Process> = (0..scenario.processes)
            .map(|number| {
                let jitter = world.stream(&format!("jitter {number}"));
                Process::new(policy, scenario.skew * SECOND, jitter)
            })
            .collect();
        // The others remember nothing of an earlier window.
        let learns = policy == Policy::Adaptive && scenario.history > 0;
        let github = history::pass(world, learns.then(|| &mut processes[0]));
        let mut store = Store::new(scenario.processes, world.store_lost);
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
            expected: (mean * (1.0 - scenario.unchanged)).ceil(),
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

    fn note_under_way(&mut self) {
        let works = self.processes.iter().flat_map(|process| process.slots);
        let begun = works.flatten().filter(|work| work.id.is_some());
        let left = begun.map(|work| self.world.items[work.item].calls - work.call);
        self.under_way.insert(self.now, left.map(u64::from).sum());
        self.plan(self.now + HOUR, Event::Reset);
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
        if number == 0 && self.open > 0 {
            let ends = self.world.window_end(self.now);
            if !self.floors.contains_key(&ends)
                && let Some(floor) = self.floor(0)
            {
                self.floors.insert(ends, floor);
            }
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

    /// Free slots of all processes take what nobody works on.
    fn share_out(&mut self) {
        for process in 0..self.processes.len() {
            self.take_items(process);
            self.turn(process);
        }
    }

    fn take_items(&mut self, number: usize) {
        for slot in 0..SLOTS {
            let process = &self.processes[number];
            if !process.is_alive || process.slots[slot].is_some() {
                continue;
            }
            let Some(item) = self.todo.pop_front() else {
                return;
            };
            let repo = &self.world.repos[self.world.items[item].repo];
            let ask = about(
                Ask::item(Resource::core(), self.expected.ceil() as u64),
                repo,
            );
            let process = &mut self.processes[number];
            process.slots[slot] = Some(Work {
                item,
                id: None,
                call: 0,
                tries: 0,
            });
            process.ask(Lane::Bulk, ask, Errand::Begin { slot }, self.now);
        }
    }

    fn ask_call(&mut self, number: usize, slot: usize) {
        let Some(work) = self.processes[number].slots[slot] else {
            return;
        };
        let repo = &self.world.repos[self.world.items[work.item].repo];
        let mut ask = about(Ask::read(Resource::core(), 1), repo);
        if let Some(id) = work.id {
            ask = ask.within(id);
        }
        self.processes[number].ask(Lane::Bulk, ask, Errand::Call { slot }, self.now);
    }

    /// Something has changed for a process: whoever may go, goes.
    fn turn(&mut self, number: usize) {
        if !self.processes[number].is_alive {
            return;
        }
        loop {
            let mut asks_more = false;
            for (errand, reservation, since) in self.processes[number].dispatch(self.now) {
                asks_more |= self.go(number, errand, reservation, since);
            }
            if !asks_more {
                break;
            }
        }
        if let Some(wake) = self.processes[number].plan_wake(self.now) {
            self.plan(wake, Event::Wake { process: number });
        }
    }

    /// One that was let through. Says whether somebody else has queued because of it.
    fn go(
        &mut self,
        number: usize,
        errand: Errand,
        reservation: Reservation,
        since: Millis,
    ) -> bool {
        match errand {
            Errand::Begin { slot } => {
                self.note_floor(number);
                let process = &mut self.processes[number];
                let id = process.desk.quota_mut().begin(reservation);
                if let Some(work) = &mut process.slots[slot] {
                    work.id = Some(id);
                }
                self.ask_call(number, slot);
                true
            }
            Errand::Live { number: live, .. } => {
                self.note_wait(live, since, self.now);
                self.send(number, errand, reservation);
                false
            }
            Errand::Call { .. } => {
                self.send(number, errand, reservation);
                false
            }
        }
    }

    fn note_wait(&mut self, live: usize, since: Millis, until: Millis) {
        let fate = &mut self.record.live[live];
        fate.waited = fate.waited.max(until - since);
    }

    fn note_floor(&mut self, number: usize) -> Option<u64> {
        let floor = self.floor(number);
        if let Some(floor) = floor {
            self.floors.insert(self.world.window_end(self.now), floor);
        }
        floor
    }

    fn send(&mut self, number: usize, errand: Errand, reservation: Reservation) {
        let slot_work = |slot: usize| self.processes[number].slots[slot];
        let (key, is_free, repo) = match errand {
            Errand::Live { number, tries } => (key(0, number, 0, tries), false, None),
            Errand::Begin { slot } | Errand::Call { slot } => {
                let Some(work) = slot_work(slot) else {
                    return;
                };
                let item = &self.world.items[work.item];
                let key = key(1, work.item, work.call, work.tries);
                (key, item.is_free(work.call), Some(item.repo))
            }
        };
        let bulk = repo.map(|repo| (repo, self.note_floor(number)));
        let fortune = self.fortunes.of(key);
        let process = &self.processes[number];
        let flight = Flight {
            process: number,
            life: process.life,
            errand,
            reservation: Some(reservation),
            sent: self.now,
            takes: fortune.takes,
            is_lost: fortune.is_lost,
            jitter: fortune.jitter,
            is_free,
            bulk,
            knew: process.knows_closed_until,
            answer: None,
        };
        let place = self.free.pop().unwrap_or_else(|| {
            self.flights.push(None);
            self.flights.len() - 1
        });
        self.flights[place] = Some(flight);
        self.plan(self.now + fortune.arrives, Event::Served(place));
    }

    fn serve(&mut self, place: usize) {
        let allowance = self.allowance();
        let Some(flight) = &mut self.flights[place] else {
            return;
        };
        let answer = self.github.serve(self.now, flight.is_free, flight.jitter);
        self.record.requests += 1;
        match answer.verdict {
            Verdict::Served => match flight.bulk {
                Some((repo, floor)) => {
                    self.served.1 += 1;
                    self.record.fairness.served(repo);
                    let is_below = floor.is_some_and(|floor| answer.remaining + allowance < floor);
                    self.record.reserve_violations += u64::from(is_below && !flight.is_free);
                }
                None => self.served.0 += 1,
            },
            Verdict::Primary { .. } => self.record.refused_primary += 1,
            Verdict::Secondary { .. } => self.record.refused_secondary += 1,
        }
        let is_refused = answer.verdict.refuses_until().is_some();
        self.record.sent_into_block += u64::from(is_refused && flight.knew > self.now);
        flight.answer = Some(answer);
        let (sent, takes, is_lost) = (flight.sent, flight.takes, flight.is_lost);
        self.plan(sent + takes, Event::Answered(place));
        if is_lost {
            self.plan(sent + PATIENCE.max(takes + 1), Event::GivenUp(place));
        }
    }

    /// How far below the floor bulk calls may end: an item per process.
    fn allowance(&self) -> u64 {
        u64::from(self.world.scenario.calls.1) * self.processes.len() as u64
    }

    fn answer(&mut self, place: usize) {
        self.github.answered();
        if self.flights[place]
            .as_ref()
            .is_some_and(|flight| flight.is_lost)
        {
            return;
        }
        let Some((flight, answer)) = self.land(place) else {
            return;
        };
        let is_misleading = self.world.scenario.network.is_misleading;
        let seen = headers::read(
            &answer,
            flight.is_free,
            is_misleading,
            self.now,
            flight.takes,
        );
        let refused = answer.verdict.refuses_until();
        self.settle(flight, &seen, refused);
    }

    fn give_up(&mut self, place: usize) {
        if let Some((flight, _)) = self.land(place) {
            let seen = headers::silence(self.now - flight.sent);
            self.settle(flight, &seen, None);
        }
    }

    /// Takes a request out of the air, if whoever sent it is still there.
    fn land(&mut self, place: usize) -> Option<(Flight, Answer)> {
        let flight = self.flights[place].take()?;
        self.free.push(place);
        let answer = flight.answer?;
        (flight.life == self.processes[flight.process].life).then_some((flight, answer))
    }

    fn settle(&mut self, flight: Flight, seen: &crate::ask::Seen, refused: Option<Millis>) {
        let number = flight.process;
        let process = &mut self.processes[number];
        let clock = process.clock(self.now);
        let Some(reservation) = flight.reservation else {
            return;
        };
        let block = process.desk.settle(reservation, seen, clock);
        if let Some(until) = refused {
            process.knows_closed_until = process.knows_closed_until.max(until);
            let block = block.or(process.desk.quota().report(clock).closed_until);
            self.store.keep_block(block, until, self.now);
        }
        let is_done = refused.is_none() && !flight.is_lost;
        match flight.errand {
            Errand::Live {
                number: live,
                tries,
            } => {
                self.record.live[live].was_refused |= refused.is_some();
                if !is_done {
                    self.ask_live(live, tries + 1);
                }
            }
            Errand::Begin { slot } | Errand::Call { slot } => {
                self.call_ended(number, slot, is_done)
            }
        }
        self.turn(number);
    }

    fn call_ended(&mut self, number: usize, slot: usize, is_done: bool) {
        let Some(work) = &mut self.processes[number].slots[slot] else {
            return;
        };
        if !is_done {
            work.tries += 1;
            self.ask_call(number, slot);
            return;
        }
        work.call += 1;
        work.tries = 0;
        let item = &self.world.items[work.item];
        if work.call < item.calls {
            self.ask_call(number, slot);
            return;
        }
        let id = work.id;
        let process = &mut self.processes[number];
        process.slots[slot] = None;
        if let Some(id) = id {
            process.desk.quota_mut().end(id);
        }
        self.expected += (f64::from(item.cost()) - self.expected) * WEIGHT;
        self.record.fairness.done(item.repo);
        self.open -= 1;
        if self.open == 0 {
            self.record.bulk_done = Some(self.now);
        }
        self.take_items(number);
    }

    fn kill(&mut self, number: usize) {
        if !self.processes[number].is_alive {
            return;
        }
        let works = self.processes[number].slots;
        for work in works.into_iter().flatten() {
            self.todo.push_front(work.item);
        }
        self.processes[number].die(self.policy);
        self.plan(self.now + RESTARTS, Event::Start { process: number });
        self.share_out();
    }

    fn restart(&mut self, number: usize) {
        let process = &mut self.processes[number];
        process.is_alive = true;
        self.store.teach(process, self.now);
        self.store.tell_block(process, self.now);
        self.store.exchange(number, process, self.now);
        self.schedule_exchange(number, 0);
        self.take_items(number);
        self.turn(number);
    }
}

fn about(ask: Ask, repo: &Repo) -> Ask {
    ask.of(repo.org.clone()).in_repo(repo.name.clone())
}

/// Names one sending of one request.
fn key(kind: u64, number: usize, call: u32, tries: u32) -> u64 {
    kind << 62 | (number as u64) << 24 | u64::from(call) << 12 | u64::from(tries.min(0xfff))
}

#[cfg(test)]
mod tests {
    use super::super::scenario::matrix;
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
}
