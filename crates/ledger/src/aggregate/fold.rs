//! What one event of the feed, and one step of time, does to the numbers.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use jiff::Timestamp;

use super::agenda::Step;
use super::histogram::{Exemplar, Histogram, SIZE_BOUNDS, TIME_BOUNDS};
use super::tally::{DAY, Daily, Tally, WEEK, after, gone};
use super::view::Histograms;
use super::{Aggregate, Commit};
use crate::event::{Event, Fact};
use crate::port::activity::{EventChange, News};

impl Aggregate {
    pub(super) fn see_event(&mut self, change: &EventChange) {
        let Some(user) = self.user(&change.event.actor) else {
            return;
        };
        let repo = self.repo(change.repo, &change.org);
        let series = self.series_of(repo, user);
        let is_new = change.news == News::Recorded;
        // History that was asked for later is in the windows and not in the counters: their increase says what happened
        // when it happened.
        if is_new && !change.history {
            self.touch(series)
                .counters
                .count(&change.event, change.first_state);
            self.observe(repo, &change.event);
        }
        let at = change.event.at;
        let happened = at <= self.now;
        match change.event.fact {
            Fact::Commit {
                additions,
                deletions,
                ..
            } => {
                let in_day = happened && after(at, DAY) > self.now;
                let live = !change.retracted;
                let commit = Commit {
                    at,
                    series,
                    added: additions,
                    removed: deletions,
                    live,
                    happened,
                    in_day,
                };
                self.see_commit(identity(change), commit);
            }
            // Nothing that a newer version amends is in a window.
            _ if !is_new => {}
            _ => {
                let counts = Daily::of(&change.event.fact);
                if happened {
                    self.happens(series, counts, at);
                } else {
                    self.agenda.put(at, Step::Happens { series, counts });
                }
            }
        }
    }

    pub(super) fn take_step(&mut self, due: Timestamp, step: Step) {
        match step {
            Step::Happens { series, counts } => self.happens(series, counts, due),
            Step::LeavesDay { series, counted } => {
                self.touch(series).daily[counted as usize].value -= 1;
                self.await_vanishing(series);
            }
            Step::CommitHappens { commit: identity } => {
                let commit = self
                    .commits
                    .get_mut(&identity)
                    .expect("a commit ahead of the clock is kept");
                commit.happened = true;
                commit.in_day = true;
                let commit = *commit;
                self.commit_happens(identity, commit);
            }
            Step::CommitLeavesDay { commit: identity } => {
                let commit = self
                    .commits
                    .get_mut(&identity)
                    .expect("a commit of the week is kept");
                commit.in_day = false;
                let Commit { series, live, .. } = *commit;
                if live {
                    self.touch(series).daily[Daily::Commits as usize].value -= 1;
                    self.await_vanishing(series);
                }
            }
            Step::CommitLeavesWeek { commit: identity } => {
                let commit = self
                    .commits
                    .remove(&identity)
                    .expect("a commit of the week is kept");
                if commit.live {
                    self.touch(commit.series).take(&commit);
                    self.await_vanishing(commit.series);
                }
            }
            Step::MayVanish { series } => {
                self.touch(series);
            }
        }
    }

    /// An event other than a commit has happened.
    fn happens(&mut self, series: u32, counts: Option<Daily>, at: Timestamp) {
        let in_day = after(at, DAY) > self.now;
        let tally = self.touch(series);
        tally.last_event = tally.last_event.max(at);
        let Some(gauge) = counts else { return };
        tally.daily[gauge as usize].happened(at);
        if in_day {
            tally.daily[gauge as usize].value += 1;
            self.agenda.put(
                after(at, DAY),
                Step::LeavesDay {
                    series,
                    counted: gauge,
                },
            );
        } else if gone(at, DAY) > self.now {
            self.await_vanishing(series);
        }
    }

