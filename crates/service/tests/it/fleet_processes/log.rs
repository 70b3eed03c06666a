//! What a simulated GitHub has seen of processes that name themselves in the paths that they ask for. Judges nothing.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

/// Every request, in the order of their arrival.
pub(super) struct Log(Vec<Seen>);

/// One request.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    /// When it arrived.
    pub(super) at: Timestamp,
    /// When it was answered.
    pub(super) answered: Timestamp,
    /// Who sent it.
    pub(super) by: String,
    pub(super) is_live: bool,
    pub(super) cost: u64,
    pub(super) is_refused: bool,
    /// Whether a fault chose it.
    pub(super) is_struck: bool,
}

/// One window of the primary limit.
pub(super) struct Window {
    pub(super) ends: Timestamp,
    /// Each with what remained after it.
    pub(super) seen: Vec<(Seen, u64)>,
}

impl Log {
    /// Reads what `/_sim/requests` tells.
    pub(super) fn read(told: &Value) -> Log {
        let told = told.as_array().expect("it is a list");
        let mut all: Vec<Seen> = told.iter().map(Seen::read).collect();
        all.sort_by_key(|seen| seen.at);
        Log(all)
    }

    pub(super) fn requests(&self) -> impl Iterator<Item = &Seen> {
        self.0.iter()
    }

    /// What one process has sent.
    pub(super) fn by<'a>(&'a self, by: &'a str) -> impl Iterator<Item = &'a Seen> {
        self.requests().filter(move |seen| seen.by == by)
    }

    /// The first request that a fault chose.
    pub(super) fn struck(&self) -> Option<&Seen> {
        self.requests().find(|seen| seen.is_struck)
    }

    /// Seconds from the first request to the last.
    pub(super) fn lasts(&self) -> Option<i64> {
        let [first, .., last] = &self.0[..] else {
            return None;
        };
        Some(last.at.duration_since(first.at).as_secs())
    }

    /// The windows that are over. As at GitHub, one begins with the first request that is paid after the one before.
    pub(super) fn windows(&self, seconds: i64, limit: u64) -> Vec<Window> {
        let mut windows: Vec<Window> = Vec::new();
        let mut paid: Vec<&Seen> = self.0.iter().filter(|seen| seen.cost > 0).collect();
        paid.sort_by_key(|seen| seen.answered);
        for seen in paid {
            if windows
                .last()
                .is_none_or(|window| seen.answered >= window.ends)
            {
                let begins = Timestamp::from_second(seen.answered.as_second());
                let begins = begins.expect("it is a moment");
                windows.push(Window {
                    ends: begins + std::time::Duration::from_secs(seconds.unsigned_abs()),
                    seen: Vec::new(),
                });
            }
            let window = windows.last_mut().expect("one was just opened");
            let before = window
                .seen
                .last()
                .map_or(limit, |(_, remaining)| *remaining);
            let remaining = before.saturating_sub(seen.cost);
            window.seen.push((seen.clone(), remaining));
        }
        windows.pop();
        windows
    }
}

impl Seen {
    fn read(told: &Value) -> Seen {
        let text = |name: &str| told[name].as_str().unwrap_or_default();
        let at: Timestamp = text("at").parse().expect("it is a moment");
        let took = told["took_ms"].as_u64().expect("it is a number");
        let of = |name: &str| {
            let (_, rest) = text("path").split_once(&format!("{name}="))?;
            rest.split('&').next()
        };
        Seen {
            at,
            answered: at + std::time::Duration::from_millis(took),
            by: of("by").unwrap_or_default().to_owned(),
            is_live: of("lane") == Some("live"),
            cost: told["cost"].as_u64().expect("it is a number"),
            is_refused: !told["refused"].is_null(),
            is_struck: told["faults"].as_array().is_some_and(|all| !all.is_empty()),
        }
    }
}

impl Window {
    /// What each process with bulk work had of it.
    pub(super) fn bulk(&self) -> BTreeMap<&str, u64> {
        let mut sums = BTreeMap::new();
        for (seen, _) in self.later() {
            *sums.entry(seen.by.as_str()).or_default() += seen.cost;
        }
        sums
    }

    /// How much more than the floor of the moment remained after a request of bulk work, at least.
    pub(super) fn above(&self, floor: impl Fn(Timestamp) -> u64) -> i64 {
        let above = self.later().map(|(seen, remaining)| {
            let floor = floor(seen.answered);
            remaining.cast_signed() - floor.cast_signed()
        });
        above.min().unwrap_or(i64::MAX)
    }

    pub(super) fn tell(&self) -> String {
        let paid: u64 = self.seen.iter().map(|(seen, _)| seen.cost).sum();
        let bulk = self.bulk();
        let live = paid - bulk.values().sum::<u64>();
        let left = self.seen.last().map_or(0, |(_, remaining)| *remaining);
        format!("{live} live, {bulk:?}, {left} left")
    }

    fn later(&self) -> impl Iterator<Item = &(Seen, u64)> {
        self.seen.iter().filter(|(seen, _)| !seen.is_live)
    }
}
