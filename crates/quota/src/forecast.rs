//! Decides what a window will look like at its reset if everybody goes on as in the last minutes. Promises nothing: it is for
//! people, and no request waits for it.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;

use crate::bucket::Level;
use crate::time::{MINUTE, after, between};

/// How far back the trend looks.
const LOOK_BACK: Duration = Duration::from_secs(600);
/// Points of the trend are this far apart, so that there are few.
const APART: Duration = Duration::from_secs(10);

/// What is to be expected of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forecast {
    /// Used when the window ends; at most the limit.
    pub used_at_reset: u64,
    /// When nothing will be left, where that is before the end.
    pub runs_out: Option<Timestamp>,
}

/// What was used when, in one window.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trend {
    points: VecDeque<(Timestamp, u64)>,
}

impl Trend {
    /// Takes the standing at `now`.
    pub(crate) fn note(&mut self, level: &Level, now: Timestamp) {
        let used = level.used;
        if self
            .points
            .back()
            .is_some_and(|(at, before)| used < *before || now < *at)
        {
            self.points.clear();
        }
        let is_due = |(at, _): &(Timestamp, u64)| between(*at, now) >= APART;
        if self.points.back().is_none_or(is_due) {
            self.points.push_back((now, used));
        }
        while self
            .points
            .front()
            .is_some_and(|(at, _)| between(*at, now) > LOOK_BACK)
        {
            self.points.pop_front();
        }
    }

    /// What is to be expected at the end of the window; nothing where it has no known end.
    pub(crate) fn forecast(&self, level: &Level, now: Timestamp) -> Option<Forecast> {
        let left = between(now, level.full_at?);
        let rate = self.points.front().map_or(0.0, |(at, used)| {
            let seconds = between(*at, now).max(MINUTE).as_secs_f64();
            level.spent().saturating_sub(*used) as f64 / seconds
        });
        let more = rate * left.as_secs_f64();
        let used_at_reset = level.spent().saturating_add(more as u64).min(level.limit);
        let remaining = level.remaining() as f64;
        let runs_out = (more > remaining)
            .then(|| after(now, Duration::from_secs_f64((remaining / rate).max(0.0))));
        Some(Forecast {
            used_at_reset,
            runs_out,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + second).unwrap()
    }

    fn level(used: u64) -> Level {
        Level {
            limit: 5000,
            used,
            full_at: Some(at(3600)),
            ..Level::default()
        }
    }

    fn after_steady(per_second: u64, seconds: i64) -> (Trend, Level) {
        let mut trend = Trend::default();
        for second in 0..=seconds {
            trend.note(&level(per_second * second as u64), at(second));
        }
        (trend, level(per_second * seconds as u64))
    }

    #[test]
    fn steady_spending_goes_on_to_the_reset() {
        let (trend, level) = after_steady(1, 900);
        let forecast = trend.forecast(&level, at(900)).unwrap();
        assert!(
            (3550..=3650).contains(&forecast.used_at_reset),
            "{forecast:?}"
        );
        assert_eq!(forecast.runs_out, None);
    }

    #[test]
    fn what_will_not_last_runs_out_before_the_reset() {
        let (trend, level) = after_steady(3, 900);
        let forecast = trend.forecast(&level, at(900)).unwrap();
        assert_eq!(forecast.used_at_reset, 5000);
        let runs_out = forecast.runs_out.unwrap();
        assert!(at(1600) < runs_out && runs_out < at(1700), "{runs_out}");
    }

    #[test]
    fn a_new_window_forgets_the_old_one_and_without_an_end_there_is_no_forecast() {
        let (mut trend, _) = after_steady(3, 900);
        trend.note(&level(0), at(910));
        let forecast = trend.forecast(&level(0), at(911)).unwrap();
        assert_eq!(forecast.used_at_reset, 0);
        let endless = Level {
            full_at: None,
            ..level(9)
        };
        assert_eq!(trend.forecast(&endless, at(911)), None);
    }

    #[test]
    fn the_memory_of_a_trend_is_bounded() {
        let (trend, _) = after_steady(0, 100_000);
        assert!(trend.points.len() <= 62);
    }
}
