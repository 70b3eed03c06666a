//! One scrape of one organisation: probe, plan, fetch what changed, record events and coverage.
//!
//! Start reading at [`Scrape::cycle`]. It takes no input, may be run at any time and any number of times, and does not
//! retry itself: what it could not read is a gap, and the next cycle begins where the last whole reading ended.

mod facts;
mod fetch;
mod fill;
mod plan;
mod probe;
mod refusals;
mod walk;

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use github::graphql::Pages;
use github::{Client, Clock, Lane};
use jiff::{SignedDuration, Timestamp};
use ledger::coverage::GapReason;
use ledger::event::{RepoId, Stream};
use ledger::fingerprint::Fingerprint;
use ledger::port::activity::{
    Activity, CycleReport, CycleResult, LAG, Miss, Part, Recorded, RepoView, SeenRepo, StreamView,
};
use ledger::port::{self, Term};
use ledger::window::Window;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use self::fetch::{Trouble, Visit};
pub(crate) use self::fill::Filling;
pub(crate) use self::plan::read_again_after;
use self::plan::{Probed, Step};
pub use self::probe::ProbeError;
use self::refusals::Refusals;
use crate::config;
use crate::export::NodeCounts;

/// With all of history wanted, tracking starts here: before every commit that people made.
pub(crate) const ALL_OF_HISTORY: Timestamp = Timestamp::constant(-62_135_596_800, 0);

/// Reads one organisation. Shared by its cycles, which never overlap, and by those who fill its gaps.
pub struct Scrape {
    pub(crate) org: String,
    pub(crate) client: Client,
    pub(crate) store: Arc<dyn Activity>,
    pub(crate) clock: Clock,
    pub(crate) settings: config::Scrape,
    pub(crate) pages: Pages,
    pub(crate) refused: Mutex<Refusals>,
    pub(crate) counts: NodeCounts,
}

/// How far a cycle is.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Progress {
    /// Repositories that have to be fetched; 0 until the probe is over.
    pub to_fetch: u64,
    /// Repositories that were fetched, well or not.
    pub fetched: u64,
    /// Events recorded so far.
    pub events: u64,
}

/// What a cycle has cost and brought so far.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    requests: AtomicU64,
    points: AtomicU64,
    recorded: Mutex<Recorded>,
}

impl Tally {
    fn graphql(&self, points: u64) {
        self.request();
        self.points.fetch_add(points, Ordering::Relaxed);
    }

