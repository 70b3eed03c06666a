//! Campaigns for the office of the leader, and tells who waits whether this node has it. What is done next is decided by
//! `ledger::lease`; here it is done, and time passes.
//!
//! Times are of the runtime's monotonic clock. A machine that sleeps stops it: what a leader writes after that is refused
//! by the store, whose term is another by then.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::sync::Arc;

use ledger::lease::{Candidate, Edge, Next};
use ledger::port::{self, Election};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_util::sync::CancellationToken;

use super::Leadership;

/// How the election is, for health: called after each step.
pub type Heard = Arc<dyn Fn(Result<(), &port::Error>) + Send + Sync>;

/// Campaigns until `leave` is cancelled and the office, if this node had it, is given back. The stream closes only then.
pub async fn run(
    election: Arc<dyn Election>,
    mut candidate: Candidate,
    tell: watch::Sender<Leadership>,
    heard: Heard,
    leave: CancellationToken,
) {
    let begin = Instant::now();
    let now = || begin.elapsed();
    loop {
        if leave.is_cancelled() {
            candidate.leave(now());
        }
        match candidate.next(now()) {
            Next::Tell(Edge::Leads(reign)) => {
                let epoch = reign.epoch;
                tracing::info!(epoch, "this node leads");
                tell.send_replace(Leadership::Leader { epoch });
            }
            Next::Tell(Edge::LeadsNoMore { epoch }) => {
                tracing::info!(epoch, "this node leads no more");
                tell.send_replace(Leadership::Follower);
            }
            Next::Do { step, until } => {
                match timeout_at(begin + until, step.on(&*election)).await {
                    Ok(answer) => {
                        heard(answer.as_ref().map(|_| ()));
                        candidate.answered(&answer, now(), fraction());
                        follow_unless_told(&tell, answer.is_ok());
                    }
                    Err(_) => {
                        let error = port::Error::Unavailable {
                            doing: "take part in the election",
                            cause: "it did not answer in time".into(),
                        };
                        heard(Err(&error));
                        candidate.unanswered(now(), fraction());
                    }
                }
            }
            Next::Wait { until } => tokio::select! {
                () = sleep_until(begin + until) => {}
                () = leave.cancelled(), if !leave.is_cancelled() => {}
            },
            Next::Ended => return,
        }
    }
}

/// Whoever has looked and was not told to lead follows.
fn follow_unless_told(tell: &watch::Sender<Leadership>, has_answered: bool) {
    if has_answered && *tell.borrow() == Leadership::Unknown {
        tell.send_replace(Leadership::Follower);
    }
}

/// A random number from 0 to 1. The standard library seeds each of its hashers anew.
pub(crate) fn fraction() -> f64 {
    f64::from(RandomState::new().build_hasher().finish() as u32) / f64::from(u32::MAX)
}

/// Leadership of a node that nobody can dispute, since the lock of its state is its own: for as long as the sender lives.
pub fn undisputed() -> (watch::Sender<Leadership>, watch::Receiver<Leadership>) {
    watch::channel(Leadership::Leader { epoch: 1 })
}
