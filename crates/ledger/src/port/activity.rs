//! The store of activity: events, coverage, the leader's term, the change feed. Decides what each step means and what
//! it must never do.
//!
//! **Counting once.** A fact's key is (repository, kind, id). Recording it again changes nothing, except that a newer
//! version amends it ([`Event::amend`]) and a retracted one that comes again is live again.
//!
//! **The change feed** has two kinds of entries for an event. It is [`News::Recorded`] once, at the place of its first
//! recording, which never changes; and [`News::Amended`] at the place of its latest change, if it changed since.
//! Both carry the event as it is now. So a reader that counts what is recorded, and nothing that is amended, has
//! counted every fact exactly once, without remembering any, wherever it stopped and went on, also after a restart.
//! Places become visible in order: once a reader has got a cursor, nothing will ever appear at or before it.
//!
//! **Filling gaps.** The gaps of one stream of a repository are filled together, by one worker at a time. How often that has
//! failed, when it is tried next and who is at it now stand beside them in the store, and nowhere else. Who may write is said
//! by a term or a token that the store itself gave; the times of a claim say only when others may try, so a clock that is
//! wrong can make two work on one thing, and never two write it.

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Cursor, Result, Term, Token};
use crate::coverage::{Coverage, GapReason};
use crate::event::{Event, RepoId, ReviewState, Stream};
use crate::fingerprint::Fingerprint;
use crate::window::Window;

mod steps;

/// A repository as an organisation's listing shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenRepo {
    /// GitHub's id.
    pub id: RepoId,
    /// The name now, without the owner.
    pub name: String,
    /// What can be fetched of it. Where issues are disabled there is no [`Stream::Issues`].
    pub streams: Vec<Stream>,
    /// When GitHub says it was created.
    pub created_at: Timestamp,
}

/// What was fetched of one stream of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The stream.
    pub stream: Stream,
    /// Its events, in any order.
    pub events: Vec<Event>,
    /// The oids of commits that the default branch no longer reaches. Empty for other streams.
    pub retracted: Vec<String>,
    /// What the fetch proves; none if it was not whole.
    pub proof: Option<Proof>,
}

/// What a whole fetch of a stream proves. It has read everything up to its first page: a confirmation that nothing changed
/// since covers all that comes after the window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// The time that was read whole. It ends when the first page was asked for, less [`LAG`].
    pub window: Window,
    /// What the first page saw.
    pub fingerprint: Fingerprint,
    /// How many pull requests or issues are open, by GitHub's count.
    pub open: Option<u64>,
    /// Whether the recent past was read again as well, and not only what had changed.
    pub deep: bool,
}

/// The gaps of one stream of a repository, given to somebody to fill.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Claim {
    /// The organisation.
    pub org: String,
    /// The repository.
    pub repo: RepoId,
    /// The stream.
    pub stream: Stream,
    /// What entitles to write.
    pub token: Token,
}

/// What entitles to write what was read.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Authority {
    /// Leading: everything may be written.
    Leader(Term),
    /// Filling the gaps of one stream: that stream may be written.
    Filler(Claim),
}

impl From<Term> for Authority {
    fn from(term: Term) -> Authority {
        Authority::Leader(term)
    }
}

/// How the filling of a stream's gaps stands.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backfill {
    /// Attempts that failed, since the gaps were last filled or armed again.
    pub attempts: u32,
    /// Why the last attempt failed; empty if none did.
    pub error: String,
    /// The next attempt is not made before this.
    pub next_attempt: Option<Timestamp>,
    /// Every attempt is used up: nothing is tried until somebody arms it again.
    pub stuck: bool,
}

/// A stream whose gaps can be filled now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// The repository.
    pub repo: RepoId,
    /// The stream.
    pub stream: Stream,
    /// From the start of the first gap to the end of the last.
    pub window: Window,
    /// Why the first of the gaps is there that nobody asked for by hand; [`GapReason::Manual`] if there is no such gap.
    pub reason: GapReason,
    /// Attempts that failed.
    pub attempts: u32,
}

/// What of an organisation's gaps can be filled now.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct DueNow {
    /// What is to be dispatched, at most as many as were asked for: first those that were never dispatched, then those whose
    /// dispatch lies longest back; history that was asked for by hand, and nothing else, last; then by repository and stream.
    pub due: Vec<Due>,
    /// How many more are due.
    pub deferred: u64,
    /// How many are under way: claimed, or dispatched and not silent yet.
    pub under_way: u64,
}

