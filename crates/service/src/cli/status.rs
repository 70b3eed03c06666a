//! `tidegate status`: what is known, and how old it is. Only looks; works beside a node and without one.

use jiff::Timestamp;
use ledger::event::Stream;
use ledger::port::activity::{OrgView, RepoView};
use serde_json::json;

use super::{Invocation, Outcome, table};
use crate::config::Purpose;
use crate::{telemetry, wire};

/// Show what is known of each organisation and how old it is
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {}

/// One organisation, summed up.
struct Line {
    org: OrgView,
    tracked: usize,
    gaps: usize,
    unavailable: usize,
    /// Since when something has not been read, over all streams.
    behind: Option<Timestamp>,
}

pub(crate) async fn run(_arguments: Arguments, invocation: Invocation) -> anyhow::Result<Outcome> {
    let config = invocation.configuration(Purpose::Read)?.config;
    telemetry::install(&config.log, invocation.environment.has("NO_COLOR"))?;
    let store = wire::look(&config)?;
    let now = quota::clock::wall();
    let mut lines = Vec::new();
    for org in store.orgs().await? {
        let repos = store.repos(&org.org).await?;
        lines.push(line(org, &repos, now));
    }
    if invocation.flags.json {
        let organisations: Vec<_> = lines.iter().map(|line| as_json(line, now)).collect();
        invocation
            .output
            .line(json!({ "state": config.state.path, "organisations": organisations }))?;
        return Ok(Outcome::Done);
    }
    if lines.is_empty() {
        invocation.output.line(format_args!(
            "{} knows no organisation yet",
            config.state.path.display()
        ))?;
        return Ok(Outcome::Done);
    }
    let head = [
        "organisation",
        "repositories",
        "events",
        "last cycle",
        "result",
        "read up to",
        "gaps",
    ];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for line in &lines {
        let last = line.org.last.as_ref();
        rows.push(vec![
            line.org.org.clone(),
            line.tracked.to_string(),
            line.org.recorded.inserted.to_string(),
            last.map_or_else(|| "never".to_owned(), |last| ago(last.finished, now)),
            last.map_or_else(String::new, |last| last.result.as_str().to_owned()),
            line.behind
                .map_or_else(|| "nothing yet".to_owned(), |behind| ago(behind, now)),
            line.gaps.to_string(),
        ]);
    }
    invocation.output.text(&table::lay_out(&rows))?;
    for line in &lines {
        if let Some(error) = line.org.last.as_ref().and_then(|last| last.error.as_ref()) {
            invocation
                .output
                .line(format_args!("{}: {error}", line.org.org))?;
        }
    }
    Ok(Outcome::Done)
}

fn line(org: OrgView, repos: &[RepoView], now: Timestamp) -> Line {
    let tracked: Vec<&RepoView> = repos.iter().filter(|repo| repo.tracked).collect();
    let streams = || {
        tracked.iter().flat_map(|repo| {
            Stream::ALL
                .into_iter()
                .filter_map(|stream| repo.stream(stream))
        })
    };
    let readable = || streams().filter(|view| view.unavailable.is_none());
    Line {
        tracked: tracked.len(),
        gaps: readable()
            .map(|view| view.coverage.gaps_before(now).count())
            .sum(),
        unavailable: streams().filter(|view| view.unavailable.is_some()).count(),
        behind: readable()
            .filter(|view| view.fingerprint.is_some())
            .map(|view| view.coverage.frontier())
            .min(),
        org,
    }
}

fn as_json(line: &Line, now: Timestamp) -> serde_json::Value {
    json!({
        "organisation": line.org.org,
        "repositories": line.tracked,
        "recorded": line.org.recorded,
        "last_cycle": line.org.last,
        "last_read": line.org.last_read,
        "read_up_to": line.behind,
        "age_seconds": line.behind.map(|behind| now.duration_since(behind).as_secs()),
        "gaps": line.gaps,
        "unavailable": line.unavailable,
    })
}

/// `3 min ago`.
fn ago(then: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(then).as_secs().max(0);
    match seconds {
        0..120 => format!("{seconds} s ago"),
        120..7_200 => format!("{} min ago", seconds / 60),
        7_200..172_800 => format!("{} h ago", seconds / 3_600),
        _ => format!("{} days ago", seconds / 86_400),
    }
}
