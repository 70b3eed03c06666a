//! Issues, and what pull requests share with them: order, labels.

use apollo_compiler::resolvers::{FieldError, ObjectValue, ResolveInfo, ResolvedValue};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::comment;
use super::page::{Bounds, Connection, ConnectionName, Direction, Key, Page, order_by};
use super::people;
use super::repository::{Repository, texts};
use super::timeline::{self, Subject};
use super::value;
use crate::world::{self, CommentOn, Happening, Repo};

/// An issue.
#[derive(Clone, Copy)]
pub(super) struct Issue<'a> {
    pub(super) repository: Repository<'a>,
    pub(super) issue: &'a world::Issue,
}

/// `issues` of a repository; none where issues are switched off.
pub(super) fn issues<'a>(
    repository: Repository<'a>,
    info: &ResolveInfo<'_>,
) -> Result<Connection<Issue<'a>>, FieldError> {
    let name = ConnectionName {
        connection: "IssueConnection",
        edge: "IssueEdge",
    };
    let bounds = Bounds::read(info)?;
    let (states, wanted) = (texts(info, "states"), texts(info, "labels"));
    let repo = repository.repo;
    let issues = repo
        .issues
        .values()
        .filter(|_| repo.issues_enabled)
        .filter(|issue| {
            states
                .as_ref()
                .is_none_or(|states| states.contains(&state(issue)))
        })
        .filter(|issue| {
            wanted
                .as_ref()
                .is_none_or(|wanted| has_labels(issue, wanted))
        })
        .map(|issue| Issue { repository, issue });
    let (field, direction) = order_by(info).unwrap_or(("CREATED_AT", Direction::Ascending));
    let page = Page::by_key(bounds.as_ref(), direction, issues, |issue| {
        item_key(repo, CommentOn::Issue, issue.issue, field)
    })?;
    Ok(Connection::new(name, page))
}

fn state(issue: &world::Issue) -> &'static str {
    if issue.is_open() { "OPEN" } else { "CLOSED" }
}

/// Whether an item has at least one of the labels, as GitHub reads the argument.
pub(super) fn has_labels(issue: &world::Issue, wanted: &[&str]) -> bool {
    issue
        .labels
        .iter()
        .any(|label| wanted.contains(&label.as_str()))
}

/// The place of an issue or pull in an `IssueOrder`.
pub(super) fn item_key(repo: &Repo, kind: CommentOn, issue: &world::Issue, field: &str) -> Key {
    let by = match field {
        "UPDATED_AT" => issue.updated_at.as_second(),
        "COMMENTS" => comment::on_item(repo, kind, issue.number).count() as i64,
        _ => issue.created_at.as_second(),
    };
    // The number orders as the id does within one repository, and is the same on both faces.
    Key::Number(by, issue.number)
}

impl ObjectValue for Issue<'_> {
    fn type_name(&self) -> &str {
        "Issue"
    }

    fn resolve_field<'a>(
        &'a self,
        info: &'a ResolveInfo<'a>,
    ) -> Result<ResolvedValue<'a>, FieldError> {
        let (repository, issue) = (self.repository, self.issue);
        Ok(match info.field_name() {
            "databaseId" => value::database_id(issue.id),
            "fullDatabaseId" => value::full_database_id(issue.id),
            "id" => ResolvedValue::leaf(issue.node_id(repository.repo.id)),
            "number" => value::count(issue.number),
            "title" => ResolvedValue::leaf(issue.title.clone()),
            "body" | "bodyText" => ResolvedValue::leaf(issue.body.clone()),
            "author" => people::actor(repository.scene, issue.author),
            "state" => ResolvedValue::leaf(state(issue)),
            "stateReason" => value::optional_text(state_reason(issue)),
            "closed" => ResolvedValue::leaf(!issue.is_open()),
            "createdAt" | "publishedAt" => value::time(issue.created_at),
            "updatedAt" => value::time(issue.updated_at),
            "closedAt" => value::optional_time(issue.closed_at),
            "lastEditedAt" => ResolvedValue::null(),
            "labels" => ResolvedValue::object(labels(repository, issue, info)?),
            "comments" => ResolvedValue::object(comment::comments(
                repository,
                CommentOn::Issue,
                issue.number,
                info,
            )?),
            "timelineItems" => ResolvedValue::object(timeline::items(Subject::Issue(*self), info)?),
            "repository" => ResolvedValue::object(repository),
            field @ ("url" | "resourcePath") => value::address(field, &self.path()),
            _ => return Err(self.unknown_field_error(info)),
        })
    }
}

/// Everybody here closes issues as completed.
fn state_reason(issue: &world::Issue) -> Option<&'static str> {
    let reopened = issue
        .timeline
        .iter()
        .any(|event| event.what == Happening::Reopened);
    match issue.is_open() {
        false => Some("COMPLETED"),
        true => reopened.then_some("REOPENED"),
    }
}

impl Issue<'_> {
    pub(super) fn path(&self) -> String {
        format!("{}/issues/{}", self.repository.path(), self.issue.number)
    }
}

/// `labels` of an issue or pull request.
pub(super) fn labels<'a>(
    repository: Repository<'a>,
    issue: &'a world::Issue,
    info: &ResolveInfo<'_>,
) -> Result<Connection<Label<'a>>, FieldError> {
    let name = ConnectionName {
        connection: "LabelConnection",
        edge: "LabelEdge",
    };
    let bounds = Bounds::read(info)?;
    let labels = issue.labels.iter().map(|name| Label {
        repo: repository.repo,
        name,
    });
    let page = Page::by_key(bounds.as_ref(), Direction::Ascending, labels, |label| {
        Key::Name(label.name.to_lowercase(), 0)
    })?;
    Ok(Connection::new(name, page))
}

/// A label. The world knows its name alone.
#[derive(Clone, Copy)]
pub(super) struct Label<'a> {
    repo: &'a Repo,
    name: &'a str,
}

impl ObjectValue for Label<'_> {
    fn type_name(&self) -> &str {
        "Label"
    }

    fn resolve_field<'a>(
        &'a self,
        info: &'a ResolveInfo<'a>,
    ) -> Result<ResolvedValue<'a>, FieldError> {
        Ok(match info.field_name() {
            "id" => {
                let packed = URL_SAFE_NO_PAD.encode(format!("{}:{}", self.repo.id, self.name));
                ResolvedValue::leaf(format!("LA_{packed}"))
            }
            "name" => ResolvedValue::leaf(self.name.to_owned()),
            "color" => ResolvedValue::leaf("ededed"),
            "description" => ResolvedValue::null(),
            _ => return Err(self.unknown_field_error(info)),
        })
    }
}
