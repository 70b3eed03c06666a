//! Decides whether there is room under GitHub's secondary limits, whose state cannot be asked: one ledger per credential
//! counts what every lane sends. A fifth of each budget stays free for live work.
//!
//! Each constant is from GitHub's [table of secondary limits][table]. GitHub counts some of them per endpoint; the ledger
//! counts all endpoints together, which errs on the careful side. After an incident all budgets are halved, come back
//! slowly, and until then requests keep their distance instead of going in bursts.
//!
//! [table]: https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api#about-secondary-rate-limits

mod rate;
mod sliding;

use std::time::Duration;

use jiff::Timestamp;

use crate::ask::Ask;
use crate::lane::Lane;
use crate::pace::{Wait, WaitReason};
use crate::time::{HOUR, MINUTE, SECOND, after, between};
use rate::Rate;
use sliding::{Room, Sliding};

/// "No more than 100 concurrent requests are allowed", REST and GraphQL together.
const IN_FLIGHT: u64 = 100;
/// Of those, what all lanes after live may take together.
const IN_FLIGHT_NOT_LIVE: u64 = 50;
/// "No more than 900 points per minute are allowed for REST API endpoints".
const REST_POINTS: u64 = 900;
/// "no more than 2,000 points per minute are allowed for the GraphQL API endpoint".
const GRAPHQL_POINTS: u64 = 2000;
/// "no more than 80 content-generating requests per minute".
const CONTENT_PER_MINUTE: u64 = 80;
/// "no more than 500 content-generating requests per hour".
const CONTENT_PER_HOUR: u64 = 500;
/// "No more than 90 seconds of CPU time per 60 seconds of real time is allowed", in milliseconds.
const BUSY: u64 = 90_000;
/// "No more than 60 seconds of this CPU time may be for the GraphQL API."
const GRAPHQL_BUSY: u64 = 60_000;
/// GitHub ends the work on a request after ten seconds; what takes longer is the network.
const LONGEST_WORK: Duration = Duration::from_secs(10);
/// Hundredths of each budget that the lanes after live may use.
const SHARE_NOT_LIVE: f64 = 0.8;
/// What that is of a minute's points of the REST API.
pub const REST_POINTS_LATER: u64 = REST_POINTS * 8 / 10;
/// What that is of a minute's points of GraphQL.
pub const GRAPHQL_POINTS_LATER: u64 = GRAPHQL_POINTS * 8 / 10;
/// What that is of the requests of a minute, and of an hour, that create content.
pub const CONTENT_LATER: [u64; 2] = [CONTENT_PER_MINUTE * 8 / 10, CONTENT_PER_HOUR * 8 / 10];
/// Work that keeps its distance may be ahead of it by this much.
const AHEAD: Duration = SECOND;

/// What one credential has sent lately.
#[derive(Clone, Debug)]
pub struct Ledger {
    rest: Api,
    graphql: Api,
    content_minute: Sliding,
    content_hour: Sliding,
    /// Milliseconds that GitHub worked, by the time that its answers took.
    busy: Sliding,
    /// Of those, for GraphQL.
    graphql_busy: Sliding,
    live_in_flight: u64,
    later_in_flight: u64,
    rate: Rate,
    /// While the rate recovers: when the next request that is not live may go.
    spaced_until: Option<Timestamp>,
    others: Others,
}

/// What other processes that share the credential have told.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Others {
    /// REST points of the last minute.
    pub(crate) rest_points: u64,
    /// GraphQL points of the last minute.
    pub(crate) graphql_points: u64,
    /// Requests that create content of the last minute, and of the last hour.
    pub(crate) content: [u64; 2],
    /// Requests that are not answered.
    pub(crate) in_flight: u64,
    /// How many processes, this one included, the rate is divided by.
    pub(crate) divided_by: u64,
}

/// One of GitHub's two interfaces, each with points of its own.
#[derive(Clone, Debug)]
struct Api {
    points_per_minute: u64,
    points: Sliding,
    in_flight: u64,
    /// Milliseconds that an answer takes, in the long run.
    usual: f64,
    /// When the next request without a bound of its own is due.
    due: Option<Timestamp>,
}

impl Default for Ledger {
    fn default() -> Ledger {
        Ledger {
            rest: Api::new(REST_POINTS),
            graphql: Api::new(GRAPHQL_POINTS),
            content_minute: Sliding::new(MINUTE),
            content_hour: Sliding::new(HOUR),
            busy: Sliding::new(MINUTE),
            graphql_busy: Sliding::new(MINUTE),
            live_in_flight: 0,
            later_in_flight: 0,
            rate: Rate::default(),
            spaced_until: None,
            others: Others {
                rest_points: 0,
                graphql_points: 0,
                content: [0; 2],
                in_flight: 0,
                divided_by: 1,
            },
        }
    }
}

