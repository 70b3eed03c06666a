//! What the roles of a node count, for `/metrics/node`. Decides nothing; whoever does the work says what it did.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ledger::coverage::GapReason;
use ledger::port::activity::Recorded;

/// Counts since the start of the process. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct NodeCounts(Arc<Mutex<Counted>>);

#[derive(Debug, Default)]
pub(super) struct Counted {
    pub(super) enqueued: BTreeMap<(String, GapReason), u64>,
    pub(super) deduplicated: BTreeMap<String, u64>,
    pub(super) deferred: BTreeMap<String, u64>,
    pub(super) processed: BTreeMap<(String, &'static str), u64>,
    pub(super) queues: BTreeMap<&'static str, QueueState>,
    pub(super) writes: BTreeMap<(Source, Written), u64>,
}

/// A queue as it was last seen.
#[derive(Clone, Copy, Debug, Default)]
pub struct QueueState {
    /// Messages that wait.
    pub depth: Option<u64>,
    /// Since when the oldest of them waits; zero where none does.
    pub oldest: Option<Duration>,
}

/// What sends facts to the store.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Source {
    /// The leader's cycles.
    Scrape,
    /// The filling of gaps.
    Backfill,
}

impl Source {
    /// Every source.
    pub const ALL: [Source; 2] = [Source::Scrape, Source::Backfill];

    /// The word of the label.
    pub fn as_str(self) -> &'static str {
        match self {
            Source::Scrape => "scrape",
            Source::Backfill => "backfill",
        }
    }
}

/// What became of a fact that was sent to the store, or of the writing of several.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Written {
    /// It was new.
    Inserted,
    /// It was known and changed.
    Updated,
    /// It was taken back.
    Retracted,
    /// It lies outside of what is tracked.
    Outside,
    /// The write was refused, because another leads or has the claim by now.
    Refused,
    /// The write failed.
    Failed,
}

impl Written {
    /// Every result.
    pub const ALL: [Written; 6] = [
        Written::Inserted,
        Written::Updated,
        Written::Retracted,
        Written::Outside,
        Written::Refused,
        Written::Failed,
    ];

    /// The word of the label.
    pub fn as_str(self) -> &'static str {
        match self {
            Written::Inserted => "inserted",
            Written::Updated => "updated",
            Written::Retracted => "retracted",
            Written::Outside => "outside",
            Written::Refused => "refused",
            Written::Failed => "failed",
        }
    }
}

impl NodeCounts {
    /// What can come of a task, in words: its gaps were read; they cannot be read for good; they could not be read and are
    /// tried again, or not any more; another took them over; there was nothing to do.
    pub const RESULTS: [&'static str; 6] = [
        "filled",
        "unavailable",
        "failed",
        "stuck",
        "lost",
        "needless",
    ];

    /// A backfill task was put into the queue.
    pub fn enqueued(&self, org: &str, reason: GapReason) {
        let mut counted = self.counted();
        *counted
            .enqueued
            .entry((org.to_owned(), reason))
            .or_default() += 1;
    }

    /// So many were not, because they were under way already.
    pub fn under_way(&self, org: &str, tasks: u64) {
        let mut counted = self.counted();
        *counted.deduplicated.entry(org.to_owned()).or_default() += tasks;
    }

    /// So many have to wait for a later pass, because of the bound per organisation and minute.
    pub fn deferred(&self, org: &str, tasks: u64) {
        *self.counted().deferred.entry(org.to_owned()).or_default() += tasks;
    }

    /// A task was dealt with: one of [`NodeCounts::RESULTS`].
    pub fn processed(&self, org: &str, result: &'static str) {
        let mut counted = self.counted();
        *counted
            .processed
            .entry((org.to_owned(), result))
            .or_default() += 1;
    }

    /// A queue was looked at. What is not known is not shown.
    pub fn queue(&self, name: &'static str, state: QueueState) {
        self.counted().queues.insert(name, state);
    }

    /// Facts were sent to the store.
    pub fn recorded(&self, source: Source, recorded: &Recorded) {
        let Recorded {
            inserted,
            updated,
            retracted,
            outside,
        } = *recorded;
        let mut counted = self.counted();
        for (result, facts) in [
            (Written::Inserted, inserted),
            (Written::Updated, updated),
            (Written::Retracted, retracted),
            (Written::Outside, outside),
        ] {
            *counted.writes.entry((source, result)).or_default() += facts;
        }
    }

    /// A write was refused or failed.
    pub fn not_written(&self, source: Source, result: Written) {
        *self.counted().writes.entry((source, result)).or_default() += 1;
    }

    pub(super) fn counted(&self) -> MutexGuard<'_, Counted> {
        // Every change is one addition: a panic in between leaves nothing torn.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
