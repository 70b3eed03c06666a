//! One line of a report's file, read with distrust.
//!
//! Field names are those of GitHub's example schemas (`docs.github.com/copilot/reference/copilot-usage-metrics`). A count
//! is a whole number from 0 to 2^53, which is what a gauge holds exactly; anything else makes the line a bad one, rather
//! than a figure a wrong one.

use jiff::civil::Date;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, Visitor};

/// The largest count: beyond it a gauge rounds.
const LARGEST: u64 = 1 << 53;

/// A count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Count(pub(super) u64);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Count, D::Error> {
        struct Reads;
        impl Visitor<'_> for Reads {
            type Value = Count;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a whole number from 0 to 2^53")
            }

            fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Count, E> {
                if number <= LARGEST {
                    Ok(Count(number))
                } else {
                    Err(E::custom("the number is too large"))
                }
            }

            /// Some writers of JSON make every number a fraction.
            fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Count, E> {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "it is looked at whether anything was lost"
                )]
                let whole = number as u64;
                #[expect(
                    clippy::cast_precision_loss,
                    clippy::float_cmp,
                    reason = "what was lost is the question"
                )]
                let is_whole = whole <= LARGEST && whole as f64 == number;
                if is_whole {
                    Ok(Count(whole))
                } else {
                    Err(E::custom(
                        "the number is not whole, less than 0 or too large",
                    ))
                }
            }
        }
        from.deserialize_any(Reads)
    }
}

/// A struct that has the seven counts of every part of a report beside its own fields. Not `flatten`, which would keep
/// everything unknown in memory.
macro_rules! with_counts {
    ($(#[$outer:meta])* struct $name:ident { $($(#[$inner:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$outer])*
        #[derive(Debug, Default, Deserialize)]
        #[serde(default)]
        pub(super) struct $name {
            $($(#[$inner])* pub(super) $field: Option<$type>,)*
            user_initiated_interaction_count: Option<Count>,
            code_generation_activity_count: Option<Count>,
            code_acceptance_activity_count: Option<Count>,
            loc_suggested_to_add_sum: Option<Count>,
            loc_suggested_to_delete_sum: Option<Count>,
            loc_added_sum: Option<Count>,
            loc_deleted_sum: Option<Count>,
        }

        impl $name {
            /// The counts in the order of their fields.
            pub(super) fn counts(&self) -> [Option<u64>; 7] {
                [
                    self.user_initiated_interaction_count,
                    self.code_generation_activity_count,
                    self.code_acceptance_activity_count,
                    self.loc_suggested_to_add_sum,
                    self.loc_suggested_to_delete_sum,
                    self.loc_added_sum,
                    self.loc_deleted_sum,
                ]
                .map(|count| count.map(|count| count.0))
            }
        }
    };
}

with_counts! {
    /// A day of everybody or of a user; or, around several such days, what they have in common.
    struct Record {
        day: Date,
        user_id: UserId,
        user_login: String,
        totals_by_ide: Vec<Part>,
        totals_by_feature: Vec<Part>,
        totals_by_language_feature: Vec<Part>,
        totals_by_language_model: Vec<Part>,
        totals_by_model_feature: Vec<Part>,
        pull_requests: PullRequests,
        day_totals: Vec<Record>,
    }
}

with_counts! {
    /// An entry of one of a day's lists of sums.
    struct Part {
        ide: String,
        feature: String,
        language: String,
        model: String,
    }
}

/// What happened to pull requests. Known of everybody together alone.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct PullRequests {
    total_created: Option<Count>,
    total_reviewed: Option<Count>,
    total_created_by_copilot: Option<Count>,
    total_reviewed_by_copilot: Option<Count>,
}

impl PullRequests {
    /// The counts in the order of their fields.
    pub(super) fn counts(&self) -> [u64; 4] {
        [
            self.total_created,
            self.total_reviewed,
            self.total_created_by_copilot,
            self.total_reviewed_by_copilot,
        ]
        .map(|count| count.map_or(0, |count| count.0))
    }
}

/// An account's number, which GitHub writes as a number here and as a text there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct UserId(pub(super) u64);

impl<'de> Deserialize<'de> for UserId {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<UserId, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Number(u64),
            Text(String),
        }
        match Written::deserialize(from)? {
            Written::Number(id) => Ok(UserId(id)),
            Written::Text(id) => id.parse().map(UserId).map_err(D::Error::custom),
        }
    }
}

