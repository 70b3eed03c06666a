//! What was let through: it is sent, GitHub serves it, its answer comes back or does not, and the desk hears of it.

use super::super::github::{Answer, Verdict};
use super::super::process::Errand;
use super::super::{Millis, SECOND, headers};
use super::{Engine, Event};
use crate::ask::Seen;
use crate::credential::Reservation;

/// A request without an answer is given up after so long.
const PATIENCE: Millis = 10 * SECOND;

/// A request under way.
#[derive(Debug)]
pub(super) struct Flight {
    process: usize,
    life: u32,
    errand: Errand,
    reservation: Option<Reservation>,
    sent: Millis,
    takes: Millis,
    is_lost: bool,
    jitter: i64,
    is_free: bool,
    /// Of bulk calls: the repository, and what had to be left.
    bulk: Option<(usize, Option<u64>)>,
    /// Until when its sender knew that GitHub refuses.
    knew: Millis,
    answer: Option<Answer>,
}

impl Engine<'_> {
    /// Something has changed for a process: whoever may go, goes.
    pub(super) fn turn(&mut self, number: usize) {
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
                let floor = self.note_floor(number);
                let process = &mut self.processes[number];
                let id = process.desk.quota_mut().begin(reservation);
                if let Some(work) = &mut process.slots[slot] {
                    (work.id, work.floor) = (Some(id), floor);
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

    fn send(&mut self, number: usize, errand: Errand, reservation: Reservation) {
        let (key, is_free, bulk) = match errand {
            Errand::Live { number, tries } => (key(0, number, 0, tries), false, None),
            Errand::Begin { slot } | Errand::Call { slot } => {
                let Some(work) = self.processes[number].slots[slot] else {
                    return;
                };
                let item = &self.world.items[work.item];
                let key = key(1, work.item, work.call, work.tries);
                let now = self.note_floor(number);
                // An item that has begun was paid for then, and is not left half done where the floor has risen.
                let floor = now.map(|now| work.floor.map_or(now, |then| then.min(now)));
                (key, item.is_free(work.call), Some((item.repo, floor)))
            }
        };
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

    pub(super) fn serve(&mut self, place: usize) {
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

    pub(super) fn answer(&mut self, place: usize) {
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

    pub(super) fn give_up(&mut self, place: usize) {
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

    fn settle(&mut self, flight: Flight, seen: &Seen, refused: Option<Millis>) {
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
                self.call_ended(number, slot, is_done);
            }
        }
        self.turn(number);
    }
}

/// Names one sending of one request.
fn key(kind: u64, number: usize, call: u32, tries: u32) -> u64 {
    kind << 62 | (number as u64) << 24 | u64::from(call) << 12 | u64::from(tries.min(0xfff))
}
