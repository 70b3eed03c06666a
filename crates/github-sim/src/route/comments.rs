//! Conversation comments: of a repository (issues and pull requests in one list), and of one issue or pull request.

use serde_json::{Value, json};

use super::issues::{reactions, seconds};
use super::page::Page;
use super::reply::Reply;
use super::{Routed, Scene, sort_by, time};
use crate::world::{Comment, CommentOn, Repo};

impl Scene<'_> {
    /// `GET /repos/{owner}/{repo}/issues/comments`. Documented: by id, ascending, unless `sort` is given, and only
    /// then does `direction` count; `since` looks at the last change. Assumed: it works where issues are off, for the
    /// pull requests.
    pub(super) fn comments(&self, repo: &Repo) -> Routed {
        let query = &self.call.query;
        let refuse = |field: &str| Reply::invalid("IssueComment", field);
        let sort = query
            .one_of("sort", &["", "created", "updated"])
            .map_err(refuse)?;
        let desc = query
            .one_of("direction", &["asc", "desc"])
            .map_err(refuse)?
            == "desc";
        let since = query.time("since").map_err(refuse)?;
        let mut comments: Vec<&Comment> = repo
            .comments
            .values()
            .filter(|comment| repo.issues_enabled || comment.on == CommentOn::Pull)
            .filter(|comment| {
                since.is_none_or(|since| seconds(comment.updated_at) >= seconds(since))
            })
            .collect();
        match sort {
            "created" => sort_by(&mut comments, desc, |comment| {
                (comment.created_at, comment.id)
            }),
            "updated" => sort_by(&mut comments, desc, |comment| {
                (comment.updated_at, comment.id)
            }),
            _ => {}
        }
        let address = format!("/repositories/{}/issues/comments", repo.id);
        let reply = Page::of(self.call).answer(self.call, &address, &comments, |comment| {
            self.show_comment(repo, comment)
        });
        Ok(reply)
    }

    /// `GET /repos/{owner}/{repo}/issues/{issue_number}/comments`: by id, ascending.
    pub(super) fn comments_of(&self, repo: &Repo, number: &str) -> Routed {
        let refuse = |field: &str| Reply::invalid("IssueComment", field);
        let missing = || Reply::not_found();
        let number: u64 = number.parse().map_err(|_no_number| missing())?;
        if !repo.issues.contains_key(&number) && !repo.pulls.contains_key(&number) {
            return Err(missing());
        }
        let since = self.call.query.time("since").map_err(refuse)?;
        let comments: Vec<&Comment> = repo
            .comments
            .values()
            .filter(|comment| comment.number == number)
            .filter(|comment| {
                since.is_none_or(|since| seconds(comment.updated_at) >= seconds(since))
            })
            .collect();
        let address = format!("/repositories/{}/issues/{number}/comments", repo.id);
        let reply = Page::of(self.call).answer(self.call, &address, &comments, |comment| {
            self.show_comment(repo, comment)
        });
        Ok(reply)
    }

    fn show_comment(&self, repo: &Repo, comment: &Comment) -> Value {
        let (url, web) = (self.repo_url(repo), self.repo_web(repo));
        let here = format!("{url}/issues/comments/{}", comment.id);
        let kind = match comment.on {
            CommentOn::Issue => "issues",
            CommentOn::Pull => "pull",
        };
        json!({
            "url": here,
            "html_url": format!("{web}/{kind}/{}#issuecomment-{}", comment.number, comment.id),
            "issue_url": format!("{url}/issues/{}", comment.number),
            "id": comment.id,
            "node_id": comment.node_id(repo.id),
            "user": self.simple_user(comment.author),
            "created_at": time(comment.created_at),
            "updated_at": time(comment.updated_at),
            "author_association": self.association(repo, comment.author),
            "body": comment.body,
            "reactions": reactions(&here),
            "performed_via_github_app": null,
        })
    }
}
