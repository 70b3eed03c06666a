//! One process: a [`Desk`] as production has it, and who waits at it. Reads the clock of its machine, which may be off, and
//! refuses to know what GitHub's shows.

use std::collections::HashMap;

use jiff::Timestamp;

use super::dice::Stream;
use super::{Millis, instant, millis_of};
use crate::ask::Ask;
use crate::credential::{Reservation, Settings};
use crate::desk::{Desk, Ticket};
use crate::item::ItemId;
use crate::lane::Lane;
use crate::pace::WaitReason;
use crate::policy::Policy;

/// Items that one process works on at a time.
pub(super) const SLOTS: usize = 8;
/// Whatever waits for a reset or the end of a block wakes within this time after it, as it does at the gate.
const JITTER: f64 = 1000.0;

/// What a ticket is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Errand {
    /// A live request, by its number, and how often it was sent before.
    Live { number: usize, tries: u32 },
    /// Leave to begin the item in a slot.
    Begin { slot: usize },
    /// The next call of the item in a slot.
    Call { slot: usize },
}

/// An item that is being worked on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Work {
    pub(super) item: usize,
    pub(super) id: Option<ItemId>,
    /// What it asked for, before it began.
    pub(super) promised: u64,
    /// What had to be left when it began.
    pub(super) floor: Option<u64>,
    /// The call whose turn it is.
    pub(super) call: u32,
    /// How often it was sent before.
    pub(super) tries: u32,
}

#[derive(Debug)]
pub(super) struct Process {
    pub(super) desk: Desk,
    /// Distinguishes the process from what it was before it was killed.
    pub(super) life: u32,
    pub(super) is_alive: bool,
    pub(super) slots: [Option<Work>; SLOTS],
    waiting: HashMap<Ticket, (Errand, Millis)>,
    /// Heads of lines, as far as they have been in the news.
    heads: Vec<Ticket>,
    /// When it wakes next.
    wake: Option<Millis>,
    skew: Millis,
    jitter: Stream,
    /// Until when GitHub refuses, as far as this process was told.
    pub(super) knows_closed_until: Millis,
}

impl Process {
    pub(super) fn new(policy: Policy, skew: Millis, jitter: Stream) -> Process {
        Process {
            desk: Desk::new(settings(policy)),
            life: 0,
            is_alive: true,
            slots: [None; SLOTS],
            waiting: HashMap::new(),
            heads: Vec::new(),
            wake: None,
            skew,
            jitter,
            knows_closed_until: Millis::MIN,
        }
    }

    /// What its clock shows.
    pub(super) fn clock(&self, now: Millis) -> Timestamp {
        instant(now + self.skew)
    }

    /// Its name among the others, different after each start.
    pub(super) fn name(&self, number: usize) -> String {
        format!("process-{number}-{}", self.life)
    }

    /// Everything in memory is gone.
    pub(super) fn die(&mut self, policy: Policy) {
        self.desk = Desk::new(settings(policy));
        self.life += 1;
        self.is_alive = false;
        self.slots = [None; SLOTS];
        self.waiting.clear();
        self.heads.clear();
        self.wake = None;
        self.knows_closed_until = Millis::MIN;
    }

    /// Queues at the desk.
    pub(super) fn ask(&mut self, lane: Lane, ask: Ask, errand: Errand, now: Millis) {
        let ticket = self.desk.arrive(lane, ask, self.clock(now));
        self.waiting.insert(ticket, (errand, now));
    }

    /// Lets the desk decide. Gives what may go, and since when each has waited.
    pub(super) fn dispatch(&mut self, now: Millis) -> Vec<(Errand, Reservation, Millis)> {
        self.desk.dispatch(self.clock(now));
        let mut leave = Vec::new();
        while let Some(ticket) = self.desk.news() {
            if let Some(reservation) = self.desk.collect(ticket) {
                if let Some((errand, since)) = self.waiting.remove(&ticket) {
                    leave.push((errand, reservation, since));
                }
            } else if !self.heads.contains(&ticket) {
                self.heads.push(ticket);
            }
        }
        leave
    }

    /// When it has to be woken, if that is earlier than it was going to be.
    pub(super) fn plan_wake(&mut self, now: Millis) -> Option<Millis> {
        let desk = &self.desk;
        self.heads.retain(|ticket| desk.plan(*ticket).is_some());
        let until = desk.next_wake()?;
        let mut plans = self.heads.iter().filter_map(|ticket| desk.plan(*ticket));
        let is_crowded = plans.any(|wait| {
            wait.until == Some(until)
                && matches!(wait.reason, WaitReason::Reserve | WaitReason::Blocked)
        });
        let wake = (millis_of(until) - self.skew).max(now + 1);
        if self.wake.is_some_and(|planned| planned <= wake) {
            return None;
        }
        let late = if is_crowded {
            // The same for the same moment, however often it is waited for.
            self.jitter.at(until.as_second().unsigned_abs());
            self.jitter.unit() * JITTER
        } else {
            0.0
        };
        let wake = wake + late as Millis;
        self.wake = Some(wake);
        Some(wake)
    }

    /// Whether it is to wake at `now`, and not at an earlier moment that has come up since.
    pub(super) fn wakes(&mut self, now: Millis) -> bool {
        let is_due = self.wake == Some(now);
        if is_due {
            self.wake = None;
        }
        is_due
    }

    /// Live requests that wait, and since when.
    pub(super) fn live_waiting(&self) -> Vec<(usize, Millis)> {
        let mut all: Vec<_> = self
            .waiting
            .values()
            .filter_map(|(errand, since)| match errand {
                Errand::Live { number, .. } => Some((*number, *since)),
                Errand::Begin { .. } | Errand::Call { .. } => None,
            })
            .collect();
        all.sort_unstable();
        all
    }
}

fn settings(policy: Policy) -> Settings {
    Settings {
        policy,
        ..Settings::default()
    }
}
