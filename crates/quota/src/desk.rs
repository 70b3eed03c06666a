//! Decides who goes next among everything that waits for one credential, asking [`CredentialQuota`] for each head of a line.
//!
//! It refuses to know what a request is for, how it waits and how it is sent: whoever drives the desk holds the tickets.
//!
//! Lanes go in their order. A lane's requests stand in lines, one for each bucket and each kind of request (`line.rs`), so
//! that a bucket that is empty, or a budget that is spent, holds up only those who need it. Lines of a lane take turns, and
//! so do organisations and repositories within a line (`queues.rs`). Only the head of a line is asked; what is dear
//! therefore holds back what is cheap behind it, and is never overtaken for ever.
//!
//! A request that waits for room under the secondary limits would otherwise go, so that nobody after it takes that room
//! away from it (`hold.rs`). One that waits for anything else holds nobody up.
//!
//! How many wait is bounded by whoever lets them: each has a caller that waits with it. A call takes about as long for a
//! thousand as for one, and allocates nothing once as many have waited before.

mod hold;
mod line;
mod queues;
mod ring;
mod waiters;
mod waits;

use std::collections::VecDeque;

use jiff::Timestamp;

use crate::ask::{Ask, Seen};
use crate::credential::{CredentialQuota, Reservation, Settings};
use crate::lane::Lane;
use crate::pace::{Decision, Wait, WaitReason};
use crate::time::between;
use hold::Holds;
use line::{Kind, Line, Plan, Stall};
use queues::Queues;
use waiters::{State, Waiters};
use waits::Waits;
pub use waits::{WaitTotal, Waiting};

/// Everything that waits for one credential, and what is known of its limits.
#[derive(Debug)]
pub struct Desk {
    quota: CredentialQuota,
    queues: Queues,
    /// By their number in the queues.
    lines: Vec<Line>,
    /// The lines of each lane.
    lanes: [Vec<u32>; Lane::ALL.len()],
    waiters: Waiters,
    served: u64,
    news: VecDeque<Ticket>,
    /// Whether something has happened since the plans were made that may bring one forward.
    is_stale: bool,
    /// Whether an answer has come since, for which some wait, and which leaves a place in flight.
    has_room: bool,
    waits: Waits,
}

/// What a waiting request is known by. Means nothing to another desk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ticket {
    slot: u32,
    number: u64,
}

impl Desk {
    /// A desk that knows of nothing yet.
    pub fn new(settings: Settings) -> Desk {
        Desk {
            quota: CredentialQuota::new(settings),
            queues: Queues::default(),
            lines: Vec::new(),
            lanes: Default::default(),
            waiters: Waiters::default(),
            served: 0,
            news: VecDeque::new(),
            is_stale: false,
            has_room: false,
            waits: Waits::default(),
        }
    }

    /// A request joins its line. It goes with the next [`dispatch`](Desk::dispatch) at the earliest.
    pub fn arrive(&mut self, lane: Lane, ask: Ask, now: Timestamp) -> Ticket {
        let line = self.line(lane, &ask);
        let ticket = self.waiters.take_in(line, ask, now);
        if let State::Waits(ask) = &self.waiters[ticket.slot].state {
            self.queues.push(line, ticket.slot, ticket.number, ask);
        }
        ticket
    }

    /// Lets through whoever may go, and plans the wait of every other head. To be called after anything has changed, and
    /// at [`next_wake`](Desk::next_wake). Forgets the [`news`](Desk::news) of the last time.
    ///
    /// A plan is kept as long as nothing has happened that may bring it forward. What was let through since can only have
    /// put it off, which shows when its time comes.
    pub fn dispatch(&mut self, now: Timestamp) {
        self.news.clear();
        let mut holds = Holds::default();
        for lane in Lane::ALL {
            for line in &self.lanes[lane as usize] {
                self.lines[*line as usize].is_open = self.queues.len(*line) > 0;
            }
            while let Some(line) = self.next(lane) {
                self.ask(line, &mut holds, now);
            }
            holds.end_lane();
        }
        self.is_stale = false;
        self.has_room = false;
    }

    /// The next of those whom the last [`dispatch`](Desk::dispatch) let through or planned anew. To be asked for until
    /// there is none.
    pub fn news(&mut self) -> Option<Ticket> {
        self.news.pop_front()
    }

    /// Hands out the leave of a request that was let through, once.
    pub fn collect(&mut self, ticket: Ticket) -> Option<Reservation> {
        let waiter = self.waiters.get(ticket)?;
        if !matches!(waiter.state, State::Goes(_)) {
            return None;
        }
        match self.waiters.vacate(ticket.slot) {
            State::Goes(reservation) => Some(reservation),
            State::Waits(_) | State::Gone => None,
        }
    }

