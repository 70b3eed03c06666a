//! Repositories: lists of an account, one, and its branches.

use serde_json::{Value, json};

use super::page::Page;
use super::reply::Reply;
use super::{Routed, Scene, WEB, sort_by, time};
use crate::auth::Viewer;
use crate::world::{Account, Repo};

/// The addresses that every repository carries: the field and what follows the repository's own address.
const ADDRESSES: &[(&str, &str)] = &[
    ("forks_url", "/forks"),
    ("keys_url", "/keys{/key_id}"),
    ("collaborators_url", "/collaborators{/collaborator}"),
    ("teams_url", "/teams"),
    ("hooks_url", "/hooks"),
    ("issue_events_url", "/issues/events{/number}"),
    ("events_url", "/events"),
    ("assignees_url", "/assignees{/user}"),
    ("branches_url", "/branches{/branch}"),
    ("tags_url", "/tags"),
    ("blobs_url", "/git/blobs{/sha}"),
    ("git_tags_url", "/git/tags{/sha}"),
    ("git_refs_url", "/git/refs{/sha}"),
    ("trees_url", "/git/trees{/sha}"),
    ("statuses_url", "/statuses/{sha}"),
    ("languages_url", "/languages"),
    ("stargazers_url", "/stargazers"),
    ("contributors_url", "/contributors"),
    ("subscribers_url", "/subscribers"),
    ("subscription_url", "/subscription"),
    ("commits_url", "/commits{/sha}"),
    ("git_commits_url", "/git/commits{/sha}"),
    ("comments_url", "/comments{/number}"),
    ("issue_comment_url", "/issues/comments{/number}"),
    ("contents_url", "/contents/{+path}"),
    ("compare_url", "/compare/{base}...{head}"),
    ("merges_url", "/merges"),
    ("archive_url", "/{archive_format}{/ref}"),
    ("downloads_url", "/downloads"),
    ("issues_url", "/issues{/number}"),
    ("pulls_url", "/pulls{/number}"),
    ("milestones_url", "/milestones{/number}"),
    (
        "notifications_url",
        "/notifications{?since,all,participating}",
    ),
    ("labels_url", "/labels{/name}"),
    ("releases_url", "/releases{/id}"),
    ("deployments_url", "/deployments"),
];

impl<'a> Scene<'a> {
    /// `GET /orgs/{org}/repos`, `GET /users/{username}/repos`
    pub(super) fn repos_of(&self, account: Option<&'a Account>) -> Routed {
        let account = account.ok_or_else(Reply::not_found)?;
        let space = if self.call.path.starts_with("/org") {
            "organizations"
        } else {
            "user"
        };
        let mut repos: Vec<&Repo> = self
            .world
            .repos_of(account.id)
            .into_iter()
            .filter(|repo| self.may_see(repo))
            .collect();
        let wanted = self.call.query.get("type").unwrap_or("all");
        repos.retain(|repo| match wanted {
            "public" => !repo.private,
            "private" => repo.private,
            "forks" => repo.fork,
            "sources" => !repo.fork,
            _ => true,
        });
        // Documented: an organisation's list is sorted by creation, a user's by name; names ascend, the rest descends.
        let sort = self.call.query.get("sort").unwrap_or(if space == "user" {
            "full_name"
        } else {
            "created"
        });
        let direction = self.call.query.get("direction");
        let desc = direction.map_or(sort != "full_name", |direction| direction == "desc");
        match sort {
            "created" => sort_by(&mut repos, desc, |repo| (repo.created_at, repo.id)),
            "updated" => sort_by(&mut repos, desc, |repo| (repo.updated_at, repo.id)),
            "pushed" => sort_by(&mut repos, desc, |repo| (repo.pushed_at, repo.id)),
            _ if desc => repos.reverse(),
            _ => {}
        }
        let address = format!("/{space}/{}/repos", account.id);
        let reply =
            Page::of(self.call).answer(self.call, &address, &repos, |repo| self.show_repo(repo));
        Ok(reply)
    }

    /// `GET /user/repos`
    pub(super) fn own_repos(&self) -> Routed {
        match self.viewer {
            Viewer::Anonymous => Err(Reply::error(401, "Requires authentication")),
            Viewer::User { .. } => {
                let repos: Vec<&Repo> = self.world.repos().collect();
                let reply = Page::of(self.call).answer(self.call, "/user/repos", &repos, |repo| {
                    self.show_repo(repo)
                });
                Ok(reply)
            }
            Viewer::App | Viewer::Installation { .. } => {
                Err(Reply::error(403, "Resource not accessible by integration"))
            }
        }
    }

