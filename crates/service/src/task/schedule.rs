//! The loop of one organisation: a scrape at once and then on its interval. An overrun skips ticks, it never piles up.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::sync::Arc;
use std::time::Duration;

use ledger::port::activity::CycleResult;
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::scrape::{Cycle, Progress, Scrape};
use crate::Trouble;
use crate::health::{self, Component, Health};

/// The loop of one organisation.
#[derive(Clone)]
pub(crate) struct Schedule {
    pub(crate) scrape: Arc<Scrape>,
    pub(crate) interval: Duration,
    /// How late the first tick is, so that several organisations do not start in one instant.
    pub(crate) offset: Duration,
    pub(crate) health: Health,
    /// Told after each cycle, so that what it brought is shown at once.
    pub(crate) after: Arc<Notify>,
    /// Told how each cycle ended, as far as there is room: the node looks at the first ones, and decides by them
    /// whether it was configured right.
    pub(crate) outcomes: mpsc::Sender<(String, Option<Trouble>)>,
    pub(crate) api_url: String,
}

impl Schedule {
    /// Runs cycles until `leave` is cancelled. A cycle that is under way then is cancelled at its next await: everything
    /// it has recorded stays, and the next start goes on from there.
    pub(crate) async fn run(self, leave: CancellationToken) {
        let begin = Instant::now() + self.offset;
        let mut next = begin;
        loop {
            tokio::select! {
                () = leave.cancelled() => return,
                () = tokio::time::sleep_until(next) => {}
            }
            tokio::select! {
                () = leave.cancelled() => return,
                () = self.tick() => {}
            }
            next = next_tick(begin, self.interval, Instant::now()) + jitter(self.interval);
        }
    }

    async fn tick(&self) {
        let (progress, _) = watch::channel(Progress::default());
        let now = || self.scrape.clock.now();
        let org = &self.scrape.org;
        let lasting = match self.scrape.cycle(&progress).await {
            Ok(cycle) => {
                self.health.healthy(&Component::State, now());
                self.health.healthy(&Component::Scheduler, now());
                self.tell(cycle)
            }
            Err(error) => {
                let text = super::scrape::chain(&error);
                tracing::error!(org, error = text, "the cycle could not be recorded");
                self.health.failed(&Component::State, text, now());
                None
            }
        };
        // A full channel means that the node has heard enough.
        let _ = self.outcomes.try_send((org.clone(), lasting));
        self.after.notify_one();
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

/// A random number from 0 to 1. The standard library seeds each of its hashers anew.
fn fraction() -> f64 {
    f64::from(RandomState::new().build_hasher().finish() as u32) / f64::from(u32::MAX)
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
