//! Where every request to GitHub waits its turn: the asynchronous side of `quota`, which decides.
//!
//! One [`Governor`] per process, one gate per credential, whoever asks for it: two pacers of one credential would each
//! believe to be alone. It refuses to know what a request is for, and how it is sent.
//!
//! Waits end early: every answer, every place given back and every new arrival re-plans all of them. They count on the
//! runtime's monotonic clock, so that a step of the wall clock moves none. They are cancelled by dropping, and so is a
//! [`Pass`], which gives its place back.

mod alarm;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use quota::{CredentialQuota, Desk, ItemId, Lane, Reservation, Settings, Ticket};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::clock::Clock;
use alarm::Alarms;
pub use quota::desk::{WaitTotal, Waiting};
pub use quota::{Ask, Seen};

/// Holds what is known of every credential of the process.
pub struct Governor {
    clock: Clock,
    settings: Settings,
    gates: Mutex<BTreeMap<String, Arc<Shared>>>,
    refusals: Arc<Notify>,
}

/// The way past the limits of one credential. Cheap to clone; all clones share one knowledge.
#[derive(Clone)]
pub struct Gate {
    shared: Arc<Shared>,
}

/// Leave to send one request. Given to [`Gate::observe`] with what came of it; dropped if it was not sent after all, or,
/// once it is [`sent`](Pass::sent), if nothing will be heard of it.
#[must_use = "a request is sent only while its pass is held"]
pub struct Pass {
    shared: Arc<Shared>,
    reservation: Option<Reservation>,
    sent: Option<Instant>,
}

/// Leave to begin an item. What its requests will cost, as far as that was expected, is set aside until this is dropped,
/// when the item has ended.
#[must_use = "an item's requests are paid for only while its pass is held"]
pub struct ItemPass {
    shared: Arc<Shared>,
    item: ItemId,
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

struct Shared {
    credential: String,
    /// Never steps, unlike the clock that it was made from.
    clock: Clock,
    counter: Mutex<Counter>,
    refusals: Arc<Notify>,
}

/// The desk and those who stand before it.
struct Counter {
    desk: Desk,
    alarms: Alarms,
}

/// One moment by both clocks: what `quota` reckons with, and what the runtime sleeps by.
#[derive(Clone, Copy, Debug)]
struct Moment {
    now: Timestamp,
    instant: Instant,
}

impl Governor {
    /// A governor that knows of no credential yet.
    pub fn new(clock: Clock, settings: Settings) -> Arc<Governor> {
        Arc::new(Governor {
            clock: clock.steady(),
            settings,
            gates: Mutex::default(),
            refusals: Arc::default(),
        })
    }

    /// The gate of a credential, by its name.
    pub fn gate(&self, credential: &str) -> Gate {
        let mut gates = lock(&self.gates);
        let shared = gates.entry(credential.to_owned()).or_insert_with(|| {
            Arc::new(Shared {
                credential: credential.to_owned(),
                clock: self.clock,
                counter: Mutex::new(Counter {
                    desk: Desk::new(self.settings.clone()),
                    alarms: Alarms::default(),
                }),
                refusals: self.refusals.clone(),
            })
        });
        Gate {
            shared: shared.clone(),
        }
    }

    /// The gates of all credentials that are known, with their names.
    pub fn gates(&self) -> impl Iterator<Item = (String, Gate)> + use<> {
        lock(&self.gates)
            .clone()
            .into_iter()
            .map(|(name, shared)| (name, Gate { shared }))
    }

    /// Waits until a refusal has closed a credential since the last time that this was waited for: whoever tells others of it
    /// can do so at once. For one who waits at a time.
    pub async fn refused(&self) {
        self.refusals.notified().await;
    }

    /// The standing of every credential, by name.
    pub fn report(&self) -> Vec<CredentialReport> {
        self.gates().map(|(_, gate)| gate.report()).collect()
    }
}

impl Gate {
    /// Waits until a request of `lane` may go. Within a lane, organisations take turns, and so do the repositories of each;
    /// one repository's requests go by deadline and then in the order of their arrival. Dropping the future leaves the
    /// queue.
    pub async fn admit(&self, lane: Lane, ask: Ask) -> Pass {
        let notify = Arc::new(Notify::new());
        let ticket = self.shared.change(|counter, moment| {
            let ticket = counter.desk.arrive(lane, ask, moment.now);
            counter.alarms.set(ticket, notify.clone());
            ticket
        });
        let place = Place {
            shared: &self.shared,
            ticket,
        };
        loop {
            let wake = {
                let mut counter = self.shared.counter();
                if let Some(reservation) = counter.desk.collect(place.ticket) {
                    return Pass {
                        shared: self.shared.clone(),
                        reservation: Some(reservation),
                        sent: None,
                    };
                }
                counter.wake(place.ticket)
            };
            tokio::select! {
                () = notify.notified() => {}
                () = until(wake) => self.shared.change(|_, _| {}),
            }
        }
    }

