//! What strikes one request: at most one action that ends it, and all that bend its answer.

use std::collections::BTreeMap;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Response};
use jiff::SignedDuration;

use super::Action;
use crate::body::SimBody;
use crate::etag::EtagRule;
use crate::limit::Place;

/// The actions that strike one request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Struck(pub(super) Vec<Action>);

impl Struck {
    /// The action that ends the request, if one does.
    pub(crate) fn end(&self) -> Option<&Action> {
        self.0.iter().find(|action| action.ends())
    }

    pub(crate) fn names(&self) -> Vec<&'static str> {
        self.0.iter().map(Action::name).collect()
    }

    pub(crate) fn delay(&self) -> Duration {
        let delays = self.0.iter().filter_map(|action| match action {
            Action::Delay { ms } => Some(*ms),
            _ => None,
        });
        Duration::from_millis(delays.sum())
    }

    pub(crate) fn skew(&self) -> SignedDuration {
        let skews = self.0.iter().filter_map(|action| match action {
            Action::Skew { seconds } => Some(*seconds),
            _ => None,
        });
        SignedDuration::from_secs(skews.sum())
    }

    /// By how much `x-ratelimit-reset` strays, if not as usual.
    pub(crate) fn reset_jitter(&self) -> Option<u64> {
        self.0.iter().find_map(|action| match action {
            Action::ResetJitter { seconds } => Some(*seconds),
            _ => None,
        })
    }

    /// How validators are made, if not as usual.
    pub(crate) fn etag(&self) -> Option<&EtagRule> {
        self.0.iter().find_map(|action| match action {
            Action::Etag(rule) => Some(rule),
            _ => None,
        })
    }

    pub(crate) fn hides_limits(&self) -> bool {
        self.0.contains(&Action::NoLimitHeaders)
    }

    pub(crate) fn is_stale(&self) -> bool {
        self.0.contains(&Action::Stale)
    }

    pub(crate) fn is_partial(&self) -> bool {
        self.0.contains(&Action::PartialData)
    }

    /// Bends an answer that is otherwise ready. A body that trickles holds its place until its end.
    pub(crate) fn bend(&self, response: &mut Response<SimBody>, place: &mut Option<Place>) {
        for action in &self.0 {
            if let Action::Headers(headers) = action {
                rewrite(response.headers_mut(), headers);
            }
            let body = std::mem::take(response.body_mut());
            *response.body_mut() = match action {
                Action::Truncate { keep } => {
                    let half = body.length() / 2;
                    body.break_off(keep.unwrap_or(half))
                }
                Action::Trickle { pieces, pause_ms } => body
                    .trickle(*pieces, Duration::from_millis(*pause_ms))
                    .hold(place.take()),
                _ => body,
            };
        }
    }
}

/// What cannot be a header's name or value changes nothing.
fn rewrite(all: &mut HeaderMap, wanted: &BTreeMap<String, Option<String>>) {
    for (name, value) in wanted {
        let Ok(name) = HeaderName::try_from(name.as_str()) else {
            continue;
        };
        match value.as_deref().map(HeaderValue::from_str) {
            Some(Ok(value)) => _ = all.insert(name, value),
            Some(Err(_)) => {}
            None => _ = all.remove(name),
        }
    }
}
