//! Repositories, their lists, their branches.

use apollo_compiler::resolvers::{FieldError, ObjectValue, ResolveInfo, ResolvedValue};
use apollo_compiler::response::JsonValue;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::commit::Commit;
use super::issue::{self, Issue};
use super::page::{Bounds, Connection, ConnectionName, Direction, Key, Page, order_by};
use super::people::Person;
use super::problem;
use super::pull::{self, Pull};
use super::{Scene, value};
use crate::world::{AccountId, Found, Oid, Repo};

/// A repository.
#[derive(Clone, Copy)]
pub(super) struct Repository<'a> {
    pub(super) scene: Scene<'a>,
    pub(super) repo: &'a Repo,
}

impl<'a> Repository<'a> {
    /// The repository that `name` (and `followRenames`) lead to; GitHub's error if they lead nowhere.
    pub(super) fn find(
        scene: Scene<'a>,
        owner: &str,
        info: &ResolveInfo<'_>,
    ) -> Result<Repository<'a>, FieldError> {
        let name = text(info, "name").unwrap_or_default();
        let follows = info
            .arguments()
            .get("followRenames")
            .and_then(JsonValue::as_bool)
            .unwrap_or(true);
        let repo = match scene.world.find_repo(owner, name) {
            Some(Found::Here(repo)) => Some(repo),
            Some(Found::Moved(repo)) => follows.then_some(repo),
            None => None,
        };
        match repo.filter(|repo| scene.sees(repo)) {
            Some(repo) => Ok(Repository { scene, repo }),
            None => Err(problem::not_found(format_args!(
                "a Repository with the name '{owner}/{name}'"
            ))),
        }
    }

    /// The page of the site.
    pub(super) fn path(&self) -> String {
        format!("/{}", self.scene.world.full_name(self.repo))
    }

    /// The commit with this id, if it is in the repository.
    pub(super) fn commit(&self, oid: Oid) -> Option<Commit<'a>> {
        let commit = self.repo.commit(&oid)?;
        Some(Commit {
            repository: *self,
            commit: std::sync::Arc::clone(commit),
        })
    }

    fn branch(&self, name: &str) -> Option<Ref<'a>> {
        let (name, tip) = self.repo.branches.get_key_value(name)?;
        Some(Ref {
            repository: *self,
            name,
            tip: *tip,
        })
    }

    /// `object(oid:)` or `object(expression:)`; of expressions, ids, branch names and `HEAD`.
    fn object(&self, info: &ResolveInfo<'_>) -> Option<Commit<'a>> {
        if let Some(oid) = text(info, "oid") {
            return self.commit(oid.parse().ok()?);
        }
        let expression = text(info, "expression")?;
        let branch = match expression {
            "HEAD" => self.repo.default_branch.as_str(),
            name => name.strip_prefix("refs/heads/").unwrap_or(name),
        };
        match self.repo.branches.get(branch) {
            Some(tip) => self.commit(*tip),
            None => self.commit(expression.parse().ok()?),
        }
    }
}

/// A text argument.
pub(super) fn text<'a>(info: &'a ResolveInfo<'_>, argument: &str) -> Option<&'a str> {
    info.arguments().get(argument)?.as_str()
}

/// A list of texts as argument; `None` when it was not given, which means: all.
pub(super) fn texts<'a>(info: &'a ResolveInfo<'_>, argument: &str) -> Option<Vec<&'a str>> {
    Some(
        info.arguments()
            .get(argument)?
            .as_array()?
            .iter()
            .filter_map(|value| value.as_str())
            .collect(),
    )
}

/// A number argument.
fn number(info: &ResolveInfo<'_>) -> i64 {
    info.arguments()
        .get("number")
        .and_then(JsonValue::as_i64)
        .unwrap_or_default()
}