/// What came of asking for a stream's gaps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claimed {
    /// They are the caller's to fill.
    Given {
        /// What entitles to write.
        claim: Claim,
        /// The repository as it is now.
        repo: Box<RepoView>,
    },
    /// There is nothing to fill: no gap, or the stream is not tracked, or it is unavailable.
    Nothing,
    /// Another is at it, until then if it does not renew.
    Held(Timestamp),
    /// It is not to be tried before then.
    NotYet(Timestamp),
    /// Every attempt is used up.
    Stuck,
}

/// How the filling of a stream's gaps ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// They were read. Attempts count from nothing again; what gaps there still are is due at once.
    Filled,
    /// The worker has to leave: no attempt was made.
    Abandoned,
    /// They could not be read.
    Failed {
        /// Why, without secrets.
        error: String,
        /// When it is tried next; none if every attempt is used up.
        next_attempt: Option<Timestamp>,
    },
}

/// What a recording did.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded {
    /// Facts that were new.
    pub inserted: u64,
    /// Facts that a newer version amended, and retracted ones that came again.
    pub updated: u64,
    /// Facts that were live and are retracted now.
    pub retracted: u64,
    /// Events that were refused: older than the tracking start, or of a stream that is not tracked.
    pub outside: u64,
}

/// A window that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Miss {
    /// The repository.
    pub repo: RepoId,
    /// The stream.
    pub stream: Stream,
    /// The time.
    pub window: Window,
    /// Why.
    pub reason: GapReason,
    /// The error's text, without secrets.
    pub error: String,
}

/// How a cycle of one organisation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CycleResult {
    /// Everything that had changed was read.
    Success,
    /// Some repositories could not be read; they have gaps.
    Partial,
    /// The organisation could not be read at all.
    Failure,
    /// Not tried: the organisation is cooling down after failures.
    SkippedUnhealthy,
}

impl CycleResult {
    /// Every result.
    pub const ALL: [CycleResult; 4] = [
        CycleResult::Success,
        CycleResult::Partial,
        CycleResult::Failure,
        CycleResult::SkippedUnhealthy,
    ];

    /// The word a label and a store carry.
    pub fn as_str(self) -> &'static str {
        match self {
            CycleResult::Success => "success",
            CycleResult::Partial => "partial",
            CycleResult::Failure => "failure",
            CycleResult::SkippedUnhealthy => "skipped_unhealthy",
        }
    }
}

/// One cycle of one organisation: the heartbeat, reported also when nothing happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CycleReport {
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    pub finished: Timestamp,
    /// How it ended.
    pub result: CycleResult,
    /// Repositories that are tracked.
    pub repos: u64,
    /// Repositories of which something was fetched.
    pub changed: u64,
    /// Repositories of which something could not be read.
    pub failed: u64,
    /// What was recorded.
    pub recorded: Recorded,
    /// Requests sent.
    pub requests: u64,
    /// GraphQL points charged.
    pub points: u64,
    /// The first error's text, without secrets.
    pub error: Option<String>,
}

/// An organisation as the store knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrgView {
    /// Its login.
    pub org: String,
    /// The last cycle.
    pub last: Option<CycleReport>,
    /// When a cycle last ended with [`CycleResult::Success`] or [`CycleResult::Partial`].
    pub last_read: Option<Timestamp>,
    /// How many cycles ended each way, in the order of [`CycleResult::ALL`].
    pub cycles: [u64; 4],
    /// All that was ever recorded.
    pub recorded: Recorded,
}

impl OrgView {
    /// An organisation without a cycle.
    pub fn new(org: impl Into<String>) -> OrgView {
        OrgView {
            org: org.into(),
            last: None,
            last_read: None,
            cycles: [0; 4],
            recorded: Recorded::default(),
        }
    }

    /// Takes in a cycle.
    pub fn fold(&mut self, report: CycleReport) {
        let place = CycleResult::ALL
            .iter()
            .position(|result| *result == report.result);
        self.cycles[place.expect("ALL lists every result")] += 1;
        if matches!(report.result, CycleResult::Success | CycleResult::Partial) {
            self.last_read = self.last_read.max(Some(report.finished));
        }
        self.recorded.inserted += report.recorded.inserted;
        self.recorded.updated += report.recorded.updated;
        self.recorded.retracted += report.recorded.retracted;
        self.recorded.outside += report.recorded.outside;
        self.last = Some(report);
    }
}

/// One tracked stream of a repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamView {
    /// The stream.
    pub stream: Stream,
    /// Which time was read. Its start is the tracking start, or earlier where history was asked for.
    pub coverage: Coverage,
    /// The tracking start: counters count from here, whatever history is read later.
    pub counted_from: Timestamp,
    /// What the last whole fetch saw; none if there was none yet.
    pub fingerprint: Option<Fingerprint>,
    /// When the first whole fetch was recorded, or the last one since that was [`Proof::deep`].
    pub fetched_at: Option<Timestamp>,
    /// How many pull requests or issues are open, by the last whole fetch that said so.
    pub open: Option<u64>,
    /// Why it cannot be read for good, until a recording or a confirmation clears it.
    pub unavailable: Option<String>,
    /// How the filling of its gaps stands.
    pub backfill: Backfill,
}

