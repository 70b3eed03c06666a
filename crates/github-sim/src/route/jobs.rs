//! Jobs of a workflow run: of its latest attempt, of one attempt, of all.

use serde_json::{Value, json};

use super::page::Page;
use super::reply::Reply;
use super::runs::attempt_of;
use super::{Routed, Scene, opt_time, time};
use crate::world::Repo;
use crate::world::run::{Job, Run};

impl Scene<'_> {
    /// `GET /repos/{owner}/{repo}/actions/runs/{run_id}/jobs`: of the latest attempt, or with `filter=all` of all.
    pub(super) fn jobs(&self, repo: &Repo, run: &str) -> Routed {
        let run = self.run_of(repo, run)?;
        let filter = self
            .call
            .query
            .one_of("filter", &["latest", "all"])
            .map_err(|field| Reply::invalid("WorkflowJob", field))?;
        let number = run.attempts.len();
        let attempts = if filter == "all" {
            1..=number
        } else {
            number..=number
        };
        let jobs = attempts.flat_map(|number| {
            let attempt = &run.attempts[number - 1];
            attempt.jobs.iter().map(move |job| (number, job))
        });
        let address = format!("/repositories/{}/actions/runs/{}/jobs", repo.id, run.id);
        Ok(self.show_jobs(repo, run, &address, &jobs.collect::<Vec<_>>()))
    }

    /// `GET /repos/{owner}/{repo}/actions/runs/{run_id}/attempts/{attempt_number}/jobs`
    pub(super) fn jobs_of_attempt(&self, repo: &Repo, run: &str, attempt: &str) -> Routed {
        let run = self.run_of(repo, run)?;
        let number = attempt_of(run, attempt)?;
        let jobs = run.attempts[number - 1].jobs.iter();
        let jobs: Vec<(usize, &Job)> = jobs.map(|job| (number, job)).collect();
        let address = format!(
            "/repositories/{}/actions/runs/{}/attempts/{number}/jobs",
            repo.id, run.id
        );
        Ok(self.show_jobs(repo, run, &address, &jobs))
    }

    fn show_jobs(&self, repo: &Repo, run: &Run, address: &str, jobs: &[(usize, &Job)]) -> Reply {
        let page = Page::of(self.call);
        let shown: Vec<Value> = page
            .cut(jobs)
            .iter()
            .map(|(attempt, job)| self.show_job(repo, run, *attempt, job))
            .collect();
        let reply = Reply::ok(json!({"total_count": jobs.len(), "jobs": shown}));
        page.link(self.call, address, jobs.len(), reply)
    }

    fn show_job(&self, repo: &Repo, run: &Run, attempt: usize, job: &Job) -> Value {
        let url = self.repo_url(repo);
        let has_runner = job.started_at.is_some();
        json!({
            "id": job.id,
            "run_id": run.id,
            "workflow_name": repo.workflows.get(&run.workflow).map(|workflow| &workflow.name),
            "head_branch": run.branch,
            "run_url": format!("{url}/actions/runs/{}", run.id),
            "run_attempt": attempt,
            "node_id": job.node_id(repo.id),
            "head_sha": run.head.to_string(),
            "url": format!("{url}/actions/jobs/{}", job.id),
            "html_url": format!("{}/actions/runs/{}/job/{}", self.repo_web(repo), run.id, job.id),
            "status": job.status().as_str(),
            "conclusion": job.ended.map(|(_, how)| how.as_str()),
            "created_at": time(job.created_at),
            // Observed: a job that no runner has taken says that it started when it was put into the queue.
            "started_at": time(job.started_at.unwrap_or(job.created_at)),
            "completed_at": opt_time(job.ended.map(|(at, _)| at)),
            "name": job.name,
            "steps": [],
            "check_run_url": format!("{url}/check-runs/{}", job.id),
            "labels": ["ubuntu-latest"],
            "runner_id": has_runner.then_some(job.id % 1_000),
            "runner_name": has_runner.then(|| format!("GitHub Actions {}", job.id % 1_000)),
            "runner_group_id": has_runner.then_some(0),
            "runner_group_name": has_runner.then_some("GitHub Actions"),
        })
    }
}
