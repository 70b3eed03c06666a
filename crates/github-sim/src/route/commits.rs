//! Commits: the history of a branch, and one commit.

use std::sync::Arc;

use serde_json::{Value, json};

use super::page::Page;
use super::reply::Reply;
use super::{Routed, Scene, time};
use crate::world::{Commit, Identity, Oid, Repo, Signature};

/// Documented: a commit shows its first 300 files on a page.
const FILES: u64 = 300;

impl Scene<'_> {
    /// `GET /repos/{owner}/{repo}/commits`: what is reachable from a branch or commit, in git's order. `since` and
    /// `until` look at the committer's time.
    pub(super) fn commits(&self, repo: &Repo) -> Routed {
        let query = &self.call.query;
        let refuse = |field: &str| Reply::invalid("Commit", field);
        if repo.is_empty() && repo.branches.is_empty() {
            return Err(Reply::error(409, "Git Repository is empty."));
        }
        // Files are counted here, not named: a list by path would be a lie.
        if query.get("path").is_some_and(|path| !path.is_empty()) {
            return Err(refuse("path"));
        }
        let head = self.resolve(repo, query.get("sha").filter(|sha| !sha.is_empty()));
        let head = head.ok_or_else(Reply::not_found)?;
        let (since, until) = (
            query.time("since").map_err(refuse)?,
            query.time("until").map_err(refuse)?,
        );
        let history = repo.history(head);
        let is_by = |who: &Identity, wanted: &str| {
            let login = who
                .user
                .and_then(|id| self.world.account(id))
                .map(crate::world::Account::rest_login);
            who.email.eq_ignore_ascii_case(wanted)
                || login.is_some_and(|login| login.eq_ignore_ascii_case(wanted))
        };
        let fits = |commit: &Commit| {
            let at = commit.committer.at;
            since.is_none_or(|since| at >= since)
                && until.is_none_or(|until| at <= until)
                && query
                    .get("author")
                    .is_none_or(|wanted| is_by(&commit.author.who, wanted))
                && query
                    .get("committer")
                    .is_none_or(|wanted| is_by(&commit.committer.who, wanted))
        };
        let commits: Vec<&Arc<Commit>> = history
            .commits()
            .iter()
            .filter(|commit| fits(commit))
            .collect();
        let address = format!("/repositories/{}/commits", repo.id);
        Ok(
            Page::of(self.call).answer(self.call, &address, &commits, |commit| {
                self.show_commit(repo, commit)
            }),
        )
    }

    /// `GET /repos/{owner}/{repo}/commits/{ref}`
    pub(super) fn commit(&self, repo: &Repo, reference: &str) -> Routed {
        let commit = self
            .resolve(repo, Some(reference))
            .and_then(|oid| repo.commit(&oid))
            .ok_or_else(|| Reply::error(422, &format!("No commit found for SHA: {reference}")))?;
        let mut body = self.show_commit(repo, commit);
        body["stats"] = json!({
            "total": commit.additions + commit.deletions,
            "additions": commit.additions,
            "deletions": commit.deletions,
        });
        body["files"] = files(&self.repo_web(repo), &self.repo_url(repo), commit);
        Ok(Reply::ok(body))
    }

    /// The commit that a branch's name, a commit's id or `HEAD` stands for; the default branch for nothing.
    pub(super) fn resolve(&self, repo: &Repo, reference: Option<&str>) -> Option<Oid> {
        let Some(reference) = reference.filter(|name| *name != "HEAD") else {
            return repo.head();
        };
        let name = reference
            .strip_prefix("refs/heads/")
            .or_else(|| reference.strip_prefix("heads/"))
            .unwrap_or(reference);
        if let Some(tip) = repo.branches.get(name) {
            return Some(*tip);
        }
        reference
            .parse()
            .ok()
            .filter(|oid| repo.commit(oid).is_some())
    }

    pub(super) fn show_commit(&self, repo: &Repo, commit: &Commit) -> Value {
        let (url, web) = (self.repo_url(repo), self.repo_web(repo));
        let oid = commit.oid;
        let parents: Vec<Value> = commit
            .parents
            .iter()
            .map(|parent| {
                json!({
                    "sha": parent.to_string(),
                    "url": format!("{url}/commits/{parent}"),
                    "html_url": format!("{web}/commit/{parent}"),
                })
            })
            .collect();
        json!({
            "sha": oid.to_string(),
            "node_id": crate::world::node::commit(repo.id, &oid.to_string()),
            "commit": {
                "author": signature(&commit.author),
                "committer": signature(&commit.committer),
                "message": commit.message,
                "tree": {"sha": oid.to_string(), "url": format!("{url}/git/trees/{oid}")},
                "url": format!("{url}/git/commits/{oid}"),
                "comment_count": 0,
                "verification": {
                    "verified": false,
                    "reason": "unsigned",
                    "signature": null,
                    "payload": null,
                    "verified_at": null,
                },
            },
            "url": format!("{url}/commits/{oid}"),
            "html_url": format!("{web}/commit/{oid}"),
            "comments_url": format!("{url}/commits/{oid}/comments"),
            "author": self.simple_user(commit.author.who.user),
            "committer": self.simple_user(commit.committer.who.user),
            "parents": parents,
        })
    }
}

fn signature(signature: &Signature) -> Value {
    json!({"name": signature.who.name, "email": signature.who.email, "date": time(signature.at)})
}

/// The files of a commit. How many there are and what they sum up to is true; their names and shares are made up.
fn files(web: &str, url: &str, commit: &Commit) -> Value {
    let count = commit.changed_files;
    let share = |total: u64, n: u64| total / count + u64::from(n < total % count);
    let show = |n: u64| {
        let (added, removed) = (share(commit.additions, n), share(commit.deletions, n));
        let name = format!("file-{n}");
        json!({
            "sha": commit.oid.to_string(),
            "filename": name,
            "status": "modified",
            "additions": added,
            "deletions": removed,
            "changes": added + removed,
            "blob_url": format!("{web}/blob/{}/{name}", commit.oid),
            "raw_url": format!("{web}/raw/{}/{name}", commit.oid),
            "contents_url": format!("{url}/contents/{name}?ref={}", commit.oid),
        })
    };
    (0..count.min(FILES)).map(show).collect()
}
