//! What people and metrics are told of a credential. Decides nothing; every time is GitHub's.

use jiff::Timestamp;

use super::CredentialQuota;
use crate::bucket::Standing;
use crate::lane::Lane;
use crate::observation::Resource;

/// The standing of a credential at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// Each resource that was asked or seen, by name.
    pub resources: Vec<ResourceReport>,
    /// The end of the block that the credential is in.
    pub closed_until: Option<Timestamp>,
    /// The part of the secondary budgets that is in use, 0 to 1; less than 1 after an incident.
    pub rate: f64,
    /// Requests that are not answered.
    pub in_flight: u64,
    /// Answers that were a limit.
    pub refused: u64,
    /// Of those, the secondary limits.
    pub secondary_hits: u64,
    /// Times that the credential was closed; refusals of requests under way together are one.
    pub incidents: u64,
}

/// The standing of one resource; numbers are missing where GitHub states none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceReport {
    /// Which one.
    pub resource: Resource,
    /// Requests or points per window.
    pub limit: Option<u64>,
    /// Used by everybody who shares the credential, as far as answers say, and what lost answers may have cost.
    pub used: Option<u64>,
    /// Left, requests in flight not taken off.
    pub remaining: Option<u64>,
    /// When the window ends; none once it has.
    pub reset: Option<Timestamp>,
    /// What scheduled work leaves to the lanes before it.
    pub reserve: Option<u64>,
}

impl CredentialQuota {
    /// Whether work without a bound of its own stands back from a burst of live work on a bucket.
    pub(crate) fn stands_back(&self, resource: &Resource, now: Timestamp) -> bool {
        self.pacer(self.resources.known.get(resource), now)
            .stands_back(now)
    }
}

pub(super) fn of(quota: &CredentialQuota, now: Timestamp) -> Report {
    let github = quota.skew.github(now);
    let resources = quota.resources.known.iter().map(|(resource, metered)| {
        let resource = resource.clone();
        let metered_as = resource.clone();
        match metered.bucket.standing(github) {
            Standing::Known(level) => ResourceReport {
                resource,
                limit: Some(level.limit),
                used: Some(level.used.saturating_add(level.unseen)),
                remaining: Some(
                    level
                        .limit
                        .saturating_sub(level.used.saturating_add(level.unseen)),
                ),
                reset: level.reset,
                reserve: quota.floor(Lane::Scheduled, &metered_as, now),
            },
            Standing::Unknown { .. } | Standing::Unlimited => ResourceReport {
                resource,
                limit: None,
                used: None,
                remaining: None,
                reset: None,
                reserve: None,
            },
        }
    });
    Report {
        resources: resources.collect(),
        closed_until: quota.block.until(now).map(|until| quota.skew.github(until)),
        rate: quota.ledger.rate(now),
        in_flight: quota.ledger.in_flight(),
        refused: quota.refused,
        secondary_hits: quota.secondary_hits,
        incidents: quota.block.incidents(),
    }
}
