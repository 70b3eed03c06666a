//! What this process knows of the repositories: their rows, each with the place of its latest change.
//!
//! Rows are small and change often, so they are not read again for each step: a step goes by what is known, says of which place
//! that is, and is refused where the store has another by now. What has changed is read by place, as a reader of the feed does.
//! Bounded by what the store holds: a row for each repository that was ever listed, about two kilobytes each.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ledger::event::RepoId;
use ledger::port::activity::OrgView;

use super::rows::Row;

/// How many steps of this process may be remembered that lie beyond what was read. Past it they are read again.
const AHEAD: usize = 1024;

#[derive(Default)]
pub(super) struct Known(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    /// Which filling of the store all of this is of. Empty if nothing is known.
    incarnation: Arc<str>,
    rows: HashMap<RepoId, Version<Row>>,
    by_place: BTreeMap<u64, RepoId>,
    orgs: HashMap<String, Version<OrgView>>,
    /// Every row whose latest change lies up to here is known.
    read_to: u64,
    /// From which place to which, where all that changed was changed by this process.
    ahead: BTreeMap<u64, u64>,
    /// The highest place that was ever seen.
    seen: u64,
}

/// Something as it was since a place.
#[derive(Debug)]
pub(super) struct Version<T> {
    pub(super) place: u64,
    pub(super) what: Arc<T>,
}

impl<T> Clone for Version<T> {
    fn clone(&self) -> Version<T> {
        Version {
            place: self.place,
            what: Arc::clone(&self.what),
        }
    }
}

impl Known {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known of these, in their order, and of which incarnation.
    pub(super) fn look(&self, repos: &[RepoId]) -> (Arc<str>, Vec<Option<Version<Row>>>) {
        let inner = self.inner();
        let rows = repos.iter().map(|repo| inner.rows.get(repo).cloned());
        (Arc::clone(&inner.incarnation), rows.collect())
    }

    pub(super) fn org(&self, org: &str) -> (Arc<str>, Option<Version<OrgView>>) {
        let inner = self.inner();
        (Arc::clone(&inner.incarnation), inner.orgs.get(org).cloned())
    }

    /// The incarnation, and up to which place rows were read.
    pub(super) fn position(&self) -> (Arc<str>, u64) {
        let inner = self.inner();
        (Arc::clone(&inner.incarnation), inner.read_to)
    }

    /// The highest place that was seen.
    pub(super) fn seen(&self) -> (Arc<str>, u64) {
        let inner = self.inner();
        (Arc::clone(&inner.incarnation), inner.seen)
    }

    /// The store is of this incarnation: what is known of another is forgotten.
    pub(super) fn renew(&self, incarnation: &str) {
        let mut inner = self.inner();
        if *inner.incarnation != *incarnation {
            *inner = Inner {
                incarnation: incarnation.into(),
                ..Inner::default()
            };
        }
    }

    /// A row as it is since a place, or that there is none.
    pub(super) fn put(&self, incarnation: &str, repo: RepoId, row: Option<Version<Row>>) {
        let mut inner = self.inner();
        if *inner.incarnation == *incarnation {
            inner.put(repo, row);
        }
    }

    pub(super) fn put_org(&self, incarnation: &str, org: &str, view: Option<Version<OrgView>>) {
        let mut inner = self.inner();
        if *inner.incarnation == *incarnation {
            match view {
                Some(view) => inner.orgs.insert(org.to_owned(), view),
                None => inner.orgs.remove(org),
            };
        }
    }

    /// All that changed between these places was changed by this process, and has been put.
    pub(super) fn stepped(&self, incarnation: &str, before: u64, after: u64) {
        let mut inner = self.inner();
        if *inner.incarnation != *incarnation {
            return;
        }
        inner.seen = inner.seen.max(after);
        if before < after {
            if inner.ahead.len() >= AHEAD {
                inner.ahead.clear();
            }
            inner.ahead.insert(before, after);
        }
        inner.go_on();
    }

