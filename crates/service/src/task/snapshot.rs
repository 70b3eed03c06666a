//! Follows the store's change feed and publishes what `/metrics` shows. A scrape of ours never waits for the store.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use github::{Client, Clock, Governor};
use jiff::Timestamp;
use ledger::aggregate::Aggregate;
use ledger::coverage::GapReason;
use ledger::event::{RepoId, Stream};
use ledger::port;
use ledger::port::activity::{Activity, OrgView, RepoView};
use tokio::sync::{Mutex, Notify};
use tokio_util::sync::CancellationToken;

use crate::export::{self, Dependency, NodeView, Snapshots, StreamState};
use crate::health::{Component, Condition, Health};
use crate::quota_view;

/// So many changes are read at once; a first start reads the whole history this way.
const PIECE: usize = 10_000;

/// What the change feed has told.
pub(crate) struct Followed {
    pub(crate) aggregate: Aggregate,
    pub(crate) repos: BTreeMap<RepoId, RepoView>,
    pub(crate) orgs: BTreeMap<String, OrgView>,
}

impl Followed {
    /// Nothing yet.
    pub(crate) fn new(aggregate: Aggregate) -> Self {
        Self {
            aggregate,
            repos: BTreeMap::new(),
            orgs: BTreeMap::new(),
        }
    }

    /// Reads the feed to its end.
    pub(crate) async fn catch_up(&mut self, store: &dyn Activity) -> port::Result<()> {
        loop {
            let changes = store.changes(self.aggregate.cursor(), PIECE).await?;
            self.aggregate.apply(&changes);
            self.repos
                .extend(changes.repos.into_iter().map(|repo| (repo.id, repo)));
            self.orgs
                .extend(changes.orgs.into_iter().map(|org| (org.org.clone(), org)));
            if !changes.more {
                return Ok(());
            }
        }
    }

    /// Up to when everything of `org` was read that ever was.
    fn read_to(&self, org: &str) -> Option<Timestamp> {
        let tracked = self.tracked(org);
        Stream::ALL
            .into_iter()
            .filter_map(|stream| read_to(stream, &tracked))
            .min()
    }

    fn tracked(&self, org: &str) -> Vec<&RepoView> {
        let repos = self.repos.values();
        repos
            .filter(|repo| repo.tracked && repo.org.eq_ignore_ascii_case(org))
            .collect()
    }

    /// The coverage of each stream of `org`.
    fn streams(&self, org: &str, now: Timestamp) -> Vec<StreamState> {
        let tracked = self.tracked(org);
        Stream::ALL
            .into_iter()
            .filter_map(|stream| state_of(org, stream, &tracked, now))
            .collect()
    }
}

fn state_of(
    org: &str,
    stream: Stream,
    tracked: &[&RepoView],
    now: Timestamp,
) -> Option<StreamState> {
    let views = tracked
        .iter()
        .filter_map(|repo| repo.stream(stream))
        .filter(|view| view.unavailable.is_none());
    let mut repos = 0_u32;
    let mut ratios = 0.0;
    let mut gaps: Vec<(GapReason, u64)> = GapReason::ALL
        .into_iter()
        .map(|reason| (reason, 0))
        .collect();
    let mut oldest: Option<Timestamp> = None;
    for view in views {
        repos += 1;
        ratios += view.coverage.ratio(now);
        for gap in view.coverage.gaps_before(now) {
            let count = gaps.iter_mut().find(|(reason, _)| *reason == gap.reason);
            count.expect("every reason is counted").1 += 1;
            oldest =
                Some(oldest.map_or(gap.window.start(), |oldest| oldest.min(gap.window.start())));
        }
    }
    let age = |since: Option<Timestamp>| {
        since.map_or(0.0, |since| {
            now.duration_since(since).as_secs_f64().max(0.0)
        })
    };
    (repos > 0).then(|| StreamState {
        org: org.to_owned(),
        stream,
        ratio: ratios / f64::from(repos),
        gaps,
        oldest_gap_seconds: age(oldest),
        age_seconds: age(read_to(stream, tracked)),
    })
}

