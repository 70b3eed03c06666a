//! Releases, published or still drafts.

use jiff::Timestamp;

use super::account::AccountId;
use super::node;

/// A release.
#[derive(Debug, Clone)]
pub struct Release {
    /// Database id.
    pub id: u64,
    /// The tag's name. A draft's tag does not exist yet.
    pub tag: String,
    /// What it is called.
    pub name: String,
    /// Who made it; `None` if the account is gone.
    pub author: Option<AccountId>,
    /// Not for everybody's use yet.
    pub prerelease: bool,
    /// The date of the commit that it was made from: GitHub's `created_at`.
    pub created_at: Timestamp,
    /// When it was published; a draft has not been.
    pub published_at: Option<Timestamp>,
}

impl Release {
    /// The node id, in a repository with this id.
    pub fn node_id(&self, repo: u64) -> String {
        node::within("RE", repo, self.id)
    }

    /// Whether only those who may push see it.
    pub fn is_draft(&self) -> bool {
        self.published_at.is_none()
    }
}
