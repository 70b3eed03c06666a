//! Decides which part of the secondary budgets is used: all of it, half after an incident, and slowly more again.

use jiff::Timestamp;

use crate::time::between;

/// The rate never falls below this, however many incidents follow each other.
const LEAST: f64 = 1.0 / 16.0;
/// What comes back per minute: from half to whole in ten.
const RECOVERY_PER_MINUTE: f64 = 0.05;

/// A part of the budgets, which grows with time.
#[derive(Clone, Debug, Default)]
pub(super) struct Rate {
    /// The rate after the last incident, and from when on it grows.
    fallen: Option<(f64, Timestamp)>,
}

impl Rate {
    pub(super) fn at(&self, now: Timestamp) -> f64 {
        let Some((base, from)) = self.fallen else {
            return 1.0;
        };
        let minutes = between(from, now).as_secs_f64() / 60.0;
        (base + minutes * RECOVERY_PER_MINUTE).min(1.0)
    }

    pub(super) fn is_whole(&self, now: Timestamp) -> bool {
        self.at(now) >= 1.0
    }

    /// Halves what there is; recovery begins at `reopens`.
    pub(super) fn halve(&mut self, reopens: Timestamp, now: Timestamp) {
        self.fallen = Some(((self.at(now) / 2.0).max(LEAST), reopens));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + second).unwrap()
    }

    #[test]
    fn it_is_whole_until_an_incident_then_half_and_recovers_in_ten_minutes_from_the_reopening() {
        let mut rate = Rate::default();
        assert!(rate.is_whole(at(0)));
        rate.halve(at(60), at(0));
        let timeline = [30, 60, 360, 659, 660].map(|second| format!("{:.2}", rate.at(at(second))));
        assert_eq!(timeline, ["0.50", "0.50", "0.75", "1.00", "1.00"]);
        assert!(!rate.is_whole(at(659)));
        assert!(rate.is_whole(at(660)));
    }

    #[test]
    fn incidents_in_a_row_halve_it_again_down_to_a_sixteenth() {
        let mut rate = Rate::default();
        let seen: Vec<f64> = (0..6)
            .map(|_| {
                rate.halve(at(60), at(0));
                rate.at(at(0))
            })
            .collect();
        assert_eq!(seen, [0.5, 0.25, 0.125, 0.0625, 0.0625, 0.0625]);
    }
}
