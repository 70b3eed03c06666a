//! Decides how far a walk through a branch's history must go, and what it has proved when it ends.
//!
//! Commits are found by the graph, never by date alone: a branch written last week and merged today lies behind any
//! watermark. The walk starts at the new head and takes GitHub's order (`git log`'s). It may end in three ways:
//!
//! 1. **Grown**: the old head came by, so everything below it is still reachable, and as many unknown commits were
//!    found as the total count grew by. Nothing can be missing, and nothing has to be retracted.
//! 2. **Past the start**: a hundred commits in a row lie before the tracking start. Everything at or after it has been seen; what
//!    is known and was not seen is no longer reachable (a force push, another default branch).
//! 3. **Whole**: the history ended. The total count is the checksum of what was seen.
//!
//! Pure: it is handed pages and knows neither GitHub nor the store.

use std::collections::HashSet;

use jiff::Timestamp;

/// So many commits in a row before the tracking start mean that nothing at or after it comes any more. Authors' clocks are
/// wrong now and then; a page may be as small as one commit.
const PAST_THE_START: u64 = 100;

/// A commit's name and time, all that the walk decides by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Passed<'a> {
    pub(crate) oid: &'a str,
    pub(crate) at: Timestamp,
}

/// What to do after a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The next page is needed.
    Further,
    /// The walk is over; these known commits are no longer reachable.
    Done { retracted: Vec<String> },
    /// The history ended before its own total count: the answer was not whole.
    Short { seen: u64, total: u64 },
}

/// A walk from a new head down to what is known.
#[derive(Debug)]
pub(crate) struct Walk {
    start: Timestamp,
    /// The head of the last whole fetch, and the total count below it.
    before: Option<(String, u64)>,
    /// Known and reachable until now.
    live: HashSet<String>,
    /// Live commits that came by.
    met: HashSet<String>,
    total: u64,
    seen: u64,
    unknown: u64,
    old_head_seen: bool,
    /// Commits before the start since the last one that was not.
    before_start: u64,
}

impl Walk {
    /// A walk over a history of `total` commits. `live` are the known commits that were reachable from the head
    /// `before`, whose total count stands beside it.
    pub(crate) fn new(
        start: Timestamp,
        before: Option<(String, u64)>,
        live: HashSet<String>,
        total: u64,
    ) -> Self {
        let met = HashSet::with_capacity(live.len());
        Self {
            start,
            before,
            live,
            met,
            total,
            seen: 0,
            unknown: 0,
            old_head_seen: false,
            before_start: 0,
        }
    }

    /// Is this commit one to record: inside the tracked time, and not known as reachable?
    pub(crate) fn wants(&self, commit: &Passed<'_>) -> bool {
        commit.at >= self.start && !self.live.contains(commit.oid)
    }

    /// Takes a page in and decides. `last` says that GitHub has no further page.
    pub(crate) fn page(&mut self, page: &[Passed<'_>], last: bool) -> Verdict {
        for commit in page {
            self.seen += 1;
            self.before_start = if commit.at < self.start {
                self.before_start + 1
            } else {
                0
            };
            if self
                .before
                .as_ref()
                .is_some_and(|(head, _)| head == commit.oid)
            {
                self.old_head_seen = true;
            }
            if self.wants(commit) {
                self.unknown += 1;
            } else if self.live.contains(commit.oid) {
                self.met.insert(commit.oid.to_owned());
            }
        }
        if self.old_head_seen
            && self
                .before
                .as_ref()
                .is_some_and(|(_, total)| total + self.unknown == self.total)
        {
            return Verdict::Done {
                retracted: Vec::new(),
            };
        }
        if last && self.seen != self.total {
            return Verdict::Short {
                seen: self.seen,
                total: self.total,
            };
        }
        if last || self.before_start >= PAST_THE_START {
            let mut retracted: Vec<String> = self.live.difference(&self.met).cloned().collect();
            retracted.sort_unstable();
            return Verdict::Done { retracted };
        }
        Verdict::Further
    }
}

#[cfg(test)]
mod tests;
