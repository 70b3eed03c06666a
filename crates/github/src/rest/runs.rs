//! Workflow runs: what a repository's Actions did.
//!
//! The list is asked for by an address that never changes and newest first, so that a list without news costs nothing of
//! the primary quota. A run changes where it stands in the list, long after newer ones came: what is not finished has to
//! be looked at until it is, in the list or by itself ([`RunList::absent`]).

use std::cmp::Reverse;
use std::collections::BTreeMap;

use jiff::Timestamp;
use quota::Lane;
use serde::Deserialize;

use super::{Readable, User, path};
use crate::client::Client;
use crate::error::Error;
use crate::page;
use crate::request::Request;

/// Where a list is narrowed by a time, GitHub shows no more than this. (GitHub's documentation of the list.)
pub const MOST_WITHIN: u64 = 1_000;

/// One run, as of its latest attempt or of the one that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Run {
    /// Its number among all runs of GitHub; all attempts share it.
    pub id: u64,
    /// What its workflow is called.
    #[serde(default)]
    pub name: Option<String>,
    /// The file that defines the workflow, perhaps with a branch behind an `@`.
    #[serde(default)]
    pub path: String,
    /// The workflow's number.
    pub workflow_id: u64,
    /// What set it off: `push`, `pull_request`, …
    #[serde(default)]
    pub event: String,
    /// Counted from 1.
    #[serde(default = "first")]
    pub run_attempt: u64,
    /// `queued`, `in_progress`, `completed`, or a word for waiting.
    #[serde(default)]
    pub status: Option<String>,
    /// How it ended: `success`, `failure`, `cancelled`, … Absent before.
    #[serde(default)]
    pub conclusion: Option<String>,
    /// When it came about; another attempt does not change that.
    pub created_at: Timestamp,
    /// When it was touched last.
    pub updated_at: Timestamp,
    /// When this attempt came about.
    #[serde(default)]
    pub run_started_at: Option<Timestamp>,
    /// Who set off this attempt.
    #[serde(default)]
    pub triggering_actor: Option<User>,
    /// Who set off the run.
    #[serde(default)]
    pub actor: Option<User>,
}

fn first() -> u64 {
    1
}

impl Run {
    /// Whether this attempt has ended.
    pub fn is_finished(&self) -> bool {
        self.status.as_deref() == Some("completed")
    }

    /// A name for the workflow: its own, else its file's, else its number.
    pub fn workflow(&self) -> String {
        let file = self.path.split('@').next().unwrap_or_default();
        let file = file.rsplit('/').next().unwrap_or_default();
        match self.name.as_deref().map(str::trim) {
            Some(name) if !name.is_empty() => name.to_owned(),
            _ if !file.is_empty() => file.to_owned(),
            _ => self.workflow_id.to_string(),
        }
    }

    /// When this attempt came about.
    pub fn started_at(&self) -> Timestamp {
        self.run_started_at.unwrap_or(self.created_at)
    }

    /// Who set off this attempt.
    pub fn by(&self) -> Option<&User> {
        self.triggering_actor.as_ref().or(self.actor.as_ref())
    }
}

/// A repository's runs, the newest first (`GET /repos/{owner}/{repo}/actions/runs`). Read it with [`Client::runs`].
///
/// The pull requests that are open now are left out: they would make old runs change. A page is smaller than those of
/// other lists, since a run is told in some 13 kB, and what may be confirmed later is kept.
pub fn of_repo(owner: &str, name: &str) -> Request {
    Request::get(address(owner, name) + "?exclude_pull_requests=true&per_page=30")
        .named("/repos/{owner}/{repo}/actions/runs")
}

/// The runs that came about from `from` until before `until`, to the second, the newest first, and
/// [no more](RunList::is_cut_short) than [`MOST_WITHIN`] of them. Asked for once, so nothing of it is kept.
pub fn within(owner: &str, name: &str, from: Timestamp, until: Timestamp) -> Request {
    let second = |at: Timestamp| Timestamp::from_second(at.as_second()).unwrap_or(at);
    // GitHub takes in the last second as well.
    let last = Timestamp::from_second(until.as_second() - 1).unwrap_or(until);
    let span = format!("?created={}..{last}", second(from));
    Request::get(address(owner, name) + &span + "&exclude_pull_requests=true&per_page=100")
        .named("/repos/{owner}/{repo}/actions/runs")
        .unconditional()
}

/// One run (`GET /repos/{owner}/{repo}/actions/runs/{run_id}`): a [`Run`].
pub fn run(owner: &str, name: &str, id: u64) -> Request {
    Request::get(format!(
        "{}/{id}?exclude_pull_requests=true",
        address(owner, name)
    ))
    .named("/repos/{owner}/{repo}/actions/runs/{run_id}")
}

