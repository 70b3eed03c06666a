//! What is known of one credential, and the two calls that use it: [`decide`](CredentialQuota::decide) before a request,
//! [`settle`](CredentialQuota::settle) after it.
//!
//! Ties buckets, secondary ledger, block and clock together and decides nothing of its own.
//!
//! Every method takes the caller's time, and every time that it returns is the caller's, except in a [`Report`], which is
//! for people and speaks of GitHub's.

mod fleet;
mod metered;
mod report;

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::ask::{Ask, Seen};
use crate::block::{Block, Epoch, LONGEST_STATED};
use crate::bucket::{GRACE, LONGEST_WINDOW, Standing};
use crate::demand::Learnt;
use crate::fleet::Fleet;
use crate::forecast::Forecast;
use crate::item::{ItemId, Items};
use crate::lane::Lane;
use crate::observation::{Observation, Resource};
use crate::pace::{self, Decision, Known};
use crate::policy::{Pacer, Policy};
use crate::refusal::Refusal;
use crate::reserve;
use crate::secondary::Ledger;
use crate::skew::Skew;
use crate::time::{MINUTE, after, between};
use metered::Metered;
pub use report::{Report, ResourceReport};

/// What an operator chooses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// What scrapes, backfills and bulk jobs leave of each bucket to live work: requests or points per window. Never more
    /// than 40 % of a limit.
    pub reserve: u64,
    /// How the lanes after live are paced.
    pub policy: Policy,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            reserve: reserve::DEFAULT,
            policy: Policy::default(),
        }
    }
}

/// Ends of a block that are closer than this are one end: GitHub's waits are whole seconds, and each process knows GitHub's
/// clock to a second.
const SAME_BLOCK: Duration = Duration::from_secs(5);

/// So many buckets are remembered of those that only others name: headers, other processes and what was kept. GitHub has about
/// fifteen.
const MOST_HEARD_OF: usize = 64;

/// Everything that is known of one credential's limits.
#[derive(Clone, Debug)]
pub struct CredentialQuota {
    settings: Settings,
    resources: Resources,
    items: Items,
    ledger: Ledger,
    block: Block,
    skew: Skew,
    fleet: Fleet,
    refused: u64,
    secondary_hits: u64,
}

/// Every bucket that was asked or seen.
#[derive(Clone, Debug, Default)]
struct Resources {
    known: BTreeMap<Resource, Metered>,
    /// What all others look like: nothing has happened to them for as long as we look.
    unknown: Metered,
}

/// What waits for a bucket can look forward to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outlook {
    Open,
    Known {
        free: u64,
        /// Limit, when the bucket is full again by GitHub's clock, and how far that clock is ahead.
        window: (u64, Option<Timestamp>, SignedDuration),
    },
}

impl Outlook {
    /// Whether what waits may go sooner than it was to before.
    pub(crate) fn is_better_than(self, before: Outlook) -> bool {
        match (self, before) {
            (
                Outlook::Known { free, window },
                Outlook::Known {
                    free: free_before,
                    window: window_before,
                },
            ) => free > free_before || window != window_before,
            _ => true,
        }
    }
}

/// The place of a request that was let through. Has to be given back, by [`settle`](CredentialQuota::settle) once it was
/// sent, or by [`refund`](CredentialQuota::refund) if it was not.
#[derive(Debug)]
#[must_use = "a place that is not given back counts as in flight for ever"]
pub struct Reservation {
    lane: Lane,
    ask: Ask,
    epoch: Epoch,
    /// The part that an item has paid.
    prepaid: u64,
    /// When it came.
    arrived: Timestamp,
    /// When it was let through.
    left: Timestamp,
}

impl Reservation {
    /// The bucket that was asked.
    pub(crate) fn resource(&self) -> &Resource {
        &self.ask.resource
    }

    /// The same, for a request that came at `arrived` and has waited.
    pub(crate) fn since(self, arrived: Timestamp) -> Reservation {
        Reservation { arrived, ..self }
    }

