//! What the simulated GitHub says is true and what a store has recorded, as lines that can be compared. Written from the
//! meaning of both, with no code of the node's but the store's own reading.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use backends::sqlite::{Problem, Sqlite};
use github_sim::truth::Truth;
use jiff::Timestamp;
use ledger::event::Fact;
use ledger::port::activity::Activity;
use ledger::window::Window;

/// A fact: the repository's id, the stream it is part of, and what happened.
pub(crate) type Line = (u64, &'static str, String);

/// Everything that is true.
pub(crate) fn truth(truth: &Truth) -> BTreeSet<Line> {
    let mut lines = BTreeSet::new();
    for repo in &truth.repos {
        let mut add = |stream, line| {
            assert!(
                lines.insert((repo.id, stream, line)),
                "the truth names each fact once"
            );
        };
        for commit in &repo.commits {
            let line = format!(
                "commit {} by {} +{} -{}",
                commit.oid, commit.author, commit.additions, commit.deletions
            );
            add("commits", line);
        }
        for pull in &repo.pulls {
            add(
                "pulls",
                format!(
                    "pull {} opened by {} at {}",
                    pull.id, pull.author, pull.created_at
                ),
            );
            if let Some(at) = pull.merged_at {
                add(
                    "pulls",
                    format!("pull {} of {} merged at {at}", pull.id, pull.author),
                );
            }
        }
        for review in &repo.reviews {
            add(
                "pulls",
                format!(
                    "review {} by {} at {}: {}",
                    review.id,
                    review.author,
                    review.at,
                    review.state.to_lowercase()
                ),
            );
        }
        for comment in &repo.comments {
            let (kind, stream) = match comment.on {
                "issue" => ("issue", "issues"),
                "pull" => ("issue", "pulls"),
                _ => ("diff", "pulls"),
            };
            add(
                stream,
                format!(
                    "comment {kind}:{} by {} at {}",
                    comment.id, comment.author, comment.at
                ),
            );
        }
        for issue in &repo.issues {
            add(
                "issues",
                format!(
                    "issue {} opened by {} at {}",
                    issue.id, issue.author, issue.created_at
                ),
            );
        }
        for close in repo.closes.iter().filter(|close| !close.merged) {
            let stream = if close.item == "pull" {
                "pulls"
            } else {
                "issues"
            };
            add(
                stream,
                format!("{} {} closed at {}", close.item, close.id, close.at),
            );
        }
    }
    lines
}

/// What a store holds.
pub(crate) struct Records {
    /// Live facts.
    pub(crate) facts: BTreeSet<Line>,
    /// How many live events there are.
    pub(crate) count: usize,
    /// Windows that are known to be missing.
    pub(crate) gaps: usize,
    /// When each stream was last read whole.
    read: BTreeMap<(u64, &'static str), Timestamp>,
}

impl Records {
    /// Looks into the state file beside whoever works on it; none where nothing was begun yet.
    pub(crate) fn look(path: &Path, org: &str) -> Option<Records> {
        let store = match Sqlite::read_only(path) {
            Ok(store) => store,
            // Killed before the file was made, or before it was set up.
            Err(error)
                if matches!(
                    error.problem(),
                    Problem::Missing | Problem::OlderSchema { found: 0, .. }
                ) =>
            {
                return None;
            }
            Err(error) => panic!("a crash has harmed the state: {error}"),
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime can be made");
        Some(runtime.block_on(Records::of(&store, org)))
    }

    /// What a store holds of an organisation.
    pub(crate) async fn of(store: &dyn Activity, org: &str) -> Records {
        read(store, org).await
    }

    /// Of what was true before a process began, what it says that it has read.
    pub(crate) fn claims(&self, before: &BTreeSet<Line>, began: Timestamp) -> BTreeSet<Line> {
        let read_since = |(repo, stream, _): &&Line| {
            let read = self.read.get(&(*repo, *stream));
            read.is_some_and(|at| *at > began)
        };
        before.iter().filter(read_since).cloned().collect()
    }
}

async fn read(store: &dyn Activity, org: &str) -> Records {
    let always = Window::new(Timestamp::MIN, Timestamp::MAX).expect("it is not empty");
    let mut records = Records {
        facts: BTreeSet::new(),
        count: 0,
        gaps: 0,
        read: BTreeMap::new(),
    };
    for repo in store.repos(org).await.expect("the state can be read") {
        for stream in &repo.streams {
            records.gaps += stream.coverage.gaps().len();
            if let Some(at) = stream.fetched_at {
                records.read.insert((repo.id.0, stream.stream.as_str()), at);
            }
        }
        for event in store
            .events(org, repo.id, always)
            .await
            .expect("the state can be read")
        {
            let (id, at, login) = (&event.id, event.at, &event.actor.login);
            let item = id.split('@').next().unwrap_or_default();
            let line = match &event.fact {
                Fact::Commit {
                    additions,
                    deletions,
                    ..
                } => format!("commit {id} by {login} +{additions} -{deletions}"),
                Fact::PullOpened { .. } => format!("pull {id} opened by {login} at {at}"),
                Fact::PullMerged { .. } => format!("pull {id} of {login} merged at {at}"),
                Fact::PullClosed { .. } => format!("pull {item} closed at {at}"),
                Fact::Review { state, .. } => {
                    format!("review {id} by {login} at {at}: {}", state.as_str())
                }
                Fact::Comment { .. } => format!("comment {id} by {login} at {at}"),
                Fact::IssueOpened { .. } => format!("issue {id} opened by {login} at {at}"),
                Fact::IssueClosed { .. } => format!("issue {item} closed at {at}"),
            };
            records
                .facts
                .insert((repo.id.0, event.fact.stream().as_str(), line));
            records.count += 1;
        }
    }
    records
}
