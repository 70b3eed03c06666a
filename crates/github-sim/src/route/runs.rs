//! Workflow runs of a repository, and one of them.

use std::ops::RangeInclusive;

use jiff::civil::Date;
use jiff::tz::Offset;
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

use super::issues::seconds;
use super::page::Page;
use super::reply::Reply;
use super::{Routed, Scene, time};
use crate::world::run::{Attempt, Run};
use crate::world::{Pull, Repo, node};

/// Documented: where the list is filtered, it ends after so many.
const MOST_FILTERED: usize = 1_000;

/// Documented: the words that `status` takes.
const STATUSES: [&str; 15] = [
    "",
    "completed",
    "action_required",
    "cancelled",
    "failure",
    "neutral",
    "skipped",
    "stale",
    "success",
    "timed_out",
    "in_progress",
    "queued",
    "requested",
    "waiting",
    "pending",
];

impl<'a> Scene<'a> {
    /// `GET /repos/{owner}/{repo}/actions/runs`: the newest first. Assumed: `total_count` counts what is beyond the last
    /// page of a filtered list as well.
    pub(super) fn runs(&self, repo: &Repo) -> Routed {
        has_actions(repo)?;
        let query = &self.call.query;
        let refuse = |field: &str| Reply::invalid("WorkflowRun", field);
        let status = query.one_of("status", &STATUSES).map_err(refuse)?;
        let created = query.get("created").filter(|created| !created.is_empty());
        let span = match created.map(span) {
            Some(None) => return Err(refuse("created")),
            Some(Some(span)) => span,
            None => i64::MIN..=i64::MAX,
        };
        let asked = |name| query.get(name).filter(|value| !value.is_empty());
        let is_by = |run: &Run, wanted: &str| {
            let actor = run.actor.and_then(|id| self.world.account(id));
            actor.is_some_and(|actor| actor.rest_login().eq_ignore_ascii_case(wanted))
        };
        let fits = |run: &Run| {
            span.contains(&seconds(run.created_at))
                && (status.is_empty() || self.state(run.latest()).contains(&Some(status)))
                && asked("event").is_none_or(|event| run.trigger.as_str() == event)
                && asked("branch").is_none_or(|branch| run.branch == branch)
                && asked("head_sha").is_none_or(|sha| run.head.to_string() == sha)
                && asked("actor").is_none_or(|actor| is_by(run, actor))
        };
        let runs: Vec<&Run> = repo.runs.values().rev().filter(|run| fits(run)).collect();
        let is_filtered = ["actor", "branch", "created", "event", "head_sha", "status"]
            .iter()
            .any(|name| asked(name).is_some());
        let most = if is_filtered {
            MOST_FILTERED
        } else {
            usize::MAX
        };
        let listed = &runs[..runs.len().min(most)];
        let page = Page::of(self.call);
        let shown: Vec<Value> = page
            .cut(listed)
            .iter()
            .map(|run| self.show_run(repo, run, run.attempts.len()))
            .collect();
        let address = format!("/repositories/{}/actions/runs", repo.id);
        let reply = Reply::ok(json!({"total_count": runs.len(), "workflow_runs": shown}));
        Ok(page.link(self.call, &address, listed.len(), reply))
    }

    /// `GET /repos/{owner}/{repo}/actions/runs/{run_id}`
    pub(super) fn run(&self, repo: &Repo, id: &str) -> Routed {
        let run = self.run_of(repo, id)?;
        Ok(Reply::ok(self.show_run(repo, run, run.attempts.len())))
    }

    /// `GET /repos/{owner}/{repo}/actions/runs/{run_id}/attempts/{attempt_number}`: the run as it was by that attempt.
    pub(super) fn run_attempt(&self, repo: &Repo, id: &str, attempt: &str) -> Routed {
        let run = self.run_of(repo, id)?;
        let number = attempt_of(run, attempt)?;
        Ok(Reply::ok(self.show_run(repo, run, number)))
    }