    /// The lane that the request goes in.
    pub fn lane(&self) -> Lane {
        self.lane
    }
}

impl CredentialQuota {
    /// A credential of which nothing is known.
    pub fn new(settings: Settings) -> CredentialQuota {
        CredentialQuota {
            settings,
            resources: Resources::default(),
            items: Items::default(),
            ledger: Ledger::default(),
            block: Block::default(),
            skew: Skew::default(),
            fleet: Fleet::default(),
            refused: 0,
            secondary_hits: 0,
        }
    }

    /// Whether a request may go at `now`, or an item begin. A plan, which holds until the next call that changes anything.
    pub fn decide(&self, lane: Lane, ask: &Ask, now: Timestamp) -> Decision {
        self.decide_again(lane, ask, None, now)
    }

    /// The same for a request that was asked about before, and was to wait until `before`. Answers the same, and sooner.
    pub(crate) fn decide_again(
        &self,
        lane: Lane,
        ask: &Ask,
        before: Option<Timestamp>,
        now: Timestamp,
    ) -> Decision {
        let metered = self.resources.known.get(&ask.resource);
        let known = Known {
            closed_until: self.block.until(now),
            standing: self.standing(metered, now),
            pacer: self.pacer(metered, now),
            fleet: &self.fleet,
            skew: &self.skew,
            ledger: &self.ledger,
            is_prepaid: self.is_prepaid(ask),
            untold: metered.map_or(0, |metered| metered.untold),
            seen_ago: seen_ago(metered, now),
            before,
        };
        pace::decide(lane, ask, &known, now)
    }

    /// Lets a request through: it counts as used and in flight from now on. An item is promised what it may cost.
    pub fn reserve(&mut self, lane: Lane, ask: Ask, now: Timestamp) -> Reservation {
        let mut ask = ask;
        if ask.is_item() {
            let metered = self.resources.known.get(&ask.resource);
            let pacer = self.pacer(metered, now);
            ask.cost = pace::promise(lane, ask.cost, self.standing(metered, now), &pacer);
        }
        let prepaid = ask
            .item
            .map_or(0, |item| self.items.take(item, &ask.resource, ask.cost));
        let is_paced = lane.is_spread() && ask.cost > prepaid;
        let skew = &self.skew;
        let metered = self.resources.of(&ask.resource);
        if is_paced && let Standing::Known(level) = metered.standing(skew, now) {
            metered.even.granted(&level, now);
        }
        metered.untold = metered.untold.saturating_add(ask.cost - prepaid);
        metered.bucket.unhold(prepaid);
        if ask.is_item() {
            metered.bucket.hold(ask.cost);
        } else {
            metered.bucket.reserve(ask.cost);
        }
        self.ledger.sent(lane, &ask, now);
        Reservation {
            lane,
            ask,
            epoch: self.block.epoch(),
            prepaid,
            arrived: now,
            left: now,
        }
    }

    /// Begins an item whose [`Ask::item`] was let through. Requests [`within`](Ask::within) it are paid for until they have
    /// cost what was expected; beyond that they are asked about like any other.
    pub fn begin(&mut self, reservation: Reservation) -> ItemId {
        let Reservation { ask, .. } = reservation;
        self.items.begin(ask.resource, ask.cost)
    }

    /// Ends an item and gives back what it did not spend.
    pub fn end(&mut self, item: ItemId) {
        if let Some((resource, left)) = self.items.end(item) {
            self.resources.of(&resource).bucket.unhold(left);
        }
    }

