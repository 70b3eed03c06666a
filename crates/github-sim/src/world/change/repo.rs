//! Repositories come, change their settings, names and owners, and go.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::next;
use crate::world::commit::{CommitGraph, Identity};
use crate::world::history::Histories;
use crate::world::{AccountId, Commit, Repo, RepoId, World};

impl World {
    /// A new repository with nothing in it. Taking a name that another had before ends its redirect.
    pub fn create_repo(&mut self, owner: AccountId, name: &str) -> RepoId {
        let (id, now) = (next(&mut self.ids.repo), self.stamp());
        let repo = Repo {
            id,
            owner,
            name: name.to_owned(),
            description: String::new(),
            private: false,
            archived: false,
            disabled: false,
            fork: false,
            issues_enabled: true,
            actions_enabled: true,
            default_branch: "main".to_owned(),
            branches: BTreeMap::new(),
            graph: CommitGraph::default(),
            pulls: BTreeMap::new(),
            issues: BTreeMap::new(),
            reviews: BTreeMap::new(),
            comments: BTreeMap::new(),
            diff_comments: BTreeMap::new(),
            deleted_comments: Vec::new(),
            deleted_diff_comments: Vec::new(),
            workflows: BTreeMap::new(),
            runs: BTreeMap::new(),
            releases: BTreeMap::new(),
            next_number: 1,
            created_at: now,
            updated_at: now,
            pushed_at: now,
            open_pulls: BTreeMap::new(),
            reviews_by_pull: BTreeMap::new(),
            histories: Histories::default(),
        };
        self.take_name(owner, name, id);
        self.repos.insert(id, Arc::new(repo));
        id
    }

    fn take_name(&mut self, owner: AccountId, name: &str, id: RepoId) {
        let key = (owner, name.to_lowercase());
        self.former.remove(&key);
        let before = self.by_name.insert(key, id);
        assert!(
            before.is_none_or(|before| before == id),
            "the name {name} is taken"
        );
    }

    fn leave_name(&mut self, id: RepoId) {
        let repo = self.existing(id);
        let key = (repo.owner, repo.name.to_lowercase());
        self.by_name.remove(&key);
        self.former.insert(key, id);
    }

    /// Gives a repository another name; the old one redirects.
    pub fn rename_repo(&mut self, id: RepoId, name: &str) {
        self.leave_name(id);
        let now = self.stamp();
        let repo = self.repo_mut(id);
        name.clone_into(&mut repo.name);
        repo.updated_at = now;
        let owner = repo.owner;
        self.take_name(owner, name, id);
    }

    /// Gives a repository to another owner; the old name redirects.
    pub fn transfer_repo(&mut self, id: RepoId, owner: AccountId) {
        self.leave_name(id);
        let now = self.stamp();
        let repo = self.repo_mut(id);
        repo.owner = owner;
        repo.updated_at = now;
        let name = repo.name.clone();
        self.take_name(owner, &name, id);
    }

    /// Deletes a repository and its redirects.
    pub fn delete_repo(&mut self, id: RepoId) {
        self.leave_name(id);
        self.former.retain(|_, to| *to != id);
        self.repos.remove(&id);
    }

    /// Makes a repository read-only, or writable again.
    pub fn archive_repo(&mut self, id: RepoId, archived: bool) {
        let now = self.stamp();
        let repo = self.repo_mut(id);
        repo.archived = archived;
        repo.updated_at = now;
    }

    /// Switches a repository's issues on or off; they are kept.
    pub fn enable_issues(&mut self, id: RepoId, enabled: bool) {
        let now = self.stamp();
        let repo = self.repo_mut(id);
        repo.issues_enabled = enabled;
        repo.updated_at = now;
    }

    /// Makes another branch the default one.
    ///
    /// # Panics
    ///
    /// If there is no such branch.
    pub fn set_default_branch(&mut self, id: RepoId, branch: &str) {
        let now = self.stamp();
        let repo = self.repo_mut(id);
        assert!(repo.branches.contains_key(branch), "no branch {branch}");
        branch.clone_into(&mut repo.default_branch);
        repo.updated_at = now;
    }
}

impl Repo {
    /// Takes an account that is gone out of everything.
    pub(super) fn forget(&mut self, gone: AccountId) {
        let forget = |who: &mut Option<AccountId>| {
            who.take_if(|id| *id == gone);
        };
        let issues = self
            .issues
            .values_mut()
            .chain(self.pulls.values_mut().map(|pull| &mut pull.issue));
        for issue in issues {
            forget(&mut issue.author);
            issue
                .timeline
                .iter_mut()
                .for_each(|event| forget(&mut event.actor));
        }
        self.pulls
            .values_mut()
            .filter_map(|pull| pull.merged.as_mut())
            .for_each(|merge| forget(&mut merge.by));
        self.reviews
            .values_mut()
            .for_each(|review| forget(&mut review.author));
        self.comments
            .values_mut()
            .for_each(|comment| forget(&mut comment.author));
        self.diff_comments
            .values_mut()
            .for_each(|comment| forget(&mut comment.author));
        for run in self.runs.values_mut() {
            forget(&mut run.actor);
            run.attempts
                .iter_mut()
                .for_each(|attempt| forget(&mut attempt.actor));
        }
        self.releases
            .values_mut()
            .for_each(|release| forget(&mut release.author));
        self.graph.rewrite(|commit| {
            let linked = |who: &Identity| who.user == Some(gone);
            (linked(&commit.author.who) || linked(&commit.committer.who)).then(|| {
                let mut commit = Commit::clone(commit);
                for signature in [&mut commit.author, &mut commit.committer] {
                    if linked(&signature.who) {
                        Arc::make_mut(&mut signature.who).user = None;
                    }
                }
                commit
            })
        });
        self.histories = Histories::default();
    }
}
