//! Turns an organisation's gaps into tasks for the queue. Decides how many a minute; which gaps are due is the store's to
//! say, and a gap is the truth: what the queue loses is dispatched again once it has been silent for a while.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use github::Clock;
use jiff::{SignedDuration, Timestamp};
use ledger::port::queue::Task;
use ledger::port::{self, Activity, BackfillQueue, Term};

use crate::export::NodeCounts;

/// At most so many tasks of one organisation in a minute. What is over stays a gap, and comes with a later pass.
pub(crate) const MOST_A_MINUTE: usize = 100;

const MINUTE: SignedDuration = SignedDuration::from_mins(1);

/// Dispatches the gaps of one organisation.
pub(crate) struct Dispatch {
    pub(crate) org: String,
    pub(crate) store: Arc<dyn Activity>,
    pub(crate) queue: Arc<dyn BackfillQueue>,
    pub(crate) term: Term,
    pub(crate) clock: Clock,
    /// A gap whose task has been silent for so long is dispatched again.
    pub(crate) silence: Duration,
    pub(crate) counts: NodeCounts,
    /// When the tasks of the last minute were dispatched.
    pub(crate) lately: VecDeque<Timestamp>,
}

impl Dispatch {
    /// One pass. A crash between the queue's confirmation and the store's note makes a message come twice, which the claim
    /// finds out.
    ///
    /// # Errors
    ///
    /// The store's, and the queue's: what was dispatched before it is noted.
    pub(crate) async fn pass(&mut self) -> port::Result<()> {
        let now = self.clock.now();
        let fresh = |at: &Timestamp| now.duration_since(*at) < MINUTE;
        while self.lately.front().is_some_and(|at| !fresh(at)) {
            self.lately.pop_front();
        }
        let room = MOST_A_MINUTE.saturating_sub(self.lately.len());
        let silence = SignedDuration::try_from(self.silence).unwrap_or(SignedDuration::MAX);
        let silent_since = now.checked_sub(silence).unwrap_or(Timestamp::MIN);
        let found = self.store.due(&self.org, silent_since, now, room).await?;
        self.counts.under_way(&self.org, found.under_way);
        self.counts.deferred(&self.org, found.deferred);
        let mut sent = Vec::new();
        let mut outcome = Ok(());
        for due in found.due {
            let task = Task {
                org: self.org.clone(),
                repo: due.repo,
                stream: due.stream,
                window: due.window,
                reason: due.reason,
                attempts: due.attempts,
                enqueued_at: now,
            };
            outcome = self.queue.publish(&task, now).await;
            if outcome.is_err() {
                break;
            }
            self.counts.enqueued(&self.org, due.reason);
            self.lately.push_back(now);
            sent.push((due.repo, due.stream));
        }
        if !sent.is_empty() {
            self.store
                .dispatched(self.term, &self.org, &sent, now)
                .await?;
        }
        outcome
    }
}
