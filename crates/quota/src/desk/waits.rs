//! What is told of those who wait, to metrics and people. Decides nothing.

use std::time::Duration;

use jiff::Timestamp;

use crate::lane::Lane;
use crate::observation::Resource;
use crate::pace::WaitReason;

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

/// The sums of all waits that have ended, by lane and by reason.
#[derive(Clone, Debug, Default)]
pub(super) struct Waits {
    sums: [[(u64, Duration); WaitReason::ALL.len()]; Lane::ALL.len()],
}

impl Waits {
    /// A wait has ended.
    pub(super) fn add(&mut self, lane: Lane, reason: WaitReason, waited: Duration) {
        if !waited.is_zero() {
            let (count, time) = &mut self.sums[lane as usize][reason as usize];
            *count += 1;
            *time += waited;
        }
    }

    /// Those that there were.
    pub(super) fn totals(&self) -> Vec<WaitTotal> {
        let all = Lane::ALL
            .into_iter()
            .flat_map(|lane| WaitReason::ALL.map(|reason| (lane, reason)));
        let totals = all.map(|(lane, reason)| {
            let (count, time) = self.sums[lane as usize][reason as usize];
            WaitTotal {
                lane,
                reason,
                count,
                time,
            }
        });
        totals.filter(|total| total.count > 0).collect()
    }
}

/// Several lines of one bucket are one to people. Its plan is that of whoever of their heads came first, by their numbers.
pub(super) fn by_bucket(mut lines: Vec<(u64, Waiting)>) -> Vec<Waiting> {
    lines.sort_by(|(one, first), (other, second)| {
        let by_bucket = (first.lane, &first.resource).cmp(&(second.lane, &second.resource));
        by_bucket.then(one.cmp(other))
    });
    let mut waiting: Vec<Waiting> = Vec::new();
    for (_, line) in lines {
        match waiting.last_mut() {
            Some(last) if last.lane == line.lane && last.resource == line.resource => {
                last.requests += line.requests;
            }
            _ => waiting.push(line),
        }
    }
    waiting
}