    /// Waits until an item of `lane` may begin, with the turns and the order of requests. Its requests are still admitted
    /// one by one, [`within`](Ask::within) it, and wait for nothing but what all of them wait for. Dropping the future
    /// leaves the queue.
    pub async fn item(&self, lane: Lane, ask: Ask) -> ItemPass {
        let mut pass = self.admit(lane, Ask { points: 0, ..ask }).await;
        let reservation = pass.reservation.take().expect("it was just admitted");
        let item = self.with_quota(|quota, _| quota.begin(reservation));
        ItemPass {
            shared: self.shared.clone(),
            item,
        }
    }

    /// Takes what came of a request, failures included, at the moment it came, and re-plans what waits.
    pub fn observe(&self, mut pass: Pass, seen: Seen) {
        let Some(reservation) = pass.reservation.take() else {
            return;
        };
        let shared = pass.shared.clone();
        let closed =
            shared.change(|counter, moment| counter.desk.settle(reservation, &seen, moment.now));
        if let Some(until) = closed {
            shared.refusals.notify_one();
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
        self.with_quota(|quota, now| quota.close(until, now));
    }

    /// Asks or tells what is known of the credential, at the time that is given along, and re-plans what waits. Everybody
    /// else waits meanwhile, so `f` is quick.
    pub fn with_quota<T>(&self, f: impl FnOnce(&mut CredentialQuota, Timestamp) -> T) -> T {
        self.shared
            .change(|counter, moment| f(counter.desk.quota_mut(), moment.now))
    }

    /// The name of the credential.
    pub fn credential(&self) -> &str {
        &self.shared.credential
    }

    /// The standing of the credential.
    pub fn report(&self) -> CredentialReport {
        let now = self.shared.clock.now();
        let desk = &self.shared.counter().desk;
        CredentialReport {
            credential: self.shared.credential.clone(),
            quota: desk.quota().report(now),
            waits: desk.waits(),
            waiting: desk.waiting(),
        }
    }
}

impl Pass {
    /// Whether the request may still be sent. To be asked last before sending, where something took time after
    /// [`admit`](Gate::admit): a limit may have closed the credential since.
    pub fn is_open(&self) -> bool {
        let now = self.shared.clock.now();
        let counter = self.shared.counter();
        self.reservation
            .as_ref()
            .is_some_and(|reservation| counter.desk.quota().is_open(reservation, now))
    }

    /// The request is on its way from now on. If its sender goes away before the answer, it has cost what was expected.
    pub fn sent(&mut self) {
        self.sent = Some(Instant::now());
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let Some(reservation) = self.reservation.take() else {
            return;
        };
        let unanswered = self.sent.map(|sent| Seen {
            took: sent.elapsed(),
            ..Seen::default()
        });
        self.shared.change(|counter, moment| match &unanswered {
            Some(seen) => drop(counter.desk.settle(reservation, seen, moment.now)),
            None => counter.desk.refund(reservation, moment.now),
        });
    }
}

impl ItemPass {
    /// What its requests are sent [`within`](Ask::within).
    pub fn id(&self) -> ItemId {
        self.item
    }
}

impl Drop for ItemPass {
    fn drop(&mut self) {
        self.shared
            .change(|counter, _| counter.desk.quota_mut().end(self.item));
    }
}

impl Shared {
    fn counter(&self) -> MutexGuard<'_, Counter> {
        lock(&self.counter)
    }

    fn moment(&self) -> Moment {
        Moment {
            now: self.clock.now(),
            instant: Instant::now(),
        }
    }

    /// Changes something, and lets through whoever may go for it.
    fn change<T>(&self, change: impl FnOnce(&mut Counter, Moment) -> T) -> T {
        let moment = self.moment();
        let mut counter = self.counter();
        let result = change(&mut counter, moment);
        counter.dispatch(moment);
        result
    }
}

impl Counter {
    /// Lets through whoever may go, and wakes those for whom something has changed.
    fn dispatch(&mut self, moment: Moment) {
        self.desk.dispatch(moment.now);
        while let Some(ticket) = self.desk.news() {
            self.alarms.ring(ticket, self.desk.plan(ticket), moment);
        }
    }

    /// When a waiting request has to call [`dispatch`](Counter::dispatch) itself; only the head of a line does.
    fn wake(&self, ticket: Ticket) -> Option<Instant> {
        self.desk.plan(ticket)?;
        self.alarms.wake(ticket)
    }
}

/// A place in a queue, left when the future that waits is dropped.
struct Place<'a> {
    shared: &'a Shared,
    ticket: Ticket,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let moment = self.shared.moment();
        let mut counter = self.shared.counter();
        counter.alarms.unset(self.ticket);
        if counter.desk.leave(self.ticket, moment.now) {
            counter.dispatch(moment);
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

impl std::fmt::Debug for ItemPass {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ItemPass")
            .field("item", &self.item)
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
