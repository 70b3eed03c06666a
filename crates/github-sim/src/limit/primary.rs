//! The quota per window: how much each kind of credential gets, and how much is left.

use jiff::{SignedDuration, Timestamp};

use super::{RefusalStatus, Resource};

/// Documented: requests without a token get 60 an hour, counted for the address they come from.
pub const ANONYMOUS_PER_HOUR: u64 = 60;

/// Documented: a user gets 5,000 an hour, and all tokens of the user draw on the same 5,000. The same number of
/// points an hour goes for GraphQL.
pub const USER_PER_HOUR: u64 = 5_000;

/// Documented: an installation outside of Enterprise Cloud starts at 5,000 and gets 50 more an hour for each
/// repository and for each user of the organisation ...
pub const INSTALLATION_PER_UNIT: u64 = 50;

/// ... above the twentieth of either ...
pub const INSTALLATION_FREE_UNITS: u64 = 20;

/// ... and at most 12,500.
pub const INSTALLATION_CAP: u64 = 12_500;

/// Documented: 30 searches a minute with a token.
pub const SEARCH_PER_MINUTE: u64 = 30;

/// Documented: 10 searches a minute without one.
const ANONYMOUS_SEARCH_PER_MINUTE: u64 = 10;

/// What an App installation gets an hour.
pub fn installation_limit(repos: u64, users: u64) -> u64 {
    let above = |count: u64| count.saturating_sub(INSTALLATION_FREE_UNITS);
    (USER_PER_HOUR + INSTALLATION_PER_UNIT * (above(repos) + above(users))).min(INSTALLATION_CAP)
}

/// The primary limits of one simulated GitHub; the defaults are GitHub's.
#[derive(Debug, Clone, PartialEq)]
pub struct PrimaryRules {
    /// Off: no limit, no headers and no `/rate_limit`, as on an Enterprise Server, where limits are off by default.
    pub enforced: bool,
    /// One hour at GitHub; shorter for rehearsals. Observed: a window opens with the first request and stays for its
    /// length.
    pub window: SignedDuration,
    /// Of an address without a token.
    pub anonymous: u64,
    /// Of a user, and of an App by its own JWT.
    pub user: u64,
    /// Of an installation; `None` is GitHub's formula.
    pub installation: Option<u64>,
    /// GraphQL points; `None` is the same number as for REST. There are none without a token.
    pub graphql: Option<u64>,
    /// Searches a minute with a token.
    pub search: u64,
    /// The status of a refusal.
    pub status: RefusalStatus,
    /// By how many seconds `x-ratelimit-reset` may stray between answers. Observed: about one.
    pub reset_jitter: u64,
}

impl Default for PrimaryRules {
    fn default() -> PrimaryRules {
        PrimaryRules {
            enforced: true,
            window: SignedDuration::from_hours(1),
            anonymous: ANONYMOUS_PER_HOUR,
            user: USER_PER_HOUR,
            installation: None,
            graphql: None,
            search: SEARCH_PER_MINUTE,
            status: RefusalStatus::Forbidden,
            reset_jitter: 1,
        }
    }
}

/// Which share a viewer gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Share {
    Anonymous,
    User,
    Installation { repos: u64, users: u64 },
}

impl PrimaryRules {
    /// The limit of one resource for one share.
    pub(crate) fn limit(&self, share: Share, resource: Resource) -> u64 {
        let core = match share {
            Share::Anonymous => self.anonymous,
            Share::User => self.user,
            Share::Installation { repos, users } => self
                .installation
                .unwrap_or_else(|| installation_limit(repos, users)),
        };
        match (resource, share) {
            (Resource::Core, _) => core,
            (Resource::Graphql, Share::Anonymous) => 0,
            (Resource::Graphql, _) => self.graphql.unwrap_or(core),
            (Resource::Search, Share::Anonymous) => ANONYMOUS_SEARCH_PER_MINUTE.min(self.search),
            (Resource::Search, _) => self.search,
        }
    }

    fn length(&self, resource: Resource) -> SignedDuration {
        match resource {
            Resource::Search => self.window.min(SignedDuration::from_mins(1)),
            Resource::Core | Resource::Graphql => self.window,
        }
    }
}

