//! The REST face: which route answers an address, and what all routes share.
//!
//! It decides what exists for a viewer, in GitHub's JSON shapes. It refuses to know limits, validators and faults.
//! One file per resource; routes that Tidegate does not ask for are absent and answered as GitHub answers an unknown
//! address.

pub(crate) mod call;
pub(crate) mod page;
pub(crate) mod reply;
pub(crate) mod table;

mod accounts;
mod apps;
mod comments;
mod commits;
mod compare;
mod copilot;
mod issues;
mod jobs;
mod meta;
mod pulls;
mod rate_limit;
mod releases;
mod repos;
mod review_comments;
mod reviews;
mod runs;
mod teams;

use http::Method;
use jiff::Timestamp;
use serde_json::Value;

use crate::World;
use crate::auth::{Credentials, Viewer};
use crate::limit::RateLimitView;
use crate::world::{AccountId, Found, Repo};
use call::Call;
use reply::Reply;

/// Where GitHub's pages for people are; the API's own addresses follow the request's.
const WEB: &str = "https://github.com";

/// Everything that a route may look at.
pub(crate) struct Scene<'a> {
    pub(crate) world: &'a World,
    pub(crate) viewer: &'a Viewer,
    pub(crate) credentials: &'a Credentials,
    pub(crate) call: &'a Call,
    pub(crate) now: Timestamp,
    /// Where the files of Copilot's reports lie, if that was said.
    pub(crate) download_origin: Option<&'a str>,
    /// The viewer's quotas; none on a server without limits.
    pub(crate) quotas: Option<Vec<RateLimitView>>,
}

/// What a route says: an answer, or the answer that explains why there is none.
type Routed = Result<Reply, Reply>;

/// Answers a REST request.
pub(crate) fn answer(scene: &Scene<'_>) -> Reply {
    let segments = table::segments(&scene.call.path);
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let routed = scene.permitted().and_then(|()| {
        if scene.is_read() {
            scene.read(&segments)
        } else {
            scene.write(&segments)
        }
    });
    match routed {
        Ok(reply) | Err(reply) => reply,
    }
}

impl<'a> Scene<'a> {
    fn is_read(&self) -> bool {
        matches!(self.call.method, Method::GET | Method::HEAD)
    }

    fn read(&self, segments: &[&str]) -> Routed {
        match segments {
            ["rate_limit"] => self.rate_limit(),
            ["meta"] => self.meta(),
            ["user"] => self.own_account(),
            ["user", "repos"] => self.own_repos(),
            ["user", id] => self.user(self.account_by_id(id)),
            ["user", id, "repos"] => self.repos_of(self.account_by_id(id)),
            ["users", login] => self.user(self.world.account_named(login)),
            ["users", login, "repos"] => self.repos_of(self.world.account_named(login)),
            ["users", login, "installation"] => {
                self.installation_on(self.world.account_named(login))
            }
            ["orgs", login] => self.org(self.org_named(login)),
            ["orgs", login, "repos"] => self.repos_of(self.org_named(login)),
            ["orgs", login, "installation"] => self.installation_on(self.org_named(login)),
            ["orgs", login, "teams"] => self.teams(self.org_named(login)),
            ["orgs", login, "teams", slug, "members"] => {
                self.team_members(self.org_named(login), slug)
            }
            ["orgs", login, "copilot", "metrics", "reports", rest @ ..] => {
                self.org_reports(self.org_named(login), rest)
            }
            [
                "enterprises",
                slug,
                "copilot",
                "metrics",
                "reports",
                rest @ ..,
            ] => self.enterprise_reports(slug, rest),
            ["organizations", id, "teams"] => self.teams(self.account_by_id(id)),
            ["organizations", id, "team", team, "members"] => {
                let team = team.parse().ok().and_then(|team| self.world.team(team));
                let slug = team.map_or("", |team| &team.slug);
                self.team_members(self.account_by_id(id), slug)
            }
            ["organizations", id] => self.org(self.account_by_id(id)),
            ["organizations", id, "repos"] => self.repos_of(self.account_by_id(id)),
            ["app"] => self.app(),
            ["app", "installations"] => self.installations(),
            ["app", "installations", id] => self.installation(id),
            ["installation", "repositories"] => self.installation_repos(),
            ["repos", owner, name, rest @ ..] => {
                self.in_repo(self.repo_named(owner, name, rest)?, rest)
            }
            ["repositories", id, rest @ ..] => {
                let repo = id.parse().ok().and_then(|id| self.world.repo(id));
                self.in_repo(self.visible(repo)?, rest)
            }
            _ => Err(Reply::not_found()),
        }
    }

