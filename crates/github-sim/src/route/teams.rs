//! Teams of an organisation and their members.

use serde_json::{Value, json};

use super::page::Page;
use super::reply::Reply;
use super::{Routed, Scene, WEB};
use crate::auth::Viewer;
use crate::world::{Account, AccountId, Team};

impl<'a> Scene<'a> {
    /// `GET /orgs/{org}/teams`
    pub(super) fn teams(&self, org: Option<&'a Account>) -> Routed {
        let org = self.inside(org)?;
        let kind = self
            .call
            .query
            .one_of("team_type", &["all", "enterprise", "organization"])
            .map_err(|field| Reply::invalid("Team", field))?;
        let teams: Vec<&Team> = self
            .world
            .teams_of(org.id)
            .filter(|_| kind != "enterprise")
            .collect();
        let address = format!("/organizations/{}/teams", org.id);
        let reply = Page::of(self.call).answer(self.call, &address, &teams, |team| {
            let mut body = self.show_team(org, team);
            let parent = team.parent.and_then(|parent| self.world.team(parent));
            body["parent"] = parent.map_or(Value::Null, |parent| self.show_team(org, parent));
            body
        });
        Ok(reply)
    }

    /// `GET /orgs/{org}/teams/{team_slug}/members`: those of teams inside it as well.
    pub(super) fn team_members(&self, org: Option<&'a Account>, slug: &str) -> Routed {
        let org = self.inside(org)?;
        let role = self
            .call
            .query
            .one_of("role", &["all", "member", "maintainer"])
            .map_err(|field| Reply::invalid("TeamMember", field))?;
        let team = self
            .world
            .teams_of(org.id)
            .find(|team| team.slug.eq_ignore_ascii_case(slug))
            .ok_or_else(Reply::not_found)?;
        let members: Vec<AccountId> = self
            .world
            .members_of(team.id)
            .into_iter()
            .filter(|_| role != "maintainer")
            .collect();
        let address = format!("/organizations/{}/team/{}/members", org.id, team.id);
        let reply = Page::of(self.call).answer(self.call, &address, &members, |member| {
            self.simple_user(Some(*member))
        });
        Ok(reply)
    }

    /// The organisation, if the caller sees its inside: anybody's personal token here does, as it sees everything.
    pub(super) fn inside(&self, org: Option<&'a Account>) -> Result<&'a Account, Reply> {
        let org = org.ok_or_else(Reply::not_found)?;
        match self.viewer {
            Viewer::Anonymous => Err(Reply::error(401, "Requires authentication")),
            Viewer::App => Err(Reply::error(403, "Resource not accessible by integration")),
            Viewer::Installation { owner, .. } if *owner != org.id => Err(Reply::not_found()),
            Viewer::User { .. } | Viewer::Installation { .. } => Ok(org),
        }
    }

    fn show_team(&self, org: &Account, team: &Team) -> Value {
        let here = format!(
            "{}/organizations/{}/team/{}",
            self.call.base, org.id, team.id
        );
        json!({
            "id": team.id,
            "node_id": team.node_id(),
            "name": team.name,
            "slug": team.slug,
            "description": null,
            "privacy": "closed",
            "notification_setting": "notifications_enabled",
            "permission": "pull",
            "url": here,
            "html_url": format!("{WEB}/orgs/{}/teams/{}", org.login, team.slug),
            "members_url": format!("{here}/members{{/member}}"),
            "repositories_url": format!("{here}/repos"),
            "type": "organization",
            "organization_id": org.id,
        })
    }
}