    /// All that changed up to this place was read, and has been put.
    pub(super) fn read_to(&self, incarnation: &str, place: u64) {
        let mut inner = self.inner();
        if *inner.incarnation == *incarnation {
            inner.seen = inner.seen.max(place);
            inner.read_to = inner.read_to.max(place);
            inner.go_on();
        }
    }

    /// The repositories of an organisation, by id.
    pub(super) fn of_org(&self, org: &str) -> Vec<(RepoId, Arc<Row>)> {
        let inner = self.inner();
        let rows = inner.rows.iter().filter(|(_, row)| row.what.org == org);
        let mut rows: Vec<_> = rows
            .map(|(repo, row)| (*repo, Arc::clone(&row.what)))
            .collect();
        rows.sort_by_key(|(repo, _)| *repo);
        rows
    }

    /// The repositories whose latest change lies after one place and not after another, by id.
    pub(super) fn changed(&self, after: u64, to: u64) -> Vec<(RepoId, Arc<Row>)> {
        if after >= to {
            return Vec::new();
        }
        let inner = self.inner();
        let changed = inner.by_place.range(after + 1..=to);
        let mut rows: Vec<_> = changed
            .map(|(_, repo)| (*repo, Arc::clone(&inner.rows[repo].what)))
            .collect();
        rows.sort_by_key(|(repo, _)| *repo);
        rows
    }
}

impl Inner {
    fn put(&mut self, repo: RepoId, row: Option<Version<Row>>) {
        let known = self.rows.get(&repo).map(|known| known.place);
        if let (Some(known), Some(row)) = (known, &row)
            && known >= row.place
        {
            return;
        }
        if let Some(known) = known {
            self.by_place.remove(&known);
        }
        match row {
            Some(row) => {
                self.seen = self.seen.max(row.place);
                self.by_place.insert(row.place, repo);
                self.rows.insert(repo, row);
            }
            None => {
                self.rows.remove(&repo);
            }
        }
    }

    /// Steps of this process that go on where reading has stopped need not be read.
    fn go_on(&mut self) {
        while let Some(step) = self.ahead.first_entry() {
            if *step.key() > self.read_to {
                return;
            }
            self.read_to = self.read_to.max(step.remove());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(org: &str) -> Arc<Row> {
        Arc::new(Row {
            org: org.to_owned(),
            name: "lib".to_owned(),
            created_at: jiff::Timestamp::UNIX_EPOCH,
            tracked: true,
            streams: Vec::new(),
        })
    }

    fn version(place: u64, org: &str) -> Option<Version<Row>> {
        Some(Version {
            place,
            what: row(org),
        })
    }

    #[test]
    fn an_older_row_that_comes_late_changes_nothing() {
        let known = Known::default();
        known.renew("one");
        known.put("one", RepoId(1), version(7, "acme"));
        known.put("one", RepoId(1), version(5, "old"));
        known.put("another", RepoId(1), version(9, "foreign"));
        assert_eq!(known.of_org("acme").len(), 1);
        assert_eq!(known.changed(6, 7).len(), 1);
        assert!(known.changed(0, 6).is_empty());
        known.renew("another");
        assert!(known.of_org("acme").is_empty());
    }

    #[test]
    fn what_this_process_did_itself_is_not_read_again_once_the_rest_is() {
        let known = Known::default();
        known.renew("one");
        let read_to = || known.position().1;
        known.stepped("one", 10, 12);
        known.stepped("one", 12, 15);
        assert_eq!(read_to(), 0, "what lies before is not known");
        known.read_to("one", 10);
        assert_eq!(read_to(), 15);
        known.stepped("one", 16, 17);
        assert_eq!(read_to(), 15, "another was at it in between");
        known.read_to("one", 16);
        assert_eq!(read_to(), 17);
        assert_eq!(known.seen().1, 17);
    }
}