/// One run as it was by one of its attempts
/// (`GET /repos/{owner}/{repo}/actions/runs/{run_id}/attempts/{attempt_number}`): a [`Run`].
pub fn attempt(owner: &str, name: &str, id: u64, attempt: u64) -> Request {
    Request::get(format!(
        "{}/{id}/attempts/{attempt}?exclude_pull_requests=true",
        address(owner, name)
    ))
    .named("/repos/{owner}/{repo}/actions/runs/{run_id}/attempts/{attempt_number}")
}

fn address(owner: &str, name: &str) -> String {
    path(&["repos", owner, name, "actions", "runs"])
}

/// What a reading of a list of runs gave.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RunList {
    /// Every run once, the newest first.
    pub runs: Vec<Run>,
    /// Runs that could not be read.
    pub unreadable: u64,
    /// How many runs GitHub says there are.
    pub total: u64,
    /// Whether the list ended before that many were met: it was narrowed to more than [`MOST_WITHIN`], and the window has
    /// to be cut; or some were deleted meanwhile.
    pub is_cut_short: bool,
}

impl RunList {
    /// The runs that have not ended. They have to be looked at again.
    pub fn unfinished(&self) -> impl Iterator<Item = &Run> {
        self.runs.iter().filter(|run| !run.is_finished())
    }

    /// Which of these runs, not finished when they were seen last, were not met here: each has to be asked for
    /// [by itself](run).
    pub fn absent(&self, unfinished: impl IntoIterator<Item = u64>) -> Vec<u64> {
        let met = |id: &u64| self.runs.iter().any(|run| run.id == *id);
        let unfinished = unfinished.into_iter();
        unfinished.filter(|id| !met(id)).collect()
    }
}

#[derive(Debug, Deserialize)]
struct RunPage {
    total_count: u64,
    workflow_runs: Readable<Run>,
}

impl Client {
    /// Reads a list of runs from `first` on, page by page, until a page ends in a run that came about before `since`; the
    /// whole list without one. Runs of the last page that are older are among the result.
    ///
    /// # Errors
    /// As [`Client::send`]; `is_not_found` where the repository has no Actions.
    pub async fn runs(
        &self,
        lane: Lane,
        first: Request,
        since: Option<Timestamp>,
    ) -> Result<RunList, Error> {
        let (mut met, mut list) = (BTreeMap::new(), RunList::default());
        let mut is_read = false;
        page::read(self, lane, first, |response| {
            let page: RunPage = response.json()?;
            list.total = page.total_count;
            list.unreadable += page.workflow_runs.unreadable;
            let oldest = page.workflow_runs.items.last().map(|run| run.created_at);
            met.extend(
                page.workflow_runs
                    .items
                    .into_iter()
                    .map(|run| (run.id, run)),
            );
            is_read |= oldest
                .zip(since)
                .is_some_and(|(oldest, since)| oldest < since);
            Ok(is_read)
        })
        .await?;
        list.runs = met.into_values().collect();
        let newest_first = |run: &Run| Reverse((run.created_at, run.id));
        list.runs.sort_by_key(newest_first);
        let seen = list.runs.len() as u64 + list.unreadable;
        list.is_cut_short = !is_read && seen < list.total;
        Ok(list)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run_of(json: &str) -> Run {
        let json = format!(
            r#"{{"id":7,"workflow_id":3,"created_at":"2025-06-01T12:00:00Z","updated_at":"2025-06-01T12:00:00Z"{json}}}"#
        );
        serde_json::from_str(&json).unwrap()
    }

    #[test]
    fn a_workflow_has_a_name_whatever_github_says_of_it() {
        let path = r#","path":".github/workflows/ci.yml@main""#;
        assert_eq!(run_of(&format!(r#","name":"CI"{path}"#)).workflow(), "CI");
        assert_eq!(
            run_of(&format!(r#","name":" "{path}"#)).workflow(),
            "ci.yml"
        );
        assert_eq!(run_of(path).workflow(), "ci.yml");
        assert_eq!(run_of(r#","name":null"#).workflow(), "3");
    }

    #[test]
    fn only_what_is_completed_is_finished() {
        for (status, finished) in [
            ("queued", false),
            ("in_progress", false),
            ("waiting", false),
            ("completed", true),
        ] {
            let run = run_of(&format!(r#","status":"{status}""#));
            assert_eq!(run.is_finished(), finished, "{status}");
        }
        assert!(!run_of("").is_finished());
        assert_eq!(run_of("").run_attempt, 1);
    }

    #[test]
    fn a_window_is_half_open_and_in_whole_seconds() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let request = within(
            "a",
            "b",
            at("2025-06-01T12:00:00.5Z"),
            at("2025-06-01T13:00:00Z"),
        );
        assert!(
            format!("{request:?}").contains("?created=2025-06-01T12:00:00Z..2025-06-01T12:59:59Z&")
        );
    }
}
