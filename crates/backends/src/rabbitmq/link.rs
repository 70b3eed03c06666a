//! Keeps one connection up, in the background: makes it, sees it go, makes it again after a pause. Decides when to try; the
//! rest of the adapter asks how it stands.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use futures_core::Stream;
use lapin::Event;
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::address::Broker;
use super::connect::Session;
use super::topology::Topology;
use super::trouble::Trouble;

/// The pauses between attempts, from the first to the longest; each is cut short by up to half, at random.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// A connection that has stood for so long was no accident: pauses begin anew.
const STEADY: Duration = Duration::from_secs(60);

/// How often a connection is looked at that has said nothing of its end.
const LOOK: Duration = Duration::from_secs(5);

/// How a connection to the broker stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It is being made for the first time, or has just been lost.
    Connecting,
    /// It is there.
    Up,
    /// It is there, and the broker takes nothing from publishers: why.
    Blocked(String),
    /// It could not be made, which is tried again: why, with every cause and without secrets.
    Down(String),
}

/// The same, for the adapter.
#[derive(Clone)]
pub(super) enum Stand {
    Connecting,
    Up(Arc<Session>),
    Down(Trouble),
}

/// A connection that is kept up.
pub(super) struct Link {
    stand: watch::Receiver<Stand>,
    state: watch::Receiver<State>,
    address: Arc<str>,
    ended: CancellationToken,
}

impl Link {
    /// Keeps a connection up until `stop`.
    pub(super) fn keep(
        broker: &Arc<Broker>,
        topology: &Arc<Topology>,
        purpose: &'static str,
        stop: &CancellationToken,
    ) -> Link {
        let (stand, stands) = watch::channel(Stand::Connecting);
        let (state, states) = watch::channel(State::Connecting);
        let ended = CancellationToken::new();
        let keeper = Keeper {
            broker: Arc::clone(broker),
            topology: Arc::clone(topology),
            purpose,
            stop: stop.clone(),
            stand,
            state,
        };
        let end = ended.clone().drop_guard();
        tokio::spawn(async move {
            keeper.run().await;
            drop(end);
        });
        Link {
            stand: stands,
            state: states,
            address: Arc::clone(&broker.shown),
            ended,
        }
    }

    pub(super) fn address(&self) -> &Arc<str> {
        &self.address
    }

    pub(super) fn state(&self) -> watch::Receiver<State> {
        self.state.clone()
    }

    /// How it stands now.
    pub(super) fn stand(&self) -> Stand {
        self.stand.borrow().clone()
    }

    /// The connection, once it is decided whether there is one.
    pub(super) async fn session(&self) -> Result<Arc<Session>, Trouble> {
        let mut stand = self.stand.clone();
        let decided = stand
            .wait_for(|stand| !matches!(stand, Stand::Connecting))
            .await;
        match decided.map_err(|_closed| Trouble::Closed)?.clone() {
            Stand::Up(session) => Ok(session),
            Stand::Down(trouble) => Err(trouble),
            Stand::Connecting => Err(Trouble::Connecting(Arc::clone(&self.address))),
        }
    }

    /// Waits for another try to reach a broker that could not be reached.
    pub(super) async fn another_try(&self) {
        let mut stand = self.stand.clone();
        stand.mark_unchanged();
        if matches!(self.stand(), Stand::Down(_)) {
            let _ = stand.changed().await;
        }
    }

    /// Waits until it is known that this connection is no more.
    pub(super) async fn without(&self, session: &Arc<Session>) {
        let mut stand = self.stand.clone();
        let is_another =
            |stand: &Stand| !matches!(stand, Stand::Up(now) if Arc::ptr_eq(now, session));
        let _ = stand.wait_for(is_another).await;
    }

    /// Waits until nothing of it is left, after `stop`.
    pub(super) async fn closed(&self) {
        self.ended.cancelled().await;
    }
}

struct Keeper {
    broker: Arc<Broker>,
    topology: Arc<Topology>,
    purpose: &'static str,
    stop: CancellationToken,
    stand: watch::Sender<Stand>,
    state: watch::Sender<State>,
}

