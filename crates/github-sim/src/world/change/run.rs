//! Workflows run: queued, taken by a runner, ended, started anew.

use super::next;
use crate::world::run::{Attempt, Conclusion, Job, Run, Status, Trigger, Workflow};
use crate::world::{AccountId, Oid, RepoId, World};

impl World {
    /// A new workflow with its jobs, which answers to pushes and pull requests.
    pub fn add_workflow(&mut self, repo: RepoId, name: &str, jobs: &[&str]) -> u64 {
        self.add_workflow_on(repo, name, jobs, &[Trigger::Push, Trigger::PullRequest])
    }

    /// A new workflow that answers to some things alone.
    ///
    /// # Panics
    ///
    /// If it has no jobs.
    pub fn add_workflow_on(
        &mut self,
        repo: RepoId,
        name: &str,
        jobs: &[&str],
        on: &[Trigger],
    ) -> u64 {
        assert!(!jobs.is_empty(), "a workflow has jobs");
        let id = next(&mut self.ids.workflow);
        let workflow = Workflow {
            id,
            name: name.to_owned(),
            path: format!(".github/workflows/{}.yml", name.to_lowercase()),
            on: on.to_vec(),
            jobs: jobs.iter().map(|&job| job.to_owned()).collect(),
            runs: 0,
        };
        self.repo_mut(repo).workflows.insert(id, workflow);
        id
    }

    /// Switches a repository's Actions on or off; runs are kept.
    pub fn enable_actions(&mut self, repo: RepoId, enabled: bool) {
        let now = self.stamp();
        let repo = self.repo_mut(repo);
        repo.actions_enabled = enabled;
        repo.updated_at = now;
    }

    /// Queues a run of a workflow on the tip of a branch, with all its jobs.
    ///
    /// # Panics
    ///
    /// If there is no such workflow or branch.
    pub fn start_run(
        &mut self,
        repo: RepoId,
        workflow: u64,
        trigger: Trigger,
        branch: &str,
        actor: impl Into<Option<AccountId>>,
    ) -> u64 {
        let head = *self
            .existing(repo)
            .branches
            .get(branch)
            .expect("no such branch");
        self.start_run_on(repo, workflow, trigger, (branch, head), actor.into())
    }

    fn start_run_on(
        &mut self,
        repo: RepoId,
        workflow: u64,
        trigger: Trigger,
        (branch, head): (&str, Oid),
        actor: Option<AccountId>,
    ) -> u64 {
        let (id, now) = (next(&mut self.ids.run), self.stamp());
        let attempt = self.attempt(repo, workflow, actor);
        let repo = self.repo_mut(repo);
        let workflow = repo.workflows.get_mut(&workflow).expect("no such workflow");
        let run = Run {
            id,
            workflow: workflow.id,
            number: next(&mut workflow.runs),
            trigger,
            head,
            branch: branch.to_owned(),
            actor,
            created_at: now,
            updated_at: now,
            attempts: vec![attempt],
        };
        repo.runs.insert(id, run);
        id
    }

    fn attempt(&mut self, repo: RepoId, workflow: u64, actor: Option<AccountId>) -> Attempt {
        let now = self.stamp();
        let workflow = self.existing(repo).workflows.get(&workflow);
        let names = workflow.expect("no such workflow").jobs.clone();
        let jobs = names.into_iter().map(|name| Job {
            id: next(&mut self.ids.job),
            name,
            created_at: now,
            started_at: None,
            ended: None,
        });
        Attempt {
            actor,
            started_at: now,
            jobs: jobs.collect(),
        }
    }

    /// Starts a finished run anew, all its jobs, under its old id.
    ///
    /// # Panics
    ///
    /// If there is no such run, or it has not finished.
    pub fn rerun(&mut self, repo: RepoId, run: u64, by: impl Into<Option<AccountId>>) {
        let existing = self.existing(repo).runs.get(&run).expect("no such run");
        let finished = existing.latest().status() == Status::Completed;
        assert!(finished, "run {run} has not finished");
        let workflow = existing.workflow;
        let attempt = self.attempt(repo, workflow, by.into());
        let run = self.run_mut(repo, run);
        run.updated_at = attempt.started_at;
        run.attempts.push(attempt);
    }

    /// A runner takes one of the jobs of a run's latest attempt, counted from 0. One that has ended stays as it is.
    ///
    /// # Panics
    ///
    /// If there is no such run or job.
    pub fn start_job(&mut self, repo: RepoId, run: u64, job: usize) {
        let now = self.stamp();
        let run = self.run_mut(repo, run);
        let job = run.job_mut(job);
        if job.ended.is_none() && job.started_at.is_none() {
            job.started_at = Some(now);
            run.updated_at = now;
        }
    }

    /// One of the jobs of a run's latest attempt ends. One that has ended stays as it is, one that no runner took is
    /// taken as it ends.
    ///
    /// # Panics
    ///
    /// If there is no such run or job.
    pub fn end_job(&mut self, repo: RepoId, run: u64, job: usize, how: Conclusion) {
        let now = self.stamp();
        let run = self.run_mut(repo, run);
        let job = run.job_mut(job);
        if job.ended.is_none() {
            job.started_at.get_or_insert(now);
            job.ended = Some((now, how));
            run.updated_at = now;
        }
    }

    /// Ends all jobs of a run's latest attempt that have not ended.
    ///
    /// # Panics
    ///
    /// If there is no such run.
    pub fn end_run(&mut self, repo: RepoId, run: u64, how: Conclusion) {
        let jobs = self.run_mut(repo, run).latest().jobs.len();
        (0..jobs).for_each(|job| self.end_job(repo, run, job, how));
    }

    fn run_mut(&mut self, repo: RepoId, run: u64) -> &mut Run {
        self.repo_mut(repo).runs.get_mut(&run).expect("no such run")
    }
}

impl Run {
    fn job_mut(&mut self, job: usize) -> &mut Job {
        let latest = self.attempts.last_mut().expect("a run has an attempt");
        latest.jobs.get_mut(job).expect("no such job")
    }
}
