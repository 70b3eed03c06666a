//! Decides whose turn it is in each line: organisations take turns, within an organisation its repositories do, and within a
//! repository the earliest deadline goes first, then the earliest arrival. Knows nothing of limits and of time.
//!
//! Whoever comes anew goes after one request of each other, and is owed nothing for the past; an organisation with a
//! thousand requests delays one with a single request by one. What does not name its organisation or its repository takes
//! turns as one of its own.
//!
//! Everything costs a few steps, whatever waits (the order within a repository: as many as its number has binary digits),
//! and memory that was used is used again.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher};
use std::sync::Arc;

use jiff::Timestamp;

use super::ring::{Nodes, Ring};
use crate::ask::Ask;

type Name = Option<Arc<str>>;

/// By a parent's number and a name. Never iterated, so that the order of its keys decides nothing.
type Names = HashMap<(u32, Name), u32, BuildHasherDefault<DefaultHasher>>;

/// All lines of a desk. What waits is known by its slot, a small number that the desk gives.
#[derive(Clone, Debug, Default)]
pub(super) struct Queues {
    lines: Vec<Line>,
    orgs: Nodes<Org>,
    repos: Nodes<Repo>,
    org_by_name: Names,
    repo_by_name: Names,
    /// By slot.
    seats: Vec<Seat>,
}

#[derive(Clone, Debug, Default)]
struct Line {
    orgs: Ring,
    len: usize,
}

#[derive(Clone, Debug, Default)]
struct Org {
    line: u32,
    name: Name,
    /// Whether it can be found by its name. As long as it is alone in its line, nobody looks for it.
    is_listed: bool,
    repos: Ring,
}

#[derive(Clone, Debug, Default)]
struct Repo {
    org: u32,
    name: Name,
    /// Whether it can be found by its name. As long as it is alone in its line, nobody looks for it.
    is_listed: bool,
    /// A binary heap: none goes before the one at half its place.
    waiting: Vec<Due>,
}

/// The earlier one goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Due {
    deadline: Timestamp,
    number: u64,
    slot: u32,
}

/// Where a slot sits.
#[derive(Clone, Copy, Debug, Default)]
struct Seat {
    repo: u32,
    at: u32,
}

impl Queues {
    /// One more line, by its number.
    pub(super) fn open(&mut self) -> u32 {
        let line = u32::try_from(self.lines.len()).expect("there are few lines");
        self.lines.push(Line::default());
        line
    }

    /// How many wait in a line.
    pub(super) fn len(&self, line: u32) -> usize {
        self.lines[line as usize].len
    }

    /// A request joins a line. Later ones have greater numbers.
    pub(super) fn push(&mut self, line: u32, slot: u32, number: u64, ask: &Ask) {
        let (org, repo);
        if self.lines[line as usize].len == 0 {
            org = self.new_org(line, &ask.org);
            repo = self.new_repo(org, &ask.repo);
        } else {
            self.list_the_only_one(line);
            org = self.org(line, &ask.org);
            repo = self.repo(org, &ask.repo);
        }
        let waiting = &mut self.repos[repo].waiting;
        let at = waiting.len();
        waiting.push(Due {
            deadline: ask.deadline.unwrap_or(Timestamp::MAX),
            number,
            slot,
        });
        if self.seats.len() <= slot as usize {
            self.seats.resize(slot as usize + 1, Seat::default());
        }
        self.seats[slot as usize].repo = repo;
        self.rise(repo, at);
        self.lines[line as usize].len += 1;
    }

    /// Whose turn it is.
    pub(super) fn head(&self, line: u32) -> Option<u32> {
        let org = self.lines[line as usize].orgs.front()?;
        let repo = self.orgs[org].repos.front()?;
        self.repos[repo].waiting.first().map(|due| due.slot)
    }

    /// Serves whoever's turn it is: the next organisation's turn comes, and the next one of its repositories'.
    pub(super) fn serve(&mut self, line: u32) -> Option<u32> {
        let org = self.lines[line as usize].orgs.front()?;
        let repo = self.orgs[org].repos.front()?;
        let slot = self.repos[repo].waiting.first()?.slot;
        self.remove(slot);
        // One that nobody waits in any more has left its ring, and the next one is at the front.
        let (orgs, repos) = (
            &mut self.lines[line as usize].orgs,
            &mut self.orgs[org].repos,
        );
        if repos.front() == Some(repo) {
            self.repos.turn(repos);
        }
        if orgs.front() == Some(org) {
            self.orgs.turn(orgs);
        }
        Some(slot)
    }

