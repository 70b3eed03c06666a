//! Diff comments: of a repository, and of one pull request.

use serde_json::{Value, json};

use super::issues::{reactions, seconds};
use super::page::Page;
use super::reply::Reply;
use super::{Routed, Scene, sort_by, time};
use crate::world::{DiffComment, Repo};

impl Scene<'_> {
    /// `GET /repos/{owner}/{repo}/pulls/comments`
    pub(super) fn review_comments(&self, repo: &Repo) -> Routed {
        let address = format!("/repositories/{}/pulls/comments", repo.id);
        self.listed(repo, repo.diff_comments.values().collect(), &address)
    }

    /// `GET /repos/{owner}/{repo}/pulls/{pull_number}/comments`
    pub(super) fn review_comments_of(&self, repo: &Repo, number: &str) -> Routed {
        let number = self.pull_numbered(repo, number)?.number();
        let comments = repo
            .diff_comments
            .values()
            .filter(|comment| comment.number == number)
            .collect();
        self.listed(
            repo,
            comments,
            &format!("/repositories/{}/pulls/{number}/comments", repo.id),
        )
    }

    /// Documented: by id, ascending, unless `sort` is given, and only then does `direction` count.
    fn listed(&self, repo: &Repo, mut comments: Vec<&DiffComment>, address: &str) -> Routed {
        let query = &self.call.query;
        let refuse = |field: &str| Reply::invalid("PullRequestReviewComment", field);
        let sort = query
            .one_of("sort", &["", "created", "updated", "created_at"])
            .map_err(refuse)?;
        let desc = query
            .one_of("direction", &["asc", "desc"])
            .map_err(refuse)?
            == "desc";
        let since = query.time("since").map_err(refuse)?;
        comments.retain(|comment| {
            since.is_none_or(|since| seconds(comment.updated_at) >= seconds(since))
        });
        match sort {
            "created" | "created_at" => sort_by(&mut comments, desc, |comment| {
                (comment.created_at, comment.id)
            }),
            "updated" => sort_by(&mut comments, desc, |comment| {
                (comment.updated_at, comment.id)
            }),
            _ => {}
        }
        let show = |comment: &&DiffComment| self.show_review_comment(repo, comment);
        Ok(Page::of(self.call).answer(self.call, address, &comments, show))
    }

    fn show_review_comment(&self, repo: &Repo, comment: &DiffComment) -> Value {
        let (url, web) = (self.repo_url(repo), self.repo_web(repo));
        let here = format!("{url}/pulls/comments/{}", comment.id);
        let html = format!("{web}/pull/{}#discussion_r{}", comment.number, comment.id);
        let pull = format!("{url}/pulls/{}", comment.number);
        let mut body = json!({
            "url": here,
            "pull_request_review_id": comment.review,
            "id": comment.id,
            "node_id": comment.node_id(repo.id),
            "diff_hunk": format!("@@ -{line},1 +{line},1 @@", line = comment.line),
            "path": comment.path,
            "commit_id": comment.commit.to_string(),
            "original_commit_id": comment.commit.to_string(),
            "user": self.simple_user(comment.author),
            "body": comment.body,
            "created_at": time(comment.created_at),
            "updated_at": time(comment.updated_at),
            "html_url": html,
            "pull_request_url": pull,
            "author_association": self.association(repo, comment.author),
            "_links": {"self": {"href": here}, "html": {"href": html}, "pull_request": {"href": pull}},
            "reactions": reactions(&here),
            "start_line": null,
            "original_start_line": null,
            "start_side": null,
            "line": comment.line,
            "original_line": comment.line,
            "side": "RIGHT",
            "original_position": 1,
            "position": 1,
            "subject_type": "line",
        });
        if let Some(answered) = comment.in_reply_to {
            body["in_reply_to_id"] = json!(answered);
        }
        body
    }
}