    fn request(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    fn add(&self, recorded: Recorded) {
        let mut sum = self.recorded.lock().unwrap_or_else(PoisonError::into_inner);
        sum.inserted += recorded.inserted;
        sum.updated += recorded.updated;
        sum.retracted += recorded.retracted;
        sum.outside += recorded.outside;
    }

    fn recorded(&self) -> Recorded {
        *self.recorded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How a cycle ended that the store could be told of.
#[derive(Debug)]
pub struct Cycle {
    /// How it ended and what it cost.
    pub report: CycleReport,
    /// What ended the cycle before any repository was looked at.
    pub failure: Option<ProbeError>,
    /// What could not be read, for people: `repository: stream: why`, at most 20.
    pub misses: Vec<String>,
}

/// So many misses are told one by one; the store has them all.
const MOST_TOLD: usize = 20;

/// What came of one repository.
#[derive(Default)]
struct Visited {
    misses: Vec<Miss>,
    unavailable: Vec<(Stream, String)>,
}

impl Scrape {
    /// One pass. Dropping the future cancels it at any point; what was recorded until then stays and is right.
    ///
    /// # Errors
    ///
    /// Only the store's: without it nothing can be recorded, not even a gap. GitHub's errors are part of the report.
    pub async fn cycle(
        self: &Arc<Self>,
        term: Term,
        progress: &watch::Sender<Progress>,
    ) -> port::Result<Cycle> {
        let started = self.clock.now();
        let tally = Arc::new(Tally::default());
        let views = self.store.repos(&self.org).await?;
        let views: HashMap<RepoId, RepoView> =
            views.into_iter().map(|view| (view.id, view)).collect();
        let mut cycle = match self.probe(&tally).await {
            Ok(probe) => {
                self.read(term, started, probe, views, &tally, progress)
                    .await?
            }
            Err(error) => self
                .missed(term, started, &error, &views, &tally)
                .await
                .map(|report| Cycle {
                    report,
                    failure: Some(error),
                    misses: Vec::new(),
                })?,
        };
        cycle.report.finished = self.clock.now();
        self.store
            .cycle(term, &self.org, cycle.report.clone())
            .await?;
        Ok(cycle)
    }

    /// A cycle that is not made, since the organisation cools down after failures: the time is a gap, and the heartbeat
    /// says so.
    ///
    /// # Errors
    ///
    /// Only the store's.
    pub(crate) async fn skip(&self, term: Term, why: &str) -> port::Result<Cycle> {
        let started = self.clock.now();
        let views = self.store.repos(&self.org).await?;
        let repos = self
            .miss_all(term, views.iter(), GapReason::Unhealthy, why)
            .await?;
        let result = CycleResult::SkippedUnhealthy;
        let error = Some(why.to_owned());
        let report = self.report(started, result, (repos, 0, repos), &Tally::default(), error);
        self.store.cycle(term, &self.org, report.clone()).await?;
        Ok(Cycle {
            report,
            failure: None,
            misses: Vec::new(),
        })
    }

    /// Nobody has run since the last cycle: that time is a gap until it is read.
    ///
    /// # Errors
    ///
    /// Only the store's.
    pub(crate) async fn was_out(&self, term: Term) -> port::Result<()> {
        let views = self.store.repos(&self.org).await?;
        self.miss_all(term, views.iter(), GapReason::Outage, "nobody ran")
            .await?;
        Ok(())
    }

    /// Every tracked stream that can be read has a gap from where it was read to now. How many repositories that were.
    async fn miss_all<'view>(
        &self,
        term: Term,
        views: impl Iterator<Item = &'view RepoView>,
        reason: GapReason,
        error: &str,
    ) -> port::Result<u64> {
        let now = self.clock.now();
        let mut repos = 0;
        let mut misses = Vec::new();
        for view in views.filter(|view| view.tracked) {
            repos += 1;
            let streams = view.streams.iter();
            misses.extend(
                streams
                    .filter(|stream| stream.unavailable.is_none())
                    .filter_map(|stream| {
                        Some(Miss {
                            repo: view.id,
                            stream: stream.stream,
                            window: Window::new(stream.coverage.frontier(), now)?,
                            reason,
                            error: error.to_owned(),
                        })
                    }),
            );
        }
        if !misses.is_empty() {
            self.store.miss(term, &self.org, &misses, now).await?;
        }
        Ok(repos)
    }

    /// The whole organisation could not be read: every tracked stream has a gap from where it was read to now.
    async fn missed(
        &self,
        term: Term,
        started: Timestamp,
        error: &ProbeError,
        views: &HashMap<RepoId, RepoView>,
        tally: &Tally,
    ) -> port::Result<CycleReport> {
        let error = chain(error);
        // What was refused may have been refused for the same reason: it is asked for again soon.
        self.refused().forget_all();
        let reason = GapReason::ScrapeError;
        let repos = self.miss_all(term, views.values(), reason, &error).await?;
        Ok(self.report(
            started,
            CycleResult::Failure,
            (repos, 0, repos),
            tally,
            Some(error),
        ))
    }

    /// The probe has answered: confirm what did not change, fetch the rest.
    async fn read(
        self: &Arc<Self>,
        term: Term,
        started: Timestamp,
        probe: probe::Probe,
        views: HashMap<RepoId, RepoView>,
        tally: &Arc<Tally>,
        progress: &watch::Sender<Progress>,
    ) -> port::Result<Cycle> {
        let now = self.clock.now();
        let start = self.tracking_start(now);
        let unlisted = unlisted(&probe, &views, now);
        let mut listed: Vec<Probed> = probe.repos;
        listed.retain(|repo| self.settings.takes(&self.org, &repo.name));
        listed.retain(|repo| plan::takes_part(repo, views.get(&repo.id), now));
        self.track(term, &listed, probe.whole, &views, start, now)
            .await?;

        let tracked = listed.len() as u64;
        let mut confirmed = Vec::new();
        let mut to_fetch = Vec::new();
        for repo in listed {
            let view = views.get(&repo.id);
            let steps: Vec<(Stream, Step)> = repo
                .streams()
                .into_iter()
                .map(|stream| {
                    let refused_at = self.refused().settled((repo.id, stream));
                    let view = view.and_then(|view| view.stream(stream));
                    (stream, plan::step(&repo, stream, view, refused_at, now))
                })
                .collect();
            let confirm = steps.iter().filter(|(_, step)| *step == Step::Confirm);
            confirmed.extend(confirm.map(|(stream, _)| (repo.id, *stream)));
            if steps
                .iter()
                .any(|(_, step)| matches!(step, Step::Empty | Step::Fetch | Step::ReadAgain))
            {
                to_fetch.push((repo, steps));
            }
        }
        if !confirmed.is_empty() {
            let until = fetch::before(probe.date, LAG);
            self.store
                .confirm(term, &self.org, &confirmed, until, now)
                .await?;
            // Each of them would have been a request at least.
            self.client.spared(&self.org, confirmed.len() as u64);
        }

        let to_fetch_count = to_fetch.len() as u64;
        progress.send_modify(|progress| {
            *progress = Progress {
                to_fetch: to_fetch_count,
                ..Progress::default()
            }
        });
        let views = Arc::new(views);
        let places = Arc::new(Semaphore::new(
            usize::try_from(self.settings.concurrency).unwrap_or(usize::MAX),
        ));
        let mut visits = JoinSet::new();
        for (repo, steps) in to_fetch {
            let (scrape, views, tally, places) = (
                Arc::clone(self),
                Arc::clone(&views),
                Arc::clone(tally),
                Arc::clone(&places),
            );
            let (probed_at, progress) = (probe.date, progress.clone());
            visits.spawn(async move {
                let _place = places
                    .acquire()
                    .await
                    .expect("the semaphore is never closed");
                let visit = Visit {
                    scrape: &scrape,
                    by: term.into(),
                    lane: Lane::Scheduled,
                    tally: &tally,
                    view: views.get(&repo.id),
                    repo: &repo,
                    probed_at,
                    start,
                };
                let visited = scrape.visit(&visit, &steps).await;
                progress.send_modify(|progress| {
                    progress.fetched += 1;
                    progress.events = tally.recorded().inserted;
                });
                (repo.name, visited)
            });
        }
        let mut told: Vec<String> = unlisted
            .iter()
            .map(|(name, _)| format!("{name}: GitHub counts it and does not show it"))
            .take(MOST_TOLD)
            .collect();
        let mut failed = unlisted.len() as u64;
        let mut misses: Vec<Miss> = unlisted
            .into_iter()
            .flat_map(|(_, misses)| misses)
            .collect();
        while let Some(visited) = visits.join_next().await {
            let (name, visited) =
                visited.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
            let visited = visited?;
            failed += u64::from(!visited.misses.is_empty());
            let room = MOST_TOLD.saturating_sub(told.len());
            let missed = visited
                .misses
                .iter()
                .map(|miss| format!("{name}: {}: {}", miss.stream, miss.error));
            told.extend(missed.take(room));
            misses.extend(visited.misses);
        }
        if !misses.is_empty() {
            self.store
                .miss(term, &self.org, &misses, self.clock.now())
                .await?;
        }
        let result = if failed == 0 {
            CycleResult::Success
        } else {
            CycleResult::Partial
        };
        let error = told.first().cloned();
        let report = self.report(
            started,
            result,
            (tracked, to_fetch_count, failed),
            tally,
            error,
        );
        Ok(Cycle {
            report,
            failure: None,
            misses: told,
        })
    }

    /// Tells the store which repositories there are. A listing that is not whole must not untrack what it left out.
    async fn track(
        &self,
        term: Term,
        listed: &[Probed],
        whole: bool,
        views: &HashMap<RepoId, RepoView>,
        start: Timestamp,
        now: Timestamp,
    ) -> port::Result<()> {
        let mut seen: Vec<SeenRepo> = listed
            .iter()
            .map(|repo| SeenRepo {
                id: repo.id,
                name: repo.name.clone(),
                streams: repo.streams(),
                created_at: repo.created_at,
            })
            .collect();
        if !whole {
            let listed: HashSet<RepoId> = listed.iter().map(|repo| repo.id).collect();
            let left_out = views.values().filter(|view| view.tracked);
            let left_out = left_out.filter(|view| !listed.contains(&view.id));
            seen.extend(left_out.map(|view| SeenRepo {
                id: view.id,
                name: view.name.clone(),
                streams: view.streams.iter().map(|stream| stream.stream).collect(),
                created_at: view.created_at,
            }));
        }
        self.store.track(term, &self.org, &seen, start, now).await
    }

    /// Fetches one repository and records it in one step.
    async fn visit(&self, visit: &Visit<'_>, steps: &[(Stream, Step)]) -> port::Result<Visited> {
        let mut parts: Vec<Part> = steps
            .iter()
            .filter(|(_, step)| *step == Step::Empty)
            .map(|(stream, step)| empty(visit, *stream, *step))
            .collect();
        let mut visited = Visited::default();
        let now = self.clock.now();
        let miss = |stream, reason, error| {
            let window = Window::new(visit.frontier(stream), now)?;
            Some(Miss {
                repo: visit.repo.id,
                stream,
                window,
                reason,
                error,
            })
        };
        for (stream, outcome) in visit.fetch(steps).await {
            match outcome {
                Ok(part) => {
                    if part.proof.is_none() {
                        let error = "some of it could not be read".to_owned();
                        visited
                            .misses
                            .extend(miss(stream, GapReason::Partial, error));
                    }
                    self.refused().forget((visit.repo.id, stream));
                    parts.push(part);
                }
                Err(Trouble::Missed(reason, error)) => {
                    visited.misses.extend(miss(stream, reason, error));
                }
                Err(Trouble::Refused(reason, error)) => {
                    let known = visit.is_unavailable(stream);
                    let of = (visit.repo.id, stream);
                    if self.refused().refuse(of, known, now) {
                        visited.unavailable.push((stream, error));
                    } else {
                        visited.misses.extend(miss(stream, reason, error));
                    }
                }
                Err(Trouble::Store(error)) => {
                    return Err(Arc::into_inner(error)
                        .expect("one stream alone reports an error of the store"));
                }
            }
        }
        if !parts.is_empty() {
            visit.record(parts).await?;
        }
        for (stream, reason) in &visited.unavailable {
            tracing::warn!(org = self.org, repo = visit.repo.name, %stream, reason, "cannot be read and will be tried again in a day");
            self.store
                .unavailable(
                    visit.by.clone(),
                    &self.org,
                    visit.repo.id,
                    *stream,
                    reason.clone(),
                    now,
                )
                .await?;
        }
        for miss in &visited.misses {
            tracing::warn!(org = self.org, repo = visit.repo.name, stream = %miss.stream, error = miss.error, "could not be read this time");
        }
        Ok(visited)
    }

    fn refused(&self) -> MutexGuard<'_, Refusals> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tracking_start(&self, now: Timestamp) -> Timestamp {
        let Some(history) = self.settings.history else {
            return ALL_OF_HISTORY;
        };
        let span = SignedDuration::try_from(history).unwrap_or(SignedDuration::MAX);
        now.checked_sub(span)
            .unwrap_or(ALL_OF_HISTORY)
            .max(ALL_OF_HISTORY)
    }

    fn report(
        &self,
        started: Timestamp,
        result: CycleResult,
        (repos, changed, failed): (u64, u64, u64),
        tally: &Tally,
        error: Option<String>,
    ) -> CycleReport {
        CycleReport {
            started,
            finished: self.clock.now(),
            result,
            repos,
            changed,
            failed,
            recorded: tally.recorded(),
            requests: tally.requests.load(Ordering::Relaxed),
            points: tally.points.load(Ordering::Relaxed),
            error,
        }
    }
}

/// The tracked repositories that GitHub counts but did not show, with what is missed of them. Where it shows all that it
/// counts, what is not there is gone.
fn unlisted(
    probe: &probe::Probe,
    views: &HashMap<RepoId, RepoView>,
    now: Timestamp,
) -> Vec<(String, Vec<Miss>)> {
    if probe.whole {
        return Vec::new();
    }
    let listed: HashSet<RepoId> = probe.repos.iter().map(|repo| repo.id).collect();
    let missing = views
        .values()
        .filter(|view| view.tracked && !listed.contains(&view.id));
    missing
        .map(|view| {
            let miss = |stream: &StreamView| {
                Some(Miss {
                    repo: view.id,
                    stream: stream.stream,
                    window: Window::new(stream.coverage.frontier(), now)?,
                    reason: GapReason::ScrapeError,
                    error: "the probe did not show the repository".to_owned(),
                })
            };
            (
                view.name.clone(),
                view.streams.iter().filter_map(miss).collect(),
            )
        })
        .collect()
}

/// The probe itself proves that there is nothing in the stream.
fn empty(visit: &Visit<'_>, stream: Stream, step: Step) -> Part {
    let (fingerprint, open) = match stream {
        Stream::Commits => (Fingerprint::commits(None, None, 0), None),
        Stream::Pulls | Stream::Issues => (Fingerprint::items(None, 0, visit.probed_at), Some(0)),
    };
    let proof = visit.proof(stream, visit.probed_at, fingerprint, open, step);
    Part {
        stream,
        events: Vec::new(),
        retracted: Vec::new(),
        proof: Some(proof),
    }
}

/// An error with everything below it, on one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
