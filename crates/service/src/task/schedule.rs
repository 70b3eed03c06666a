//! The loop of one organisation while this node leads: a cycle at once and then on its interval, its gaps dispatched, and a
//! pause where it fails again and again. An overrun skips ticks, it never piles up.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use ledger::port::activity::CycleResult;
use ledger::port::{self, Term};
use tokio::sync::{Mutex, Notify, mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until};
use tokio_util::sync::CancellationToken;

use super::cooldown::{self, Cooldown, Turn};
use super::dispatch::Dispatch;
use super::scrape::{Cycle, Progress, Scrape, chain};
use crate::Trouble;
use crate::health::{self, Component, Health};
use crate::role::elector::fraction;

/// Gaps are looked for this often, beside the look after each cycle.
const DISPATCH_EVERY: Duration = Duration::from_secs(15);

/// The loop of one organisation.
#[derive(Clone)]
pub(crate) struct Schedule {
    pub(crate) scrape: Arc<Scrape>,
    pub(crate) term: Term,
    pub(crate) interval: Duration,
    /// How late the first tick is, so that several organisations do not start in one instant.
    pub(crate) offset: Duration,
    pub(crate) cooldown: cooldown::Settings,
    pub(crate) dispatch: Arc<Mutex<Dispatch>>,
    pub(crate) health: Health,
    /// Told after each cycle, so that what it brought is shown at once.
    pub(crate) after: Arc<Notify>,
    /// Told when the store says that another leads.
    pub(crate) fenced: Arc<Notify>,
    /// Told how each cycle ended, as far as there is room: the node looks at the first ones, and decides by them
    /// whether it was configured right.
    pub(crate) outcomes: mpsc::Sender<(String, Option<Trouble>)>,
    pub(crate) api_url: String,
}

/// What is next.
#[derive(Debug, Clone, Copy)]
enum Do {
    Tick,
    Probe,
    Dispatch,
}

impl Schedule {
    /// Runs cycles until `leave` is cancelled. A cycle that is under way then is cancelled at its next await: everything
    /// it has recorded stays, and the next start goes on from there.
    pub(crate) async fn run(self, leave: CancellationToken) {
        let begin = Instant::now() + self.offset;
        let mut next = begin;
        let mut cooldown = Cooldown::new(self.cooldown);
        let mut sweep = interval_at(begin + DISPATCH_EVERY, DISPATCH_EVERY);
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut is_first = true;
        loop {
            let probe_at = cooldown.probe_at().map(|at| self.instant_of(at));
            let what = tokio::select! {
                () = leave.cancelled() => return,
                () = sleep_until(next) => Do::Tick,
                () = sleep_until(probe_at.unwrap_or(next)), if probe_at.is_some() => Do::Probe,
                _ = sweep.tick() => Do::Dispatch,
            };
            let work = async {
                if is_first {
                    self.account_for_outage().await?;
                }
                match what {
                    Do::Tick => self.tick(&mut cooldown).await?,
                    Do::Probe => {
                        if self.probe(&mut cooldown).await {
                            next = Instant::now();
                        }
                        return Ok(());
                    }
                    Do::Dispatch => {}
                }
                self.dispatch().await
            };
            let done = tokio::select! {
                () = leave.cancelled() => return,
                done = work => done,
            };
            match done {
                Ok(()) => is_first = false,
                Err(error) if error.is_fenced() => {
                    let text = chain(&error);
                    tracing::warn!(org = self.scrape.org, error = text, "leads no more");
                    self.fenced.notify_one();
                    leave.cancelled().await;
                    return;
                }
                Err(error) => self.store_failed(&error),
            }
            if matches!(what, Do::Tick) {
                next = next_tick(begin, self.interval, Instant::now()) + jitter(self.interval);
            }
        }
    }

    /// Where nobody ran for longer than an interval or two, that is a gap until it is read.
    async fn account_for_outage(&self) -> port::Result<()> {
        let Scrape {
            store, org, clock, ..
        } = &*self.scrape;
        let known = store.orgs().await?;
        let view = known.iter().find(|view| view.org.eq_ignore_ascii_case(org));
        let Some(last) = view.and_then(|view| view.last.as_ref()) else {
            return Ok(());
        };
        let silent = clock.now().duration_since(last.finished);
        if silent.unsigned_abs() > 2 * self.interval && silent.is_positive() {
            tracing::info!(
                org,
                seconds = silent.as_secs(),
                "nobody has read it for a while; the time is a gap until it is read"
            );
            self.scrape.was_out(self.term).await?;
        }
        Ok(())
    }

