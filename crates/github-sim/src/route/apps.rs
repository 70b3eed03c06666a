//! The App, its installations and their tokens: the routes that want the App's own JWT.

use serde_json::{Value, json};

use super::page::Page;
use super::reply::Reply;
use super::{Routed, Scene, WEB, time};
use crate::auth::Viewer;
use crate::auth::app::client_id;
use crate::world::{Account, AccountKind};

const SLUG: &str = "tidegate-sim";

impl<'a> Scene<'a> {
    /// `GET /app`
    pub(super) fn app(&self) -> Routed {
        self.as_app()?;
        let id = self.credentials.app_id();
        let owner = self
            .owners()
            .next()
            .map_or(Value::Null, |owner| self.simple(owner));
        let body = json!({
            "id": id,
            "slug": SLUG,
            "node_id": crate::world::node::of("A", id),
            "client_id": client_id(id),
            "owner": owner,
            "name": "Tidegate Sim",
            "description": "",
            "external_url": "https://example.com",
            "html_url": format!("{WEB}/apps/{SLUG}"),
            "created_at": "2020-01-01T00:00:00Z",
            "updated_at": "2020-01-01T00:00:00Z",
            "permissions": self.permissions(),
            "events": [],
            "installations_count": self.owners().count(),
        });
        Ok(Reply::ok(body))
    }

    /// `GET /app/installations`
    pub(super) fn installations(&self) -> Routed {
        self.as_app()?;
        let owners: Vec<&Account> = self.owners().collect();
        Ok(
            Page::of(self.call).answer(self.call, "/app/installations", &owners, |owner| {
                self.show_installation(owner)
            }),
        )
    }

    /// `GET /app/installations/{installation_id}`
    pub(super) fn installation(&self, id: &str) -> Routed {
        self.as_app()?;
        let owner = self.installed_on(id).ok_or_else(Reply::not_found)?;
        Ok(Reply::ok(self.show_installation(owner)))
    }

    /// `GET /orgs/{org}/installation` and its likes
    pub(super) fn installation_on(&self, account: Option<&Account>) -> Routed {
        self.as_app()?;
        let id = account.map(|account| self.credentials.installation_of(account.id).to_string());
        let owner = id
            .and_then(|id| self.installed_on(&id))
            .ok_or_else(Reply::not_found)?;
        Ok(Reply::ok(self.show_installation(owner)))
    }

    /// `POST /app/installations/{installation_id}/access_tokens`
    pub(super) fn access_token(&self, id: &str) -> Routed {
        self.as_app()?;
        let owner = self.installed_on(id).ok_or_else(Reply::not_found)?;
        let installation = self.credentials.installation_of(owner.id);
        if self.credentials.is_suspended(installation) {
            return Err(Reply::error(403, "This installation has been suspended"));
        }
        let (token, expires_at) = self.credentials.mint(installation, self.now);
        let body = json!({
            "token": token,
            "expires_at": time(expires_at),
            "permissions": self.permissions(),
            "repository_selection": "all",
        });
        Ok(Reply::json(201, body))
    }

    /// Observed: without a JWT of an App these routes say that they could not decode one.
    fn as_app(&self) -> Result<(), Reply> {
        match self.viewer {
            Viewer::App => Ok(()),
            Viewer::Anonymous | Viewer::User { .. } | Viewer::Installation { .. } => {
                Err(Reply::error(401, "A JSON web token could not be decoded"))
            }
        }
    }

    /// Every account that owns repositories has the App installed, unless it was removed there.
    fn owners(&self) -> impl Iterator<Item = &'a Account> {
        self.world.accounts().filter(|account| {
            let id = self.credentials.installation_of(account.id);
            self.is_owner(account) && self.credentials.owner_of(id, self.world).is_some()
        })
    }

    fn is_owner(&self, account: &Account) -> bool {
        account.kind == AccountKind::Organization
            || self.world.repos().any(|repo| repo.owner == account.id)
    }

    fn installed_on(&self, id: &str) -> Option<&'a Account> {
        let owner = self.credentials.owner_of(id.parse().ok()?, self.world)?;
        self.world
            .account(owner)
            .filter(|account| self.is_owner(account))
    }

    fn show_installation(&self, owner: &Account) -> Value {
        let id = self.credentials.installation_of(owner.id);
        let suspended = self.credentials.is_suspended(id);
        json!({
            "id": id,
            "client_id": client_id(self.credentials.app_id()),
            "account": self.simple(owner),
            "repository_selection": "all",
            "access_tokens_url": format!("{}/app/installations/{id}/access_tokens", self.call.base),
            "repositories_url": format!("{}/installation/repositories", self.call.base),
            "html_url": format!("{WEB}/organizations/{}/settings/installations/{id}", owner.login),
            "app_id": self.credentials.app_id(),
            "app_slug": SLUG,
            "target_id": owner.id,
            "target_type": owner.type_name(),
            "permissions": self.permissions(),
            "events": [],
            "created_at": time(owner.created_at),
            "updated_at": time(owner.created_at),
            "single_file_name": null,
            "has_multiple_single_files": false,
            "single_file_paths": [],
            "suspended_by": if suspended { self.simple(owner) } else { Value::Null },
            "suspended_at": if suspended { json!(time(owner.created_at)) } else { Value::Null },
        })
    }

    /// What the App may do on every account.
    fn permissions(&self) -> Value {
        let mut permissions = json!({
            "actions": "read",
            "checks": "write",
            "contents": "read",
            "issues": "read",
            "members": "read",
            "metadata": "read",
            "organization_copilot_metrics": "read",
            "pull_requests": "read",
        });
        if let Some(permissions) = permissions.as_object_mut() {
            permissions.retain(|name, _| !self.credentials.is_withheld(name));
        }
        permissions
    }
}
