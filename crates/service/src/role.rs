//! What a node does among others: it leads, or it follows. Decides how a stream of leadership becomes calls that start and
//! stop roles; refuses to know who elects, and what a role consists of.
//!
//! Whoever leads reads the organisations on their schedule and dispatches their gaps; everybody takes tasks from the queue,
//! the leader as well, so that a node that is alone does both.

pub mod elector;

use async_trait::async_trait;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Whether this node leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leadership {
    /// Nothing is known yet.
    Unknown,
    /// It leads, since this epoch of the election.
    Leader {
        /// Counts the holders of the office.
        epoch: u64,
    },
    /// Another leads, or nobody.
    Follower,
}

/// Starts and stops the roles. A start returns as soon as the role works on its own; a stop when nothing of it runs any
/// more.
#[async_trait]
pub trait RoleHooks: Send + Sync + 'static {
    /// Begins to lead.
    async fn start_leader(&self, epoch: u64);
    /// Leads no more.
    async fn stop_leader(&self);
    /// Begins to follow.
    async fn start_follower(&self);
    /// Follows no more.
    async fn stop_follower(&self);
}

/// Turns a stream of leadership into calls of the hooks.
pub struct RoleManager<H> {
    hooks: H,
}

impl<H: RoleHooks> RoleManager<H> {
    /// A manager that has started nothing.
    pub fn new(hooks: H) -> RoleManager<H> {
        RoleManager { hooks }
    }

    /// Follows the stream until it is closed or `leave` is cancelled; then the present role is stopped. A signal that
    /// changes nothing does nothing; a change stops the old role, waits for it, and starts the new one. Another epoch is
    /// another leadership: what was begun in the old one is stopped.
    pub async fn run(self, mut leadership: watch::Receiver<Leadership>, leave: CancellationToken) {
        let mut present = Leadership::Unknown;
        loop {
            let next = *leadership.borrow_and_update();
            if next != present {
                self.stop(present).await;
                present = next;
                // What has changed while the old one was stopped comes with the next turn.
                self.start(present).await;
            }
            tokio::select! {
                biased;
                () = leave.cancelled() => break,
                changed = leadership.changed() => if changed.is_err() { break },
            }
        }
        self.stop(present).await;
    }

    async fn start(&self, role: Leadership) {
        match role {
            Leadership::Unknown => {}
            Leadership::Leader { epoch } => self.hooks.start_leader(epoch).await,
            Leadership::Follower => self.hooks.start_follower().await,
        }
    }

    async fn stop(&self, role: Leadership) {
        match role {
            Leadership::Unknown => {}
            Leadership::Leader { .. } => self.hooks.stop_leader().await,
            Leadership::Follower => self.hooks.stop_follower().await,
        }
    }
}

#[cfg(test)]
mod tests;
