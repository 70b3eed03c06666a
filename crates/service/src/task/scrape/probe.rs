//! The probe: what an organisation has, and the fingerprint of each repository, for about 2 points per 100.

use github::Lane;
use github::graphql::{
    Connection, NewestItem, PROBE, PROBE_ONE, Probe as Answer, ProbeOne, ProbedRepo,
};
use jiff::Timestamp;
use ledger::event::RepoId;
use serde_json::json;

use super::plan::{Head, Newest, Probed};
use super::{Scrape, Tally};

/// Where the repositories stand in an answer.
const LIST: &[&str] = &["repositoryOwner", "repositories", "nodes"];

/// Why an organisation could not be probed.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// GitHub has no such owner, or does not show it to this credential.
    #[error("GitHub knows no organisation or user `{0}` that this credential may see")]
    NoOwner(String),
    /// GitHub answered in part, and what is missing is more than some repositories.
    #[error("GitHub answered the probe of {org} in part: {said}")]
    InPart {
        /// The organisation.
        org: String,
        /// GitHub's first error.
        said: String,
    },
    /// A request failed.
    #[error(transparent)]
    GitHub(#[from] github::Error),
}

/// What the probe saw.
pub(super) struct Probe {
    /// GitHub's clock at the first answer.
    pub(super) date: Timestamp,
    pub(super) repos: Vec<Probed>,
    /// Every repository that GitHub counts was listed. One can come or go between two pages, or be unreadable.
    pub(super) whole: bool,
}

impl Scrape {
    pub(super) async fn probe(&self, tally: &Tally) -> Result<Probe, ProbeError> {
        let mut date = None;
        let mut repos: Vec<Probed> = Vec::new();
        let mut after: Option<String> = None;
        let total = loop {
            let variables = json!({ "owner": self.org, "after": after });
            let key = format!("{} probe", self.org);
            let answer = self
                .client
                .graphql_page_partial::<Answer>(
                    Lane::Scheduled,
                    PROBE,
                    &variables,
                    &self.pages,
                    &key,
                )
                .await?;
            tally.graphql(answer.cost);
            date = date.or(answer.date);
            // An error inside the list costs its repository, which is missing from the page then.
            let mut errors = answer.errors.iter();
            if let Some(error) = errors.find(|error| !error.is_inside(LIST)) {
                return Err(ProbeError::InPart {
                    org: self.org.clone(),
                    said: error.message.clone(),
                });
            }
            let owner = answer.data.repository_owner;
            let owner = owner.ok_or_else(|| ProbeError::NoOwner(self.org.clone()))?;
            let page = owner.repositories;
            let total = page.total_count;
            after = page.next().map(str::to_owned);
            repos.extend(page.nodes.into_iter().map(probed));
            if after.is_none() {
                break total;
            }
        };
        repos.sort_by_key(|repo| repo.id);
        repos.dedup_by_key(|repo| repo.id);
        let whole = repos.len() as u64 == total;
        Ok(Probe {
            date: date.unwrap_or_else(|| self.clock.now()),
            repos,
            whole,
        })
    }
}

impl Scrape {
    /// What the probe would see of one repository, and GitHub's clock; nothing where it is not there by this name.
    pub(super) async fn probe_one(
        &self,
        lane: Lane,
        name: &str,
        tally: &Tally,
    ) -> Result<Option<(Probed, Timestamp)>, github::Error> {
        let variables = json!({ "owner": self.org, "name": name });
        let answer = self
            .client
            .graphql::<ProbeOne>(lane, PROBE_ONE, &variables)
            .await?;
        tally.graphql(answer.cost);
        let date = answer.date.unwrap_or_else(|| self.clock.now());
        Ok(answer.data.repository.map(|repo| (probed(repo), date)))
    }

    /// Whether the organisation can be read at all: the smallest page of its probe.
    pub(crate) async fn can_be_read(&self) -> Result<(), ProbeError> {
        let variables = json!({ "owner": self.org, "first": 1, "after": null });
        let answer = self
            .client
            .graphql_partial::<Answer>(Lane::Scheduled, PROBE, &variables)
            .await?;
        match answer.data.repository_owner {
            Some(_) => Ok(()),
            None => Err(ProbeError::NoOwner(self.org.clone())),
        }
    }
}

fn probed(repo: ProbedRepo) -> Probed {
    let head = repo.default_branch_ref.map(|branch| Head {
        oid: branch.head().map(str::to_owned),
        branch: branch.name,
    });
    Probed {
        id: RepoId(repo.database_id),
        name: repo.name,
        created_at: repo.created_at,
        closed: repo.is_archived || repo.is_disabled,
        issues_enabled: repo.has_issues_enabled,
        head,
        pulls: newest(&repo.pull_requests),
        issues: newest(&repo.issues),
    }
}

fn newest(list: &Connection<NewestItem>) -> Newest {
    let item = list
        .nodes
        .first()
        .map(|item| (item.number, item.updated_at));
    Newest {
        item,
        total: list.total_count,
    }
}