    /// Takes what came of a request that was sent, at the moment it came. Failed ones too: their headers tell as much.
    pub fn settle(&mut self, reservation: Reservation, seen: &Seen, now: Timestamp) {
        let Reservation {
            lane,
            ask,
            epoch,
            prepaid,
            arrived,
            left: _,
        } = reservation;
        self.ledger.ended(lane, &ask, Some(seen.took), now);
        let cost = match &seen.refusal {
            Some(_) => 0,
            None => seen.charged.unwrap_or(ask.cost),
        };
        self.resources.of(&ask.resource).bucket.release(ask.cost);
        self.give_back(&ask, prepaid.saturating_sub(cost));
        self.take_more(&ask, cost.saturating_sub(prepaid));
        let observation = &seen.observation;
        let is_told = self.take(&ask, seen, now);
        let paid = observation.resource.as_ref().unwrap_or(&ask.resource);
        if let Some(payer) = self.resources.heard_of(paid) {
            payer.spent(lane, cost, observation.reset, arrived, now);
        }
        if is_told {
            self.account(paid, now);
        }
        if let Some(refusal) = &seen.refusal {
            self.close_by(refusal, observation, epoch, now);
        }
    }

    /// Gives back the place of a request that was not sent. One that was sent and of which nothing will be heard is
    /// [settled](CredentialQuota::settle) by a [`Seen`] that says nothing.
    pub fn refund(&mut self, reservation: Reservation, now: Timestamp) {
        let Reservation {
            lane,
            ask,
            prepaid,
            left,
            ..
        } = reservation;
        self.ledger.unsent(lane, &ask, left, now);
        let bucket = &mut self.resources.of(&ask.resource).bucket;
        if ask.is_item() {
            bucket.unhold(ask.cost);
        } else {
            bucket.release(ask.cost);
        }
        self.give_back(&ask, prepaid);
    }

    /// What an item has paid for a request that cost less.
    fn give_back(&mut self, ask: &Ask, cost: u64) {
        if let Some(item) = ask.item
            && cost > 0
            && self.items.give(item, &ask.resource, cost)
        {
            self.resources.of(&ask.resource).bucket.hold(cost);
        }
    }

    /// What a request has cost beyond what its item had paid for it.
    fn take_more(&mut self, ask: &Ask, cost: u64) {
        if let Some(item) = ask.item {
            let taken = self.items.take(item, &ask.resource, cost);
            self.resources.of(&ask.resource).bucket.unhold(taken);
        }
    }

    /// Takes headers that came outside of a reservation.
    pub fn observe(&mut self, resource: &Resource, observation: &Observation, now: Timestamp) {
        self.see(resource, observation, now);
        let paid = observation.resource.as_ref().unwrap_or(resource);
        self.account(paid, now);
    }

    /// Folds headers into the bucket that paid.
    fn see(&mut self, resource: &Resource, observation: &Observation, now: Timestamp) {
        if let Some(date) = observation.date {
            self.skew.observe(date, now);
        }
        let github = self.skew.github(now);
        let paid = observation.resource.as_ref().unwrap_or(resource);
        if let Some(payer) = self.resources.heard_of(paid) {
            payer.bucket.observe(observation, github);
            payer.seen = Some(now);
            payer.roll_over(github, now);
        }
        if paid != resource {
            self.resources.of(resource).bucket.answered_elsewhere();
        }
    }

    /// Finds what nobody who is known has spent, once everything that is known has been counted.
    fn account(&mut self, resource: &Resource, now: Timestamp) {
        let (skew, is_joined) = (&self.skew, self.fleet.is_joined());
        let Some(metered) = self.resources.heard_of(resource) else {
            return;
        };
        // One who listens to others may be about to hear of a newcomer who has spent it.
        if !is_joined {
            metered.account(skew.github(now), now);
        }
        if let Standing::Known(level) = metered.standing(skew, now) {
            metered.trend.note(&level, now);
        }
    }

    /// Closes the credential until `until`, by GitHub's clock: a block that an earlier run or another process has met.
    /// Afterwards the rate begins at half, as after one of our own.
    ///
    /// An end that is further away than any that is obeyed is a mistake, and closes nothing.
    pub fn close(&mut self, until: Timestamp, now: Timestamp) {
        let until = self.skew.local(until);
        if until > after(now, LONGEST_STATED.saturating_add(MINUTE)) {
            return;
        }
        // Others may take a block to last a little longer than we did.
        let known = self.block.end();
        self.block.close(until);
        self.note_incident(known, now);
    }