    /// The run with this id.
    pub(super) fn run_of<'r>(&self, repo: &'r Repo, id: &str) -> Result<&'r Run, Reply> {
        has_actions(repo)?;
        let id: u64 = id.parse().map_err(|_no_number| Reply::not_found())?;
        repo.runs.get(&id).ok_or_else(Reply::not_found)
    }

    /// `status` and `conclusion` of an attempt.
    fn state(&self, attempt: &Attempt) -> [Option<&'static str>; 2] {
        [
            Some(attempt.status().as_str()),
            attempt.conclusion().map(crate::world::Conclusion::as_str),
        ]
    }

    /// A run as of one of its attempts, counted from 1.
    fn show_run(&self, repo: &Repo, run: &Run, number: usize) -> Value {
        let url = format!("{}/actions", self.repo_url(repo));
        let here = format!("{url}/runs/{}", run.id);
        let workflow = repo.workflows.get(&run.workflow);
        let attempt = &run.attempts[number - 1];
        let ends = attempt.jobs.iter().filter_map(|job| job.ended);
        let updated_at = match ends.map(|(at, _)| at).max() {
            Some(ended) if number < run.attempts.len() => ended,
            _ => run.updated_at,
        };
        let [status, conclusion] = self.state(attempt);
        let head = repo.commit(&run.head);
        // GitHub names suites apart; here every run has one, with its own number.
        let suite = run.id + 1_000_000_000;
        let mut body = json!({
            "id": run.id,
            "name": workflow.map(|workflow| &workflow.name),
            "node_id": run.node_id(repo.id),
            "head_branch": run.branch,
            "head_sha": run.head.to_string(),
            "path": workflow.map_or("", |workflow| &workflow.path),
            "display_title": head.map_or("", |head| head.message.lines().next().unwrap_or_default()),
            "run_number": run.number,
            "event": run.trigger.as_str(),
            "status": status,
            "conclusion": conclusion,
            "workflow_id": run.workflow,
            "check_suite_id": suite,
            "check_suite_node_id": node::within("CS", repo.id, suite),
            "url": here,
            "html_url": format!("{}/actions/runs/{}", self.repo_web(repo), run.id),
            "pull_requests": self.pulls_of(repo, run),
            "created_at": time(run.created_at),
            "updated_at": time(updated_at),
            "actor": self.somebody(run.actor),
            "run_attempt": number,
            "referenced_workflows": [],
            "run_started_at": time(attempt.started_at),
            "triggering_actor": self.somebody(attempt.actor),
        });
        let rest = json!({
            "jobs_url": format!("{here}/jobs"),
            "logs_url": format!("{here}/logs"),
            "check_suite_url": format!("{}/check-suites/{suite}", self.repo_url(repo)),
            "artifacts_url": format!("{here}/artifacts"),
            "cancel_url": format!("{here}/cancel"),
            "rerun_url": format!("{here}/rerun"),
            "previous_attempt_url": (number > 1).then(|| format!("{here}/attempts/{}", number - 1)),
            "workflow_url": format!("{url}/workflows/{}", run.workflow),
            "head_commit": head.map(|head| json!({
                "id": run.head.to_string(),
                "tree_id": run.head.to_string(),
                "message": head.message,
                "timestamp": time(head.committer.at),
                "author": {"name": head.author.who.name, "email": head.author.who.email},
                "committer": {"name": head.committer.who.name, "email": head.committer.who.email},
            })),
            "repository": self.brief_repo(repo),
            "head_repository": self.brief_repo(repo),
        });
        if let (Value::Object(body), Value::Object(rest)) = (&mut body, rest) {
            body.extend(rest);
        }
        body
    }

    /// Documented: the open pull requests from the run's branch, unless the caller does not want them.
    fn pulls_of(&self, repo: &Repo, run: &Run) -> Value {
        if self.call.query.get("exclude_pull_requests") == Some("true") {
            return json!([]);
        }
        let brief = json!({"id": repo.id, "url": self.repo_url(repo), "name": repo.name});
        let show = |pull: &Pull| {
            json!({
                "url": format!("{}/pulls/{}", self.repo_url(repo), pull.number()),
                "id": pull.id,
                "number": pull.number(),
                "head": {"ref": pull.head, "sha": run.head.to_string(), "repo": brief},
                "base": {"ref": pull.base, "sha": pull.base_oid.to_string(), "repo": brief},
            })
        };
        repo.open_pulls()
            .filter_map(|number| repo.pulls.get(&number))
            .filter(|pull| pull.head == run.branch)
            .map(show)
            .collect()
    }
}

/// The number of an attempt that there is.
pub(super) fn attempt_of(run: &Run, number: &str) -> Result<usize, Reply> {
    let number: usize = number.parse().map_err(|_no_number| Reply::not_found())?;
    let is_there = (1..=run.attempts.len()).contains(&number);
    is_there.then_some(number).ok_or_else(Reply::not_found)
}

/// Assumed: where Actions are switched off, nothing of them can be found.
fn has_actions(repo: &Repo) -> Result<(), Reply> {
    if repo.actions_enabled {
        Ok(())
    } else {
        Err(Reply::not_found())
    }
}

/// The seconds that a search's date names: a time or a day, one with a comparison before it, or two with dots between
/// them, of which `*` is none.
fn span(text: &str) -> Option<RangeInclusive<i64>> {
    if let Some((from, until)) = text.split_once("..") {
        let from = if from == "*" {
            i64::MIN
        } else {
            *instants(from)?.start()
        };
        let until = if until == "*" {
            i64::MAX
        } else {
            *instants(until)?.end()
        };
        return Some(from..=until);
    }
    for (comparison, bound) in [(">=", 0), ("<=", 1), (">", 2), ("<", 3)] {
        if let Some(rest) = text.strip_prefix(comparison) {
            let at = instants(rest)?;
            return Some(match bound {
                0 => *at.start()..=i64::MAX,
                1 => i64::MIN..=*at.end(),
                2 => at.end() + 1..=i64::MAX,
                _ => i64::MIN..=at.start() - 1,
            });
        }
    }
    instants(text)
}

/// The seconds of a day, or the one second of a time.
fn instants(text: &str) -> Option<RangeInclusive<i64>> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(seconds(at)..=seconds(at));
    }
    // A time is no day: it was read above, or has no offset.
    let day: Date = (text.len() == 10).then(|| text.parse().ok()).flatten()?;
    let begin = |day: Date| Offset::UTC.to_timestamp(day.at(0, 0, 0, 0)).ok();
    let next = day.checked_add(1.day()).ok()?;
    Some(seconds(begin(day)?)..=seconds(begin(next)?) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_read_as_searches_write_it() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap().as_second();
        let (day, next) = (at("2025-06-01T00:00:00Z"), at("2025-06-02T00:00:00Z"));
        for (text, expected) in [
            ("2025-06-01", day..=next - 1),
            (">=2025-06-01", day..=i64::MAX),
            (">2025-06-01", next..=i64::MAX),
            ("<2025-06-01", i64::MIN..=day - 1),
            ("<=2025-06-01", i64::MIN..=next - 1),
            ("2025-06-01..2025-06-01", day..=next - 1),
            ("*..2025-06-01T00:00:00Z", i64::MIN..=day),
            ("2025-06-01T02:00:00+02:00..*", day..=i64::MAX),
        ] {
            assert_eq!(span(text), Some(expected), "{text}");
        }
        for text in ["", "yesterday", ">=", "..", "2025-06-01T00:00:00"] {
            assert_eq!(span(text), None, "{text}");
        }
    }
}