impl Keeper {
    async fn run(&self) {
        let mut pauses = Pauses::default();
        loop {
            let opening = Session::open(&self.broker, &self.topology, self.purpose);
            let opened = tokio::select! {
                () = self.stop.cancelled() => break,
                opened = opening => opened,
            };
            match opened {
                Ok(session) => {
                    let session = Arc::new(session);
                    info!(broker = %self.broker.shown, purpose = self.purpose, "connected to the queue");
                    self.state.send_replace(State::Up);
                    self.stand.send_replace(Stand::Up(Arc::clone(&session)));
                    self.attend(&session, &mut pauses).await;
                    self.state.send_replace(State::Connecting);
                    self.stand.send_replace(Stand::Connecting);
                    session.end().await;
                    if self.stop.is_cancelled() {
                        break;
                    }
                    warn!(broker = %self.broker.shown, purpose = self.purpose, "the connection to the queue was lost");
                }
                Err(trouble) => self.failed(trouble),
            }
            tokio::select! {
                () = self.stop.cancelled() => break,
                () = sleep(pauses.next()) => {}
            }
        }
        self.state
            .send_replace(State::Down(Trouble::Closed.to_string()));
        self.stand.send_replace(Stand::Down(Trouble::Closed));
    }

    /// Said once, until it is something else.
    fn failed(&self, trouble: Trouble) {
        let error = with_causes(&trouble);
        let state = State::Down(error.clone());
        if *self.state.borrow() == state {
            debug!(
                purpose = self.purpose,
                error, "the queue is still not there"
            );
        } else {
            warn!(purpose = self.purpose, error, "cannot connect to the queue");
        }
        self.state.send_replace(state);
        self.stand.send_replace(Stand::Down(trouble));
    }

    /// Returns when the connection has ended, or is to end.
    async fn attend(&self, session: &Session, pauses: &mut Pauses) {
        let mut events = pin!(session.connection.events_listener());
        let mut steady = pin!(sleep(STEADY));
        while session.is_up() {
            let event = tokio::select! {
                () = self.stop.cancelled() => return,
                () = steady.as_mut(), if !steady.is_elapsed() => {
                    *pauses = Pauses::default();
                    continue;
                }
                () = sleep(LOOK) => {
                    // It may have said so before anybody listened.
                    let is_blocked = session.connection.status().blocked();
                    self.block(session, is_blocked.then(|| "it does not say why".to_owned()));
                    continue;
                }
                event = next(events.as_mut()) => event,
            };
            match event {
                Some(Event::ConnectionBlocked(why)) => self.block(session, Some(why)),
                Some(Event::ConnectionUnblocked) => self.block(session, None),
                Some(_) => {}
                None => return,
            }
        }
    }

    /// Whether the broker takes nothing from publishers now, and why.
    fn block(&self, session: &Session, why: Option<String>) {
        if session.blocked.borrow().is_some() == why.is_some() {
            return;
        }
        match why {
            Some(why) => {
                warn!(broker = %self.broker.shown, why, "the queue has stopped publishers");
                session.blocked.send_replace(Some(why.as_str().into()));
                self.state.send_replace(State::Blocked(why));
            }
            None => {
                info!(broker = %self.broker.shown, "the queue takes messages again");
                session.blocked.send_replace(None);
                self.state.send_replace(State::Up);
            }
        }
    }
}

/// The next item of a stream.
pub(super) async fn next<S: Stream>(mut stream: Pin<&mut S>) -> Option<S::Item> {
    std::future::poll_fn(|context| stream.as_mut().poll_next(context)).await
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut said = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        // Some causes say all of their own again.
        if !said.ends_with(&more) {
            said = format!("{said}: {more}");
        }
        cause = error.source();
    }
    said
}

/// Pauses that grow, cut short at random so that many who lost the same broker do not come back together.
#[derive(Debug, Default)]
pub(super) struct Pauses {
    taken: u32,
}

impl Pauses {
    pub(super) fn next(&mut self) -> Duration {
        let whole = FIRST_PAUSE.saturating_mul(1 << self.taken.min(10));
        self.taken += 1;
        // The keys of a hasher are random.
        let chance = RandomState::new().build_hasher().finish() % 1000;
        let cut = u32::try_from(chance).expect("it is below 1000");
        whole.min(LONGEST_PAUSE) * (1000 - cut / 2) / 1000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_from_a_second_to_half_a_minute() {
        let mut pauses = Pauses::default();
        for whole in [1, 2, 4, 8, 16, 30, 30, 30] {
            let (pause, whole) = (pauses.next(), Duration::from_secs(whole));
            assert!(
                whole / 2 <= pause && pause <= whole,
                "{pause:?} of {whole:?}"
            );
        }
    }

    #[test]
    fn an_error_is_said_with_its_causes_and_none_twice() {
        let cause = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        let trouble = Trouble::Unreachable("amqp://mq:5672".into(), Arc::new(cause.into()));
        assert_eq!(
            with_causes(&trouble),
            "amqp://mq:5672 cannot be connected to: IO error: connection refused"
        );
    }
}