    /// What a request waits for and until when, if it is the head of its line. The others have no plan of their own.
    pub fn plan(&self, ticket: Ticket) -> Option<Wait> {
        let line = &self.lines[self.waiters.get(ticket)?.line as usize];
        let plan = line.plan.filter(|plan| plan.ticket == ticket)?;
        Some(plan.wait)
    }

    /// When [`dispatch`](Desk::dispatch) has to be called at the latest; none while all wait for answers, or nobody waits.
    pub fn next_wake(&self) -> Option<Timestamp> {
        let plans = self.lines.iter().filter_map(|line| line.plan);
        plans.filter_map(|plan| plan.wait.until).min()
    }

    /// A request gives up, waiting or let through. Says whether others may go for it, so that it is time to
    /// [`dispatch`](Desk::dispatch); not where it was not the head of its line, or is not known.
    pub fn leave(&mut self, ticket: Ticket, now: Timestamp) -> bool {
        let Some(waiter) = self.waiters.get(ticket) else {
            return false;
        };
        let (line, arrived) = (waiter.line, waiter.arrived);
        match self.waiters.vacate(ticket.slot) {
            State::Goes(reservation) => {
                self.refund(reservation, now);
                true
            }
            State::Waits(_) => {
                let was_head = self.queues.head(line) == Some(ticket.slot);
                self.queues.remove(ticket.slot);
                self.count(line, arrived, now);
                if was_head {
                    self.lines[line as usize].plan = None;
                    self.is_stale = true;
                }
                was_head
            }
            State::Gone => false,
        }
    }

    /// Takes what came of a request that was sent. Gives the end of the block, by GitHub's clock, where that began one.
    pub fn settle(
        &mut self,
        reservation: Reservation,
        seen: &Seen,
        now: Timestamp,
    ) -> Option<Timestamp> {
        if seen.refusal.is_none() {
            self.settle_answer(reservation, seen, now);
            return None;
        }
        self.is_stale = true;
        let before = self.quota.report(now).incidents;
        self.quota.settle(reservation, seen, now);
        let report = self.quota.report(now);
        report.closed_until.filter(|_| report.incidents > before)
    }

    /// Most answers only tell of spending, which brings nothing forward but what waits for an answer, or for room.
    fn settle_answer(&mut self, reservation: Reservation, seen: &Seen, now: Timestamp) {
        let resource = reservation.resource().clone();
        let before = self.quota.outlook(&resource, now);
        self.quota.settle(reservation, seen, now);
        let paid = seen.observation.resource.as_ref();
        let is_elsewhere = paid.is_some_and(|paid| *paid != resource);
        self.has_room = true;
        self.is_stale |= is_elsewhere || self.quota.outlook(&resource, now).is_better_than(before);
    }

    /// Gives back the leave of a request that was not sent.
    pub fn refund(&mut self, reservation: Reservation, now: Timestamp) {
        self.is_stale = true;
        self.quota.refund(reservation, now);
    }

    /// What is known of the credential.
    pub fn quota(&self) -> &CredentialQuota {
        &self.quota
    }

    /// The same, to tell it something. What waits is planned anew by the next [`dispatch`](Desk::dispatch).
    pub fn quota_mut(&mut self) -> &mut CredentialQuota {
        self.is_stale = true;
        &mut self.quota
    }

    /// Waits that have ended since the start, by lane and by what they last waited for.
    pub fn waits(&self) -> Vec<WaitTotal> {
        self.waits.totals()
    }

    /// What waits now, by lane and bucket.
    pub fn waiting(&self) -> Vec<Waiting> {
        let planned = (0..).zip(&self.lines).filter_map(|(number, line)| {
            let plan = line.plan?;
            let Wait { until, reason } = plan.wait;
            let waiting = Waiting {
                lane: line.lane,
                resource: line.resource.clone(),
                requests: self.queues.len(number),
                reason,
                until: until.map(|until| self.quota.github_time(until)),
            };
            Some((plan.ticket.number, waiting))
        });
        waits::by_bucket(planned.collect())
    }

    /// The line of a lane whose turn it is among those that are yet to be asked.
    fn next(&self, lane: Lane) -> Option<u32> {
        let open = self.lanes[lane as usize]
            .iter()
            .copied()
            .filter(|line| self.lines[*line as usize].is_open);
        open.min_by_key(|line| self.lines[*line as usize].served)
    }

