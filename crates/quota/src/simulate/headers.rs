//! Decides what a process reads of an answer: the headers, and what the client makes of a refusal.

use std::time::Duration;

use jiff::Timestamp;

use super::github::{Answer, Verdict};
use super::{BASE, Millis, SECOND};
use crate::ask::Seen;
use crate::observation::{Observation, Resource};
use crate::refusal::Refusal;

/// How an answer looks to whoever sent the request. `is_misleading`: a secondary limit says that nothing remains.
pub(super) fn read(
    answer: &Answer,
    is_free: bool,
    is_misleading: bool,
    at: Millis,
    took: Millis,
) -> Seen {
    let reset = second(answer.reset);
    let (refusal, retry_after) = match answer.verdict {
        Verdict::Served => (None, None),
        Verdict::Primary { .. } => (Some(Refusal::Primary { until: reset }), None),
        Verdict::Secondary { until } => {
            let left = (until - at).unsigned_abs();
            let seconds = left.div_ceil(SECOND.unsigned_abs()).max(1);
            let retry_after = Some(Duration::from_secs(seconds));
            (Some(Refusal::Secondary { retry_after }), retry_after)
        }
    };
    let misleads = is_misleading && matches!(answer.verdict, Verdict::Secondary { .. });
    Seen {
        observation: Observation {
            limit: Some(answer.limit),
            remaining: Some(if misleads { 0 } else { answer.remaining }),
            used: Some(answer.used),
            reset,
            resource: Some(Resource::core()),
            retry_after,
            date: second(answer.date),
        },
        refusal,
        charged: is_free.then_some(0),
        took: Duration::from_millis(took.unsigned_abs()),
    }
}

/// What remains of a request whose answer never came.
pub(super) fn silence(took: Millis) -> Seen {
    Seen {
        took: Duration::from_millis(took.unsigned_abs()),
        ..Seen::default()
    }
}

fn second(second: i64) -> Option<Timestamp> {
    Timestamp::from_second(BASE + second).ok()
}
