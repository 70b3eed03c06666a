//! Jobs of a workflow run, and how long they waited and ran.

use std::collections::BTreeMap;

use jiff::Timestamp;
use quota::Lane;
use serde::Deserialize;

use super::runs::Run;
use super::{Readable, path};
use crate::client::Client;
use crate::error::Error;
use crate::page;
use crate::request::Request;

/// One job.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Job {
    /// Its number among all jobs of GitHub.
    pub id: u64,
    /// Its run.
    pub run_id: u64,
    /// Which attempt of the run, counted from 1.
    #[serde(default = "first")]
    pub run_attempt: u64,
    /// What it is called.
    #[serde(default)]
    pub name: String,
    /// `queued`, `in_progress`, `completed`, or a word for waiting.
    #[serde(default)]
    pub status: String,
    /// How it ended. Absent before.
    #[serde(default)]
    pub conclusion: Option<String>,
    /// When it was put into the queue. Old Enterprise Servers do not say.
    #[serde(default)]
    pub created_at: Option<Timestamp>,
    /// When a runner took it; before that, when it was put into the queue.
    #[serde(default)]
    pub started_at: Option<Timestamp>,
    /// When it ended.
    #[serde(default)]
    pub completed_at: Option<Timestamp>,
}

fn first() -> u64 {
    1
}

/// How long something waited and ran, in whole seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// From being put into the queue to being taken by a runner.
    pub queue_seconds: u64,
    /// From being taken to its end.
    pub run_seconds: u64,
    /// When it ended.
    pub completed_at: Timestamp,
}

impl Job {
    /// Whether it has ended.
    pub fn is_finished(&self) -> bool {
        self.status == "completed"
    }

    /// Whether it ended without having been run: its times say nothing.
    pub fn is_skipped(&self) -> bool {
        self.conclusion.as_deref() == Some("skipped")
    }

    /// How long it waited and ran; nothing before its end. Runners have clocks of their own: what would be less than
    /// nothing is nothing.
    pub fn timing(&self) -> Option<Timing> {
        let completed_at = self.completed_at.filter(|_| self.is_finished())?;
        let started = self.started_at.unwrap_or(completed_at);
        Some(Timing {
            queue_seconds: between(self.created_at.unwrap_or(started), started),
            run_seconds: between(started, completed_at),
            completed_at,
        })
    }
}

impl Run {
    /// How long this attempt waited for its first runner and ran until its last job ended; nothing before its end. `jobs`
    /// are those of this attempt. Where none of them says, the run's own times count, of which the last may be later than
    /// its end.
    pub fn timing(&self, jobs: &[Job]) -> Option<Timing> {
        if !self.is_finished() {
            return None;
        }
        let jobs = jobs.iter().filter(|job| !job.is_skipped());
        let times = jobs.filter_map(|job| Some((job.started_at?, job.completed_at?)));
        let (starts, ends): (Vec<_>, Vec<_>) = times.unzip();
        let started = starts
            .into_iter()
            .min()
            .unwrap_or_else(|| self.started_at());
        let completed_at = ends.into_iter().max().unwrap_or(self.updated_at);
        Some(Timing {
            queue_seconds: between(self.started_at(), started),
            run_seconds: between(started, completed_at),
            completed_at,
        })
    }
}

fn between(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(to.as_second() - from.as_second()).unwrap_or(0)
}

/// The jobs of one attempt of a run
/// (`GET /repos/{owner}/{repo}/actions/runs/{run_id}/attempts/{attempt_number}/jobs`). Read them with [`Client::jobs`].
pub fn of_attempt(owner: &str, name: &str, run: u64, attempt: u64) -> Request {
    let (run, attempt) = (run.to_string(), attempt.to_string());
    let segments = [
        "repos", owner, name, "actions", "runs", &run, "attempts", &attempt, "jobs",
    ];
    Request::get(path(&segments) + "?per_page=100")
        .named("/repos/{owner}/{repo}/actions/runs/{run_id}/attempts/{attempt_number}/jobs")
}

