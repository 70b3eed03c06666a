//! What steps make of streams and their coverage. What a window covers and what a miss means is decided in `ledger`; here the
//! streams of a repository are taken as they are known, handed over, and put back if anything is different.

use std::collections::BTreeMap;

use jiff::Timestamp;
use ledger::event::{RepoId, Stream};
use ledger::port::Term;
use ledger::port::activity::{Authority, Miss, StreamView};

use super::Postgres;
use super::cache::Sight;
use super::fault::Fault;
use super::rewrite::Plan;
use super::rows::Streams;

/// The streams of a repository that this organisation tracks after a step, if any of them is different.
pub(super) fn changed(
    sight: &Sight,
    org: &str,
    mut step: impl FnMut(&mut StreamView),
) -> Option<Streams> {
    let known = sight.tracked_by(org)?;
    let mut listed = known.view.streams.clone();
    for view in &mut listed {
        step(view);
    }
    (listed != known.view.streams).then(|| Streams {
        listed,
        unlisted: known.unlisted.clone(),
    })
}

impl Postgres {
    /// One step on streams of several repositories, with what it takes for each of them.
    async fn each_named<T: Sync>(
        &self,
        term: Term,
        org: &str,
        named: BTreeMap<RepoId, Vec<T>>,
        step: impl Fn(&mut StreamView, &T) + Sync,
    ) -> Result<(), Fault> {
        let (repos, what): (Vec<RepoId>, Vec<Vec<T>>) = named.into_iter().unzip();
        let plan = |sights: &[Sight]| {
            let changed = |(sight, what): (&Sight, &Vec<T>)| {
                changed(sight, org, |view| {
                    for what in what {
                        step(view, what);
                    }
                })
            };
            Ok(Plan {
                streams: sights.iter().zip(&what).map(changed).collect(),
                ..Plan::default()
            })
        };
        self.rewrite(Some(&Authority::Leader(term)), &repos, plan)
            .await?;
        Ok(())
    }

    /// Takes in that nothing changed up to `until`.
    pub(super) async fn confirm_streams(
        &self,
        term: Term,
        org: &str,
        unchanged: &[(RepoId, Stream)],
        until: Timestamp,
        now: Timestamp,
    ) -> Result<(), Fault> {
        let mut named: BTreeMap<RepoId, Vec<Stream>> = BTreeMap::new();
        for (repo, stream) in unchanged {
            named.entry(*repo).or_default().push(*stream);
        }
        self.each_named(term, org, named, |view, stream| {
            if view.stream == *stream {
                view.confirm(until, now);
            }
        })
        .await
    }

    /// Takes in what could not be read.
    pub(super) async fn miss_streams(
        &self,
        term: Term,
        org: &str,
        misses: &[Miss],
    ) -> Result<(), Fault> {
        let mut named: BTreeMap<RepoId, Vec<&Miss>> = BTreeMap::new();
        for miss in misses {
            named.entry(miss.repo).or_default().push(miss);
        }
        self.each_named(term, org, named, |view, miss| {
            if view.stream == miss.stream {
                view.miss(miss);
            }
        })
        .await
    }

    /// Takes in that a stream cannot be read for good.
    pub(super) async fn lose_stream(
        &self,
        by: &Authority,
        org: &str,
        (repo, stream): (RepoId, Stream),
        reason: &str,
    ) -> Result<(), Fault> {
        let plan = |sights: &[Sight]| {
            let changed = changed(&sights[0], org, |view| {
                if view.stream == stream && by.may_change(repo, stream) {
                    view.unavailable = Some(reason.to_owned());
                }
            });
            Ok(Plan {
                streams: vec![changed],
                ..Plan::default()
            })
        };
        self.rewrite(Some(by), &[repo], plan).await?;
        Ok(())
    }
}
