//! Takes tasks from the queue and fills the gaps they name. Decides what each outcome means for the message and for the gap;
//! refuses to know how a gap is read.
//!
//! The gap in the store is the truth: a message whose gap is filled, held by another or gone is done with, and a message that
//! is lost costs time and nothing else.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use github::Clock;
use jiff::{SignedDuration, Timestamp};
use ledger::port::activity::{Claim, Claimed, Ending, RepoView};
use ledger::port::queue::{Delivery, Task};
use ledger::port::{self, Activity, BackfillQueue};
use tokio::sync::Notify;
use tokio::time::interval;
use tokio_util::sync::CancellationToken;

use super::scrape::{Filling, Scrape, chain};
use crate::export::NodeCounts;
use crate::health::{Component, Health};

/// A claim that is not renewed is free after this. Renewed each third of it.
const HOLD: SignedDuration = SignedDuration::from_mins(3);

/// The pause before the queue is asked again after it could not be reached.
const QUEUE_PAUSE: Duration = Duration::from_secs(2);

/// When a gap that could not be filled is tried again, and which messages are too old.
#[derive(Debug, Clone)]
pub(crate) struct Patience {
    /// The pauses after the first, second, … failed attempt. After the last one the gap is stuck.
    pub(crate) delays: Vec<Duration>,
    /// A message older than this is dropped: its gap remains, and is dispatched anew.
    pub(crate) max_message_age: Duration,
}

/// Works on tasks. Clones share everything.
#[derive(Clone)]
pub(crate) struct Backfill {
    pub(crate) scrapes: Arc<HashMap<String, Arc<Scrape>>>,
    pub(crate) store: Arc<dyn Activity>,
    pub(crate) queue: Arc<dyn BackfillQueue>,
    pub(crate) clock: Clock,
    /// This worker's node, by name.
    pub(crate) holder: String,
    pub(crate) patience: Patience,
    pub(crate) counts: NodeCounts,
    pub(crate) health: Health,
    /// Told after each gap that was filled, so that what it brought is shown at once.
    pub(crate) after: Arc<Notify>,
}

/// What becomes of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Fate {
    Done,
    PutOff(Duration),
    Bury(String),
}

impl Backfill {
    /// Works until `leave` is cancelled. A task that is under way then is broken off: its gap is free at once, and its
    /// message comes to another.
    pub(crate) async fn run(self, leave: CancellationToken) {
        loop {
            let next = tokio::select! {
                () = leave.cancelled() => return,
                next = self.queue.next() => next,
            };
            let delivery = match next {
                Ok(delivery) => delivery,
                Err(error) => {
                    self.failed(&Component::Queue, &error);
                    tokio::select! {
                        () = leave.cancelled() => return,
                        () = tokio::time::sleep(QUEUE_PAUSE) => continue,
                    }
                }
            };
            self.health.healthy(&Component::Queue, self.clock.now());
            let Some(fate) = self.handle(&delivery, &leave).await else {
                // The node leaves, or the store is out of reach: the message comes again.
                let _ = self
                    .queue
                    .put_off(&delivery, Duration::ZERO, self.clock.now())
                    .await;
                continue;
            };
            if let Err(error) = self.settle(&delivery, &fate).await {
                self.failed(&Component::Queue, &error);
            }
        }
    }

    async fn settle(&self, delivery: &Delivery, fate: &Fate) -> port::Result<()> {
        let now = self.clock.now();
        match fate {
            Fate::Done => self.queue.ack(delivery).await,
            Fate::PutOff(after) => self.queue.put_off(delivery, *after, now).await,
            Fate::Bury(why) => self.queue.bury(delivery, why, now).await,
        }
    }

    /// What is to become of the message; nothing where its task was broken off.
    async fn handle(&self, delivery: &Delivery, leave: &CancellationToken) -> Option<Fate> {
        let Some(task) = &delivery.task else {
            tracing::warn!(
                tag = delivery.tag,
                "a message that is no task goes to the dead letters"
            );
            return Some(Fate::Bury("it cannot be read as a task".to_owned()));
        };
        let now = self.clock.now();
        let age = now.duration_since(task.enqueued_at);
        if age.unsigned_abs() > self.patience.max_message_age && age.is_positive() {
            tracing::info!(org = task.org, repo = %task.repo, "a message that is too old is dropped; its gap remains");
            return Some(Fate::Done);
        }
        let Some(scrape) = self.scrapes.get(&task.org.to_ascii_lowercase()) else {
            // Another node's configuration names the organisation, and this one's does not: another may take it.
            return Some(Fate::PutOff(Duration::from_secs(60)));
        };
        match self.claim(task).await {
            Ok(Claimed::Given { claim, repo }) => {
                self.health.healthy(&Component::State, self.clock.now());
                self.work(scrape, task, claim, &repo, leave).await
            }
            Ok(Claimed::Nothing | Claimed::Held(_) | Claimed::Stuck) => {
                self.counts.processed(&task.org, "needless");
                Some(Fate::Done)
            }
            Ok(Claimed::NotYet(at)) => {
                let wait = at.duration_since(self.clock.now()).unsigned_abs();
                Some(Fate::PutOff(wait))
            }
            Err(error) => {
                self.failed(&Component::State, &error);
                Some(Fate::PutOff(Duration::from_secs(60)))
            }
        }
    }

