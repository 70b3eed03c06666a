//! What is known of one credential, and the two calls that use it: [`decide`](CredentialQuota::decide) before a request,
//! [`settle`](CredentialQuota::settle) after it.
//!
//! Ties buckets, secondary ledger, block and clock together and decides nothing of its own.
//!
//! Every method takes the caller's time, and every time that it returns is the caller's, except in a [`Report`], which is
//! for people and speaks of GitHub's.

mod report;

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::ask::{Ask, Seen};
use crate::block::{Block, Epoch};
use crate::bucket::{Bucket, GRACE, LONGEST_WINDOW, Level, Standing};
use crate::lane::Lane;
use crate::observation::{Observation, Resource};
use crate::pace::{self, Decision, Known};
use crate::policy::{Pacer, Policy};
use crate::refusal::Refusal;
use crate::reserve;
use crate::secondary::Ledger;
use crate::skew::Skew;
use crate::time::after;
pub use report::{Report, ResourceReport};

/// What an operator chooses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// What scrapes, backfills and bulk jobs leave of each bucket to live work: requests or points per window. Never more
    /// than 40 % of a limit.
    pub reserve: u64,
    /// How backfills and bulk jobs are paced above the reserve.
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

/// Everything that is known of one credential's limits.
#[derive(Clone, Debug)]
pub struct CredentialQuota {
    settings: Settings,
    resources: BTreeMap<Resource, Metered>,
    ledger: Ledger,
    block: Block,
    skew: Skew,
    refused: u64,
    secondary_hits: u64,
}

/// A bucket and what the policy remembers of it.
#[derive(Clone, Debug)]
struct Metered {
    bucket: Bucket,
    pacer: Pacer,
}

/// The place of a request that was let through. Has to be given back, by [`settle`](CredentialQuota::settle) once it was
/// sent, or by [`refund`](CredentialQuota::refund) if it was not.
#[derive(Debug)]
#[must_use = "a place that is not given back counts as in flight for ever"]
pub struct Reservation {
    lane: Lane,
    ask: Ask,
    epoch: Epoch,
}

