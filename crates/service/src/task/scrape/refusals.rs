//! Remembers what GitHub refused, and decides when a refusal is for good.
//!
//! GitHub's replicas lag: right after a rename, a transfer or a permission that was given, one of them refuses what
//! another has just listed. So a refusal is for good only if it is repeated after [`LAG`]. Until then it is a gap.
//! Refuses to know what was asked for.

use std::collections::HashMap;

use jiff::Timestamp;
use ledger::event::{RepoId, Stream};
use ledger::port::activity::LAG;

/// What was refused, and when. A restart forgets it and asks once more.
#[derive(Debug, Default)]
pub(crate) struct Refusals {
    /// When each was first refused since it was last read.
    first: HashMap<(RepoId, Stream), Timestamp>,
    /// When each was last refused for good.
    settled: HashMap<(RepoId, Stream), Timestamp>,
}

impl Refusals {
    /// Takes in a refusal and says whether it is for good, as it is where that is `known` already.
    pub(super) fn refuse(&mut self, of: (RepoId, Stream), known: bool, now: Timestamp) -> bool {
        let first = *self.first.entry(of).or_insert(now);
        let settled = known || now.duration_since(first) >= LAG;
        if settled {
            self.settled.insert(of, now);
        }
        settled
    }

    /// It could be read.
    pub(super) fn forget(&mut self, of: (RepoId, Stream)) {
        self.first.remove(&of);
        self.settled.remove(&of);
    }

    /// Everything is asked for again soon.
    pub(super) fn forget_all(&mut self) {
        *self = Refusals::default();
    }

    /// When it was last refused for good.
    pub(super) fn settled(&self, of: (RepoId, Stream)) -> Option<Timestamp> {
        self.settled.get(&of).copied()
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn a_refusal_is_for_good_once_it_outlasts_every_lag() {
        let of = (RepoId(1), Stream::Pulls);
        let after = |seconds| Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds);
        let mut refusals = Refusals::default();
        assert!(!refusals.refuse(of, false, after(0)));
        assert!(!refusals.refuse(of, false, after(119)));
        assert_eq!(refusals.settled(of), None);
        assert!(refusals.refuse(of, false, after(120)));
        assert_eq!(refusals.settled(of), Some(after(120)));
        refusals.forget(of);
        assert!(!refusals.refuse(of, false, after(130)));
        assert!(refusals.refuse(of, true, after(131)), "the store knows it");
    }
}
