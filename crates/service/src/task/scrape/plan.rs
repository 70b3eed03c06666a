//! Decides which streams of which repositories a scrape must fetch, from what the probe saw and what the store knows.
//!
//! Pure: no request, no store, no clock. Any *difference* between the probe and the fingerprint of the last whole fetch
//! is a change, never "newer than": replicas lag, seconds are equal and clocks differ.

use jiff::{SignedDuration, Timestamp};
use ledger::event::{RepoId, Stream};
use ledger::fingerprint::Fingerprint;
use ledger::port::activity::{RepoView, StreamView};

/// However quiet the probe says a repository is, its items are read again after this long (edits that move nothing).
const READ_AGAIN_AFTER: SignedDuration = SignedDuration::from_hours(24);

/// Up to this much of [`READ_AGAIN_AFTER`] is taken off per repository, so that they do not all fall due in one cycle.
const SPREAD_HOURS: u64 = 6;

/// How far back such a second reading goes: the longest window that is shown.
pub(crate) const READ_AGAIN_DEPTH: SignedDuration = SignedDuration::from_hours(7 * 24);

/// What the probe saw of one repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Probed {
    pub(crate) id: RepoId,
    pub(crate) name: String,
    pub(crate) created_at: Timestamp,
    /// Archived or disabled: nothing more will happen there.
    pub(crate) closed: bool,
    pub(crate) issues_enabled: bool,
    /// The default branch and its head; `None` in an empty repository.
    pub(crate) head: Option<Head>,
    pub(crate) pulls: Newest,
    pub(crate) issues: Newest,
}

/// A branch and the commit it points to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) branch: String,
    /// Absent only while GitHub contradicts itself: then nothing can be said of the branch.
    pub(crate) oid: Option<String>,
}

/// The most recently updated item of a list, and how many there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Newest {
    pub(crate) item: Option<(u64, Timestamp)>,
    pub(crate) total: u64,
}

impl Probed {
    /// The streams that this repository has.
    pub(crate) fn streams(&self) -> Vec<Stream> {
        let mut streams = vec![Stream::Commits, Stream::Pulls];
        if self.issues_enabled {
            streams.push(Stream::Issues);
        }
        streams
    }

    /// Is what the probe saw what the last whole fetch saw, and could nothing have slipped in unseen since?
    fn matches(&self, stream: Stream, fetched: &Fingerprint) -> bool {
        let seen = match stream {
            Stream::Commits => {
                let (branch, oid) = self
                    .head
                    .clone()
                    .map(|head| (head.branch, head.oid))
                    .unzip();
                Fingerprint::commits(branch, oid.flatten(), 0)
            }
            Stream::Pulls | Stream::Issues => {
                let Newest { item, total } = self.newest(stream);
                Fingerprint::Items {
                    newest: item,
                    total,
                    settled: false,
                }
            }
        };
        fetched.is_unchanged_in(&seen)
    }

    fn newest(&self, stream: Stream) -> Newest {
        if stream == Stream::Issues {
            self.issues
        } else {
            self.pulls
        }
    }
}

/// What a scrape does with one stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Its fingerprint is the one of the last whole fetch: covered at no further cost.
    Confirm,
    /// There is nothing in it, and the probe has proved that.
    Empty,
    /// Something differs, or nothing is known yet.
    Fetch,
    /// The recent past was last read whole long ago, whatever was fetched since: it is read once more.
    ReadAgain,
    /// It has gaps, and all of them are to be filled.
    Fill,
    /// GitHub has refused it for good; it is asked again once a day.
    Unavailable,
}

/// What a scrape does with `stream` of a repository, of which the store knows `view` (`None`: nothing yet) and which
/// GitHub refused for good at `refused_at`, as far as this process remembers.
pub(crate) fn step(
    probed: &Probed,
    stream: Stream,
    view: Option<&StreamView>,
    refused_at: Option<Timestamp>,
    now: Timestamp,
) -> Step {
    let Some(view) = view else {
        return first_fetch(probed, stream);
    };
    if view.unavailable.is_some()
        && refused_at.is_some_and(|at| now.duration_since(at) < due_after(probed.id))
    {
        return Step::Unavailable;
    }
    let Some(fingerprint) = &view.fingerprint else {
        return first_fetch(probed, stream);
    };
    // A commit id names all that is behind it, so an unmoved head needs no second reading.
    let last = view.fetched_at.unwrap_or(Timestamp::MIN);
    let is_list = stream != Stream::Commits && probed.newest(stream).total > 0;
    if is_list && now.duration_since(last) >= due_after(probed.id) {
        return Step::ReadAgain;
    }
    if probed.matches(stream, fingerprint) && view.unavailable.is_none() {
        return Step::Confirm;
    }
    Step::Fetch
}

fn first_fetch(probed: &Probed, stream: Stream) -> Step {
    let empty = match stream {
        Stream::Commits => probed.head.is_none(),
        Stream::Pulls | Stream::Issues => probed.newest(stream).total == 0,
    };
    if empty { Step::Empty } else { Step::Fetch }
}

/// The time between two such readings of one repository, in the mean over all of them.
pub(crate) fn read_again_after() -> SignedDuration {
    let early = i64::try_from(SPREAD_HOURS * 60 / 2).unwrap_or(0);
    READ_AGAIN_AFTER - SignedDuration::from_mins(early)
}

fn due_after(repo: RepoId) -> SignedDuration {
    let early = i64::try_from(repo.0 % (SPREAD_HOURS * 60)).unwrap_or(0);
    READ_AGAIN_AFTER - SignedDuration::from_mins(early)
}

/// Is this repository part of the scrape? A closed one is, once more, while something of it has not been fetched:
/// what happened just before it was archived counts.
pub(crate) fn takes_part(probed: &Probed, view: Option<&RepoView>, now: Timestamp) -> bool {
    if !probed.closed {
        return true;
    }
    let Some(view) = view.filter(|view| view.tracked) else {
        return false;
    };
    probed.streams().into_iter().any(|stream| {
        let step = step(probed, stream, view.stream(stream), Some(now), now);
        matches!(step, Step::Empty | Step::Fetch)
    })
}
