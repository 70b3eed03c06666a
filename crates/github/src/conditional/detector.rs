//! Whether the observed rule still holds: three answers against it in a row switch it off, three for it switch it on.
//!
//! One endpoint that departs from the rule among others that keep to it does not switch it off; its answers are known not
//! to be by the rule one by one.

use std::sync::{Mutex, MutexGuard, PoisonError};

const IN_A_ROW: u32 = 3;

/// The rule's record.
#[derive(Debug)]
pub(super) struct Detector {
    record: Mutex<Record>,
}

#[derive(Debug)]
struct Record {
    on: bool,
    /// Answers in a row that speak against the present state.
    against: u32,
    drift: u64,
}

impl Detector {
    pub(super) fn new() -> Detector {
        Detector {
            record: Mutex::new(Record {
                on: true,
                against: 0,
                drift: 0,
            }),
        }
    }

    /// Takes one piece of evidence.
    pub(super) fn saw(&self, holds: bool) {
        let mut record = self.lock();
        if record.on && !holds {
            record.drift += 1;
        }
        if holds == record.on {
            record.against = 0;
            return;
        }
        record.against += 1;
        if record.against < IN_A_ROW {
            return;
        }
        (record.on, record.against) = (holds, 0);
        let drift = record.drift;
        drop(record);
        if holds {
            tracing::info!(
                "GitHub's validators follow the observed rule again: they are recomputed for new tokens"
            );
        } else {
            tracing::warn!(
                drift,
                "GitHub's validators no longer follow the observed rule: they are not recomputed for new tokens, which \
                 costs requests after each change of a token"
            );
        }
    }

    pub(super) fn is_on(&self) -> bool {
        self.lock().on
    }

    pub(super) fn drift(&self) -> u64 {
        self.lock().drift
    }

    fn lock(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_answers_against_the_rule_switch_it_off_and_three_for_it_on_again() {
        let detector = Detector::new();
        let mut states = String::new();
        for holds in [
            false, false, true, false, false, false, false, true, true, false, true, true, true,
            true,
        ] {
            detector.saw(holds);
            states.push_str(if detector.is_on() { "+" } else { "-" });
        }
        assert_eq!(states, "+++++-------++");
        assert_eq!(detector.drift(), 5);
    }
}
