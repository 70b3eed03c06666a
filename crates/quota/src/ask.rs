//! What a request asks of the limits before it is sent, and what its answer says afterwards. Decides nothing.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::item::ItemId;
use crate::observation::{Observation, Resource};
use crate::refusal::Refusal;

/// What one request will draw on, or an item of several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// The bucket that pays.
    pub resource: Resource,
    /// Expected cost in that bucket: 1 for REST, points for GraphQL, 0 for what is free of the primary quota.
    pub cost: u64,
    /// Points of the secondary limits: 1 for a read, 5 for a write ([GitHub's table][points]), 0 for an item, which is no
    /// request itself.
    ///
    /// [points]: https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api#calculating-points-for-the-secondary-rate-limit
    pub points: u64,
    /// The organisation that the request is for, so that organisations take turns within a lane.
    pub org: Option<Arc<str>>,
    /// The repository that the request is for, so that repositories take turns within an organisation.
    pub repo: Option<Arc<str>>,
    /// When it should have gone, by the caller's clock. Orders what waits for one repository and promises nothing.
    pub deadline: Option<Timestamp>,
    /// The item that has paid for the request already.
    pub item: Option<ItemId>,
}

impl Ask {
    /// A read from a bucket.
    pub fn read(resource: Resource, cost: u64) -> Ask {
        Ask {
            resource,
            cost,
            points: 1,
            org: None,
            repo: None,
            deadline: None,
            item: None,
        }
    }

    /// A write. It counts as content, since GitHub does not say which writes do not.
    pub fn write(resource: Resource, cost: u64) -> Ask {
        Ask {
            points: 5,
            ..Ask::read(resource, cost)
        }
    }

    /// A piece of work of several requests, which together are expected to cost `expected`. It is not sent itself, so it
    /// takes neither points nor a place in flight; its requests do.
    pub fn item(resource: Resource, expected: u64) -> Ask {
        Ask {
            points: 0,
            ..Ask::read(resource, expected)
        }
    }

    /// The same for an organisation.
    pub fn of(self, org: impl Into<Arc<str>>) -> Ask {
        Ask {
            org: Some(org.into()),
            ..self
        }
    }

    /// The same for a repository, with or without its organisation's name in front; callers keep to one of the two.
    pub fn in_repo(self, repo: impl Into<Arc<str>>) -> Ask {
        Ask {
            repo: Some(repo.into()),
            ..self
        }
    }

    /// The same, to go before what is due later for the same repository.
    pub fn due(self, deadline: Timestamp) -> Ask {
        Ask {
            deadline: Some(deadline),
            ..self
        }
    }

    /// The same, as one of the requests that `item` has paid for.
    pub fn within(self, item: ItemId) -> Ask {
        Ask {
            item: Some(item),
            ..self
        }
    }

    /// Whether the request creates content, as far as GitHub tells.
    pub fn is_content(&self) -> bool {
        self.points >= 5
    }

    /// Whether this is a whole item rather than a request.
    pub fn is_item(&self) -> bool {
        self.points == 0
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
