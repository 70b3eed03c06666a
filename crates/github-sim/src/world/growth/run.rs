//! The lives of workflow runs, and releases now and then.
//!
//! All of it is drawn from dice of their own, so that the commits, pulls and issues of a seed are what they are without.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::{Life, Step};
use crate::world::run::{Conclusion, Status, Trigger};
use crate::world::{AccountId, RepoId, World};

/// What a job waits for a runner on average, in seconds of life.
const QUEUED: f64 = 20.0;
/// What a job takes on average, in seconds of life.
const RUNNING: f64 = 240.0;
const HOUR: f64 = 3_600.0;

/// Something that happens to a run.
#[derive(Debug, Clone, Copy)]
pub(super) enum RunStep {
    Start(usize),
    End(usize, Conclusion),
    Cancel,
    Again,
}

/// What a repository's Actions consist of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::world) enum Workflows {
    /// Switched off.
    Off,
    /// Switched on, and nothing to run.
    None,
    /// One that tests what is pushed and proposed.
    Tests,
    /// That, and one that publishes what is pushed.
    TestsAndDocs,
}

impl Workflows {
    /// A fifth have none of either kind.
    pub(in crate::world) fn draw(dice: &mut ChaCha8Rng) -> Workflows {
        match dice.random_range(0..10) {
            0 => Workflows::Off,
            1 => Workflows::None,
            2..=7 => Workflows::Tests,
            _ => Workflows::TestsAndDocs,
        }
    }
}

impl World {
    pub(in crate::world) fn set_up_actions(&mut self, repo: RepoId, workflows: Workflows) {
        self.repo_mut(repo).actions_enabled = workflows != Workflows::Off;
        if matches!(workflows, Workflows::Tests | Workflows::TestsAndDocs) {
            self.add_workflow(repo, "CI", &["lint", "test"]);
        }
        if workflows == Workflows::TestsAndDocs {
            self.add_workflow_on(repo, "Docs", &["publish"], &[Trigger::Push]);
        }
    }

    /// Sets off what answers to this.
    pub(super) fn live_trigger(
        &mut self,
        repo: RepoId,
        trigger: Trigger,
        branch: &str,
        actor: Option<AccountId>,
        life: &mut Life,
    ) -> Vec<(f64, Step)> {
        let existing = self.existing_repo(repo);
        if !existing.actions_enabled || !existing.branches.contains_key(branch) {
            return Vec::new();
        }
        let answering = existing.workflows.values();
        let answering: Vec<u64> = answering
            .filter(|workflow| workflow.on.contains(&trigger))
            .map(|workflow| workflow.id)
            .collect();
        let mut plans = Vec::new();
        for workflow in answering {
            let run = self.start_run(repo, workflow, trigger, branch, actor);
            plans.extend(self.plan_attempt(repo, run, life));
        }
        plans
    }

    fn plan_attempt(&self, repo: RepoId, run: u64, life: &mut Life) -> Vec<(f64, Step)> {
        let run = &self.existing_repo(repo).runs[&run];
        let mut plans = Vec::new();
        let (mut last, mut fails) = (0.0_f64, false);
        for job in 0..run.latest().jobs.len() {
            let starts = 1.0 + life.toss(QUEUED);
            let ends = starts + 10.0 + life.toss(RUNNING);
            let failed = life.dice.random_bool(0.08);
            let how = if failed {
                Conclusion::Failure
            } else {
                Conclusion::Success
            };
            plans.push((starts, RunStep::Start(job)));
            plans.push((ends, RunStep::End(job, how)));
            (last, fails) = (last.max(ends), fails || failed);
        }
        if life.dice.random_bool(0.05) {
            plans.push((life.dice.random_range(0.0..last), RunStep::Cancel));
        } else if fails && run.attempts.len() < 3 && life.dice.random_bool(0.6) {
            plans.push((last + life.toss(HOUR / 4.0), RunStep::Again));
        }
        plans
            .into_iter()
            .map(|(seconds, step)| (seconds, Step::Run(run.id, step)))
            .collect()
    }

    /// One thing that happens to a run, if it still can.
    pub(super) fn live_run(
        &mut self,
        repo: RepoId,
        run: u64,
        step: RunStep,
        life: &mut Life,
    ) -> Vec<(f64, Step)> {
        let Some(existing) = self.existing_repo(repo).runs.get(&run) else {
            return Vec::new();
        };
        let (ended, actor) = (
            existing.latest().status() == Status::Completed,
            existing.actor,
        );
        match step {
            RunStep::Start(job) => self.start_job(repo, run, job),
            RunStep::End(job, how) => self.end_job(repo, run, job, how),
            RunStep::Cancel => self.end_run(repo, run, Conclusion::Cancelled),
            RunStep::Again if ended => {
                self.rerun(repo, run, actor);
                return self.plan_attempt(repo, run, life);
            }
            RunStep::Again => {}
        }
        Vec::new()
    }

    /// After a merge: now and then a release, or a draft of one that is published later.
    pub(super) fn live_release(
        &mut self,
        repo: RepoId,
        by: AccountId,
        life: &mut Life,
    ) -> Vec<(f64, Step)> {
        if !life.dice.random_bool(0.06) {
            return Vec::new();
        }
        let number = self.existing_repo(repo).releases.len();
        let suffix = if life.dice.random_bool(0.1) {
            "-rc.1"
        } else {
            ""
        };
        let tag = format!("v1.{number}.0{suffix}");
        if life.dice.random_bool(0.8) {
            self.release(repo, &tag, by);
            return Vec::new();
        }
        let draft = self.draft_release(repo, &tag, by);
        vec![(life.toss(30.0 * HOUR), Step::Publish(draft))]
    }

    /// A draft is published, if it still is there.
    pub(super) fn live_publish(&mut self, repo: RepoId, release: u64) -> Vec<(f64, Step)> {
        if self.existing_repo(repo).releases.contains_key(&release) {
            self.publish_release(repo, release);
        }
        Vec::new()
    }

    fn existing_repo(&self, repo: RepoId) -> &crate::world::Repo {
        self.repo(repo).expect("it lives")
    }
}

impl Life {
    /// A random time with this mean, in seconds, from the dice.
    fn toss(&mut self, mean: f64) -> f64 {
        let share: f64 = self.dice.random_range(0.0..1.0);
        -(1.0 - share).ln() * mean
    }
}
