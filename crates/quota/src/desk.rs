//! Decides who goes next among everything that waits for one credential, asking [`CredentialQuota`] for each head of a
//! line. Refuses to know what a request is for, how it waits and how it is sent: whoever drives the desk holds the tickets.
//!
//! Lanes go in their order. A lane's requests stand in lines, one for each bucket and [`Kind`]: a bucket that is empty, or a
//! budget that is spent, holds up only those who need it. Lines of a lane take turns, and so do organisations and
//! repositories within a line (`queues.rs`). Only the head of a line is asked; what is dear therefore holds back what is
//! cheap behind it, and is never overtaken for ever.
//!
//! A request that waits for room under the secondary limits would otherwise go, so that nobody after it takes that room
//! away from it (`hold.rs`). One that waits for anything else holds nobody up.
//!
//! How many wait is bounded by whoever lets them: each has a caller that waits with it. A call takes about as long for a
//! thousand as for one, and allocates nothing once as many have waited before.

mod hold;
mod queues;
mod ring;

use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;

use crate::ask::{Ask, Seen};
use crate::credential::{CredentialQuota, Reservation, Settings};
use crate::lane::Lane;
use crate::observation::Resource;
use crate::pace::{Decision, Wait, WaitReason};
use crate::time::between;
use hold::Holds;
use queues::Queues;

/// Everything that waits for one credential, and what is known of its limits.
#[derive(Debug)]
pub struct Desk {
    quota: CredentialQuota,
    queues: Queues,
    /// By their number in the queues.
    lines: Vec<Line>,
    /// The lines of each lane.
    lanes: [Vec<u32>; Lane::ALL.len()],
    /// By slot.
    waiters: Vec<Waiter>,
    free: Vec<u32>,
    arrivals: u64,
    served: u64,
    news: VecDeque<Ticket>,
    waits: [[(u64, Duration); WaitReason::ALL.len()]; Lane::ALL.len()],
}

/// What a waiting request is known by. Means nothing to another desk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ticket {
    slot: u32,
    number: u64,
}

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

/// Those who need the same, and the plan for the first of them.
#[derive(Debug)]
struct Line {
    lane: Lane,
    resource: Resource,
    kind: Kind,
    plan: Option<Plan>,
    /// When it last had its turn, by the number of those served before.
    served: u64,
    /// Whether its head is yet to be asked in this dispatch.
    is_open: bool,
}

/// Which budgets a request draws on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Kind {
    is_free: bool,
    is_content: bool,
    is_item: bool,
    /// An item has paid already.
    is_paid: bool,
}

/// What the head of a line waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Plan {
    ticket: Ticket,
    wait: Wait,
}

#[derive(Debug)]
struct Waiter {
    number: u64,
    line: u32,
    arrived: Timestamp,
    state: State,
}

#[derive(Debug)]
enum State {
    Waits(Ask),
    /// Let through, and not yet collected.
    Goes(Reservation),
    /// Nobody has the slot.
    Gone,
}

impl Desk {
    /// A desk that knows of nothing yet.
    pub fn new(settings: Settings) -> Desk {
        Desk {
            quota: CredentialQuota::new(settings),
            queues: Queues::default(),
            lines: Vec::new(),
            lanes: Default::default(),
            waiters: Vec::new(),
            free: Vec::new(),
            arrivals: 0,
            served: 0,
            news: VecDeque::new(),
            waits: Default::default(),
        }
    }

    /// A request joins its line. It goes with the next [`dispatch`](Desk::dispatch) at the earliest.
    pub fn arrive(&mut self, lane: Lane, ask: Ask, now: Timestamp) -> Ticket {
        let line = self.line(lane, &ask);
        self.arrivals += 1;
        let number = self.arrivals;
        let slot = self.free.pop().unwrap_or_else(|| {
            let slot = u32::try_from(self.waiters.len()).expect("memory ends before numbers do");
            self.waiters.push(Waiter {
                number,
                line,
                arrived: now,
                state: State::Gone,
            });
            slot
        });
        self.queues.push(line, slot, number, &ask);
        self.waiters[slot as usize] = Waiter {
            number,
            line,
            arrived: now,
            state: State::Waits(ask),
        };
        Ticket { slot, number }
    }

