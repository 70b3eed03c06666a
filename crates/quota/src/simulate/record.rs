//! What happened in a run, as GitHub and the callers saw it. Judges nothing.

use super::Millis;
use super::arrivals::REPOS;

/// Everything that a run leaves behind.
#[derive(Clone, Debug, Default)]
pub(super) struct Record {
    /// Of each live request after the start.
    pub(super) live: Vec<Fate>,
    /// When the last item was done.
    pub(super) bulk_done: Option<Millis>,
    /// Up to when the run was watched.
    pub(super) end: Millis,
    pub(super) windows: Vec<Hour>,
    /// Bulk calls that left less than the floor of their moment and of the one in which their item began, by more than an item
    /// per process.
    pub(super) reserve_violations: u64,
    /// Requests that GitHub refused and that their sender knew it would.
    pub(super) sent_into_block: u64,
    /// Requests that GitHub got from our processes.
    pub(super) requests: u64,
    pub(super) refused_primary: u64,
    pub(super) refused_secondary: u64,
    pub(super) fairness: Fairness,
    /// For a picture of the run, if wanted.
    pub(super) samples: Vec<Sample>,
}

/// What became of a live request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Fate {
    /// The longest that it waited at the desk.
    pub(super) waited: Millis,
    pub(super) was_refused: bool,
}

/// A window of the primary limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hour {
    pub(super) ends: Millis,
    pub(super) remaining: u64,
    pub(super) emptied: Option<Millis>,
    /// The most that the floors of that window left unused: each of them, less what bulk work could have spent after it.
    pub(super) floor: Option<u64>,
    /// What items under way still had to spend when it ended, or had been promised.
    pub(super) under_way: u64,
}

/// One moment of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Milliseconds since the start.
    pub at: i64,
    /// Left of the window.
    pub remaining: u64,
    /// What bulk work has to leave.
    pub floor: u64,
    /// Live requests that GitHub has served since the start.
    pub live: u64,
    /// Bulk calls that it has served.
    pub bulk: u64,
}

/// Repositories with fewer items are through before it can be told whether they were served alike.
const ENOUGH: u32 = 3;

/// How evenly bulk calls were spread over repositories for as long as all had work.
#[derive(Clone, Debug)]
pub(super) struct Fairness {
    /// Items at the start, and those that are not done.
    all: [u32; REPOS],
    items: [u32; REPOS],
    calls: [u32; REPOS],
    is_over: bool,
}

impl Default for Fairness {
    fn default() -> Fairness {
        Fairness {
            all: [0; REPOS],
            items: [0; REPOS],
            calls: [0; REPOS],
            is_over: false,
        }
    }
}

impl Fairness {
    pub(super) fn has_work(&mut self, repo: usize) {
        self.all[repo] += 1;
        self.items[repo] += 1;
    }

    pub(super) fn served(&mut self, repo: usize) {
        if !self.is_over {
            self.calls[repo] += 1;
        }
    }

    pub(super) fn done(&mut self, repo: usize) {
        self.items[repo] = self.items[repo].saturating_sub(1);
        self.is_over |= self.items[repo] == 0;
    }

    /// Jain's index over the repositories: 1 where all were served alike, one over their number where only one was. None where
    /// some have too little work to tell.
    pub(super) fn index(&self) -> Option<f64> {
        if self.all.iter().any(|items| *items < ENOUGH) {
            return None;
        }
        let calls: Vec<f64> = self.calls.iter().map(|calls| f64::from(*calls)).collect();
        let sum: f64 = calls.iter().sum();
        let squares: f64 = calls.iter().map(|calls| calls * calls).sum();
        (squares > 0.0).then(|| sum * sum / (calls.len() as f64 * squares))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fairness_is_one_where_all_are_served_alike_and_a_twentieth_where_one_is() {
        let index = |items, served: &[usize]| {
            let mut fairness = Fairness::default();
            (0..items * REPOS).for_each(|item| fairness.has_work(item % REPOS));
            served.iter().for_each(|repo| fairness.served(*repo));
            fairness.index()
        };
        let all: Vec<usize> = (0..REPOS).collect();
        assert_eq!(index(3, &all), Some(1.0));
        assert_eq!(index(3, &[3, 3, 3]), Some(1.0 / REPOS as f64));
        assert_eq!(index(3, &[]), None, "nothing was served");
        assert_eq!(index(2, &all), None, "too little to tell");
    }

    #[test]
    fn fairness_counts_only_while_all_have_work() {
        let mut fairness = Fairness::default();
        (0..3 * REPOS).for_each(|item| fairness.has_work(item % REPOS));
        (0..REPOS).for_each(|repo| fairness.served(repo));
        (0..3).for_each(|_| fairness.done(0));
        fairness.served(1);
        assert_eq!(fairness.index(), Some(1.0));
    }
}