    /// A request that waits gives up. The others keep their order.
    pub(super) fn remove(&mut self, slot: u32) {
        let Seat { repo, at } = self.seats[slot as usize];
        let at = at as usize;
        self.repos[repo].waiting.swap_remove(at);
        if at < self.repos[repo].waiting.len() {
            let at = self.rise(repo, at);
            self.sink(repo, at);
        }
        let org = self.repos[repo].org;
        let line = self.orgs[org].line;
        self.lines[line as usize].len -= 1;
        if self.repos[repo].waiting.is_empty() {
            self.repos.part(&mut self.orgs[org].repos, repo);
            let name = self.repos[repo].name.take();
            if std::mem::take(&mut self.repos[repo].is_listed) {
                self.repo_by_name.remove(&(org, name));
            }
            self.repos.give_back(repo);
        }
        if self.orgs[org].repos.front().is_none() {
            self.orgs.part(&mut self.lines[line as usize].orgs, org);
            let name = self.orgs[org].name.take();
            if std::mem::take(&mut self.orgs[org].is_listed) {
                self.org_by_name.remove(&(line, name));
            }
            self.orgs.give_back(org);
        }
    }

    /// Another comes to the line, and may look for what the one who was alone there is for.
    fn list_the_only_one(&mut self, line: u32) {
        let Some(org) = self.lines[line as usize].orgs.front() else {
            return;
        };
        if let Some(repo) = self.orgs[org].repos.front()
            && !self.orgs[org].is_listed
        {
            self.list_org(org);
            self.list_repo(repo);
        }
    }

    fn org(&mut self, line: u32, name: &Name) -> u32 {
        let known = self.org_by_name.get(&(line, name.clone()));
        known.copied().unwrap_or_else(|| {
            let org = self.new_org(line, name);
            self.list_org(org);
            org
        })
    }

    fn repo(&mut self, org: u32, name: &Name) -> u32 {
        let known = self.repo_by_name.get(&(org, name.clone()));
        known.copied().unwrap_or_else(|| {
            let repo = self.new_repo(org, name);
            self.list_repo(repo);
            repo
        })
    }

    fn new_org(&mut self, line: u32, name: &Name) -> u32 {
        let org = self.orgs.take();
        self.orgs[org].line = line;
        self.orgs[org].name.clone_from(name);
        self.orgs.join(&mut self.lines[line as usize].orgs, org);
        org
    }

    fn new_repo(&mut self, org: u32, name: &Name) -> u32 {
        let repo = self.repos.take();
        self.repos[repo].org = org;
        self.repos[repo].name.clone_from(name);
        self.repos.join(&mut self.orgs[org].repos, repo);
        repo
    }

    fn list_org(&mut self, org: u32) {
        let found = &mut self.orgs[org];
        found.is_listed = true;
        self.org_by_name
            .insert((found.line, found.name.clone()), org);
    }

    fn list_repo(&mut self, repo: u32) {
        let found = &mut self.repos[repo];
        found.is_listed = true;
        self.repo_by_name
            .insert((found.org, found.name.clone()), repo);
    }

    /// What sits at `at` goes before whatever it precedes, and says where it came to sit.
    fn rise(&mut self, repo: u32, mut at: usize) -> usize {
        let waiting = &mut self.repos[repo].waiting;
        while let Some(above) = at.checked_sub(1).map(|below| below / 2)
            && waiting[at] < waiting[above]
        {
            waiting.swap(at, above);
            self.seats[waiting[at].slot as usize].at = at as u32;
            at = above;
        }
        self.seats[waiting[at].slot as usize].at = at as u32;
        at
    }

    /// What sits at `at` goes after whatever precedes it.
    fn sink(&mut self, repo: u32, mut at: usize) {
        let waiting = &mut self.repos[repo].waiting;
        let first = |waiting: &[Due], at: usize| {
            (2 * at + 1..=2 * at + 2)
                .filter(|below| *below < waiting.len())
                .min_by_key(|below| waiting[*below])
        };
        while let Some(below) = first(waiting, at)
            && waiting[below] < waiting[at]
        {
            waiting.swap(at, below);
            self.seats[waiting[at].slot as usize].at = at as u32;
            at = below;
        }
        self.seats[waiting[at].slot as usize].at = at as u32;
    }
}

#[cfg(test)]
mod tests;
