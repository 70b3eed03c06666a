//! Decides which bucket pays where the same can be read in more ways than one: REST and GraphQL draw on buckets of their own,
//! and using both makes two windows out of one.
//!
//! Knows nothing of what is read, and nothing of when: a bucket whose reset is near is not preferred, since what it has left
//! then is not worth a dearer read.

use jiff::Timestamp;

use crate::credential::CredentialQuota;
use crate::lane::Lane;
use crate::observation::Resource;

/// One way to read something.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Way {
    /// What the lane may still spend of the bucket that pays, 0 to 1.
    pub slack: f64,
    /// What it would cost there, in requests or points.
    pub cost: u64,
}

/// The place of the way that takes the smallest part of what its bucket has to spare; the first of those that are equal, so
/// that callers put the one they like better in front.
pub fn roomiest(ways: &[Way]) -> usize {
    let room = |way: &Way| way.slack.clamp(0.0, 1.0) / way.cost.max(1) as f64;
    let mut best = 0;
    for (place, way) in ways.iter().enumerate() {
        if room(way) > room(&ways[best]) {
            best = place;
        }
    }
    best
}

/// What is left of a bucket above a floor, as a part of its limit.
fn part(limit: u64, remaining: u64, floor: u64) -> f64 {
    if limit == 0 {
        return 1.0;
    }
    (remaining.saturating_sub(floor) as f64 / limit as f64).min(1.0)
}

impl CredentialQuota {
    /// What `lane` may still spend of a bucket at `now`, as a part of its limit: 0 where it has to wait, 1 where nothing was
    /// spent, where there is no limit, and where nothing is known.
    pub fn slack(&self, lane: Lane, resource: &Resource, now: Timestamp) -> f64 {
        let report = self.report(now);
        let known = report
            .resources
            .iter()
            .find(|one| one.resource == *resource);
        let numbers = known.and_then(|known| Some((known.limit?, known.remaining?)));
        let Some((limit, remaining)) = numbers else {
            return 1.0;
        };
        part(
            limit,
            remaining,
            self.floor(lane, resource, now).unwrap_or(0),
        )
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::credential::Settings;
    use crate::observation::Observation;
    use crate::policy::Policy;

    fn way(slack: f64, cost: u64) -> Way {
        Way { slack, cost }
    }

    #[test]
    fn the_roomier_bucket_pays_and_a_dearer_read_needs_more_room() {
        assert_eq!(roomiest(&[way(0.5, 1), way(0.6, 1)]), 1);
        assert_eq!(roomiest(&[way(0.5, 1), way(0.9, 2)]), 0);
        assert_eq!(roomiest(&[way(0.0, 1), way(0.001, 50)]), 1);
        assert_eq!(roomiest(&[way(0.7, 3), way(0.7, 3)]), 0);
        assert_eq!(roomiest(&[way(0.0, 1), way(0.0, 1)]), 0);
        assert_eq!(roomiest(&[]), 0);
    }

    #[test]
    fn slack_is_what_lies_above_the_floor_of_the_lane() {
        let settings = Settings {
            policy: Policy::Even,
            ..Settings::default()
        };
        let mut quota = CredentialQuota::new(settings);
        let now: Timestamp = "2026-03-01T00:00:00Z".parse().unwrap();
        let slack = |quota: &CredentialQuota, lane, resource| quota.slack(lane, &resource, now);
        assert_eq!(slack(&quota, Lane::Bulk, Resource::core()), 1.0);
        for (remaining, scheduled, live) in [
            (5_000, 0.8, 1.0),
            (3_000, 0.4, 0.6),
            (1_000, 0.0, 0.2),
            (10, 0.0, 0.002),
        ] {
            let seen = Observation {
                limit: Some(5_000),
                remaining: Some(remaining),
                reset: Some(now + Duration::from_secs(3_600)),
                ..Observation::default()
            };
            quota.observe(&Resource::core(), &seen, now);
            assert_eq!(slack(&quota, Lane::Scheduled, Resource::core()), scheduled);
            assert_eq!(slack(&quota, Lane::Live, Resource::core()), live);
            assert_eq!(slack(&quota, Lane::Live, Resource::graphql()), 1.0);
        }
        // A server that states no limits has room for everything.
        quota.observe(&Resource::search(), &Observation::default(), now);
        assert_eq!(slack(&quota, Lane::Bulk, Resource::search()), 1.0);
    }

    proptest! {
        #[test]
        fn a_part_is_a_part_and_falls_with_the_floor(limit: u64, remaining: u64, low: u64, high: u64) {
            let (low, high) = (low.min(high), low.max(high));
            let (more, less) = (part(limit, remaining, low), part(limit, remaining, high));
            prop_assert!((0.0..=1.0).contains(&more) && (0.0..=1.0).contains(&less));
            prop_assert!(less <= more);
        }
    }
}