    /// What was learnt of every bucket, to be kept across restarts.
    pub fn learnt(&self) -> Learnt {
        let resources = self.resources.known.iter();
        Learnt {
            resources: resources
                .map(|(resource, metered)| (resource.as_str().to_owned(), metered.demand.hours()))
                .collect(),
        }
    }

    /// Takes in what an earlier run, or another process, has learnt. May be repeated.
    pub fn learn(&mut self, learnt: &Learnt, now: Timestamp) {
        for (name, hours) in &learnt.resources {
            if let Some(metered) = self.resources.heard_of(&Resource::new(name.clone())) {
                metered.demand.merge(hours, now);
            }
        }
    }

    /// What is to be expected of a bucket at its reset; nothing where that is not known.
    pub fn forecast(&self, resource: &Resource, now: Timestamp) -> Option<Forecast> {
        let metered = self.resources.known.get(resource)?;
        match metered.standing(&self.skew, now) {
            Standing::Known(level) => metered.trend.forecast(&level, now),
            _ => None,
        }
    }

    /// What `lane` has to leave of a bucket at `now`; nothing where no limit is known.
    pub fn floor(&self, lane: Lane, resource: &Resource, now: Timestamp) -> Option<u64> {
        let metered = self.resources.known.get(resource)?;
        match metered.standing(&self.skew, now) {
            Standing::Known(level) => {
                let pacer = self.pacer(Some(metered), now);
                Some(match lane {
                    Lane::Live => 0,
                    _ => pacer.floor(lane, level.limit, level.horizon(now)),
                })
            }
            _ => None,
        }
    }

    /// Whether a request that was let through may still be sent: nothing has closed the credential since.
    pub fn is_open(&self, reservation: &Reservation, now: Timestamp) -> bool {
        reservation.epoch == self.block.epoch() && self.block.until(now).is_none()
    }

    /// Takes what GitHub's clock shows at `now`, as far as an earlier run can tell, for as long as there is no answer yet: the
    /// end of a block is an instant of that clock.
    pub fn recall_clock(&mut self, github: Timestamp, now: Timestamp) {
        self.skew.recall(github.duration_since(now));
    }

    /// What GitHub's clock shows at `now`, once it has been seen.
    pub fn seen_clock(&self, now: Timestamp) -> Option<Timestamp> {
        self.skew.is_known().then(|| self.skew.github(now))
    }

    /// What GitHub's clock shows when the caller's shows `at`.
    pub fn github_time(&self, at: Timestamp) -> Timestamp {
        self.skew.github(at)
    }

    /// The standing of everything at `now`.
    pub fn report(&self, now: Timestamp) -> Report {
        report::of(self, now)
    }

    /// Takes what an answer tells, and says whether it told of a bucket.
    fn take(&mut self, ask: &Ask, seen: &Seen, now: Timestamp) -> bool {
        let observation = &seen.observation;
        let is_stale = observation.remaining == Some(0)
            && seen.refusal.as_ref().is_some_and(Refusal::is_secondary);
        if is_stale || (observation.is_silent() && ask.cost == 0) {
            // A secondary limit can carry `remaining: 0`, which says nothing of the bucket. What is free of the primary
            // quota has no bucket to speak of.
            if let Some(date) = observation.date {
                self.skew.observe(date, now);
            }
            return false;
        }
        // Where no answer came at all, nothing is known of what GitHub would have said.
        let is_answered = !observation.is_silent() || observation.date.is_some();
        if is_answered {
            self.see(&ask.resource, observation, now);
        }
        if observation.is_silent() {
            self.resources
                .of(&ask.resource)
                .bucket
                .spend_unseen(seen.charged.unwrap_or(ask.cost));
        }
        is_answered
    }