impl Ledger {
    /// Whether a request of `lane` has to wait for room.
    pub fn is_full(&self, lane: Lane, ask: &Ask, now: Timestamp) -> Option<Wait> {
        if ask.is_item() {
            return None;
        }
        let rooms = [
            self.place(lane, now),
            self.points(lane, ask, now),
            self.content(lane, ask, now),
            self.work(lane, ask, now),
            self.distance(lane, ask, now),
        ];
        let wait = |until| {
            Some(Wait {
                until,
                reason: WaitReason::Secondary,
            })
        };
        match rooms.into_iter().max().unwrap_or(Room::Now) {
            Room::Now => None,
            Room::At(until) => wait(Some(until)),
            Room::WhenAnswered => wait(None),
        }
    }

    /// A request leaves.
    pub fn sent(&mut self, lane: Lane, ask: &Ask, now: Timestamp) {
        if ask.is_item() {
            return;
        }
        let spacing = self.spacing(ask, now);
        self.spaced_until = (!self.rate.is_whole(now)).then(|| after(now, spacing));
        let api = self.api_mut(ask);
        if lane.is_spread() {
            api.due = Some(after(api.due.map_or(now, |due| due.max(now)), spacing));
        }
        api.points.add(ask.points, now);
        api.in_flight += 1;
        if ask.is_content() {
            self.content_minute.add(1, now);
            self.content_hour.add(1, now);
        }
        *self.places(lane) += 1;
    }

    /// A request is no longer in flight; `took` is how long its answer took, where one came.
    pub fn ended(&mut self, lane: Lane, ask: &Ask, took: Option<Duration>, now: Timestamp) {
        if ask.is_item() {
            return;
        }
        let places = self.places(lane);
        *places = places.saturating_sub(1);
        let api = self.api_mut(ask);
        api.in_flight = api.in_flight.saturating_sub(1);
        if let Some(took) = took {
            let millis = took.min(LONGEST_WORK).as_millis();
            api.usual += (millis as f64 - api.usual) * 0.2;
            let millis = u64::try_from(millis).unwrap_or(u64::MAX);
            self.busy.add(millis, now);
            if ask.resource.is_graphql() {
                self.graphql_busy.add(millis, now);
            }
        }
    }

    /// A request that was to leave at `then` was not sent: nothing of it counts.
    pub fn unsent(&mut self, lane: Lane, ask: &Ask, then: Timestamp, now: Timestamp) {
        if ask.is_item() {
            return;
        }
        self.ended(lane, ask, None, now);
        let spacing = self.spacing(ask, now);
        let api = self.api_mut(ask);
        if lane.is_spread() {
            api.due = api.due.and_then(|due| due.checked_sub(spacing).ok());
        }
        api.points.take_back(ask.points, then);
        if ask.is_content() {
            self.content_minute.take_back(1, then);
            self.content_hour.take_back(1, then);
        }
    }

    /// A limit was met: half the rate once the credential reopens.
    pub fn incident(&mut self, reopens: Timestamp, now: Timestamp) {
        self.rate.halve(reopens, now);
    }

    /// The part of each budget that is in use: 1, and less after an incident.
    pub fn rate(&self, now: Timestamp) -> f64 {
        self.rate.at(now)
    }

    /// Requests that are not answered.
    pub fn in_flight(&self) -> u64 {
        self.live_in_flight + self.later_in_flight
    }

    /// What other processes have told.
    pub(crate) fn hear(&mut self, others: Others) {
        self.others = others;
    }

    /// Points of REST and of GraphQL that were sent in the last minute.
    pub(crate) fn points_sent(&self, now: Timestamp) -> [u64; 2] {
        [&self.rest, &self.graphql].map(|api| api.points.sum(now))
    }

    /// Requests that create content that were sent in the last minute, and in the last hour.
    pub(crate) fn content_sent(&self, now: Timestamp) -> [u64; 2] {
        [&self.content_minute, &self.content_hour].map(|sent| sent.sum(now))
    }

    /// Whether work without a bound of its own went in the last minute.
    pub(crate) fn is_busy(&self, now: Timestamp) -> bool {
        let latest = self.rest.due.max(self.graphql.due);
        latest.is_some_and(|due| after(due, MINUTE) > now)
    }

