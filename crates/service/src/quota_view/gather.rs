//! The view of one process: what its gates and its clients know, gathered.

use std::collections::BTreeMap;

use github::gate::CredentialReport;
use github::stats::Stats;
use github::{Client, Gate, Governor};
use jiff::Timestamp;
use quota::{CredentialQuota, Lane, Resource};

use super::{
    Avoided, AvoidedView, ClosedView, FloorView, ForecastView, QuotaView, ResourceView, SpentView,
    WaitedView, WaitingView, Why, largest,
};

/// The view of every credential that `governor` knows, with what `clients` have spent of it.
pub fn of(governor: &Governor, clients: &[Client]) -> Vec<QuotaView> {
    let view = |(_, gate): (String, Gate)| {
        let report = gate.report();
        let mut view = gate.with_quota(|quota, now| {
            let mut view = standing(report, quota.github_time(now));
            for found in &mut view.resources {
                outlook(found, quota, now);
            }
            view
        });
        for client in clients {
            if client.credential() == view.credential {
                spending(&mut view, &client.stats());
            }
        }
        view.spent = largest(std::mem::take(&mut view.spent));
        view
    };
    governor.gates().map(view).collect()
}

/// What the lanes leave of a bucket, and what becomes of it.
fn outlook(found: &mut ResourceView, quota: &CredentialQuota, now: Timestamp) {
    let resource = Resource::new(found.resource.clone());
    let leaves = |lane: Lane| {
        Some(FloorView {
            lane: lane.as_str().to_owned(),
            leaves: quota.floor(lane, &resource, now)?,
        })
    };
    found.floors = Lane::ALL.into_iter().filter_map(leaves).collect();
    found.forecast = quota.forecast(&resource, now).map(|forecast| ForecastView {
        used_at_reset: forecast.used_at_reset,
        runs_out: forecast.runs_out.map(|at| quota.github_time(at)),
    });
}

fn standing(report: CredentialReport, at: Timestamp) -> QuotaView {
    let CredentialReport {
        credential,
        quota,
        waits,
        waiting,
    } = report;
    let closed = quota.closed_until.map(|until| ClosedView {
        until,
        why: why(&quota, until),
    });
    let resources = quota.resources.into_iter().map(|found| ResourceView {
        resource: found.resource.as_str().to_owned(),
        limit: found.limit,
        used: found.used,
        remaining: found.remaining,
        reset: found.reset,
        floors: Vec::new(),
        forecast: None,
    });
    let waiting = waiting.into_iter().map(|waiting| WaitingView {
        lane: waiting.lane.as_str().to_owned(),
        resource: waiting.resource.as_str().to_owned(),
        requests: waiting.requests as u64,
        reason: waiting.reason.as_str().to_owned(),
        until: waiting.until,
    });
    let waited = waits.into_iter().map(|total| WaitedView {
        lane: total.lane.as_str().to_owned(),
        reason: total.reason.as_str().to_owned(),
        requests: total.count,
        seconds: total.time.as_secs_f64(),
    });
    QuotaView {
        resources: resources.collect(),
        closed,
        rate: quota.rate,
        in_flight: quota.in_flight,
        refused: quota.refused,
        secondary_hits: quota.secondary_hits,
        waiting: waiting.collect(),
        waited: waited.collect(),
        ..QuotaView::new(credential, at)
    }
}

/// The block itself says no more than its end. A bucket that is used up explains it; a process that was never refused was
/// told of it.
fn why(report: &quota::Report, until: Timestamp) -> Why {
    let is_used_up = |found: &quota::ResourceReport| {
        found.remaining == Some(0) && found.reset.is_some_and(|reset| reset <= until)
    };
    if report.resources.iter().any(is_used_up) {
        Why::Primary
    } else if report.secondary_hits > 0 {
        Why::Secondary
    } else {
        Why::Told
    }
}

pub(super) fn spending(view: &mut QuotaView, stats: &Stats) {
    let mut spent: BTreeMap<(&str, &str, &str), (u64, u64)> = BTreeMap::new();
    for (sent, count) in &stats.requests {
        let key = (sent.lane.as_str(), sent.org.as_str(), sent.endpoint);
        let (requests, units) = spent.entry(key).or_default();
        *requests += count;
        *units += stats.spent.get(sent).unwrap_or(&0);
    }
    view.spent.extend(
        spent
            .into_iter()
            .map(|((lane, org, endpoint), (requests, units))| SpentView {
                lane: lane.to_owned(),
                org: org.to_owned(),
                endpoint: endpoint.to_owned(),
                requests,
                units,
                lately: 0,
            }),
    );
    for (mode, by_org) in Avoided::of(stats) {
        view.avoided
            .extend(by_org.iter().map(|(org, requests)| AvoidedView {
                org: org.clone(),
                mode: mode.as_str().to_owned(),
                requests: *requests,
            }));
    }
}
