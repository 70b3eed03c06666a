//! Decides what GitHub's clock shows, from the `date` of its answers. Resets are instants of that clock, so a machine whose
//! own clock is minutes off neither oversleeps nor wakes too early.

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};

use crate::time::shifted;

/// Answers that are remembered. A `date` is cut to seconds and as old as its answer took, so each alone makes GitHub's clock
/// look slow; the greatest of several comes closest, and a clock that really moved is followed after as many answers.
const KEPT: usize = 8;

/// How far GitHub's clock is ahead of the caller's.
#[derive(Clone, Debug, Default)]
pub struct Skew {
    offsets: VecDeque<SignedDuration>,
    /// The greatest of them.
    offset: SignedDuration,
    /// Whether an earlier run has told.
    is_recalled: bool,
}

impl Skew {
    /// Takes the `date` of an answer that came at `now`.
    pub fn observe(&mut self, date: Timestamp, now: Timestamp) {
        if self.offsets.len() == KEPT {
            self.offsets.pop_front();
        }
        self.offsets.push_back(date.duration_since(now));
        self.offset = self.offsets.iter().max().copied().unwrap_or_default();
    }

    /// Takes what an earlier run has found on this machine, for as long as there is no answer yet. Anything else is better.
    pub fn recall(&mut self, ahead: SignedDuration) {
        if self.offsets.is_empty() {
            self.offset = ahead;
            self.is_recalled = true;
        }
    }

    /// Whether GitHub's clock has been seen, by this run or by an earlier one.
    pub fn is_known(&self) -> bool {
        self.is_recalled || !self.offsets.is_empty()
    }

    /// How far GitHub's clock is ahead; negative if it is behind, zero while nothing is known.
    pub fn offset(&self) -> SignedDuration {
        self.offset
    }

    /// What GitHub's clock shows when the caller's shows `local`.
    pub fn github(&self, local: Timestamp) -> Timestamp {
        shifted(local, self.offset())
    }

    /// What the caller's clock shows when GitHub's shows `github`.
    pub fn local(&self, github: Timestamp) -> Timestamp {
        shifted(github, -self.offset())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millisecond(1_700_000_000_000 + millis).unwrap()
    }

    fn learnt(answers: impl IntoIterator<Item = (i64, i64)>) -> SignedDuration {
        let mut skew = Skew::default();
        for (date, now) in answers {
            skew.observe(at(date), at(now));
        }
        assert_eq!(skew.local(skew.github(at(0))), at(0));
        skew.offset()
    }

    #[test]
    fn a_clock_that_is_ahead_or_behind_is_corrected_by_the_date() {
        assert_eq!(learnt([]), SignedDuration::ZERO);
        assert_eq!(
            learnt([(0, 120_000)]),
            SignedDuration::from_secs(-120),
            "ahead"
        );
        assert_eq!(
            learnt([(120_000, 0)]),
            SignedDuration::from_secs(120),
            "behind"
        );
    }

    #[test]
    fn the_answer_that_lost_least_on_its_way_decides_in_any_order() {
        let mut answers = vec![(0, 900), (1000, 1050), (1000, 1900), (2000, 12_000)];
        assert_eq!(learnt(answers.clone()), SignedDuration::from_millis(-50));
        answers.reverse();
        assert_eq!(learnt(answers), SignedDuration::from_millis(-50));
    }

    #[test]
    fn what_an_earlier_run_has_found_holds_until_the_first_answer() {
        let mut skew = Skew::default();
        assert!(!skew.is_known());
        skew.recall(SignedDuration::from_secs(-90));
        assert!(skew.is_known());
        assert_eq!(skew.github(at(0)), at(-90_000));
        skew.observe(at(-120_000), at(0));
        assert_eq!(skew.offset(), SignedDuration::from_secs(-120));
        skew.recall(SignedDuration::from_secs(-90));
        assert_eq!(skew.offset(), SignedDuration::from_secs(-120));
    }

    #[test]
    fn a_clock_that_steps_is_followed() {
        let before = (0..20).map(|n| (n * 1000, n * 1000));
        assert_eq!(
            learnt(before.clone().chain([(20_000, -100_000)])),
            SignedDuration::from_secs(120),
            "back, at once"
        );
        let forward = (20..20 + KEPT as i64).map(|n| (n * 1000, n * 1000 + 120_000));
        assert_eq!(
            learnt(before.chain(forward)),
            SignedDuration::from_secs(-120),
            "forward, once confirmed"
        );
    }
}
