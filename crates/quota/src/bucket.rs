//! Decides what is known of one bucket: GitHub's answers are folded in whatever order they come, and requests in flight
//! count as used. Says nothing about whether a request may go.
//!
//! Answers overtake each other, so that within a window `used` only grows; that a window is another one is told by its
//! reset. All times here are GitHub's.

use std::time::Duration;

use jiff::Timestamp;

use crate::observation::Observation;
use crate::time::{HOUR, SECOND, after, between};

/// Resets this close belong to one window: GitHub's differ by about a second between answers.
const SAME_WINDOW: Duration = Duration::from_secs(5);
/// How long after its stated reset a bucket is taken for full again, for the same reason.
pub(crate) const GRACE: Duration = SECOND;
/// An hour, as long as GitHub's longest windows, and what clocks and resets differ by. A reset beyond it is the error of a
/// clock and is not waited for.
pub(crate) const LONGEST_WINDOW: Duration = HOUR.saturating_add(Duration::from_secs(10));
/// The limit of those who are nobody. A 401 shows it to anybody.
const ANONYMOUS: u64 = 60;

/// Our knowledge of one resource of one credential.
#[derive(Clone, Debug, Default)]
pub struct Bucket {
    window: Option<Window>,
    /// Cost of requests that were sent and not answered.
    in_flight: u64,
    /// Cost of requests whose answer said nothing; the next answer that does includes them.
    unseen: u64,
    /// What items under way may still cost.
    held: u64,
    /// What other processes have in flight, and what their items may still cost.
    others: u64,
    /// Whether any answer came at all.
    answered: bool,
}

#[derive(Clone, Debug)]
struct Window {
    used: u64,
    limit: u64,
    /// Of the reading that `limit` is from: the one that had seen most, and of those the latest.
    limit_from: (u64, Option<Timestamp>, u64),
    /// As GitHub states it; the latest of those that belong together.
    reset: Option<Timestamp>,
    /// A reset beyond this is the error of a clock.
    latest_reset: Timestamp,
    /// When the bucket is full again beyond doubt: every decision asks for it.
    full_at: Option<Timestamp>,
}

/// The numbers of one answer.
struct Reading {
    limit: u64,
    used: u64,
    reset: Option<Timestamp>,
    date: Option<Timestamp>,
}

/// What can be said of a bucket at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// No answer has come yet.
    Unknown {
        /// Cost of requests that will tell.
        in_flight: u64,
        /// Promised to items whose requests will.
        held: u64,
    },
    /// Answers come without limits, as from a GitHub Enterprise Server that has none.
    Unlimited,
    /// Numbers are known.
    Known(Level),
}

/// The numbers of a bucket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Level {
    /// Requests or points of a window.
    pub limit: u64,
    /// Used by everybody who shares the credential, as far as answers say.
    pub used: u64,
    /// On top: what our own requests may have cost whose answer got lost. The next answer tells.
    pub unseen: u64,
    /// On top: our own requests that are not answered.
    pub in_flight: u64,
    /// Promised to our own items under way. Live work may take it all the same.
    pub held: u64,
    /// In flight and promised elsewhere, as far as other processes have told.
    pub others: u64,
    /// How long a window is.
    pub length: Duration,
    /// The reset that GitHub states; none if it never did, or has passed.
    pub reset: Option<Timestamp>,
    /// When the bucket is full again beyond doubt: a second after the reset.
    pub full_at: Option<Timestamp>,
    /// Since when it is full again, where no answer has shown the new window yet.
    pub full_since: Option<Timestamp>,
}

impl Level {
    /// Used, lost and in flight.
    pub fn spent(&self) -> u64 {
        self.used
            .saturating_add(self.unseen)
            .saturating_add(self.in_flight)
    }

    /// What is left once everything spent is paid.
    pub fn remaining(&self) -> u64 {
        self.limit.saturating_sub(self.spent())
    }

    /// Of that, what is promised to nobody.
    pub fn free(&self) -> u64 {
        self.remaining()
            .saturating_sub(self.held.saturating_add(self.others))
    }

    /// From `now` until the bucket is full again: at most a whole window.
    pub fn horizon(&self, now: Timestamp) -> Duration {
        match self.full_at {
            Some(full_at) => between(now, full_at),
            None => self.length,
        }
    }
}

impl Bucket {
    /// Folds one answer in. `now` is GitHub's.
    pub fn observe(&mut self, seen: &Observation, now: Timestamp) {
        self.answered = true;
        let Some(reading) = self.reading(seen) else {
            return;
        };
        match &mut self.window {
            Some(window) if window.is_for_somebody() && reading.is_for_nobody() => return,
            Some(window) if window.is_for_nobody() && !reading.is_for_nobody() => {
                *window = Window::open(&reading, now);
            }
            Some(window) => match window.place(&reading, now) {
                Place::Same => window.merge(&reading),
                Place::Later => *window = Window::open(&reading, now),
                Place::Earlier => return,
            },
            none => *none = Some(Window::open(&reading, now)),
        }
        self.unseen = 0;
    }

    /// Takes what another process has seen of this bucket. `now` is GitHub's.
    pub fn overhear(&mut self, limit: u64, used: u64, reset: Option<Timestamp>, now: Timestamp) {
        let unseen = self.unseen;
        self.observe(
            &Observation {
                limit: Some(limit),
                used: Some(used),
                reset,
                ..Observation::default()
            },
            now,
        );
        // What our own lost answers have cost is ours to find out.
        self.unseen = unseen;
    }

    /// An answer came, and another bucket paid.
    pub fn answered_elsewhere(&mut self) {
        self.answered = true;
    }

