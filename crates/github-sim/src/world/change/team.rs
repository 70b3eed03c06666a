//! Teams, seats of Copilot, enterprises.

use std::collections::BTreeSet;

use jiff::tz::Offset;

use super::next;
use crate::world::copilot::{Copilot, Enterprise, Quirks};
use crate::world::team::{Team, TeamId};
use crate::world::{AccountId, World, names};

impl World {
    /// A new team without members, inside another one or not.
    pub fn add_team(&mut self, org: AccountId, name: &str, parent: Option<TeamId>) -> TeamId {
        let id = next(&mut self.ids.team);
        let team = Team {
            id,
            org,
            slug: names::login_form(name),
            name: name.to_owned(),
            parent,
            members: BTreeSet::new(),
        };
        self.teams.insert(id, team);
        id
    }

    /// Takes somebody into a team.
    ///
    /// # Panics
    ///
    /// If there is no such team.
    pub fn join_team(&mut self, team: TeamId, member: AccountId) {
        let team = self.teams.get_mut(&team).expect("no team with this id");
        team.members.insert(member);
    }

    /// Takes somebody out of a team.
    ///
    /// # Panics
    ///
    /// If there is no such team.
    pub fn leave_team(&mut self, team: TeamId, member: AccountId) {
        let team = self.teams.get_mut(&team).expect("no team with this id");
        team.members.remove(&member);
    }

    /// Gives these accounts of an organisation seats of Copilot, from today on if none had any.
    pub fn seat(&mut self, org: AccountId, users: impl IntoIterator<Item = AccountId>) {
        let today = Offset::UTC.to_datetime(self.stamp()).date();
        let copilot = self.copilot.entry(org).or_insert_with(|| Copilot {
            since: today,
            seats: BTreeSet::new(),
            quirks: Quirks::default(),
        });
        copilot.seats.extend(users);
    }

    /// Copilot in an organisation, to be changed.
    ///
    /// # Panics
    ///
    /// If it has none.
    pub fn copilot_mut(&mut self, org: AccountId) -> &mut Copilot {
        self.copilot.get_mut(&org).expect("nobody has a seat")
    }

    /// A new enterprise of these organisations.
    pub fn add_enterprise(&mut self, slug: &str, orgs: &[AccountId]) -> u64 {
        let id = next(&mut self.ids.enterprise);
        let enterprise = Enterprise {
            id,
            slug: slug.to_owned(),
            orgs: orgs.to_vec(),
        };
        self.enterprises.insert(id, enterprise);
        id
    }
}