    async fn tick(&self, cooldown: &mut Cooldown) -> port::Result<()> {
        let (progress, _) = watch::channel(Progress::default());
        let now = || self.scrape.clock.now();
        let org = &self.scrape.org;
        let cycle = match cooldown.turn() {
            Turn::Cycle => self.scrape.cycle(self.term, &progress).await,
            Turn::Skip { .. } => {
                let why = "it cools down after failed cycles";
                self.scrape.skip(self.term, why).await
            }
        };
        let cycle = cycle.inspect_err(|_| {
            // A full channel means that the node has heard enough.
            let _ = self.outcomes.try_send((org.clone(), None));
            self.after.notify_one();
        })?;
        self.health.healthy(&Component::State, now());
        self.health.healthy(&Component::Scheduler, now());
        match cycle.report.result {
            CycleResult::Success | CycleResult::Partial => cooldown.read(),
            CycleResult::Failure => {
                if cooldown.failed(now()) {
                    tracing::warn!(org, "fails again and again, and is left alone for a while");
                }
            }
            CycleResult::SkippedUnhealthy => {}
        }
        let lasting = self.tell(cycle);
        let _ = self.outcomes.try_send((org.clone(), lasting));
        self.after.notify_one();
        Ok(())
    }

    /// A small probe of an organisation that cools down. Whether scraping goes on.
    async fn probe(&self, cooldown: &mut Cooldown) -> bool {
        let probed = self.scrape.can_be_read().await;
        let org = &self.scrape.org;
        if let Err(error) = &probed {
            tracing::info!(org, error = chain(error), "still cannot be read");
        }
        let goes_on = cooldown.probed(probed.is_ok(), self.scrape.clock.now());
        if goes_on {
            tracing::info!(org, "can be read again");
        }
        goes_on
    }

    async fn dispatch(&self) -> port::Result<()> {
        let now = || self.scrape.clock.now();
        match self.dispatch.lock().await.pass().await {
            Ok(()) => {
                self.health.healthy(&Component::Queue, now());
                Ok(())
            }
            Err(error) if error.is_fenced() => Err(error),
            Err(error) => {
                let text = chain(&error);
                tracing::warn!(
                    org = self.scrape.org,
                    error = text,
                    "gaps could not be dispatched and wait"
                );
                self.health.failed(&Component::Queue, text, now());
                Ok(())
            }
        }
    }

    fn store_failed(&self, error: &port::Error) {
        let text = chain(error);
        tracing::error!(
            org = self.scrape.org,
            error = text,
            "the cycle could not be recorded"
        );
        self.health
            .failed(&Component::State, text, self.scrape.clock.now());
    }

    fn instant_of(&self, at: Timestamp) -> Instant {
        let wait = at.duration_since(self.scrape.clock.now());
        Instant::now() + Duration::try_from(wait).unwrap_or_default()
    }

    /// One line in the log per cycle, and the organisation's health. Gives back what will fail again and again.
    fn tell(&self, cycle: Cycle) -> Option<Trouble> {
        let report = cycle.report;
        let org = &self.scrape.org;
        let now = self.scrape.clock.now();
        let github = Component::GitHub(org.clone());
        let took = report.finished.duration_since(report.started);
        tracing::info!(
            org,
            result = report.result.as_str(),
            repos = report.repos,
            changed = report.changed,
            failed = report.failed,
            events = report.recorded.inserted,
            retracted = report.recorded.retracted,
            requests = report.requests,
            points = report.points,
            seconds = took.as_secs_f64(),
            error = report.error,
            "cycle"
        );
        match report.result {
            CycleResult::Success => self.health.healthy(&github, now),
            CycleResult::Partial => {
                let first = report.error.clone().unwrap_or_default();
                self.health.degraded(
                    &github,
                    format!("{} repositories have gaps: {first}", report.failed),
                    now,
                );
            }
            CycleResult::Failure | CycleResult::SkippedUnhealthy => {
                self.health
                    .failed(&github, report.error.clone().unwrap_or_default(), now);
            }
        }
        self.health.cycle(
            org,
            health::Cycle {
                finished: report.finished,
                seconds: took.as_secs_f64(),
                result: report.result.as_str().to_owned(),
                repositories: report.repos,
            },
        );
        let failure = cycle.failure?;
        let lasting = crate::explain::is_lasting(&failure);
        let trouble = crate::explain::probe(org, &self.api_url, failure);
        tracing::error!(org, "{trouble}");
        lasting.then_some(trouble)
    }
}

/// The first tick after `now`.
fn next_tick(begin: Instant, interval: Duration, now: Instant) -> Instant {
    let passed = now.saturating_duration_since(begin).as_nanos() / interval.as_nanos().max(1);
    let ticks = u32::try_from(passed + 1).unwrap_or(u32::MAX);
    begin + interval.saturating_mul(ticks)
}

/// Up to a twentieth of the interval, and at most five seconds.
fn jitter(interval: Duration) -> Duration {
    let most = (interval / 20).min(Duration::from_secs(5));
    most.mul_f64(fraction())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_overrun_skips_ticks_and_keeps_the_beat() {
        let begin = Instant::now();
        let minute = Duration::from_secs(60);
        for (passed, next) in [(0, 60), (59, 60), (60, 120), (61, 120), (200, 240)] {
            let now = begin + Duration::from_secs(passed);
            assert_eq!(
                next_tick(begin, minute, now),
                begin + Duration::from_secs(next),
                "after {passed} s"
            );
        }
    }
}
