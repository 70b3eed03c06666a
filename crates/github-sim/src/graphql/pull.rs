//! Pull requests, their reviews, review threads and commits.

use std::collections::BTreeSet;

use apollo_compiler::resolvers::{FieldError, ObjectValue, ResolveInfo, ResolvedValue};

use super::comment::{self, DiffComment};
use super::commit::Commit;
use super::issue::{has_labels, item_key, labels};
use super::page::{Bounds, Connection, ConnectionName, Direction, Key, Page, order_by};
use super::people;
use super::repository::{Repository, text, texts};
use super::timeline::{self, Subject};
use super::value;
use crate::world::{self, CommentOn, Oid, node};

/// A pull request.
#[derive(Clone, Copy)]
pub(super) struct Pull<'a> {
    pub(super) repository: Repository<'a>,
    pub(super) pull: &'a world::Pull,
}

/// `pullRequests` of a repository.
pub(super) fn pulls<'a>(
    repository: Repository<'a>,
    info: &ResolveInfo<'_>,
) -> Result<Connection<Pull<'a>>, FieldError> {
    let name = ConnectionName {
        connection: "PullRequestConnection",
        edge: "PullRequestEdge",
    };
    let bounds = Bounds::read(info)?;
    let (states, wanted) = (texts(info, "states"), texts(info, "labels"));
    let (base, head) = (text(info, "baseRefName"), text(info, "headRefName"));
    let pulls = repository
        .repo
        .pulls
        .values()
        .filter(|pull| {
            states
                .as_ref()
                .is_none_or(|states| states.contains(&pull.state()))
        })
        .filter(|pull| {
            wanted
                .as_ref()
                .is_none_or(|wanted| has_labels(&pull.issue, wanted))
        })
        .filter(|pull| base.is_none_or(|base| base == pull.base))
        .filter(|pull| head.is_none_or(|head| head == pull.head))
        .map(|pull| Pull { repository, pull });
    let (field, direction) = order_by(info).unwrap_or(("CREATED_AT", Direction::Ascending));
    let page = Page::by_key(bounds.as_ref(), direction, pulls, |pull| {
        item_key(repository.repo, CommentOn::Pull, &pull.pull.issue, field)
    })?;
    Ok(Connection::new(name, page))
}

impl<'a> Pull<'a> {
    pub(super) fn path(&self) -> String {
        format!("{}/pull/{}", self.repository.path(), self.pull.number())
    }

