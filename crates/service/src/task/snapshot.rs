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
use ledger::port::BackfillQueue;
use ledger::port::activity::{Activity, Changes, OrgView, RepoView};
use ledger::port::queue::Depth;
use tokio::sync::{Mutex, Notify};
use tokio_util::sync::CancellationToken;

use crate::export::{
    self, Dependency, Exposition, NodeCounts, NodeView, QueueState, SharedView, Snapshots, Stamp,
    StreamState, Writer,
};
use crate::health::{Component, Condition, Health, Role};
use crate::quota_view;

/// The parts of the node's health that are others' doing: what it depends on.
const DEPENDENCIES: &[&str] = &["state", "coordination", "election", "queue", "github"];

/// A queue that takes longer to say what it holds is not waited for.
const QUEUE_TAKES: Duration = Duration::from_secs(1);

/// So many changes are read at once; a first start reads the whole history this way.
const PIECE: usize = 10_000;

/// What the change feed has told.
pub(crate) struct Followed {
    aggregate: Aggregate,
    repos: BTreeMap<RepoId, RepoView>,
    orgs: BTreeMap<String, OrgView>,
    writer: Writer,
    settings: export::Settings,
    /// Which filling of the store this is of; none before the first piece was read.
    incarnation: Option<String>,
    /// Whether the feed was read to its end since it was begun. Until then the numbers are of no state that the store was
    /// ever in, and grow as if everything happened now: nobody may see them.
    is_whole: bool,
    /// The activity that was written last, with the state that it is of.
    written: Option<(Stamp, Exposition)>,
}

impl Followed {
    /// Nothing yet. Give an aggregate whose time is not later than the next snapshot's.
    pub(crate) fn new(aggregate: Aggregate, settings: export::Settings) -> Self {
        Self {
            aggregate,
            repos: BTreeMap::new(),
            orgs: BTreeMap::new(),
            writer: Writer::new(settings),
            settings,
            incarnation: None,
            is_whole: false,
            written: None,
        }
    }

    /// Reads the feed to its end, and from its beginning where the store has lost what it held.
    pub(crate) async fn catch_up(&mut self, store: &dyn Activity) -> port::Result<()> {
        loop {
            let changes = store.changes(self.aggregate.cursor(), PIECE).await?;
            if !self.take_in(changes) {
                return Ok(());
            }
        }
    }

    /// Takes in a piece of the feed, and says whether to go on reading.
    fn take_in(&mut self, changes: Changes) -> bool {
        if let Some(known) = &self.incarnation
            && *known != changes.incarnation
        {
            tracing::warn!(
                "the store of activity has lost what it held and is filled anew: counters begin again"
            );
            *self = Followed {
                incarnation: Some(changes.incarnation),
                written: self.written.take(),
                ..Followed::new(self.aggregate.anew(), self.settings)
            };
            return true;
        }
        self.aggregate.apply(&changes);
        self.repos
            .extend(changes.repos.into_iter().map(|repo| (repo.id, repo)));
        self.orgs
            .extend(changes.orgs.into_iter().map(|org| (org.org.clone(), org)));
        self.incarnation = Some(changes.incarnation);
        self.is_whole = !changes.more;
        changes.more
    }

    /// Writes the activity of a moment. What was written before is given again until the feed was read whole.
    fn write(&mut self, orgs: &[String], as_of: Timestamp) -> SharedView {
        self.aggregate.advance(as_of);
        let view = self.view(orgs, self.aggregate.now());
        if self.is_whole {
            let stamp = Stamp {
                incarnation: self.incarnation.clone().unwrap_or_default(),
                cursor: self.aggregate.cursor(),
                as_of: view.as_of,
            };
            let exposition = self.writer.write(&self.aggregate, &view);
            self.written = Some((stamp, exposition));
        }
        view
    }

