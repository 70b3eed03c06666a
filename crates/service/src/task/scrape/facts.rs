//! Turns what GitHub answered into facts. Decides ids, times, actors and numbers; sends nothing and stores nothing.
//!
//! What lies before the tracking start is made into facts all the same: the store refuses it.

use github::graphql::{self, TimelineItem};
use github::person::Person;
use github::rest::comments::{Conversation, IssueComment};
use github::rest::review_comments::ReviewComment;
use jiff::{SignedDuration, Timestamp};
use ledger::event::{Actor, CommentOn, Event, Fact, ReviewState, id};

/// A merge closes a pull request for good, and GitHub writes both down, at most this far apart.
const MERGE_CLOSES_WITHIN: SignedDuration = SignedDuration::from_secs(2);

/// A commit of the default branch.
pub(super) fn commit(commit: &graphql::Commit) -> Event {
    // A merge repeats the lines of its branch.
    let is_merge = commit.parents.total_count > 1;
    let lines = |count: u64| if is_merge { 0 } else { count };
    Event {
        id: id::commit(&commit.oid),
        at: commit.committed_date,
        actor: actor(Person::author_of(commit)),
        fact: Fact::Commit {
            additions: lines(commit.additions),
            deletions: lines(commit.deletions),
            changed_files: commit.changed_files_if_available.unwrap_or(0),
        },
        version: 0,
    }
}

/// A pull request: its opening, its closes, its merge and its reviews. `reviews` and `timeline` are whole.
pub(super) fn pull(
    pull: &graphql::Pull,
    reviews: &[graphql::Review],
    timeline: &[TimelineItem],
    start: Timestamp,
) -> Vec<Event> {
    let number = pull.number;
    let author = person(pull.author.as_ref());
    let opened = pull.created_at;
    let mut facts = vec![event(
        id::item(pull.database_id),
        opened,
        author.clone(),
        Fact::PullOpened { number },
    )];
    if let Some(merged) = pull.merged_at {
        let fact = Fact::PullMerged {
            number,
            merged_by: pull.merged_by.as_ref().map(|by| person(Some(by))),
            seconds_open: seconds(opened, merged),
            lines: pull.additions + pull.deletions,
        };
        facts.push(event(
            id::item(pull.database_id),
            merged,
            author.clone(),
            fact,
        ));
    }
    // Only the last close can be the merge's, however soon it followed another one.
    let last = closes(timeline).count().checked_sub(1);
    for (place, (closed, _)) in closes(timeline).enumerate() {
        let by_merge = pull
            .merged_at
            .is_some_and(|merged| closed.duration_since(merged).abs() <= MERGE_CLOSES_WITHIN);
        if !(by_merge && Some(place) == last) {
            let fact = Fact::PullClosed {
                number,
                seconds_open: seconds(opened, closed),
            };
            facts.push(event(
                id::close(pull.database_id, closed),
                closed,
                author.clone(),
                fact,
            ));
        }
    }
    facts.extend(pull_reviews(pull, &author, reviews, timeline, start));
    facts
}

fn pull_reviews(
    pull: &graphql::Pull,
    author: &Actor,
    reviews: &[graphql::Review],
    timeline: &[TimelineItem],
    start: Timestamp,
) -> Vec<Event> {
    let ready = timeline.iter().find_map(|item| match item {
        TimelineItem::ReadyForReview { created_at } => Some(*created_at),
        TimelineItem::Closed { .. } | TimelineItem::Other => None,
    });
    let submitted = |review: &graphql::Review| {
        let state = state(review.state)?;
        Some((review.submitted_at?, state, person(review.author.as_ref())))
    };
    // An earlier review that lies before the tracking start is not recorded, so no later one may pass for the first.
    let reviewed_before = reviews
        .iter()
        .filter_map(submitted)
        .any(|(at, _, reviewer)| at < start && reviewer.login != author.login);
    let mut facts = Vec::new();
    for review in reviews {
        let Some((at, state, reviewer)) = submitted(review) else {
            continue;
        };
        let since = ready
            .filter(|ready| *ready <= at)
            .unwrap_or(pull.created_at);
        let can_be_first = reviewer.login != author.login && !reviewed_before;
        facts.push(Event {
            id: id::item(review.database_id),
            at,
            actor: reviewer,
            fact: Fact::Review {
                number: pull.number,
                state,
                seconds_since_ready: can_be_first.then(|| seconds(since, at)),
            },
            version: version(review.updated_at, state),
        });
    }
    facts
}

