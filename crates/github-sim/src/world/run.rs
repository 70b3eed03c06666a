//! GitHub Actions: workflows, their runs, the attempts of a run, and the jobs of an attempt.
//!
//! What a run says of itself follows from the jobs of its latest attempt; it keeps no state of its own that could
//! disagree with them.

use jiff::Timestamp;

use super::account::AccountId;
use super::node;
use super::oid::Oid;

/// What a workflow answers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// A push to the default branch.
    Push,
    /// A pull request that is opened, or whose head moves.
    PullRequest,
}

impl Trigger {
    /// `event` of a run.
    pub fn as_str(self) -> &'static str {
        match self {
            Trigger::Push => "push",
            Trigger::PullRequest => "pull_request",
        }
    }
}

/// How a job or a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Conclusion {
    /// Everything went well.
    Success,
    /// Somebody, or a newer run, stopped it.
    Cancelled,
    /// Something went wrong.
    Failure,
}

impl Conclusion {
    /// As GitHub writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Conclusion::Success => "success",
            Conclusion::Cancelled => "cancelled",
            Conclusion::Failure => "failure",
        }
    }
}

/// Where a job or a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It waits for a runner.
    Queued,
    /// It runs.
    InProgress,
    /// It has ended.
    Completed,
}

impl Status {
    /// As GitHub writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Queued => "queued",
            Status::InProgress => "in_progress",
            Status::Completed => "completed",
        }
    }
}

/// A workflow.
#[derive(Debug, Clone)]
pub struct Workflow {
    /// Database id.
    pub id: u64,
    /// What it is called.
    pub name: String,
    /// The file that defines it.
    pub path: String,
    /// What it answers to.
    pub on: Vec<Trigger>,
    /// The names of its jobs.
    pub jobs: Vec<String>,
    /// How often it has run.
    pub runs: u64,
}

/// A run of a workflow.
#[derive(Debug, Clone)]
pub struct Run {
    /// Database id.
    pub id: u64,
    /// The id of its workflow.
    pub workflow: u64,
    /// Its number among the runs of its workflow.
    pub number: u64,
    /// What set it off.
    pub trigger: Trigger,
    /// The commit that it runs on.
    pub head: Oid,
    /// The branch of that commit.
    pub branch: String,
    /// Who set it off; `None` if the account is gone.
    pub actor: Option<AccountId>,
    /// When it came about; another attempt does not change that.
    pub created_at: Timestamp,
    /// When anything of it last changed.
    pub updated_at: Timestamp,
    /// The attempts, first to latest; never empty.
    pub attempts: Vec<Attempt>,
}

/// One attempt of a run.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// Who set it off; `None` if the account is gone.
    pub actor: Option<AccountId>,
    /// When it came about.
    pub started_at: Timestamp,
    /// Its jobs; never empty.
    pub jobs: Vec<Job>,
}

/// A job of an attempt.
#[derive(Debug, Clone)]
pub struct Job {
    /// Database id.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// When it was put into the queue.
    pub created_at: Timestamp,
    /// When a runner took it.
    pub started_at: Option<Timestamp>,
    /// When and how it ended.
    pub ended: Option<(Timestamp, Conclusion)>,
}

impl Run {
    /// The node id, in a repository with this id.
    pub fn node_id(&self, repo: u64) -> String {
        node::within("WFR", repo, self.id)
    }

    /// The latest attempt.
    pub fn latest(&self) -> &Attempt {
        self.attempts.last().expect("a run has an attempt")
    }
}

impl Attempt {
    /// Where it stands.
    pub fn status(&self) -> Status {
        let is = |status: Status| self.jobs.iter().all(|job| job.status() == status);
        match () {
            () if is(Status::Completed) => Status::Completed,
            () if is(Status::Queued) => Status::Queued,
            () => Status::InProgress,
        }
    }

    /// How it ended, if it has: as the worst of its jobs.
    pub fn conclusion(&self) -> Option<Conclusion> {
        (self.status() == Status::Completed)
            .then(|| {
                self.jobs
                    .iter()
                    .filter_map(|job| job.ended)
                    .map(|(_, how)| how)
                    .max()
            })
            .flatten()
    }
}

impl Job {
    /// The node id, in a repository with this id. Jobs are check runs.
    pub fn node_id(&self, repo: u64) -> String {
        node::within("CR", repo, self.id)
    }

    /// Where it stands.
    pub fn status(&self) -> Status {
        match (self.started_at, self.ended) {
            (_, Some(_)) => Status::Completed,
            (Some(_), None) => Status::InProgress,
            (None, None) => Status::Queued,
        }
    }
}
