//! Commits, and the graph that a repository's commits form.

use std::sync::Arc;

use jiff::Timestamp;

use super::account::AccountId;
use super::oid::{Oid, OidMap};

/// A name and an address as git has them, and the account that GitHub links to the address, if any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The name; may be empty.
    pub name: String,
    /// The address; may be empty.
    pub email: String,
    /// The linked account.
    pub user: Option<AccountId>,
}

impl Identity {
    /// Somebody whom GitHub does not know.
    pub fn stranger(name: &str, email: &str) -> Arc<Identity> {
        Arc::new(Identity {
            name: name.to_owned(),
            email: email.to_owned(),
            user: None,
        })
    }
}

/// Who and when, as on a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// Who.
    pub who: Arc<Identity>,
    /// When, by the writer's own clock.
    pub at: Timestamp,
}

/// A commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// Its id.
    pub oid: Oid,
    /// Its parents in order; none for a root, two or more for a merge.
    pub parents: Box<[Oid]>,
    /// Who wrote it.
    pub author: Signature,
    /// Who committed it; its time orders the history.
    pub committer: Signature,
    /// The message's first line.
    pub message: Box<str>,
    /// Lines added against the first parent, as GitHub shows them (a merge's are not 0 here where GitHub's are not).
    pub additions: u64,
    /// Lines removed against the first parent.
    pub deletions: u64,
    /// Files changed against the first parent.
    pub changed_files: u64,
}

impl Commit {
    /// Whether it joins histories.
    pub fn is_merge(&self) -> bool {
        self.parents.len() > 1
    }
}

/// Every commit that was ever pushed to a repository, reachable or not (GitHub keeps them all for a while).
#[derive(Debug, Clone, Default)]
pub struct CommitGraph {
    commits: OidMap<Arc<Commit>>,
}

impl CommitGraph {
    /// The commit with this id.
    pub fn get(&self, oid: &Oid) -> Option<&Arc<Commit>> {
        self.commits.get(oid)
    }

    /// Adds a commit; a commit that is there already stays as it is.
    pub fn insert(&mut self, commit: Commit) {
        self.commits
            .entry(commit.oid)
            .or_insert_with(|| Arc::new(commit));
    }

    /// Puts another commit in the place of each for which there is one.
    pub(super) fn rewrite(&mut self, change: impl Fn(&Commit) -> Option<Commit>) {
        for commit in self.commits.values_mut() {
            if let Some(changed) = change(commit) {
                *commit = Arc::new(changed);
            }
        }
    }

    /// How many commits there are, reachable or not.
    pub fn len(&self) -> usize {
        self.commits.len()
    }

    /// Whether nothing was ever pushed.
    pub fn is_empty(&self) -> bool {
        self.commits.is_empty()
    }
}