    /// What the store knows of these organisations, in the order of their names.
    fn view(&self, orgs: &[String], as_of: Timestamp) -> SharedView {
        let mut orgs: Vec<&String> = orgs.iter().collect();
        orgs.sort();
        let known = |org: &String| {
            let known = self.orgs.get(org);
            known.cloned().unwrap_or_else(|| OrgView::new(org.clone()))
        };
        SharedView {
            as_of,
            streams: orgs
                .iter()
                .flat_map(|org| self.streams(org, as_of))
                .collect(),
            orgs: orgs.into_iter().map(known).collect(),
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

    /// How each stream of `org` is read.
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
    let views = tracked.iter().filter_map(|repo| repo.stream(stream));
    let mut state = StreamState {
        org: org.to_owned(),
        stream,
        ratio: None,
        gaps: GapReason::ALL.map(|reason| (reason, 0)).into(),
        stuck: 0,
        unavailable: 0,
        oldest_gap_seconds: 0.0,
        age_seconds: 0.0,
    };
    let age = |since: Option<Timestamp>| {
        since.map_or(0.0, |since| {
            now.duration_since(since).as_secs_f64().max(0.0)
        })
    };
    let mut readable = 0_u32;
    let mut ratios = 0.0;
    let mut oldest: Option<Timestamp> = None;
    for view in views {
        if view.unavailable.is_some() {
            state.unavailable += 1;
            continue;
        }
        readable += 1;
        ratios += view.coverage.ratio(now);
        state.stuck += u64::from(view.backfill.stuck);
        for gap in view.coverage.gaps_before(now) {
            let mut counts = state.gaps.iter_mut();
            let count = counts.find(|(reason, _)| *reason == gap.reason);
            count.expect("every reason is counted").1 += 1;
            let start = gap.window.start();
            oldest = Some(oldest.map_or(start, |oldest| oldest.min(start)));
        }
    }
    if readable == 0 && state.unavailable == 0 {
        return None;
    }
    state.ratio = (readable > 0).then(|| ratios / f64::from(readable));
    state.oldest_gap_seconds = age(oldest);
    state.age_seconds = age(read_to(stream, tracked));
    Some(state)
}

/// Up to when a stream was read in every repository in which it ever was.
fn read_to(stream: Stream, tracked: &[&RepoView]) -> Option<Timestamp> {
    let views = tracked.iter().filter_map(|repo| repo.stream(stream));
    let read =
        views.filter(|view| view.unavailable.is_none() && !view.coverage.covered().is_empty());
    read.map(|view| view.coverage.frontier()).min()
}

/// The moment that a snapshot is of: the clock, cut to a multiple of the period since 1970, so that every replica shows
/// the same moment.
pub(crate) fn as_of(now: Timestamp, period: Duration) -> Timestamp {
    let period = i64::try_from(period.as_millis()).unwrap_or(i64::MAX).max(1);
    let milliseconds = now.as_millisecond();
    let cut = milliseconds - milliseconds.rem_euclid(period);
    Timestamp::from_millisecond(cut).unwrap_or(now)
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
    /// Each with the name of the credential that reads it.
    pub(crate) orgs: Vec<(String, String)>,
    pub(crate) queue: Arc<dyn BackfillQueue>,
    pub(crate) counts: NodeCounts,
}

impl Publish {
    /// Publishes at once, on each multiple of the period and after each nudge, until `leave` is cancelled; and packs what
    /// readers wait for.
    pub(crate) async fn run(self, leave: CancellationToken) {
        loop {
            self.publish().await;
            let next = tokio::time::sleep(self.until_next());
            tokio::pin!(next);
            loop {
                tokio::select! {
                    () = leave.cancelled() => return,
                    () = self.nudge.notified() => break,
                    () = &mut next => break,
                    () = self.snapshots.to_pack() => {
                        let snapshots = self.snapshots.clone();
                        aside(move || snapshots.pack()).await;
                    }
                }
            }
        }
    }

    /// How long it is until the clock shows the next moment, and a little more: timers and clocks do not agree to the
    /// millisecond.
    fn until_next(&self) -> Duration {
        let now = self.clock.now();
        let passed = now.duration_since(as_of(now, self.period)).unsigned_abs();
        self.period.saturating_sub(passed) + Duration::from_millis(5)
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
        for (org, _) in &self.orgs {
            if let Some(read_to) = followed.read_to(org) {
                self.health
                    .data_at(&Component::GitHub(org.clone()), read_to, now);
            }
        }
        self.look_at_queue(now).await;
        let view = self.view(caught_up.is_ok(), now);
        let (snapshots, settings) = (self.snapshots.clone(), self.settings);
        let as_of = as_of(now, self.period);
        // Writing and packing large expositions takes a while, and health must be answered meanwhile.
        aside(move || {
            let orgs: Vec<String> = view.orgs.iter().map(|(org, _)| org.clone()).collect();
            let shared = followed.write(&orgs, as_of);
            let node = export::render_node(&shared, &view, &settings);
            match &followed.written {
                Some((stamp, activity)) => snapshots.publish(Some(stamp.clone()), activity, &node),
                None => snapshots.publish(None, &Exposition::default(), &node),
            }
        })
        .await;
    }

    /// Of a queue that does not answer at once, nothing is shown.
    async fn look_at_queue(&self, now: Timestamp) {
        let depth = tokio::time::timeout(QUEUE_TAKES, self.queue.depth()).await;
        let (jobs, dead) = match depth {
            Ok(Ok(Depth {
                waiting,
                dead,
                oldest,
                ..
            })) => {
                let oldest = oldest.map_or(Duration::ZERO, |oldest| {
                    let waits = now.duration_since(oldest);
                    waits.try_into().unwrap_or(Duration::ZERO)
                });
                let jobs = QueueState {
                    depth: Some(waiting),
                    oldest: Some(oldest),
                };
                let dead = QueueState {
                    depth: Some(dead),
                    oldest: None,
                };
                (jobs, dead)
            }
            Ok(Err(_)) | Err(_) => (QueueState::default(), QueueState::default()),
        };
        self.counts.queue("jobs", jobs);
        self.counts.queue("dead_letters", dead);
    }

    fn view(&self, store_up: bool, now: Timestamp) -> NodeView {
        let report = self.health.report(now);
        // Of several organisations, one that cannot be read is enough.
        let mut up: BTreeMap<&'static str, bool> = BTreeMap::new();
        for part in &report.components {
            if DEPENDENCIES.contains(&part.name) {
                *up.entry(part.name).or_insert(true) &= part.condition != Condition::Failed;
            }
        }
        *up.entry("state").or_insert(true) &= store_up;
        let dependencies = up.into_iter();
        let dependencies = dependencies.map(|(name, up)| Dependency { name, up });
        NodeView {
            started: self.started,
            leads: report.role == Role::Leader,
            orgs: self.orgs.clone(),
            github: self.clients.iter().map(Client::stats).collect(),
            quota: quota_view::of(&self.governor, &self.clients),
            dependencies: dependencies.collect(),
            counts: self.counts.clone(),
        }
    }
}

/// Does what takes a while beside the tasks that must answer at once.
async fn aside(work: impl FnOnce() + Send + 'static) {
    if let Err(error) = tokio::task::spawn_blocking(work).await {
        std::panic::resume_unwind(error.into_panic());
    }
}

#[cfg(test)]
mod tests;