    async fn claim(&self, task: &Task) -> port::Result<Claimed> {
        let now = self.clock.now();
        self.store
            .claim(
                &task.org,
                task.repo,
                task.stream,
                &self.holder,
                now + HOLD,
                now,
            )
            .await
    }

    /// Fills the gaps, holding the claim meanwhile.
    async fn work(
        &self,
        scrape: &Scrape,
        task: &Task,
        claim: Claim,
        repo: &RepoView,
        leave: &CancellationToken,
    ) -> Option<Fate> {
        let filled = tokio::select! {
            () = leave.cancelled() => {
                let _ = self.store.end(&claim, Ending::Abandoned, self.clock.now()).await;
                return None;
            }
            lost = self.keep(&claim) => Err(lost),
            filled = scrape.fill(&claim, repo) => filled,
        };
        let now = self.clock.now();
        let attempts = repo
            .stream(claim.stream)
            .map_or(0, |view| view.backfill.attempts);
        let (ending, fate, result) = match filled {
            Ok(Filling::Filled) => (Ending::Filled, Fate::Done, "filled"),
            Ok(Filling::Unavailable(why)) => {
                tracing::warn!(org = task.org, repo = repo.name, stream = %task.stream, why, "cannot be read and will be tried again in a day");
                (Ending::Filled, Fate::Done, "unavailable")
            }
            Ok(Filling::Failed(error)) => self.after_failure(task, repo, attempts, error, now),
            Err(error) if error.is_lost() => {
                tracing::info!(org = task.org, repo = repo.name, stream = %task.stream, "another has taken over the gaps");
                self.counts.processed(&task.org, "lost");
                return Some(Fate::Done);
            }
            Err(error) => {
                self.failed(&Component::State, &error);
                let _ = self.store.end(&claim, Ending::Abandoned, now).await;
                return Some(Fate::PutOff(Duration::from_secs(60)));
            }
        };
        if let Err(error) = self.store.end(&claim, ending, now).await {
            // The claim passes by itself, and the next attempt finds out what was read.
            self.failed(&Component::State, &error);
        }
        self.counts.processed(&task.org, result);
        if result == "filled" {
            tracing::info!(
                org = task.org, repo = repo.name, stream = %task.stream, reason = %task.reason,
                from = %task.window.start(), to = %task.window.end(), "a gap is filled"
            );
            self.after.notify_one();
        }
        Some(fate)
    }

    fn after_failure(
        &self,
        task: &Task,
        repo: &RepoView,
        attempts: u32,
        error: String,
        now: Timestamp,
    ) -> (Ending, Fate, &'static str) {
        let delay = self.patience.delays.get(attempts as usize).copied();
        tracing::warn!(
            org = task.org, repo = repo.name, stream = %task.stream, error, attempt = attempts + 1,
            again_in_seconds = delay.map(|delay| delay.as_secs()), "a gap could not be filled"
        );
        let next_attempt = delay.map(|delay| {
            let delay = SignedDuration::try_from(delay).unwrap_or(SignedDuration::MAX);
            now.checked_add(delay).unwrap_or(Timestamp::MAX)
        });
        let fate = match next_attempt {
            // The leader dispatches it anew when it is due.
            Some(_) => Fate::Done,
            None => Fate::Bury(error.clone()),
        };
        let result = if next_attempt.is_some() {
            "failed"
        } else {
            "stuck"
        };
        (
            Ending::Failed {
                error,
                next_attempt,
            },
            fate,
            result,
        )
    }

    /// Renews the claim; ends only if it is lost.
    async fn keep(&self, claim: &Claim) -> port::Error {
        let mut ticks = interval(HOLD.unsigned_abs() / 3);
        ticks.tick().await;
        loop {
            ticks.tick().await;
            match self.store.hold(claim, self.clock.now() + HOLD).await {
                Ok(true) => {}
                Ok(false) => return port::Error::Lost(claim.token),
                // Whether it is lost shows with what is recorded.
                Err(error) => tracing::debug!(%error, "a claim could not be renewed"),
            }
        }
    }

    fn failed(&self, part: &Component, error: &port::Error) {
        let text = chain(error);
        tracing::warn!(error = text, "backfill: {}", part.name());
        self.health.failed(part, text, self.clock.now());
    }
}