impl ObjectValue for Repository<'_> {
    fn type_name(&self) -> &str {
        "Repository"
    }

    fn resolve_field<'a>(
        &'a self,
        info: &'a ResolveInfo<'a>,
    ) -> Result<ResolvedValue<'a>, FieldError> {
        let repo = self.repo;
        Ok(match info.field_name() {
            "databaseId" => value::database_id(repo.id),
            "id" => ResolvedValue::leaf(repo.node_id()),
            "name" => ResolvedValue::leaf(repo.name.clone()),
            "nameWithOwner" => ResolvedValue::leaf(self.scene.world.full_name(repo)),
            "description" => value::optional_text(
                Some(repo.description.as_str()).filter(|text| !text.is_empty()),
            ),
            "owner" => {
                let owner = self.scene.world.account(repo.owner);
                ResolvedValue::nullable_object(owner.map(|owner| Person::of(self.scene, owner)))
            }
            "isArchived" => ResolvedValue::leaf(repo.archived),
            "isDisabled" => ResolvedValue::leaf(repo.disabled),
            "isEmpty" => ResolvedValue::leaf(repo.is_empty()),
            "isFork" => ResolvedValue::leaf(repo.fork),
            "isPrivate" => ResolvedValue::leaf(repo.private),
            "hasIssuesEnabled" => ResolvedValue::leaf(repo.issues_enabled),
            "archivedAt" => value::optional_time(repo.archived.then_some(repo.updated_at)),
            "createdAt" => value::time(repo.created_at),
            "pushedAt" => value::optional_time((!repo.graph.is_empty()).then_some(repo.pushed_at)),
            "updatedAt" => value::time(repo.updated_at),
            field @ ("url" | "resourcePath") => value::address(field, &self.path()),
            "defaultBranchRef" => ResolvedValue::nullable_object(self.branch(&repo.default_branch)),
            "ref" => {
                let name = text(info, "qualifiedName").unwrap_or_default();
                ResolvedValue::nullable_object(
                    self.branch(name.strip_prefix("refs/heads/").unwrap_or(name)),
                )
            }
            "object" => ResolvedValue::nullable_object(self.object(info)),
            "pullRequests" => ResolvedValue::object(pull::pulls(*self, info)?),
            "pullRequest" => {
                let number = number(info);
                let found = u64::try_from(number)
                    .ok()
                    .and_then(|number| repo.pulls.get(&number));
                let pull = found.ok_or_else(|| {
                    problem::not_found(format_args!("a PullRequest with the number of {number}"))
                })?;
                ResolvedValue::object(Pull {
                    repository: *self,
                    pull,
                })
            }
            "issues" => ResolvedValue::object(issue::issues(*self, info)?),
            "issue" => {
                let number = number(info);
                let found = u64::try_from(number)
                    .ok()
                    .and_then(|number| repo.issues.get(&number));
                let issue = found.filter(|_| repo.issues_enabled).ok_or_else(|| {
                    problem::not_found(format_args!("an Issue with the number of {number}"))
                })?;
                ResolvedValue::object(Issue {
                    repository: *self,
                    issue,
                })
            }
            _ => return Err(self.unknown_field_error(info)),
        })
    }
}

/// The repositories of one account.
pub(super) struct Repositories<'a> {
    pub(super) scene: Scene<'a>,
    pub(super) owner: AccountId,
}

impl<'a> Repositories<'a> {
    /// The page that a `repositories` field asks for. The affiliations are taken as said: nobody collaborates here,
    /// so an owner's own are all there are.
    pub(super) fn page(
        &self,
        info: &ResolveInfo<'_>,
    ) -> Result<Connection<Repository<'a>>, FieldError> {
        let name = ConnectionName {
            connection: "RepositoryConnection",
            edge: "RepositoryEdge",
        };
        let bounds = Bounds::read(info)?;
        let flag = |argument: &str| info.arguments().get(argument).and_then(JsonValue::as_bool);
        let (archived, fork) = (flag("isArchived"), flag("isFork"));
        let repositories = self
            .scene
            .world
            .repos()
            .filter(|repo| repo.owner == self.owner && self.scene.sees(repo))
            .filter(|repo| archived.is_none_or(|archived| archived == repo.archived))
            .filter(|repo| fork.is_none_or(|fork| fork == repo.fork))
            .map(|repo| Repository {
                scene: self.scene,
                repo,
            });
        let (field, direction) = order_by(info).unwrap_or(("CREATED_AT", Direction::Ascending));
        let page = Page::by_key(bounds.as_ref(), direction, repositories, |repository| {
            let repo = repository.repo;
            match field {
                "NAME" => Key::Name(repo.name.to_lowercase(), repo.id),
                "PUSHED_AT" => Key::Number(repo.pushed_at.as_second(), repo.id),
                "UPDATED_AT" => Key::Number(repo.updated_at.as_second(), repo.id),
                _ => Key::Number(repo.created_at.as_second(), repo.id),
            }
        })?;
        Ok(Connection::new(name, page))
    }
}

/// A branch.
#[derive(Clone, Copy)]
struct Ref<'a> {
    repository: Repository<'a>,
    name: &'a str,
    tip: Oid,
}

impl ObjectValue for Ref<'_> {
    fn type_name(&self) -> &str {
        "Ref"
    }

    fn resolve_field<'a>(
        &'a self,
        info: &'a ResolveInfo<'a>,
    ) -> Result<ResolvedValue<'a>, FieldError> {
        Ok(match info.field_name() {
            "id" => {
                let packed = format!("{}:refs/heads/{}", self.repository.repo.id, self.name);
                ResolvedValue::leaf(format!("REF_{}", URL_SAFE_NO_PAD.encode(packed)))
            }
            "name" => ResolvedValue::leaf(self.name.to_owned()),
            "prefix" => ResolvedValue::leaf("refs/heads/"),
            "repository" => ResolvedValue::object(self.repository),
            "target" => ResolvedValue::nullable_object(self.repository.commit(self.tip)),
            _ => return Err(self.unknown_field_error(info)),
        })
    }
}
