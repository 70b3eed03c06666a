//! What was asked of GitHub, and what did not have to be asked, counted for metrics.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use http::StatusCode;
use quota::Lane;

use crate::request::Request;
use crate::transport::Fault;

/// Counts since the start of the process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stats {
    /// Every request that was sent.
    pub requests: BTreeMap<Sent, u64>,
    /// What those have taken from the primary quota, in its units: requests of the REST API, points of GraphQL.
    pub spent: BTreeMap<Sent, u64>,
    /// Answers that GitHub confirmed with a 304, by organisation: free of the primary quota.
    pub not_modified: BTreeMap<String, u64>,
    /// Requests that were answered by an equal one of somebody else and not sent, by organisation: free of every quota.
    pub coalesced: BTreeMap<String, u64>,
    /// Requests that a caller found out it need not send, by organisation.
    pub spared: BTreeMap<String, u64>,
    /// Validators that were not what the observed rule gives.
    pub etag_drift: u64,
    /// Whether validators are recomputed for new tokens.
    pub etag_rule_in_use: bool,
    /// Installation tokens minted.
    pub tokens_minted: u64,
}

/// One kind of request.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sent {
    /// The organisation that it was sent for; empty where none is known.
    pub org: String,
    /// The endpoint as GitHub's documentation writes it, or `graphql` and the document's name.
    pub endpoint: &'static str,
    /// The lane.
    pub lane: Lane,
    /// The HTTP status, or why none came: `connect`, `timeout`, `broken`, `too_large`.
    pub code: Code,
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Code {
    /// With an answer of this status.
    Status(u16),
    /// Without a whole answer.
    Fault(&'static str),
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Code::Status(status) => status.fmt(f),
            Code::Fault(fault) => f.write_str(fault),
        }
    }
}

impl From<Result<StatusCode, Fault>> for Code {
    fn from(outcome: Result<StatusCode, Fault>) -> Code {
        match outcome {
            Ok(status) => Code::Status(status.as_u16()),
            Err(fault) => Code::Fault(fault.as_str()),
        }
    }
}

/// The counters of one client.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    counts: Mutex<Stats>,
}

impl Counters {
    /// A request was sent, and took `units` from the primary quota.
    pub(crate) fn sent(&self, request: &Request, lane: Lane, code: Code, units: u64) {
        let org = request.org.as_deref().unwrap_or_default().to_owned();
        let mut counts = self.lock();
        if code == Code::Status(304) {
            *counts.not_modified.entry(org.clone()).or_default() += 1;
        }
        let sent = Sent {
            org,
            endpoint: request.endpoint,
            lane,
            code,
        };
        if units > 0 {
            *counts.spent.entry(sent.clone()).or_default() += units;
        }
        *counts.requests.entry(sent).or_default() += 1;
    }

    pub(crate) fn spared(&self, org: &str, requests: u64) {
        *self.lock().spared.entry(org.to_owned()).or_default() += requests;
    }

    pub(crate) fn coalesced(&self, request: &Request) {
        let org = request.org.as_deref().unwrap_or_default().to_owned();
        *self.lock().coalesced.entry(org).or_default() += 1;
    }

    pub(crate) fn minted(&self) {
        self.lock().tokens_minted += 1;
    }

    pub(crate) fn snapshot(&self) -> Stats {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Stats> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
