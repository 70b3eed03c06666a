//! How the organisations are read, from the store: the same from every replica.

use ledger::port::activity::{CycleResult, OrgView};

use crate::export::encode::{Encoder, labels};
use crate::export::table::{Family, shared};
use crate::export::{SharedView, StreamState};

/// Everything.
pub(super) fn write(encoder: &mut Encoder, view: &SharedView, series_left_out: u64) {
    cycles(encoder, view);
    streams(encoder, view);
    let start = encoder.family(shared::LEFT_OUT);
    encoder.whole(&start, "", "", series_left_out);
    let start = encoder.family(shared::SNAPSHOT);
    encoder.moment(&start, "", view.as_of);
}

fn cycles(encoder: &mut Encoder, view: &SharedView) {
    let orgs: Vec<(&OrgView, String)> = view
        .orgs
        .iter()
        .map(|org| (org, labels(&[("org", &org.org)])))
        .collect();
    let start = encoder.family(shared::UP);
    for (org, labels) in &orgs {
        let up = org
            .last
            .as_ref()
            .is_some_and(|last| matches!(last.result, CycleResult::Success | CycleResult::Partial));
        encoder.whole(&start, labels, "", u64::from(up));
    }
    let start = encoder.family(shared::SCRAPE_RUNS);
    for (org, labels) in &orgs {
        for (result, count) in CycleResult::ALL.into_iter().zip(org.cycles) {
            let result = format!(",result=\"{}\"", result.as_str());
            encoder.whole(&start, labels, &result, count);
        }
    }
    let start = encoder.family(shared::SCRAPE_DURATION);
    for (org, labels) in &orgs {
        if let Some(last) = &org.last {
            let took = last.finished.duration_since(last.started).as_secs_f64();
            encoder.number(&start, labels, took.max(0.0));
        }
    }
    let start = encoder.family(shared::LAST_RUN);
    let ends = view.orgs.iter().filter_map(|org| org.last.as_ref());
    if let Some(finished) = ends.map(|last| last.finished).max() {
        encoder.moment(&start, "", finished);
    }
}

/// Coverage, gaps and age.
fn streams(encoder: &mut Encoder, view: &SharedView) {
    let streams: Vec<_> = view
        .streams
        .iter()
        .map(|state| {
            let labels = labels(&[("org", &state.org), ("stream", state.stream.as_str())]);
            (state, labels)
        })
        .collect();
    let start = encoder.family(shared::COVERAGE);
    for (state, labels) in &streams {
        if let Some(ratio) = state.ratio {
            encoder.number(&start, labels, ratio);
        }
    }
    let start = encoder.family(shared::GAPS);
    for (state, labels) in &streams {
        for (reason, count) in &state.gaps {
            let reason = format!(",reason=\"{}\"", reason.as_str());
            encoder.whole(&start, labels, &reason, *count);
        }
    }
    type Read = fn(&StreamState) -> u64;
    let counts: [(Family, Read); 2] = [
        (shared::GAPS_STUCK, |state| state.stuck),
        (shared::UNAVAILABLE, |state| state.unavailable),
    ];
    for (family, read) in counts {
        let start = encoder.family(family);
        for (state, labels) in &streams {
            encoder.whole(&start, labels, "", read(state));
        }
    }
    let start = encoder.family(shared::OLDEST_GAP);
    for (state, labels) in &streams {
        encoder.number(&start, labels, state.oldest_gap_seconds);
    }
    let start = encoder.family(shared::DATA_AGE);
    for (state, labels) in &streams {
        encoder.number(&start, labels, state.age_seconds);
    }
}
