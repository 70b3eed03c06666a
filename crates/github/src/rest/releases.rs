//! Releases of a repository.

use std::collections::BTreeMap;

use jiff::Timestamp;
use quota::Lane;
use serde::Deserialize;

use super::{Readable, User, path};
use crate::client::Client;
use crate::error::Error;
use crate::page;
use crate::request::Request;

/// One release.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Release {
    /// Its number among all releases of GitHub.
    pub id: u64,
    /// The tag's name.
    pub tag_name: String,
    /// Whether it is still to be published; shown to those who may push alone.
    #[serde(default)]
    pub draft: bool,
    /// Whether it is not for everybody's use yet.
    #[serde(default)]
    pub prerelease: bool,
    /// Who made it. Absent where the account is gone.
    #[serde(default)]
    pub author: Option<User>,
    /// The date of the commit that was released.
    pub created_at: Timestamp,
    /// When it was published; a draft has not been.
    #[serde(default)]
    pub published_at: Option<Timestamp>,
}

impl Release {
    /// When it became a release; nothing for a draft.
    pub fn published(&self) -> Option<Timestamp> {
        self.published_at.filter(|_| !self.draft)
    }
}

/// A repository's releases, the one made of the newest commit first (`GET /repos/{owner}/{repo}/releases`). Read them with
/// [`Client::releases`].
pub fn of_repo(owner: &str, name: &str) -> Request {
    Request::get(path(&["repos", owner, name, "releases"]) + "?per_page=100")
        .named("/repos/{owner}/{repo}/releases")
}

/// What a reading of a list of releases gave.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReleaseList {
    /// Every release once, by number, drafts included.
    pub releases: Vec<Release>,
    /// Releases that could not be read.
    pub unreadable: u64,
}

impl Client {
    /// Reads a list of releases from `first` on until a page holds nothing that was made of a commit or published since
    /// `since`; the whole list without one. The list goes by the date of the commit: what was released late of an old
    /// commit may lie behind such a page, and is found where the whole list is read.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn releases(
        &self,
        lane: Lane,
        first: Request,
        since: Option<Timestamp>,
    ) -> Result<ReleaseList, Error> {
        let (mut met, mut list) = (BTreeMap::new(), ReleaseList::default());
        page::read(self, lane, first, |response| {
            let page: Readable<Release> = response.json()?;
            list.unreadable += page.unreadable;
            let newest = |release: &Release| Some(release.created_at).max(release.published_at);
            let newest = page.items.iter().filter_map(newest).max();
            met.extend(page.items.into_iter().map(|release| (release.id, release)));
            Ok(newest
                .zip(since)
                .is_some_and(|(newest, since)| newest < since))
        })
        .await?;
        list.releases = met.into_values().collect();
        Ok(list)
    }
}
