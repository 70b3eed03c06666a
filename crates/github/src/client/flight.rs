//! Decides which requests are one: equal GETs under way at the same time share one answer.
//!
//! Everybody arrives with a [`Seat`] and waits for leave at the gate in their own lane. Whoever is let through first takes
//! off with a [`Flight`]; the others find it in the air, give their leave back and wait for the answer. So nothing urgent
//! ever waits behind something late that waits at the gate, and what waits there is served by whoever went before it.
//!
//! An answer may be from before the change that a webhook tells of. So what is urgent takes no answer to a request that
//! had been sent when it arrived; what is late takes any. Only whole successes are shared. A flight that ends without one
//! leaves the others to go on by themselves, and a place ends with the future that holds it: nothing is remembered of
//! requests that are over, and there are never more entries than requests under way.
//!
//! It refuses to know what the gate, the network and the answer are.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::Method;
use quota::Lane;
use tokio::sync::Notify;

use crate::request::{Request, Response, Signer, Target};

/// Waits for flights that ended without an answer (their senders went away, or a limit refused them) before a request no
/// longer relies on others.
const MOST_IN_VAIN: u32 = 3;

/// What equal requests of one client have in common.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    path: String,
    conditional: bool,
    signer: Signer,
}

impl Key {
    /// Only what is read by GET is shared.
    fn of(request: &Request) -> Option<Arc<Key>> {
        match &request.target {
            Target::Rest(path) if request.method == Method::GET => Some(Arc::new(Key {
                path: path.clone(),
                conditional: request.conditional,
                signer: request.signer,
            })),
            Target::Rest(_) | Target::GraphQl => None,
        }
    }
}

/// The requests of one client that are under way.
#[derive(Debug, Default)]
pub(super) struct Flights {
    air: Arc<Mutex<Air>>,
}

#[derive(Debug, Default)]
struct Air {
    /// Counts arrivals and departures, so that of two of them it can be said which was earlier.
    moment: u64,
    routes: HashMap<Arc<Key>, Route>,
}

/// Everything about one key.
#[derive(Debug, Default)]
struct Route {
    /// The moments at which flights took off that have not ended.
    in_the_air: Vec<u64>,
    seats: BTreeMap<u64, Waiting>,
}

#[derive(Debug)]
struct Waiting {
    /// Only flights that took off later may serve it.
    after: u64,
    /// The flight that it waits for instead of going itself.
    joined: Option<u64>,
    in_vain: u32,
    /// It goes itself, whoever is in the air.
    alone: bool,
    answer: Option<Arc<Response>>,
    news: Arc<Notify>,
}

/// One request from its arrival to its answer. Dropped, it leaves nothing behind.
#[derive(Debug)]
pub(super) struct Seat {
    place: Option<Place>,
}

/// Where a seat or a flight is entered.
#[derive(Debug, Clone)]
struct Place {
    air: Arc<Mutex<Air>>,
    key: Arc<Key>,
    seat: u64,
    news: Arc<Notify>,
}

/// A request that is being sent. Dropped without an answer, it sends the others their own ways.
#[derive(Debug)]
pub(super) struct Flight {
    place: Option<Place>,
    took_off: u64,
    end: End,
}

/// How a flight ends.
#[derive(Debug)]
enum End {
    /// Nobody can tell what GitHub would have answered.
    Unanswered,
    /// GitHub was asked, and it was no success.
    Failed,
    Whole(Arc<Response>),
}

impl Flights {
    /// A request arrives.
    pub(super) fn arrive(&self, request: &Request, lane: Lane) -> Seat {
        let mut air = lock(&self.air);
        let now = air.tick();
        let after = if is_urgent(lane) { now } else { 0 };
        let place = Key::of(request).map(|key| air.enter(&self.air, key, after));
        Seat { place }
    }

    /// Keys of which something is remembered.
    #[cfg(test)]
    fn len(&self) -> usize {
        lock(&self.air).routes.len()
    }
}

impl Seat {
    /// Waits for a request that is in the air and whose answer may serve this one. `None` at once where there is none, and
    /// later where it ended without one.
    pub(super) async fn join(&self) -> Option<Arc<Response>> {
        let place = self.place.as_ref()?;
        let mut is_joined = false;
        loop {
            {
                let mut air = place.lock();
                let route = air.routes.get_mut(&place.key)?;
                let newest = route.newest_for(place.seat);
                let waiting = route.seats.get_mut(&place.seat)?;
                if waiting.answer.is_some() {
                    return waiting.answer.take();
                }
                if waiting.joined.is_none() {
                    if is_joined || newest.is_none() {
                        return None;
                    }
                    waiting.joined = newest;
                    is_joined = true;
                }
            }
            place.news.notified().await;
        }
    }

    /// Waits for somebody else's answer, for as long as that takes.
    pub(super) async fn answer(&self) -> Arc<Response> {
        let Some(place) = &self.place else {
            return std::future::pending().await;
        };
        loop {
            if let Some(answer) = place.take_answer() {
                return answer;
            }
            place.news.notified().await;
        }
    }

