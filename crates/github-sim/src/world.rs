//! The world: everything that this GitHub knows, as plain data.
//!
//! It decides what exists and what a change does to it. It refuses to know requests, limits, formats and who is
//! asking. A clone is cheap (repositories are shared until one side changes) and stays as it was: a lagging replica.

pub mod account;
pub mod change;
pub mod comment;
pub mod commit;
pub mod copilot;
mod generate;
mod growth;
pub mod history;
pub mod item;
pub(crate) mod names;
pub mod node;
pub mod oid;
pub mod release;
pub mod repo;
pub mod run;
pub mod team;
mod words;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use jiff::Timestamp;

pub use account::{Account, AccountId, AccountKind};
pub use change::{NewCommit, NewPull};
pub use comment::{Comment, CommentOn, DiffComment};
pub use commit::{Commit, CommitGraph, Identity, Signature};
pub use history::History;
pub use item::{Happening, Issue, Merge, MergeMethod, Pull, Review, ReviewState, TimelineEvent};
pub use oid::{Oid, OidMap, OidSet};
pub use release::Release;
pub use repo::{Repo, RepoId};
pub use run::{Conclusion, Run, Trigger};
pub use team::{Team, TeamId};

/// Everything that this GitHub knows.
#[derive(Debug, Clone)]
pub struct World {
    now: Timestamp,
    seed: u64,
    ids: change::Ids,
    web_flow: AccountId,
    accounts: BTreeMap<AccountId, Arc<Account>>,
    by_login: HashMap<String, AccountId>,
    /// What the commits of each account carry, one per address.
    identities: HashMap<AccountId, Vec<Arc<Identity>>>,
    repos: BTreeMap<RepoId, Arc<Repo>>,
    by_name: HashMap<(AccountId, String), RepoId>,
    /// Names that repositories had before: GitHub redirects them until the name is taken again.
    former: HashMap<(AccountId, String), RepoId>,
    teams: BTreeMap<TeamId, Team>,
    /// Copilot, by organisation.
    copilot: BTreeMap<AccountId, copilot::Copilot>,
    enterprises: BTreeMap<u64, copilot::Enterprise>,
    /// What is going to happen by itself.
    growth: Option<Box<growth::Growth>>,
}

/// Where a repository's name leads.
#[derive(Debug, Clone, Copy)]
pub enum Found<'a> {
    /// To the repository that has this name.
    Here(&'a Repo),
    /// To a repository that had it once: `301 Moved Permanently`.
    Moved(&'a Repo),
}

impl World {
    /// A world in which there is nothing but GitHub's own accounts.
    pub fn empty(seed: u64, now: Timestamp) -> World {
        let mut world = World {
            now,
            seed,
            ids: change::Ids::start(),
            web_flow: 0,
            accounts: BTreeMap::new(),
            by_login: HashMap::new(),
            identities: HashMap::new(),
            repos: BTreeMap::new(),
            by_name: HashMap::new(),
            former: HashMap::new(),
            teams: BTreeMap::new(),
            copilot: BTreeMap::new(),
            enterprises: BTreeMap::new(),
            growth: None,
        };
        let (name, email) = (
            Some("GitHub".to_owned()),
            vec!["noreply@github.com".to_owned()],
        );
        world.web_flow = world.add_account("web-flow", AccountKind::User, name, email);
        world
    }

    /// Lets time pass, and everything happen that happens by itself until then. Time never runs backwards.
    pub fn advance(&mut self, now: Timestamp) {
        self.live(now);
        self.now = self.now.max(now);
    }

    /// What everything generated follows from.
    pub(crate) fn seed(&self) -> u64 {
        self.seed
    }

    /// The time up to which everything has happened.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Sets the time, backwards as well, for whoever writes down a past.
    pub(crate) fn at(&mut self, at: Timestamp) {
        self.now = at;
    }

    /// Every account, by id.
    pub fn accounts(&self) -> impl Iterator<Item = &Account> {
        self.accounts.values().map(Arc::as_ref)
    }

    /// The account with this id.
    pub fn account(&self, id: AccountId) -> Option<&Account> {
        self.accounts.get(&id).map(Arc::as_ref)
    }

    /// The account with this login, as either API writes it; logins ignore case.
    pub fn account_named(&self, login: &str) -> Option<&Account> {
        self.account(*self.by_login.get(&login.to_lowercase())?)
    }

    /// The organisations, by id.
    pub fn orgs(&self) -> impl Iterator<Item = &Account> {
        self.accounts()
            .filter(|account| account.kind == AccountKind::Organization)
    }

    /// Every repository, by id.
    pub fn repos(&self) -> impl Iterator<Item = &Repo> {
        self.repos.values().map(Arc::as_ref)
    }

    /// The repository with this id.
    pub fn repo(&self, id: RepoId) -> Option<&Repo> {
        self.repos.get(&id).map(Arc::as_ref)
    }

    /// The repositories of one account in the order of their names, ignoring case.
    pub fn repos_of(&self, owner: AccountId) -> Vec<&Repo> {
        let mut repos: Vec<&Repo> = self.repos().filter(|repo| repo.owner == owner).collect();
        repos.sort_by_cached_key(|repo| repo.name.to_lowercase());
        repos
    }

    /// Where `owner/name` leads, ignoring case; `None` is GitHub's 404.
    pub fn find_repo(&self, owner: &str, name: &str) -> Option<Found<'_>> {
        let key = (self.account_named(owner)?.id, name.to_lowercase());
        if let Some(id) = self.by_name.get(&key) {
            return self.repo(*id).map(Found::Here);
        }
        self.repo(*self.former.get(&key)?).map(Found::Moved)
    }

    /// The teams of an organisation, by id.
    pub fn teams_of(&self, org: AccountId) -> impl Iterator<Item = &Team> {
        self.teams.values().filter(move |team| team.org == org)
    }

    /// Who belongs to a team or to a team inside it, by id.
    pub fn members_of(&self, team: TeamId) -> BTreeSet<AccountId> {
        let mut members = BTreeSet::new();
        let (mut open, mut seen) = (vec![team], BTreeSet::new());
        while let Some(team) = open.pop() {
            if seen.insert(team) {
                members.extend(
                    self.teams
                        .get(&team)
                        .into_iter()
                        .flat_map(|team| &team.members),
                );
                let inside = self
                    .teams
                    .values()
                    .filter(|other| other.parent == Some(team));
                open.extend(inside.map(|other| other.id));
            }
        }
        members
    }

    /// The team with this id.
    pub fn team(&self, id: TeamId) -> Option<&Team> {
        self.teams.get(&id)
    }

    /// `owner/name` of a repository.
    pub fn full_name(&self, repo: &Repo) -> String {
        let owner = self
            .account(repo.owner)
            .map_or("ghost", |account| account.login.as_str());
        format!("{owner}/{}", repo.name)
    }
}
