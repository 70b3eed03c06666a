//! Decides whether an answer is a limit, and which. How long to wait is not decided here.
//!
//! The body speaks before the headers, because a secondary limit can carry `remaining: 0` and would be taken for the
//! primary one.

use std::time::Duration;

use jiff::Timestamp;

use crate::observation::Observation;

/// An answer that is a limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The bucket is empty.
    Primary {
        /// The reset, by GitHub's clock, where it was stated.
        until: Option<Timestamp>,
    },
    /// One of the limits on top, whose state cannot be asked.
    Secondary {
        /// How long GitHub says to wait, where it says so.
        retry_after: Option<Duration>,
    },
}

impl Refusal {
    /// Whether a secondary limit refused.
    pub fn is_secondary(&self) -> bool {
        matches!(self, Refusal::Secondary { .. })
    }
}

/// What GitHub writes into the body of a secondary limit, its older name and the addresses of its pages included.
const SECONDARY: &[&str] = &[
    "secondary rate limit",
    "secondary-rate-limit",
    "abuse detection",
    "abuse-rate-limit",
    "temporarily blocked from content creation",
    "was submitted too quickly",
];
/// What GitHub writes where a bucket is empty.
const PRIMARY: &[&str] = &["api rate limit exceeded", "api rate limit already exceeded"];

/// Classifies a REST answer, or a GraphQL one that did not come with 200. `None` for everything that is no limit: a 403
/// without a sign of one is a missing permission.
pub fn classify(status: u16, seen: &Observation, body: &str) -> Option<Refusal> {
    if !matches!(status, 403 | 429) {
        return None;
    }
    match said(body) {
        Some(Said::Secondary) => Some(secondary(seen)),
        Some(Said::Primary) => Some(primary(seen)),
        None if seen.retry_after.is_some() => Some(secondary(seen)),
        None if seen.remaining == Some(0) => Some(primary(seen)),
        None if status == 429 => Some(secondary(seen)),
        None => None,
    }
}

/// Classifies the errors of a GraphQL answer, each by its type and its message, whatever the status was.
pub fn classify_graphql<'a>(
    seen: &Observation,
    errors: impl IntoIterator<Item = (Option<&'a str>, &'a str)>,
) -> Option<Refusal> {
    let mut limits = errors
        .into_iter()
        .filter(|(kind, message)| {
            matches!(kind, Some("RATE_LIMITED" | "RATE_LIMIT")) || said(message).is_some()
        })
        .map(|(_, message)| said(message))
        .collect::<Vec<_>>();
    limits.sort_unstable();
    match limits.last()? {
        Some(Said::Secondary) => Some(secondary(seen)),
        // The type alone: a wait that GitHub asks for belongs to a secondary limit.
        None if seen.retry_after.is_some() => Some(secondary(seen)),
        Some(Said::Primary) | None => Some(primary(seen)),
    }
}

/// What a text says of limits; the greater one decides.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Said {
    Primary,
    Secondary,
}

fn said(text: &str) -> Option<Said> {
    let text = text.to_lowercase();
    let any = |words: &[&str]| words.iter().any(|word| text.contains(word));
    match () {
        () if any(SECONDARY) => Some(Said::Secondary),
        () if any(PRIMARY) => Some(Said::Primary),
        () => None,
    }
}

fn secondary(seen: &Observation) -> Refusal {
    Refusal::Secondary {
        retry_after: seen.retry_after,
    }
}

fn primary(seen: &Observation) -> Refusal {
    Refusal::Primary { until: seen.reset }
}

#[cfg(test)]
mod tests;