    /// The request is about to be sent. `None` where that is not needed any more: [`join`](Seat::join) then has the answer,
    /// or somebody to wait for.
    pub(super) fn take_off(&self) -> Option<Flight> {
        let Some(place) = &self.place else {
            return Some(Flight {
                place: None,
                took_off: 0,
                end: End::Unanswered,
            });
        };
        let mut air = place.lock();
        let took_off = air.tick();
        let route = air.routes.get_mut(&place.key)?;
        let is_served = route.seats.get(&place.seat)?.answer.is_some();
        if is_served || route.newest_for(place.seat).is_some() {
            return None;
        }
        route.in_the_air.push(took_off);
        Some(Flight {
            place: Some(place.clone()),
            took_off,
            end: End::Unanswered,
        })
    }

    /// The same arrival, now for what another address holds.
    pub(super) fn moved_to(self, request: &Request) -> Seat {
        let Some(place) = &self.place else {
            return self;
        };
        let mut air = place.lock();
        let known = air.routes.get(&place.key);
        let after = known
            .and_then(|route| Some(route.seats.get(&place.seat)?.after))
            .unwrap_or(u64::MAX);
        let moved = Key::of(request).map(|key| air.enter(&place.air, key, after));
        drop(air);
        Seat { place: moved }
    }
}

impl Flight {
    /// GitHub's answer is whole and a success: whoever it may serve has it.
    pub(super) fn land(mut self, response: &Response) {
        if self.place.is_some() {
            self.end = End::Whole(Arc::new(response.clone()));
        }
    }

    /// It is no success. The others ask themselves, and do not wait for each other again: what fails one may fail them all,
    /// one after the other.
    pub(super) fn fail(mut self) {
        self.end = End::Failed;
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        let Some(place) = &self.place else {
            return;
        };
        let mut air = place.lock();
        if let Some(route) = air.routes.get_mut(&place.key) {
            route.end(self.took_off, place.seat, &self.end);
        }
        air.tidy(&place.key);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let Some(place) = &self.place else {
            return;
        };
        let mut air = place.lock();
        if let Some(route) = air.routes.get_mut(&place.key) {
            route.seats.remove(&place.seat);
        }
        air.tidy(&place.key);
    }
}

impl Air {
    fn tick(&mut self) -> u64 {
        self.moment += 1;
        self.moment
    }

    fn enter(&mut self, air: &Arc<Mutex<Air>>, key: Arc<Key>, after: u64) -> Place {
        let (seat, news) = (self.tick(), Arc::new(Notify::new()));
        let waiting = Waiting {
            after,
            joined: None,
            in_vain: 0,
            alone: false,
            answer: None,
            news: news.clone(),
        };
        let route = self.routes.entry(key.clone()).or_default();
        route.seats.insert(seat, waiting);
        Place {
            air: air.clone(),
            key,
            seat,
            news,
        }
    }

    fn tidy(&mut self, key: &Arc<Key>) {
        let is_over = |route: &Route| route.seats.is_empty() && route.in_the_air.is_empty();
        if self.routes.get(key).is_some_and(is_over) {
            self.routes.remove(key);
        }
    }
}

impl Route {
    /// The latest flight whose answer may serve a seat that relies on others.
    fn newest_for(&self, seat: u64) -> Option<u64> {
        let waiting = self.seats.get(&seat).filter(|waiting| !waiting.alone)?;
        let newest = self.in_the_air.iter().max().copied()?;
        waiting.may_take(newest).then_some(newest)
    }

    fn end(&mut self, took_off: u64, sender: u64, end: &End) {
        self.in_the_air.retain(|flight| *flight != took_off);
        let others = self.seats.iter_mut().filter(|(seat, _)| **seat != sender);
        for (_, waiting) in others {
            match end {
                End::Whole(answer) if waiting.may_take(took_off) => {
                    waiting.answer = Some(answer.clone());
                }
                _ if waiting.joined == Some(took_off) => {
                    waiting.joined = None;
                    waiting.in_vain += 1;
                    waiting.alone |= matches!(end, End::Failed) || waiting.in_vain >= MOST_IN_VAIN;
                }
                _ => continue,
            }
            waiting.news.notify_one();
        }
    }
}

impl Waiting {
    fn may_take(&self, took_off: u64) -> bool {
        took_off > self.after
    }
}

impl Place {
    fn lock(&self) -> MutexGuard<'_, Air> {
        lock(&self.air)
    }

    fn take_answer(&self) -> Option<Arc<Response>> {
        let mut air = self.lock();
        let waiting = air.routes.get_mut(&self.key)?.seats.get_mut(&self.seat)?;
        waiting.answer.take()
    }
}

/// Whether somebody may act on the answer because of something that has just happened.
fn is_urgent(lane: Lane) -> bool {
    match lane {
        Lane::Live | Lane::Interactive => true,
        Lane::Scheduled | Lane::Backfill | Lane::Bulk => false,
    }
}

/// Every change to the air is whole before its lock is given back, also where a thread has panicked.
fn lock(air: &Mutex<Air>) -> MutexGuard<'_, Air> {
    air.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
