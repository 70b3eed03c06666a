//! Reviews of a pull request.

use serde_json::{Value, json};

use super::page::Page;
use super::{Routed, Scene, time};
use crate::world::{Repo, Review};

impl Scene<'_> {
    /// `GET /repos/{owner}/{repo}/pulls/{pull_number}/reviews`. Documented: in chronological order.
    pub(super) fn reviews(&self, repo: &Repo, number: &str) -> Routed {
        let number = self.pull_numbered(repo, number)?.number();
        let reviews: Vec<&Review> = repo.reviews_of(number).collect();
        let address = format!("/repositories/{}/pulls/{number}/reviews", repo.id);
        Ok(
            Page::of(self.call).answer(self.call, &address, &reviews, |review| {
                self.show_review(repo, review)
            }),
        )
    }

    fn show_review(&self, repo: &Repo, review: &Review) -> Value {
        let html = format!(
            "{}/pull/{}#pullrequestreview-{}",
            self.repo_web(repo),
            review.number,
            review.id
        );
        let pull = format!("{}/pulls/{}", self.repo_url(repo), review.number);
        json!({
            "id": review.id,
            "node_id": review.node_id(repo.id),
            "user": self.simple_user(review.author),
            "body": review.body,
            "state": review.state.as_str(),
            "html_url": html,
            "pull_request_url": pull,
            "author_association": self.association(repo, review.author),
            "_links": {"html": {"href": html}, "pull_request": {"href": pull}},
            "submitted_at": time(review.submitted_at),
            "commit_id": review.commit.to_string(),
        })
    }
}
