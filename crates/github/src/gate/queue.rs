//! Decides whose turn it is among requests of one lane and one bucket: organisations go round, each one's requests in the
//! order of their arrival. Knows nothing of limits.
//!
//! Each request is given a round when it arrives: the one after its organisation's last, and not before the round that is
//! being served. Served by round, then by arrival, an organisation with a thousand requests delays one with a single
//! request by one.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use quota::{Ask, Lane, Resource};
use tokio::sync::Notify;
use tokio::time::Instant;

/// Where a request stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Turn {
    pub(super) lane: Lane,
    pub(super) resource: Resource,
    pub(super) round: u64,
    pub(super) ticket: u64,
}

/// A request that waits.
#[derive(Debug)]
pub(super) struct Waiter {
    pub(super) ask: Ask,
    pub(super) arrived: Instant,
    pub(super) notify: Arc<Notify>,
}

/// The requests of one lane and one bucket.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: BTreeMap<(u64, u64), Waiter>,
    /// The round that is being served.
    round: u64,
    /// The round of each organisation's last request.
    last: HashMap<Option<Arc<str>>, u64>,
}

impl Queue {
    /// Takes a request in and says in which round it goes.
    pub(super) fn push(&mut self, ticket: u64, waiter: Waiter) -> u64 {
        let next = self.last.get(&waiter.ask.org).map_or(0, |last| last + 1);
        let round = next.max(self.round);
        self.last.insert(waiter.ask.org.clone(), round);
        self.waiting.insert((round, ticket), waiter);
        round
    }

    /// The ticket of the request whose turn it is, and the request.
    pub(super) fn head(&self) -> Option<(u64, &Waiter)> {
        self.waiting
            .first_key_value()
            .map(|((_, ticket), waiter)| (*ticket, waiter))
    }

    /// Serves the request whose turn it is.
    pub(super) fn serve(&mut self) -> Option<(u64, Waiter)> {
        let ((round, ticket), waiter) = self.waiting.pop_first()?;
        if round > self.round {
            self.round = round;
            self.last.retain(|_, last| *last >= round);
        }
        Some((ticket, waiter))
    }

    /// A request gives up.
    pub(super) fn remove(&mut self, round: u64, ticket: u64) -> Option<Waiter> {
        self.waiting.remove(&(round, ticket))
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(arrivals: &[&str]) -> Queue {
        let mut queue = Queue::default();
        for (ticket, org) in (0..).zip(arrivals) {
            arrive(&mut queue, ticket, org);
        }
        queue
    }

    fn arrive(queue: &mut Queue, ticket: u64, org: &str) -> u64 {
        let ask = Ask::read(Resource::core(), 1).of(org);
        queue.push(
            ticket,
            Waiter {
                ask,
                arrived: Instant::now(),
                notify: Arc::default(),
            },
        )
    }

    fn served(queue: &mut Queue, count: usize) -> String {
        let served = std::iter::from_fn(|| queue.serve()).take(count);
        served
            .map(|(ticket, waiter)| format!("{}{ticket}", waiter.ask.org.unwrap()))
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn requests_of_one_organisation_go_in_the_order_of_their_arrival() {
        assert_eq!(served(&mut queue(&["a", "a", "a"]), 9), "a0 a1 a2");
    }

    #[test]
    fn organisations_go_round() {
        assert_eq!(
            served(&mut queue(&["a", "a", "a", "b", "b", "c"]), 9),
            "a0 b3 c5 a1 b4 a2"
        );
    }

    #[test]
    fn a_newcomer_waits_for_one_request_of_each_other_and_is_owed_nothing_for_the_past() {
        let mut queue = queue(&["a"; 6]);
        assert_eq!(served(&mut queue, 3), "a0 a1 a2");
        arrive(&mut queue, 6, "b");
        arrive(&mut queue, 7, "b");
        assert_eq!(served(&mut queue, 9), "b6 a3 b7 a4 a5");
    }

    #[test]
    fn a_request_that_gives_up_leaves_the_others_in_order() {
        let mut queue = queue(&["a", "b", "a"]);
        assert!(queue.remove(0, 1).is_some());
        assert!(queue.remove(0, 1).is_none());
        assert_eq!(queue.len(), 2);
        assert_eq!(served(&mut queue, 9), "a0 a2");
        assert!(queue.is_empty());
    }
}
