//! Teams of an organisation.

use std::collections::BTreeSet;

use super::account::AccountId;
use super::node;

/// A team's database id.
pub type TeamId = u64;

/// A team.
#[derive(Debug, Clone)]
pub struct Team {
    /// Database id.
    pub id: TeamId,
    /// Its organisation.
    pub org: AccountId,
    /// Its name in addresses.
    pub slug: String,
    /// What it is called.
    pub name: String,
    /// The team that it is a part of.
    pub parent: Option<TeamId>,
    /// Who belongs to it itself, not only to a team inside it.
    pub members: BTreeSet<AccountId>,
}

impl Team {
    /// The node id.
    pub fn node_id(&self) -> String {
        node::of("T", self.id)
    }
}
