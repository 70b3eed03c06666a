//! Says aloud when the board is lost and when it is back: one line in the log for each, and the node's health.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use backends::sqlite::{OpenError, Problem};
use github::Clock;
use ledger::port;

use crate::health::{Component, Health};
use crate::task::scrape::chain;

/// What is done with the board. Each of them can fail by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Doing {
    Exchange,
    Blocks,
    Learning,
}

/// What does not work at present.
pub(super) struct Standing {
    health: Health,
    clock: Clock,
    wrong: Mutex<BTreeMap<Doing, String>>,
}

impl Standing {
    pub(super) fn new(health: Health, clock: Clock) -> Standing {
        Standing {
            health,
            clock,
            wrong: Mutex::default(),
        }
    }

    /// This worked. The board is back once nothing of it fails.
    pub(super) fn works(&self, doing: Doing) {
        let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        let was_lost = wrong.remove(&doing).is_some();
        if wrong.is_empty() {
            if was_lost {
                tracing::info!(
                    "coordination is back: processes that share a credential hear each other again"
                );
            }
            self.health
                .healthy(&Component::Coordination, self.clock.now());
        }
    }

    /// This did not work.
    pub(super) fn fails(&self, doing: Doing, error: &port::Error) {
        self.is_lost(doing, told(error));
    }

    /// This is not answered.
    pub(super) fn hangs(&self, doing: Doing) {
        self.is_lost(doing, "the coordination file does not answer".to_owned());
    }

    fn is_lost(&self, doing: Doing, text: String) {
        let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        if wrong.is_empty() {
            tracing::warn!(
                error = text,
                "coordination is lost; until it is back this process keeps to the part of each quota that it last had a right to"
            );
        }
        let now = self.clock.now();
        self.health
            .failed(&Component::Coordination, text.clone(), now);
        wrong.insert(doing, text);
    }
}

/// What is wrong, and what to do about it where the file says so: right behind what is wrong with the file, and the cause
/// in brackets, which is `SQLite`'s.
fn told(error: &port::Error) -> String {
    let mut words = Vec::new();
    for part in anyhow::Chain::new(error) {
        words.push(part.to_string());
        let file = part.downcast_ref::<OpenError>();
        // The remedy for any other problem sends to the cause.
        if let Some(file) = file.filter(|file| *file.problem() != Problem::Other) {
            words.push(file.remedy());
            let cause = part.source().map(|cause| format!(" ({})", chain(cause)));
            return words.join(": ") + &cause.unwrap_or_default();
        }
    }
    words.join(": ")
}
