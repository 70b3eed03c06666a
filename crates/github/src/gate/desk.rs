//! Decides who goes next among everything that waits for one credential. Asks `quota` for each head of a queue, lane by
//! lane, and lets through whoever may go. Synchronous: the gate holds its lock for the length of a call.
//!
//! A lane that waits for room under the secondary limits would otherwise go, so that later lanes do not take that room
//! away from it. A lane that waits for anything else holds nobody up.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use quota::{
    Ask, CredentialQuota, Decision, Lane, Reservation, Resource, Seen, Settings, Wait, WaitReason,
};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::queue::{Queue, Turn, Waiter};
use super::{CredentialReport, WaitTotal, Waiting};

/// What waits for a reset or for the end of a block wakes within this time after it, so that processes do not all come back
/// in one instant.
const JITTER: Duration = Duration::from_secs(1);

/// One moment by both clocks: what `quota` reckons with, and what the runtime sleeps by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) now: Timestamp,
    pub(super) instant: Instant,
}

/// Everything that waits for one credential, and what is known of its limits.
#[derive(Debug)]
pub(super) struct Desk {
    quota: CredentialQuota,
    lanes: BTreeMap<Lane, BTreeMap<Resource, Line>>,
    /// Let through, and not yet collected by whoever waits.
    granted: HashMap<u64, Reservation>,
    tickets: u64,
    waits: BTreeMap<(Lane, WaitReason), (u64, Duration)>,
}

/// A queue and the plan for its head.
#[derive(Debug, Default)]
struct Line {
    queue: Queue,
    plan: Option<Plan>,
}

/// What the head of a queue waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Plan {
    ticket: u64,
    wait: Wait,
    wake: Option<Instant>,
}

impl Desk {
    pub(super) fn new(settings: Settings) -> Desk {
        Desk {
            quota: CredentialQuota::new(settings),
            lanes: BTreeMap::new(),
            granted: HashMap::new(),
            tickets: 0,
            waits: BTreeMap::new(),
        }
    }

    /// A request joins its queue.
    pub(super) fn arrive(
        &mut self,
        lane: Lane,
        ask: Ask,
        notify: Arc<Notify>,
        moment: Moment,
    ) -> Turn {
        self.tickets += 1;
        let ticket = self.tickets;
        let resource = ask.resource.clone();
        let line = self
            .lanes
            .entry(lane)
            .or_default()
            .entry(resource.clone())
            .or_default();
        let round = line.queue.push(
            ticket,
            Waiter {
                ask,
                arrived: moment.instant,
                notify,
            },
        );
        Turn {
            lane,
            resource,
            round,
            ticket,
        }
    }

    /// Lets through whoever may go, and plans the wait of every other head. To be called after anything has changed.
    pub(super) fn dispatch(&mut self, moment: Moment) {
        let mut holds: Vec<(bool, Wait)> = Vec::new();
        for (lane, lines) in &mut self.lanes {
            let mut stalled: Vec<(bool, Wait)> = Vec::new();
            let mut open: Vec<&mut Line> = lines.values_mut().collect();
            // Within a lane, the request that has waited longest goes first, whichever bucket pays.
            while let Some(next) = oldest(&open) {
                let line = &mut *open[next];
                let Some((ticket, head)) = line.queue.head() else {
                    break;
                };
                let is_graphql = head.ask.resource.is_graphql();
                match held(&holds, is_graphql).map_or_else(
                    || self.quota.decide(*lane, &head.ask, moment.now),
                    Decision::Wait,
                ) {
                    Decision::Go => {
                        let Some((ticket, waiter)) = line.queue.serve() else {
                            break;
                        };
                        let reason = line.plan.map(|plan| plan.wait.reason);
                        count(&mut self.waits, *lane, reason, &waiter, moment.instant);
                        self.granted
                            .insert(ticket, self.quota.reserve(*lane, waiter.ask, moment.now));
                        waiter.notify.notify_one();
                    }
                    Decision::Wait(wait) => {
                        if wait.reason == WaitReason::Secondary {
                            stalled.push((is_graphql, wait));
                        }
                        line.plan(ticket, wait, moment);
                        open.swap_remove(next);
                    }
                }
            }
            holds.append(&mut stalled);
        }
        for lines in self.lanes.values_mut() {
            lines.retain(|_, line| !line.queue.is_empty());
        }
    }

    /// Hands out the leave of a request that was let through.
    pub(super) fn collect(&mut self, turn: &Turn) -> Option<Reservation> {
        self.granted.remove(&turn.ticket)
    }

    /// When a waiting request has to call [`dispatch`](Desk::dispatch) itself; only the head of a queue does.
    pub(super) fn wake(&self, turn: &Turn) -> Option<Instant> {
        let line = self.lanes.get(&turn.lane)?.get(&turn.resource)?;
        line.plan.filter(|plan| plan.ticket == turn.ticket)?.wake
    }

