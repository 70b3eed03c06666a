//! Decides what GitHub's headers say. Non-numbers say nothing: they are never taken for zero.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822;

/// One of GitHub's separate quotas of a credential, by the name in `x-ratelimit-resource`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Resource(Cow<'static, str>);

impl Resource {
    /// A resource by its name.
    pub fn new(name: impl Into<String>) -> Resource {
        Resource(Cow::Owned(name.into()))
    }

    /// Most of the REST API.
    pub const fn core() -> Resource {
        Resource(Cow::Borrowed("core"))
    }

    /// The GraphQL API, in points.
    pub const fn graphql() -> Resource {
        Resource(Cow::Borrowed("graphql"))
    }

    /// The REST search, per minute.
    pub const fn search() -> Resource {
        Resource(Cow::Borrowed("search"))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is GraphQL, which has secondary limits of its own.
    pub fn is_graphql(&self) -> bool {
        self.0 == "graphql"
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What one answer says of the limits; each part may be missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observation {
    /// `x-ratelimit-limit`: requests or points in a window.
    pub limit: Option<u64>,
    /// `x-ratelimit-remaining`.
    pub remaining: Option<u64>,
    /// `x-ratelimit-used`; missing on old GitHub Enterprise Servers.
    pub used: Option<u64>,
    /// `x-ratelimit-reset`, by GitHub's clock; differs by about a second between answers of one window.
    pub reset: Option<Timestamp>,
    /// `x-ratelimit-resource`: the bucket that paid, which need not be the one that was asked.
    pub resource: Option<Resource>,
    /// `retry-after`, in seconds or as a date.
    pub retry_after: Option<Duration>,
    /// `date`: GitHub's clock, cut to seconds.
    pub date: Option<Timestamp>,
}

impl Observation {
    /// Reads the headers through `header`, which looks one up by its lower-case name.
    pub fn read<'a>(header: impl Fn(&str) -> Option<&'a str>) -> Observation {
        let number = |name: &str| header(name).and_then(|value| value.trim().parse::<u64>().ok());
        let date = header("date").and_then(timestamp);
        Observation {
            limit: number("x-ratelimit-limit"),
            remaining: number("x-ratelimit-remaining"),
            used: number("x-ratelimit-used"),
            reset: number("x-ratelimit-reset")
                .and_then(|seconds| i64::try_from(seconds).ok())
                .and_then(|seconds| Timestamp::from_second(seconds).ok()),
            resource: header("x-ratelimit-resource")
                .map(str::trim)
                .filter(|name| !name.is_empty())
                .map(Resource::new),
            retry_after: number("retry-after").map(Duration::from_secs).or_else(|| {
                let until = timestamp(header("retry-after")?)?;
                Some(Duration::try_from(until.duration_since(date?)).unwrap_or(Duration::ZERO))
            }),
            date,
        }
    }

    /// Whether nothing is said of any quota, as GitHub Enterprise Server without limits answers.
    pub fn is_silent(&self) -> bool {
        self.limit.is_none() && self.remaining.is_none() && self.used.is_none()
    }
}

/// A date as HTTP writes it.
fn timestamp(value: &str) -> Option<Timestamp> {
    rfc2822::DateTimeParser::new()
        .parse_timestamp(value.trim())
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(headers: &[(&str, &'static str)]) -> Observation {
        Observation::read(|name| {
            headers
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| *value)
        })
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn all_headers_are_read() {
        let seen = read(&[
            ("x-ratelimit-limit", "5000"),
            ("x-ratelimit-remaining", "4990"),
            ("x-ratelimit-used", " 10 "),
            ("x-ratelimit-reset", "1700003600"),
            ("x-ratelimit-resource", "core"),
            ("retry-after", "60"),
            ("date", "Tue, 14 Nov 2023 22:13:20 GMT"),
        ]);
        let wanted = Observation {
            limit: Some(5000),
            remaining: Some(4990),
            used: Some(10),
            reset: Some(at(1_700_003_600)),
            resource: Some(Resource::core()),
            retry_after: Some(Duration::from_secs(60)),
            date: Some(at(1_700_000_000)),
        };
        assert_eq!(seen, wanted);
        assert!(!seen.is_silent());
    }

    #[test]
    fn no_header_is_no_number() {
        assert_eq!(read(&[]), Observation::default());
        assert!(read(&[]).is_silent());
    }

    #[test]
    fn what_is_no_number_is_ignored_and_never_zero() {
        for value in [
            "NaN",
            "",
            "-1",
            "4999.5",
            "Infinity",
            "5 000",
            "0x10",
            "99999999999999999999999",
        ] {
            let seen = Observation::read(|name| {
                (name != "date" && name != "x-ratelimit-resource").then_some(value)
            });
            assert_eq!(seen, Observation::default(), "{value:?}");
        }
    }

    #[test]
    fn a_reset_beyond_all_calendars_is_ignored() {
        assert_eq!(
            read(&[("x-ratelimit-reset", "9223372036854775807")]).reset,
            None
        );
    }

    #[test]
    fn a_date_to_retry_after_counts_from_the_date_of_the_answer() {
        let date = ("date", "Tue, 14 Nov 2023 22:13:20 GMT");
        let seen = read(&[("retry-after", "Tue, 14 Nov 2023 22:14:05 GMT"), date]);
        assert_eq!(seen.retry_after, Some(Duration::from_secs(45)));
        let past = read(&[("retry-after", "Tue, 14 Nov 2023 22:13:00 GMT"), date]);
        assert_eq!(past.retry_after, Some(Duration::ZERO));
        assert_eq!(
            read(&[("retry-after", "Tue, 14 Nov 2023 22:14:05 GMT")]).retry_after,
            None
        );
    }
}
