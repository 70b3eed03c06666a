//! Pull requests: the list, and one.

use serde_json::{Value, json};

use super::page::Page;
use super::reply::Reply;
use super::{Routed, Scene, opt_time, sort_by, time};
use crate::world::{Pull, Repo};

impl Scene<'_> {
    /// `GET /repos/{owner}/{repo}/pulls`
    pub(super) fn pulls(&self, repo: &Repo) -> Routed {
        let query = &self.call.query;
        let refuse = |field: &str| Reply::invalid("PullRequest", field);
        let state = query
            .one_of("state", &["open", "closed", "all"])
            .map_err(refuse)?;
        let sort = query
            .one_of(
                "sort",
                &["created", "updated", "popularity", "long-running"],
            )
            .map_err(refuse)?;
        // Documented: descending if nothing is said of the order or it is by creation, else ascending.
        let default = if sort == "created" { "desc" } else { "asc" };
        let other = if sort == "created" { "asc" } else { "desc" };
        let desc = query
            .one_of("direction", &[default, other])
            .map_err(refuse)?
            == "desc";
        let owner = self
            .world
            .account(repo.owner)
            .map_or("", |account| account.login.as_str());
        let mut pulls: Vec<&Pull> = repo
            .pulls
            .values()
            .filter(|pull| state == "all" || pull.is_open() == (state == "open"))
            .filter(|pull| query.get("base").is_none_or(|base| base == pull.base))
            .filter(|pull| {
                query
                    .get("head")
                    .is_none_or(|head| head == format!("{owner}:{}", pull.head))
            })
            .collect();
        match sort {
            "updated" => sort_by(&mut pulls, desc, |pull| {
                (pull.issue.updated_at, pull.number())
            }),
            "popularity" => sort_by(&mut pulls, desc, |pull| {
                (self.conversation(repo, pull.number()), pull.number())
            }),
            _ => sort_by(&mut pulls, desc, |pull| {
                (pull.issue.created_at, pull.number())
            }),
        }
        let shown_repo = self.show_repo(repo);
        let address = format!("/repositories/{}/pulls", repo.id);
        let show = |pull: &&Pull| self.show_pull(repo, &shown_repo, pull);
        Ok(Page::of(self.call).answer(self.call, &address, &pulls, show))
    }

    /// `GET /repos/{owner}/{repo}/pulls/{pull_number}`
    pub(super) fn pull(&self, repo: &Repo, number: &str) -> Routed {
        let pull = self.pull_numbered(repo, number)?;
        let mut body = self.show_pull(repo, &self.show_repo(repo), pull);
        let more = json!({
            "merged": pull.merged.is_some(),
            "mergeable": if pull.is_open() { json!(true) } else { Value::Null },
            "rebaseable": if pull.is_open() { json!(true) } else { Value::Null },
            "mergeable_state": if pull.is_open() { "clean" } else { "unknown" },
            "merged_by": self.simple_user(pull.merged.as_ref().and_then(|merge| merge.by)),
            "comments": self.conversation(repo, pull.number()),
            "review_comments": repo.diff_comments.values().filter(|comment| comment.number == pull.number()).count(),
            "maintainer_can_modify": false,
            "commits": pull.commits.len(),
            "additions": pull.additions,
            "deletions": pull.deletions,
            "changed_files": pull.changed_files,
        });
        if let (Value::Object(body), Value::Object(more)) = (&mut body, more) {
            body.extend(more);
        }
        Ok(Reply::ok(body))
    }

    pub(super) fn pull_numbered<'r>(
        &self,
        repo: &'r Repo,
        number: &str,
    ) -> Result<&'r Pull, Reply> {
        number
            .parse()
            .ok()
            .and_then(|number: u64| repo.pulls.get(&number))
            .ok_or_else(Reply::not_found)
    }

    /// How many conversation comments an issue or pull has.
    pub(super) fn conversation(&self, repo: &Repo, number: u64) -> usize {
        repo.comments
            .values()
            .filter(|comment| comment.number == number)
            .count()
    }

    fn show_pull(&self, repo: &Repo, shown_repo: &Value, pull: &Pull) -> Value {
        let (url, web) = (self.repo_url(repo), self.repo_web(repo));
        let number = pull.number();
        let (here, issue) = (
            format!("{url}/pulls/{number}"),
            format!("{url}/issues/{number}"),
        );
        let html = format!("{web}/pull/{number}");
        let statuses = format!("{url}/statuses/{}", pull.head_oid);
        let owner = self.simple_user(Some(repo.owner));
        let side = |branch: &str, oid: String| {
            json!({
                "label": format!("{}:{branch}", owner["login"].as_str().unwrap_or("ghost")),
                "ref": branch,
                "sha": oid,
                "user": owner,
                "repo": shown_repo,
            })
        };
        let links = json!({
            "self": {"href": here},
            "html": {"href": html},
            "issue": {"href": issue},
            "comments": {"href": format!("{issue}/comments")},
            "review_comments": {"href": format!("{here}/comments")},
            "review_comment": {"href": format!("{url}/pulls/comments{{/number}}")},
            "commits": {"href": format!("{here}/commits")},
            "statuses": {"href": statuses},
        });
        json!({
            "url": here,
            "id": pull.id,
            "node_id": pull.node_id(repo.id),
            "html_url": html,
            "diff_url": format!("{html}.diff"),
            "patch_url": format!("{html}.patch"),
            "issue_url": issue,
            "number": number,
            "state": if pull.is_open() { "open" } else { "closed" },
            "locked": false,
            "title": pull.issue.title,
            "user": self.simple_user(pull.issue.author),
            "body": pull.issue.body,
            "created_at": time(pull.issue.created_at),
            "updated_at": time(pull.issue.updated_at),
            "closed_at": opt_time(pull.issue.closed_at),
            "merged_at": opt_time(pull.merged.as_ref().map(|merge| merge.at)),
            "merge_commit_sha": pull.merged.as_ref().map(|merge| merge.commit.to_string()),
            "assignee": null,
            "assignees": [],
            "requested_reviewers": [],
            "requested_teams": [],
            "labels": self.show_labels(repo, &pull.issue.labels),
            "milestone": null,
            "draft": pull.draft,
            "commits_url": format!("{here}/commits"),
            "review_comments_url": format!("{here}/comments"),
            "review_comment_url": format!("{url}/pulls/comments{{/number}}"),
            "comments_url": format!("{issue}/comments"),
            "statuses_url": statuses,
            "head": side(&pull.head, pull.head_oid.to_string()),
            "base": side(&pull.base, pull.base_oid.to_string()),
            "_links": links,
            "author_association": self.association(repo, pull.issue.author),
            "auto_merge": null,
            "active_lock_reason": null,
        })
    }
}
