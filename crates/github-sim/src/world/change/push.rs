//! Pushes: new commits, new branches, merges without a pull request, rewritten history.

use std::sync::Arc;

use jiff::Timestamp;

use crate::world::commit::{Commit, Identity, Signature};
use crate::world::item::Happening;
use crate::world::oid::Oid;
use crate::world::{RepoId, World};

/// A commit to be made.
#[derive(Debug, Clone)]
pub struct NewCommit {
    author: Arc<Identity>,
    committer: Option<Arc<Identity>>,
    authored_at: Option<Timestamp>,
    committed_at: Option<Timestamp>,
    message: String,
    additions: u64,
    deletions: u64,
    changed_files: u64,
}

impl NewCommit {
    /// A commit of one added line, written and committed now by one person.
    pub fn by(author: Arc<Identity>) -> NewCommit {
        NewCommit {
            author,
            committer: None,
            authored_at: None,
            committed_at: None,
            message: "Change something".to_owned(),
            additions: 1,
            deletions: 0,
            changed_files: 1,
        }
    }

    /// Committed by another than its author.
    pub fn committed_by(self, committer: Arc<Identity>) -> NewCommit {
        NewCommit {
            committer: Some(committer),
            ..self
        }
    }

    /// Written and committed at another time than now.
    pub fn at(self, at: Timestamp) -> NewCommit {
        NewCommit {
            authored_at: Some(whole_second(at)),
            committed_at: Some(whole_second(at)),
            ..self
        }
    }

    /// Written at another time than it is committed.
    pub fn authored_at(self, at: Timestamp) -> NewCommit {
        NewCommit {
            authored_at: Some(whole_second(at)),
            ..self
        }
    }

    /// How much it changes.
    pub fn lines(self, additions: u64, deletions: u64, changed_files: u64) -> NewCommit {
        NewCommit {
            additions,
            deletions,
            changed_files,
            ..self
        }
    }

    /// What it says.
    pub fn message(self, message: impl Into<String>) -> NewCommit {
        NewCommit {
            message: message.into(),
            ..self
        }
    }

    fn make(self, oid: Oid, parents: Box<[Oid]>, now: Timestamp) -> Commit {
        let committer = self.committer.unwrap_or_else(|| Arc::clone(&self.author));
        let committed_at = self.committed_at.unwrap_or(now);
        Commit {
            oid,
            parents,
            author: Signature {
                who: self.author,
                at: self.authored_at.unwrap_or(committed_at),
            },
            committer: Signature {
                who: committer,
                at: committed_at,
            },
            message: self.message.into_boxed_str(),
            additions: self.additions,
            deletions: self.deletions,
            changed_files: self.changed_files,
        }
    }
}

impl World {
    /// Writes a commit on top of these parents, without moving a branch.
    pub fn write_commit(&mut self, repo: RepoId, parents: &[Oid], commit: NewCommit) -> Oid {
        let (oid, now) = (self.new_oid(), self.stamp());
        self.repo_mut(repo)
            .graph
            .insert(commit.make(oid, parents.into(), now));
        oid
    }

    /// Pushes commits on top of a branch, oldest first, and returns their ids. A branch that does not exist begins at
    /// the default branch; the first commit of an empty repository is a root.
    pub fn push(&mut self, repo: RepoId, branch: &str, commits: Vec<NewCommit>) -> Vec<Oid> {
        let existing = self.existing(repo);
        let mut tip = existing
            .branches
            .get(branch)
            .copied()
            .or_else(|| existing.head());
        let mut oids = Vec::with_capacity(commits.len());
        for commit in commits {
            let oid = self.write_commit(repo, tip.as_slice(), commit);
            tip = Some(oid);
            oids.push(oid);
        }
        if let Some(tip) = tip {
            self.move_branch(repo, branch, tip);
        }
        oids
    }

    /// Points a branch at a commit, whatever it pointed at before.
    ///
    /// # Panics
    ///
    /// If the repository has no such commit.
    pub fn force_push(&mut self, repo: RepoId, branch: &str, tip: Oid) {
        self.move_branch(repo, branch, tip);
        let pulls: Vec<u64> = self.open_pulls_from(repo, branch);
        for number in pulls {
            self.happen(repo, number, None, Happening::HeadForcePushed);
        }
    }

