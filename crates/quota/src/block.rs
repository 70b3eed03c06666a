//! Decides how long a credential stays closed after a limit. Sending into a known block can get an integration banned, so a
//! block closes everything, only grows, and is never probed.

use std::time::Duration;

use jiff::Timestamp;

use crate::time::{MINUTE, SECOND, after};

/// The first wait where GitHub does not say how long; each further incident doubles it ([GitHub's advice][advice]).
///
/// [advice]: https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api#handle-rate-limit-errors-appropriately
const FIRST: Duration = MINUTE;
/// The doubling ends here.
const LONGEST_UNSTATED: Duration = Duration::from_secs(16 * 60);
/// A stated wait is obeyed up to a day; beyond that it is taken for a mistake.
pub(crate) const LONGEST_STATED: Duration = Duration::from_secs(24 * 3600);

/// Which incidents a request knew of when it was let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Epoch(u64);

/// Whether a credential is closed, and how often it has been.
#[derive(Clone, Debug, Default)]
pub struct Block {
    until: Option<Timestamp>,
    /// Incidents since the rate was last whole.
    strikes: u32,
    incidents: u64,
}

impl Block {
    /// The end of the block that `now` lies in.
    pub fn until(&self, now: Timestamp) -> Option<Timestamp> {
        self.until.filter(|until| *until > now)
    }

    /// The end of the latest block, passed or not.
    pub fn end(&self) -> Option<Timestamp> {
        self.until
    }

    /// Incidents so far. Refusals of requests that were under way when an incident began belong to it.
    pub fn incidents(&self) -> u64 {
        self.incidents
    }

    /// What a request that goes now knows of.
    pub fn epoch(&self) -> Epoch {
        Epoch(self.incidents)
    }

    /// Takes a refusal of a request that was let through in `epoch`, with the end that GitHub stated, if any. Says whether
    /// this is a new incident.
    pub fn refused(&mut self, stated: Option<Timestamp>, epoch: Epoch, now: Timestamp) -> bool {
        let is_new = epoch == self.epoch();
        if is_new {
            self.incidents += 1;
            self.strikes = self.strikes.saturating_add(1);
        }
        let until = match stated {
            Some(stated) => stated.clamp(after(now, SECOND), after(now, LONGEST_STATED)),
            None => after(now, self.unstated()),
        };
        self.until = self.until.max(Some(until));
        is_new
    }

    /// Closes until `until` without an incident: a block that an earlier run, or another process, has met.
    pub fn close(&mut self, until: Timestamp) {
        self.until = self.until.max(Some(until));
    }

    /// The rate is whole again: the next incident is a first one.
    pub fn forgive(&mut self) {
        self.strikes = 0;
    }

    fn unstated(&self) -> Duration {
        let doublings = self.strikes.saturating_sub(1).min(8);
        (FIRST * 2_u32.pow(doublings)).min(LONGEST_UNSTATED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + second).unwrap()
    }

    #[test]
    fn a_stated_end_is_kept_to_and_a_passed_one_still_closes_for_a_second() {
        let mut block = Block::default();
        assert!(block.refused(Some(at(90)), block.epoch(), at(0)));
        assert_eq!(block.until(at(89)), Some(at(90)));
        assert_eq!(block.until(at(90)), None);
        block.refused(Some(at(50)), block.epoch(), at(100));
        assert_eq!(block.until(at(100)), Some(at(101)));
    }

    #[test]
    fn an_unstated_end_is_a_minute_away_and_doubles_up_to_a_bound() {
        let mut block = Block::default();
        let mut now = at(0);
        let mut waits = Vec::new();
        for _ in 0..7 {
            block.refused(None, block.epoch(), now);
            let until = block.until(now).unwrap();
            waits.push(until.duration_since(now).as_secs());
            now = until;
        }
        assert_eq!(waits, [60, 120, 240, 480, 960, 960, 960]);
        block.forgive();
        block.refused(None, block.epoch(), now);
        assert_eq!(block.until(now), Some(after(now, MINUTE)));
    }

    #[test]
    fn refusals_of_requests_under_way_are_one_incident() {
        let mut block = Block::default();
        let epoch = block.epoch();
        assert!(block.refused(None, epoch, at(0)));
        assert!(!block.refused(None, epoch, at(1)));
        assert!(!block.refused(Some(at(30)), epoch, at(2)));
        assert_eq!(block.incidents(), 1);
        assert_eq!(block.until(at(3)), Some(at(61)), "a block only grows");
    }

    #[test]
    fn an_absurd_end_is_bounded() {
        let mut block = Block::default();
        block.refused(Some(Timestamp::MAX), block.epoch(), at(0));
        assert_eq!(block.until(at(0)), Some(at(24 * 3600)));
    }
}
