//! Releases of a repository.

use serde_json::{Value, json};

use super::page::Page;
use super::{Routed, Scene, opt_time, sort_by, time};
use crate::auth::Viewer;
use crate::world::{Release, Repo};

impl Scene<'_> {
    /// `GET /repos/{owner}/{repo}/releases`. Documented: only those who may push see drafts. Observed: the list goes by
    /// `created_at`, the date of the commit that was released, the newest first; drafts are among the others.
    pub(super) fn releases(&self, repo: &Repo) -> Routed {
        let may_push = self.may_push(repo);
        let mut releases: Vec<&Release> = repo
            .releases
            .values()
            .filter(|release| may_push || !release.is_draft())
            .collect();
        sort_by(&mut releases, true, |release| {
            (release.created_at, release.id)
        });
        let address = format!("/repositories/{}/releases", repo.id);
        let reply = Page::of(self.call).answer(self.call, &address, &releases, |release| {
            self.show_release(repo, release)
        });
        Ok(reply)
    }

    /// The owner and the members of an owning organisation. The App only reads.
    fn may_push(&self, repo: &Repo) -> bool {
        let Viewer::User { login } = self.viewer else {
            return false;
        };
        let owner = self.world.account(repo.owner);
        self.world.account_named(login).is_some_and(|viewer| {
            viewer.id == repo.owner || owner.is_some_and(|owner| owner.members.contains(&viewer.id))
        })
    }

    fn show_release(&self, repo: &Repo, release: &Release) -> Value {
        let (url, web) = (self.repo_url(repo), self.repo_web(repo));
        let here = format!("{url}/releases/{}", release.id);
        let tag = &release.tag;
        json!({
            "url": here,
            "assets_url": format!("{here}/assets"),
            "upload_url": format!("{here}/assets{{?name,label}}"),
            "html_url": format!("{web}/releases/tag/{tag}"),
            "id": release.id,
            "author": self.somebody(release.author),
            "node_id": release.node_id(repo.id),
            "tag_name": tag,
            "target_commitish": repo.default_branch,
            "name": release.name,
            "draft": release.is_draft(),
            "immutable": false,
            "prerelease": release.prerelease,
            "created_at": time(release.created_at),
            "updated_at": time(release.published_at.unwrap_or(release.created_at)),
            "published_at": opt_time(release.published_at),
            "assets": [],
            "tarball_url": format!("{url}/tarball/{tag}"),
            "zipball_url": format!("{url}/zipball/{tag}"),
            "body": "",
        })
    }
}
