//! What the node knows of itself: what its roles did, what GitHub was asked, and the process.

use std::collections::BTreeMap;

use ledger::coverage::GapReason;
use quota::Lane;

use crate::export::encode::{Encoder, labels};
use crate::export::node_counts::{Counted, Source, Written};
use crate::export::table::{Family, node};
use crate::export::{Dependency, NodeCounts, NodeView, process};
use crate::quota_view::{Avoided, ResourceView};

/// Everything.
pub(super) fn write(encoder: &mut Encoder, view: &NodeView) {
    version(encoder);
    let start = encoder.family(node::LEADER);
    encoder.whole(&start, "", "", u64::from(view.leads));
    {
        let counted = view.counts.counted();
        backfill(encoder, view, &counted);
        queues(encoder, &counted);
        writes(encoder, &counted);
    }
    dependencies(encoder, node::DEPENDENCY, view);
    github(encoder, view);
    process(encoder, view);
}

/// Which version runs.
pub(super) fn version(encoder: &mut Encoder) {
    let start = encoder.family(node::BUILD);
    let labels = labels(&[("version", env!("CARGO_PKG_VERSION"))]);
    encoder.whole(&start, &labels, "", 1);
}

/// What became of backfill tasks. Every organisation has every series from the start, so that the first task is seen to
/// come.
fn backfill(encoder: &mut Encoder, view: &NodeView, counted: &Counted) {
    let orgs = || view.orgs.iter().map(|(org, _)| org.clone());
    let start = encoder.family(node::BACKFILL_ENQUEUED);
    let all = orgs().flat_map(|org| GapReason::ALL.map(|reason| (org.clone(), reason)));
    for ((org, reason), count) in from_zero(all, &counted.enqueued) {
        let labels = labels(&[("org", &org), ("reason", reason.as_str())]);
        encoder.whole(&start, &labels, "", count);
    }
    for (family, counts) in [
        (node::BACKFILL_DEDUPLICATED, &counted.deduplicated),
        (node::BACKFILL_DEFERRED, &counted.deferred),
    ] {
        let start = encoder.family(family);
        for (org, count) in from_zero(orgs(), counts) {
            encoder.whole(&start, &labels(&[("org", &org)]), "", count);
        }
    }
    let start = encoder.family(node::BACKFILL_PROCESSED);
    let all = orgs().flat_map(|org| NodeCounts::RESULTS.map(|result| (org.clone(), result)));
    for ((org, result), count) in from_zero(all, &counted.processed) {
        let labels = labels(&[("org", &org), ("result", result)]);
        encoder.whole(&start, &labels, "", count);
    }
}

/// What was counted, and zero for what was not.
fn from_zero<K: Ord + Clone>(
    all: impl Iterator<Item = K>,
    counted: &BTreeMap<K, u64>,
) -> BTreeMap<K, u64> {
    let mut counts: BTreeMap<K, u64> = all.map(|key| (key, 0)).collect();
    counts.extend(counted.iter().map(|(key, count)| (key.clone(), *count)));
    counts
}

/// The queues that were looked at. A node without one does not speak of any.
fn queues(encoder: &mut Encoder, counted: &Counted) {
    if counted.queues.is_empty() {
        return;
    }
    let start = encoder.family(node::QUEUE_DEPTH);
    for (name, state) in &counted.queues {
        if let Some(depth) = state.depth {
            encoder.whole(&start, &labels(&[("queue", name)]), "", depth);
        }
    }
    let start = encoder.family(node::QUEUE_OLDEST);
    for (name, state) in &counted.queues {
        if let Some(oldest) = state.oldest {
            encoder.number(&start, &labels(&[("queue", name)]), oldest.as_secs_f64());
        }
    }
}

fn writes(encoder: &mut Encoder, counted: &Counted) {
    let start = encoder.family(node::STORE_WRITES);
    let all = Source::ALL.into_iter();
    let all = all.flat_map(|source| Written::ALL.map(|result| (source, result)));
    for ((source, result), count) in from_zero(all, &counted.writes) {
        let labels = labels(&[("source", source.as_str()), ("result", result.as_str())]);
        encoder.whole(&start, &labels, "", count);
    }
}

