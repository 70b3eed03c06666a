//! Lengths of time for people: the two largest units that say something.

const UNITS: [(&str, u64); 4] = [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)];

/// `45s`, `12m 30s`, `3h`, `2d 4h`: what is less than the second unit is left out.
pub(crate) fn lasting(seconds: u64) -> String {
    let first = UNITS
        .iter()
        .position(|(_, unit)| seconds >= *unit)
        .unwrap_or(UNITS.len() - 1);
    let mut left = seconds;
    let mut parts = Vec::new();
    for (name, unit) in UNITS.iter().skip(first).take(2) {
        let count = left / unit;
        left %= unit;
        if count > 0 || parts.is_empty() {
            parts.push(format!("{count}{name}"));
        }
    }
    parts.join(" ")
}

#[cfg(test)]
mod tests {
    use super::lasting;

    #[test]
    fn two_units_are_enough() {
        for (seconds, said) in [
            (0, "0s"),
            (45, "45s"),
            (60, "1m"),
            (750, "12m 30s"),
            (3_600, "1h"),
            (3_630, "1h"),
            (11_520, "3h 12m"),
            (187_200, "2d 4h"),
            (90_000_000, "1041d 16h"),
        ] {
            assert_eq!(lasting(seconds), said);
        }
    }
}