    /// A request leaves.
    pub fn reserve(&mut self, cost: u64) {
        self.in_flight = self.in_flight.saturating_add(cost);
    }

    /// A request is no longer in flight; what it cost is told by its answer, or was nothing.
    pub fn release(&mut self, cost: u64) {
        self.in_flight = self.in_flight.saturating_sub(cost);
    }

    /// An item begins that may cost so much.
    pub fn hold(&mut self, cost: u64) {
        self.held = self.held.saturating_add(cost);
    }

    /// So much of an item is being spent, or will not be.
    pub fn unhold(&mut self, cost: u64) {
        self.held = self.held.saturating_sub(cost);
    }

    /// What our own requests in flight may cost.
    pub fn in_flight(&self) -> u64 {
        self.in_flight
    }

    /// What items under way may still cost.
    pub fn held(&self) -> u64 {
        self.held
    }

    /// Other processes have told what they have in flight and promised.
    pub fn others_hold(&mut self, cost: u64) {
        self.others = cost;
    }

    /// Nobody is heard: once its window is over, what others have told of it is, too.
    pub fn forget_others(&mut self, now: Timestamp) {
        if self.window(now).is_none() {
            self.others = 0;
        }
    }

    /// The limit, the most that was used and the stated reset of the window that `now` lies in.
    pub fn window(&self, now: Timestamp) -> Option<(u64, u64, Timestamp)> {
        let window = self.window.as_ref()?;
        let full_at = window.full_at?;
        (full_at > now).then_some((window.limit, window.used, window.reset?))
    }

    /// A request has cost something that no header told.
    pub fn spend_unseen(&mut self, cost: u64) {
        self.unseen = self.unseen.saturating_add(cost);
    }

    /// What is known at `now`, which is GitHub's.
    pub fn standing(&self, now: Timestamp) -> Standing {
        let (in_flight, held, others) = (self.in_flight, self.held, self.others);
        let Some(window) = &self.window else {
            return if self.answered {
                Standing::Unlimited
            } else {
                Standing::Unknown { in_flight, held }
            };
        };
        let (limit, full_at) = (window.limit, window.full_at);
        // Old enterprise servers answer 0 of 0 where they have no limit.
        if limit == 0 {
            return Standing::Unlimited;
        }
        if let Some(full_since) = full_at.filter(|full_at| *full_at <= now) {
            return Standing::Known(Level {
                limit,
                used: 0,
                unseen: 0,
                in_flight,
                held,
                others,
                length: LONGEST_WINDOW,
                reset: None,
                full_at: None,
                full_since: Some(full_since),
            });
        }
        Standing::Known(Level {
            limit,
            used: window.used,
            unseen: self.unseen,
            in_flight,
            held,
            others,
            length: LONGEST_WINDOW,
            reset: window.reset,
            full_at,
            full_since: None,
        })
    }

    /// The numbers of an answer, as far as they make sense together.
    fn reading(&self, seen: &Observation) -> Option<Reading> {
        let limit = seen
            .limit
            .or_else(|| self.window.as_ref().map(|window| window.limit))?;
        let derived = seen
            .remaining
            .map(|remaining| limit.saturating_sub(remaining));
        // Where the two disagree, the cautious one is believed.
        let used = seen.used.max(derived)?;
        Some(Reading {
            limit,
            used,
            reset: seen.reset,
            date: seen.date,
        })
    }
}

/// Which window a reading is of, seen from the one that is known.
enum Place {
    Earlier,
    Same,
    Later,
}

impl Window {
    fn open(reading: &Reading, now: Timestamp) -> Window {
        let limit_from = (reading.used, reading.date, reading.limit);
        Window {
            used: reading.used,
            limit: reading.limit,
            limit_from,
            reset: reading.reset,
            latest_reset: after(now, LONGEST_WINDOW),
            full_at: None,
        }
        .with_end()
    }

    fn place(&self, reading: &Reading, now: Timestamp) -> Place {
        let has_passed = self.full_at.is_some_and(|full_at| full_at <= now);
        let (Some(ours), Some(theirs)) = (self.reset, reading.reset) else {
            return if has_passed {
                Place::Later
            } else {
                Place::Same
            };
        };
        if between(ours, theirs) > SAME_WINDOW {
            return Place::Later;
        }
        if between(theirs, ours) > SAME_WINDOW {
            return Place::Earlier;
        }
        // We took it for passed, and GitHub is still in it.
        let revived = has_passed && after(theirs, GRACE) > now;
        if revived { Place::Later } else { Place::Same }
    }

    fn merge(&mut self, reading: &Reading) {
        self.used = if self.reset.is_none() && reading.reset.is_none() {
            // Nothing tells windows apart, and what was used must be able to fall.
            reading.used
        } else {
            self.used.max(reading.used)
        };
        if reading.reset > self.reset {
            self.reset = reading.reset;
            self.full_at = self.end();
        }
        let from = (reading.used, reading.date, reading.limit);
        if from > self.limit_from {
            self.limit_from = from;
            self.limit = reading.limit;
        }
    }

    fn with_end(self) -> Window {
        Window {
            full_at: self.end(),
            ..self
        }
    }

    fn end(&self) -> Option<Timestamp> {
        Some(after(self.reset?.min(self.latest_reset), GRACE))
    }

    fn is_for_nobody(&self) -> bool {
        self.limit == ANONYMOUS
    }

    fn is_for_somebody(&self) -> bool {
        self.limit > ANONYMOUS
    }
}

impl Reading {
    fn is_for_nobody(&self) -> bool {
        self.limit == ANONYMOUS
    }
}

#[cfg(test)]
mod tests;
