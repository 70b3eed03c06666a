//! Teams of an organisation, for names beside those of users.

use std::collections::BTreeMap;

use quota::Lane;
use serde::Deserialize;

use super::{User, path};
use crate::client::Client;
use crate::error::Error;
use crate::page;
use crate::request::Request;

/// One team.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Team {
    /// Its number.
    pub id: u64,
    /// Its name in addresses.
    pub slug: String,
    /// What it is called.
    pub name: String,
    /// The team that it is a part of.
    #[serde(default)]
    pub parent: Option<Parent>,
}

/// The team around a team.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Parent {
    /// Its number.
    pub id: u64,
    /// Its name in addresses.
    pub slug: String,
}

/// An organisation's teams that the credential may see (`GET /orgs/{org}/teams`). Read them with [`Client::teams`].
pub fn of_org(org: &str) -> Request {
    Request::get(path(&["orgs", org, "teams"]) + "?per_page=100").named("/orgs/{org}/teams")
}

/// The members of a team and of the teams inside it (`GET /orgs/{org}/teams/{team_slug}/members`). Read them with
/// [`Client::members`].
pub fn members(org: &str, slug: &str) -> Request {
    Request::get(path(&["orgs", org, "teams", slug, "members"]) + "?per_page=100")
        .named("/orgs/{org}/teams/{team_slug}/members")
}

impl Client {
    /// Reads a list of teams from `first` on to its end, each once, by number.
    ///
    /// # Errors
    /// As [`Client::send`]. `is_undecodable` if a team cannot be read: teams that are not all there would be taken for gone.
    pub async fn teams(&self, lane: Lane, first: Request) -> Result<Vec<Team>, Error> {
        self.by_number(lane, first, |team: &Team| team.id).await
    }

    /// Reads a list of members from `first` on to its end, each once, by number.
    ///
    /// # Errors
    /// As [`Client::teams`].
    pub async fn members(&self, lane: Lane, first: Request) -> Result<Vec<User>, Error> {
        self.by_number(lane, first, |user: &User| user.id).await
    }

    async fn by_number<T: serde::de::DeserializeOwned>(
        &self,
        lane: Lane,
        first: Request,
        number: impl Fn(&T) -> u64,
    ) -> Result<Vec<T>, Error> {
        let mut met = BTreeMap::new();
        page::read(self, lane, first, |response| {
            let items: Vec<T> = response.json()?;
            met.extend(items.into_iter().map(|item| (number(&item), item)));
            Ok(false)
        })
        .await?;
        Ok(met.into_values().collect())
    }
}
