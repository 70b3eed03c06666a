//! A moment as people write it: a day, a moment, or how long ago.

use std::str::FromStr;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::config::parse_span;

/// A moment, before it is known what time it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum When {
    At(Timestamp),
    Ago(SignedDuration),
}

impl When {
    /// The moment, as of now.
    pub(crate) fn before(self, now: Timestamp) -> Timestamp {
        match self {
            When::At(at) => at,
            When::Ago(span) => now.checked_sub(span).unwrap_or(Timestamp::MIN),
        }
    }
}

impl FromStr for When {
    type Err = String;

    fn from_str(text: &str) -> Result<When, String> {
        if let Ok(at) = text.parse() {
            return Ok(When::At(at));
        }
        if let Ok(day) = text.parse::<Date>() {
            let midnight = TimeZone::UTC.to_timestamp(day.at(0, 0, 0, 0));
            return midnight.map(When::At).map_err(|error| error.to_string());
        }
        if let Ok(span) = parse_span(text)
            && let Ok(span) = SignedDuration::try_from(span)
        {
            return Ok(When::Ago(span));
        }
        Err(format!(
            "{text:?} is no time: write a day (2025-01-01), a moment (2025-01-01T12:00:00Z) or how long ago (90d)"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_a_moment_and_a_span_are_times() {
        let now: Timestamp = "2026-03-01T12:00:00Z".parse().unwrap();
        for (text, expected) in [
            ("2025-01-01", "2025-01-01T00:00:00Z"),
            ("2025-01-01T12:30:00+02:00", "2025-01-01T10:30:00Z"),
            ("2h", "2026-03-01T10:00:00Z"),
            ("7d", "2026-02-22T12:00:00Z"),
        ] {
            let when: When = text.parse().unwrap();
            assert_eq!(when.before(now), expected.parse().unwrap(), "{text}");
        }
        for text in ["", "yesterday", "2025-13-01", "5"] {
            assert!(
                text.parse::<When>().unwrap_err().contains("is no time"),
                "{text}"
            );
        }
    }
}