/// One quota as GitHub shows it: in headers, in `/rate_limit`, in GraphQL's `rateLimit`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimitView {
    /// Whose numbers these are.
    pub resource: Resource,
    /// Off on an Enterprise Server without limits: the numbers mean nothing then.
    pub enforced: bool,
    /// The whole quota of a window.
    pub limit: u64,
    /// What the window has seen.
    pub used: u64,
    /// What is left of it.
    pub remaining: u64,
    /// When the window ends; whole seconds. A window that has not begun would end one length from now.
    pub reset: Timestamp,
}

impl RateLimitView {
    /// The same window after `cost` more.
    pub fn after(self, cost: u64) -> RateLimitView {
        let used = self.used + cost;
        RateLimitView {
            used,
            remaining: self.limit.saturating_sub(used),
            ..self
        }
    }
}

/// The windows of one account.
#[derive(Debug, Default)]
pub(super) struct Windows {
    open: Vec<Window>,
}

#[derive(Debug)]
struct Window {
    resource: Resource,
    ends: Timestamp,
    used: u64,
}

impl Windows {
    pub(super) fn charge(
        &mut self,
        rules: &PrimaryRules,
        resource: Resource,
        cost: u64,
        now: Timestamp,
    ) {
        self.open.retain(|window| window.ends > now);
        match self
            .open
            .iter_mut()
            .find(|window| window.resource == resource)
        {
            Some(window) => window.used += cost,
            None => self.open.push(Window {
                resource,
                ends: whole_seconds(now) + rules.length(resource),
                used: cost,
            }),
        }
    }

    pub(super) fn view(
        &self,
        rules: &PrimaryRules,
        resource: Resource,
        limit: u64,
        now: Timestamp,
    ) -> RateLimitView {
        let open = self
            .open
            .iter()
            .find(|window| window.resource == resource && window.ends > now);
        let used = open.map_or(0, |window| window.used);
        RateLimitView {
            resource,
            enforced: rules.enforced,
            limit,
            used,
            remaining: limit.saturating_sub(used),
            reset: open.map_or_else(
                || whole_seconds(now) + rules.length(resource),
                |window| window.ends,
            ),
        }
    }
}

fn whole_seconds(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + second).unwrap()
    }

    #[test]
    fn an_installation_grows_with_repositories_and_users_up_to_its_cap() {
        assert_eq!(installation_limit(0, 0), 5_000);
        assert_eq!(installation_limit(20, 20), 5_000);
        assert_eq!(installation_limit(21, 22), 5_150);
        assert_eq!(installation_limit(169, 21), 12_500);
        assert_eq!(installation_limit(16_000, 900), 12_500);
    }

    #[test]
    fn a_window_opens_with_the_first_charge_and_ends_one_length_later() {
        let rules = PrimaryRules::default();
        let mut windows = Windows::default();
        assert_eq!(
            windows.view(&rules, Resource::Core, 60, at(5)).reset,
            at(3_605)
        );
        windows.charge(&rules, Resource::Core, 1, at(10));
        windows.charge(&rules, Resource::Core, 59, at(3_609));
        let view = windows.view(&rules, Resource::Core, 60, at(3_609));
        assert_eq!((view.used, view.remaining, view.reset), (60, 0, at(3_610)));
        let next = windows.view(&rules, Resource::Core, 60, at(3_610));
        assert_eq!((next.used, next.remaining, next.reset), (0, 60, at(7_210)));
    }

    #[test]
    fn resources_are_windows_of_their_own() {
        let rules = PrimaryRules::default();
        let mut windows = Windows::default();
        windows.charge(&rules, Resource::Graphql, 7, at(0));
        windows.charge(&rules, Resource::Search, 1, at(0));
        assert_eq!(windows.view(&rules, Resource::Core, 100, at(1)).used, 0);
        assert_eq!(windows.view(&rules, Resource::Graphql, 100, at(1)).used, 7);
        assert_eq!(windows.view(&rules, Resource::Search, 30, at(59)).used, 1);
        assert_eq!(windows.view(&rules, Resource::Search, 30, at(60)).used, 0);
    }
}
