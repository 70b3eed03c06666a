//! A closed account: how long, in which form it is refused, and what its owner has been told.

use std::time::Duration;

use jiff::Timestamp;

use super::{RefusalStatus, Resource, SecondaryCause, SecondaryRules};

/// How long to stay away after a refusal that names no time. Documented: wait for at least one minute before retrying.
const UNNAMED_WAIT: Duration = Duration::from_secs(60);

/// The form of a secondary refusal. Documented: 403 or 429, with `retry-after` or without. Observed: it can come with
/// `x-ratelimit-remaining: 0` although the quota is not spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RefusalForm {
    pub(crate) status: RefusalStatus,
    pub(crate) retry_after: bool,
    pub(crate) claims_exhaustion: bool,
}

/// A secondary limit was met: everything this account sends is refused until then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) cause: SecondaryCause,
    pub(crate) until: Timestamp,
    pub(crate) form: RefusalForm,
}

impl Block {
    pub(super) fn by_rule(cause: SecondaryCause, rules: &SecondaryRules, now: Timestamp) -> Block {
        let form = RefusalForm {
            status: rules.status,
            retry_after: rules.retry_after,
            claims_exhaustion: false,
        };
        Block {
            cause,
            until: now + rules.block,
            form,
        }
    }

    /// The seconds that `retry-after` names.
    pub(crate) fn retry_after(&self, now: Timestamp) -> u64 {
        let left = Duration::try_from(now.duration_until(self.until)).unwrap_or_default();
        (left.as_secs() + u64::from(left.subsec_nanos() > 0)).max(1)
    }

    /// What a client learns that is refused at `now`.
    pub(crate) fn notice(&self, now: Timestamp) -> Notice {
        let until = if self.form.retry_after {
            self.until
        } else {
            now + UNNAMED_WAIT
        };
        Notice {
            resource: None,
            ends: self.until,
            until,
        }
    }
}

/// What a refusal tells: stay away, from everything or from one resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Notice {
    pub(crate) resource: Option<Resource>,
    /// When what refuses ends: two notices of the same end are of the same block.
    pub(crate) ends: Timestamp,
    /// Until when the client has to stay away.
    pub(crate) until: Timestamp,
}

/// A notice that has reached its account.
#[derive(Debug, Clone, Copy)]
pub(super) struct Told {
    pub(super) notice: Notice,
    pub(super) at: Timestamp,
}

impl Told {
    /// `grace`: what arrives this soon after the telling was under way already.
    pub(super) fn forbids(
        &self,
        draws_on: Option<Resource>,
        arrived: Timestamp,
        grace: Duration,
    ) -> bool {
        let is_meant = self.notice.resource.is_none() || self.notice.resource == draws_on;
        is_meant && arrived > self.at + grace && arrived < self.notice.until
    }
}