/// The jobs of all attempts of a run (`GET /repos/{owner}/{repo}/actions/runs/{run_id}/jobs`). Read them with
/// [`Client::jobs`].
pub fn of_run(owner: &str, name: &str, run: u64) -> Request {
    let run = run.to_string();
    let segments = ["repos", owner, name, "actions", "runs", &run, "jobs"];
    Request::get(path(&segments) + "?filter=all&per_page=100")
        .named("/repos/{owner}/{repo}/actions/runs/{run_id}/jobs")
}

/// What a reading of a list of jobs gave.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JobList {
    /// Every job once, by number.
    pub jobs: Vec<Job>,
    /// Jobs that could not be read.
    pub unreadable: u64,
}

#[derive(Debug, Deserialize)]
struct JobPage {
    jobs: Readable<Job>,
}

impl Client {
    /// Reads a list of jobs from `first` on to its end.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn jobs(&self, lane: Lane, first: Request) -> Result<JobList, Error> {
        let (mut met, mut list) = (BTreeMap::new(), JobList::default());
        page::read(self, lane, first, |response| {
            let page: JobPage = response.json()?;
            list.unreadable += page.jobs.unreadable;
            met.extend(page.jobs.items.into_iter().map(|job| (job.id, job)));
            Ok(false)
        })
        .await?;
        list.jobs = met.into_values().collect();
        Ok(list)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(created: &str, started: &str, completed: &str) -> Job {
        let at = |time: &str| format!("2025-06-01T12:{time}Z").parse().ok();
        Job {
            id: 1,
            run_id: 7,
            run_attempt: 1,
            name: "test".to_owned(),
            status: if completed.is_empty() {
                "in_progress"
            } else {
                "completed"
            }
            .to_owned(),
            conclusion: None,
            created_at: at(created),
            started_at: at(started),
            completed_at: at(completed),
        }
    }

    fn took(timing: Option<Timing>) -> Option<(u64, u64)> {
        timing.map(|timing| (timing.queue_seconds, timing.run_seconds))
    }

    #[test]
    fn a_job_waits_from_its_creation_to_its_start_and_runs_to_its_end() {
        assert_eq!(
            took(job("00:00", "00:30", "02:00").timing()),
            Some((30, 90))
        );
        assert_eq!(took(job("00:00", "00:30", "").timing()), None);
        // A runner whose clock is behind.
        assert_eq!(took(job("00:10", "00:05", "00:04").timing()), Some((0, 0)));
        // What an old server leaves out.
        assert_eq!(took(job("", "00:30", "02:00").timing()), Some((0, 90)));
        assert_eq!(took(job("00:00", "", "02:00").timing()), Some((120, 0)));
    }

    #[test]
    fn a_run_lasts_from_its_first_job_to_its_last() {
        let run: Run = serde_json::from_str(
            r#"{"id":7,"workflow_id":3,"status":"completed","created_at":"2025-06-01T11:00:00Z",
                "run_started_at":"2025-06-01T12:00:00Z","updated_at":"2025-06-01T12:30:00Z"}"#,
        )
        .unwrap();
        let jobs = [
            job("00:00", "00:20", "05:00"),
            job("00:01", "00:10", "04:00"),
        ];
        let timing = run.timing(&jobs).unwrap();
        assert_eq!((timing.queue_seconds, timing.run_seconds), (10, 290));
        assert_eq!(timing.completed_at, "2025-06-01T12:05:00Z".parse().unwrap());
        assert_eq!(took(run.timing(&[])), Some((0, 1_800)));
        let skipped = Job {
            conclusion: Some("skipped".to_owned()),
            ..job("00:00", "00:00", "00:00")
        };
        let jobs = [skipped, jobs[0].clone()];
        assert_eq!(took(run.timing(&jobs)), Some((20, 280)));
        let under_way = Run {
            status: Some("in_progress".to_owned()),
            ..run
        };
        assert_eq!(under_way.timing(&jobs), None);
    }
}
