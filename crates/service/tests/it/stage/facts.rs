//! Facts in a form in which the simulator's truth and the node's events can be compared. Written from the meaning of
//! both, with no code of the node's.

use std::collections::{BTreeMap, HashMap};

use github_sim::truth::{Truth, TruthRepo};
use jiff::Timestamp;
use ledger::event::{self, Actor, CommentOn, Event, Kind, Stream};

/// What identifies a fact within its repository.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    pub(crate) kind: Kind,
    pub(crate) id: String,
}

/// A fact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fact {
    pub(crate) stream: Stream,
    pub(crate) at: Timestamp,
    /// `login/id`.
    pub(crate) actor: String,
    pub(crate) numbers: String,
    /// The state of a review, the one thing that may change.
    pub(crate) state: String,
}

pub(crate) type Facts = BTreeMap<Key, Fact>;

fn since(from: Timestamp, to: Timestamp) -> i64 {
    to.duration_since(from).as_secs().max(0)
}

/// What a repository's truth makes the facts to be.
pub(crate) fn of_truth(truth: &Truth, repo: &TruthRepo) -> Facts {
    let ids: HashMap<&str, u64> = truth
        .users
        .iter()
        .map(|user| (user.login.as_str(), user.id))
        .collect();
    let who = |login: &str| named(login, ids.get(login).copied());
    let mut facts = Facts::new();
    let mut add = |kind, id: String, stream, at, actor: String, numbers: String, state: &str| {
        let state = state.to_lowercase();
        facts.insert(
            Key { kind, id },
            Fact {
                stream,
                at,
                actor,
                numbers,
                state,
            },
        );
    };
    for commit in &repo.commits {
        let numbers = format!(
            "+{} -{} {} files",
            commit.additions, commit.deletions, commit.changed_files
        );
        let actor = named(&commit.author, commit.author_id);
        add(
            Kind::Commit,
            commit.oid.clone(),
            Stream::Commits,
            commit.at,
            actor,
            numbers,
            "",
        );
    }
    for pull in &repo.pulls {
        let author = who(&pull.author);
        let number = format!("#{}", pull.number);
        let id = pull.id.to_string();
        add(
            Kind::PullOpened,
            id.clone(),
            Stream::Pulls,
            pull.created_at,
            author.clone(),
            number.clone(),
            "",
        );
        if let Some(merged) = pull.merged_at {
            let by = pull.merged_by.as_deref().unwrap_or("ghost");
            let numbers = format!(
                "{number} by {by}, {} lines after {} s",
                pull.additions + pull.deletions,
                since(pull.created_at, merged)
            );
            add(
                Kind::PullMerged,
                id,
                Stream::Pulls,
                merged,
                author,
                numbers,
                "",
            );
        }
    }
    for review in &repo.reviews {
        let number = format!("#{}", review.number);
        add(
            Kind::Review,
            review.id.to_string(),
            Stream::Pulls,
            review.at,
            who(&review.author),
            number,
            review.state,
        );
    }
    for comment in &repo.comments {
        let (id, stream) = match comment.on {
            "diff" => (format!("diff:{}", comment.id), Stream::Pulls),
            "pull" => (format!("issue:{}", comment.id), Stream::Pulls),
            _ => (format!("issue:{}", comment.id), Stream::Issues),
        };
        add(
            Kind::Comment,
            id,
            stream,
            comment.at,
            who(&comment.author),
            comment.on.to_owned(),
            "",
        );
    }
    for issue in &repo.issues {
        let number = format!("#{}", issue.number);
        add(
            Kind::IssueOpened,
            issue.id.to_string(),
            Stream::Issues,
            issue.created_at,
            who(&issue.author),
            number,
            "",
        );
    }
    for close in repo.closes.iter().filter(|close| !close.merged) {
        let id = format!("{}@{}", close.id, close.at.as_second());
        if close.item == "pull" {
            let pull = repo
                .pulls
                .iter()
                .find(|pull| pull.id == close.id)
                .expect("a close is of a pull");
            let numbers = format!(
                "#{} after {} s",
                close.number,
                since(pull.created_at, close.at)
            );
            add(
                Kind::PullClosed,
                id,
                Stream::Pulls,
                close.at,
                who(&pull.author),
                numbers,
                "",
            );
        } else {
            let issue = repo
                .issues
                .iter()
                .find(|issue| issue.id == close.id)
                .expect("a close is of an issue");
            let numbers = format!(
                "#{} after {} s",
                close.number,
                since(issue.created_at, close.at)
            );
            add(
                Kind::IssueClosed,
                id,
                Stream::Issues,
                close.at,
                who(&close.actor),
                numbers,
                "",
            );
        }
    }
    facts
}

/// What the node has recorded of a repository.
pub(crate) fn of_events(events: Vec<Event>) -> Facts {
    let mut facts = Facts::new();
    for event in events {
        let kind = event.fact.kind();
        let stream = event.fact.stream();
        let mut state = String::new();
        let numbers = match &event.fact {
            event::Fact::Commit {
                additions,
                deletions,
                changed_files,
            } => format!("+{additions} -{deletions} {changed_files} files"),
            event::Fact::PullOpened { number } | event::Fact::IssueOpened { number } => {
                format!("#{number}")
            }
            event::Fact::PullMerged {
                number,
                merged_by,
                seconds_open,
                lines,
            } => {
                let by = merged_by
                    .as_ref()
                    .map_or("ghost", |actor| actor.login.as_str());
                format!("#{number} by {by}, {lines} lines after {seconds_open} s")
            }
            event::Fact::PullClosed {
                number,
                seconds_open,
            }
            | event::Fact::IssueClosed {
                number,
                seconds_open,
            } => format!("#{number} after {seconds_open} s"),
            event::Fact::Review {
                number, state: now, ..
            } => {
                state = now.as_str().to_owned();
                format!("#{number}")
            }
            event::Fact::Comment { on } => match on {
                CommentOn::Issue => "issue",
                CommentOn::Pull => "pull",
                CommentOn::Diff => "diff",
            }
            .to_owned(),
        };
        let actor = actor(&event.actor);
        let fact = Fact {
            stream,
            at: event.at,
            actor,
            numbers,
            state,
        };
        let twice = facts.insert(Key { kind, id: event.id }, fact);
        assert_eq!(twice, None, "the store shows a fact twice");
    }
    facts
}

fn actor(actor: &Actor) -> String {
    named(&actor.login, actor.id)
}

fn named(login: &str, id: Option<u64>) -> String {
    match id {
        Some(id) => format!("{login}/{id}"),
        None => login.to_owned(),
    }
}
