//! A model of one bucket of GitHub's, with others who spend from it.

use jiff::Timestamp;

use crate::ask::Seen;
use crate::observation::Observation;

const WINDOW: f64 = 3600.0;

pub(super) fn at(second: f64) -> Timestamp {
    Timestamp::from_millisecond(1_700_000_000_000 + (second * 1000.0).round() as i64).unwrap()
}

pub(super) struct GitHub {
    pub(super) now: f64,
    pub(super) others_per_second: f64,
    pub(super) others_until: f64,
    /// The least that was left at any moment.
    pub(super) lowest: u64,
    limit: u64,
    used: f64,
    window_ends: f64,
}

impl GitHub {
    pub(super) fn new(limit: u64) -> GitHub {
        let (others_per_second, others_until) = (0.0, f64::INFINITY);
        GitHub {
            now: 0.0,
            others_per_second,
            others_until,
            lowest: limit,
            limit,
            used: 0.0,
            window_ends: WINDOW,
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        at(self.now)
    }

    pub(super) fn reset(&self) -> Timestamp {
        at(self.window_ends)
    }

    pub(super) fn advance_to(&mut self, to: Timestamp) {
        // Up to the next millisecond, as timers do.
        let seconds = to.duration_since(self.now()).as_secs_f64();
        self.advance((seconds * 1000.0).ceil().max(1.0) / 1000.0);
    }

    pub(super) fn advance(&mut self, seconds: f64) {
        let to = self.now + seconds;
        while self.now < to {
            let next = to.min(self.window_ends);
            let busy = (next.min(self.others_until) - self.now).max(0.0);
            self.spend_some(busy * self.others_per_second);
            self.now = next;
            if self.now >= self.window_ends {
                self.used = 0.0;
                self.window_ends += WINDOW;
            }
        }
    }

    pub(super) fn spend(&mut self, cost: u64) {
        self.spend_some(cost as f64);
    }

    /// Serves a request and says what its headers say.
    pub(super) fn serve(&mut self, cost: u64) -> Seen {
        self.spend(cost);
        let used = self.used as u64;
        let observation = Observation {
            limit: Some(self.limit),
            remaining: Some(self.limit - used),
            used: Some(used),
            reset: Some(self.reset()),
            date: Some(Timestamp::from_second(self.now().as_second()).unwrap()),
            ..Observation::default()
        };
        Seen {
            observation,
            ..Seen::default()
        }
    }

    fn spend_some(&mut self, cost: f64) {
        self.used = (self.used + cost).min(self.limit as f64);
        self.lowest = self.lowest.min(self.limit - self.used as u64);
    }
}
