//! Decides when an organisation that fails again and again is left alone, for how long, and when it is trusted again.
//!
//! Pure. A cycle that fails as a whole counts; one that reads anything at all forgets. At the threshold scraping pauses,
//! the time becomes a gap, and each further pause is twice as long. After a pause small probes are made; once so many in a
//! row were answered, scraping goes on. A probe's success forgets no failed cycle: the next failure pauses at once.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// A pause is never longer than this.
pub(crate) const LONGEST: Duration = Duration::from_secs(15 * 60);

/// The time between two small probes after a pause.
pub(crate) const PROBE_EVERY: Duration = Duration::from_secs(30);

/// When an organisation is left alone.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    /// So many failed cycles in a row.
    pub(crate) threshold: u64,
    /// The first pause.
    pub(crate) pause: Duration,
    /// So many good probes in a row end it.
    pub(crate) good_probes: u64,
}

/// What is to be done at a tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// A cycle.
    Cycle,
    /// Nothing: it cools down until then at least.
    Skip {
        /// When it is probed next.
        until: Timestamp,
    },
}

/// How one organisation fares. A restart forgets it, and finds out anew.
#[derive(Debug)]
pub(crate) struct Cooldown {
    settings: Settings,
    failures: u64,
    pauses: u32,
    cooling: Option<Cooling>,
}

#[derive(Debug, Clone, Copy)]
struct Cooling {
    /// When it is probed next.
    probe_at: Timestamp,
    good: u64,
}

impl Cooldown {
    pub(crate) fn new(settings: Settings) -> Cooldown {
        Cooldown {
            settings,
            failures: 0,
            pauses: 0,
            cooling: None,
        }
    }

    /// What is to be done at a tick.
    pub(crate) fn turn(&self) -> Turn {
        match self.cooling {
            None => Turn::Cycle,
            Some(Cooling { probe_at, .. }) => Turn::Skip { until: probe_at },
        }
    }

    /// When it is to be probed; nothing while it does not cool down.
    pub(crate) fn probe_at(&self) -> Option<Timestamp> {
        self.cooling.map(|cooling| cooling.probe_at)
    }

    /// Takes in that something of the organisation could be read.
    pub(crate) fn read(&mut self) {
        (self.failures, self.pauses, self.cooling) = (0, 0, None);
    }

    /// Takes in that a cycle failed as a whole. Whether the organisation is left alone from now on.
    pub(crate) fn failed(&mut self, now: Timestamp) -> bool {
        self.failures = self.failures.saturating_add(1);
        if self.failures < self.settings.threshold {
            return false;
        }
        self.pause(now);
        true
    }

    /// Takes in how a probe went. Whether scraping goes on now.
    pub(crate) fn probed(&mut self, good: bool, now: Timestamp) -> bool {
        let Some(cooling) = &mut self.cooling else {
            return true;
        };
        if !good {
            self.pause(now);
            return false;
        }
        cooling.good += 1;
        if cooling.good >= self.settings.good_probes {
            self.cooling = None;
            return true;
        }
        cooling.probe_at = later(now, PROBE_EVERY);
        false
    }

    fn pause(&mut self, now: Timestamp) {
        let longer = 2_u32.saturating_pow(self.pauses);
        let pause = self
            .settings
            .pause
            .saturating_mul(longer)
            .min(LONGEST.max(self.settings.pause));
        self.pauses = self.pauses.saturating_add(1);
        self.cooling = Some(Cooling {
            probe_at: later(now, pause),
            good: 0,
        });
    }
}

fn later(now: Timestamp, span: Duration) -> Timestamp {
    let span = SignedDuration::try_from(span).unwrap_or(SignedDuration::MAX);
    now.checked_add(span).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds)
    }

    fn cooldown() -> Cooldown {
        Cooldown::new(Settings {
            threshold: 6,
            pause: Duration::from_secs(120),
            good_probes: 3,
        })
    }

    fn after_failures(number: u64) -> Cooldown {
        let mut cooldown = cooldown();
        for second in 0..number {
            cooldown.failed(at(second.cast_signed()));
        }
        cooldown
    }

    #[test]
    fn the_sixth_failed_cycle_in_a_row_pauses() {
        assert_eq!(after_failures(5).turn(), Turn::Cycle);
        assert_eq!(after_failures(6).turn(), Turn::Skip { until: at(5 + 120) });
    }

    #[test]
    fn a_cycle_that_reads_something_forgets_what_failed_before() {
        let mut cooldown = after_failures(5);
        cooldown.read();
        assert!(!cooldown.failed(at(9)));
        assert_eq!(cooldown.turn(), Turn::Cycle);
    }

    #[test]
    fn three_good_probes_in_a_row_end_a_pause() {
        let mut cooldown = after_failures(6);
        assert!(!cooldown.probed(true, at(200)));
        assert_eq!(cooldown.probe_at(), Some(at(230)));
        assert!(!cooldown.probed(true, at(230)));
        assert!(cooldown.probed(true, at(260)));
        assert_eq!(cooldown.turn(), Turn::Cycle);
    }

    #[test]
    fn a_bad_probe_counts_from_nothing_and_pauses_again() {
        let mut cooldown = after_failures(6);
        cooldown.probed(true, at(200));
        cooldown.probed(true, at(230));
        assert!(!cooldown.probed(false, at(260)));
        assert_eq!(cooldown.probe_at(), Some(at(260 + 240)));
        for second in [500, 530] {
            assert!(!cooldown.probed(true, at(second)));
        }
        assert!(cooldown.probed(true, at(560)));
    }

    #[test]
    fn good_probes_forget_no_failed_cycle() {
        let mut cooldown = after_failures(6);
        for second in [200, 230, 260] {
            cooldown.probed(true, at(second));
        }
        assert!(cooldown.failed(at(300)), "the next failure pauses at once");
    }

    #[test]
    fn pauses_double_up_to_a_quarter_of_an_hour() {
        let mut cooldown = after_failures(6);
        let mut pauses = String::new();
        let mut now = at(5);
        for _ in 0..6 {
            let until = cooldown.probe_at().unwrap();
            write!(pauses, "{} ", until.duration_since(now).as_secs()).unwrap();
            now = until;
            cooldown.probed(false, now);
        }
        assert_eq!(pauses.trim(), "120 240 480 900 900 900");
    }
}
