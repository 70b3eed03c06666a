//! Timelines of pull requests and issues.
//!
//! GitHub's timelines hold fifty kinds of items; here are those that the world keeps. Comments, reviews and commits
//! are reached through their own connections instead.

use apollo_compiler::resolvers::{FieldError, ObjectValue, ResolveInfo, ResolvedValue};
use jiff::Timestamp;

use super::issue::Issue;
use super::page::{Bounds, Connection, ConnectionName, Direction, Key, Page};
use super::people;
use super::pull::{Pull, Review};
use super::repository::{Repository, text, texts};
use super::value;
use crate::world::{Happening, TimelineEvent};

/// Whose timeline it is.
#[derive(Clone, Copy)]
pub(super) enum Subject<'a> {
    Pull(Pull<'a>),
    Issue(Issue<'a>),
}

impl<'a> Subject<'a> {
    fn repository(&self) -> Repository<'a> {
        match self {
            Subject::Pull(pull) => pull.repository,
            Subject::Issue(issue) => issue.repository,
        }
    }

    fn timeline(&self) -> &'a [TimelineEvent] {
        match self {
            Subject::Pull(pull) => &pull.pull.issue.timeline,
            Subject::Issue(issue) => &issue.issue.timeline,
        }
    }

    fn path(&self) -> String {
        match self {
            Subject::Pull(pull) => pull.path(),
            Subject::Issue(issue) => issue.path(),
        }
    }

    fn connection(&self) -> ConnectionName {
        match self {
            Subject::Pull(_) => ConnectionName {
                connection: "PullRequestTimelineItemsConnection",
                edge: "PullRequestTimelineItemsEdge",
            },
            Subject::Issue(_) => ConnectionName {
                connection: "IssueTimelineItemsConnection",
                edge: "IssueTimelineItemsEdge",
            },
        }
    }

    fn object(self) -> ResolvedValue<'a> {
        match self {
            Subject::Pull(pull) => ResolvedValue::object(pull),
            Subject::Issue(issue) => ResolvedValue::object(issue),
        }
    }
}

/// `timelineItems`, oldest first, of the types asked for, not older than `since`.
pub(super) fn items<'a>(
    subject: Subject<'a>,
    info: &ResolveInfo<'_>,
) -> Result<Connection<TimelineItem<'a>>, FieldError> {
    let bounds = Bounds::read(info)?;
    let types = texts(info, "itemTypes");
    let since: Option<Timestamp> = text(info, "since").and_then(|since| since.parse().ok());
    let items = subject
        .timeline()
        .iter()
        .filter(|event| {
            types
                .as_ref()
                .is_none_or(|types| types.contains(&item_type(event.what)))
        })
        .filter(|event| since.is_none_or(|since| event.at >= since))
        .map(|event| TimelineItem { subject, event });
    let page = Page::by_key(bounds.as_ref(), Direction::Ascending, items, |item| {
        Key::Number(item.event.at.as_second(), item.event.id)
    })?;
    Ok(Connection::new(subject.connection(), page))
}

/// The value of `itemTypes` that asks for this.
fn item_type(what: Happening) -> &'static str {
    match what {
        Happening::Closed => "CLOSED_EVENT",
        Happening::Reopened => "REOPENED_EVENT",
        Happening::Merged { .. } => "MERGED_EVENT",
        Happening::ReadyForReview => "READY_FOR_REVIEW_EVENT",
        Happening::ConvertedToDraft => "CONVERT_TO_DRAFT_EVENT",
        Happening::HeadForcePushed => "HEAD_REF_FORCE_PUSHED_EVENT",
        Happening::ReviewDismissed { .. } => "REVIEW_DISMISSED_EVENT",
    }
}

/// One entry of a timeline.
#[derive(Clone, Copy)]
pub(super) struct TimelineItem<'a> {
    subject: Subject<'a>,
    event: &'a TimelineEvent,
}

impl ObjectValue for TimelineItem<'_> {
    fn type_name(&self) -> &str {
        self.event.type_name()
    }

    fn resolve_field<'a>(
        &'a self,
        info: &'a ResolveInfo<'a>,
    ) -> Result<ResolvedValue<'a>, FieldError> {
        let event = self.event;
        let repository = self.subject.repository();
        Ok(match info.field_name() {
            "actor" => people::actor(repository.scene, event.actor),
            "createdAt" => value::time(event.at),
            "databaseId" => value::database_id(event.id),
            "id" => ResolvedValue::leaf(event.node_id(repository.repo.id)),
            "closable" | "pullRequest" => self.subject.object(),
            "commit" => {
                let commit = match event.what {
                    Happening::Merged { commit } => repository.commit(commit),
                    _ => None,
                };
                ResolvedValue::nullable_object(commit)
            }
            "review" => {
                let review = match (event.what, self.subject) {
                    (Happening::ReviewDismissed { review }, Subject::Pull(pull)) => repository
                        .repo
                        .reviews
                        .get(&review)
                        .map(|review| Review { pull, review }),
                    _ => None,
                };
                ResolvedValue::nullable_object(review)
            }
            "stateReason" => match self.subject {
                Subject::Issue(_) => ResolvedValue::leaf("COMPLETED"),
                Subject::Pull(_) => ResolvedValue::null(),
            },
            field @ ("url" | "resourcePath") => value::address(
                field,
                &format!("{}#event-{}", self.subject.path(), event.id),
            ),
            _ => return Err(self.unknown_field_error(info)),
        })
    }
}
