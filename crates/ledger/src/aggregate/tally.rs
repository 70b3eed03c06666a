//! The numbers of one series: one user label in one repository. Decides what each event adds; refuses to know when an
//! event leaves its window.

use jiff::{SignedDuration, Timestamp};

use super::Commit;
use crate::event::{CommentOn, Event, Fact, ReviewState};

/// The window of the daily gauges.
pub const DAY: SignedDuration = SignedDuration::from_hours(24);
/// The window of the weekly gauges.
pub const WEEK: SignedDuration = SignedDuration::from_hours(7 * 24);

/// A gauge that counts events of the last 24 hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Daily {
    /// Commits on the default branch.
    Commits,
    /// Opened pull requests.
    PullsOpened,
    /// Merged pull requests, by author.
    PullsMerged,
    /// Submitted reviews, whatever their state.
    Reviews,
    /// Comments on issues and in conversations of pull requests; not on diffs.
    IssueComments,
}

impl Daily {
    /// Every daily gauge.
    pub const ALL: [Daily; 5] = [
        Daily::Commits,
        Daily::PullsOpened,
        Daily::PullsMerged,
        Daily::Reviews,
        Daily::IssueComments,
    ];

    /// The gauge that counts a fact, if one does.
    pub(super) fn of(fact: &Fact) -> Option<Daily> {
        match fact {
            Fact::Commit { .. } => Some(Daily::Commits),
            Fact::PullOpened { .. } => Some(Daily::PullsOpened),
            Fact::PullMerged { .. } => Some(Daily::PullsMerged),
            Fact::Review { .. } => Some(Daily::Reviews),
            Fact::Comment {
                on: CommentOn::Issue | CommentOn::Pull,
            } => Some(Daily::IssueComments),
            Fact::Comment {
                on: CommentOn::Diff,
            }
            | Fact::PullClosed { .. }
            | Fact::IssueOpened { .. }
            | Fact::IssueClosed { .. } => None,
        }
    }
}

/// Everything ever recorded, retracted or not: none of these ever falls.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each counts the Fact of its name")]
pub struct Counters {
    pub commits: u64,
    pub lines_added: u64,
    pub lines_removed: u64,
    pub pulls_opened: u64,
    pub pulls_merged: u64,
    pub pulls_closed: u64,
    /// By the state they were first recorded with, in the order of [`ReviewState::ALL`].
    pub reviews: [u64; 4],
    /// In the order of [`CommentOn::ALL`].
    pub comments: [u64; 3],
    pub issues_opened: u64,
    pub issues_closed: u64,
}

impl Counters {
    /// Reviews that were first recorded with this state.
    pub fn reviews(&self, state: ReviewState) -> u64 {
        self.reviews[state as usize]
    }

    /// Comments on this.
    pub fn comments(&self, on: CommentOn) -> u64 {
        self.comments[on as usize]
    }

    pub(super) fn count(&mut self, event: &Event, first_state: Option<ReviewState>) {
        match &event.fact {
            Fact::Commit {
                additions,
                deletions,
                ..
            } => {
                self.commits += 1;
                self.lines_added += additions;
                self.lines_removed += deletions;
            }
            Fact::PullOpened { .. } => self.pulls_opened += 1,
            Fact::PullMerged { .. } => self.pulls_merged += 1,
            Fact::PullClosed { .. } => self.pulls_closed += 1,
            Fact::Review { state, .. } => self.reviews[first_state.unwrap_or(*state) as usize] += 1,
            Fact::Comment { on } => self.comments[*on as usize] += 1,
            Fact::IssueOpened { .. } => self.issues_opened += 1,
            Fact::IssueClosed { .. } => self.issues_closed += 1,
        }
    }
}

/// A number over a window that ends now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Windowed<N> {
    pub(super) value: N,
    /// When the newest event that ever counted here happened, retracted or not.
    pub(super) last: Timestamp,
}

impl<N: Default + Copy + PartialEq> Windowed<N> {
    fn new() -> Windowed<N> {
        Windowed {
            value: N::default(),
            last: Timestamp::MIN,
        }
    }

    pub(super) fn happened(&mut self, at: Timestamp) {
        self.last = self.last.max(at);
    }

    /// The value; none where the last event left the window longer than one window length ago. In between it is an
    /// explicit zero, so that a reader sees the fall and not just an end.
    fn shown(&self, span: SignedDuration, now: Timestamp) -> Option<N> {
        (self.last > Timestamp::MIN && gone(self.last, span) > now).then_some(self.value)
    }
}

/// When a gauge whose last event was then is shown no more.
pub(super) fn gone(last: Timestamp, span: SignedDuration) -> Timestamp {
    after(after(last, span), span)
}

/// That time later, or the end of time.
pub(super) fn after(at: Timestamp, span: SignedDuration) -> Timestamp {
    at.checked_add(span).unwrap_or(Timestamp::MAX)
}

/// The lines of the commits of the last week.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lines {
    pub(super) added: u64,
    pub(super) removed: u64,
}

/// The numbers of one series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tally {
    /// The place of its repository.
    pub(super) repo: u32,
    /// The place of its user label.
    pub(super) user: u32,
    pub(super) generation: u64,
    pub(super) counters: Counters,
    pub(super) daily: [Windowed<u32>; 5],
    pub(super) weekly: Windowed<Lines>,
    /// When the newest event happened, retracted or not.
    pub(super) last_event: Timestamp,
}

impl Tally {
    pub(super) fn new(repo: u32, user: u32) -> Tally {
        Tally {
            repo,
            user,
            generation: 0,
            counters: Counters::default(),
            daily: [Windowed::new(); 5],
            weekly: Windowed::new(),
            last_event: Timestamp::MIN,
        }
    }

    /// A commit that has happened enters the windows it lies in.
    pub(super) fn add(&mut self, commit: &Commit) {
        self.daily[Daily::Commits as usize].value += u32::from(commit.in_day);
        self.weekly.value.added += commit.added;
        self.weekly.value.removed += commit.removed;
    }

    /// A commit that is in these windows leaves them.
    pub(super) fn take(&mut self, commit: &Commit) {
        self.daily[Daily::Commits as usize].value -= u32::from(commit.in_day);
        self.weekly.value.added -= commit.added;
        self.weekly.value.removed -= commit.removed;
    }

    /// When a gauge that shows zero now will be shown no more: for each that does.
    pub(super) fn vanishings(&self) -> impl Iterator<Item = Timestamp> {
        let daily = self
            .daily
            .iter()
            .filter(|gauge| gauge.value == 0)
            .map(|gauge| gone(gauge.last, DAY));
        let weekly = (self.weekly.value == Lines::default()).then(|| gone(self.weekly.last, WEEK));
        daily.chain(weekly)
    }

    pub(super) fn daily(&self, gauge: Daily, now: Timestamp) -> Option<u64> {
        self.daily[gauge as usize].shown(DAY, now).map(u64::from)
    }

    pub(super) fn lines(&self, now: Timestamp) -> Option<Lines> {
        self.weekly.shown(WEEK, now)
    }

    pub(super) fn last_event(&self) -> Option<Timestamp> {
        (self.last_event > Timestamp::MIN).then_some(self.last_event)
    }
}
