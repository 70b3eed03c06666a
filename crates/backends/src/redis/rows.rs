//! How a repository lies in its row: an array of JSON, short, and readable with `redis-cli`. What it means is decided in
//! `ledger`; the order of the fields is part of the store: one may be added at an end, none changed.

use jiff::Timestamp;
use ledger::coverage::{Coverage, Gap, GapReason};
use ledger::event::{RepoId, Stream};
use ledger::fingerprint::Fingerprint;
use ledger::port::activity::{Backfill, RepoView, SeenRepo, StreamView};
use ledger::window::Window;
use serde::{Deserialize, Serialize};

use super::fault::Fault;

/// What is kept of a repository. Streams that the last listing did not name are kept too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) org: String,
    pub(super) name: String,
    pub(super) created_at: Timestamp,
    pub(super) tracked: bool,
    pub(super) streams: Vec<Kept>,
}

/// A stream, and whether the last listing that showed the repository named it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) view: StreamView,
    pub(super) listed: bool,
}

impl Row {
    /// Takes in what a listing of `org` says of a repository; streams that are new are tracked from `start`.
    pub(super) fn listed(known: Option<&Row>, org: &str, seen: &SeenRepo, start: Timestamp) -> Row {
        let mut streams = known.map_or_else(Vec::new, |row| row.streams.clone());
        for kept in &mut streams {
            kept.listed = seen.streams.contains(&kept.view.stream);
        }
        for stream in &seen.streams {
            if !streams.iter().any(|kept| kept.view.stream == *stream) {
                streams.push(Kept {
                    view: StreamView::new(*stream, start),
                    listed: true,
                });
            }
        }
        streams.sort_by_key(|kept| kept.view.stream);
        Row {
            org: org.to_owned(),
            name: seen.name.clone(),
            created_at: seen.created_at,
            tracked: true,
            streams,
        }
    }

    /// Its streams that may be written by this organisation.
    pub(super) fn writable(&self, org: &str) -> impl Iterator<Item = &StreamView> {
        let is_tracked = self.tracked && self.org == org;
        let listed = self.streams.iter().filter(move |kept| kept.listed);
        listed.filter(move |_| is_tracked).map(|kept| &kept.view)
    }

    /// One of them.
    pub(super) fn writable_stream(&self, org: &str, stream: Stream) -> Option<&StreamView> {
        self.writable(org).find(|view| view.stream == stream)
    }

    /// One of them, to be changed.
    pub(super) fn stream_to_write(&mut self, org: &str, stream: Stream) -> Option<&mut StreamView> {
        let is_tracked = self.tracked && self.org == org;
        let mut listed = self.streams.iter_mut().filter(|kept| kept.listed);
        listed
            .find(|kept| is_tracked && kept.view.stream == stream)
            .map(|kept| &mut kept.view)
    }

    /// From when on a stream's counters count, whether it is tracked or not.
    pub(super) fn counted_from(&self, stream: Stream) -> Option<Timestamp> {
        let kept = self.streams.iter().find(|kept| kept.view.stream == stream);
        kept.map(|kept| kept.view.counted_from)
    }

    /// As the port shows it.
    pub(super) fn view(&self, id: RepoId) -> RepoView {
        let listed = self.streams.iter().filter(|kept| kept.listed);
        RepoView {
            org: self.org.clone(),
            id,
            name: self.name.clone(),
            created_at: self.created_at,
            tracked: self.tracked,
            streams: listed.map(|kept| kept.view.clone()).collect(),
        }
    }