/// A repository as the store knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepoView {
    /// The organisation it belongs to now.
    pub org: String,
    /// GitHub's id.
    pub id: RepoId,
    /// The name now, without the owner.
    pub name: String,
    /// When GitHub says it was created.
    pub created_at: Timestamp,
    /// Whether the last listing of its organisation showed it.
    pub tracked: bool,
    /// The streams that the last listing which showed it named, in the order of [`Stream::ALL`].
    pub streams: Vec<StreamView>,
}

impl RepoView {
    /// One of its streams, if it has it.
    pub fn stream(&self, stream: Stream) -> Option<&StreamView> {
        self.streams.iter().find(|view| view.stream == stream)
    }
}

/// A commit that the store has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownCommit {
    /// Its oid.
    pub oid: String,
    /// Its committed date.
    pub at: Timestamp,
    /// Whether the default branch no longer reached it when it was last fetched.
    pub retracted: bool,
}

/// Why an event stands in the change feed. See the module's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum News {
    /// This is the place of its first recording: count it.
    Recorded,
    /// It was recorded at an earlier place and changed here: do not count it again.
    Amended,
}

/// An event in the change feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventChange {
    /// Its place.
    pub seq: Cursor,
    /// Why it stands here.
    pub news: News,
    /// The organisation the repository belongs to now.
    pub org: String,
    /// The repository.
    pub repo: RepoId,
    /// The event as it is now.
    pub event: Event,
    /// For a review: the state it was first recorded with, which never changes.
    pub first_state: Option<ReviewState>,
    /// Whether it is retracted now.
    pub retracted: bool,
    /// Whether it lies before [`StreamView::counted_from`]: history, which windows show and counters do not.
    pub history: bool,
}

/// A piece of the change feed.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Changes {
    /// Events, by place.
    pub events: Vec<EventChange>,
    /// Repositories whose view changed, each once, as it is now.
    pub repos: Vec<RepoView>,
    /// Organisations whose view changed, each once, as it is now.
    pub orgs: Vec<OrgView>,
    /// Where to go on: everything up to here has been seen.
    pub next: Cursor,
    /// Whether there is more already.
    pub more: bool,
    /// Which filling of the store this is: it differs once the store has lost what it held. A cursor means something within
    /// one incarnation alone.
    pub incarnation: String,
}

