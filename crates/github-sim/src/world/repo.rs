//! A repository: its settings, its branches and commits, its pulls, issues, reviews and comments.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::account::AccountId;
use super::comment::{Comment, DiffComment};
use super::commit::{Commit, CommitGraph};
use super::history::{Histories, History};
use super::item::{Issue, Pull, Review};
use super::node;
use super::oid::Oid;
use super::release::Release;
use super::run::{Run, Workflow};

/// A repository's database id; it survives renames and transfers.
pub type RepoId = u64;

/// A repository.
#[derive(Debug, Clone)]
pub struct Repo {
    /// Database id.
    pub id: RepoId,
    /// The owning account.
    pub owner: AccountId,
    /// The name without its owner.
    pub name: String,
    /// What it says about itself.
    pub description: String,
    /// Visible to members alone.
    pub private: bool,
    /// Read-only.
    pub archived: bool,
    /// Blocked by GitHub.
    pub disabled: bool,
    /// Forked from another.
    pub fork: bool,
    /// Whether it has issues; pulls it always has.
    pub issues_enabled: bool,
    /// Whether Actions are switched on.
    pub actions_enabled: bool,
    /// The default branch's name. An empty repository names one that does not exist yet.
    pub default_branch: String,
    /// The tips of all branches.
    pub branches: BTreeMap<String, Oid>,
    /// Every commit.
    pub graph: CommitGraph,
    /// Pull requests by number.
    pub pulls: BTreeMap<u64, Pull>,
    /// Issues by number.
    pub issues: BTreeMap<u64, Issue>,
    /// Reviews by id.
    pub reviews: BTreeMap<u64, Review>,
    /// Conversation comments by id.
    pub comments: BTreeMap<u64, Comment>,
    /// Diff comments by id.
    pub diff_comments: BTreeMap<u64, DiffComment>,
    /// Conversation comments that were deleted; no API shows them.
    pub deleted_comments: Vec<Comment>,
    /// Diff comments that were deleted; no API shows them.
    pub deleted_diff_comments: Vec<DiffComment>,
    /// Workflows by id.
    pub workflows: BTreeMap<u64, Workflow>,
    /// Workflow runs by id, which is the order in which they came about.
    pub runs: BTreeMap<u64, Run>,
    /// Releases by id, drafts included.
    pub releases: BTreeMap<u64, Release>,
    /// The next number of an issue or pull.
    pub next_number: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its settings last changed, or its default branch moved.
    pub updated_at: Timestamp,
    /// When anything was last pushed to any branch.
    pub pushed_at: Timestamp,
    /// The head branches of the open pulls, by number.
    pub(super) open_pulls: BTreeMap<u64, String>,
    pub(super) reviews_by_pull: BTreeMap<u64, Vec<u64>>,
    pub(super) histories: Histories,
}

impl Repo {
    /// The node id.
    pub fn node_id(&self) -> String {
        node::of("R", self.id)
    }

    /// Whether the default branch does not exist.
    pub fn is_empty(&self) -> bool {
        self.head().is_none()
    }

    /// The tip of the default branch.
    pub fn head(&self) -> Option<Oid> {
        self.branches.get(&self.default_branch).copied()
    }

    /// The commit with this id, reachable or not.
    pub fn commit(&self, oid: &Oid) -> Option<&Arc<Commit>> {
        self.graph.get(oid)
    }

    /// Everything reachable from `head` in the order of `git log`, shared and kept, so that a page costs a page.
    /// Empty if there is no such commit.
    pub fn history(&self, head: Oid) -> Arc<History> {
        self.histories.of(&self.graph, head)
    }

    /// Keeps a history that is known, so that it need not be walked.
    pub(crate) fn keep_history(&self, head: Oid, history: History) {
        self.histories.keep(head, history);
    }

    /// The history of the default branch; empty for an empty repository.
    pub fn default_history(&self) -> Arc<History> {
        self.head()
            .map(|head| self.history(head))
            .unwrap_or_default()
    }

    /// The numbers of the open pulls.
    pub fn open_pulls(&self) -> impl Iterator<Item = u64> {
        self.open_pulls.keys().copied()
    }

    /// The reviews of one pull, oldest first.
    pub fn reviews_of(&self, number: u64) -> impl Iterator<Item = &Review> {
        self.reviews_by_pull
            .get(&number)
            .into_iter()
            .flatten()
            .filter_map(|id| self.reviews.get(id))
    }
}