    /// Lets through whoever may go, and plans the wait of every other head. To be called after anything has changed, and
    /// at [`next_wake`](Desk::next_wake). Forgets the [`news`](Desk::news) of the last time.
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
    }

    /// The next of those whom the last [`dispatch`](Desk::dispatch) let through or planned anew. To be asked for until
    /// there is none.
    pub fn news(&mut self) -> Option<Ticket> {
        self.news.pop_front()
    }

    /// Hands out the leave of a request that was let through, once.
    pub fn collect(&mut self, ticket: Ticket) -> Option<Reservation> {
        let waiter = self.waiter(ticket)?;
        if !matches!(waiter.state, State::Goes(_)) {
            return None;
        }
        match self.vacate(ticket.slot) {
            State::Goes(reservation) => Some(reservation),
            State::Waits(_) | State::Gone => None,
        }
    }

    /// What a request waits for and until when, if it is the head of its line. The others have no plan of their own.
    pub fn plan(&self, ticket: Ticket) -> Option<Wait> {
        let line = &self.lines[self.waiter(ticket)?.line as usize];
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
        let Some(waiter) = self.waiter(ticket) else {
            return false;
        };
        let (line, arrived) = (waiter.line, waiter.arrived);
        match self.vacate(ticket.slot) {
            State::Goes(reservation) => {
                self.quota.refund(reservation, now);
                true
            }
            State::Waits(_) => {
                let was_head = self.queues.head(line) == Some(ticket.slot);
                self.queues.remove(ticket.slot);
                self.count(line, arrived, now);
                if was_head {
                    self.lines[line as usize].plan = None;
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
            self.quota.settle(reservation, seen, now);
            return None;
        }
        let before = self.quota.report(now).incidents;
        self.quota.settle(reservation, seen, now);
        let report = self.quota.report(now);
        report.closed_until.filter(|_| report.incidents > before)
    }

    /// Gives back the leave of a request that was not sent, or of which nothing will be heard.
    pub fn refund(&mut self, reservation: Reservation, now: Timestamp) {
        self.quota.refund(reservation, now);
    }

    /// What is known of the credential.
    pub fn quota(&self) -> &CredentialQuota {
        &self.quota
    }

    /// The same, to tell it something. What waits is planned anew by the next [`dispatch`](Desk::dispatch).
    pub fn quota_mut(&mut self) -> &mut CredentialQuota {
        &mut self.quota
    }

    /// Waits that have ended since the start, by lane and by what they last waited for.
    pub fn waits(&self) -> Vec<WaitTotal> {
        let all = Lane::ALL
            .into_iter()
            .flat_map(|lane| WaitReason::ALL.map(|reason| (lane, reason)));
        all.map(|(lane, reason)| {
            let (count, time) = self.waits[lane as usize][reason as usize];
            WaitTotal {
                lane,
                reason,
                count,
                time,
            }
        })
        .filter(|total| total.count > 0)
        .collect()
    }

    /// What waits now, by lane and bucket.
    pub fn waiting(&self) -> Vec<Waiting> {
        let mut heads: Vec<(Lane, &Resource, u64, Waiting)> = Vec::new();
        for (number, line) in (0..).zip(&self.lines) {
            let (Some(plan), requests) = (line.plan, self.queues.len(number)) else {
                continue;
            };
            let Wait { until, reason } = plan.wait;
            let found = Waiting {
                lane: line.lane,
                resource: line.resource.clone(),
                requests,
                reason,
                until: until.map(|until| self.quota.github_time(until)),
            };
            heads.push((line.lane, &line.resource, plan.ticket.number, found));
        }
        // Several lines of one bucket are one to people; its first is whoever of their heads came first.
        heads.sort_by_key(|(lane, resource, number, _)| (*lane, *resource, *number));
        let mut waiting: Vec<Waiting> = Vec::new();
        for (lane, resource, _, found) in heads {
            match waiting.last_mut() {
                Some(last) if last.lane == lane && last.resource == *resource => {
                    last.requests += found.requests;
                }
                _ => waiting.push(found),
            }
        }
        waiting
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
        let Some((slot, waiter)) = head.map(|slot| (slot, &mut self.waiters[slot as usize])) else {
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
        let held = holds.on(ask);
        let decision = match held {
            Some(wait) => Decision::Wait(wait),
            None => self.quota.decide(line.lane, ask, now),
        };
        match decision {
            Decision::Go => self.let_through(number, ticket, now),
            Decision::Wait(wait) => {
                if held.is_none() {
                    let for_content = line.kind.is_content
                        && wait.reason == WaitReason::Secondary
                        && self.quota.decide(line.lane, &short_of_content(ask), now)
                            == Decision::Go;
                    holds.add(ask, wait, for_content);
                }
                line.is_open = false;
                let plan = Some(Plan { ticket, wait });
                let is_over = wait.until.is_some_and(|until| until <= now);
                if line.plan != plan || is_over {
                    line.plan = plan;
                    self.news.push_back(ticket);
                }
            }
        }
    }

    fn let_through(&mut self, number: u32, ticket: Ticket, now: Timestamp) {
        self.queues.serve(number);
        let arrived = self.waiters[ticket.slot as usize].arrived;
        self.count(number, arrived, now);
        self.served += 1;
        let line = &mut self.lines[number as usize];
        line.served = self.served;
        line.is_open = self.queues.len(number) > 0;
        if !line.is_open {
            line.plan = None;
        }
        let state = &mut self.waiters[ticket.slot as usize].state;
        if let State::Waits(ask) = std::mem::replace(state, State::Gone) {
            *state = State::Goes(self.quota.reserve(line.lane, ask, now));
        }
        self.news.push_back(ticket);
    }

    /// A wait has ended.
    fn count(&mut self, line: u32, arrived: Timestamp, now: Timestamp) {
        let line = &self.lines[line as usize];
        let waited = between(arrived, now);
        if let Some(plan) = line.plan.filter(|_| !waited.is_zero()) {
            let (count, time) = &mut self.waits[line.lane as usize][plan.wait.reason as usize];
            *count += 1;
            *time += waited;
        }
    }

    fn line(&mut self, lane: Lane, ask: &Ask) -> u32 {
        let kind = Kind::of(ask);
        let known = self.lanes[lane as usize].iter().find(|line| {
            let line = &self.lines[**line as usize];
            line.kind == kind && line.resource == ask.resource
        });
        if let Some(line) = known {
            return *line;
        }
        let number = self.queues.open();
        self.lines.push(Line {
            lane,
            resource: ask.resource.clone(),
            kind,
            plan: None,
            served: self.served,
            is_open: false,
        });
        self.lanes[lane as usize].push(number);
        number
    }

    fn waiter(&self, ticket: Ticket) -> Option<&Waiter> {
        let waiter = self.waiters.get(ticket.slot as usize)?;
        (waiter.number == ticket.number).then_some(waiter)
    }

    /// Takes what is in a slot, which is free then.
    fn vacate(&mut self, slot: u32) -> State {
        let waiter = &mut self.waiters[slot as usize];
        let state = std::mem::replace(&mut waiter.state, State::Gone);
        if !matches!(state, State::Gone) {
            self.free.push(slot);
        }
        state
    }
}

impl Kind {
    fn of(ask: &Ask) -> Kind {
        Kind {
            is_free: ask.cost == 0,
            is_content: ask.is_content(),
            is_item: ask.is_item(),
            is_paid: ask.item.is_some(),
        }
    }
}

/// The same request if it created nothing.
fn short_of_content(ask: &Ask) -> Ask {
    Ask {
        points: 4,
        ..ask.clone()
    }
}