    fn place(&self, lane: Lane, now: Timestamp) -> Room {
        let own = self.in_flight();
        let all = own.saturating_add(self.others.in_flight);
        let is_free = match lane {
            Lane::Live => all < self.budget(IN_FLIGHT, 1.0, now),
            _ => {
                all < self.budget(IN_FLIGHT, SHARE_NOT_LIVE, now)
                    && self.later_in_flight
                        < self.budget(IN_FLIGHT_NOT_LIVE, 1.0, now) / self.others.divided_by
            }
        };
        // A place that this process does not hold is always free: there is no answer to wait for.
        if is_free || own == 0 {
            Room::Now
        } else {
            Room::WhenAnswered
        }
    }

    fn points(&self, lane: Lane, ask: &Ask, now: Timestamp) -> Room {
        let api = self.api(ask);
        let others = if ask.resource.is_graphql() {
            self.others.graphql_points
        } else {
            self.others.rest_points
        };
        let budget = self.budget(api.points_per_minute, share(lane), now);
        api.points
            .room(ask.points, budget.saturating_sub(others).max(1), now)
    }

    fn content(&self, lane: Lane, ask: &Ask, now: Timestamp) -> Room {
        if !ask.is_content() {
            return Room::Now;
        }
        let [in_minute, in_hour] = self.others.content;
        let left = |limit: u64, others: u64| {
            let budget = self.budget(limit, share(lane), now);
            budget.saturating_sub(others).max(1)
        };
        let minute = left(CONTENT_PER_MINUTE, in_minute);
        let hour = left(CONTENT_PER_HOUR, in_hour);
        let minute = self.content_minute.room(1, minute, now);
        minute.max(self.content_hour.room(1, hour, now))
    }

    /// Room for the work that the answer will make. It is an estimate, so it never delays live work: what the other lanes
    /// leave free is for that.
    fn work(&self, lane: Lane, ask: &Ask, now: Timestamp) -> Room {
        if lane == Lane::Live {
            return Room::Now;
        }
        let next = self.api(ask).usual;
        let graphql = match ask.resource.is_graphql() {
            true => self.graphql_busy.for_work(
                self.graphql.under_way() + next,
                self.budget(GRAPHQL_BUSY, SHARE_NOT_LIVE, now) / self.others.divided_by,
                now,
            ),
            false => Room::Now,
        };
        let under_way = self.rest.under_way() + self.graphql.under_way();
        let both = self.busy.for_work(
            under_way + next,
            self.budget(BUSY, SHARE_NOT_LIVE, now) / self.others.divided_by,
            now,
        );
        match graphql.max(both) {
            Room::WhenAnswered if self.in_flight() == 0 => Room::Now,
            room => room,
        }
    }

    fn distance(&self, lane: Lane, ask: &Ask, now: Timestamp) -> Room {
        let recovering = self
            .spaced_until
            .filter(|until| lane != Lane::Live && *until > now && !self.rate.is_whole(now));
        let due = self
            .api(ask)
            .due
            .filter(|due| lane.is_spread() && between(now, *due) > AHEAD)
            .map(|due| due.checked_sub(AHEAD).unwrap_or(due));
        recovering.max(due).map_or(Room::Now, Room::At)
    }

    /// How far the next request stays behind this one, where requests keep their distance.
    fn spacing(&self, ask: &Ask, now: Timestamp) -> Duration {
        let budget = self.budget(self.api(ask).points_per_minute, SHARE_NOT_LIVE, now);
        let share = ask.points.saturating_mul(self.others.divided_by);
        MINUTE.mul_f64(share as f64 / budget as f64)
    }

    /// A part of a limit at the rate of the moment; never nothing.
    fn budget(&self, limit: u64, share: f64, now: Timestamp) -> u64 {
        ((limit as f64 * share * self.rate.at(now)) as u64).max(1)
    }

    fn api(&self, ask: &Ask) -> &Api {
        if ask.resource.is_graphql() {
            &self.graphql
        } else {
            &self.rest
        }
    }

    fn api_mut(&mut self, ask: &Ask) -> &mut Api {
        if ask.resource.is_graphql() {
            &mut self.graphql
        } else {
            &mut self.rest
        }
    }

    fn places(&mut self, lane: Lane) -> &mut u64 {
        if lane == Lane::Live {
            &mut self.live_in_flight
        } else {
            &mut self.later_in_flight
        }
    }
}

impl Api {
    fn new(points_per_minute: u64) -> Api {
        Api {
            points_per_minute,
            points: Sliding::new(MINUTE),
            in_flight: 0,
            usual: 0.0,
            due: None,
        }
    }

    /// Milliseconds that the requests in flight will probably take.
    fn under_way(&self) -> f64 {
        self.usual * self.in_flight as f64
    }
}

fn share(lane: Lane) -> f64 {
    if lane == Lane::Live {
        1.0
    } else {
        SHARE_NOT_LIVE
    }
}

#[cfg(test)]
mod tests;
