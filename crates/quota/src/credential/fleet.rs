//! What a process tells the others that share its credential, and what it takes in of theirs.
//!
//! Decides nothing: what others hold and spend goes into the same accounts as what this process does. It refuses to know
//! how they are reached, and who of them is alive.

use jiff::Timestamp;

use super::CredentialQuota;
use crate::fleet::{Heard, Hearing, ResourceShare, Share};
use crate::lane::Lane;
use crate::observation::Resource;

impl CredentialQuota {
    /// What this process tells the others. To be called about once a second, whether or not there are others: it is also
    /// how time passes where nothing happens.
    pub fn share(&mut self, now: Timestamp) -> Share {
        let github = self.skew.github(now);
        let [rest_points, graphql_points] = self.ledger.points_sent(now);
        let mut resources = Vec::with_capacity(self.resources.known.len());
        self.resources.unknown.demand.pass(now);
        for (resource, metered) in &mut self.resources.known {
            metered.demand.pass(now);
            metered.untold = 0;
            let window = metered.bucket.window(github);
            resources.push(ResourceShare {
                resource: resource.as_str().to_owned(),
                limit: window.map(|(limit, _, _)| limit),
                used: window.map(|(_, used, _)| used),
                reset: metered.window_reset(),
                settled: metered.window.settled,
                in_flight: metered.bucket.in_flight(),
                held: metered.bucket.held(),
                demanded: metered.demanded,
            });
        }
        Share {
            resources,
            github: self.skew.is_known().then_some(github),
            closed_until: self.block.until(now).map(|until| self.skew.github(until)),
            rest_points,
            graphql_points,
            content: self.ledger.content_sent(now),
            in_flight: self.ledger.in_flight(),
            is_busy: self.ledger.is_busy(now),
        }
    }

    /// Takes what the other processes have told.
    pub fn hear(&mut self, hearing: &Hearing, now: Timestamp) {
        match hearing {
            Hearing::Others { me, heard } => {
                let was_silent = self.fleet.is_silent();
                self.fleet.hear(me, heard);
                for (member, gone) in self.fleet.departed(heard) {
                    let resource = Resource::new(gone.resource.clone());
                    if let Some(metered) = self.resources.heard_of(&resource) {
                        metered.depart(member, &gone);
                    }
                }
                for other in heard {
                    self.hear_one(other, now);
                }
                self.account_with(heard, was_silent, now);
            }
            Hearing::Silence => {
                self.fleet.fall_silent();
                let github = self.skew.github(now);
                for metered in self.resources.known.values_mut() {
                    metered.bucket.forget_others(github);
                }
            }
        }
        let others = self.fleet.others();
        self.ledger.hear(others);
    }

    fn hear_one(&mut self, other: &Heard, now: Timestamp) {
        // Told a moment ago: close enough to begin with.
        if let Some(github) = other.share.github.filter(|_| !self.skew.is_known()) {
            self.skew.observe(github, now);
        }
        if let Some(until) = other.share.closed_until {
            self.close(until, now);
        }
        let github = self.skew.github(now);
        for told in &other.share.resources {
            let resource = Resource::new(told.resource.clone());
            let Some(metered) = self.resources.heard_of(&resource) else {
                continue;
            };
            metered.is_back(&other.member);
            let spent = self.fleet.news(&other.member, told);
            let lanes = [Lane::Live, Lane::Interactive, Lane::Scheduled];
            for (lane, spent) in lanes.into_iter().zip(spent) {
                if spent > 0 {
                    metered.demand.spent(lane, spent, now);
                }
            }
            if let (Some(limit), Some(used)) = (told.limit, told.used) {
                metered.bucket.overhear(limit, used, told.reset, github);
                metered.roll_over(github, now);
            }
        }
    }

    /// Sums up by bucket what others have in flight, and finds what nobody who is known has spent. What was spent while nobody
    /// could be heard may have been anybody's.
    fn account_with(&mut self, heard: &[Heard], was_silent: bool, now: Timestamp) {
        let github = self.skew.github(now);
        for (resource, metered) in &mut self.resources.known {
            let (mut held, mut spent, mut is_whole) = (0_u64, 0_u64, true);
            for other in heard {
                let told = other.share.resources.iter();
                for told in told.filter(|told| told.resource == resource.as_str()) {
                    held = held
                        .saturating_add(told.in_flight)
                        .saturating_add(told.held);
                    spent = spent
                        .saturating_add(told.settled)
                        .saturating_add(told.in_flight);
                    let has_spent = told.settled > 0 || told.in_flight > 0;
                    is_whole &= !has_spent || metered.is_same_window(told.reset);
                }
            }
            metered.bucket.others_hold(held);
            if was_silent {
                metered.begin_account(spent, github, now);
            } else {
                metered.account_with(is_whole.then_some(spent), github, now);
            }
        }
    }
}