/// Whether what the node depends on could be used last.
pub(super) fn dependencies(encoder: &mut Encoder, family: Family, view: &NodeView) {
    let start = encoder.family(family);
    for Dependency { name, up } in &view.dependencies {
        encoder.whole(&start, &labels(&[("dependency", name)]), "", u64::from(*up));
    }
}

/// What GitHub was asked, and what is left of its quota.
fn github(encoder: &mut Encoder, view: &NodeView) {
    let start = encoder.family(node::REQUESTS);
    // Written by what is shown, so that two series never have the same labels.
    let mut sent: BTreeMap<String, u64> = BTreeMap::new();
    for (kind, count) in view.github.iter().flat_map(|stats| &stats.requests) {
        let code = kind.code.to_string();
        let labels = labels(&[
            ("org", &kind.org),
            ("endpoint", kind.endpoint),
            ("lane", kind.lane.as_str()),
            ("code", &code),
        ]);
        *sent.entry(labels).or_default() += count;
    }
    for (labels, count) in sent {
        encoder.whole(&start, &labels, "", count);
    }
    avoided(encoder, view);
    let drift = view.github.iter().map(|stats| stats.etag_drift).sum();
    let start = encoder.family(node::ETAG_DRIFT);
    encoder.whole(&start, "", "", drift);
    quota(encoder, view);
}

/// Requests that were not needed. Every organisation has every mode from the start, so that the first one is seen to come.
fn avoided(encoder: &mut Encoder, view: &NodeView) {
    let start = encoder.family(node::AVOIDED);
    let mut counts: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for (org, _) in &view.orgs {
        for mode in Avoided::ALL {
            counts.insert((org, mode.as_str()), 0);
        }
    }
    for stats in &view.github {
        for (mode, by_org) in Avoided::of(stats) {
            for (org, count) in by_org {
                *counts.entry((org, mode.as_str())).or_default() += count;
            }
        }
    }
    for ((org, mode), count) in counts {
        let labels = labels(&[("org", org), ("mode", mode)]);
        encoder.whole(&start, &labels, "", count);
    }
}

fn quota(encoder: &mut Encoder, view: &NodeView) {
    let mut resources = Vec::new();
    for credential in &view.quota {
        for found in &credential.resources {
            let labels = labels(&[
                ("credential", &credential.credential),
                ("resource", &found.resource),
            ]);
            resources.push((found, labels));
        }
    }
    type Read = fn(&ResourceView) -> Option<u64>;
    let numbers: [(Family, Read); 4] = [
        (node::QUOTA_LIMIT, |found| found.limit),
        (node::QUOTA_REMAINING, |found| found.remaining),
        (node::QUOTA_RESERVED, |found| found.left_by(Lane::Scheduled)),
        (node::QUOTA_USED_AT_RESET, |found| {
            Some(found.forecast.as_ref()?.used_at_reset)
        }),
    ];
    for (family, read) in numbers {
        let start = encoder.family(family);
        for (found, labels) in &resources {
            if let Some(value) = read(found) {
                encoder.whole(&start, labels, "", value);
            }
        }
    }
    let start = encoder.family(node::QUOTA_RESET);
    for (found, labels) in &resources {
        if let Some(reset) = found.reset {
            encoder.moment(&start, labels, reset);
        }
    }
    let start = encoder.family(node::SECONDARY_HITS);
    for credential in &view.quota {
        let labels = labels(&[("credential", &credential.credential)]);
        encoder.whole(&start, &labels, "", credential.secondary_hits);
    }
    let start = encoder.family(node::WAIT);
    for credential in &view.quota {
        for waited in &credential.waited {
            let labels = labels(&[
                ("credential", &credential.credential),
                ("lane", &waited.lane),
                ("reason", &waited.reason),
            ]);
            encoder.number(&start, &labels, waited.seconds);
        }
    }
}

fn process(encoder: &mut Encoder, view: &NodeView) {
    let start = encoder.family(node::START);
    encoder.moment(&start, "", view.started);
    if let Some(found) = process::look() {
        let start = encoder.family(node::CPU);
        encoder.number(&start, "", found.cpu_seconds);
        let start = encoder.family(node::RESIDENT);
        encoder.whole(&start, "", "", found.resident_bytes);
        let start = encoder.family(node::OPEN_FDS);
        encoder.whole(&start, "", "", found.open_fds);
    }
}
