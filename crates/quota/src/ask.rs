//! What a request asks of the limits before it is sent, and what its answer says afterwards. Decides nothing.

use std::time::Duration;

use crate::observation::{Observation, Resource};
use crate::refusal::Refusal;

/// What one request will draw on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// The bucket that pays.
    pub resource: Resource,
    /// Expected cost in that bucket: 1 for REST, points for GraphQL, 0 for what is free of the primary quota.
    pub cost: u64,
    /// Points of the secondary limits: 1 for a read, 5 for a write ([GitHub's table][points]).
    ///
    /// [points]: https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api#calculating-points-for-the-secondary-rate-limit
    pub points: u64,
    /// The organisation that the request is for, so that organisations take turns within a lane.
    pub org: Option<String>,
}

impl Ask {
    /// A read from a bucket.
    pub fn read(resource: Resource, cost: u64) -> Ask {
        Ask {
            resource,
            cost,
            points: 1,
            org: None,
        }
    }

    /// A write. It counts as content, since GitHub does not say which writes do not.
    pub fn write(resource: Resource, cost: u64) -> Ask {
        Ask {
            resource,
            cost,
            points: 5,
            org: None,
        }
    }

    /// The same for an organisation.
    pub fn of(self, org: impl Into<String>) -> Ask {
        Ask {
            org: Some(org.into()),
            ..self
        }
    }

    /// Whether the request creates content, as far as GitHub tells.
    pub fn is_content(&self) -> bool {
        self.points >= 5
    }
}

/// What came of one request, failed ones included.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// The headers; empty where no answer came.
    pub observation: Observation,
    /// Set where the answer was a limit.
    pub refusal: Option<Refusal>,
    /// What the request really cost, where that is known: 0 for a 304, the cost that GraphQL states.
    pub charged: Option<u64>,
    /// From sending to the whole answer.
    pub took: Duration,
}
