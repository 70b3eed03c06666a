//! Commits and histories.

use std::sync::Arc;

use apollo_compiler::resolvers::{FieldError, ObjectValue, ResolveInfo, ResolvedValue};

use super::page::{Bounds, Connection, ConnectionName, Page};
use super::people::GitActor;
use super::repository::Repository;
use super::value;
use crate::world::{self, node};

/// A commit as one repository has it.
#[derive(Clone)]
pub(super) struct Commit<'a> {
    pub(super) repository: Repository<'a>,
    pub(super) commit: Arc<world::Commit>,
}

impl<'a> Commit<'a> {
    /// Everything reachable from here, newest first. The walk is the world's and kept by it; a page costs a page.
    fn history(&self, info: &ResolveInfo<'_>) -> Result<Connection<Commit<'a>>, FieldError> {
        let name = ConnectionName {
            connection: "CommitHistoryConnection",
            edge: "CommitEdge",
        };
        let history = self.repository.repo.history(self.commit.oid);
        let commits = history.commits();
        let list = self.commit.oid.to_string();
        let page = Page::by_place(
            Bounds::read(info)?.as_ref(),
            &list,
            commits.len(),
            |place| Commit {
                repository: self.repository,
                commit: Arc::clone(&commits[place]),
            },
        )?;
        Ok(Connection::new(name, page))
    }

    fn parents(&self, info: &ResolveInfo<'_>) -> Result<Connection<Commit<'a>>, FieldError> {
        let name = ConnectionName {
            connection: "CommitConnection",
            edge: "CommitEdge",
        };
        // A parent that was cut off (a shallow history) is none, as for GitHub's own grafts.
        let parents: Vec<Commit<'a>> = self
            .commit
            .parents
            .iter()
            .filter_map(|oid| self.repository.commit(*oid))
            .collect();
        let list = self.commit.oid.to_string();
        let page = Page::by_place(
            Bounds::read(info)?.as_ref(),
            &list,
            parents.len(),
            |place| parents[place].clone(),
        )?;
        Ok(Connection::new(name, page))
    }
}

impl ObjectValue for Commit<'_> {
    fn type_name(&self) -> &str {
        "Commit"
    }

    fn resolve_field<'a>(
        &'a self,
        info: &'a ResolveInfo<'a>,
    ) -> Result<ResolvedValue<'a>, FieldError> {
        let commit = &self.commit;
        let signed = |signature: &'a world::Signature| {
            ResolvedValue::object(GitActor {
                scene: self.repository.scene,
                signature,
            })
        };
        Ok(match info.field_name() {
            "oid" => ResolvedValue::leaf(commit.oid.to_string()),
            "abbreviatedOid" => ResolvedValue::leaf(commit.oid.to_string()[..7].to_owned()),
            "id" => ResolvedValue::leaf(node::commit(
                self.repository.repo.id,
                &commit.oid.to_string(),
            )),
            "additions" => value::count(commit.additions),
            "deletions" => value::count(commit.deletions),
            "changedFilesIfAvailable" => value::count(commit.changed_files),
            "author" => signed(&commit.author),
            "committer" => signed(&commit.committer),
            "authoredDate" => value::time(commit.author.at),
            "committedDate" => value::time(commit.committer.at),
            "message" | "messageHeadline" => ResolvedValue::leaf(&*commit.message),
            "history" => ResolvedValue::object(self.history(info)?),
            "parents" => ResolvedValue::object(self.parents(info)?),
            "repository" => ResolvedValue::object(self.repository),
            // No check has ever run here.
            "statusCheckRollup" => ResolvedValue::null(),
            field @ ("url" | "resourcePath") => value::address(
                field,
                &format!("{}/commit/{}", self.repository.path(), commit.oid),
            ),
            _ => return Err(self.unknown_field_error(info)),
        })
    }
}