    fn in_repo(&self, repo: &'a Repo, rest: &[&str]) -> Routed {
        match rest {
            [] => self.repo(repo),
            ["actions", "runs"] => self.runs(repo),
            ["actions", "runs", id] => self.run(repo, id),
            ["actions", "runs", id, "jobs"] => self.jobs(repo, id),
            ["actions", "runs", id, "attempts", attempt] => self.run_attempt(repo, id, attempt),
            ["actions", "runs", id, "attempts", attempt, "jobs"] => {
                self.jobs_of_attempt(repo, id, attempt)
            }
            ["branches", branch @ ..] if !branch.is_empty() => self.branch(repo, &branch.join("/")),
            ["commits"] => self.commits(repo),
            ["commits", reference @ ..] => self.commit(repo, &reference.join("/")),
            ["compare", range @ ..] if !range.is_empty() => self.compare(repo, &range.join("/")),
            ["installation"] => self.installation_on(self.world.account(repo.owner)),
            ["issues"] => self.issues(repo),
            ["issues", "comments"] => self.comments(repo),
            ["issues", number] => self.issue(repo, number),
            ["issues", number, "comments"] => self.comments_of(repo, number),
            ["pulls"] => self.pulls(repo),
            ["pulls", "comments"] => self.review_comments(repo),
            ["pulls", number] => self.pull(repo, number),
            ["pulls", number, "comments"] => self.review_comments_of(repo, number),
            ["pulls", number, "reviews"] => self.reviews(repo, number),
            ["releases"] => self.releases(repo),
            _ => Err(Reply::not_found()),
        }
    }

    fn write(&self, segments: &[&str]) -> Routed {
        match segments {
            ["app", "installations", id, "access_tokens"] if self.call.method == Method::POST => {
                self.access_token(id)
            }
            ["repos", owner, name, rest @ ..] => {
                self.repo_named(owner, name, rest)?;
                Err(Reply::not_found())
            }
            _ => Err(Reply::not_found()),
        }
    }

    /// Whether the caller's token has what the route asks for. Documented: one of the permissions that a route names is
    /// enough, and a token without any of them is answered with a 403.
    fn permitted(&self) -> Result<(), Reply> {
        let whose = match self.viewer {
            Viewer::Installation { .. } => "integration",
            Viewer::User { .. } => "personal access token",
            Viewer::Anonymous | Viewer::App => return Ok(()),
        };
        let withheld = |one: &str| {
            let name = one.split('=').next().unwrap_or_default();
            self.credentials.is_withheld(name)
        };
        match self.call.route.permission {
            Some(permissions) if permissions.split("; ").all(withheld) => {
                let message = format!("Resource not accessible by {whose}");
                Err(Reply::error(403, &message))
            }
            _ => Ok(()),
        }
    }

    /// The repository of this name; an answer that leads there if it was renamed.
    fn repo_named(&self, owner: &str, name: &str, rest: &[&str]) -> Result<&'a Repo, Reply> {
        let moved = match self.world.find_repo(owner, name) {
            Some(Found::Here(repo)) => return self.visible(Some(repo)),
            Some(Found::Moved(repo)) => self.visible(Some(repo))?,
            None => return Err(Reply::not_found()),
        };
        let rest: String = rest.iter().map(|segment| format!("/{segment}")).collect();
        let query = self.call.query.raw();
        let query = if query.is_empty() {
            String::new()
        } else {
            format!("?{query}")
        };
        let to = format!("{}/repositories/{}{rest}{query}", self.call.base, moved.id);
        Err(Reply::moved(&to, self.is_read()))
    }

    /// Documented: what a caller may not see is 404, not 403.
    fn visible(&self, repo: Option<&'a Repo>) -> Result<&'a Repo, Reply> {
        repo.filter(|repo| self.may_see(repo))
            .ok_or_else(Reply::not_found)
    }

    /// Anybody sees what is public; a personal token here sees everything, an installation what its account owns.
    fn may_see(&self, repo: &Repo) -> bool {
        match self.viewer {
            Viewer::User { .. } => true,
            Viewer::Installation { owner, .. } => !repo.private || repo.owner == *owner,
            Viewer::Anonymous | Viewer::App => !repo.private,
        }
    }

    /// `author_association` of whoever wrote something in a repository.
    fn association(&self, repo: &Repo, author: Option<AccountId>) -> &'static str {
        let Some(author) = author else {
            return "NONE";
        };
        let is_member = self
            .world
            .account(repo.owner)
            .is_some_and(|owner| owner.members.contains(&author));
        match () {
            () if repo.owner == author => "OWNER",
            () if is_member => "MEMBER",
            () => "CONTRIBUTOR",
        }
    }
}

/// A time as GitHub writes it: whole seconds.
fn time(at: Timestamp) -> String {
    Timestamp::from_second(at.as_second())
        .unwrap_or(at)
        .to_string()
}

fn opt_time(at: Option<Timestamp>) -> Value {
    at.map_or(Value::Null, |at| Value::String(time(at)))
}

/// Sorts by a key and then by id, so that equal keys keep one order; `desc` turns both round.
fn sort_by<T, K: Ord>(items: &mut [T], desc: bool, key: impl Fn(&T) -> (K, u64)) {
    items.sort_by(|one, other| {
        let order = key(one).cmp(&key(other));
        if desc { order.reverse() } else { order }
    });
}