    /// `GET /installation/repositories`
    pub(super) fn installation_repos(&self) -> Routed {
        let Viewer::Installation { owner, .. } = self.viewer else {
            return Err(Reply::error(
                403,
                "You must authenticate with an installation access token in order to list repositories for an installation.",
            ));
        };
        let repos = self.world.repos_of(*owner);
        let page = Page::of(self.call);
        let shown: Vec<Value> = page
            .cut(&repos)
            .iter()
            .map(|repo| self.show_repo(repo))
            .collect();
        let body = json!({"total_count": repos.len(), "repository_selection": "all", "repositories": shown});
        Ok(page.link(
            self.call,
            "/installation/repositories",
            repos.len(),
            Reply::ok(body),
        ))
    }

    /// `GET /repos/{owner}/{repo}`
    pub(super) fn repo(&self, repo: &Repo) -> Routed {
        let mut body = self.show_repo(repo);
        if let Some(owner) = self.world.account(repo.owner)
            && owner.type_name() == "Organization"
        {
            body["organization"] = self.simple(owner);
        }
        body["network_count"] = json!(0);
        body["subscribers_count"] = json!(0);
        Ok(Reply::ok(body))
    }

    /// `GET /repos/{owner}/{repo}/branches/{branch}`
    pub(super) fn branch(&self, repo: &Repo, name: &str) -> Routed {
        let missing = || Reply::error(404, "Branch not found");
        let head = repo
            .branches
            .get(name)
            .and_then(|oid| repo.commit(oid))
            .ok_or_else(missing)?;
        let url = format!("{}/branches/{name}", self.repo_url(repo));
        let body = json!({
            "name": name,
            "commit": self.show_commit(repo, head),
            "_links": {"self": url, "html": format!("{}/tree/{name}", self.repo_web(repo))},
            "protected": false,
            "protection": {"enabled": false},
            "protection_url": format!("{url}/protection"),
        });
        Ok(Reply::ok(body))
    }

    /// The repository's address in the API.
    pub(super) fn repo_url(&self, repo: &Repo) -> String {
        format!("{}/repos/{}", self.call.base, self.world.full_name(repo))
    }

    /// The repository's address for people.
    pub(super) fn repo_web(&self, repo: &Repo) -> String {
        format!("{WEB}/{}", self.world.full_name(repo))
    }

    /// A repository as it stands inside other objects.
    pub(super) fn brief_repo(&self, repo: &Repo) -> Value {
        let (url, web) = (self.repo_url(repo), self.repo_web(repo));
        let mut body = json!({
            "id": repo.id,
            "node_id": repo.node_id(),
            "name": repo.name,
            "full_name": self.world.full_name(repo),
            "private": repo.private,
            "owner": self.simple_user(Some(repo.owner)),
            "html_url": web,
            "description": if repo.description.is_empty() { Value::Null } else { json!(repo.description) },
            "fork": repo.fork,
            "url": url,
        });
        for (field, rest) in ADDRESSES {
            body[*field] = json!(format!("{url}{rest}"));
        }
        body
    }

    pub(super) fn show_repo(&self, repo: &Repo) -> Value {
        let full_name = self.world.full_name(repo);
        let web = self.repo_web(repo);
        let open_issues = repo.issues.values().filter(|issue| issue.is_open()).count()
            + repo.pulls.values().filter(|pull| pull.is_open()).count();
        let mut body = self.brief_repo(repo);
        let rest = json!({
            "created_at": time(repo.created_at),
            "updated_at": time(repo.updated_at),
            "pushed_at": time(repo.pushed_at),
            "git_url": format!("git://github.com/{full_name}.git"),
            "ssh_url": format!("git@github.com:{full_name}.git"),
            "clone_url": format!("{web}.git"),
            "svn_url": web,
            "homepage": null,
            "size": repo.graph.len(),
            "stargazers_count": 0,
            "watchers_count": 0,
            "language": null,
            "has_issues": repo.issues_enabled,
            "has_projects": true,
            "has_downloads": true,
            "has_wiki": true,
            "has_pages": false,
            "has_discussions": false,
            "forks_count": 0,
            "mirror_url": null,
            "archived": repo.archived,
            "disabled": repo.disabled,
            "open_issues_count": open_issues,
            "license": null,
            "allow_forking": true,
            "is_template": false,
            "web_commit_signoff_required": false,
            "topics": [],
            "visibility": if repo.private { "private" } else { "public" },
            "forks": 0,
            "open_issues": open_issues,
            "watchers": 0,
            "default_branch": repo.default_branch,
            "permissions": {"admin": false, "maintain": false, "push": false, "triage": false, "pull": true},
        });
        if let (Value::Object(body), Value::Object(rest)) = (&mut body, rest) {
            body.extend(rest);
        }
        body
    }
}
