//! `tidegate backfill`: asks for history, as gaps that the nodes fill; `backfill retry`: arms again what is stuck.
//!
//! What is asked for stands in the store, so that the command can be interrupted and what it asked for goes on. Where no node works
//! on the state file, the command fills the gaps itself.

use std::time::Duration;

use anyhow::Context as _;
use backends::sqlite::{Problem, Sqlite};
use github::Clock;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use ledger::event::RepoId;
use ledger::port::Activity;
use ledger::port::activity::{RepoView, StreamView};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::{Invocation, Outcome};
use crate::config::{Config, Flag, LogLevel, Purpose};
use crate::node::{Node, Outside};
use crate::wire::{self, Plan};
use crate::{Trouble, signal, telemetry};

/// The gaps are looked at this often.
const LOOK: Duration = Duration::from_secs(1);

/// Without progress for so long it is said that perhaps nobody works.
const SILENT: u32 = 60;

/// Read history from before tracking began, with progress; or arm again what is stuck
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "History enters windows, charts and exports, never the counters. It is read down from now, so it has no upper end.\nInterrupted, it goes on in the nodes that run, or with the next start of the command.\n\nExamples:\n  tidegate backfill acme --since 2025-01-01\n  tidegate backfill acme --since 2024-06-01 --repo api\n  tidegate backfill retry acme"
)]
pub(crate) struct Arguments {
    /// The organisation or user
    #[arg(value_name = "ORG", required = true)]
    organisation: Option<String>,
    /// How far back: a date (2025-01-01, in UTC) or a time (2025-01-01T12:00:00Z)
    #[arg(long, value_name = "WHEN", required = true, value_parser = when)]
    since: Option<Timestamp>,
    /// Only this repository
    #[arg(long, value_name = "NAME")]
    repo: Option<String>,
    /// Ask for it and end, without waiting
    #[arg(long)]
    no_wait: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Retry(Retry),
}

/// Try again what could not be filled and has used up its attempts, or waits for its next one
#[derive(Debug, clap::Args)]
struct Retry {
    /// The organisation or user; without it, all
    #[arg(value_name = "ORG")]
    organisation: Option<String>,
    /// Only this repository
    #[arg(long, value_name = "NAME")]
    repo: Option<String>,
}

fn when(text: &str) -> Result<Timestamp, String> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at);
    }
    let date: Result<Date, _> = text.parse();
    let midnight = date.and_then(|date| TimeZone::UTC.to_timestamp(date.at(0, 0, 0, 0)));
    midnight.map_err(|_unreadable| "write a date such as 2025-01-01".to_owned())
}

pub(crate) async fn run(arguments: Arguments, invocation: Invocation) -> anyhow::Result<Outcome> {
    if let Some(Command::Retry(retry)) = arguments.command {
        return again(retry, &invocation).await;
    }
    let org = arguments.organisation.expect("clap requires it");
    let since = arguments.since.expect("clap requires it");
    let now = quota::clock::wall();
    if since >= now {
        return Err(
            Trouble::usage(format!("--since {since} is not in the past"))
                .remedy("name a day before today")
                .into(),
        );
    }
    let config = quiet(invocation.configuration(Purpose::Read)?.config, &invocation);
    telemetry::install(&config.log, invocation.environment.has("NO_COLOR"))?;
    let store = wire::visit(&config)?;
    let repo = match &arguments.repo {
        Some(name) => Some(named(&*store, &org, name).await?),
        None => None,
    };
    if repo.is_none()
        && !store
            .orgs()
            .await?
            .iter()
            .any(|known| known.org.eq_ignore_ascii_case(&org))
    {
        return Err(unknown(&org).into());
    }
    let reached = store.ask_history(&org, repo, since, now).await?;
    let asked = left(&*store, &org, repo, now).await?;
    if !invocation.flags.json {
        invocation.output.line(format_args!(
            "{org}: {reached} streams reach back further now; {} have gaps to fill",
            asked.open
        ))?;
    }
    if arguments.no_wait || asked.open == 0 {
        return end(&invocation, &org, reached, asked);
    }
    let leave = signal::leave_on_signal().context("cannot listen to signals")?;
    let work = match is_free(&config).await {
        true => Some(work(&invocation, &org, leave.clone()).await?),
        false => None,
    };
    let left = watch(&*store, (&org, repo), asked, &invocation, &leave).await;
    if let Some(work) = work {
        leave.cancel();
        work.await.context("the work panicked")?;
    }
    end(&invocation, &org, reached, left?)
}

/// The command's own line says what a log would.
fn quiet(mut config: Config, invocation: &Invocation) -> Config {
    if invocation.flags.verbose == 0 {
        config.log.level = LogLevel::Error;
    }
    config
}

async fn again(retry: Retry, invocation: &Invocation) -> anyhow::Result<Outcome> {
    let config = quiet(invocation.configuration(Purpose::Read)?.config, invocation);
    telemetry::install(&config.log, invocation.environment.has("NO_COLOR"))?;
    let store = wire::visit(&config)?;
    let orgs = match &retry.organisation {
        Some(org) => vec![org.clone()],
        None => {
            let known = store.orgs().await?;
            known.into_iter().map(|org| org.org).collect()
        }
    };
    let mut armed = 0;
    for org in orgs {
        let repo = match &retry.repo {
            Some(name) => Some(named(&*store, &org, name).await?),
            None => None,
        };
        armed += store.rearm(&org, repo, quota::clock::wall()).await?;
    }
    if invocation.flags.json {
        invocation.output.line(json!({ "armed": armed }))?;
    } else {
        let streams = if armed == 1 {
            "stream is"
        } else {
            "streams are"
        };
        invocation
            .output
            .line(format_args!("{armed} {streams} tried again at once"))?;
    }
    Ok(Outcome::Done)
}