/// An issue: its opening and its closes. `timeline` is whole.
pub(super) fn issue(issue: &graphql::Issue, timeline: &[TimelineItem]) -> Vec<Event> {
    let number = issue.number;
    let opened = event(
        id::item(issue.database_id),
        issue.created_at,
        person(issue.author.as_ref()),
        Fact::IssueOpened { number },
    );
    let closes = closes(timeline).map(|(closed, by)| {
        let fact = Fact::IssueClosed {
            number,
            seconds_open: seconds(issue.created_at, closed),
        };
        event(
            id::close(issue.database_id, closed),
            closed,
            person(by),
            fact,
        )
    });
    std::iter::once(opened).chain(closes).collect()
}

/// A comment in the conversation of an issue or a pull request.
pub(super) fn conversation(comment: &IssueComment) -> Event {
    let on = match comment.conversation() {
        Conversation::Issue => CommentOn::Issue,
        Conversation::Pull => CommentOn::Pull,
    };
    let actor = actor(Person::from_rest(comment.user.as_ref()));
    event(
        id::comment(on, comment.id),
        comment.created_at,
        actor,
        Fact::Comment { on },
    )
}

/// A comment on a line of a diff.
pub(super) fn on_diff(comment: &ReviewComment) -> Event {
    let actor = actor(Person::from_rest(comment.user.as_ref()));
    let on = CommentOn::Diff;
    event(
        id::comment(on, comment.id),
        comment.created_at,
        actor,
        Fact::Comment { on },
    )
}

/// A comment as GraphQL tells it, inside the issue or the pull request that it is on. The same fact as from REST.
pub(super) fn inside(on: CommentOn, comment: &graphql::Comment) -> Event {
    event(
        id::comment(on, comment.database_id),
        comment.created_at,
        person(comment.author.as_ref()),
        Fact::Comment { on },
    )
}

/// GitHub's times have seconds, and a review can be submitted, read and dismissed within one: a dismissal is the later
/// version of two with the same time.
fn version(updated: Timestamp, state: ReviewState) -> i64 {
    2 * updated.as_second() + i64::from(state == ReviewState::Dismissed)
}

fn event(id: String, at: Timestamp, actor: Actor, fact: Fact) -> Event {
    Event {
        id,
        at,
        actor,
        fact,
        version: 0,
    }
}

fn closes(timeline: &[TimelineItem]) -> impl Iterator<Item = (Timestamp, Option<&graphql::Actor>)> {
    timeline.iter().filter_map(|item| match item {
        TimelineItem::Closed { created_at, actor } => Some((*created_at, actor.as_ref())),
        TimelineItem::ReadyForReview { .. } | TimelineItem::Other => None,
    })
}

fn person(actor: Option<&graphql::Actor>) -> Actor {
    self::actor(Person::from_graphql(actor))
}

fn actor(person: Person) -> Actor {
    Actor::new(person.login, person.id)
}

/// Whole seconds from `from` to `to`; 0 where clocks disagree about the order.
fn seconds(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(to.duration_since(from).as_secs()).unwrap_or(0)
}

/// The state of a submitted review; a pending one is no fact yet.
fn state(state: graphql::ReviewState) -> Option<ReviewState> {
    match state {
        graphql::ReviewState::Pending => None,
        graphql::ReviewState::Approved => Some(ReviewState::Approved),
        graphql::ReviewState::ChangesRequested => Some(ReviewState::ChangesRequested),
        graphql::ReviewState::Dismissed => Some(ReviewState::Dismissed),
        // A state that GitHub adds later says something all the same.
        graphql::ReviewState::Commented | graphql::ReviewState::Other => {
            Some(ReviewState::Commented)
        }
    }
}
