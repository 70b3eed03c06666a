//! May the next request of a lane go now, and if not, until when does it wait and why?
//!
//! Four questions, asked in this order. The first that says *wait* decides; if none does, the request goes.
//!
//! 1. **Is the credential closed?** After any limit answer nothing is sent until the stated time. → [`Blocked`]
//! 2. **Is there enough?** Once the request is paid, what the lanes before it may still need has to be left: the policy says
//!    how much that is. A request of an item was paid for when the item began. → [`Reserve`], or [`Blocked`] for what may
//!    spend all there is
//! 3. **Is it due?** Work without a bound of its own may be spread over the window; scrapes and all before them are not.
//!    → [`Pacing`]
//! 4. **Is there room under the secondary limits?** → [`Secondary`]
//!
//! The last one comes last so that a lane that waits for room is one that would otherwise go: the gate then holds the room
//! for it. An answer is a plan, not a promise: it holds until the next observation, after which the questions are asked
//! again. No answer lies beyond the reset of the bucket, or the end of the block, by more than the second that GitHub's own
//! resets are apart.
//!
//! Absent on purpose: queues and turns ([`desk`](crate::desk) has them), and clocks (time is an argument, and so is what it
//! means).
//!
//! [`Blocked`]: WaitReason::Blocked
//! [`Reserve`]: WaitReason::Reserve
//! [`Pacing`]: WaitReason::Pacing
//! [`Secondary`]: WaitReason::Secondary

use std::time::Duration;

use jiff::Timestamp;

use crate::ask::Ask;
use crate::bucket::{Level, Standing};
use crate::fleet::{Fleet, Own};
use crate::lane::Lane;
use crate::policy::Pacer;
use crate::secondary::Ledger;
use crate::skew::Skew;
use crate::time::{MINUTE, SECOND, after};

/// How long the lanes before are left to be the first in a new window that they may need.
const PATIENCE: Duration = MINUTE;

/// Whether a request may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Now.
    Go,
    /// Later.
    Wait(Wait),
}

/// Until when, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    /// When to ask again, by the caller's clock. `None`: when a request in flight has been answered, not before.
    pub until: Option<Timestamp>,
    /// What it waits for.
    pub reason: WaitReason,
}

/// What a request waits for, in the words of metrics and command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WaitReason {
    /// Its turn in the spread of the window.
    Pacing,
    /// The reset, because what is left is for the lanes before it.
    Reserve,
    /// Room under the secondary limits.
    Secondary,
    /// The end of a block, or the reset where nothing is left at all.
    Blocked,
}

impl WaitReason {
    /// Every reason.
    pub const ALL: [WaitReason; 4] = [
        WaitReason::Pacing,
        WaitReason::Reserve,
        WaitReason::Secondary,
        WaitReason::Blocked,
    ];

    /// The name in logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            WaitReason::Pacing => "pacing",
            WaitReason::Reserve => "reserve",
            WaitReason::Secondary => "secondary",
            WaitReason::Blocked => "blocked",
        }
    }

    const fn until(self, until: Option<Timestamp>) -> Wait {
        Wait {
            until,
            reason: self,
        }
    }
}

/// What is known at the moment of a decision, all of it by the caller's clock.
pub(crate) struct Known<'a> {
    pub(crate) closed_until: Option<Timestamp>,
    pub(crate) standing: Standing,
    pub(crate) pacer: Pacer<'a>,
    pub(crate) fleet: &'a Fleet,
    pub(crate) skew: &'a Skew,
    pub(crate) ledger: &'a Ledger,
    /// Whether an item has paid for the request.
    pub(crate) is_prepaid: bool,
    /// What was let through since the other processes were told.
    pub(crate) untold: u64,
    /// How long ago an answer last told of the bucket.
    pub(crate) seen_ago: Duration,
    /// Until when the request was to wait when it was asked about last, for what is slow to look for.
    pub(crate) before: Option<Timestamp>,
}

/// Decides for the next request of a lane.
pub(crate) fn decide(lane: Lane, ask: &Ask, known: &Known<'_>, now: Timestamp) -> Decision {
    let mut wait = is_closed(known);
    if known.pacer.is_paced() {
        wait = wait
            .or_else(|| is_too_little(lane, ask, known, now))
            .or_else(|| is_early(lane, ask, known, now))
            .or_else(|| is_in_the_way(lane, known, now))
            .or_else(|| known.ledger.is_full(lane, ask, now));
    }
    wait.map_or(Decision::Go, Decision::Wait)
}

fn is_closed(known: &Known<'_>) -> Option<Wait> {
    known
        .closed_until
        .map(|until| WaitReason::Blocked.until(Some(until)))
}

