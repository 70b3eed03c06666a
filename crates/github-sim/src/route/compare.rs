//! What lies between two commits.

use std::sync::Arc;

use serde_json::{Value, json};

use super::page::Page;
use super::reply::Reply;
use super::{Routed, Scene};
use crate::world::{Commit, Repo};

/// Documented: without a page the first 250 commits.
const UNPAGED: usize = 250;

impl Scene<'_> {
    /// `GET /repos/{owner}/{repo}/compare/{basehead}`
    pub(super) fn compare(&self, repo: &Repo, range: &str) -> Routed {
        let missing = || Reply::not_found();
        let (base, head) = range.split_once("...").ok_or_else(missing)?;
        let find = |name| {
            self.resolve(repo, Some(name))
                .and_then(|oid| repo.commit(&oid))
        };
        let (base_commit, head_commit) = (
            find(base).ok_or_else(missing)?,
            find(head).ok_or_else(missing)?,
        );
        let (behind, ahead) = (repo.history(base_commit.oid), repo.history(head_commit.oid));
        let common = ahead
            .commits()
            .iter()
            .find(|commit| behind.contains(&commit.oid));
        let common = common.ok_or_else(|| {
            let message = format!("No common ancestor between {base} and {head}.");
            Reply::error(404, &message)
        })?;
        // Documented: in chronological order.
        let mut commits: Vec<&Arc<Commit>> = ahead
            .commits()
            .iter()
            .filter(|commit| !behind.contains(&commit.oid))
            .collect();
        commits.reverse();
        let behind_by = behind
            .commits()
            .iter()
            .filter(|commit| !ahead.contains(&commit.oid))
            .count();
        let status = match (commits.len(), behind_by) {
            (0, 0) => "identical",
            (_, 0) => "ahead",
            (0, _) => "behind",
            _ => "diverged",
        };
        let is_paged =
            self.call.query.get("page").is_some() || self.call.query.get("per_page").is_some();
        let page = Page::of(self.call);
        let shown = if is_paged {
            page.cut(&commits)
        } else {
            &commits[..commits.len().min(UNPAGED)]
        };
        let (url, web) = (self.repo_url(repo), self.repo_web(repo));
        let exact = format!("{}...{}", base_commit.oid, head_commit.oid);
        let body = json!({
            "url": format!("{url}/compare/{range}"),
            "html_url": format!("{web}/compare/{range}"),
            "permalink_url": format!("{web}/compare/{exact}"),
            "diff_url": format!("{web}/compare/{range}.diff"),
            "patch_url": format!("{web}/compare/{range}.patch"),
            "base_commit": self.show_commit(repo, base_commit),
            "merge_base_commit": self.show_commit(repo, common),
            "status": status,
            "ahead_by": commits.len(),
            "behind_by": behind_by,
            "total_commits": commits.len(),
            "commits": shown.iter().map(|commit| self.show_commit(repo, commit)).collect::<Vec<Value>>(),
            "files": [],
        });
        let reply = Reply::ok(body);
        let address = format!("/repositories/{}/compare/{range}", repo.id);
        let reply = if is_paged {
            page.link(self.call, &address, commits.len(), reply)
        } else {
            reply
        };
        Ok(reply)
    }
}
