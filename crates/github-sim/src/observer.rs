//! What was asked, by whom, at what cost, and what came of it.
//!
//! It keeps the last requests in full and the sums of all. It refuses to judge: whether a request was sent into a
//! block is decided by the ledger, and told here. Tokens never come here; credentials have names.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde::Serialize;

use crate::limit::{Resource, SecondaryCause};

/// So many requests are kept in full; older ones only count in the sums.
const KEPT: usize = 20_000;

/// So many endpoints have sums of their own; what comes later is summed as `other`.
const ENDPOINTS: usize = 300;

/// One request and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Seen {
    /// When it arrived.
    pub at: Timestamp,
    /// `user:LOGIN`, `installation:ID`, `app:ID`, `address:IP` without a token, `unknown:IP` with one that nobody
    /// knows.
    pub credential: String,
    /// The method.
    pub method: String,
    /// The path with its query.
    pub path: String,
    /// What it asked for: a route such as `/repos/{owner}/{repo}/pulls`, or `graphql NAME`.
    pub endpoint: String,
    /// The quota that it draws on.
    pub resource: Resource,
    /// What it cost of that quota.
    pub cost: u64,
    /// What it counted in the secondary limits; nothing if it was refused.
    pub points: u64,
    /// The status; 0 if the caller went away or the connection was reset.
    pub status: u16,
    /// Why it was refused, if it was.
    pub refused: Option<Refused>,
    /// Whether its sender had been told, before it was sent, not to send now.
    pub sent_into_block: bool,
    /// Whether it was answered with a 304.
    pub not_modified: bool,
    /// The faults that struck it.
    pub faults: Vec<&'static str>,
    /// How long the answer took, in milliseconds.
    pub took_ms: u64,
}

/// A file that was asked for on the host of Copilot's reports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Download {
    /// When.
    pub at: Timestamp,
    /// The host that was asked, with its port.
    pub host: String,
    /// The file; without the signature.
    pub path: String,
    /// The status; 0 if the connection was reset.
    pub status: u16,
    /// Whether it came with an `Authorization`, which nobody may send there.
    pub was_shown_a_token: bool,
    /// The faults that struck it.
    pub faults: Vec<&'static str>,
}

/// Why a request was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Refused {
    /// The credential was not good.
    Credential,
    /// The quota was spent.
    Primary,
    /// A secondary limit was met, or had been met before.
    Secondary(SecondaryCause),
}

/// Sums over a set of requests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Sum {
    /// Requests of any outcome.
    pub requests: u64,
    /// What they cost of the quota.
    pub cost: u64,
    /// What they counted in the secondary limits.
    pub points: u64,
    /// Answered with a 304.
    pub not_modified: u64,
    /// Refused because the quota was spent.
    pub refused_primary: u64,
    /// Refused by a secondary limit.
    pub refused_secondary: u64,
    /// Refused because the credential was not good.
    pub refused_credential: u64,
    /// Sent although the sender had been told not to.
    pub sent_into_block: u64,
}

impl Sum {
    fn add(&mut self, seen: &Seen) {
        self.requests += 1;
        self.cost += seen.cost;
        self.points += seen.points;
        self.not_modified += u64::from(seen.not_modified);
        self.sent_into_block += u64::from(seen.sent_into_block);
        match seen.refused {
            Some(Refused::Primary) => self.refused_primary += 1,
            Some(Refused::Secondary(_)) => self.refused_secondary += 1,
            Some(Refused::Credential) => self.refused_credential += 1,
            None => {}
        }
    }
}

/// Sums over everything since the start or the last reset.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// All requests.
    pub total: Sum,
    /// By quota.
    pub by_resource: BTreeMap<&'static str, Sum>,
    /// By method and endpoint.
    pub by_endpoint: BTreeMap<String, Sum>,
    /// By credential.
    pub by_credential: BTreeMap<String, Sum>,
    /// By status.
    pub by_status: BTreeMap<u16, u64>,
    /// By fault.
    pub by_fault: BTreeMap<&'static str, u64>,
}

impl Summary {
    /// The sums of one quota.
    pub fn resource(&self, resource: Resource) -> Sum {
        self.by_resource
            .get(resource.as_str())
            .copied()
            .unwrap_or_default()
    }

