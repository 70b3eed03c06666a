//! Whether a cost fits into what a credential has, and what would. Pure arithmetic.

use std::time::Duration;

use quota::secondary::{GRAPHQL_POINTS_LATER, REST_POINTS_LATER};
use serde::Serialize;

use super::cost::Cost;

/// Seconds of a window of the primary limits.
const HOUR: u64 = 3_600;

/// Reading a pull request with all that belongs to it takes about so many requests of the REST API.
const REQUESTS_PER_ITEM: u64 = 12;

/// The longest interval that a configuration may name.
const LONGEST_INTERVAL: Duration = Duration::from_secs(7 * 24 * 3_600);
/// The shortest one.
const SHORTEST_INTERVAL: Duration = Duration::from_secs(5);

/// Two numbers of an hour: requests of the REST API, and points of GraphQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Limits {
    pub(super) core: u64,
    pub(super) graphql: u64,
}

impl Limits {
    /// Those of a user's tokens, which share one quota ([GitHub's table][table]).
    ///
    /// [table]: https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api#primary-rate-limit-for-authenticated-users
    pub(super) fn of_user() -> Limits {
        Limits {
            core: 5_000,
            graphql: 5_000,
        }
    }

    /// Those of an App's installation on so many repositories. Users beyond 20 add to it as well, and nobody can know here
    /// how many there are ([GitHub's rule][rule]).
    ///
    /// [rule]: https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api#primary-rate-limit-for-github-app-installations
    pub(super) fn of_installation(repos: u64) -> Limits {
        let more = 50 * repos.saturating_sub(20);
        let limit = (5_000 + more).min(12_500);
        Limits {
            core: limit,
            graphql: limit,
        }
    }

    fn each(self, change: impl Fn(u64) -> u64) -> Limits {
        Limits {
            core: change(self.core),
            graphql: change(self.graphql),
        }
    }
}

/// What scheduled work may use.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Room {
    /// So many credentials share the work evenly.
    pub(super) credentials: u64,
    /// What each of them has in an hour.
    pub(super) limit: Limits,
    /// What scheduled work leaves of that.
    pub(super) reserve: Limits,
}

/// How bulk work goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bulky {
    /// At full speed as long as there is enough.
    AtOnce,
    /// Evenly over the window.
    Spread,
}

/// A bulk job beside the measuring.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Bulk {
    pub(super) items: u64,
    pub(super) requests_per_item: u64,
    /// How long it takes; none if nothing is left for it.
    pub(super) seconds: Option<u64>,
}

impl Room {
    pub(super) fn new(limit: Limits, credentials: u64, reserve: u64) -> Room {
        Room {
            credentials,
            limit,
            reserve: limit.each(|limit| quota::reserve::of_limit(reserve, limit)),
        }
    }

    /// What all credentials together leave to scheduled work in an hour.
    pub(super) fn usable(&self) -> Limits {
        let usable = |limit: u64, reserve: u64| (limit - reserve).saturating_mul(self.credentials);
        Limits {
            core: usable(self.limit.core, self.reserve.core),
            graphql: usable(self.limit.graphql, self.reserve.graphql),
        }
    }

    /// Whether passes at this interval stay above the reserve and are over before the next one begins.
    pub(super) fn fits(&self, pass: Cost, daily: Cost, interval: Duration) -> bool {
        let usable = self.usable();
        let hour = hourly(pass, interval) + daily;
        hour.core <= usable.core
            && hour.graphql <= usable.graphql
            && self.at_full_speed(pass) <= interval
    }

    /// The shortest interval that fits, rounded up to one that people write; none where even the longest does not.
    pub(super) fn shortest_interval(&self, pass: Cost, daily: Cost) -> Option<Duration> {
        let usable = self.usable();
        let by_quota = |pass: u64, daily: u64, usable: u64| match usable.saturating_sub(daily) {
            0 if pass > 0 => None,
            left => Some(pass.saturating_mul(HOUR).div_ceil(left.max(1))),
        };
        let shortest = by_quota(pass.core, daily.core, usable.core)?
            .max(by_quota(pass.graphql, daily.graphql, usable.graphql)?)
            .max(whole_seconds(self.at_full_speed(pass)));
        let step = if shortest <= 120 { 1 } else { 60 };
        let rounded = Duration::from_secs(shortest.div_ceil(step).saturating_mul(step));
        // What is rounded up by the hour may be a request over: the next step is not.
        let mut candidates = [rounded, rounded + Duration::from_secs(step)]
            .map(|span| span.max(SHORTEST_INTERVAL))
            .into_iter();
        candidates.find(|span| *span <= LONGEST_INTERVAL && self.fits(pass, daily, *span))
    }

    /// At least so long it takes to spend `cost`, begun with full buckets: what a window does not hold waits for the next.
    pub(super) fn time(&self, cost: Cost) -> Duration {
        let usable = self.usable();
        let waits = windows(cost.core, usable.core).max(windows(cost.graphql, usable.graphql));
        self.at_full_speed(cost)
            .max(Duration::from_secs(waits.saturating_mul(HOUR)))
    }

    /// How long requests take at the speed that the secondary limits leave to work that is not live.
    pub(super) fn at_full_speed(&self, cost: Cost) -> Duration {
        // A read is one point.
        let milliseconds = |requests: u64, per_minute: u64| {
            requests.saturating_mul(60_000) / per_minute.saturating_mul(self.credentials)
        };
        let rest = milliseconds(cost.core, REST_POINTS_LATER);
        let graphql = milliseconds(cost.requests - cost.core, GRAPHQL_POINTS_LATER);
        Duration::from_millis(rest.max(graphql))
    }
}

