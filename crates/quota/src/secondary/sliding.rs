//! Decides when an amount fits into a sliding window. Amounts are kept by the second in which they fell, so that the memory
//! is bounded by the window's length; a second leaves as a whole, at its end, and never too early.
//!
//! What is kept of a second is not its own amount but that of all seconds up to it. The amount of a window is then one
//! subtraction, however long it is, and the moment at which there is room is found by halving.

use std::time::Duration;

use jiff::Timestamp;

/// Amounts of the last while.
#[derive(Clone, Debug)]
pub(super) struct Sliding {
    /// In whole seconds.
    length: i64,
    /// What was ever added.
    total: u64,
    /// The second that was added to last.
    latest: i64,
    /// What had been added at the end of a second, at its number modulo the length: of each second that is in the window,
    /// and of the last one before it. Empty until anything is added.
    totals: Vec<u64>,
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
            length: i64::try_from(length.as_secs()).unwrap_or(i64::MAX),
            total: 0,
            latest: i64::MIN,
            totals: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, amount: u64, now: Timestamp) {
        // A clock that went back adds to the latest second.
        let second = now.as_second().max(self.latest);
        if self.totals.is_empty() {
            self.totals.resize(self.length as usize + 2, 0);
            self.latest = second;
        }
        let kept = self.totals.len() as i64;
        for quiet in (self.latest + 1).max(second - kept)..second {
            let at = self.at(quiet);
            self.totals[at] = self.total;
        }
        self.total = self.total.saturating_add(amount);
        self.latest = second;
        let at = self.at(second);
        self.totals[at] = self.total;
    }

    /// Takes back what was added at `then`. After a clock that went back it may count on, and leaves with its second.
    pub(super) fn take_back(&mut self, amount: u64, then: Timestamp) {
        let then = then.as_second();
        if then > self.latest || then < self.latest.saturating_sub(self.length) {
            return;
        }
        self.total = self.total.saturating_sub(amount);
        for second in then..=self.latest {
            let at = self.at(second);
            self.totals[at] = self.totals[at].saturating_sub(amount);
        }
    }

    /// What is in the window.
    pub(super) fn sum(&self, now: Timestamp) -> u64 {
        self.since(self.left(now))
    }

    /// When `amount` fits into `budget`. One that is greater than the whole budget fits into an empty window.
    pub(super) fn room(&self, amount: u64, budget: u64, now: Timestamp) -> Room {
        let fits = |left: i64| {
            let sum = self.since(left);
            sum == 0 || sum.saturating_add(amount) <= budget
        };
        let left = self.left(now);
        if fits(left) {
            return Room::Now;
        }
        // Too much once `early` has left, and not once `late` has.
        let (mut early, mut late) = (left, self.latest);
        while late - early > 1 {
            let middle = early + (late - early) / 2;
            if fits(middle) {
                late = middle;
            } else {
                early = middle;
            }
        }
        Room::At(Timestamp::from_second(late + self.length + 1).unwrap_or(Timestamp::MAX))
    }

    /// When there is room for work of about `expected`. Work that is under way and exceeds the budget alone has to end first.
    pub(super) fn for_work(&self, expected: f64, budget: u64, now: Timestamp) -> Room {
        if expected > budget as f64 {
            Room::WhenAnswered
        } else {
            self.room(expected as u64, budget, now)
        }
    }

    /// The last second that has left the window.
    fn left(&self, now: Timestamp) -> i64 {
        now.as_second().max(self.latest) - self.length - 1
    }

    /// What was added after a second, which is the last one before the window or in it.
    fn since(&self, second: i64) -> u64 {
        if second >= self.latest {
            return 0;
        }
        self.total - self.totals[self.at(second)]
    }

    fn at(&self, second: i64) -> usize {
        second.rem_euclid(self.totals.len() as i64) as usize
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;
    use crate::time::{HOUR, MINUTE, SECOND, after};

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millisecond(1_700_000_000_000 + millis).unwrap()
    }

    #[test]
    fn an_amount_fits_once_enough_has_left_the_window() {
        let mut window = Sliding::new(MINUTE);
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
        let mut window = Sliding::new(MINUTE);
        assert_eq!(window.room(11, 10, at(0)), Room::Now);
        window.add(11, at(0));
        assert_eq!(window.room(11, 10, at(1)), Room::At(at(61_000)));
    }

    /// The same in the plainest words: every amount, with its second.
    struct Model {
        length: Duration,
        seconds: VecDeque<(Timestamp, u64)>,
    }

    impl Model {
        fn add(&mut self, amount: u64, now: Timestamp) {
            let second = Timestamp::from_second(now.as_second()).unwrap();
            self.seconds.push_back((second, amount));
        }

        /// Takes back one of the amounts, and says which.
        fn take_back(&mut self, which: usize) -> (Timestamp, u64) {
            let which = which % self.seconds.len();
            self.seconds.remove(which).unwrap()
        }

        fn leaves(&self, second: Timestamp) -> Timestamp {
            after(second, self.length + SECOND)
        }

        fn sum(&self, now: Timestamp) -> u64 {
            let inside = self
                .seconds
                .iter()
                .filter(|(second, _)| self.leaves(*second) > now);
            inside.map(|(_, amount)| amount).sum()
        }

        fn room(&self, amount: u64, budget: u64, now: Timestamp) -> Room {
            let fits = |at| self.sum(at) == 0 || self.sum(at) + amount <= budget;
            if fits(now) {
                return Room::Now;
            }
            let ends = self.seconds.iter().map(|(second, _)| self.leaves(*second));
            Room::At(
                ends.filter(|end| *end > now)
                    .find(|end| fits(*end))
                    .unwrap(),
            )
        }
    }

    proptest! {
        #[test]
        fn it_says_what_a_list_of_all_amounts_says(
            is_hour in any::<bool>(),
            steps in prop::collection::vec((0..5_000_u64, 0..9_u64, 1..12_u64, 1..60_u64), 1..80),
            pauses in prop::collection::vec(0..4_000_u64, 80),
            regrets in prop::collection::vec(prop::option::weighted(0.3, any::<usize>()), 80),
        ) {
            let length = if is_hour { HOUR } else { MINUTE };
            let (mut window, mut model) = (Sliding::new(length), Model { length, seconds: VecDeque::new() });
            let mut now = at(0);
            for (((millis, amount, asked, budget), pause), regret) in steps.into_iter().zip(pauses).zip(regrets) {
                now = after(now, Duration::from_millis(millis));
                // Now and then nothing happens for long.
                if pause < 40 {
                    now = after(now, Duration::from_secs(pause * 100));
                }
                prop_assert_eq!(window.sum(now), model.sum(now));
                prop_assert_eq!(window.room(asked, budget, now), model.room(asked, budget, now));
                window.add(amount, now);
                model.add(amount, now);
                if let Some(which) = regret {
                    let (then, amount) = model.take_back(which);
                    window.take_back(amount, then);
                }
                prop_assert_eq!(window.sum(now), model.sum(now));
                prop_assert_eq!(window.room(asked, budget, now), model.room(asked, budget, now));
            }
        }
    }

    #[test]
    fn a_clock_that_goes_back_adds_to_the_latest_second() {
        let mut window = Sliding::new(MINUTE);
        window.add(1, at(10_000));
        window.add(2, at(3_000));
        assert_eq!(window.sum(at(3_000)), 3);
        assert_eq!(window.sum(at(70_999)), 3);
        assert_eq!(window.sum(at(71_000)), 0);
    }

    #[test]
    fn what_is_taken_back_after_a_clock_that_went_back_leaves_with_its_second() {
        let mut window = Sliding::new(MINUTE);
        window.take_back(1, at(0));
        window.add(1, at(10_000));
        window.add(2, at(3_000));
        window.take_back(2, at(3_000));
        assert_eq!(window.sum(at(10_000)), 1);
        assert_eq!(window.sum(at(71_000)), 0);
        assert_eq!(window.room(1, 1, at(10_000)), Room::At(at(71_000)));
    }

    #[test]
    fn memory_is_bounded_by_the_length_of_the_window() {
        let mut window = Sliding::new(MINUTE);
        for step in 0..100_000 {
            window.add(1, at(step * 10));
        }
        assert_eq!(window.totals.len(), 62);
        assert_eq!(window.totals.capacity(), 62);
        assert!((6000..=6100).contains(&window.sum(at(1_000_000))));
    }
}
