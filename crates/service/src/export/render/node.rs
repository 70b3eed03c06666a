//! What the node knows of itself: how well it reads the organisations, what GitHub was asked, and the process.

use std::collections::BTreeMap;

use ledger::port::activity::{CycleResult, OrgView, Recorded};
use quota::Lane;

use crate::export::encode::{Encoder, labels, push_label};
use crate::export::table::{Family, node};
use crate::export::{NodeView, process};
use crate::quota_view::{Avoided, ResourceView};

/// How well the organisations are read.
pub(super) fn organisations(encoder: &mut Encoder, view: &NodeView) {
    let orgs: Vec<(&OrgView, String)> = view
        .orgs
        .iter()
        .map(|org| (org, labels(&[("org", &org.org)])))
        .collect();
    let start = encoder.family(node::UP);
    for (org, labels) in &orgs {
        let up = org
            .last
            .as_ref()
            .is_some_and(|last| matches!(last.result, CycleResult::Success | CycleResult::Partial));
        encoder.whole(&start, labels, "", u64::from(up));
    }
    let start = encoder.family(node::LEADER);
    encoder.whole(&start, "", "", 1);
    let start = encoder.family(node::SCRAPE_RUNS);
    for (org, labels) in &orgs {
        for (result, count) in CycleResult::ALL.into_iter().zip(org.cycles) {
            let result = format!(",result=\"{}\"", result.as_str());
            encoder.whole(&start, labels, &result, count);
        }
    }
    let start = encoder.family(node::SCRAPE_DURATION);
    for (org, labels) in &orgs {
        if let Some(last) = &org.last {
            let took = last.finished.duration_since(last.started).as_secs_f64();
            encoder.number(&start, labels, took.max(0.0));
        }
    }
    let start = encoder.family(node::LAST_RUN);
    let ends = view.orgs.iter().filter_map(|org| org.last.as_ref());
    if let Some(finished) = ends.map(|last| last.finished).max() {
        encoder.moment(&start, "", finished);
    }
    streams(encoder, view);
    writes(encoder, view);
    let start = encoder.family(node::DEPENDENCY);
    for dependency in &view.dependencies {
        let labels = labels(&[("dependency", dependency.name)]);
        encoder.whole(&start, &labels, "", u64::from(dependency.up));
    }
}

/// Coverage, gaps and age.
fn streams(encoder: &mut Encoder, view: &NodeView) {
    let streams: Vec<_> = view
        .streams
        .iter()
        .map(|state| {
            let labels = labels(&[("org", &state.org), ("stream", state.stream.as_str())]);
            (state, labels)
        })
        .collect();
    let start = encoder.family(node::COVERAGE);
    for (state, labels) in &streams {
        encoder.number(&start, labels, state.ratio);
    }
    let start = encoder.family(node::GAPS);
    for (state, labels) in &streams {
        for (reason, count) in &state.gaps {
            let reason = format!(",reason=\"{}\"", reason.as_str());
            encoder.whole(&start, labels, &reason, *count);
        }
    }
    let start = encoder.family(node::OLDEST_GAP);
    for (state, labels) in &streams {
        encoder.number(&start, labels, state.oldest_gap_seconds);
    }
    let start = encoder.family(node::DATA_AGE);
    for (state, labels) in &streams {
        encoder.number(&start, labels, state.age_seconds);
    }
}

/// What the scrapes of these organisations have written to the store.
fn writes(encoder: &mut Encoder, view: &NodeView) {
    let start = encoder.family(node::STORE_WRITES);
    let mut sum = Recorded::default();
    for org in &view.orgs {
        sum.inserted += org.recorded.inserted;
        sum.updated += org.recorded.updated;
        sum.retracted += org.recorded.retracted;
        sum.outside += org.recorded.outside;
    }
    let Recorded {
        inserted,
        updated,
        retracted,
        outside,
    } = sum;
    for (result, count) in [
        ("inserted", inserted),
        ("updated", updated),
        ("retracted", retracted),
        ("outside", outside),
    ] {
        let labels = labels(&[("source", "scrape"), ("result", result)]);
        encoder.whole(&start, &labels, "", count);
    }
}

/// What GitHub was asked, and what is left of its quota.
pub(super) fn github(encoder: &mut Encoder, view: &NodeView) {
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
    for org in &view.orgs {
        for mode in Avoided::ALL {
            counts.insert((&org.org, mode.as_str()), 0);
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
            let mut labels = labels(&[("credential", &credential.credential)]);
            push_label(&mut labels, "lane", &waited.lane);
            push_label(&mut labels, "reason", &waited.reason);
            encoder.number(&start, &labels, waited.seconds);
        }
    }
}

/// Which version runs.
pub(in crate::export) fn build(encoder: &mut Encoder) {
    let start = encoder.family(node::BUILD);
    let labels = labels(&[("version", env!("CARGO_PKG_VERSION"))]);
    encoder.whole(&start, &labels, "", 1);
}

/// The snapshot and the process.
pub(super) fn own(encoder: &mut Encoder, view: &NodeView, left_out: u64) {
    build(encoder);
    let start = encoder.family(node::LEFT_OUT);
    encoder.whole(&start, "", "", left_out);
    let start = encoder.family(node::SNAPSHOT);
    encoder.moment(&start, "", view.now);
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
