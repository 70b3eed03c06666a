//! GitHub Apps: what the App is, where it is installed, and tokens for an installation.

use std::collections::BTreeMap;

use jiff::Timestamp;
use secrecy::SecretString;
use serde::Deserialize;

use super::{User, path};
use crate::request::Request;

/// A GitHub App.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct App {
    /// The App's number.
    pub id: u64,
    /// The name in addresses.
    #[serde(default)]
    pub slug: Option<String>,
    /// What it may do: `"contents": "read"`.
    #[serde(default)]
    pub permissions: BTreeMap<String, String>,
}

/// An App at one owner.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Installation {
    /// The installation's number.
    pub id: u64,
    /// Where it is installed.
    pub account: Option<User>,
    /// What it may do here: `"contents": "read"`.
    #[serde(default)]
    pub permissions: BTreeMap<String, String>,
    /// Since when its owner has suspended it.
    #[serde(default)]
    pub suspended_at: Option<Timestamp>,
}

/// A token of an installation.
#[derive(Debug, Deserialize)]
pub(crate) struct InstallationToken {
    pub(crate) token: SecretString,
    pub(crate) expires_at: Timestamp,
}

/// The App itself (`GET /app`): an [`App`].
pub fn app() -> Request {
    Request::get("/app").named("/app").as_app()
}

/// One page of the App's installations (`GET /app/installations`): a list of [`Installation`].
pub fn installations() -> Request {
    Request::get("/app/installations?per_page=100")
        .named("/app/installations")
        .as_app()
}

/// The App's installation at an organisation (`GET /orgs/{org}/installation`): an [`Installation`].
pub fn org_installation(org: &str) -> Request {
    Request::get(path(&["orgs", org, "installation"]))
        .named("/orgs/{org}/installation")
        .as_app()
}

/// The App's installation at a user (`GET /users/{username}/installation`): an [`Installation`].
pub fn user_installation(login: &str) -> Request {
    Request::get(path(&["users", login, "installation"]))
        .named("/users/{username}/installation")
        .as_app()
}

/// A new token for an installation (`POST /app/installations/{installation_id}/access_tokens`).
pub(crate) fn access_token(installation: u64) -> Request {
    Request::post_empty(path(&[
        "app",
        "installations",
        &installation.to_string(),
        "access_tokens",
    ]))
    .named("/app/installations/{installation_id}/access_tokens")
    .as_app()
}