    /// Asks for the head of a line, and lets it through or plans its wait.
    fn ask(&mut self, number: u32, holds: &mut Holds, now: Timestamp) {
        let line = &mut self.lines[number as usize];
        let head = self.queues.head(number);
        let Some((slot, waiter)) = head.map(|slot| (slot, &mut self.waiters[slot])) else {
            line.is_open = false;
            return;
        };
        let State::Waits(ask) = &waiter.state else {
            unreachable!("who is in a queue waits")
        };
        let ticket = Ticket {
            slot,
            number: waiter.number,
        };
        if line.kind.is_paid && !self.quota.is_prepaid(ask) {
            // Others of its item have used up what was paid since it came.
            return self.stand_elsewhere(number, slot);
        }
        let kept = line.plan.filter(|plan| {
            let is_due = plan.wait.until.is_some_and(|until| until <= now);
            // Whom it holds up depends on how much room there is.
            let is_lasting = plan.stall != Stall::ForContent;
            let waits_for_room =
                plan.wait.until.is_none() || plan.wait.reason == WaitReason::Secondary;
            let is_stale = self.is_stale || (self.has_room && waits_for_room);
            plan.ticket == ticket && is_lasting && !is_stale && !is_due
        });
        let (wait, stall) = if let Some(plan) = kept {
            (plan.wait, plan.stall)
        } else if let Some(wait) = holds.on(ask) {
            (wait, Stall::Held)
        } else {
            let before = line.plan.and_then(|plan| plan.wait.until);
            match self.quota.decide_again(line.lane, ask, before, now) {
                Decision::Go => return self.let_through(number, ticket, now),
                Decision::Wait(wait) if is_for_content(&self.quota, line.lane, ask, wait, now) => {
                    (wait, Stall::ForContent)
                }
                Decision::Wait(wait) => (wait, Stall::Own),
            }
        };
        if stall != Stall::Held {
            holds.add(ask, wait, stall == Stall::ForContent);
        }
        line.is_open = false;
        let plan = Plan {
            ticket,
            wait,
            stall,
        };
        let is_over = wait.until.is_some_and(|until| until <= now);
        let is_news = is_over
            || line
                .plan
                .is_none_or(|old| (old.ticket, old.wait) != (ticket, wait));
        line.plan = Some(plan);
        if is_news {
            self.news.push_back(ticket);
        }
    }

    fn let_through(&mut self, number: u32, ticket: Ticket, now: Timestamp) {
        self.queues.serve(number);
        let arrived = self.waiters[ticket.slot].arrived;
        self.count(number, arrived, now);
        self.served += 1;
        let line = &mut self.lines[number as usize];
        line.served = self.served;
        line.is_open = self.queues.len(number) > 0;
        if !line.is_open {
            line.plan = None;
        }
        let state = &mut self.waiters[ticket.slot].state;
        if let State::Waits(ask) = std::mem::replace(state, State::Gone) {
            *state = State::Goes(self.quota.reserve(line.lane, ask, now).since(arrived));
        }
        self.news.push_back(ticket);
    }

    /// A wait has ended.
    fn count(&mut self, line: u32, arrived: Timestamp, now: Timestamp) {
        let line = &self.lines[line as usize];
        if let Some(plan) = line.plan {
            self.waits
                .add(line.lane, plan.wait.reason, between(arrived, now));
        }
    }

    fn line(&mut self, lane: Lane, ask: &Ask) -> u32 {
        let is_paid = self.quota.is_prepaid(ask);
        let known = self.lanes[lane as usize]
            .iter()
            .find(|line| self.lines[**line as usize].is_for(ask, is_paid));
        if let Some(line) = known {
            return *line;
        }
        let number = self.queues.open();
        self.lines.push(Line {
            lane,
            resource: ask.resource.clone(),
            kind: Kind::of(ask, is_paid),
            plan: None,
            served: self.served,
            is_open: false,
        });
        self.lanes[lane as usize].push(number);
        number
    }

    /// Moves the head of a line to the one where it belongs now, and has it asked there.
    fn stand_elsewhere(&mut self, from: u32, slot: u32) {
        let waiter = &mut self.waiters[slot];
        let State::Waits(ask) = std::mem::replace(&mut waiter.state, State::Gone) else {
            unreachable!("who is in a queue waits")
        };
        let (number, lane) = (waiter.number, self.lines[from as usize].lane);
        self.queues.remove(slot);
        self.lines[from as usize].plan = None;
        let to = self.line(lane, &ask);
        self.queues.push(to, slot, number, &ask);
        self.lines[to as usize].is_open = true;
        let waiter = &mut self.waiters[slot];
        (waiter.line, waiter.state) = (to, State::Waits(ask));
    }
}

/// Whether a request waits for nothing but room to create content: one that creates none would go.
fn is_for_content(
    quota: &CredentialQuota,
    lane: Lane,
    ask: &Ask,
    wait: Wait,
    now: Timestamp,
) -> bool {
    if wait.reason != WaitReason::Secondary || !ask.is_content() {
        return false;
    }
    let points = 4;
    let other = Ask {
        points,
        ..ask.clone()
    };
    quota.decide(lane, &other, now) == Decision::Go
}

#[cfg(test)]
mod tests;
