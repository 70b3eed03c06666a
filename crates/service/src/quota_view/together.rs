//! What several processes say of one credential, put together. The order in which they are heard does not matter.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{
    AvoidedView, ClosedView, FloorView, ForecastView, QuotaView, ResourceView, SpentView,
    WaitedView, WaitingView, Why, largest,
};

/// One view of each credential, by name. Of a bucket the latest window counts, and in it the most that anybody has seen
/// used; what each process has sent, and what waits in it, adds up.
pub fn together(views: impl IntoIterator<Item = QuotaView>) -> Vec<QuotaView> {
    let mut known: BTreeMap<String, QuotaView> = BTreeMap::new();
    for view in views {
        let both = match known.remove(&view.credential) {
            Some(other) => joined(other, view),
            None => view,
        };
        known.insert(both.credential.clone(), both);
    }
    known
        .into_values()
        .map(|view| QuotaView {
            spent: largest(view.spent),
            ..view
        })
        .collect()
}

fn joined(one: QuotaView, other: QuotaView) -> QuotaView {
    QuotaView {
        credential: other.credential,
        at: one.at.max(other.at),
        resources: by_key(
            one.resources.into_iter().chain(other.resources),
            |found| found.resource.clone(),
            bucket,
        ),
        closed: closed(one.closed, other.closed),
        rate: one.rate.min(other.rate),
        in_flight: one.in_flight + other.in_flight,
        refused: one.refused + other.refused,
        secondary_hits: one.secondary_hits + other.secondary_hits,
        spent: by_key(
            one.spent.into_iter().chain(other.spent),
            |spent| [&spent.lane, &spent.org, &spent.endpoint].map(String::clone),
            |one, other| SpentView {
                requests: one.requests + other.requests,
                units: one.units + other.units,
                lately: one.lately + other.lately,
                ..one
            },
        ),
        lately_seconds: one.lately_seconds.max(other.lately_seconds),
        waiting: by_key(
            one.waiting.into_iter().chain(other.waiting),
            |waiting| [&waiting.lane, &waiting.resource, &waiting.reason].map(String::clone),
            |one, other| WaitingView {
                requests: one.requests + other.requests,
                until: earlier(one.until, other.until),
                ..one
            },
        ),
        waited: by_key(
            one.waited.into_iter().chain(other.waited),
            |waited| [&waited.lane, &waited.reason].map(String::clone),
            |one, other| WaitedView {
                requests: one.requests + other.requests,
                seconds: one.seconds + other.seconds,
                ..one
            },
        ),
        avoided: by_key(
            one.avoided.into_iter().chain(other.avoided),
            |avoided| [&avoided.org, &avoided.mode].map(String::clone),
            |one, other| AvoidedView {
                requests: one.requests + other.requests,
                ..one
            },
        ),
    }
}

/// One of each key, in the order of the keys.
fn by_key<T, K: Ord>(
    all: impl Iterator<Item = T>,
    key: impl Fn(&T) -> K,
    join: impl Fn(T, T) -> T,
) -> Vec<T> {
    let mut known: BTreeMap<K, T> = BTreeMap::new();
    for one in all {
        let key = key(&one);
        let both = match known.remove(&key) {
            Some(other) => join(other, one),
            None => one,
        };
        known.insert(key, both);
    }
    known.into_values().collect()
}

/// One bucket as two processes see it. Within a window the one who has seen more of it used has looked last.
fn bucket(one: ResourceView, other: ResourceView) -> ResourceView {
    let floors = by_key(
        one.floors.iter().chain(&other.floors).cloned(),
        |floor| floor.lane.clone(),
        |one, other| FloorView {
            leaves: one.leaves.max(other.leaves),
            ..one
        },
    );
    let found = match (one.reset, other.reset) {
        (Some(reset), Some(theirs)) if !one.ends_at(theirs) => {
            if reset > theirs {
                one
            } else {
                other
            }
        }
        // A process for which the window is over has not met the next one yet.
        (Some(_), None) => one,
        (None, Some(_)) => other,
        (Some(_), Some(_)) | (None, None) => {
            let reset = one.reset.max(other.reset);
            let forecast = worse(one.forecast.clone(), other.forecast.clone());
            let last = if (one.used, one.limit) > (other.used, other.limit) {
                one
            } else {
                other
            };
            ResourceView {
                reset,
                forecast,
                ..last
            }
        }
    };
    ResourceView { floors, ..found }
}

fn worse(one: Option<ForecastView>, other: Option<ForecastView>) -> Option<ForecastView> {
    match (one, other) {
        (Some(one), Some(other)) => Some(ForecastView {
            used_at_reset: one.used_at_reset.max(other.used_at_reset),
            runs_out: earlier(one.runs_out, other.runs_out),
        }),
        (one, other) => one.or(other),
    }
}

/// The block that ends last. One that somebody was told by GitHub explains more than one that was passed on.
fn closed(one: Option<ClosedView>, other: Option<ClosedView>) -> Option<ClosedView> {
    let (Some(one), Some(other)) = (&one, &other) else {
        return one.or(other);
    };
    let until = one.until.max(other.until);
    let reasons = [Why::Primary, Why::Secondary, Why::Told];
    let why = reasons
        .into_iter()
        .find(|why| one.why == *why || other.why == *why);
    Some(ClosedView {
        until,
        why: why.unwrap_or(Why::Told),
    })
}

fn earlier(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}