/// Whether paying for the request would cut into what is left to the lanes before it.
fn is_too_little(lane: Lane, ask: &Ask, known: &Known<'_>, now: Timestamp) -> Option<Wait> {
    let Standing::Known(level) = known.standing else {
        return None;
    };
    if ask.cost == 0 {
        return None;
    }
    if known.is_prepaid || lane == Lane::Live {
        let wanted = payable(ask.cost, level.limit);
        let is_enough = level.remaining() >= wanted;
        return (!is_enough && !is_doubtful(ask, &level, level.remaining(), wanted))
            .then(|| WaitReason::Blocked.until(level.full_at));
    }
    let pacer = &known.pacer;
    let floor = pacer.floor(lane, level.limit, level.horizon(now));
    // The floor only falls until the reset, so that what fits above it now will fit then.
    let wanted = if ask.cost <= level.limit.saturating_sub(floor) {
        ask.cost
    } else {
        let lowest = pacer.floor(lane, level.limit, Duration::ZERO);
        payable(ask.cost, level.limit.saturating_sub(lowest))
    };
    let needed = floor.saturating_add(wanted);
    if level.free() >= needed {
        if !lane.is_spread() {
            return None;
        }
        let own = Own {
            untold: known.untold,
            outstanding: level.in_flight.saturating_add(level.held),
            under_way: under_way(ask, level.in_flight, level.held),
            seen_ago: known.seen_ago,
        };
        let turn = known
            .fleet
            .turn(level.free() - floor, wanted, own, now, known.skew);
        let latest = level.full_at.unwrap_or(Timestamp::MAX);
        return turn.map(|turn| WaitReason::Reserve.until(Some(turn.min(latest))));
    }
    if let Some(since) = level.full_since {
        // A new window that no answer has shown yet, and the lanes before may need all of it. They will show it; where they
        // do not, one request finds out.
        let patient_until = after(since, PATIENCE);
        let is_under_way = under_way(ask, level.in_flight, level.held) > 0;
        return (patient_until > now || is_under_way)
            .then(|| WaitReason::Reserve.until((patient_until > now).then_some(patient_until)));
    }
    if is_doubtful(ask, &level, level.free(), needed) {
        return None;
    }
    let reason = if floor > 0 || lane.keeps_reserve() {
        WaitReason::Reserve
    } else {
        WaitReason::Blocked
    };
    Some(reason.until(pacer.when_above(lane, &level, wanted, known.before, now)))
}

/// Whether there is no reset to wait for, or only lost answers may have taken too much: one request at a time finds out.
fn is_doubtful(ask: &Ask, level: &Level, available: u64, needed: u64) -> bool {
    let is_doubtful = level.full_at.is_none() || available.saturating_add(level.unseen) >= needed;
    is_doubtful && under_way(ask, level.in_flight, level.held) == 0
}

/// What will tell of a bucket: an answer to come and, for an item that wants to begin, the requests of those that have. A
/// request does not wait for those, which may wait behind it.
fn under_way(ask: &Ask, in_flight: u64, held: u64) -> u64 {
    if ask.is_item() {
        in_flight.saturating_add(held)
    } else {
        in_flight
    }
}

/// What an item is promised before it begins: what it may cost, as far as a window has it. An item that is dearer asks for the
/// rest request by request.
pub(crate) fn promise(lane: Lane, cost: u64, standing: Standing, pacer: &Pacer<'_>) -> u64 {
    match standing {
        Standing::Known(level) if pacer.is_paced() => {
            let lowest = pacer.floor(lane, level.limit, Duration::ZERO);
            payable(cost, level.limit.saturating_sub(lowest))
        }
        // Before the first answer an item is promised one request, which finds out what there is for the others.
        Standing::Unknown { .. } => cost.min(1),
        Standing::Known(_) | Standing::Unlimited => cost,
    }
}

/// What a cost counts for. One that is dearer than a whole window allows would wait for ever; it goes while at least half of
/// what the lane may spend is left, and cuts into the reserve rather than never going at all.
fn payable(cost: u64, headroom: u64) -> u64 {
    if cost > headroom {
        headroom.div_ceil(2)
    } else {
        cost
    }
}

/// Whether the policy has the request wait for its turn.
fn is_early(lane: Lane, ask: &Ask, known: &Known<'_>, now: Timestamp) -> Option<Wait> {
    let level = match known.standing {
        _ if ask.cost == 0 || known.is_prepaid => return None,
        Standing::Unlimited => return None,
        // Before the first answer, one request finds out what there is; all but urgent work waits for it.
        Standing::Unknown { in_flight, held }
            if under_way(ask, in_flight, held) > 0 && lane.keeps_reserve() =>
        {
            return Some(WaitReason::Pacing.until(None));
        }
        Standing::Unknown { .. } => return None,
        Standing::Known(level) => level,
    };
    if !lane.is_spread() {
        return None;
    }
    // A new window that no answer has shown yet: the first request of it finds out where it ends.
    if level.full_at.is_none() && under_way(ask, level.in_flight, level.held) > 0 {
        return Some(WaitReason::Pacing.until(None));
    }
    let slot = known.pacer.slot(lane, &level, now)?;
    (slot > now).then(|| WaitReason::Pacing.until(Some(slot)))
}

/// Whether a burst of live work is under way, which may need all the room there is.
fn is_in_the_way(lane: Lane, known: &Known<'_>, now: Timestamp) -> Option<Wait> {
    (lane.is_spread() && known.pacer.stands_back(now))
        .then(|| WaitReason::Secondary.until(Some(after(now, SECOND))))
}

#[cfg(test)]
mod tests;