impl Reservation {
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
            resources: BTreeMap::new(),
            ledger: Ledger::default(),
            block: Block::default(),
            skew: Skew::default(),
            refused: 0,
            secondary_hits: 0,
        }
    }

    /// Whether a request may go at `now`. A plan, which holds until the next call that changes anything.
    pub fn decide(&self, lane: Lane, ask: &Ask, now: Timestamp) -> Decision {
        let unknown = Metered::new(self.settings.policy);
        let metered = self.resources.get(&ask.resource).unwrap_or(&unknown);
        let known = Known {
            closed_until: self.block.until(now),
            standing: self.standing(&metered.bucket, now),
            pacer: &metered.pacer,
            ledger: &self.ledger,
            reserve: self.settings.reserve,
        };
        pace::decide(lane, ask, &known, now)
    }

    /// Lets a request through: it counts as used and in flight from now on.
    pub fn reserve(&mut self, lane: Lane, ask: Ask, now: Timestamp) -> Reservation {
        let skew = self.skew.clone();
        let metered = self.metered(&ask.resource);
        if lane.is_spread()
            && ask.cost > 0
            && let Standing::Known(level) =
                by_local_clock(metered.bucket.standing(skew.github(now)), &skew)
        {
            metered.pacer.granted(&level, now);
        }
        metered.bucket.reserve(ask.cost);
        self.ledger.sent(lane, &ask, now);
        Reservation {
            lane,
            ask,
            epoch: self.block.epoch(),
        }
    }

    /// Takes what came of a request that was sent, at the moment it came. Failed ones too: their headers tell as much.
    pub fn settle(&mut self, reservation: Reservation, seen: &Seen, now: Timestamp) {
        let Reservation { lane, ask, epoch } = reservation;
        self.ledger.ended(lane, &ask, Some(seen.took), now);
        self.metered(&ask.resource).bucket.release(ask.cost);
        self.take(&ask, seen, now);
        if let Some(refusal) = &seen.refusal {
            self.close_by(refusal, &seen.observation, epoch, now);
        }
    }

    /// Gives back the place of a request that was not sent, or of which nothing will be heard. It stays in the secondary
    /// ledger, which cannot know better, until it has aged out.
    pub fn refund(&mut self, reservation: Reservation, now: Timestamp) {
        let Reservation { lane, ask, .. } = reservation;
        self.ledger.ended(lane, &ask, None, now);
        self.metered(&ask.resource).bucket.release(ask.cost);
    }

    /// Takes headers that came outside of a reservation.
    pub fn observe(&mut self, resource: &Resource, observation: &Observation, now: Timestamp) {
        if let Some(date) = observation.date {
            self.skew.observe(date, now);
        }
        let github = self.skew.github(now);
        let paid = observation.resource.as_ref().unwrap_or(resource);
        self.metered(paid).bucket.observe(observation, github);
        if paid != resource {
            self.metered(resource).bucket.answered_elsewhere();
        }
    }

    /// Closes the credential until `until`: a block that an earlier run has met, by GitHub's clock.
    pub fn close(&mut self, until: Timestamp) {
        self.block.close(self.skew.local(until));
    }

    /// Whether a request that was let through may still be sent: nothing has closed the credential since.
    pub fn is_open(&self, reservation: &Reservation, now: Timestamp) -> bool {
        reservation.epoch == self.block.epoch() && self.block.until(now).is_none()
    }

    /// What GitHub's clock shows when the caller's shows `at`.
    pub fn github_time(&self, at: Timestamp) -> Timestamp {
        self.skew.github(at)
    }

    /// The standing of everything at `now`.
    pub fn report(&self, now: Timestamp) -> Report {
        report::of(self, now)
    }

    fn take(&mut self, ask: &Ask, seen: &Seen, now: Timestamp) {
        let observation = &seen.observation;
        let is_stale = observation.remaining == Some(0)
            && seen.refusal.as_ref().is_some_and(Refusal::is_secondary);
        if is_stale || (observation.is_silent() && ask.cost == 0) {
            // A secondary limit can carry `remaining: 0`, which says nothing of the bucket. What is free of the primary
            // quota has no bucket to speak of.
            if let Some(date) = observation.date {
                self.skew.observe(date, now);
            }
            return;
        }
        self.observe(&ask.resource, observation, now);
        if observation.is_silent() {
            self.metered(&ask.resource)
                .bucket
                .spend_unseen(seen.charged.unwrap_or(ask.cost));
        }
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
        if self.block.refused(stated, epoch, now) {
            self.ledger
                .incident(self.block.until(now).unwrap_or(now), now);
        }
    }

    fn standing(&self, bucket: &Bucket, now: Timestamp) -> Standing {
        by_local_clock(bucket.standing(self.skew.github(now)), &self.skew)
    }

    fn metered(&mut self, resource: &Resource) -> &mut Metered {
        let policy = self.settings.policy;
        if !self.resources.contains_key(resource) {
            self.resources
                .insert(resource.clone(), Metered::new(policy));
        }
        self.resources
            .get_mut(resource)
            .expect("the resource was just put there")
    }
}

impl Metered {
    fn new(policy: Policy) -> Metered {
        Metered {
            bucket: Bucket::default(),
            pacer: Pacer::new(policy),
        }
    }
}

fn by_local_clock(standing: Standing, skew: &Skew) -> Standing {
    match standing {
        Standing::Known(level) => {
            let [reset, full_at] =
                [level.reset, level.full_at].map(|at| at.map(|at| skew.local(at)));
            Standing::Known(Level {
                reset,
                full_at,
                ..level
            })
        }
        other => other,
    }
}

#[cfg(test)]
mod tests;