    /// The sums of one endpoint, such as `GET /rate_limit` or `POST graphql PULLS`.
    pub fn endpoint(&self, endpoint: &str) -> Sum {
        self.by_endpoint.get(endpoint).copied().unwrap_or_default()
    }
}

/// The log of one simulated GitHub; a handle, cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Observer {
    inner: Arc<Mutex<Log>>,
}

#[derive(Debug, Default)]
struct Log {
    last: VecDeque<Seen>,
    downloads: VecDeque<Download>,
    summary: Summary,
}

impl Observer {
    /// The last requests, oldest first; at most 20,000.
    pub fn requests(&self) -> Vec<Seen> {
        self.log().last.iter().cloned().collect()
    }

    /// The sums.
    pub fn summary(&self) -> Summary {
        self.log().summary.clone()
    }

    /// The last files asked for, oldest first; at most 20,000. They are no requests to the API and in no sum.
    pub fn downloads(&self) -> Vec<Download> {
        self.log().downloads.iter().cloned().collect()
    }

    pub(crate) fn downloaded(&self, download: Download) {
        let mut log = self.log();
        if log.downloads.len() == KEPT {
            log.downloads.pop_front();
        }
        log.downloads.push_back(download);
    }

    /// Forgets everything seen so far.
    pub fn reset(&self) {
        *self.log() = Log::default();
    }

    /// Keeps `seen`, with what is changed in it until then, when the returned value goes away.
    pub(crate) fn begin(&self, seen: Seen) -> Entry {
        Entry {
            observer: self.clone(),
            seen,
        }
    }

    fn keep(&self, seen: Seen) {
        let mut log = self.log();
        let Log { last, summary, .. } = &mut *log;
        let mut endpoint = format!("{} {}", seen.method, seen.endpoint);
        if summary.by_endpoint.len() >= ENDPOINTS && !summary.by_endpoint.contains_key(&endpoint) {
            endpoint = "other".to_owned();
        }
        summary.total.add(&seen);
        summary
            .by_resource
            .entry(seen.resource.as_str())
            .or_default()
            .add(&seen);
        summary.by_endpoint.entry(endpoint).or_default().add(&seen);
        summary
            .by_credential
            .entry(seen.credential.clone())
            .or_default()
            .add(&seen);
        *summary.by_status.entry(seen.status).or_default() += 1;
        for fault in &seen.faults {
            *summary.by_fault.entry(fault).or_default() += 1;
        }
        if last.len() == KEPT {
            last.pop_front();
        }
        last.push_back(seen);
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request under way. It is kept however it ends, also when its caller goes away.
#[derive(Debug)]
pub(crate) struct Entry {
    observer: Observer,
    pub(crate) seen: Seen,
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.observer.keep(self.seen.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(endpoint: &str) -> Seen {
        Seen {
            at: Timestamp::UNIX_EPOCH,
            credential: "user:a".into(),
            method: "GET".into(),
            path: "/rate_limit".into(),
            endpoint: endpoint.into(),
            resource: Resource::Core,
            cost: 1,
            points: 1,
            status: 200,
            refused: None,
            sent_into_block: false,
            not_modified: false,
            faults: vec![],
            took_ms: 0,
        }
    }

    #[test]
    fn a_request_is_kept_however_it_ends() {
        let observer = Observer::default();
        let mut entry = observer.begin(seen("/x"));
        entry.seen.refused = Some(Refused::Primary);
        entry.seen.status = 403;
        assert_eq!(observer.summary().total.requests, 0);
        drop(entry);
        let sum = observer.summary().endpoint("GET /x");
        assert_eq!((sum.requests, sum.refused_primary), (1, 1));
        assert_eq!(observer.summary().by_status[&403], 1);
        observer.reset();
        assert_eq!(observer.summary(), Summary::default());
    }

    #[test]
    fn memory_is_bounded_and_the_sums_stay_whole() {
        let observer = Observer::default();
        for n in 0..KEPT + 50 {
            observer.keep(seen(&format!("/{n}")));
        }
        let summary = observer.summary();
        assert_eq!(observer.requests().len(), KEPT);
        assert_eq!(summary.total.requests, KEPT as u64 + 50);
        assert_eq!(summary.by_endpoint.len(), ENDPOINTS + 1);
        assert_eq!(
            summary
                .by_endpoint
                .values()
                .map(|sum| sum.requests)
                .sum::<u64>(),
            KEPT as u64 + 50
        );
    }
}