    /// A request gives up waiting. Says whether that changed anything.
    pub(super) fn leave(&mut self, turn: &Turn, moment: Moment) -> bool {
        if let Some(reservation) = self.granted.remove(&turn.ticket) {
            self.quota.refund(reservation, moment.now);
            return true;
        }
        let line = self
            .lanes
            .get_mut(&turn.lane)
            .and_then(|lines| lines.get_mut(&turn.resource));
        let Some((line, waiter)) = line.and_then(|line| {
            line.queue
                .remove(turn.round, turn.ticket)
                .map(|waiter| (line, waiter))
        }) else {
            return false;
        };
        count(
            &mut self.waits,
            turn.lane,
            line.plan.map(|plan| plan.wait.reason),
            &waiter,
            moment.instant,
        );
        true
    }

    /// Takes what came of a request. Gives the end of the block, by GitHub's clock, where that began one.
    pub(super) fn settle(
        &mut self,
        reservation: Reservation,
        seen: &Seen,
        moment: Moment,
    ) -> Option<Timestamp> {
        if seen.refusal.is_none() {
            self.quota.settle(reservation, seen, moment.now);
            return None;
        }
        let before = self.quota.report(moment.now).incidents;
        self.quota.settle(reservation, seen, moment.now);
        let report = self.quota.report(moment.now);
        report.closed_until.filter(|_| report.incidents > before)
    }

    pub(super) fn refund(&mut self, reservation: Reservation, moment: Moment) {
        self.quota.refund(reservation, moment.now);
    }

    pub(super) fn close(&mut self, until: Timestamp) {
        self.quota.close(until, Timestamp::UNIX_EPOCH);
    }

    pub(super) fn is_open(&self, reservation: &Reservation, now: Timestamp) -> bool {
        self.quota.is_open(reservation, now)
    }

    pub(super) fn report(&self, credential: &str, now: Timestamp) -> CredentialReport {
        let waits = self
            .waits
            .iter()
            .map(|((lane, reason), (count, time))| WaitTotal {
                lane: *lane,
                reason: *reason,
                count: *count,
                time: *time,
            });
        let lines = self
            .lanes
            .iter()
            .flat_map(|(lane, lines)| lines.iter().map(|(resource, line)| (*lane, resource, line)));
        let waiting = lines.filter_map(|(lane, resource, line)| {
            let Wait { until, reason } = line.plan?.wait;
            let until = until.map(|until| self.quota.github_time(until));
            Some(Waiting {
                lane,
                resource: resource.clone(),
                requests: line.queue.len(),
                reason,
                until,
            })
        });
        CredentialReport {
            credential: credential.to_owned(),
            quota: self.quota.report(now),
            waits: waits.collect(),
            waiting: waiting.collect(),
        }
    }
}

impl Line {
    /// Plans the head's wait, and wakes whoever waits if that is news.
    fn plan(&mut self, ticket: u64, wait: Wait, moment: Moment) {
        if self
            .plan
            .is_some_and(|plan| plan.ticket == ticket && plan.wait == wait)
        {
            return;
        }
        let wake = wait.until.map(|until| {
            let wait_for = Duration::try_from(until.duration_since(moment.now)).unwrap_or_default();
            moment.instant + wait_for + jitter(wait.reason)
        });
        self.plan = Some(Plan { ticket, wait, wake });
        if let Some((_, head)) = self.queue.head() {
            head.notify.notify_one();
        }
    }
}

/// The queue whose head came first.
fn oldest(lines: &[&mut Line]) -> Option<usize> {
    let heads = lines
        .iter()
        .enumerate()
        .filter_map(|(index, line)| Some((line.queue.head()?.0, index)));
    heads.min().map(|(_, index)| index)
}

/// The wait of an earlier lane that a request would take the room from: a place in flight is everybody's, points are of
/// one interface.
fn held(holds: &[(bool, Wait)], is_graphql: bool) -> Option<Wait> {
    holds
        .iter()
        .find(|(of_graphql, wait)| wait.until.is_none() || *of_graphql == is_graphql)
        .map(|(_, wait)| *wait)
}

fn count(
    waits: &mut BTreeMap<(Lane, WaitReason), (u64, Duration)>,
    lane: Lane,
    reason: Option<WaitReason>,
    waiter: &Waiter,
    now: Instant,
) {
    let waited = now.saturating_duration_since(waiter.arrived);
    if let Some(reason) = reason.filter(|_| !waited.is_zero()) {
        let (count, time) = waits.entry((lane, reason)).or_default();
        *count += 1;
        *time += waited;
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
