//! A model of GitHub's limits for one account, as its documents tell them: what it grants, what it refuses, and what its
//! headers say. Written from those documents alone and shares no line with what the policies believe of GitHub, so that one
//! mistake cannot be on both sides.

use std::collections::VecDeque;

use super::{HOUR, Millis, SECOND};

/// Points of REST in any 60 seconds.
const POINTS: usize = 900;
const MINUTE: Millis = 60 * SECOND;
/// Requests in flight.
const IN_FLIGHT: u32 = 100;
/// For how long a secondary limit closes the account.
const CLOSED: Millis = 60 * SECOND;

/// One account.
#[derive(Clone, Debug)]
pub(super) struct GitHub {
    limit: u64,
    used: u64,
    /// The end of the window.
    ends: Millis,
    emptied: Option<Millis>,
    /// When requests came, in the last 60 seconds.
    points: VecDeque<Millis>,
    in_flight: u32,
    closed_until: Millis,
    closed: Vec<Window>,
}

/// A window that is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) ends: Millis,
    pub(super) remaining: u64,
    /// When nothing was left.
    pub(super) emptied: Option<Millis>,
}

/// What GitHub says to one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) verdict: Verdict,
    pub(super) limit: u64,
    pub(super) used: u64,
    pub(super) remaining: u64,
    /// In whole seconds, as is the next one.
    pub(super) reset: i64,
    pub(super) date: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Served,
    /// Until the end of the window.
    Primary {
        until: Millis,
    },
    Secondary {
        until: Millis,
    },
}

impl Verdict {
    /// Until when GitHub refuses, where it does.
    pub(super) fn refuses_until(self) -> Option<Millis> {
        match self {
            Verdict::Served => None,
            Verdict::Primary { until } | Verdict::Secondary { until } => Some(until),
        }
    }
}

impl GitHub {
    /// An account of which `used` is used of a window that ends at `ends`.
    pub(super) fn new(limit: u64, used: u64, ends: Millis) -> GitHub {
        GitHub {
            limit,
            used,
            ends,
            emptied: None,
            points: VecDeque::new(),
            in_flight: 0,
            closed_until: Millis::MIN,
            closed: Vec::new(),
        }
    }

    /// A request that came at `at`, free of the primary limit if it `is_free`. It stays in flight until
    /// [`answered`](GitHub::answered). `jitter` is by how many seconds the stated reset is off.
    pub(super) fn serve(&mut self, at: Millis, is_free: bool, jitter: i64) -> Answer {
        self.pass(at);
        let verdict = self.judge(at, is_free);
        self.in_flight += 1;
        Answer {
            verdict,
            limit: self.limit,
            used: self.used,
            remaining: self.limit - self.used,
            reset: self.ends.div_euclid(SECOND) + jitter,
            date: at.div_euclid(SECOND),
        }
    }

    /// One request is no longer in flight.
    pub(super) fn answered(&mut self) {
        self.in_flight -= 1;
    }

    pub(super) fn remaining(&mut self, at: Millis) -> u64 {
        self.pass(at);
        self.limit - self.used
    }

    /// Lets windows end that do by `at`.
    pub(super) fn pass(&mut self, at: Millis) {
        while at >= self.ends {
            self.closed.push(Window {
                ends: self.ends,
                remaining: self.limit - self.used,
                emptied: self.emptied,
            });
            self.ends += HOUR;
            self.used = 0;
            self.emptied = None;
        }
    }

    /// The windows that have ended.
    pub(super) fn windows(&self) -> &[Window] {
        &self.closed
    }

    fn judge(&mut self, at: Millis, is_free: bool) -> Verdict {
        if at < self.closed_until {
            return Verdict::Secondary {
                until: self.closed_until,
            };
        }
        while self.points.front().is_some_and(|came| *came <= at - MINUTE) {
            self.points.pop_front();
        }
        if self.in_flight >= IN_FLIGHT || self.points.len() >= POINTS {
            self.closed_until = at + CLOSED;
            return Verdict::Secondary {
                until: self.closed_until,
            };
        }
        self.points.push_back(at);
        if is_free {
            return Verdict::Served;
        }
        if self.used >= self.limit {
            return Verdict::Primary { until: self.ends };
        }
        self.used += 1;
        if self.used == self.limit {
            self.emptied = Some(at);
        }
        Verdict::Served
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(github: &mut GitHub, at: Millis) -> Answer {
        let answer = github.serve(at, false, 0);
        github.answered();
        answer
    }

    #[test]
    fn what_exceeds_the_limit_is_refused_until_the_reset_and_costs_nothing() {
        let mut github = GitHub::new(10, 8, HOUR);
        assert_eq!(ask(&mut github, 0).verdict, Verdict::Served);
        assert_eq!(ask(&mut github, 1).remaining, 0);
        let refused = ask(&mut github, HOUR - 1);
        assert_eq!(refused.verdict, Verdict::Primary { until: HOUR });
        assert_eq!(
            (refused.used, refused.remaining, refused.reset),
            (10, 0, 3600)
        );
        let next = ask(&mut github, HOUR);
        assert_eq!(
            (next.verdict, next.remaining, next.reset),
            (Verdict::Served, 9, 7200)
        );
        let window = Window {
            ends: HOUR,
            remaining: 0,
            emptied: Some(1),
        };
        assert_eq!(github.windows(), [window]);
    }

    #[test]
    fn what_is_unchanged_is_free_also_when_nothing_is_left() {
        let mut github = GitHub::new(10, 10, HOUR);
        assert_eq!(github.serve(0, true, 0).verdict, Verdict::Served);
        assert_eq!(github.remaining(0), 0);
    }

    #[test]
    fn the_point_above_900_in_any_minute_closes_the_account_for_a_minute() {
        let mut github = GitHub::new(5000, 0, HOUR);
        for request in 0..900 {
            assert_eq!(
                ask(&mut github, request * 60).verdict,
                Verdict::Served,
                "{request}"
            );
        }
        let until = 59_999 + CLOSED;
        assert_eq!(
            ask(&mut github, 59_999).verdict,
            Verdict::Secondary { until }
        );
        assert_eq!(
            ask(&mut github, until - 1).verdict,
            Verdict::Secondary { until }
        );
        assert_eq!(ask(&mut github, until).verdict, Verdict::Served);
        assert_eq!(github.remaining(until), 5000 - 901, "refusals cost nothing");
    }

    #[test]
    fn a_point_counts_for_60_seconds_and_no_longer() {
        let mut github = GitHub::new(5000, 0, HOUR);
        for _ in 0..900 {
            ask(&mut github, 0);
        }
        assert_eq!(ask(&mut github, MINUTE).verdict, Verdict::Served);
    }

    #[test]
    fn more_than_100_in_flight_are_refused() {
        let mut github = GitHub::new(5000, 0, HOUR);
        for _ in 0..100 {
            assert_eq!(github.serve(0, false, 0).verdict, Verdict::Served);
        }
        assert!(matches!(
            github.serve(0, false, 0).verdict,
            Verdict::Secondary { .. }
        ));
    }

    #[test]
    fn the_stated_reset_is_whole_seconds_and_off_by_the_jitter() {
        let mut github = GitHub::new(5000, 0, HOUR);
        let resets = [-1, 0, 1].map(|jitter| github.serve(1_234, false, jitter).reset);
        assert_eq!(resets, [3599, 3600, 3601]);
        assert_eq!(github.serve(1_999, false, 0).date, 1);
    }
}
