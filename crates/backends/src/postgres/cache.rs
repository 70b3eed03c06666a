//! What this process has last seen of repositories and organisations, so that a step can be prepared without a look and sent
//! in one round trip. Nothing rests on it: each step says which places it was prepared for, and what has changed since comes
//! back with the refusal.
//!
//! As many as the store has: a repository costs about a kilobyte and a half.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ledger::event::RepoId;
use ledger::port::activity::{OrgView, RepoView, StreamView};

use super::rows::Streams;

/// A repository, as it was at a place.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) place: i64,
    pub(super) view: RepoView,
    /// Streams that the last listing did not name.
    pub(super) unlisted: Vec<StreamView>,
}

impl Known {
    /// As it is after a change, at a new place.
    pub(super) fn with(&self, place: i64, streams: Streams) -> Known {
        Known {
            place,
            view: RepoView {
                streams: streams.listed,
                ..self.view.clone()
            },
            unlisted: streams.unlisted,
        }
    }

    /// Whether this organisation tracks it now.
    pub(super) fn is_tracked_by(&self, org: &str) -> bool {
        self.view.tracked && self.view.org == org
    }
}

/// What is known of one repository.
#[derive(Debug, Clone)]
pub(super) enum Sight {
    /// It was not looked at.
    Unseen,
    /// The store has none.
    Absent,
    There(Arc<Known>),
}

impl Sight {
    /// The place that the store compares; of what was not looked at, none that any repository has.
    pub(super) fn place(&self) -> i64 {
        match self {
            Sight::Unseen => -1,
            Sight::Absent => 0,
            Sight::There(known) => known.place,
        }
    }

    pub(super) fn known(&self) -> Option<&Arc<Known>> {
        match self {
            Sight::There(known) => Some(known),
            Sight::Unseen | Sight::Absent => None,
        }
    }

    /// If this organisation tracks it.
    pub(super) fn tracked_by(&self, org: &str) -> Option<&Arc<Known>> {
        self.known().filter(|known| known.is_tracked_by(org))
    }
}

#[derive(Default)]
pub(super) struct Cache {
    repos: Mutex<HashMap<RepoId, Arc<Known>>>,
    orgs: Mutex<HashMap<String, (i64, OrgView)>>,
}

impl Cache {
    pub(super) fn sight(&self, repo: RepoId) -> Sight {
        match lock(&self.repos).get(&repo) {
            Some(known) => Sight::There(Arc::clone(known)),
            None => Sight::Unseen,
        }
    }

    /// Takes in what was read, unless something later is known already.
    pub(super) fn see(&self, known: Arc<Known>) {
        let mut repos = lock(&self.repos);
        match repos.get(&known.view.id) {
            Some(before) if before.place > known.place => {}
            _ => {
                repos.insert(known.view.id, known);
            }
        }
    }

    /// Takes in what the store says against what was known.
    pub(super) fn correct(&self, repo: RepoId, sight: &Sight) {
        let mut repos = lock(&self.repos);
        match sight.known() {
            Some(known) => repos.insert(repo, Arc::clone(known)),
            None => repos.remove(&repo),
        };
    }

    /// The organisation's view and its place; 0 if it was not seen.
    pub(super) fn org(&self, org: &str) -> (i64, OrgView) {
        let known = lock(&self.orgs).get(org).cloned();
        known.unwrap_or_else(|| (0, OrgView::new(org)))
    }

    pub(super) fn see_org(&self, place: i64, view: OrgView) {
        lock(&self.orgs).insert(view.org.clone(), (place, view));
    }
}

/// A map is whole whoever panicked with it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
