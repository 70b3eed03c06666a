//! The truth's totals, for a person or a test that only wants to compare sums.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::Truth;

/// Totals over all repositories.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// The instant.
    pub now: Timestamp,
    /// Repositories.
    pub repos: u64,
    /// Commits on default branches.
    pub commits: u64,
    /// Lines that they added; merges count nothing.
    pub additions: u64,
    /// Lines that they removed; merges count nothing.
    pub deletions: u64,
    /// Pull requests.
    pub pulls: u64,
    /// Merged ones.
    pub merged: u64,
    /// Open ones.
    pub open_pulls: u64,
    /// Reviews.
    pub reviews: u64,
    /// Comments that exist, by `issue`, `pull` and `diff`.
    pub comments: BTreeMap<&'static str, u64>,
    /// Issues.
    pub issues: u64,
    /// Open ones.
    pub open_issues: u64,
    /// Closes of issues, and of pulls without a merge.
    pub closes: BTreeMap<&'static str, u64>,
    /// Workflow runs, by the status or conclusion of their latest attempt.
    pub runs: BTreeMap<&'static str, u64>,
    /// Jobs that ended, of all attempts.
    pub jobs: u64,
    /// Published releases.
    pub releases: u64,
    /// The authors of the commits, by how they count.
    pub authors: BTreeMap<String, AuthorTotal>,
}

/// What one author did on default branches.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct AuthorTotal {
    /// Commits.
    pub commits: u64,
    /// Lines added.
    pub additions: u64,
    /// Lines removed.
    pub deletions: u64,
}

impl Summary {
    pub(super) fn of(truth: &Truth) -> Summary {
        let mut summary = Summary {
            now: truth.now,
            repos: 0,
            commits: 0,
            additions: 0,
            deletions: 0,
            pulls: 0,
            merged: 0,
            open_pulls: 0,
            reviews: 0,
            comments: BTreeMap::new(),
            issues: 0,
            open_issues: 0,
            closes: BTreeMap::new(),
            runs: BTreeMap::new(),
            jobs: 0,
            releases: 0,
            authors: BTreeMap::new(),
        };
        for repo in &truth.repos {
            summary.repos += 1;
            for commit in &repo.commits {
                summary.commits += 1;
                summary.additions += commit.additions;
                summary.deletions += commit.deletions;
                if !summary.authors.contains_key(&commit.author) {
                    summary
                        .authors
                        .insert(commit.author.clone(), AuthorTotal::default());
                }
                let author = summary
                    .authors
                    .get_mut(&commit.author)
                    .expect("it was just put there");
                author.commits += 1;
                author.additions += commit.additions;
                author.deletions += commit.deletions;
            }
            for pull in &repo.pulls {
                summary.pulls += 1;
                summary.merged += u64::from(pull.state == "MERGED");
                summary.open_pulls += u64::from(pull.state == "OPEN");
            }
            summary.reviews += count(&repo.reviews);
            for comment in &repo.comments {
                *summary.comments.entry(comment.on).or_default() += 1;
            }
            summary.issues += count(&repo.issues);
            summary.open_issues +=
                count(repo.issues.iter().filter(|issue| issue.closed_at.is_none()));
            for run in &repo.runs {
                if let Some(latest) = run.attempts.last() {
                    let state = latest.conclusion.unwrap_or(latest.status);
                    *summary.runs.entry(state).or_default() += 1;
                }
                let jobs = run.attempts.iter().flat_map(|attempt| &attempt.jobs);
                summary.jobs += count(jobs.filter(|job| job.conclusion.is_some()));
            }
            summary.releases += count(
                repo.releases
                    .iter()
                    .filter(|release| release.published_at.is_some()),
            );
            for close in repo.closes.iter().filter(|close| !close.merged) {
                *summary.closes.entry(close.item).or_default() += 1;
            }
        }
        summary
    }
}

fn count(items: impl IntoIterator) -> u64 {
    u64::try_from(items.into_iter().count()).expect("a count fits in 64 bits")
}
