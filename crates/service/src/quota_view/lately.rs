//! What was spent in the last minutes, from counts that only grow.

use std::collections::{BTreeMap, VecDeque};

use jiff::{SignedDuration, Timestamp};

use super::{QuotaView, SpentView};

/// How far back "lately" goes.
const LATELY: SignedDuration = SignedDuration::from_mins(5);

/// So far apart are the counts that it is reckoned from.
const APART: SignedDuration = SignedDuration::from_secs(5);

/// Remembers what was spent a few minutes ago, so that views can say what was spent lately.
#[derive(Debug, Default)]
pub struct Lately {
    pub(super) counts: VecDeque<(Timestamp, BTreeMap<Spender, u64>)>,
}

/// Credential, lane, organisation and endpoint.
type Spender = (String, String, String, String);

impl Lately {
    /// Fills in what was spent lately, and takes note of what is spent by now.
    pub fn mark(&mut self, views: &mut [QuotaView], now: Timestamp) {
        let old = |at: Timestamp| now.duration_since(at) > LATELY || at > now;
        while self.counts.front().is_some_and(|(at, _)| old(*at)) {
            self.counts.pop_front();
        }
        let spender = |view: &QuotaView, spent: &SpentView| {
            (
                view.credential.clone(),
                spent.lane.clone(),
                spent.org.clone(),
                spent.endpoint.clone(),
            )
        };
        let due = self
            .counts
            .back()
            .is_none_or(|(at, _)| now.duration_since(*at) >= APART);
        if due {
            let counts = views.iter().flat_map(|view| {
                let counts = view.spent.iter();
                counts.map(|spent| (spender(view, spent), spent.units))
            });
            self.counts.push_back((now, counts.collect()));
        }
        let Some((since, before)) = self.counts.front() else {
            return;
        };
        let seconds = now.duration_since(*since).as_secs();
        for view in views {
            view.lately_seconds = u64::try_from(seconds).unwrap_or(0);
            let mut spent = std::mem::take(&mut view.spent);
            for one in &mut spent {
                let then = before.get(&spender(view, one)).copied().unwrap_or(0);
                one.lately = one.units.saturating_sub(then);
            }
            view.spent = spent;
        }
    }
}
