//! Coverage: what was confirmed, missed, or cannot be read. What each makes of a stream is decided by `ledger`'s `StreamView`.

use std::collections::BTreeMap;

use jiff::Timestamp;
use ledger::event::{RepoId, Stream};
use ledger::port::activity::{Authority, Miss, StreamView};

use super::Redis;
use super::fault::Fault;
use super::repos::{Claims, Tries};
use super::rows::Row;
use super::script::By;

/// A row of which a stream that this organisation tracks was changed.
pub(super) fn with(
    known: Option<&Row>,
    org: &str,
    stream: Stream,
    change: impl FnOnce(&mut StreamView),
) -> Option<Row> {
    let mut row = known?.clone();
    change(row.stream_to_write(org, stream)?);
    Some(row)
}

impl Redis {
    /// Takes in that nothing changed up to `until`. Each repository by itself: one that a crash left out is confirmed by the next
    /// cycle.
    pub(super) async fn confirm(
        &self,
        by: By<'_>,
        org: &str,
        unchanged: &[(RepoId, Stream)],
        until: Timestamp,
        now: Timestamp,
    ) -> Result<(), Fault> {
        let mut streams: BTreeMap<RepoId, Vec<Stream>> = BTreeMap::new();
        for (repo, stream) in unchanged {
            streams.entry(*repo).or_default().push(*stream);
        }
        let confirm = |repo: RepoId, known: Option<&Row>| {
            let mut row = known.cloned();
            for stream in streams.get(&repo).into_iter().flatten() {
                let view = row
                    .as_mut()
                    .and_then(|row| row.stream_to_write(org, *stream));
                if let Some(view) = view {
                    view.confirm(until, now);
                }
            }
            (row, 0)
        };
        let repos = streams.keys().copied().collect();
        self.step_on_all(by, None, repos, &confirm).await?;
        Ok(())
    }

    /// Takes in what could not be read. Each repository by itself: of one that a crash left out the time is still neither covered
    /// nor a gap, and the next cycle reads it or says why not.
    pub(super) async fn miss(&self, by: By<'_>, org: &str, misses: &[Miss]) -> Result<(), Fault> {
        let mut by_repo: BTreeMap<RepoId, Vec<&Miss>> = BTreeMap::new();
        for miss in misses {
            by_repo.entry(miss.repo).or_default().push(miss);
        }
        let take_in = |repo: RepoId, known: Option<&Row>| {
            let mut row = known.cloned();
            for miss in by_repo.get(&repo).into_iter().flatten() {
                let view = row
                    .as_mut()
                    .and_then(|row| row.stream_to_write(org, miss.stream));
                if let Some(view) = view {
                    view.miss(miss);
                }
            }
            (row, 0)
        };
        let repos = by_repo.keys().copied().collect();
        self.step_on_all(by, None, repos, &take_in).await?;
        Ok(())
    }

    /// Takes in that a stream cannot be read for good.
    pub(super) async fn unavailable(
        &self,
        by: &Authority,
        org: &str,
        repo: RepoId,
        stream: Stream,
        reason: &str,
    ) -> Result<(), Fault> {
        let mut tries = Tries::default();
        loop {
            let (incarnation, known) = self.parts.known.look(&[repo]);
            let known = known.into_iter().next().flatten();
            let row = known.as_ref().map(|known| &*known.what);
            let new = with(
                row.filter(|_| by.may_change(repo, stream)),
                org,
                stream,
                |view| {
                    view.unavailable = Some(reason.to_owned());
                },
            );
            let known = (&incarnation, known.as_ref());
            let step = self.step_on(by.into(), repo, known, new, Claims::Stay, Vec::new());
            if step.await?.is_some() {
                return Ok(());
            }
            tries.once_more()?;
        }
    }
}
