//! Real histories: local clones, read with git itself, become repositories of a simulated organisation.
//!
//! What git knows is kept exactly: every commit reachable from `HEAD`, its parents, names and addresses (mailmap
//! applied), times, and the lines that `git log --numstat` counts: nothing for a merge, nothing for a binary file,
//! renames as git finds them. There is one user per author name, as `git shortlog -sn` groups them.
//!
//! What git does not know is **derived**: a pull request for each merge into the first-parent line and for each commit
//! whose subject ends in `(#123)`. And some of it is **invented**, so that there is something to look at: the branch
//! names of pulls that name none, the times at which pulls were opened beyond what their commits say, an approval by
//! the one who merged (or, where that is the author, by the author of the pull before), comments on some pulls. There
//! are no issues.

mod git;
mod log;
mod people;
mod pulls;

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::world::{Commit, History, Oid, Signature, World};
use log::Entry;
use people::People;

pub use git::Error;

/// How far the reading is.
#[derive(Debug, Clone, Copy)]
pub struct Progress<'a> {
    /// The repository that is being read.
    pub repository: &'a str,
    /// Commits read so far.
    pub commits: usize,
    /// Commits that it has.
    pub of: usize,
}

/// Reads these clones into a world with one organisation, as of `now`. A clone without commits becomes an empty
/// repository.
///
/// Git does most of the work, in as many processes as the machine has cores (at most 8).
///
/// # Errors
///
/// If git cannot be run, a path is no repository, or git cannot read its history.
pub fn read(
    paths: &[PathBuf],
    org: &str,
    seed: u64,
    now: Timestamp,
    progress: &mut (dyn FnMut(Progress<'_>) + Send),
) -> Result<World, Error> {
    let mut people = People::default();
    let mut clones = Vec::new();
    for path in paths {
        clones.push(Clone::read(path, &mut people, progress)?);
    }
    let mut world = World::empty(seed, now);
    let org = world.add_org(org);
    let identities = people.settle(&mut world, org);
    for clone in clones {
        let name = free_name(&world, org, &clone.name);
        let repo = world.create_repo(org, &name);
        let sign = |who: usize, at| Signature {
            who: std::sync::Arc::clone(&identities[who]),
            at,
        };
        let commits = clone.entries.into_iter().map(|entry| Commit {
            oid: entry.oid,
            parents: entry.parents,
            author: sign(entry.author, entry.authored_at),
            committer: sign(entry.committer, entry.committed_at),
            message: entry.subject,
            additions: entry.additions,
            deletions: entry.deletions,
            changed_files: entry.changed_files,
        });
        let commits: Vec<Commit> = commits.collect();
        world.adopt(repo, &clone.branch, clone.head, commits);
        pulls::derive(&mut world, repo, now);
    }
    Ok(world)
}

struct Clone {
    name: String,
    branch: String,
    head: Option<Oid>,
    /// In the order of `git log`.
    entries: Vec<Entry>,
}

impl Clone {
    fn read(
        path: &Path,
        people: &mut People,
        progress: &mut (dyn FnMut(Progress<'_>) + Send),
    ) -> Result<Clone, Error> {
        let git = git::Git::open(path)?;
        let name = git.name();
        let branch = git.branch()?;
        let oids = match git.head()? {
            Some(head) => git.reachable(&head)?,
            None => Vec::new(),
        };
        let of = oids.len();
        progress(Progress {
            repository: &name,
            commits: 0,
            of,
        });
        let entries = log::read(&git, &oids, people, &mut |commits| {
            progress(Progress {
                repository: &name,
                commits,
                of,
            });
        })?;
        Ok(Clone {
            name,
            branch,
            head: entries.first().map(|entry| entry.oid),
            entries,
        })
    }
}

/// The clone's name, with a suffix where another clone has it.
fn free_name(world: &World, org: u64, name: &str) -> String {
    let taken: Vec<String> = world
        .repos_of(org)
        .iter()
        .map(|repo| repo.name.to_lowercase())
        .collect();
    if !taken.contains(&name.to_lowercase()) {
        return name.to_owned();
    }
    let mut names = (2..).map(|n| format!("{name}-{n}"));
    names
        .find(|name| !taken.contains(&name.to_lowercase()))
        .expect("some number is free")
}

impl World {
    /// Fills an empty repository with a history whose order is known.
    fn adopt(&mut self, repo: u64, branch: &str, head: Option<Oid>, commits: Vec<Commit>) {
        let now = self.now();
        let repo = self.repo_mut(repo);
        branch.clone_into(&mut repo.default_branch);
        let Some(head) = head else { return };
        let sane = |at: Timestamp| at.clamp(Timestamp::UNIX_EPOCH, now);
        let times = || commits.iter().map(|commit| sane(commit.committer.at));
        repo.created_at = times().min().unwrap_or(now);
        repo.pushed_at = times().max().unwrap_or(now);
        repo.updated_at = repo.pushed_at;
        let order: Vec<Oid> = commits.iter().map(|commit| commit.oid).collect();
        for commit in commits {
            repo.graph.insert(commit);
        }
        let order = order
            .iter()
            .filter_map(|oid| repo.graph.get(oid).cloned())
            .collect();
        repo.keep_history(head, History::from_commits(order));
        repo.branches.insert(branch.to_owned(), head);
    }
}
