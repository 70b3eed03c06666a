//! Decides when each request that waits looks again: when its plan says so, and a little later where many may have been
//! told the same. The moments are the runtime's.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use quota::{Ticket, Wait, WaitReason};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::Moment;

/// What waits for a reset or for the end of a block wakes within this time after it, so that processes do not all come back
/// in one instant.
const JITTER: Duration = Duration::from_secs(1);
/// Nobody looks again sooner than this, so that a plan whose time has come and that still says *wait* keeps nobody busy.
const LEAST: Duration = Duration::from_millis(1);

/// The alarm of everybody who waits.
#[derive(Debug, Default)]
pub(super) struct Alarms {
    of: HashMap<Ticket, Alarm>,
}

#[derive(Debug)]
struct Alarm {
    notify: Arc<Notify>,
    wake: Option<Instant>,
}

impl Alarms {
    /// Somebody waits from now on.
    pub(super) fn set(&mut self, ticket: Ticket, notify: Arc<Notify>) {
        let wake = None;
        self.of.insert(ticket, Alarm { notify, wake });
    }

    /// Nobody waits any more.
    pub(super) fn unset(&mut self, ticket: Ticket) {
        self.of.remove(&ticket);
    }

    /// Has somebody look at once, for there is news, and then when `plan` says.
    pub(super) fn ring(&mut self, ticket: Ticket, plan: Option<Wait>, moment: Moment) {
        let Some(alarm) = self.of.get_mut(&ticket) else {
            return;
        };
        alarm.wake = plan.and_then(|wait| {
            let wait_for = wait.until?.duration_since(moment.now);
            let wait_for = Duration::try_from(wait_for).unwrap_or_default().max(LEAST);
            Some(moment.instant + wait_for + jitter(wait.reason))
        });
        alarm.notify.notify_one();
    }

    /// Whether nobody waits.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.of.is_empty()
    }

    /// When somebody looks again.
    pub(super) fn wake(&self, ticket: Ticket) -> Option<Instant> {
        self.of.get(&ticket)?.wake
    }
}

/// A random time after what many may wait for at once.
fn jitter(reason: WaitReason) -> Duration {
    match reason {
        WaitReason::Reserve | WaitReason::Blocked => {
            let random = RandomState::new().build_hasher().finish();
            JITTER.mul_f64(random as f64 / u64::MAX as f64)
        }
        WaitReason::Pacing | WaitReason::Secondary => Duration::ZERO,
    }
}