    fn close_by(
        &mut self,
        refusal: &Refusal,
        observation: &Observation,
        epoch: Epoch,
        now: Timestamp,
    ) {
        self.refused += 1;
        self.secondary_hits += u64::from(refusal.is_secondary());
        let asked = observation.retry_after.map(|wait| after(now, wait));
        let stated = match refusal {
            Refusal::Secondary { retry_after } => {
                retry_after.map(|wait| after(now, wait)).max(asked)
            }
            Refusal::Primary { until } => {
                let latest = after(now, LONGEST_WINDOW);
                until
                    .map(|until| after(self.skew.local(until).min(latest), GRACE))
                    .max(asked)
            }
        };
        if self.ledger.rate(now) >= 1.0 {
            self.block.forgive();
        }
        let known = self.block.until(now);
        if self.block.refused(stated, epoch, now) {
            self.note_incident(known, now);
        }
    }

    /// The credential was closed until `known`, if ever, and may be for longer now. Halves the rate, unless that is one block:
    /// this process has met it and others tell of it, or the other way round.
    fn note_incident(&mut self, known: Option<Timestamp>, now: Timestamp) {
        let Some(until) = self.block.until(now) else {
            return;
        };
        if known.is_none_or(|known| until > after(known, SAME_BLOCK)) {
            self.ledger.incident(until, now);
        }
    }

    fn pacer<'a>(&'a self, metered: Option<&'a Metered>, now: Timestamp) -> Pacer<'a> {
        let staleness = self.fleet.staleness(seen_ago(metered, now));
        let metered = metered.unwrap_or(&self.resources.unknown);
        Pacer {
            policy: self.settings.policy,
            even: &metered.even,
            demand: &metered.demand,
            reserve: self.settings.reserve,
            staleness,
            length: metered.length(),
        }
    }

    fn standing(&self, metered: Option<&Metered>, now: Timestamp) -> Standing {
        let unknown = Standing::Unknown {
            in_flight: 0,
            held: 0,
        };
        metered.map_or(unknown, |metered| metered.standing(&self.skew, now))
    }

    /// What is free of a bucket, of how much, and when it is full again: as long as no more is free, nothing that waits for
    /// more can go sooner.
    pub(crate) fn outlook(&self, resource: &Resource, now: Timestamp) -> Outlook {
        let Some(metered) = self.resources.known.get(resource) else {
            return Outlook::Open;
        };
        match metered.bucket.standing(self.skew.github(now)) {
            // Where answers got lost, or no end is known, the last one under way lets another find out.
            Standing::Known(level) if level.unseen > 0 || level.full_at.is_none() => Outlook::Open,
            Standing::Known(level) => Outlook::Known {
                free: level.free(),
                window: (level.limit, level.full_at, self.skew.offset()),
            },
            Standing::Unknown { .. } | Standing::Unlimited => Outlook::Open,
        }
    }

    /// Whether an item has paid for a request.
    pub(crate) fn is_prepaid(&self, ask: &Ask) -> bool {
        ask.cost > 0
            && ask
                .item
                .is_some_and(|item| self.items.left(item, &ask.resource) >= ask.cost)
    }
}

fn seen_ago(metered: Option<&Metered>, now: Timestamp) -> Duration {
    let seen = metered.and_then(|metered| metered.seen);
    seen.map_or(Duration::ZERO, |seen| between(seen, now))
}

impl Resources {
    /// The account of a bucket that somebody else names, opened where there is none and there are not too many.
    fn heard_of(&mut self, resource: &Resource) -> Option<&mut Metered> {
        let is_room = self.known.len() < MOST_HEARD_OF;
        (is_room || self.known.contains_key(resource)).then(|| self.of(resource))
    }

    /// The account of a bucket, opened where there is none.
    fn of(&mut self, resource: &Resource) -> &mut Metered {
        if !self.known.contains_key(resource) {
            self.known.insert(resource.clone(), self.unknown.clone());
        }
        self.known
            .get_mut(resource)
            .expect("the resource was just put there")
    }
}

#[cfg(test)]
mod tests;
