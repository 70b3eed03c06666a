//! The queue of backfill tasks. Decides what each step means and what it must never do.
//!
//! **The gap is the truth, a message is a hint.** A queue may lose, repeat and reorder messages, and a task whose message is
//! gone is dispatched again ([`super::Activity::due`]). So attempts are counted in the store of activity and nowhere in here.
//!
//! A message that was handed out and neither acknowledged, put off nor buried is handed out again, when its consumer is gone
//! or after a while.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Result;
use crate::coverage::GapReason;
use crate::event::{RepoId, Stream};
use crate::window::Window;

/// The gaps of one stream of a repository, to be filled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// The organisation.
    pub org: String,
    /// The repository.
    pub repo: RepoId,
    /// The stream.
    pub stream: Stream,
    /// From the start of the first gap to the end of the last.
    pub window: Window,
    /// Why the first gap is there.
    pub reason: GapReason,
    /// How many attempts have failed before. For people: the count that decides is the store's.
    pub attempts: u32,
    /// When it was dispatched.
    pub enqueued_at: Timestamp,
}

/// A message in a consumer's hands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// What it says; none if it cannot be read as a task. Then it is to be buried, since it will never be readable.
    pub task: Option<Task>,
    /// What the queue knows it by. Text to everybody but its queue.
    pub tag: String,
}

/// What a queue holds.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Depth {
    /// Messages that wait for a consumer, or for the end of their delay.
    pub waiting: u64,
    /// Messages in consumers' hands, where the queue can tell.
    pub in_hand: u64,
    /// Buried messages.
    pub dead: u64,
    /// When the oldest waiting task was enqueued, where the queue can tell.
    pub oldest: Option<Timestamp>,
}

/// The delays that a queue is opened with, from the shortest to the longest. There is one at least.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delays(Vec<Duration>);

impl Delays {
    /// In any order; the same one twice is one. None if there is no delay, or one that is no whole number of milliseconds from
    /// 1 ms to [`Delays::LONGEST`].
    pub fn new(delays: impl IntoIterator<Item = Duration>) -> Option<Delays> {
        let mut delays: Vec<Duration> = delays.into_iter().collect();
        delays.sort_unstable();
        delays.dedup();
        let possible = |delay: &Duration| {
            let whole = Duration::from_millis(1)..=Delays::LONGEST;
            whole.contains(delay) && delay.subsec_nanos().is_multiple_of(1_000_000)
        };
        (!delays.is_empty() && delays.iter().all(possible)).then_some(Delays(delays))
    }

    /// The longest delay that is possible: 30 days.
    pub const LONGEST: Duration = Duration::from_secs(30 * 24 * 60 * 60);

    /// The shortest delay that is as long as `after`, or the longest one.
    pub fn round(&self, after: Duration) -> Duration {
        let long_enough = self.0.iter().copied().find(|delay| *delay >= after);
        long_enough.unwrap_or_else(|| *self.0.last().expect("there is one"))
    }

    /// From the shortest to the longest.
    pub fn iter(&self) -> impl Iterator<Item = Duration> {
        self.0.iter().copied()
    }
}

/// The queue. Bounded by what is dispatched: at most one message in a while for each stream with a gap.
#[async_trait]
pub trait BackfillQueue: Send + Sync + 'static {
    /// Enqueues a task. Answered when the queue has taken it for good: a restart of the queue does not lose it.
    async fn publish(&self, task: &Task, now: Timestamp) -> Result<()>;

    /// The next message, as soon as there is one. Dropping the future loses no message. An error says that the queue cannot
    /// be reached now; asking again later goes on.
    async fn next(&self) -> Result<Delivery>;

    /// The message is done with. Nothing happens if it is not in this consumer's hands any more.
    async fn ack(&self, delivery: &Delivery) -> Result<()>;

    /// The message is to come again, not before `after` has passed. The delays are those that the queue was opened with; any
    /// other is rounded up to the next of them, or down to the longest.
    async fn put_off(&self, delivery: &Delivery, after: Duration, now: Timestamp) -> Result<()>;

    /// The message goes to the dead letters, with the reason, for people.
    async fn bury(&self, delivery: &Delivery, why: &str, now: Timestamp) -> Result<()>;

    /// Takes the dead letters away, and answers how many there were: what they were about has been armed again.
    async fn clear_dead(&self) -> Result<u64>;

    /// What the queue holds now.
    async fn depth(&self) -> Result<Depth>;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: &[u64]) -> Option<Delays> {
        Delays::new(seconds.iter().copied().map(Duration::from_secs))
    }

    #[test]
    fn a_delay_is_rounded_up_or_down_to_the_longest() {
        let delays = seconds(&[300, 60, 300]).unwrap();
        for (asked, given) in [(0, 60), (60, 60), (61, 300), (300, 300), (u64::MAX, 300)] {
            let given = Duration::from_secs(given);
            assert_eq!(delays.round(Duration::from_secs(asked)), given, "{asked}");
        }
        assert_eq!(delays, seconds(&[60, 300]).unwrap());
    }

    #[test]
    fn delays_that_no_queue_can_keep_are_refused() {
        assert_eq!(seconds(&[]), None);
        assert_eq!(seconds(&[0, 60]), None);
        assert_eq!(seconds(&[60, 30 * 24 * 60 * 60 + 1]), None);
        assert_eq!(Delays::new([Duration::from_micros(1500)]), None);
        assert!(Delays::new([Duration::from_millis(1), Delays::LONGEST]).is_some());
    }
}