    /// Writes the last `count` commits of a branch anew (as a rebase or an amend does): other ids, the same authors and
    /// lines, committed now. Returns the new ids, oldest first.
    ///
    /// # Panics
    ///
    /// If the branch has fewer commits on its first-parent line.
    pub fn rewrite(&mut self, repo: RepoId, branch: &str, count: usize) -> Vec<Oid> {
        let existing = self.existing(repo);
        let mut at = existing.branches.get(branch).copied();
        let mut old = Vec::new();
        for _ in 0..count {
            let commit = existing
                .commit(&at.expect("the branch is long enough"))
                .expect("a branch is whole");
            at = commit.parents.first().copied();
            old.push(Arc::clone(commit));
        }
        let mut new = Vec::new();
        for commit in old.into_iter().rev() {
            let oid = self.copy_commit(
                repo,
                &commit,
                at.as_slice(),
                Arc::clone(&commit.committer.who),
            );
            at = Some(oid);
            new.push(oid);
        }
        if let Some(tip) = at {
            self.force_push(repo, branch, tip);
        }
        new
    }

    /// The same change on another parent: another id, committed now by `committer`.
    pub(super) fn copy_commit(
        &mut self,
        repo: RepoId,
        old: &Commit,
        onto: &[Oid],
        committer: Arc<Identity>,
    ) -> Oid {
        let (oid, at) = (self.new_oid(), self.stamp());
        let parents = onto
            .iter()
            .chain(old.parents.iter().skip(1))
            .copied()
            .collect();
        let committer = Signature { who: committer, at };
        self.repo_mut(repo).graph.insert(Commit {
            oid,
            parents,
            committer,
            ..old.clone()
        });
        oid
    }

    /// Merges one branch into another with a merge commit and without a pull request.
    ///
    /// # Panics
    ///
    /// If either branch does not exist.
    pub fn merge_branch(&mut self, repo: RepoId, from: &str, into: &str, by: Arc<Identity>) -> Oid {
        let existing = self.existing(repo);
        let tip = |branch: &str| *existing.branches.get(branch).expect("both branches exist");
        let (ours, theirs) = (tip(into), tip(from));
        let (additions, deletions, files) = existing.size_of(&existing.own_commits(theirs, ours));
        let commit = NewCommit::by(by)
            .message(format!("Merge branch '{from}' into {into}"))
            .lines(additions, deletions, files);
        let oid = self.write_commit(repo, &[ours, theirs], commit);
        self.move_branch(repo, into, oid);
        oid
    }

    /// Makes a branch at a commit.
    pub fn create_branch(&mut self, repo: RepoId, branch: &str, at: Oid) {
        self.move_branch(repo, branch, at);
    }

    /// Deletes a branch; its commits stay known. The open pulls from it are closed.
    pub fn delete_branch(&mut self, repo: RepoId, branch: &str) {
        let now = self.stamp();
        for number in self.open_pulls_from(repo, branch) {
            self.close(repo, number, None);
        }
        let repo = self.repo_mut(repo);
        repo.branches.remove(branch);
        repo.pushed_at = now;
    }

    fn open_pulls_from(&self, repo: RepoId, branch: &str) -> Vec<u64> {
        let pulls = self.existing(repo).open_pulls.iter();
        pulls
            .filter(|(_, head)| *head == branch)
            .map(|(number, _)| *number)
            .collect()
    }

    pub(super) fn move_branch(&mut self, repo: RepoId, branch: &str, tip: Oid) {
        let now = self.stamp();
        let pulls = self.open_pulls_from(repo, branch);
        let repo = self.repo_mut(repo);
        assert!(repo.graph.get(&tip).is_some(), "no commit {tip}");
        repo.branches.insert(branch.to_owned(), tip);
        repo.pushed_at = now;
        if branch == repo.default_branch {
            repo.updated_at = now;
        }
        for number in pulls {
            repo.refresh_pull(number, tip, now);
        }
    }
}

/// Git keeps whole seconds.
fn whole_second(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_millisecond().div_euclid(1_000)).unwrap_or(at)
}
