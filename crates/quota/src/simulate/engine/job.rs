//! The bulk job: a list that all processes share, of which each works on a few items at a time. What a process had begun when
//! it was killed is on the list again, to be done from its start.

use super::super::process::{Errand, SLOTS, Work};
use super::super::{HOUR, Millis, SECOND};
use super::{Engine, Event, about};
use crate::ask::Ask;
use crate::lane::Lane;
use crate::observation::Resource;

/// A killed process is back after so long.
const RESTARTS: Millis = 30 * SECOND;

impl Engine<'_> {
    /// Free slots of all processes take what nobody works on.
    pub(super) fn share_out(&mut self) {
        for process in 0..self.processes.len() {
            self.take_items(process);
            self.turn(process);
        }
    }

    pub(super) fn take_items(&mut self, number: usize) {
        for slot in 0..SLOTS {
            let process = &self.processes[number];
            if !process.is_alive || process.slots[slot].is_some() {
                continue;
            }
            let Some(item) = self.todo.pop_front() else {
                return;
            };
            let repo = &self.world.repos[self.world.items[item].repo];
            let promised = self.expected.expected();
            let ask = about(Ask::item(Resource::core(), promised), repo);
            let process = &mut self.processes[number];
            process.slots[slot] = Some(Work {
                item,
                id: None,
                promised,
                floor: None,
                call: 0,
                tries: 0,
            });
            process.ask(Lane::Bulk, ask, Errand::Begin { slot }, self.now);
        }
    }

    pub(super) fn ask_call(&mut self, number: usize, slot: usize) {
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

    pub(super) fn call_ended(&mut self, number: usize, slot: usize, is_done: bool) {
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
        self.expected.learn(u64::from(item.cost()));
        self.record.fairness.done(item.repo);
        self.open -= 1;
        if self.open == 0 {
            self.record.bulk_done = Some(self.now);
        }
        self.take_items(number);
    }

    pub(super) fn kill(&mut self, number: usize) {
        if !self
            .processes
            .get(number)
            .is_some_and(|process| process.is_alive)
        {
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

    pub(super) fn restart(&mut self, number: usize) {
        let process = &mut self.processes[number];
        process.is_alive = true;
        self.store.teach(process, self.now);
        self.store.exchange(number, process, self.now);
        self.store.tell_block(process, self.now);
        self.schedule_exchange(number, 0);
        self.take_items(number);
        self.turn(number);
    }

    pub(super) fn note_under_way(&mut self) {
        let works = self.processes.iter().flat_map(|process| process.slots);
        let begun = works.flatten().filter(|work| work.id.is_some());
        let left = begun.map(|work| {
            let item = &self.world.items[work.item];
            let (cost, left) = (u64::from(item.cost()), u64::from(item.cost_from(work.call)));
            left.max((work.promised + left).saturating_sub(cost))
        });
        self.under_way.insert(self.now, left.sum());
        self.plan(self.now + HOUR, Event::Reset);
    }
}