    fn see_commit(&mut self, identity: u64, seen: Commit) {
        if let Some(known) = self.commits.get_mut(&identity) {
            if known.live == seen.live {
                return;
            }
            known.live = seen.live;
            let commit = *known;
            if !commit.happened {
                return;
            }
            let tally = self.touch(commit.series);
            if commit.live {
                tally.add(&commit);
            } else {
                tally.take(&commit);
                self.await_vanishing(commit.series);
            }
        } else if seen.happened && after(seen.at, WEEK) <= self.now {
            self.commit_was(&seen);
            if gone(seen.at, WEEK) > self.now {
                self.await_vanishing(seen.series);
            }
        } else {
            self.commits.insert(identity, seen);
            if seen.happened {
                self.commit_happens(identity, seen);
            } else {
                self.agenda
                    .put(seen.at, Step::CommitHappens { commit: identity });
            }
        }
    }

    /// A commit of the week has happened.
    fn commit_happens(&mut self, identity: u64, commit: Commit) {
        let tally = self.commit_was(&commit);
        if commit.live {
            tally.add(&commit);
        }
        if commit.in_day {
            self.agenda.put(
                after(commit.at, DAY),
                Step::CommitLeavesDay { commit: identity },
            );
        }
        self.agenda.put(
            after(commit.at, WEEK),
            Step::CommitLeavesWeek { commit: identity },
        );
        if !(commit.live && commit.in_day) {
            self.await_vanishing(commit.series);
        }
    }

    fn commit_was(&mut self, commit: &Commit) -> &mut Tally {
        let tally = self.touch(commit.series);
        tally.daily[Daily::Commits as usize].happened(commit.at);
        tally.weekly.happened(commit.at);
        tally.last_event = tally.last_event.max(commit.at);
        tally
    }

    /// Takes note of when the zeros that a series shows now will be shown no more.
    fn await_vanishing(&mut self, series: u32) {
        for due in self.series[series as usize]
            .vanishings()
            .filter(|due| *due > self.now)
        {
            self.agenda.put(due, Step::MayVanish { series });
        }
    }

    fn observe(&mut self, repo: u32, event: &Event) {
        let seen = |number: u64, value: u64| Exemplar {
            at: event.at,
            number,
            value,
        };
        match event.fact {
            Fact::PullMerged {
                number,
                seconds_open,
                lines,
                ..
            } => {
                let histograms = self.histograms(repo);
                histograms.merge.observe(seen(number, seconds_open));
                histograms.size.observe(seen(number, lines));
            }
            Fact::Review {
                number,
                seconds_since_ready: Some(seconds),
                ..
            } => {
                let pull = (repo, u32::try_from(number).unwrap_or(u32::MAX));
                let short = u32::try_from(seconds).unwrap_or(u32::MAX);
                match self.first_reviews.get(&pull).copied() {
                    None => self
                        .histograms(repo)
                        .first_review
                        .observe(seen(number, u64::from(short))),
                    Some(before) if short < before => {
                        let seen = seen(number, u64::from(short));
                        self.histograms(repo)
                            .first_review
                            .lower(u64::from(before), seen);
                    }
                    Some(_) => return,
                }
                self.first_reviews.insert(pull, short);
            }
            _ => {}
        }
    }

    fn histograms(&mut self, repo: u32) -> &mut Histograms {
        self.touch_repo(repo).histograms.get_or_insert_with(|| {
            Box::new(Histograms {
                first_review: Histogram::new(TIME_BOUNDS),
                merge: Histogram::new(TIME_BOUNDS),
                size: Histogram::new(SIZE_BOUNDS),
            })
        })
    }
}

/// What a commit of the week is known by. Two of a million that share 64 bits are a matter of one in 30 million, and
/// would cost one of them its place in the windows, not in the counters.
fn identity(change: &EventChange) -> u64 {
    let mut hasher = DefaultHasher::new();
    (change.repo, &change.event.id).hash(&mut hasher);
    hasher.finish()
}