    fn reviews(&self, info: &ResolveInfo<'_>) -> Result<Connection<Review<'a>>, FieldError> {
        let name = ConnectionName {
            connection: "PullRequestReviewConnection",
            edge: "PullRequestReviewEdge",
        };
        let bounds = Bounds::read(info)?;
        let states = texts(info, "states");
        let reviews = self
            .repository
            .repo
            .reviews_of(self.pull.number())
            .filter(|review| {
                states
                    .as_ref()
                    .is_none_or(|states| states.contains(&review.state.as_str()))
            })
            .map(|review| Review {
                pull: *self,
                review,
            });
        let page = Page::by_key(bounds.as_ref(), Direction::Ascending, reviews, |review| {
            Key::Number(review.review.submitted_at.as_second(), review.review.id)
        })?;
        Ok(Connection::new(name, page))
    }

    /// Review threads: one for each diff comment that answers no other that is there. Where the first of a thread is
    /// deleted, the thread goes on with the next.
    fn threads(&self, info: &ResolveInfo<'_>) -> Result<Connection<Thread<'a>>, FieldError> {
        let name = ConnectionName {
            connection: "PullRequestReviewThreadConnection",
            edge: "PullRequestReviewThreadEdge",
        };
        let bounds = Bounds::read(info)?;
        let mut begun = BTreeSet::new();
        let threads = comment::on_diff_of(*self)
            .filter(|comment| begun.insert(thread_of(comment.comment)))
            .map(|first| Thread { first });
        let page = Page::by_key(bounds.as_ref(), Direction::Ascending, threads, |thread| {
            Key::Number(
                thread.first.comment.created_at.as_second(),
                thread.first.comment.id,
            )
        })?;
        Ok(Connection::new(name, page))
    }

    fn commits(&self, info: &ResolveInfo<'_>) -> Result<Connection<PullCommit<'a>>, FieldError> {
        let name = ConnectionName {
            connection: "PullRequestCommitConnection",
            edge: "PullRequestCommitEdge",
        };
        let oids: Vec<Oid> = self
            .pull
            .commits
            .iter()
            .copied()
            .filter(|oid| self.repository.repo.commit(oid).is_some())
            .collect();
        let list = self.pull.head_oid.to_string();
        let page = Page::by_place(Bounds::read(info)?.as_ref(), &list, oids.len(), |place| {
            PullCommit {
                pull: *self,
                oid: oids[place],
            }
        })?;
        Ok(Connection::new(name, page))
    }
}

impl ObjectValue for Pull<'_> {
    fn type_name(&self) -> &str {
        "PullRequest"
    }

    fn resolve_field<'a>(
        &'a self,
        info: &'a ResolveInfo<'a>,
    ) -> Result<ResolvedValue<'a>, FieldError> {
        let (repository, pull) = (self.repository, self.pull);
        let (scene, repo) = (repository.scene, repository.repo);
        Ok(match info.field_name() {
            "databaseId" => value::database_id(pull.id),
            "fullDatabaseId" => value::full_database_id(pull.id),
            "id" => ResolvedValue::leaf(pull.node_id(repo.id)),
            "number" => value::count(pull.number()),
            "title" => ResolvedValue::leaf(pull.issue.title.clone()),
            "body" | "bodyText" => ResolvedValue::leaf(pull.issue.body.clone()),
            "author" => people::actor(scene, pull.issue.author),
            "state" => ResolvedValue::leaf(pull.state()),
            "isDraft" => ResolvedValue::leaf(pull.draft),
            "closed" => ResolvedValue::leaf(!pull.is_open()),
            "merged" => ResolvedValue::leaf(pull.merged.is_some()),
            "createdAt" | "publishedAt" => value::time(pull.issue.created_at),
            "updatedAt" => value::time(pull.issue.updated_at),
            "closedAt" => value::optional_time(pull.issue.closed_at),
            "mergedAt" => value::optional_time(pull.merged.as_ref().map(|merge| merge.at)),
            // Nothing here keeps the time of an edit.
            "lastEditedAt" => ResolvedValue::null(),
            "mergedBy" => people::actor(scene, pull.merged.as_ref().and_then(|merge| merge.by)),
            "mergeCommit" => {
                let commit = pull
                    .merged
                    .as_ref()
                    .and_then(|merge| repository.commit(merge.commit));
                ResolvedValue::nullable_object(commit)
            }
            // GitHub computes it in the background and forgets it after the merge; nothing conflicts here.
            "mergeable" => ResolvedValue::leaf(if pull.is_open() {
                "MERGEABLE"
            } else {
                "UNKNOWN"
            }),
            "statusCheckRollup" => ResolvedValue::null(),
            "additions" => value::count(pull.additions),
            "deletions" => value::count(pull.deletions),
            "changedFiles" => value::count(pull.changed_files),
            "baseRefName" => ResolvedValue::leaf(pull.base.clone()),
            "baseRefOid" => ResolvedValue::leaf(pull.base_oid.to_string()),
            "headRefName" => ResolvedValue::leaf(pull.head.clone()),
            "headRefOid" => ResolvedValue::leaf(pull.head_oid.to_string()),
            "labels" => ResolvedValue::object(labels(repository, &pull.issue, info)?),
            "comments" => ResolvedValue::object(comment::comments(
                repository,
                CommentOn::Pull,
                pull.number(),
                info,
            )?),
            "totalCommentsCount" => {
                let conversation = comment::on_item(repo, CommentOn::Pull, pull.number()).count();
                value::count((conversation + comment::on_diff_of(*self).count()) as u64)
            }
            "reviews" => ResolvedValue::object(self.reviews(info)?),
            "reviewThreads" => ResolvedValue::object(self.threads(info)?),
            "commits" => ResolvedValue::object(self.commits(info)?),
            "timelineItems" => ResolvedValue::object(timeline::items(Subject::Pull(*self), info)?),
            "repository" => ResolvedValue::object(repository),
            field @ ("url" | "resourcePath") => value::address(field, &self.path()),
            _ => return Err(self.unknown_field_error(info)),
        })
    }
}

