//! Pull requests: opened, made ready, merged in each of the three ways.

use std::collections::BinaryHeap;
use std::sync::Arc;

use jiff::Timestamp;

use super::next;
use super::push::NewCommit;
use crate::world::commit::Commit;
use crate::world::item::{Happening, Issue, Merge, MergeMethod, Pull};
use crate::world::oid::{Oid, OidMap};
use crate::world::{AccountId, Repo, RepoId, World};

/// A pull request to be opened.
#[derive(Debug, Clone)]
pub struct NewPull {
    author: Option<AccountId>,
    head: String,
    base: Option<String>,
    title: String,
    draft: bool,
}

impl NewPull {
    /// A pull of a branch into the default branch.
    pub fn by(author: impl Into<Option<AccountId>>, head: &str) -> NewPull {
        let title = format!("Bring {head}");
        NewPull {
            author: author.into(),
            head: head.to_owned(),
            base: None,
            title,
            draft: false,
        }
    }

    /// Into another branch than the default one.
    pub fn into_branch(self, base: &str) -> NewPull {
        NewPull {
            base: Some(base.to_owned()),
            ..self
        }
    }

    /// With a title of its own.
    pub fn titled(self, title: impl Into<String>) -> NewPull {
        NewPull {
            title: title.into(),
            ..self
        }
    }

    /// Not yet ready for review.
    pub fn draft(self) -> NewPull {
        NewPull {
            draft: true,
            ..self
        }
    }
}

/// A pull request that was merged before anybody looked.
#[derive(Debug)]
pub(crate) struct PastPull {
    pub(crate) number: u64,
    pub(crate) title: String,
    pub(crate) author: Option<AccountId>,
    pub(crate) head: String,
    pub(crate) head_oid: Oid,
    pub(crate) base_oid: Oid,
    /// Its own commits, oldest first.
    pub(crate) commits: Vec<Oid>,
    pub(crate) merged_at: Timestamp,
    pub(crate) merged_by: Option<AccountId>,
    pub(crate) merge: Oid,
}

impl World {
    /// Puts down a pull request that was opened now and will have been merged; its branch is gone.
    pub(crate) fn record_pull(&mut self, repo: RepoId, past: PastPull) {
        let (id, issue, now) = (
            next(&mut self.ids.pull),
            next(&mut self.ids.issue),
            self.stamp(),
        );
        let repo = self.repo_mut(repo);
        repo.next_number = repo.next_number.max(past.number + 1);
        let (additions, deletions, changed_files) = repo.size_of(&past.commits);
        let pull = Pull {
            id,
            issue: Issue::open(issue, past.number, past.title, past.author, now),
            draft: false,
            base: repo.default_branch.clone(),
            base_oid: past.base_oid,
            head: past.head,
            head_oid: past.head_oid,
            commits: past.commits,
            additions,
            deletions,
            changed_files,
            merged: Some(Merge {
                at: past.merged_at,
                by: past.merged_by,
                commit: past.merge,
            }),
        };
        repo.pulls.insert(past.number, pull);
    }

    /// Ends what [`World::record_pull`] began, now.
    pub(crate) fn record_merge(&mut self, repo: RepoId, number: u64) {
        let merge = self
            .existing(repo)
            .pulls
            .get(&number)
            .and_then(|pull| pull.merged.clone());
        let merge = merge.expect("a recorded pull is merged");
        self.happen(
            repo,
            number,
            merge.by,
            Happening::Merged {
                commit: merge.commit,
            },
        );
        self.happen(repo, number, merge.by, Happening::Closed);
    }

    /// Opens a pull request and returns its number.
    ///
    /// # Panics
    ///
    /// If either branch does not exist.
    pub fn open_pull(&mut self, repo: RepoId, new: NewPull) -> u64 {
        let (id, issue, now) = (
            next(&mut self.ids.pull),
            next(&mut self.ids.issue),
            self.stamp(),
        );
        let repo = self.repo_mut(repo);
        let base = new.base.unwrap_or_else(|| repo.default_branch.clone());
        let base_oid = *repo.branches.get(&base).expect("the base branch exists");
        let head_oid = *repo
            .branches
            .get(&new.head)
            .expect("the head branch exists");
        let number = repo.take_number();
        let issue = Issue::open(issue, number, new.title, new.author, now);
        let mut pull = Pull {
            id,
            issue,
            draft: new.draft,
            base,
            base_oid,
            head: new.head,
            head_oid,
            commits: Vec::new(),
            additions: 0,
            deletions: 0,
            changed_files: 0,
            merged: None,
        };
        repo.measure(&mut pull);
        repo.open_pulls.insert(number, pull.head.clone());
        repo.pulls.insert(number, pull);
        number
    }

    /// Makes a draft ready for review.
    pub fn ready_pull(&mut self, repo: RepoId, number: u64, by: impl Into<Option<AccountId>>) {
        self.repo_mut(repo).pull_mut(number).draft = false;
        self.happen(repo, number, by.into(), Happening::ReadyForReview);
    }

    /// Makes a ready pull a draft again.
    pub fn draft_pull(&mut self, repo: RepoId, number: u64, by: impl Into<Option<AccountId>>) {
        self.repo_mut(repo).pull_mut(number).draft = true;
        self.happen(repo, number, by.into(), Happening::ConvertedToDraft);
    }

