//! The rules on top of the quota: requests in flight, points a minute, processor time, content, tokens.
//!
//! The numbers are GitHub's documented ones ("subject to change without notice"). Whom they are counted for is not
//! documented; here it is the account. That they slide, and that one met limit closes the whole account for a minute,
//! is invented: the state of these limits cannot be asked.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::{RefusalStatus, Resource, Weight};

/// Documented: no more than 100 requests at the same time, REST and GraphQL together.
pub const IN_FLIGHT: usize = 100;

/// Documented: no more than 900 points a minute for REST; a GET, HEAD or OPTIONS is one point, any other method five.
pub const REST_POINTS_PER_MINUTE: f64 = 900.0;

/// Documented: no more than 2,000 points a minute for GraphQL; a request without mutations is one point, one with
/// them five.
pub const GRAPHQL_POINTS_PER_MINUTE: f64 = 2_000.0;

/// Documented: no more than 90 seconds of processor time in 60 seconds, which a client can roughly tell from response
/// times.
pub const CPU_SECONDS_PER_MINUTE: f64 = 90.0;

/// Documented: of these no more than 60 seconds for GraphQL.
pub const GRAPHQL_CPU_SECONDS_PER_MINUTE: f64 = 60.0;

/// Documented: in general no more than 80 requests a minute that create content ...
pub const CONTENT_PER_MINUTE: f64 = 80.0;

/// ... and no more than 500 an hour.
pub const CONTENT_PER_HOUR: f64 = 500.0;

/// Documented: no more than 2,000 requests for OAuth tokens an hour. That it holds for installation tokens is assumed.
pub const TOKEN_REQUESTS_PER_HOUR: f64 = 2_000.0;

const MINUTE: SignedDuration = SignedDuration::from_mins(1);
const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// The secondary limits of one simulated GitHub; the defaults are GitHub's.
#[derive(Debug, Clone, PartialEq)]
pub struct SecondaryRules {
    /// Off: nothing is counted and nothing refused.
    pub enforced: bool,
    /// Requests at the same time.
    pub in_flight: usize,
    /// Points a minute.
    pub rest_points: f64,
    /// Points a minute.
    pub graphql_points: f64,
    /// Processor seconds a minute.
    pub cpu_seconds: f64,
    /// Processor seconds a minute.
    pub graphql_cpu_seconds: f64,
    /// Content-creating requests a minute.
    pub content_per_minute: f64,
    /// Content-creating requests an hour.
    pub content_per_hour: f64,
    /// Token requests an hour.
    pub tokens_per_hour: f64,
    /// How long an account stays closed. Invented; answers seen in public issues name 60 s.
    pub block: Duration,
    /// Whether refusals say how long. Documented as possible, not as certain.
    pub retry_after: bool,
    /// The status of a refusal.
    pub status: RefusalStatus,
}

impl Default for SecondaryRules {
    fn default() -> SecondaryRules {
        SecondaryRules {
            enforced: true,
            in_flight: IN_FLIGHT,
            rest_points: REST_POINTS_PER_MINUTE,
            graphql_points: GRAPHQL_POINTS_PER_MINUTE,
            cpu_seconds: CPU_SECONDS_PER_MINUTE,
            graphql_cpu_seconds: GRAPHQL_CPU_SECONDS_PER_MINUTE,
            content_per_minute: CONTENT_PER_MINUTE,
            content_per_hour: CONTENT_PER_HOUR,
            tokens_per_hour: TOKEN_REQUESTS_PER_HOUR,
            block: Duration::from_secs(60),
            retry_after: true,
            status: RefusalStatus::Forbidden,
        }
    }
}

/// Which rule closed an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SecondaryCause {
    /// Too many at the same time.
    InFlight,
    /// Too many REST points in a minute.
    RestPoints,
    /// Too many GraphQL points in a minute.
    GraphqlPoints,
    /// Too much processor time in a minute.
    CpuSeconds,
    /// Too much processor time for GraphQL in a minute.
    GraphqlCpuSeconds,
    /// Too much content in a minute or an hour.
    Content,
    /// Too many tokens in an hour.
    Tokens,
    /// A fault said so.
    Scripted,
}

/// What one account did in the past hour, as far as a rule asks. Bounded by the limits themselves: what is refused is
/// not kept.
#[derive(Debug, Default)]
pub(super) struct Spending {
    rest: Sliding,
    graphql: Sliding,
    cpu: Sliding,
    graphql_cpu: Sliding,
    content: Sliding,
    tokens: Sliding,
}

