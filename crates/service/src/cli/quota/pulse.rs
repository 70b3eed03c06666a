//! Who of the processes is alive, by their beats and by how long one stands still on the clock of the one who looks. No
//! other clock is asked.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

/// A beat that stands still for so long is that of a process that is gone.
pub(super) const DEAD_AFTER: Duration = Duration::from_secs(5);

/// The beats that were seen, and since when they stand where they stand.
#[derive(Debug, Default)]
pub(super) struct Pulses {
    members: BTreeMap<String, Pulse>,
}

#[derive(Debug)]
struct Pulse {
    beat: u64,
    since: Duration,
    /// The beat was seen to move.
    moved: bool,
}

/// How a process stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Life {
    /// Its beat moves.
    Alive,
    /// It was looked at too briefly to know.
    Unknown,
    /// Its beat has stood still for too long.
    Silent,
}

impl Pulses {
    /// Takes what was read at `now`, which counts from any moment on and never goes back.
    pub(super) fn take<'a>(
        &mut self,
        beats: impl IntoIterator<Item = (&'a str, u64)>,
        now: Duration,
    ) {
        let mut before = std::mem::take(&mut self.members);
        for (member, beat) in beats {
            let pulse = match before.remove(member) {
                Some(known) if known.beat == beat => known,
                Some(_) => Pulse {
                    beat,
                    since: now,
                    moved: true,
                },
                None => Pulse {
                    beat,
                    since: now,
                    moved: false,
                },
            };
            // A process has a row for each of its credentials.
            let known = self.members.entry(member.to_owned()).or_insert(pulse);
            known.beat = known.beat.max(beat);
        }
    }

    /// How a process stands, and for how long its beat has stood still.
    pub(super) fn of(&self, member: &str, now: Duration) -> (Life, Duration) {
        let Some(pulse) = self.members.get(member) else {
            return (Life::Silent, Duration::ZERO);
        };
        let still = now.saturating_sub(pulse.since);
        let life = match () {
            () if still >= DEAD_AFTER => Life::Silent,
            () if pulse.moved => Life::Alive,
            () => Life::Unknown,
        };
        (life, still)
    }

    /// Whether nothing more is learnt about who is alive by looking longer.
    pub(super) fn are_clear(&self, now: Duration) -> bool {
        self.members
            .keys()
            .all(|member| self.of(member, now).0 != Life::Unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(tenths: u64) -> Duration {
        Duration::from_millis(tenths * 100)
    }

    #[test]
    fn a_beat_that_moves_is_life_and_one_that_stands_still_for_five_seconds_is_none() {
        let mut pulses = Pulses::default();
        pulses.take([("a", 1), ("b", 9)], at(0));
        assert!(!pulses.are_clear(at(0)), "one look says nothing");
        pulses.take([("a", 2), ("b", 9)], at(10));
        assert_eq!(pulses.of("a", at(10)).0, Life::Alive);
        assert_eq!(pulses.of("b", at(10)), (Life::Unknown, at(10)));
        pulses.take([("a", 2), ("b", 9)], at(50));
        assert_eq!(pulses.of("a", at(50)), (Life::Alive, at(40)));
        assert_eq!(pulses.of("b", at(50)), (Life::Silent, at(50)));
        assert!(pulses.are_clear(at(50)));
        pulses.take([("b", 10)], at(60));
        assert_eq!(pulses.of("b", at(60)).0, Life::Alive, "it is back");
        assert_eq!(pulses.of("a", at(60)).0, Life::Silent, "it has left");
    }

    #[test]
    fn a_process_with_several_credentials_is_one() {
        let mut pulses = Pulses::default();
        pulses.take([("a", 1), ("a", 1)], at(0));
        pulses.take([("a", 2), ("a", 2)], at(10));
        pulses.take([("a", 2), ("a", 2)], at(20));
        assert_eq!(pulses.of("a", at(20)), (Life::Alive, at(10)));
    }
}