impl Record {
    /// Reads a line.
    pub(super) fn read(line: &[u8]) -> Option<Record> {
        // An array would be read as a struct's fields in their order.
        if !line.trim_ascii_start().starts_with(b"{") {
            return None;
        }
        serde_json::from_slice(line).ok()
    }

    /// The seven sums of a day: its own, and where it has none those of its lists.
    pub(super) fn sums(&self) -> [u64; 7] {
        let mut sums = self.counts();
        for list in [&self.totals_by_ide, &self.totals_by_feature] {
            let parts: Vec<_> = list.iter().flatten().map(Part::counts).collect();
            for (n, sum) in sums.iter_mut().enumerate() {
                let known = parts.iter().filter_map(|counts| counts[n]);
                *sum = sum.or_else(|| known.reduce(u64::saturating_add));
            }
        }
        sums.map(Option::unwrap_or_default)
    }

    /// Whether it says anything at all. What does not is something else than a record, an error for instance.
    pub(super) fn says_something(&self) -> bool {
        self.counts().iter().any(Option::is_some)
            || self.pull_requests.is_some()
            || self.totals_by_ide.is_some()
            || self.totals_by_feature.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn added(number: &str) -> Option<u64> {
        let line = format!(r#"{{"day":"2025-10-01","loc_added_sum":{number}}}"#);
        Record::read(line.as_bytes())?.counts()[5]
    }

    #[test]
    fn a_count_is_a_whole_number_that_a_gauge_holds() {
        assert_eq!(added("0"), Some(0));
        assert_eq!(added("9007199254740992"), Some(LARGEST));
        assert_eq!(added("12.0"), Some(12));
        assert_eq!(added("1e3"), Some(1_000));
        assert_eq!(added("null"), None);
        for wrong in [
            "-1",
            "-0.5",
            "0.5",
            "9007199254740993",
            "18446744073709551616",
            "1e400",
            "1e300",
            "99999999999999999999999999999999999999999",
            "\"7\"",
            "[7]",
            "true",
        ] {
            let line = format!(r#"{{"day":"2025-10-01","loc_added_sum":{wrong}}}"#);
            assert!(Record::read(line.as_bytes()).is_none(), "{wrong}");
        }
    }

    #[test]
    fn a_line_that_is_no_record_is_none() {
        let nested = r#"{"day_totals":["#.repeat(10_000);
        for line in [
            "",
            "null",
            "7",
            "[]",
            r#"["2025-10-01"]"#,
            r#"{"day":"2025-10-01""#,
            r#"{"day":"2025-13-01"}"#,
            r#"{"day":20251001}"#,
            r#"{"totals_by_ide":{}}"#,
            r#"{"day":"2025-10-01"} trailing"#,
            r#"{"day":"2025-10-01","day":"2025-10-01"}"#,
            nested.as_str(),
        ] {
            assert!(Record::read(line.as_bytes()).is_none(), "{line:.40}");
        }
        assert!(Record::read(b"{\"user_login\":\"\xff\xfe\"}").is_none());
        assert!(Record::read(b"\xff\xfe{\x00}").is_none());
    }

    #[test]
    fn what_nobody_asks_for_may_be_as_deep_as_it_likes() {
        let (open, close) = ("[".repeat(100_000), "]".repeat(100_000));
        let known = |field: &str| {
            let line = format!(r#"{{"{field}":{open}{close},"loc_added_sum":1}}"#);
            Record::read(line.as_bytes()).is_some()
        };
        assert!(known("x"));
        assert!(!known("totals_by_ide"));
        assert!(!known("user_id"));
    }

    #[test]
    fn an_accounts_number_is_read_however_it_is_written() {
        let id = |text: &str| {
            let line = format!(r#"{{"user_id":{text}}}"#);
            Record::read(line.as_bytes()).and_then(|record| record.user_id)
        };
        assert_eq!(id("7"), Some(UserId(7)));
        assert_eq!(id("\"7\""), Some(UserId(7)));
        assert_eq!(id("\"x\""), None);
        assert_eq!(id("null"), None);
    }

    #[test]
    fn sums_that_a_day_lacks_are_those_of_its_lists() {
        let line = r#"{"loc_added_sum":50,
            "totals_by_ide":[{"ide":"vscode","code_generation_activity_count":3,"loc_added_sum":1},
                             {"ide":"neovim","code_generation_activity_count":4}],
            "totals_by_feature":[{"feature":"x","code_generation_activity_count":100,"code_acceptance_activity_count":2}]}"#;
        let record = Record::read(line.as_bytes()).unwrap();
        assert_eq!(record.sums(), [0, 7, 2, 0, 0, 50, 0]);
    }
}