impl Spending {
    pub(super) fn admit(
        &mut self,
        rules: &SecondaryRules,
        weight: Weight,
        in_flight: usize,
        now: Timestamp,
    ) -> Result<(), SecondaryCause> {
        let points = weight.points as f64;
        let is_graphql = weight.resource == Resource::Graphql;
        let (spent, limit, cause) = if is_graphql {
            (
                &mut self.graphql,
                rules.graphql_points,
                SecondaryCause::GraphqlPoints,
            )
        } else {
            (
                &mut self.rest,
                rules.rest_points,
                SecondaryCause::RestPoints,
            )
        };
        if in_flight > rules.in_flight {
            return Err(SecondaryCause::InFlight);
        }
        if spent.sum(MINUTE, MINUTE, now) + points > limit {
            return Err(cause);
        }
        if self.cpu.sum(MINUTE, MINUTE, now) > rules.cpu_seconds {
            return Err(SecondaryCause::CpuSeconds);
        }
        if is_graphql && self.graphql_cpu.sum(MINUTE, MINUTE, now) > rules.graphql_cpu_seconds {
            return Err(SecondaryCause::GraphqlCpuSeconds);
        }
        if weight.creates_content
            && (self.content.sum(MINUTE, HOUR, now) >= rules.content_per_minute
                || self.content.sum(HOUR, HOUR, now) >= rules.content_per_hour)
        {
            return Err(SecondaryCause::Content);
        }
        if weight.mints_token && self.tokens.sum(HOUR, HOUR, now) >= rules.tokens_per_hour {
            return Err(SecondaryCause::Tokens);
        }
        spent.add(points, now);
        if weight.creates_content {
            self.content.add(1.0, now);
        }
        if weight.mints_token {
            self.tokens.add(1.0, now);
        }
        Ok(())
    }

    pub(super) fn take_cpu(&mut self, resource: Resource, seconds: f64, now: Timestamp) {
        self.cpu.add(seconds, now);
        if resource == Resource::Graphql {
            self.graphql_cpu.add(seconds, now);
        }
    }
}

/// A sum over the past minute or hour.
#[derive(Debug, Default)]
struct Sliding {
    entries: VecDeque<(Timestamp, f64)>,
}

impl Sliding {
    fn add(&mut self, amount: f64, now: Timestamp) {
        self.entries.push_back((now, amount));
    }

    /// The sum over `span`, forgetting what is older than `keep`.
    fn sum(&mut self, span: SignedDuration, keep: SignedDuration, now: Timestamp) -> f64 {
        while self
            .entries
            .front()
            .is_some_and(|(at, _)| *at + keep <= now)
        {
            self.entries.pop_front();
        }
        self.entries
            .iter()
            .rev()
            .take_while(|(at, _)| *at + span > now)
            .map(|(_, amount)| amount)
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milli: i64) -> Timestamp {
        Timestamp::from_millisecond(1_700_000_000_000 + milli).unwrap()
    }

    fn rest(points: u64) -> Weight {
        Weight {
            resource: Resource::Core,
            points,
            creates_content: points > 1,
            mints_token: false,
        }
    }

    #[test]
    fn nine_hundred_points_fit_into_a_minute_and_not_one_more() {
        let (rules, mut spending) = (SecondaryRules::default(), Spending::default());
        for n in 0..900 {
            spending.admit(&rules, rest(1), 1, at(n)).unwrap();
        }
        assert_eq!(
            spending.admit(&rules, rest(1), 1, at(59_999)),
            Err(SecondaryCause::RestPoints)
        );
        assert_eq!(spending.admit(&rules, rest(1), 1, at(60_000)), Ok(()));
        assert_eq!(
            spending.admit(&rules, rest(1), 1, at(60_000)),
            Err(SecondaryCause::RestPoints)
        );
    }

    #[test]
    fn content_is_counted_by_the_minute_and_by_the_hour() {
        let (rules, mut spending) = (SecondaryRules::default(), Spending::default());
        let mut now = 0;
        for minute in 0..7 {
            now = minute * 60_000;
            for _ in 0..if minute < 6 { 80 } else { 20 } {
                spending.admit(&rules, rest(5), 1, at(now)).unwrap();
            }
            if minute < 6 {
                assert_eq!(
                    spending.admit(&rules, rest(5), 1, at(now)),
                    Err(SecondaryCause::Content)
                );
            }
        }
        assert_eq!(
            spending.admit(&rules, rest(5), 1, at(now)),
            Err(SecondaryCause::Content),
            "500 in the hour"
        );
        assert_eq!(
            spending.admit(&rules, rest(1), 1, at(now)),
            Ok(()),
            "reading goes on"
        );
        assert_eq!(spending.admit(&rules, rest(5), 1, at(3_600_000)), Ok(()));
    }

    #[test]
    fn processor_time_and_places_are_limited_too() {
        let (rules, mut spending) = (SecondaryRules::default(), Spending::default());
        assert_eq!(spending.admit(&rules, rest(1), 100, at(0)), Ok(()));
        assert_eq!(
            spending.admit(&rules, rest(1), 101, at(0)),
            Err(SecondaryCause::InFlight)
        );
        let graphql = Weight {
            resource: Resource::Graphql,
            ..rest(1)
        };
        spending.take_cpu(Resource::Graphql, 61.0, at(0));
        assert_eq!(
            spending.admit(&rules, graphql, 1, at(1)),
            Err(SecondaryCause::GraphqlCpuSeconds)
        );
        assert_eq!(spending.admit(&rules, rest(1), 1, at(1)), Ok(()));
        spending.take_cpu(Resource::Core, 30.0, at(1));
        assert_eq!(
            spending.admit(&rules, rest(1), 1, at(2)),
            Err(SecondaryCause::CpuSeconds)
        );
    }
}
