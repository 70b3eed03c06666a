//! What chance makes of a rate: how much may come within a time, what is too much for it, and how many bursts may come.
//!
//! It refuses to know what was seen: rates, times and counts are arguments.

use std::sync::LazyLock;

/// What is more than this many times what chance makes is a burst.
const OUTLIER: f64 = 1.5;
/// Less is none, however quiet it is otherwise.
const LEAST_BURST: f64 = 10.0;
/// More bursts than this are not reckoned with: by then the curve has seen them.
const MOST_BURSTS: f64 = 20.0;
/// How unlikely it has to be that more bursts come than are reckoned with.
const UNLIKELY: f64 = 1e-5;
/// Standard deviations of chance that are left room for.
const SIGMA: f64 = 5.0;

/// How many may come within `seconds` at a rate, by chance: the mean, five standard deviations, and what the skew of small
/// numbers adds (Bernstein's bound for a Poisson count).
pub(super) fn by_chance(rate: f64, seconds: f64) -> f64 {
    if rate <= 0.0 {
        return 0.0;
    }
    let mean = rate * seconds;
    mean + SIGMA * mean.sqrt() + SIGMA * SIGMA / 3.0
}

/// What is a burst if more than this comes within `seconds` of a calm time.
pub(super) fn unusual(calm: f64, seconds: f64) -> f64 {
    (by_chance(calm, seconds) * OUTLIER).max(LEAST_BURST)
}

/// A number that is not negative, up to the next whole one.
pub(crate) fn rounded_up(number: f64) -> u64 {
    let whole = number as u64;
    whole.saturating_add(u64::from((whole as f64) < number))
}

/// How many may come where so many are expected, so that more are unlikely.
pub(super) fn as_many_as(expected: f64) -> f64 {
    /// The most that may be expected where so many are enough, by their number.
    static ENOUGH: LazyLock<[f64; MOST_BURSTS as usize]> = LazyLock::new(|| {
        std::array::from_fn(|count| {
            let (mut below, mut above) = (0.0, 2.0 * MOST_BURSTS);
            for _ in 0..60 {
                let middle = (below + above) / 2.0;
                if reckon(middle) <= count as f64 {
                    below = middle;
                } else {
                    above = middle;
                }
            }
            below
        })
    });
    ENOUGH.partition_point(|most| *most < expected) as f64
}

/// The same, from the terms of the distribution.
fn reckon(expected: f64) -> f64 {
    let mut term = (-expected).exp();
    let (mut count, mut rest) = (0.0, 1.0 - term);
    while rest > UNLIKELY && count < MOST_BURSTS {
        count += 1.0;
        term *= expected / count;
        rest -= term;
    }
    count
}
