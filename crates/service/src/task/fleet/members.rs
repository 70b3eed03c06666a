//! Decides which of the other processes are alive, by nothing but how long each beat stands still while we listen.
//!
//! It counts exchanges of ours and not time: what passed while nothing could be heard is nobody's silence. So whoever comes
//! back after an outage, or was stopped itself, finds the others as alive as it left them until it has listened for a while.

use std::collections::BTreeMap;

use ledger::port::coordination::{Held, Member};

/// A beat that stood still for so many exchanges is that of a dead process. Exchanges are a second apart.
const DEAD_AFTER: u32 = 5;

/// After so many, what the dead process told is taken away.
const SWEPT_AFTER: u32 = 60;

/// Who is on the board, as far as was heard.
#[derive(Debug, Default)]
pub(super) struct Members(BTreeMap<String, Beat>);

#[derive(Debug, Clone, Copy)]
struct Beat {
    beat: u64,
    /// So many exchanges have found it where it was.
    still: u32,
}

impl Members {
    /// Takes in what one exchange has brought, and gives back what those told who are alive.
    pub(super) fn hear(&mut self, held: Vec<Held>) -> Vec<Held> {
        let before = std::mem::take(&mut self.0);
        for Held { member, beat, .. } in &held {
            let still = match before.get(member) {
                Some(known) if known.beat == *beat => known.still.saturating_add(1),
                _ => 0,
            };
            let beat = Beat { beat: *beat, still };
            self.0.insert(member.clone(), beat);
        }
        let is_alive = |held: &Held| self.0[&held.member].still < DEAD_AFTER;
        held.into_iter().filter(is_alive).collect()
    }

    /// Those who have been dead for long.
    pub(super) fn long_dead(&self) -> Vec<Member> {
        let dead = self.0.iter().filter(|(_, beat)| beat.still >= SWEPT_AFTER);
        let member = |(name, beat): (&String, &Beat)| Member {
            name: name.clone(),
            beat: beat.beat,
        };
        dead.map(member).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(member: &str, beat: u64) -> Held {
        Held {
            member: member.to_owned(),
            beat,
            credential: "token".to_owned(),
            share: String::new(),
            view: String::new(),
        }
    }

    fn names(held: &[Held]) -> Vec<&str> {
        held.iter().map(|held| held.member.as_str()).collect()
    }

    #[test]
    fn a_beat_that_stands_still_for_five_exchanges_is_that_of_a_dead_process_and_is_swept_after_a_minute()
     {
        let mut members = Members::default();
        for round in 0..70 {
            let alive = members.hear(vec![held("dead", 7), held("living", round)]);
            let expected: &[&str] = if round < 5 {
                &["dead", "living"]
            } else {
                &["living"]
            };
            assert_eq!(names(&alive), expected, "round {round}");
            let dead = members.long_dead();
            let is_swept = dead
                == [Member {
                    name: "dead".to_owned(),
                    beat: 7,
                }];
            assert_eq!(is_swept, round >= 60, "round {round}: {dead:?}");
        }
    }

    #[test]
    fn one_who_was_taken_for_dead_is_alive_with_its_next_beat() {
        let mut members = Members::default();
        for _ in 0..10 {
            members.hear(vec![held("stopped", 7)]);
        }
        assert_eq!(names(&members.hear(vec![held("stopped", 8)])), ["stopped"]);
        assert_eq!(members.long_dead(), []);
    }

    #[test]
    fn all_that_one_tells_is_one_beat() {
        let mut members = Members::default();
        for round in 0..4 {
            let of_other = Held {
                credential: "other".to_owned(),
                ..held("ada", 1)
            };
            let alive = members.hear(vec![held("ada", 1), of_other]);
            assert_eq!(alive.len(), 2, "round {round}");
        }
    }

    #[test]
    fn one_who_left_and_whose_name_comes_again_is_new() {
        let mut members = Members::default();
        for _ in 0..10 {
            members.hear(vec![held("ada", 1)]);
        }
        assert_eq!(members.hear(Vec::new()), []);
        assert_eq!(names(&members.hear(vec![held("ada", 1)])), ["ada"]);
    }
}
