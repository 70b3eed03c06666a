//! What is reachable from a commit, in the order in which `git log` would print it.
//!
//! The order is git's own: a queue by committer time, newest first, the first inserted first among equals.
//! It is not sorted by date: a parent never comes before it was met through a child.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::{Arc, Mutex};

use super::commit::{Commit, CommitGraph};
use super::oid::{Oid, OidSet};

/// How many heads a repository keeps the histories of; the one unused for longest goes first.
const KEPT: usize = 4;

/// A walked history.
#[derive(Debug, Default)]
pub struct History {
    commits: Vec<Arc<Commit>>,
    members: OidSet,
}

impl History {
    /// Walks the graph from `head`.
    pub fn walk(graph: &CommitGraph, head: Oid) -> History {
        let mut members = OidSet::default();
        let mut commits = Vec::new();
        let mut queue = BinaryHeap::new();
        let mut inserted = 0_u64;
        let mut open = Vec::from_iter(graph.get(&head).cloned());
        loop {
            for commit in open.drain(..) {
                if members.insert(commit.oid) {
                    queue.push((commit.committer.at, Reverse(inserted), Queued(commit)));
                    inserted += 1;
                }
            }
            let Some((_, _, Queued(commit))) = queue.pop() else {
                break;
            };
            open.extend(
                commit
                    .parents
                    .iter()
                    .filter_map(|parent| graph.get(parent).cloned()),
            );
            commits.push(commit);
        }
        History { commits, members }
    }

    /// A history whose order is known already.
    pub(crate) fn from_commits(commits: Vec<Arc<Commit>>) -> History {
        let members = commits.iter().map(|commit| commit.oid).collect();
        History { commits, members }
    }

    /// The commits, newest first.
    pub fn commits(&self) -> &[Arc<Commit>] {
        &self.commits
    }

    /// GraphQL's `totalCount`.
    pub fn len(&self) -> usize {
        self.commits.len()
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.commits.is_empty()
    }

    /// Whether a commit is reachable.
    pub fn contains(&self, oid: &Oid) -> bool {
        self.members.contains(oid)
    }
}

/// A commit in the queue; the time and the turn before it decide, so that it never compares itself.
struct Queued(Arc<Commit>);

impl PartialEq for Queued {
    fn eq(&self, _: &Queued) -> bool {
        true
    }
}

impl Eq for Queued {}

impl PartialOrd for Queued {
    fn partial_cmp(&self, other: &Queued) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Queued {
    fn cmp(&self, _: &Queued) -> std::cmp::Ordering {
        std::cmp::Ordering::Equal
    }
}

/// The histories that a repository keeps, most recently used last.
#[derive(Debug, Default)]
pub(super) struct Histories {
    kept: Mutex<VecDeque<(Oid, Arc<History>)>>,
}

impl Histories {
    pub(super) fn of(&self, graph: &CommitGraph, head: Oid) -> Arc<History> {
        let mut kept = self.kept.lock().expect("no walk panics");
        let history = match kept.iter().position(|(of, _)| *of == head) {
            Some(at) => kept.remove(at).expect("the position was just found").1,
            None => Arc::new(History::walk(graph, head)),
        };
        if kept.len() == KEPT {
            kept.pop_front();
        }
        kept.push_back((head, Arc::clone(&history)));
        history
    }

    pub(super) fn keep(&self, head: Oid, history: History) {
        self.kept
            .lock()
            .expect("no walk panics")
            .push_back((head, Arc::new(history)));
    }
}

impl Clone for Histories {
    fn clone(&self) -> Histories {
        Histories {
            kept: Mutex::new(self.kept.lock().expect("no walk panics").clone()),
        }
    }
}