    pub(super) fn encode(&self) -> Result<Vec<u8>, Fault> {
        let form = RowForm(
            self.org.clone(),
            self.name.clone(),
            self.created_at.as_microsecond(),
            self.tracked,
            self.streams.iter().map(StreamForm::of).collect(),
        );
        Ok(serde_json::to_vec(&form)?)
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Row, Fault> {
        let RowForm(org, name, created_at, tracked, streams) = serde_json::from_slice(bytes)?;
        let streams = streams.into_iter().map(StreamForm::kept);
        Ok(Row {
            org,
            name,
            created_at: time(created_at)?,
            tracked,
            streams: streams.collect::<Result<_, Fault>>()?,
        })
    }
}

/// Organisation, name, creation, whether it is tracked, streams. Times are microseconds since 1970.
#[derive(Serialize, Deserialize)]
struct RowForm(String, String, i64, bool, Vec<StreamForm>);

/// Stream, whether it is listed, start, where counting starts, starts and ends of what is covered, gaps, fingerprint, time of the
/// last whole fetch, open items, why it is unavailable, how filling its gaps stands if anything has failed.
#[derive(Serialize, Deserialize)]
struct StreamForm(
    Stream,
    bool,
    i64,
    i64,
    Vec<(i64, i64)>,
    Vec<(i64, i64, GapReason, String)>,
    Option<Fingerprint>,
    Option<i64>,
    Option<u64>,
    Option<String>,
    Option<(u32, String, Option<i64>, bool)>,
);

impl StreamForm {
    fn of(kept: &Kept) -> StreamForm {
        let view = &kept.view;
        let ends = |window: &Window| {
            let (start, end) = (
                window.start().as_microsecond(),
                window.end().as_microsecond(),
            );
            // What is shorter than a microsecond is nothing here: its neighbours touch.
            (start < end).then_some((start, end))
        };
        let covered = view.coverage.covered().iter().filter_map(ends);
        let gaps = view.coverage.gaps().iter().filter_map(|gap| {
            let (start, end) = ends(&gap.window)?;
            Some((start, end, gap.reason, gap.error.clone()))
        });
        let backfill = &view.backfill;
        let has_failed = *backfill != Backfill::default();
        StreamForm(
            view.stream,
            kept.listed,
            view.coverage.start().as_microsecond(),
            view.counted_from.as_microsecond(),
            covered.collect(),
            gaps.collect(),
            view.fingerprint.clone(),
            view.fetched_at.map(Timestamp::as_microsecond),
            view.open,
            view.unavailable.clone(),
            has_failed.then(|| {
                (
                    backfill.attempts,
                    backfill.error.clone(),
                    backfill.next_attempt.map(Timestamp::as_microsecond),
                    backfill.stuck,
                )
            }),
        )
    }

    fn kept(self) -> Result<Kept, Fault> {
        let StreamForm(
            stream,
            listed,
            start,
            counted_from,
            covered,
            gaps,
            fingerprint,
            fetched_at,
            open,
            unavailable,
            backfill,
        ) = self;
        let covered = covered
            .into_iter()
            .map(|(start, end)| window(start, end))
            .collect::<Result<_, Fault>>()?;
        let gaps = gaps
            .into_iter()
            .map(|(start, end, reason, error)| {
                Ok(Gap {
                    window: window(start, end)?,
                    reason,
                    error,
                })
            })
            .collect::<Result<_, Fault>>()?;
        let backfill = match backfill {
            Some((attempts, error, next_attempt, stuck)) => Backfill {
                attempts,
                error,
                next_attempt: next_attempt.map(time).transpose()?,
                stuck,
            },
            None => Backfill::default(),
        };
        Ok(Kept {
            listed,
            view: StreamView {
                stream,
                coverage: Coverage::restore(time(start)?, covered, gaps),
                counted_from: time(counted_from)?,
                fingerprint,
                fetched_at: fetched_at.map(time).transpose()?,
                open,
                unavailable,
                backfill,
            },
        })
    }
}

/// A time from microseconds since 1970.
pub(super) fn time(micros: i64) -> Result<Timestamp, Fault> {
    Timestamp::from_microsecond(micros).map_err(|_error| Fault::Unreadable("a time out of range"))
}

fn window(start: i64, end: i64) -> Result<Window, Fault> {
    Window::new(time(start)?, time(end)?)
        .ok_or(Fault::Unreadable("a window that ends before it starts"))
}
