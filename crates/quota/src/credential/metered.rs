//! What is known of one bucket of a credential: its numbers, what the lanes made of it, and what strangers did.

use std::time::Duration;

use jiff::Timestamp;

use crate::bucket::{Bucket, LONGEST_WINDOW, Level, Standing};
use crate::demand::Demand;
use crate::fleet::ResourceShare;
use crate::forecast::Trend;
use crate::lane::Lane;
use crate::policy::even::Even;
use crate::skew::Skew;
use crate::time::between;

/// A bucket and what is remembered beside it.
#[derive(Clone, Debug, Default)]
pub(super) struct Metered {
    pub(super) bucket: Bucket,
    pub(super) even: Even,
    pub(super) demand: Demand,
    pub(super) trend: Trend,
    /// What live, interactive and scheduled work of this process has spent since its start.
    pub(super) demanded: [u64; 3],
    /// When an answer last told of it.
    pub(super) seen: Option<Timestamp>,
    /// What was let through since the other processes were told.
    pub(super) untold: u64,
    /// How long windows are, once one has begun before our eyes.
    length: Option<Duration>,
    /// Whose spending the window's numbers are.
    pub(super) window: Window,
}

/// Who has spent what of the present window.
#[derive(Clone, Debug, Default)]
pub(super) struct Window {
    /// Its end, as GitHub states it.
    reset: Option<Timestamp>,
    /// What our own answered requests have cost.
    pub(super) settled: u64,
    /// What processes that are gone have cost, by their names.
    departed: Vec<(String, u64)>,
    /// What neither we nor the processes that are known have spent, as far as it has shown.
    strangers: u64,
    /// When that was looked at last.
    looked: Option<Timestamp>,
    /// The most that was used when others were heard last, and the time before.
    used: [u64; 2],
}

/// Ends that are closer than this are one end.
const SAME: u64 = 10;

impl Metered {
    /// A request of `lane` that came at `arrived` has cost so much of the window that ends at `reset`, by its answer. It was
    /// needed when it came: work that had to wait does not look like a burst when it goes.
    pub(super) fn spent(
        &mut self,
        lane: Lane,
        cost: u64,
        reset: Option<Timestamp>,
        arrived: Timestamp,
        now: Timestamp,
    ) {
        if reset.is_none() || self.window.reset.is_none() || self.is_same_window(reset) {
            self.window.settled = self.window.settled.saturating_add(cost);
        }
        if let Some(class) = self.demanded.get_mut(lane as usize) {
            *class = class.saturating_add(cost);
        }
        if cost > 0 {
            self.demand.spent_since(lane, cost, arrived, now);
        }
    }

    /// After an answer: a new window begins its own account. `now` is the caller's.
    pub(super) fn roll_over(&mut self, github: Timestamp, now: Timestamp) {
        let Some((_, used, reset)) = self.bucket.window(github) else {
            return;
        };
        let is_new = self
            .window
            .reset
            .is_none_or(|known| between(known, reset).as_secs() > SAME);
        if is_new {
            let is_first = self.window.reset.is_none();
            // A window that begins before our eyes shows how long windows are.
            if !is_first {
                let seen = between(github, reset).min(LONGEST_WINDOW);
                self.length = Some(self.length.map_or(seen, |known| known.max(seen)));
            }
            let length = self.length();
            // What a window shows at first was spent at some time since it began.
            let began = reset.checked_sub(length).unwrap_or(reset);
            let ago = between(began, github);
            let began = now.checked_sub(ago).unwrap_or(now);
            let settled = if is_first { self.window.settled } else { 0 };
            self.window = Window {
                reset: Some(reset),
                settled,
                looked: Some(self.window.looked.map_or(began, |looked| looked.max(began))),
                ..Window::default()
            };
            if is_first {
                // Before we looked, it may as well have been an earlier run of ours: nothing is learnt from it.
                self.window.strangers = used;
                self.window.looked = Some(now);
            }
        }
        // Resets of one window differ; it is known by the latest of them.
        self.window.reset = Some(reset);
    }

    /// Without other processes, whatever is not ours is a stranger's.
    pub(super) fn account(&mut self, github: Timestamp, now: Timestamp) {
        if let Some((_, used, _)) = self.bucket.window(github) {
            self.strangers(used, 0, now);
        }
    }

    /// With other processes, who may have spent since they told: only what was used before that is compared.
    pub(super) fn account_with(&mut self, others: Option<u64>, github: Timestamp, now: Timestamp) {
        let Some((_, used, _)) = self.bucket.window(github) else {
            return;
        };
        let [latest, earlier] = self.window.used;
        self.window.used = [used, latest];
        if let Some(others) = others {
            self.strangers(earlier, others, now);
        }
    }

    /// What is used by now and is not known to be anybody's may be anybody's: only what comes on top will be a stranger's.
    pub(super) fn begin_account(&mut self, others: u64, github: Timestamp, now: Timestamp) {
        if let Some((_, used, _)) = self.bucket.window(github) {
            let unknown = used.saturating_sub(self.known_with(others));
            self.window.strangers = self.window.strangers.max(unknown);
            self.window.looked = Some(now);
            self.window.used = [used; 2];
        }
    }

    /// What we, those who are gone and the others have spent.
    fn known_with(&self, others: u64) -> u64 {
        let known = self
            .window
            .settled
            .saturating_add(self.bucket.in_flight())
            .saturating_add(others);
        let departed = self.window.departed.iter();
        departed.fold(known, |known, (_, spent)| known.saturating_add(*spent))
    }

    fn strangers(&mut self, used: u64, others: u64, now: Timestamp) {
        let strangers = used.saturating_sub(self.known_with(others));
        let looked = self.window.looked.replace(now).unwrap_or(now);
        if strangers > self.window.strangers {
            let more = strangers - self.window.strangers;
            self.window.strangers = strangers;
            self.demand.spent_since(Lane::Live, more, looked, now);
        }
    }

    /// A process is gone that had told this: what it had in flight and promised, it may have spent.
    pub(super) fn depart(&mut self, member: String, told: &ResourceShare) {
        if self.is_same_window(told.reset) {
            let spent = told
                .settled
                .saturating_add(told.in_flight)
                .saturating_add(told.held);
            self.window.departed.push((member, spent));
        }
    }

    /// A process is there, and tells itself what it has spent.
    pub(super) fn is_back(&mut self, member: &str) {
        self.window.departed.retain(|(gone, _)| gone != member);
    }

    /// How long windows are, or the longest there are where none has begun before our eyes.
    pub(super) fn length(&self) -> Duration {
        self.length.unwrap_or(LONGEST_WINDOW)
    }

    /// The end of the window that `settled` is of.
    pub(super) fn window_reset(&self) -> Option<Timestamp> {
        self.window.reset
    }

    /// Whether numbers that another process tells are of our window.
    pub(super) fn is_same_window(&self, reset: Option<Timestamp>) -> bool {
        match (self.window.reset, reset) {
            (Some(ours), Some(theirs)) => {
                between(ours, theirs).max(between(theirs, ours)).as_secs() <= SAME
            }
            _ => false,
        }
    }

    /// The standing by the caller's clock.
    pub(super) fn standing(&self, skew: &Skew, now: Timestamp) -> Standing {
        match self.bucket.standing(skew.github(now)) {
            Standing::Known(level) => {
                let local = |at: Option<Timestamp>| at.map(|at| skew.local(at));
                Standing::Known(Level {
                    reset: local(level.reset),
                    full_at: local(level.full_at),
                    full_since: local(level.full_since),
                    length: self.length.unwrap_or(level.length),
                    ..level
                })
            }
            other => other,
        }
    }
}