/// A review.
#[derive(Clone, Copy)]
pub(super) struct Review<'a> {
    pub(super) pull: Pull<'a>,
    pub(super) review: &'a world::Review,
}

impl ObjectValue for Review<'_> {
    fn type_name(&self) -> &str {
        "PullRequestReview"
    }

    fn resolve_field<'a>(
        &'a self,
        info: &'a ResolveInfo<'a>,
    ) -> Result<ResolvedValue<'a>, FieldError> {
        let review = self.review;
        let repository = self.pull.repository;
        Ok(match info.field_name() {
            "databaseId" => value::database_id(review.id),
            "fullDatabaseId" => value::full_database_id(review.id),
            "id" => ResolvedValue::leaf(review.node_id(repository.repo.id)),
            "author" => people::actor(repository.scene, review.author),
            "body" | "bodyText" => ResolvedValue::leaf(review.body.clone()),
            "state" => ResolvedValue::leaf(review.state.as_str()),
            "createdAt" | "publishedAt" | "submittedAt" => value::time(review.submitted_at),
            "updatedAt" => value::time(review.updated_at),
            "lastEditedAt" => ResolvedValue::null(),
            "comments" => {
                let comments = comment::on_diff_of(self.pull)
                    .filter(|comment| comment.comment.review == review.id);
                ResolvedValue::object(comment::diff_comments(comments, info)?)
            }
            field @ ("url" | "resourcePath") => value::address(
                field,
                &format!("{}#pullrequestreview-{}", self.pull.path(), review.id),
            ),
            _ => return Err(self.unknown_field_error(info)),
        })
    }
}

/// A diff comment and its answers.
#[derive(Clone, Copy)]
struct Thread<'a> {
    first: DiffComment<'a>,
}

impl ObjectValue for Thread<'_> {
    fn type_name(&self) -> &str {
        "PullRequestReviewThread"
    }

    fn resolve_field<'a>(
        &'a self,
        info: &'a ResolveInfo<'a>,
    ) -> Result<ResolvedValue<'a>, FieldError> {
        let first = self.first.comment;
        let pull = self.first.pull;
        Ok(match info.field_name() {
            "id" => ResolvedValue::leaf(node::within("PRRT", pull.repository.repo.id, first.id)),
            // Nothing here resolves a thread or outdates it.
            "isResolved" | "isOutdated" => ResolvedValue::leaf(false),
            "path" => ResolvedValue::leaf(first.path.clone()),
            "comments" => {
                let comments = comment::on_diff_of(pull)
                    .filter(|comment| thread_of(comment.comment) == thread_of(first));
                ResolvedValue::object(comment::diff_comments(comments, info)?)
            }
            _ => return Err(self.unknown_field_error(info)),
        })
    }
}

/// The comment that a thread began with, whether or not it is still there.
fn thread_of(comment: &world::DiffComment) -> u64 {
    comment.in_reply_to.unwrap_or(comment.id)
}

/// A commit as part of a pull request.
#[derive(Clone, Copy)]
struct PullCommit<'a> {
    pull: Pull<'a>,
    oid: Oid,
}

impl ObjectValue for PullCommit<'_> {
    fn type_name(&self) -> &str {
        "PullRequestCommit"
    }

    fn resolve_field<'a>(
        &'a self,
        info: &'a ResolveInfo<'a>,
    ) -> Result<ResolvedValue<'a>, FieldError> {
        Ok(match info.field_name() {
            "id" => {
                let commit = node::commit(self.pull.repository.repo.id, &self.oid.to_string());
                ResolvedValue::leaf(format!("PURC_{}{commit}", self.pull.pull.id))
            }
            "commit" => {
                let commit: Option<Commit<'_>> = self.pull.repository.commit(self.oid);
                ResolvedValue::nullable_object(commit)
            }
            field @ ("url" | "resourcePath") => {
                value::address(field, &format!("{}/commits/{}", self.pull.path(), self.oid))
            }
            _ => return Err(self.unknown_field_error(info)),
        })
    }
}
