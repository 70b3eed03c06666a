//! Durations as people write them: `30s`, `5m`, `12h`, `7d`, `2w`.

use std::time::Duration;

const UNITS: &[(&str, u64)] = &[
    ("w", 7 * 24 * 3600),
    ("d", 24 * 3600),
    ("h", 3600),
    ("m", 60),
    ("s", 1),
];

/// Reads a whole number and one unit.
///
/// # Errors
///
/// Says what a duration looks like.
pub fn parse(text: &str) -> Result<Duration, String> {
    let hint = || {
        format!(
            "`{text}` is not a duration: write a whole number and s, m, h, d or w, such as 30s, 5m or 7d"
        )
    };
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_not_a_number| hint())?;
    let seconds = UNITS
        .iter()
        .find(|(name, _)| *name == unit)
        .map(|(_, seconds)| *seconds)
        .ok_or_else(hint)?;
    number
        .checked_mul(seconds)
        .map(Duration::from_secs)
        .ok_or_else(|| format!("`{text}` is longer than anything can last"))
}

/// Writes a duration with the largest unit that loses nothing.
pub fn show(span: Duration) -> String {
    let seconds = span.as_secs();
    let fits = UNITS
        .iter()
        .find(|(_, unit)| seconds >= *unit && seconds.is_multiple_of(*unit));
    fits.map_or_else(
        || format!("{seconds}s"),
        |(name, unit)| format!("{}{name}", seconds / unit),
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_duration_is_a_whole_number_and_one_unit() {
        for (text, seconds) in [
            ("30s", 30),
            ("5m", 300),
            ("12h", 43_200),
            ("7d", 604_800),
            ("2w", 1_209_600),
            ("0s", 0),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in [
            "",
            "5",
            "m",
            "5 m",
            "5parsecs",
            "-5m",
            "1.5h",
            "5M",
            "1h30m",
            "99999999999999999w",
            "５m",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_back(seconds in 0..10_000_000_000_u64) {
            let span = Duration::from_secs(seconds);
            prop_assert_eq!(parse(&show(span)), Ok(span));
        }
    }
}