/// The store of activity.
///
/// Every method that takes a [`Term`] answers [`super::Error::Fenced`], and changes nothing, if a newer leader has
/// taken office. Each is one transaction: a crash leaves all of it or nothing.
#[async_trait]
pub trait Activity: Send + Sync + 'static {
    /// Takes office: gives the next term, higher than every one before, and refuses the older ones' writes from now on.
    async fn lead(&self, holder: &str, now: Timestamp) -> Result<Term>;

    /// Takes in the full listing of an organisation. Names follow the id, so a rename keeps everything; a repository
    /// that another organisation had moves here. A stream that is new is tracked from `start`; one that is known keeps
    /// the start it has. What belongs to this organisation and is not listed becomes untracked: it is kept, and tracked
    /// again where it left off when it is listed again. A stream that is not listed any more is kept likewise, and
    /// shown no more as one of the repository's `streams`.
    async fn track(
        &self,
        term: Term,
        org: &str,
        repos: &[SeenRepo],
        start: Timestamp,
        now: Timestamp,
    ) -> Result<()>;

    /// Records what was fetched of a repository, with the coverage it proves. The events of one call enter the change
    /// feed in order of their time. An event is refused silently, and counted as outside, if its stream (by
    /// [`crate::event::Fact::stream`]) is not tracked or its coverage started later. A retraction of what is not known does
    /// nothing, and what one call both retracts and brings is live. A proof covers its window up to `now` at most, replaces
    /// the fingerprint, replaces `open` if it says so, and clears *unavailable*; where it leaves no gap, [`Backfill`] is as if
    /// nothing had ever failed. Commits without a proof clear the fingerprint: what is known is then no longer what the last
    /// whole fetch saw.
    ///
    /// A leader and a filler may read one stream at the same time. Whoever records last leaves what it saw: its retractions
    /// and its fingerprint belong together, so where that is not the present state, the next look finds a difference.
    ///
    /// Of a filler, the proofs and retractions of other streams than the claimed one are left out, and nothing is changed that
    /// is known of those streams, but events; see [`Authority::may_change`].
    async fn record(
        &self,
        by: Authority,
        org: &str,
        repo: RepoId,
        parts: Vec<Part>,
        now: Timestamp,
    ) -> Result<Recorded>;

    /// Records that nothing changed since the last whole fetch of these streams: their frontier moves to `until`, never
    /// back and never past `now`, and *unavailable* is cleared. A stream without a fingerprint has nothing that could be
    /// unchanged: it is left as it is. So is one that is not tracked.
    async fn confirm(
        &self,
        term: Term,
        org: &str,
        unchanged: &[(RepoId, Stream)],
        until: Timestamp,
        now: Timestamp,
    ) -> Result<()>;

    /// Records windows that could not be read; see [`Coverage::miss`]. The frontier does not move.
    async fn miss(&self, term: Term, org: &str, misses: &[Miss], now: Timestamp) -> Result<()>;

    /// Records that a stream cannot be read for good (a missing permission, gone, disabled), and why. A filler may say so of
    /// the stream it has claimed; of any other it changes nothing.
    async fn unavailable(
        &self,
        by: Authority,
        org: &str,
        repo: RepoId,
        stream: Stream,
        reason: String,
        now: Timestamp,
    ) -> Result<()>;

    /// Records the end of a cycle; see [`OrgView::fold`].
    async fn cycle(&self, term: Term, org: &str, report: CycleReport) -> Result<()>;

    /// Which of the organisation's gaps can be filled now: of tracked streams that are not unavailable, not stuck, whose next
    /// attempt has come, that nobody has claimed, and that were not dispatched after `silent_since`.
    async fn due(
        &self,
        org: &str,
        silent_since: Timestamp,
        now: Timestamp,
        limit: usize,
    ) -> Result<DueNow>;

    /// Records that these were dispatched now.
    async fn dispatched(
        &self,
        term: Term,
        org: &str,
        streams: &[(RepoId, Stream)],
        now: Timestamp,
    ) -> Result<()>;

    /// Asks for the gaps of a stream to fill them, until `until` if not renewed.
    async fn claim(
        &self,
        org: &str,
        repo: RepoId,
        stream: Stream,
        holder: &str,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Claimed>;

    /// Renews a claim, and answers whether it is still the caller's. One that has passed and that nobody else has taken is.
    async fn hold(&self, claim: &Claim, until: Timestamp) -> Result<bool>;

    /// Ends a claim. Nothing happens, and the answer is false, if it is not the caller's any more.
    async fn end(&self, claim: &Claim, ending: Ending, now: Timestamp) -> Result<bool>;

    /// Arms again what is stuck or waits for its next attempt, of one tracked repository or all, whether the stream is
    /// unavailable or not, and answers how many streams that were. Anybody may.
    async fn rearm(&self, org: &str, repo: Option<RepoId>, now: Timestamp) -> Result<u64>;

    /// Asks for history: every listed stream of the organisation's tracked repositories, or of one, reaches back to `since`,
    /// see [`Coverage::reach_back`], also those that are unavailable now. What waits of its gaps is armed again. Answers how
    /// many streams reach further back now. Anybody may. `since` is not after `now`.
    async fn ask_history(
        &self,
        org: &str,
        repo: Option<RepoId>,
        since: Timestamp,
        now: Timestamp,
    ) -> Result<u64>;

    /// The organisation's repositories, tracked or not, by id.
    async fn repos(&self, org: &str) -> Result<Vec<RepoView>>;

    /// Every commit of the repository that is known, by oid.
    async fn commits(&self, org: &str, repo: RepoId) -> Result<Vec<KnownCommit>>;

    /// Every organisation that was ever tracked or had a cycle, by login.
    async fn orgs(&self) -> Result<Vec<OrgView>>;

    /// The change feed after a cursor: at most `limit` entries of events (at least 1), and the repositories and
    /// organisations whose latest change lies between `after` and [`Changes::next`]. Where `more` is false, all that
    /// was there has been seen.
    async fn changes(&self, after: Cursor, limit: usize) -> Result<Changes>;

    /// The live events of a repository inside a window, by time, then kind (in the order
    /// of [`crate::event::Kind::ALL`]), then id.
    async fn events(&self, org: &str, repo: RepoId, window: Window) -> Result<Vec<Event>>;
}

/// What a proof or a confirmation may claim: its window as far as it lies before `now`. A date of GitHub's that is
/// ahead of our clock must not cover what has not happened yet.
pub fn claimable(window: Window, now: Timestamp) -> Option<Window> {
    window.until(now)
}

/// How far behind an answer's date it proves anything: replicas lag.
pub const LAG: SignedDuration = SignedDuration::from_mins(2);
