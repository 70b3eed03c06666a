//! Accounts: the token's own, and those of users and organisations.

use serde::Deserialize;

use super::path;
use crate::request::Request;

/// An account as REST tells it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct User {
    /// The login; a bot's ends in `[bot]`.
    pub login: String,
    /// The account's number.
    pub id: u64,
    /// `User`, `Bot`, `Organization` or `Mannequin`.
    #[serde(rename = "type", default)]
    pub kind: String,
}

/// The account that a personal token belongs to (`GET /user`); a 403 for an installation.
pub fn me() -> Request {
    Request::get("/user").named("/user")
}

/// An account by login (`GET /users/{username}`): a [`User`].
pub fn user(login: &str) -> Request {
    Request::get(path(&["users", login])).named("/users/{username}")
}

/// An organisation by login (`GET /orgs/{org}`): a [`User`].
pub fn org(login: &str) -> Request {
    Request::get(path(&["orgs", login])).named("/orgs/{org}")
}
