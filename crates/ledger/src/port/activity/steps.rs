//! What each step makes of a stream. Every store takes these, so that what a proof covers or a failure leads to is said once.

use jiff::Timestamp;

use super::{Authority, Backfill, Due, Ending, Miss, Proof, StreamView, claimable};
use crate::coverage::{Coverage, Gap, GapReason};
use crate::event::{RepoId, Stream};
use crate::window::Window;

impl Authority {
    /// Whether more than events may be written of this stream.
    pub fn may_change(&self, repo: RepoId, stream: Stream) -> bool {
        match self {
            Authority::Leader(_) => true,
            Authority::Filler(claim) => (claim.repo, claim.stream) == (repo, stream),
        }
    }
}

impl Backfill {
    /// What can be filled now of these gaps, which are all that the stream has, by time.
    pub fn due(&self, repo: RepoId, stream: Stream, gaps: &[Gap], now: Timestamp) -> Option<Due> {
        if self.stuck || self.next_attempt.is_some_and(|at| at > now) {
            return None;
        }
        let before = |gap: &&Gap| gap.window.start() < now;
        let first = gaps.iter().find(before)?;
        let last = gaps.iter().rfind(before)?;
        let window = Window::new(first.window.start(), last.window.end())?;
        let by_itself = |gap: &&Gap| gap.reason != GapReason::Manual;
        let reason = gaps.iter().filter(before).find(by_itself);
        Some(Due {
            repo,
            stream,
            window: window.until(now)?,
            reason: reason.map_or(GapReason::Manual, |gap| gap.reason),
            attempts: self.attempts,
        })
    }
}

impl StreamView {
    /// A stream that is tracked from `start` and of which nothing was read.
    pub fn new(stream: Stream, start: Timestamp) -> StreamView {
        StreamView {
            stream,
            coverage: Coverage::new(start),
            counted_from: start,
            fingerprint: None,
            fetched_at: None,
            open: None,
            unavailable: None,
            backfill: Backfill::default(),
        }
    }

    /// Takes in what a whole fetch proves.
    pub fn prove(&mut self, proof: Proof, now: Timestamp) {
        if let Some(window) = claimable(proof.window, now) {
            self.coverage.cover(window);
        }
        self.fingerprint = Some(proof.fingerprint);
        if proof.deep || self.fetched_at.is_none() {
            self.fetched_at = Some(now);
        }
        self.open = proof.open.or(self.open);
        self.unavailable = None;
        self.settle();
    }

    /// Takes in that something was recorded which no whole fetch vouches for.
    pub fn doubt(&mut self) {
        self.fingerprint = None;
    }

    /// Takes in that nothing changed up to `until`.
    pub fn confirm(&mut self, until: Timestamp, now: Timestamp) {
        if self.fingerprint.is_some() {
            self.coverage.advance(until.min(now));
            self.unavailable = None;
            self.settle();
        }
    }

    /// Takes in a window that could not be read.
    pub fn miss(&mut self, miss: &Miss) {
        self.coverage.miss(miss.window, miss.reason, &miss.error);
    }

    /// Takes in how the filling of the gaps ended.
    pub fn end(&mut self, ending: Ending) {
        match ending {
            Ending::Filled => self.backfill = Backfill::default(),
            Ending::Abandoned => {}
            Ending::Failed {
                error,
                next_attempt,
            } => {
                self.backfill.attempts = self.backfill.attempts.saturating_add(1);
                self.backfill.error = error;
                self.backfill.stuck = next_attempt.is_none();
                self.backfill.next_attempt = next_attempt;
            }
        }
        self.settle();
    }

    /// Forgets failures, so that the gaps are due at once. Whether anything was waiting.
    pub fn rearm(&mut self) -> bool {
        let waiting = self.backfill.stuck || self.backfill.next_attempt.is_some();
        if waiting {
            self.backfill = Backfill::default();
        }
        waiting
    }

    /// Takes in that history is wanted. Whether the stream reaches further back now.
    pub fn ask_history(&mut self, since: Timestamp) -> bool {
        let before = self.coverage.start();
        self.coverage.reach_back(since);
        if !self.coverage.gaps().is_empty() {
            self.rearm();
        }
        self.coverage.start() < before
    }

    /// What can be filled of it, if nobody is at it: there is a gap, it is neither unavailable nor stuck, and the next
    /// attempt has come.
    pub fn due(&self, repo: RepoId, now: Timestamp) -> Option<Due> {
        if self.unavailable.is_some() {
            return None;
        }
        self.backfill
            .due(repo, self.stream, self.coverage.gaps(), now)
    }

    /// From the start of the first gap to the end of the last, as far as they lie before `now`.
    pub fn gaps_window(&self, now: Timestamp) -> Option<Window> {
        let mut gaps = self.coverage.gaps_before(now);
        let first = gaps.next()?.window;
        Window::new(
            first.start(),
            gaps.last().map_or(first, |gap| gap.window).end(),
        )
    }

    /// Where no gap is left, nothing has ever failed.
    fn settle(&mut self) {
        if self.coverage.gaps().is_empty() {
            self.backfill = Backfill::default();
        }
    }
}
