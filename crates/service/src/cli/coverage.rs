//! `tidegate coverage`: which time has been read whole, and which has not and why. Only looks; works beside a node and without
//! one.

mod draw;

use jiff::Timestamp;
use ledger::coverage::Gap;
use ledger::event::Stream;
use ledger::port::activity::{RepoView, StreamView};
use ledger::window::Window;
use serde_json::{Value, json};

use super::style::Style;
use super::{Invocation, Outcome};
use crate::config::Purpose;
use crate::{Trouble, telemetry, wire};

/// Where nobody says how wide.
const WIDE: usize = 100;

/// Show which time of each repository has been read, and which has not and why
#[derive(Debug, clap::Args)]
#[command(
    after_help = "A row per repository, time to the right: what was read, gaps, and what is not read yet; the worst of its streams shows.\n\nExamples:\n  tidegate coverage\n  tidegate coverage acme --repo api --streams\n  tidegate coverage --fail-on-gap --quiet || echo something is missing"
)]
pub(crate) struct Arguments {
    /// The organisation or user; without it, all
    #[arg(value_name = "ORG")]
    organisation: Option<String>,
    /// Only this repository; repeat it for several
    #[arg(long, value_name = "NAME")]
    repo: Vec<String>,
    /// A row per stream (commits, pulls, issues) in place of one per repository
    #[arg(long)]
    streams: bool,
    /// Only repositories with a gap, or with a stream that cannot be read
    #[arg(long)]
    gaps: bool,
    /// End with exit code 1 if there is a gap
    #[arg(long)]
    fail_on_gap: bool,
}

/// The repositories of an organisation that are asked for.
struct Org {
    name: String,
    repos: Vec<RepoView>,
}

pub(crate) async fn run(arguments: Arguments, invocation: Invocation) -> anyhow::Result<Outcome> {
    let config = invocation.configuration(Purpose::Read)?.config;
    telemetry::install(&config.log, invocation.environment.has("NO_COLOR"))?;
    let store = wire::look(&config)?;
    let now = quota::clock::wall();
    let mut orgs = Vec::new();
    for org in store.orgs().await? {
        let asked = arguments.organisation.as_ref();
        if asked.is_some_and(|asked| !asked.eq_ignore_ascii_case(&org.org)) {
            continue;
        }
        let repos = store.repos(&org.org).await?;
        let repos = repos.into_iter().filter(|repo| repo.tracked);
        let named = |repo: &RepoView| {
            let mut names = arguments.repo.iter();
            arguments.repo.is_empty() || names.any(|name| name.eq_ignore_ascii_case(&repo.name))
        };
        let mut repos: Vec<RepoView> = repos.filter(named).collect();
        repos.sort_by(|one, other| one.name.cmp(&other.name));
        orgs.push(Org {
            name: org.org,
            repos,
        });
    }
    missing(&arguments, &orgs)?;
    let gaps = orgs
        .iter()
        .flat_map(|org| &org.repos)
        .any(|repo| has_gap(repo, now));
    if arguments.gaps {
        for org in &mut orgs {
            org.repos.retain(|repo| {
                has_gap(repo, now) || repo.streams.iter().any(|view| view.unavailable.is_some())
            });
        }
    }
    if invocation.flags.json {
        let organisations: Vec<Value> = orgs.iter().map(|org| as_json(org, now)).collect();
        invocation
            .output
            .line(json!({ "at": now, "organisations": organisations }))?;
    } else if !invocation.flags.quiet {
        let terminal = invocation.output.is_terminal();
        let width = super::style::size().filter(|_| terminal);
        let style = Style::of(&invocation, width.map_or(WIDE, |(columns, _)| columns));
        for line in draw::lines(&orgs, arguments.streams, style, now) {
            invocation.output.line(line)?;
        }
    }
    Ok(if gaps && arguments.fail_on_gap {
        Outcome::Incomplete
    } else {
        Outcome::Done
    })
}

/// What was asked for by name has to be there.
fn missing(arguments: &Arguments, orgs: &[Org]) -> Result<(), Trouble> {
    if let (Some(asked), []) = (&arguments.organisation, orgs) {
        return Err(Trouble::new(format!("nothing is known of `{asked}`"))
            .remedy("`tidegate status` lists the organisations"));
    }
    let known = |name: &String| {
        let mut repos = orgs.iter().flat_map(|org| &org.repos);
        repos.any(|repo| repo.name.eq_ignore_ascii_case(name))
    };
    match arguments.repo.iter().find(|name| !known(name)) {
        Some(name) => Err(Trouble::new(format!("no repository `{name}` is tracked"))
            .remedy("`tidegate coverage` without --repo lists them")),
        None => Ok(()),
    }
}

fn has_gap(repo: &RepoView, now: Timestamp) -> bool {
    readable(repo).any(|view| view.coverage.gaps_before(now).next().is_some())
}

fn readable(repo: &RepoView) -> impl Iterator<Item = &StreamView> {
    let streams = repo.streams.iter();
    streams.filter(|view| view.unavailable.is_none())
}

fn as_json(org: &Org, now: Timestamp) -> Value {
    let repos: Vec<Value> = org
        .repos
        .iter()
        .map(|repo| {
            let streams = repo.streams.iter().map(|view| stream_json(view, now));
            json!({ "repository": repo.name, "id": repo.id, "streams": streams.collect::<Vec<_>>() })
        })
        .collect();
    json!({ "organisation": org.name, "repositories": repos })
}

fn stream_json(view: &StreamView, now: Timestamp) -> Value {
    let window = |window: &Window| json!({ "start": window.start(), "end": window.end() });
    let gap = |gap: Gap| {
        json!({
            "start": gap.window.start(), "end": gap.window.end(), "reason": gap.reason, "error": gap.error,
        })
    };
    let coverage = &view.coverage;
    json!({
        "stream": view.stream,
        "tracked_from": coverage.start(),
        "counted_from": view.counted_from,
        "read_up_to": coverage.frontier(),
        "ratio": coverage.ratio(now),
        "covered": coverage.covered().iter().map(window).collect::<Vec<_>>(),
        "gaps": coverage.gaps_before(now).map(gap).collect::<Vec<_>>(),
        "unavailable": view.unavailable,
        "backfill": view.backfill,
    })
}

/// The name of a row.
fn row_name(repo: &RepoView, stream: Option<Stream>) -> String {
    match stream {
        Some(stream) => format!("{} {stream}", repo.name),
        None => repo.name.clone(),
    }
}
