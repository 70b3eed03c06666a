//! Comments: on issues, in pull requests' conversations, on diffs.

use apollo_compiler::resolvers::{FieldError, ObjectValue, ResolveInfo, ResolvedValue};

use super::page::{Bounds, Connection, ConnectionName, Direction, Key, Page};
use super::people;
use super::pull::Pull;
use super::repository::Repository;
use super::value;
use crate::world::{self, CommentOn, Repo};

/// The conversation comments of one issue or pull request.
pub(super) fn on_item(
    repo: &Repo,
    on: CommentOn,
    number: u64,
) -> impl Iterator<Item = &world::Comment> {
    repo.comments
        .values()
        .filter(move |comment| comment.on == on && comment.number == number)
}

/// `comments` of an issue or pull request.
pub(super) fn comments<'a>(
    repository: Repository<'a>,
    on: CommentOn,
    number: u64,
    info: &ResolveInfo<'_>,
) -> Result<Connection<Comment<'a>>, FieldError> {
    let name = ConnectionName {
        connection: "IssueCommentConnection",
        edge: "IssueCommentEdge",
    };
    let bounds = Bounds::read(info)?;
    let comments = on_item(repository.repo, on, number).map(|comment| Comment {
        repository,
        comment,
    });
    let page = Page::by_key(bounds.as_ref(), Direction::Ascending, comments, |comment| {
        Key::Number(comment.comment.created_at.as_second(), comment.comment.id)
    })?;
    Ok(Connection::new(name, page))
}

/// A comment in a conversation.
#[derive(Clone, Copy)]
pub(super) struct Comment<'a> {
    repository: Repository<'a>,
    comment: &'a world::Comment,
}

impl ObjectValue for Comment<'_> {
    fn type_name(&self) -> &str {
        "IssueComment"
    }

    fn resolve_field<'a>(
        &'a self,
        info: &'a ResolveInfo<'a>,
    ) -> Result<ResolvedValue<'a>, FieldError> {
        let (repository, comment) = (self.repository, self.comment);
        Ok(match info.field_name() {
            "databaseId" => value::database_id(comment.id),
            "fullDatabaseId" => value::full_database_id(comment.id),
            "id" => ResolvedValue::leaf(comment.node_id(repository.repo.id)),
            "author" => people::actor(repository.scene, comment.author),
            "body" | "bodyText" => ResolvedValue::leaf(comment.body.clone()),
            "createdAt" | "publishedAt" => value::time(comment.created_at),
            "updatedAt" => value::time(comment.updated_at),
            "lastEditedAt" => value::optional_time(
                (comment.updated_at != comment.created_at).then_some(comment.updated_at),
            ),
            field @ ("url" | "resourcePath") => {
                let kind = match comment.on {
                    CommentOn::Issue => "issues",
                    CommentOn::Pull => "pull",
                };
                let (path, number) = (repository.path(), comment.number);
                value::address(
                    field,
                    &format!("{path}/{kind}/{number}#issuecomment-{}", comment.id),
                )
            }
            _ => return Err(self.unknown_field_error(info)),
        })
    }
}

/// The diff comments of a pull request.
pub(super) fn on_diff_of(pull: Pull<'_>) -> impl Iterator<Item = DiffComment<'_>> {
    let comments = pull.repository.repo.diff_comments.values();
    comments
        .filter(move |comment| comment.number == pull.pull.number())
        .map(move |comment| DiffComment { pull, comment })
}

/// `comments` of a review or of a review thread.
pub(super) fn diff_comments<'a>(
    comments: impl Iterator<Item = DiffComment<'a>>,
    info: &ResolveInfo<'_>,
) -> Result<Connection<DiffComment<'a>>, FieldError> {
    let name = ConnectionName {
        connection: "PullRequestReviewCommentConnection",
        edge: "PullRequestReviewCommentEdge",
    };
    let bounds = Bounds::read(info)?;
    let page = Page::by_key(bounds.as_ref(), Direction::Ascending, comments, |comment| {
        Key::Number(comment.comment.created_at.as_second(), comment.comment.id)
    })?;
    Ok(Connection::new(name, page))
}

/// A comment on a diff.
#[derive(Clone, Copy)]
pub(super) struct DiffComment<'a> {
    pub(super) pull: Pull<'a>,
    pub(super) comment: &'a world::DiffComment,
}

impl ObjectValue for DiffComment<'_> {
    fn type_name(&self) -> &str {
        "PullRequestReviewComment"
    }

    fn resolve_field<'a>(
        &'a self,
        info: &'a ResolveInfo<'a>,
    ) -> Result<ResolvedValue<'a>, FieldError> {
        let comment = self.comment;
        let repository = self.pull.repository;
        Ok(match info.field_name() {
            "databaseId" => value::database_id(comment.id),
            "fullDatabaseId" => value::full_database_id(comment.id),
            "id" => ResolvedValue::leaf(comment.node_id(repository.repo.id)),
            "author" => people::actor(repository.scene, comment.author),
            "body" | "bodyText" => ResolvedValue::leaf(comment.body.clone()),
            "path" => ResolvedValue::leaf(comment.path.clone()),
            // Nothing here is written and not submitted.
            "state" => ResolvedValue::leaf("SUBMITTED"),
            "createdAt" | "publishedAt" => value::time(comment.created_at),
            "updatedAt" => value::time(comment.updated_at),
            "lastEditedAt" => value::optional_time(
                (comment.updated_at != comment.created_at).then_some(comment.updated_at),
            ),
            field @ ("url" | "resourcePath") => value::address(
                field,
                &format!("{}#discussion_r{}", self.pull.path(), comment.id),
            ),
            _ => return Err(self.unknown_field_error(info)),
        })
    }
}
