//! The lives of issues: opened, talked about, closed, sometimes opened again.

use rand::RngExt;

use super::{Life, Step};
use crate::world::words;
use crate::world::{RepoId, World};

const HOUR: f64 = 3_600.0;

/// Something that happens to an issue.
#[derive(Debug, Clone, Copy)]
pub(super) enum IssueStep {
    Comment,
    Close,
    Reopen,
}

impl World {
    /// An issue, where the repository has them.
    pub(super) fn live_open_issue(&mut self, repo: RepoId, life: &mut Life) -> Vec<(f64, Step)> {
        if !self.repo(repo).is_some_and(|repo| repo.issues_enabled) {
            return Vec::new();
        }
        let title = words::title(&mut life.random);
        let author = life.someone();
        let number = self.open_issue(repo, author, &title);
        let end = life.around(40.0 * HOUR);
        let mut plans = Vec::new();
        for _ in 0..life.random.random_range(0..=4) {
            plans.push((
                life.random.random_range(0.0..=end),
                Step::Issue(number, IssueStep::Comment),
            ));
        }
        if life.random.random_bool(0.8) {
            plans.push((end, Step::Issue(number, IssueStep::Close)));
        }
        plans
    }

    /// One thing that happens to an issue, if it still can.
    pub(super) fn live_issue(
        &mut self,
        repo: RepoId,
        number: u64,
        step: IssueStep,
        life: &mut Life,
    ) -> Vec<(f64, Step)> {
        let Some(issue) = self.repo(repo).and_then(|repo| repo.issues.get(&number)) else {
            return Vec::new();
        };
        let (open, who) = (issue.is_open(), life.someone());
        match step {
            IssueStep::Comment => {
                let remark = words::remark(&mut life.random);
                self.comment(repo, number, who, remark);
            }
            IssueStep::Close if open => {
                self.close(repo, number, who);
                if life.random.random_bool(0.1) {
                    return vec![(
                        life.around(20.0 * HOUR),
                        Step::Issue(number, IssueStep::Reopen),
                    )];
                }
            }
            IssueStep::Reopen if !open => {
                self.reopen(repo, number, who);
                return vec![(
                    life.around(20.0 * HOUR),
                    Step::Issue(number, IssueStep::Close),
                )];
            }
            _ => {}
        }
        Vec::new()
    }
}
