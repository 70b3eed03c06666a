//! Where every request to GitHub waits its turn: the asynchronous side of `quota`, which decides.
//!
//! One [`Governor`] per process, one gate per credential, whoever asks for it: two pacers of one credential would each
//! believe to be alone. It refuses to know what a request is for, and how it is sent.
//!
//! Waits end early: every answer, every place given back and every new arrival re-plans all of them. They count on the
//! runtime's monotonic clock, so that a step of the wall clock moves none. They are cancelled by dropping, and so is a
//! [`Pass`], which gives its place back.

mod desk;
mod queue;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use quota::{Lane, Reservation, Resource, Settings, WaitReason};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::clock::Clock;
use desk::{Desk, Moment};
use queue::Turn;
pub use quota::{Ask, Seen};

/// Holds what is known of every credential of the process.
pub struct Governor {
    clock: Clock,
    settings: Settings,
    desks: Mutex<BTreeMap<String, Arc<Shared>>>,
}

/// The way past the limits of one credential. Cheap to clone; all clones share one knowledge.
#[derive(Clone)]
pub struct Gate {
    shared: Arc<Shared>,
}

/// Leave to send one request. Given to [`Gate::observe`] with what came of it; dropped if it was not sent after all, or
/// if nothing will be heard of it.
#[must_use = "a request is sent only while its pass is held"]
pub struct Pass {
    shared: Arc<Shared>,
    reservation: Option<Reservation>,
}

/// The standing of one credential, for metrics and people.
#[derive(Clone, Debug, PartialEq)]
pub struct CredentialReport {
    /// Its name.
    pub credential: String,
    /// Buckets, block, rate and refusals.
    pub quota: quota::Report,
    /// Waits that have ended since the start, by lane and by what they last waited for.
    pub waits: Vec<WaitTotal>,
    /// What waits now.
    pub waiting: Vec<Waiting>,
}

/// Waits that have ended. A request that went at once has not waited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitTotal {
    /// The lane.
    pub lane: Lane,
    /// What it waited for.
    pub reason: WaitReason,
    /// How many.
    pub count: u64,
    /// How long, together.
    pub time: Duration,
}

/// Requests that wait now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// The lane.
    pub lane: Lane,
    /// The bucket that is to pay.
    pub resource: Resource,
    /// How many.
    pub requests: usize,
    /// What the first of them waits for.
    pub reason: WaitReason,
    /// Until when, by GitHub's clock; none where it is for an answer.
    pub until: Option<Timestamp>,
}

struct Shared {
    credential: String,
    /// Never steps, unlike the clock that it was made from.
    clock: Clock,
    desk: Mutex<Desk>,
}

impl Governor {
    /// A governor that knows of no credential yet.
    pub fn new(clock: Clock, settings: Settings) -> Arc<Governor> {
        Arc::new(Governor {
            clock: clock.steady(),
            settings,
            desks: Mutex::default(),
        })
    }

    /// The gate of a credential, by its name.
    pub fn gate(&self, credential: &str) -> Gate {
        let mut desks = lock(&self.desks);
        let shared = desks.entry(credential.to_owned()).or_insert_with(|| {
            let desk = Mutex::new(Desk::new(self.settings.clone()));
            Arc::new(Shared {
                credential: credential.to_owned(),
                clock: self.clock,
                desk,
            })
        });
        Gate {
            shared: shared.clone(),
        }
    }

    /// The standing of every credential, by name.
    pub fn report(&self) -> Vec<CredentialReport> {
        let desks: Vec<_> = lock(&self.desks).values().cloned().collect();
        desks.iter().map(|shared| shared.report()).collect()
    }
}

impl Gate {
    /// Waits until a request of `lane` may go. Within a lane, organisations take turns, and each one's requests go in the
    /// order of their arrival. Dropping the future leaves the queue.
    pub async fn admit(&self, lane: Lane, ask: Ask) -> Pass {
        let notify = Arc::new(Notify::new());
        let turn = {
            let moment = self.shared.moment();
            let mut desk = self.shared.desk();
            let turn = desk.arrive(lane, ask, notify.clone(), moment);
            desk.dispatch(moment);
            turn
        };
        let place = Place {
            shared: &self.shared,
            turn,
        };
        loop {
            let wake = {
                let mut desk = self.shared.desk();
                if let Some(reservation) = desk.collect(&place.turn) {
                    return Pass {
                        shared: self.shared.clone(),
                        reservation: Some(reservation),
                    };
                }
                desk.wake(&place.turn)
            };
            tokio::select! {
                () = notify.notified() => {}
                () = until(wake) => self.shared.dispatch(),
            }
        }
    }

    /// Takes what came of a request, failures included, at the moment it came, and re-plans what waits.
    pub fn observe(&self, mut pass: Pass, seen: Seen) {
        let Some(reservation) = pass.reservation.take() else {
            return;
        };
        let shared = pass.shared.clone();
        let moment = shared.moment();
        let closed = {
            let mut desk = shared.desk();
            let closed = desk.settle(reservation, &seen, moment);
            desk.dispatch(moment);
            closed
        };
        if let Some(until) = closed {
            let limit = if seen.refusal.is_some_and(|refusal| refusal.is_secondary()) {
                "secondary"
            } else {
                "primary"
            };
            tracing::warn!(credential = shared.credential, limit, %until, "GitHub refused a request; credential closed");
        }
    }

    /// Closes the credential until `until`, by GitHub's clock: a block that an earlier run or another process has met.
    pub fn close(&self, until: Timestamp) {
        self.shared.desk().close(until);
        self.shared.dispatch();
    }

    /// The name of the credential.
    pub fn credential(&self) -> &str {
        &self.shared.credential
    }

    /// The standing of the credential.
    pub fn report(&self) -> CredentialReport {
        self.shared.report()
    }
}

impl Pass {
    /// Whether the request may still be sent. To be asked last before sending, where something took time after
    /// [`admit`](Gate::admit): a limit may have closed the credential since.
    pub fn is_open(&self) -> bool {
        let now = self.shared.clock.now();
        self.reservation
            .as_ref()
            .is_some_and(|reservation| self.shared.desk().is_open(reservation, now))
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if let Some(reservation) = self.reservation.take() {
            let moment = self.shared.moment();
            let mut desk = self.shared.desk();
            desk.refund(reservation, moment);
            desk.dispatch(moment);
        }
    }
}

impl Shared {
    fn desk(&self) -> MutexGuard<'_, Desk> {
        lock(&self.desk)
    }

    fn moment(&self) -> Moment {
        Moment {
            now: self.clock.now(),
            instant: Instant::now(),
        }
    }

    fn dispatch(&self) {
        let moment = self.moment();
        self.desk().dispatch(moment);
    }

    fn report(&self) -> CredentialReport {
        self.desk().report(&self.credential, self.clock.now())
    }
}

/// A place in a queue, left when the future that waits is dropped.
struct Place<'a> {
    shared: &'a Shared,
    turn: Turn,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let moment = self.shared.moment();
        let mut desk = self.shared.desk();
        if desk.leave(&self.turn, moment) {
            desk.dispatch(moment);
        }
    }
}

impl std::fmt::Debug for Governor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Governor")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gate")
            .field("credential", &self.shared.credential)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Pass {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pass")
            .field("reservation", &self.reservation)
            .finish_non_exhaustive()
    }
}

async fn until(wake: Option<Instant>) {
    match wake {
        Some(wake) => tokio::time::sleep_until(wake).await,
        None => std::future::pending().await,
    }
}

/// Numbers stay usable when a thread that held them has panicked.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
