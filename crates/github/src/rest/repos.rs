//! Repositories by name.

use jiff::Timestamp;
use serde::Deserialize;

use super::{User, path};
use crate::request::Request;

/// A repository as REST tells it, as far as Tidegate reads it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Repo {
    /// The number that survives renames and transfers; GraphQL's `databaseId`.
    pub id: u64,
    /// The name without the owner.
    pub name: String,
    /// Who owns it now.
    pub owner: User,
    /// Read-only by its owner's will.
    #[serde(default)]
    pub archived: bool,
    /// Switched off by GitHub.
    #[serde(default)]
    pub disabled: bool,
    /// The name of the default branch.
    pub default_branch: String,
    /// When it was made.
    pub created_at: Timestamp,
}

/// One repository (`GET /repos/{owner}/{repo}`): a [`Repo`]. A renamed one is found through GitHub's redirect.
pub fn repo(owner: &str, name: &str) -> Request {
    Request::get(path(&["repos", owner, name])).named("/repos/{owner}/{repo}")
}

/// One page of an organisation's repositories (`GET /orgs/{org}/repos`), by name: a list of [`Repo`].
pub fn of_org(org: &str) -> Request {
    Request::get(path(&["orgs", org, "repos"]) + "?sort=full_name&per_page=100")
        .named("/orgs/{org}/repos")
}