/// Up to when a stream was read in every repository in which it ever was.
fn read_to(stream: Stream, tracked: &[&RepoView]) -> Option<Timestamp> {
    let views = tracked.iter().filter_map(|repo| repo.stream(stream));
    let read =
        views.filter(|view| view.unavailable.is_none() && !view.coverage.covered().is_empty());
    read.map(|view| view.coverage.frontier()).min()
}

/// The task that publishes snapshots.
#[derive(Clone)]
pub(crate) struct Publish {
    pub(crate) store: Arc<dyn Activity>,
    pub(crate) followed: Arc<Mutex<Followed>>,
    pub(crate) snapshots: Snapshots,
    pub(crate) settings: export::Settings,
    pub(crate) period: Duration,
    pub(crate) nudge: Arc<Notify>,
    pub(crate) clock: Clock,
    pub(crate) started: Timestamp,
    pub(crate) health: Health,
    pub(crate) governor: Arc<Governor>,
    pub(crate) clients: Vec<Client>,
    pub(crate) orgs: Vec<String>,
}

impl Publish {
    /// Publishes at once, on each period and after each nudge, until `leave` is cancelled.
    pub(crate) async fn run(self, leave: CancellationToken) {
        loop {
            self.publish().await;
            tokio::select! {
                () = leave.cancelled() => return,
                () = self.nudge.notified() => {}
                () = tokio::time::sleep(self.period) => {}
            }
        }
    }

    /// One snapshot. With the store out of reach it is made of what is known, so that ages go on growing.
    pub(crate) async fn publish(&self) {
        let mut followed = Arc::clone(&self.followed).lock_owned().await;
        let caught_up = followed.catch_up(&*self.store).await;
        let now = self.clock.now();
        match &caught_up {
            Ok(()) => self.health.healthy(&Component::Exporter, now),
            Err(error) => {
                let text = super::scrape::chain(error);
                tracing::warn!(
                    error = text,
                    "the store could not be read; /metrics shows what was known before"
                );
                self.health.degraded(&Component::Exporter, text, now);
            }
        }
        for org in &self.orgs {
            if let Some(read_to) = followed.read_to(org) {
                self.health
                    .data_at(&Component::GitHub(org.clone()), read_to, now);
            }
        }
        let view = self.view(&followed, now, caught_up.is_ok());
        let (snapshots, settings) = (self.snapshots.clone(), self.settings);
        // Writing and packing large expositions takes a while, and health must be answered meanwhile.
        let written = tokio::task::spawn_blocking(move || {
            followed.aggregate.advance(now);
            snapshots.publish(export::render(&followed.aggregate, &view, &settings));
        });
        if let Err(error) = written.await {
            std::panic::resume_unwind(error.into_panic());
        }
    }

    fn view(&self, followed: &Followed, now: Timestamp, store_up: bool) -> NodeView {
        let org = |name: &String| {
            let known = followed.orgs.get(name);
            known.cloned().unwrap_or_else(|| OrgView::new(name.clone()))
        };
        let failed = |part: &Component| self.health.condition(part) == Some(Condition::Failed);
        let github_up = !self
            .orgs
            .iter()
            .any(|org| failed(&Component::GitHub(org.clone())));
        NodeView {
            now,
            started: self.started,
            orgs: self.orgs.iter().map(org).collect(),
            streams: self
                .orgs
                .iter()
                .flat_map(|org| followed.streams(org, now))
                .collect(),
            github: self.clients.iter().map(Client::stats).collect(),
            quota: quota_view::of(&self.governor, &self.clients),
            dependencies: vec![
                Dependency {
                    name: "state",
                    up: store_up && !failed(&Component::State),
                },
                Dependency {
                    name: "coordination",
                    up: !failed(&Component::Coordination),
                },
                Dependency {
                    name: "github",
                    up: github_up,
                },
            ],
        }
    }
}
