//! Whoever waits, or was let through and has not been fetched yet, each in a slot. A slot that was left is taken again, so
//! that a steady coming and going allocates nothing; the number of a ticket tells those apart who had one slot. Decides
//! nothing.

use jiff::Timestamp;

use super::Ticket;
use crate::ask::Ask;
use crate::credential::Reservation;

#[derive(Debug, Default)]
pub(super) struct Waiters {
    slots: Vec<Waiter>,
    free: Vec<u32>,
    /// How many have come since the start.
    arrivals: u64,
}

#[derive(Debug)]
pub(super) struct Waiter {
    pub(super) number: u64,
    pub(super) line: u32,
    pub(super) arrived: Timestamp,
    pub(super) state: State,
}

#[derive(Debug)]
pub(super) enum State {
    Waits(Ask),
    /// Let through, and not yet collected.
    Goes(Reservation),
    /// Nobody has the slot.
    Gone,
}

impl Waiters {
    /// Somebody comes to a line.
    pub(super) fn take_in(&mut self, line: u32, ask: Ask, now: Timestamp) -> Ticket {
        self.arrivals += 1;
        let waiter = Waiter {
            number: self.arrivals,
            line,
            arrived: now,
            state: State::Waits(ask),
        };
        let number = waiter.number;
        let slot = match self.free.pop() {
            Some(slot) => {
                self.slots[slot as usize] = waiter;
                slot
            }
            None => {
                self.slots.push(waiter);
                u32::try_from(self.slots.len() - 1).expect("memory ends before numbers do")
            }
        };
        Ticket { slot, number }
    }

    /// Whoever has the ticket, unless the slot is another's by now.
    pub(super) fn get(&self, ticket: Ticket) -> Option<&Waiter> {
        let waiter = self.slots.get(ticket.slot as usize)?;
        (waiter.number == ticket.number).then_some(waiter)
    }

    /// Takes what is in a slot, which is free then.
    pub(super) fn vacate(&mut self, slot: u32) -> State {
        let state = std::mem::replace(&mut self[slot].state, State::Gone);
        if !matches!(state, State::Gone) {
            self.free.push(slot);
        }
        state
    }

    /// Whether nobody is there.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.free.len() == self.slots.len()
    }
}

impl std::ops::Index<u32> for Waiters {
    type Output = Waiter;

    fn index(&self, slot: u32) -> &Waiter {
        &self.slots[slot as usize]
    }
}

impl std::ops::IndexMut<u32> for Waiters {
    fn index_mut(&mut self, slot: u32) -> &mut Waiter {
        &mut self.slots[slot as usize]
    }
}
