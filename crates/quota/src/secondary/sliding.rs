//! Decides when an amount fits into a sliding window. Amounts are kept by the second in which they fell, so that the memory
//! is bounded by the window's length; a second leaves as a whole, at its end, and never too early.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;

use crate::time::{SECOND, after};

/// Amounts of the last while.
#[derive(Clone, Debug)]
pub(super) struct Sliding {
    length: Duration,
    /// Amounts by the second they fell into, oldest first.
    seconds: VecDeque<(Timestamp, u64)>,
}

/// When there is room; the later one is the greater one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Room {
    Now,
    At(Timestamp),
    /// Once a request in flight is answered.
    WhenAnswered,
}

impl Sliding {
    pub(super) fn new(length: Duration) -> Sliding {
        Sliding {
            length,
            seconds: VecDeque::new(),
        }
    }

    pub(super) fn add(&mut self, amount: u64, now: Timestamp) {
        while self
            .seconds
            .front()
            .is_some_and(|(second, _)| self.leaves(*second) <= now)
        {
            self.seconds.pop_front();
        }
        let second = Timestamp::from_second(now.as_second()).unwrap_or(now);
        match self.seconds.back_mut() {
            // A clock that went back adds to the latest second.
            Some((latest, sum)) if *latest >= second => *sum = sum.saturating_add(amount),
            _ => self.seconds.push_back((second, amount)),
        }
    }

    /// What is in the window.
    pub(super) fn sum(&self, now: Timestamp) -> u64 {
        let live = self
            .seconds
            .iter()
            .filter(|(second, _)| self.leaves(*second) > now);
        live.fold(0, |sum, (_, amount)| sum.saturating_add(*amount))
    }

    /// When `amount` fits into `budget`. One that is greater than the whole budget fits into an empty window.
    pub(super) fn room(&self, amount: u64, budget: u64, now: Timestamp) -> Room {
        let mut sum = self.sum(now);
        let fits = |sum: u64| sum == 0 || sum.saturating_add(amount) <= budget;
        if fits(sum) {
            return Room::Now;
        }
        for (second, amount) in self
            .seconds
            .iter()
            .filter(|(second, _)| self.leaves(*second) > now)
        {
            sum = sum.saturating_sub(*amount);
            if fits(sum) {
                return Room::At(self.leaves(*second));
            }
        }
        Room::Now
    }

    /// When there is room for work of about `expected`. Work that is under way and exceeds the budget alone has to end first.
    pub(super) fn for_work(&self, expected: f64, budget: u64, now: Timestamp) -> Room {
        if expected > budget as f64 {
            Room::WhenAnswered
        } else {
            self.room(expected as u64, budget, now)
        }
    }

    fn leaves(&self, second: Timestamp) -> Timestamp {
        after(second, self.length + SECOND)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millisecond(1_700_000_000_000 + millis).unwrap()
    }

    #[test]
    fn an_amount_fits_once_enough_has_left_the_window() {
        let mut window = Sliding::new(Duration::from_secs(60));
        assert_eq!(window.room(10, 10, at(0)), Room::Now);
        window.add(4, at(500));
        window.add(4, at(1500));
        assert_eq!(window.sum(at(1500)), 8);
        assert_eq!(window.room(2, 10, at(2000)), Room::Now);
        assert_eq!(window.room(3, 10, at(2000)), Room::At(at(61_000)));
        assert_eq!(window.room(7, 10, at(2000)), Room::At(at(62_000)));
        assert_eq!(window.room(7, 10, at(62_000)), Room::Now);
    }

    #[test]
    fn an_amount_beyond_the_budget_fits_into_an_empty_window() {
        let mut window = Sliding::new(Duration::from_secs(60));
        assert_eq!(window.room(11, 10, at(0)), Room::Now);
        window.add(11, at(0));
        assert_eq!(window.room(11, 10, at(1)), Room::At(at(61_000)));
    }

    #[test]
    fn memory_is_bounded_by_the_length_of_the_window() {
        let mut window = Sliding::new(Duration::from_secs(60));
        for step in 0..100_000 {
            window.add(1, at(step * 10));
        }
        assert!(
            window.seconds.len() <= 62,
            "{} seconds",
            window.seconds.len()
        );
        assert!((6000..=6100).contains(&window.sum(at(1_000_000))));
    }
}
