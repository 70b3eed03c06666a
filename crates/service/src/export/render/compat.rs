//! The node's numbers under the operational names of another exporter. Decides which of ours each of them is; refuses to
//! repeat what is wrong with its types: what counts is a counter here.

use std::collections::BTreeMap;

use ledger::port::activity::CycleResult;

use super::node::dependencies;
use crate::export::encode::{Encoder, labels};
use crate::export::node_counts::{Source, Written};
use crate::export::table::compat;
use crate::export::{NodeView, SharedView};

/// Everything.
pub(super) fn write(encoder: &mut Encoder, shared: &SharedView, view: &NodeView) {
    cycles(encoder, shared);
    dependencies(encoder, compat::DEPENDENCY, view);
    let counted = view.counts.counted();
    let start = encoder.family(compat::ENQUEUED);
    for ((org, reason), count) in &counted.enqueued {
        let labels = labels(&[("org", org), ("reason", reason.as_str())]);
        encoder.whole(&start, &labels, "", *count);
    }
    let start = encoder.family(compat::DEDUPED);
    for (org, count) in &counted.deduplicated {
        encoder.whole(&start, &labels(&[("org", org)]), "", *count);
    }
    let mut processed: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for ((org, result), count) in &counted.processed {
        let result = match *result {
            "failed" | "stuck" => "failed",
            "filled" | "unavailable" | "needless" => "processed",
            _ => continue,
        };
        *processed.entry((org, result)).or_default() += count;
    }
    let start = encoder.family(compat::PROCESSED);
    for ((org, result), count) in processed {
        encoder.whole(
            &start,
            &labels(&[("org", org), ("result", result)]),
            "",
            count,
        );
    }
    rate_limit(encoder, view);
    let start = encoder.family(compat::QUEUE_OLDEST);
    for (name, state) in &counted.queues {
        if let Some(oldest) = state.oldest {
            encoder.number(&start, &labels(&[("queue", name)]), oldest.as_secs_f64());
        }
    }
    let mut writes: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for ((source, result), count) in &counted.writes {
        let source = match source {
            Source::Scrape => "leader_scrape",
            Source::Backfill => "worker_backfill",
        };
        let result = match result {
            Written::Inserted | Written::Updated | Written::Retracted => "success",
            Written::Refused | Written::Failed => "failure",
            Written::Outside => continue,
        };
        *writes.entry((source, result)).or_default() += count;
    }
    let start = encoder.family(compat::STORE_WRITES);
    for ((source, result), count) in writes {
        encoder.whole(
            &start,
            &labels(&[("source", source), ("result", result)]),
            "",
            count,
        );
    }
}

fn cycles(encoder: &mut Encoder, shared: &SharedView) {
    let start = encoder.family(compat::SCRAPE_RUNS);
    for org in &shared.orgs {
        let count = |result: CycleResult| org.cycles[result as usize];
        for (result, count) in [
            (
                "success",
                count(CycleResult::Success) + count(CycleResult::Partial),
            ),
            ("failure", count(CycleResult::Failure)),
            ("skipped_unhealthy", count(CycleResult::SkippedUnhealthy)),
        ] {
            let labels = labels(&[("org", &org.org), ("result", result)]);
            encoder.whole(&start, &labels, "", count);
        }
    }
    let start = encoder.family(compat::LAST_RUN);
    let ends = shared.orgs.iter().filter_map(|org| org.last.as_ref());
    if let Some(finished) = ends.map(|last| last.finished).max() {
        encoder.moment(&start, "", finished);
    }
}

/// The label `installation_id` has the name of the credential, which for an App ends in the organisation.
fn rate_limit(encoder: &mut Encoder, view: &NodeView) {
    let start = encoder.family(compat::RATE_LIMIT);
    for (org, credential) in &view.orgs {
        let quota = view.quota.iter().find(|it| it.credential == *credential);
        let core = quota.and_then(|it| it.resources.iter().find(|it| it.resource == "core"));
        if let Some(remaining) = core.and_then(|core| core.remaining) {
            let labels = labels(&[("org", org), ("installation_id", credential)]);
            encoder.whole(&start, &labels, "", remaining);
        }
    }
}
