//! Users and organisations.

use serde_json::{Value, json};

use super::reply::Reply;
use super::{Routed, Scene, WEB, time};
use crate::auth::Viewer;
use crate::world::{Account, AccountId, AccountKind};

/// The id of a token's owner whom the world does not know.
const UNKNOWN_READER: u64 = 9_999_999;

/// GitHub's account for everybody who is gone.
const GHOST: AccountId = 10_137;

impl<'a> Scene<'a> {
    pub(super) fn account_by_id(&self, id: &str) -> Option<&'a Account> {
        self.world.account(id.parse().ok()?)
    }

    pub(super) fn org_named(&self, login: &str) -> Option<&'a Account> {
        self.world
            .account_named(login)
            .filter(|account| account.kind == AccountKind::Organization)
    }

    /// `GET /user`
    pub(super) fn own_account(&self) -> Routed {
        let reply = match self.viewer {
            Viewer::Anonymous => Reply::error(401, "Requires authentication"),
            Viewer::App | Viewer::Installation { .. } => {
                Reply::error(403, "Resource not accessible by integration")
            }
            Viewer::User { login } => match self.world.account_named(login) {
                Some(account) => Reply::ok(self.full_user(account)),
                None => Reply::ok(self.full_user(&Account {
                    id: UNKNOWN_READER,
                    login: login.clone(),
                    kind: AccountKind::User,
                    name: None,
                    emails: Vec::new(),
                    members: Vec::new(),
                    created_at: self.world.now(),
                })),
            },
        };
        Ok(reply)
    }

    /// `GET /users/{username}`
    pub(super) fn user(&self, account: Option<&Account>) -> Routed {
        let account = account.ok_or_else(Reply::not_found)?;
        Ok(Reply::ok(self.full_user(account)))
    }

    /// `GET /orgs/{org}`
    pub(super) fn org(&self, account: Option<&Account>) -> Routed {
        let org = account
            .filter(|account| account.kind == AccountKind::Organization)
            .ok_or_else(Reply::not_found)?;
        let url = format!("{}/orgs/{}", self.call.base, org.login);
        let body = json!({
            "login": org.login,
            "id": org.id,
            "node_id": org.node_id(),
            "url": url,
            "repos_url": format!("{url}/repos"),
            "events_url": format!("{url}/events"),
            "hooks_url": format!("{url}/hooks"),
            "issues_url": format!("{url}/issues"),
            "members_url": format!("{url}/members{{/member}}"),
            "public_members_url": format!("{url}/public_members{{/member}}"),
            "avatar_url": avatar(org.id),
            "description": null,
            "name": org.name.as_deref().unwrap_or(&org.login),
            "is_verified": false,
            "has_organization_projects": true,
            "has_repository_projects": true,
            "public_repos": self.world.repos_of(org.id).iter().filter(|repo| !repo.private).count(),
            "public_gists": 0,
            "followers": 0,
            "following": 0,
            "html_url": format!("{WEB}/{}", org.login),
            "created_at": time(org.created_at),
            "updated_at": time(org.created_at),
            "archived_at": null,
            "type": "Organization",
        });
        Ok(Reply::ok(body))
    }

    /// An account as it stands inside other objects; null for one that is gone.
    pub(super) fn simple_user(&self, id: Option<AccountId>) -> Value {
        id.and_then(|id| self.world.account(id))
            .map_or(Value::Null, |account| self.simple(account))
    }

    /// An account where GitHub never says null: for one that is gone, the account that stands for all of those.
    pub(super) fn somebody(&self, id: Option<AccountId>) -> Value {
        let ghost = || {
            self.simple(&Account {
                id: GHOST,
                login: "ghost".to_owned(),
                kind: AccountKind::User,
                name: None,
                emails: Vec::new(),
                members: Vec::new(),
                created_at: self.world.now(),
            })
        };
        id.and_then(|id| self.world.account(id))
            .map_or_else(ghost, |account| self.simple(account))
    }

    pub(super) fn simple(&self, account: &Account) -> Value {
        let login = account.rest_login();
        let url = format!(
            "{}/users/{}",
            self.call.base,
            login.replace('[', "%5B").replace(']', "%5D")
        );
        let html = match account.kind {
            AccountKind::Bot => format!("{WEB}/apps/{}", account.login),
            _ => format!("{WEB}/{login}"),
        };
        json!({
            "login": login,
            "id": account.id,
            "node_id": account.node_id(),
            "avatar_url": avatar(account.id),
            "gravatar_id": "",
            "url": url,
            "html_url": html,
            "followers_url": format!("{url}/followers"),
            "following_url": format!("{url}/following{{/other_user}}"),
            "gists_url": format!("{url}/gists{{/gist_id}}"),
            "starred_url": format!("{url}/starred{{/owner}}{{/repo}}"),
            "subscriptions_url": format!("{url}/subscriptions"),
            "organizations_url": format!("{url}/orgs"),
            "repos_url": format!("{url}/repos"),
            "events_url": format!("{url}/events{{/privacy}}"),
            "received_events_url": format!("{url}/received_events"),
            "type": account.type_name(),
            "user_view_type": "public",
            "site_admin": false,
        })
    }

    fn full_user(&self, account: &Account) -> Value {
        let mut user = self.simple(account);
        user["name"] = json!(account.name);
        for unset in [
            "company",
            "blog",
            "location",
            "email",
            "hireable",
            "bio",
            "twitter_username",
        ] {
            user[unset] = Value::Null;
        }
        user["public_repos"] = json!(self.world.repos_of(account.id).len());
        for none in ["public_gists", "followers", "following"] {
            user[none] = json!(0);
        }
        user["created_at"] = json!(time(account.created_at));
        user["updated_at"] = json!(time(account.created_at));
        user
    }
}

fn avatar(id: AccountId) -> String {
    format!("https://avatars.githubusercontent.com/u/{id}?v=4")
}