fn unknown(org: &str) -> Trouble {
    Trouble::new(format!("nothing is known of `{org}`"))
        .remedy("scrape it once first; `tidegate status` lists what is known")
}

async fn named(store: &dyn Activity, org: &str, name: &str) -> anyhow::Result<RepoId> {
    let repos = store.repos(org).await?;
    let found = repos
        .iter()
        .find(|repo| repo.tracked && repo.name.eq_ignore_ascii_case(name));
    found.map(|repo| repo.id).ok_or_else(|| {
        Trouble::new(format!("no repository `{org}/{name}` is tracked"))
            .remedy("`tidegate coverage` lists them")
            .into()
    })
}

/// What is left to be filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Left {
    /// Streams with gaps that somebody will try.
    open: u64,
    /// Streams with gaps that nobody will try any more.
    stuck: u64,
}

async fn left(
    store: &dyn Activity,
    org: &str,
    repo: Option<RepoId>,
    now: Timestamp,
) -> anyhow::Result<Left> {
    let repos = store.repos(org).await?;
    let asked = |view: &&RepoView| view.tracked && repo.is_none_or(|repo| repo == view.id);
    let streams = repos.iter().filter(asked).flat_map(|view| &view.streams);
    let with_gaps: Vec<&StreamView> = streams
        .filter(|view| view.unavailable.is_none() && view.gaps_window(now).is_some())
        .collect();
    let stuck = with_gaps.iter().filter(|view| view.backfill.stuck).count() as u64;
    Ok(Left {
        open: with_gaps.len() as u64 - stuck,
        stuck,
    })
}

/// Whether no node works where the events lie, as far as can be told.
async fn is_free(config: &Config) -> bool {
    if config.state.url.is_some() {
        return false;
    }
    let path = config.state.path.clone();
    let opened = tokio::task::spawn_blocking(move || Sqlite::open(path).map(drop)).await;
    !matches!(opened, Ok(Err(error)) if matches!(error.problem(), Problem::Held { .. }))
}

/// A node without a face that fills gaps until `leave` is cancelled.
async fn work(
    invocation: &Invocation,
    org: &str,
    leave: CancellationToken,
) -> anyhow::Result<tokio::task::JoinHandle<()>> {
    let only = Flag {
        key: "github.organisations",
        flag: "ORG".to_owned(),
        values: vec![org.to_owned()],
    };
    let loaded = invocation.configuration_with(Purpose::Measure, vec![only])?;
    let config = quiet(loaded.config, invocation);
    let plan = Plan::of(&config)?;
    let transport = wire::transport(&plan.api_url)?;
    let clock = Clock::real();
    let (stores, _files) = wire::open(&config, &invocation.environment, clock).await?;
    let outside = Outside {
        clock,
        stores,
        transport,
    };
    let node = Node::build(config, plan, outside).await?;
    Ok(tokio::spawn(node.work(leave)))
}

/// Shows how far it is until nothing is left or `leave` is cancelled.
async fn watch(
    store: &dyn Activity,
    (org, repo): (&str, Option<RepoId>),
    asked: Left,
    invocation: &Invocation,
    leave: &CancellationToken,
) -> anyhow::Result<Left> {
    let bar = bar(invocation, org, asked.open);
    let mut now = asked;
    let mut silent = 0;
    while now.open > 0 {
        tokio::select! {
            () = leave.cancelled() => break,
            () = tokio::time::sleep(LOOK) => {}
        }
        let before = now;
        now = left(store, org, repo, quota::clock::wall()).await?;
        silent = if now == before { silent + 1 } else { 0 };
        bar.set_position(asked.open.saturating_sub(now.open));
        if silent == SILENT {
            bar.set_message(format!("{org}: nothing moves; is a node running?"));
        }
    }
    bar.finish_and_clear();
    Ok(now)
}

fn bar(invocation: &Invocation, org: &str, streams: u64) -> ProgressBar {
    let bar = ProgressBar::new(streams);
    if invocation.flags.quiet || invocation.flags.json {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    let style = ProgressStyle::with_template("{msg} {wide_bar} {pos} of {len} streams, {eta} left");
    bar.set_style(style.expect("the template is well formed"));
    bar.set_message(org.to_owned());
    bar
}

fn end(invocation: &Invocation, org: &str, reached: u64, left: Left) -> anyhow::Result<Outcome> {
    let Left { open, stuck } = left;
    if invocation.flags.json {
        invocation.output.line(
            json!({ "organisation": org, "reach_further": reached, "open": open, "stuck": stuck }),
        )?;
    } else if open == 0 && stuck == 0 {
        invocation
            .output
            .line(format_args!("{org}: all of it is read"))?;
    } else {
        invocation.output.line(format_args!(
            "{org}: {open} streams still have gaps, and {stuck} are stuck (`tidegate coverage {org} --gaps` says why)"
        ))?;
    }
    Ok(if open == 0 && stuck == 0 {
        Outcome::Done
    } else {
        Outcome::Incomplete
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_its_midnight_in_utc_and_a_time_is_itself() {
        assert_eq!(
            when("2025-01-01").unwrap(),
            "2025-01-01T00:00:00Z".parse().unwrap()
        );
        assert_eq!(
            when("2025-01-01T12:30:00+02:00").unwrap(),
            "2025-01-01T10:30:00Z".parse().unwrap()
        );
        assert!(when("yesterday").unwrap_err().contains("2025-01-01"));
    }
}