    /// Merges a pull request and returns the new tip of its base branch. The head branch stays.
    ///
    /// A merge commit is by the one who merges, a squash by the author, both committed by `web-flow`; a rebase keeps the
    /// authors and is committed by the one who merges.
    ///
    /// # Panics
    ///
    /// If the pull is not open.
    pub fn merge_pull(
        &mut self,
        repo: RepoId,
        number: u64,
        by: AccountId,
        method: MergeMethod,
    ) -> Oid {
        let pull = self
            .existing(repo)
            .pulls
            .get(&number)
            .expect("no pull with this number")
            .clone();
        assert!(pull.is_open(), "pull {number} is not open");
        let base = *self
            .existing(repo)
            .branches
            .get(&pull.base)
            .expect("the base branch exists");
        let web_flow = self.identity(self.web_flow);
        let whole = |author, message| {
            NewCommit::by(author)
                .committed_by(Arc::clone(&web_flow))
                .message(message)
                .lines(pull.additions, pull.deletions, pull.changed_files)
        };
        let tip = match method {
            MergeMethod::Merge => {
                let message = format!("Merge pull request #{number} from {}", pull.head);
                self.write_commit(
                    repo,
                    &[base, pull.head_oid],
                    whole(self.identity(by), message),
                )
            }
            MergeMethod::Squash => {
                let author = pull.issue.author.map(|author| self.identity(author));
                let author = author.or_else(|| {
                    let first = self.existing(repo).commit(pull.commits.first()?)?;
                    Some(Arc::clone(&first.author.who))
                });
                let message = format!("{} (#{number})", pull.issue.title);
                self.write_commit(
                    repo,
                    &[base],
                    whole(author.unwrap_or_else(|| self.identity(by)), message),
                )
            }
            MergeMethod::Rebase => {
                let mut tip = base;
                for oid in &pull.commits {
                    let old = Arc::clone(
                        self.existing(repo)
                            .commit(oid)
                            .expect("a pull's commits are known"),
                    );
                    if !old.is_merge() {
                        tip = self.copy_commit(repo, &old, &[tip], self.identity(by));
                    }
                }
                tip
            }
        };
        let at = self.stamp();
        self.move_branch(repo, &pull.base, tip);
        self.repo_mut(repo).pull_mut(number).merged = Some(Merge {
            at,
            by: Some(by),
            commit: tip,
        });
        self.happen(repo, number, Some(by), Happening::Merged { commit: tip });
        self.happen(repo, number, Some(by), Happening::Closed);
        tip
    }
}

impl Repo {
    pub(super) fn take_number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number - 1
    }

    pub(super) fn pull_mut(&mut self, number: u64) -> &mut Pull {
        self.pulls
            .get_mut(&number)
            .expect("no pull with this number")
    }

    /// Follows a head branch that moved.
    pub(super) fn refresh_pull(&mut self, number: u64, tip: Oid, now: Timestamp) {
        let mut pull = self.pulls.remove(&number).expect("an open pull is known");
        pull.head_oid = tip;
        pull.issue.updated_at = now;
        self.measure(&mut pull);
        self.pulls.insert(number, pull);
    }

    fn measure(&self, pull: &mut Pull) {
        let base = self
            .branches
            .get(&pull.base)
            .copied()
            .unwrap_or(pull.base_oid);
        pull.commits = self.own_commits(pull.head_oid, base);
        (pull.additions, pull.deletions, pull.changed_files) = self.size_of(&pull.commits);
    }

    /// What commits change together; a merge repeats its branch and adds nothing.
    pub(super) fn size_of(&self, commits: &[Oid]) -> (u64, u64, u64) {
        let commits = commits
            .iter()
            .filter_map(|oid| self.commit(oid))
            .filter(|commit| !commit.is_merge());
        commits.fold((0, 0, 0), |(additions, deletions, files), commit| {
            (
                additions + commit.additions,
                deletions + commit.deletions,
                files + commit.changed_files,
            )
        })
    }

    /// What is reachable from `head` and not from `base`, oldest first.
    ///
    /// Both colours flow down from the tips, by date, until only the base's is left in the queue; a commit that the
    /// base's colour reaches late is taken back. So the cost is that of the difference and not of the history.
    pub(super) fn own_commits(&self, head: Oid, base: Oid) -> Vec<Oid> {
        const HEAD: u8 = 1;
        const BASE: u8 = 2;
        let mut colours: OidMap<u8> = OidMap::default();
        let mut queue = BinaryHeap::new();
        let mut order = Vec::new();
        let mut fresh = 0_usize;
        let mut paint = |queue: &mut BinaryHeap<_>, fresh: &mut usize, oid: Oid, colour: u8| {
            let Some(commit) = self.graph.get(&oid) else {
                return;
            };
            let known = colours.entry(oid).or_default();
            if *known | colour != *known {
                *known |= colour;
                *fresh += usize::from(*known == HEAD);
                queue.push((commit.committer.at, oid, *known));
            }
        };
        paint(&mut queue, &mut fresh, base, BASE);
        paint(&mut queue, &mut fresh, head, HEAD);
        while fresh > 0 {
            let Some((_, oid, colour)) = queue.pop() else {
                break;
            };
            if colour == HEAD {
                fresh -= 1;
                order.push(oid);
            }
            let commit: &Commit = self.graph.get(&oid).expect("only known commits are queued");
            for parent in &commit.parents {
                paint(&mut queue, &mut fresh, *parent, colour);
            }
        }
        order.retain(|oid| colours.get(oid) == Some(&HEAD));
        order.reverse();
        order
    }
}
