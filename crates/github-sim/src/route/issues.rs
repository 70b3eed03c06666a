//! Issues: the list (with the pull requests, as GitHub has it), and one.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::page::Page;
use super::reply::Reply;
use super::{Routed, Scene, opt_time, sort_by, time};
use crate::world::{Issue, Pull, Repo};

/// An issue, or the issue behind a pull request.
#[derive(Clone, Copy)]
struct Item<'a> {
    issue: &'a Issue,
    pull: Option<&'a Pull>,
}

impl Scene<'_> {
    /// `GET /repos/{owner}/{repo}/issues`. Documented: pull requests are in this list, too, and it is 410 where
    /// issues are off.
    pub(super) fn issues(&self, repo: &Repo) -> Routed {
        let query = &self.call.query;
        let refuse = |field: &str| Reply::invalid("Issue", field);
        if !repo.issues_enabled {
            return Err(disabled());
        }
        let state = query
            .one_of("state", &["open", "closed", "all"])
            .map_err(refuse)?;
        let sort = query
            .one_of("sort", &["created", "updated", "comments"])
            .map_err(refuse)?;
        let desc = query
            .one_of("direction", &["desc", "asc"])
            .map_err(refuse)?
            == "desc";
        let since = query.time("since").map_err(refuse)?;
        let creator = query
            .get("creator")
            .map(|login| self.world.account_named(login).map(|account| account.id));
        let labels: Vec<&str> = query
            .get("labels")
            .unwrap_or_default()
            .split(',')
            .filter(|label| !label.is_empty())
            .collect();
        let issues = repo.issues.values().map(|issue| Item { issue, pull: None });
        let pulls = repo.pulls.values().map(|pull| Item {
            issue: &pull.issue,
            pull: Some(pull),
        });
        let mut items: Vec<Item<'_>> = issues
            .chain(pulls)
            .filter(|item| state == "all" || item.issue.is_open() == (state == "open"))
            .filter(|item| {
                since.is_none_or(|since| seconds(item.issue.updated_at) >= seconds(since))
            })
            .filter(|item| {
                creator.is_none_or(|creator| creator.is_some() && item.issue.author == creator)
            })
            .filter(|item| {
                labels
                    .iter()
                    .all(|label| item.issue.labels.iter().any(|has| has == label))
            })
            .collect();
        match sort {
            "updated" => sort_by(&mut items, desc, |item| {
                (item.issue.updated_at, item.issue.number)
            }),
            "comments" => sort_by(&mut items, desc, |item| {
                (
                    self.conversation(repo, item.issue.number),
                    item.issue.number,
                )
            }),
            _ => sort_by(&mut items, desc, |item| {
                (item.issue.created_at, item.issue.number)
            }),
        }
        let address = format!("/repositories/{}/issues", repo.id);
        Ok(
            Page::of(self.call).answer(self.call, &address, &items, |item| {
                self.show_issue(repo, *item)
            }),
        )
    }

    /// `GET /repos/{owner}/{repo}/issues/{issue_number}`
    pub(super) fn issue(&self, repo: &Repo, number: &str) -> Routed {
        let number = number
            .parse::<u64>()
            .map_err(|_no_number| Reply::not_found())?;
        let item = match (repo.issues.get(&number), repo.pulls.get(&number)) {
            (_, Some(pull)) => Item {
                issue: &pull.issue,
                pull: Some(pull),
            },
            (Some(_), None) if !repo.issues_enabled => {
                return Err(disabled());
            }
            (Some(issue), None) => Item { issue, pull: None },
            (None, None) => return Err(Reply::not_found()),
        };
        let mut body = self.show_issue(repo, item);
        let closer = item.issue.closed_by();
        body["closed_by"] = self.simple_user(closer);
        Ok(Reply::ok(body))
    }

    pub(super) fn show_labels(&self, repo: &Repo, names: &[String]) -> Value {
        let url = self.repo_url(repo);
        names
            .iter()
            .map(|name| {
                // A label has an id of its own at GitHub; here it follows from the name.
                let id = name.bytes().fold(repo.id, |id, byte| {
                    id.wrapping_mul(31).wrapping_add(u64::from(byte))
                }) >> 12;
                json!({
                    "id": id,
                    "node_id": crate::world::node::within("LA", repo.id, id),
                    "url": format!("{url}/labels/{}", name.replace(' ', "%20")),
                    "name": name,
                    "color": "ededed",
                    "default": false,
                    "description": null,
                })
            })
            .collect()
    }

    fn show_issue(&self, repo: &Repo, item: Item<'_>) -> Value {
        let Item { issue, pull } = item;
        let (url, web) = (self.repo_url(repo), self.repo_web(repo));
        let here = format!("{url}/issues/{}", issue.number);
        let html = format!(
            "{web}/{}/{}",
            if pull.is_some() { "pull" } else { "issues" },
            issue.number
        );
        let mut body = json!({
            "url": here,
            "repository_url": url,
            "labels_url": format!("{here}/labels{{/name}}"),
            "comments_url": format!("{here}/comments"),
            "events_url": format!("{here}/events"),
            "html_url": html,
            "id": issue.id,
            // GitHub shows the pull request's own node id here, and the id of the issue behind it.
            "node_id": pull.map_or_else(|| issue.node_id(repo.id), |pull| pull.node_id(repo.id)),
            "number": issue.number,
            "title": issue.title,
            "user": self.simple_user(issue.author),
            "labels": self.show_labels(repo, &issue.labels),
            "state": if issue.is_open() { "open" } else { "closed" },
            "locked": false,
            "assignee": null,
            "assignees": [],
            "milestone": null,
            "comments": self.conversation(repo, issue.number),
            "created_at": time(issue.created_at),
            "updated_at": time(issue.updated_at),
            "closed_at": opt_time(issue.closed_at),
            "author_association": self.association(repo, issue.author),
            "active_lock_reason": null,
            "body": issue.body,
            "reactions": reactions(&here),
            "timeline_url": format!("{here}/timeline"),
            "performed_via_github_app": null,
            "state_reason": if issue.is_open() || pull.is_some() { Value::Null } else { json!("completed") },
        });
        if let Some(pull) = pull {
            body["draft"] = json!(pull.draft);
            body["pull_request"] = json!({
                "url": format!("{url}/pulls/{}", issue.number),
                "html_url": html,
                "diff_url": format!("{html}.diff"),
                "patch_url": format!("{html}.patch"),
                "merged_at": opt_time(pull.merged.as_ref().map(|merge| merge.at)),
            });
        }
        body
    }
}

/// Nobody reacts here.
pub(super) fn reactions(of: &str) -> Value {
    json!({
        "url": format!("{of}/reactions"),
        "total_count": 0,
        "+1": 0,
        "-1": 0,
        "laugh": 0,
        "hooray": 0,
        "confused": 0,
        "heart": 0,
        "rocket": 0,
        "eyes": 0,
    })
}

fn disabled() -> Reply {
    Reply::error(410, "Issues has been disabled in this repository.")
}

/// GitHub compares and shows whole seconds.
pub(super) fn seconds(at: Timestamp) -> i64 {
    at.as_second()
}