impl Bulk {
    /// A job of `items` beside work that costs `hour` in every hour, begun with a full bucket.
    pub(super) fn beside(items: u64, hour: Cost, room: &Room, how: Bulky) -> Bulk {
        let requests = items.saturating_mul(REQUESTS_PER_ITEM);
        let left = room.usable().core.saturating_sub(hour.core);
        let alone = Cost {
            requests,
            core: requests,
            graphql: 0,
        };
        let time = match how {
            Bulky::Spread => Duration::from_secs(requests.saturating_mul(HOUR) / left.max(1)),
            Bulky::AtOnce => {
                // In the last window it ends as soon as it can.
                let full = windows(requests, left);
                let last = requests.saturating_sub(full.saturating_mul(left));
                let rest = Cost {
                    requests: last,
                    core: last,
                    ..alone
                };
                Duration::from_secs(full.saturating_mul(HOUR)) + room.at_full_speed(rest)
            }
        };
        let time = time.max(room.at_full_speed(alone));
        Bulk {
            items,
            requests_per_item: REQUESTS_PER_ITEM,
            seconds: (left > 0).then(|| whole_seconds(time)),
        }
    }
}

/// What the passes of an hour cost at this interval, rounded up.
pub(super) fn hourly(pass: Cost, interval: Duration) -> Cost {
    let seconds = interval.as_secs().max(1);
    let of = |pass: u64| pass.saturating_mul(HOUR).div_ceil(seconds);
    Cost {
        requests: of(pass.requests),
        core: of(pass.core),
        graphql: of(pass.graphql),
    }
}

/// So many resets have to be waited for to spend `cost` where each window holds `usable`.
fn windows(cost: u64, usable: u64) -> u64 {
    cost.saturating_sub(1) / usable.max(1)
}

pub(super) fn whole_seconds(span: Duration) -> u64 {
    span.as_secs() + u64::from(span.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cost(requests: u64, core: u64, graphql: u64) -> Cost {
        Cost {
            requests,
            core,
            graphql,
        }
    }

    fn room() -> Room {
        Room::new(Limits::of_user(), 1, 1_000)
    }

    #[test]
    fn an_installation_has_more_for_more_repositories_up_to_a_bound() {
        let core = |repos| Limits::of_installation(repos).core;
        assert_eq!(
            [0, 20, 21, 170, 1_000].map(core),
            [5_000, 5_000, 5_050, 12_500, 12_500]
        );
    }

    #[test]
    fn the_reserve_is_left_and_every_credential_has_a_quota_of_its_own() {
        let small = Limits {
            core: 1_000,
            graphql: 5_000,
        };
        let usable = Room::new(small, 3, 1_000).usable();
        assert_eq!((usable.core, usable.graphql), (1_800, 12_000));
    }

    #[test]
    fn a_pass_that_takes_longer_than_the_interval_does_not_fit_however_much_quota_there_is() {
        let limit = Limits {
            core: 10_000_000,
            graphql: 10_000_000,
        };
        let room = Room::new(limit, 1, 0);
        let pass = cost(7_200, 7_200, 0);
        assert_eq!(room.at_full_speed(pass), Duration::from_secs(600));
        assert!(!room.fits(pass, Cost::default(), Duration::from_secs(599)));
        assert!(room.fits(pass, Cost::default(), Duration::from_secs(600)));
    }

    #[test]
    fn a_bulk_job_takes_what_is_left_of_each_window() {
        let seconds =
            |items, core, how| Bulk::beside(items, cost(core, core, 0), &room(), how).seconds;
        // 4,000 an hour are left, and 12 a second may go.
        assert_eq!(seconds(300, 0, Bulky::AtOnce), Some(300));
        assert_eq!(seconds(300, 0, Bulky::Spread), Some(3_240));
        assert_eq!(seconds(1_000, 0, Bulky::AtOnce), Some(2 * 3_600 + 334));
        assert_eq!(
            seconds(1_000, 3_999, Bulky::AtOnce),
            Some(11_999 * 3_600 + 1)
        );
        assert_eq!(seconds(1, 4_000, Bulky::AtOnce), None);
    }

    proptest! {
        #[test]
        fn the_shortest_interval_fits_and_hardly_a_shorter_one_does(
            core in 0..20_000_u64, queries in 0..20_000_u64, points in 1..4_u64,
            daily in 0..5_000_u64, limit in 60..15_000_u64, credentials in 1..5_u64,
        ) {
            let limit = Limits { core: limit, graphql: limit };
            let room = Room::new(limit, credentials, 1_000);
            let (pass, daily) = (cost(core + queries, core, queries * points), cost(daily, daily / 2, daily / 2));
            match room.shortest_interval(pass, daily) {
                Some(shortest) => {
                    prop_assert!(room.fits(pass, daily, shortest));
                    let shorter = shortest.saturating_sub(Duration::from_secs(122)).mul_f64(0.98);
                    prop_assert!(shorter <= SHORTEST_INTERVAL || !room.fits(pass, daily, shorter));
                }
                None => prop_assert!(!room.fits(pass, daily, LONGEST_INTERVAL)),
            }
        }
    }
}
