//! Says aloud when the board is lost and when it is back: one line in the log for each, and the node's health.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use backends::sqlite::OpenError;
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
        self.is_lost(doing, chain(error), remedy(error));
    }

    /// This is not answered.
    pub(super) fn hangs(&self, doing: Doing) {
        let text = "the coordination file does not answer".to_owned();
        self.is_lost(doing, text, None);
    }

    fn is_lost(&self, doing: Doing, text: String, remedy: Option<String>) {
        let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        if wrong.is_empty() {
            tracing::warn!(
                error = text,
                remedy,
                "coordination is lost; until it is back this process keeps to the part of each quota that it last had a right to"
            );
        }
        let now = self.clock.now();
        self.health
            .failed(&Component::Coordination, text.clone(), now);
        wrong.insert(doing, text);
    }
}

/// What to do about it, where the file says so.
fn remedy(error: &port::Error) -> Option<String> {
    let mut files =
        anyhow::Chain::new(error).filter_map(<dyn std::error::Error>::downcast_ref::<OpenError>);
    files.next().map(OpenError::remedy)
}
