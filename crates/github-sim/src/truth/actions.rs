//! The truth about workflow runs and their jobs.

use jiff::Timestamp;
use serde::Serialize;

use super::person;
use crate::world::run::{Attempt, Job, Run};
use crate::world::{Repo, World};

/// A workflow run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TruthRun {
    /// Database id; all attempts share it.
    pub id: u64,
    /// What its workflow is called.
    pub workflow: String,
    /// `push` or `pull_request`.
    pub event: &'static str,
    /// When it came about.
    pub created_at: Timestamp,
    /// The attempts, first to latest.
    pub attempts: Vec<TruthAttempt>,
}

/// An attempt of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TruthAttempt {
    /// Counted from 1.
    pub number: u64,
    /// Who set it off.
    pub actor: String,
    /// When it came about.
    pub started_at: Timestamp,
    /// When its last job ended, if all have.
    pub completed_at: Option<Timestamp>,
    /// `queued`, `in_progress` or `completed`.
    pub status: &'static str,
    /// `success`, `failure` or `cancelled`, once it is completed.
    pub conclusion: Option<&'static str>,
    /// Its jobs.
    pub jobs: Vec<TruthJob>,
}

/// A job of an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TruthJob {
    /// Database id.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// How it ended, if it has.
    pub conclusion: Option<&'static str>,
    /// When it ended, if it has.
    pub completed_at: Option<Timestamp>,
    /// How long it waited for a runner, in seconds, if it no longer does.
    pub queue_seconds: Option<i64>,
    /// How long it ran, in seconds, if it has ended.
    pub run_seconds: Option<i64>,
}

pub(super) fn runs(world: &World, repo: &Repo) -> Vec<TruthRun> {
    let run = |run: &Run| TruthRun {
        id: run.id,
        workflow: repo
            .workflows
            .get(&run.workflow)
            .map_or_else(String::new, |workflow| workflow.name.clone()),
        event: run.trigger.as_str(),
        created_at: run.created_at,
        attempts: (1..)
            .zip(&run.attempts)
            .map(|(number, attempt)| of_attempt(world, number, attempt))
            .collect(),
    };
    repo.runs.values().map(run).collect()
}

fn of_attempt(world: &World, number: u64, attempt: &Attempt) -> TruthAttempt {
    let conclusion = attempt.conclusion();
    let ends = attempt.jobs.iter().filter_map(|job| job.ended);
    TruthAttempt {
        number,
        actor: person::actor(world, attempt.actor),
        started_at: attempt.started_at,
        completed_at: conclusion.and_then(|_| ends.map(|(at, _)| at).max()),
        status: attempt.status().as_str(),
        conclusion: conclusion.map(crate::world::Conclusion::as_str),
        jobs: attempt.jobs.iter().map(of_job).collect(),
    }
}

fn of_job(job: &Job) -> TruthJob {
    let between = |from: Timestamp, to: Timestamp| to.as_second() - from.as_second();
    TruthJob {
        id: job.id,
        name: job.name.clone(),
        conclusion: job.ended.map(|(_, how)| how.as_str()),
        completed_at: job.ended.map(|(at, _)| at),
        queue_seconds: job.started_at.map(|at| between(job.created_at, at)),
        run_seconds: job
            .started_at
            .zip(job.ended)
            .map(|(from, (to, _))| between(from, to)),
    }
}
