//! `tidegate scrape ORG`: one pass now.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use github::Clock;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use ledger::port::activity::{CycleReport, CycleResult};
use serde_json::json;
use tokio::sync::watch;

use super::{Invocation, Outcome};
use crate::config::{Flag, LogLevel, Purpose};
use crate::node::{Node, Outside};
use crate::task::scrape::{Cycle, Progress, Scrape};
use crate::wire::{self, Plan};
use crate::{explain, signal, telemetry};

/// Measure one organisation once, with progress and a summary; fails when something could not be read
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  GITHUB_TOKEN=... tidegate scrape acme")]
pub(crate) struct Arguments {
    /// The organisation or user
    #[arg(value_name = "ORG")]
    organisation: String,
}

pub(crate) async fn run(arguments: Arguments, invocation: Invocation) -> anyhow::Result<Outcome> {
    let only = Flag {
        key: "github.organisations",
        flag: "ORG".to_owned(),
        values: vec![arguments.organisation],
    };
    let mut config = invocation
        .configuration_with(Purpose::Measure, vec![only])?
        .config;
    if invocation.flags.verbose == 0 && config.log.level == LogLevel::Info {
        // The bar and the summary say it.
        config.log.level = LogLevel::Warn;
    }
    telemetry::install(&config.log, invocation.environment.has("NO_COLOR"))?;
    let plan = Plan::of(&config)?;
    let transport = wire::transport(&plan.api_url)?;
    let leave = signal::leave_on_signal().context("cannot listen to signals")?;
    let (stores, files) = wire::open(&config, &invocation.environment, Clock::real()).await?;
    let outside = Outside {
        clock: Clock::real(),
        stores,
        transport,
    };
    let api_url = config.github.api_url.clone();
    let node = Node::build(config, plan, outside).await?;
    let scrape = Arc::clone(
        node.scrapes()
            .first()
            .expect("one organisation was asked for"),
    );

    let term = node
        .lead()
        .await
        .context("cannot begin to work on the state")?;
    let fleet = node.take_part();
    let (progress, seen) = watch::channel(Progress::default());
    let bar = tokio::spawn(show(
        seen,
        scrape.org.clone(),
        invocation.flags.quiet || invocation.flags.json,
    ));
    let cycle = tokio::select! {
        () = leave.cancelled() => None,
        cycle = Scrape::cycle(&scrape, term, &progress) => Some(cycle),
    };
    fleet.leave().await;
    let cycle = cycle
        .transpose()
        .context("the scrape could not be recorded")?;
    drop(progress);
    bar.await.context("the progress bar panicked")?;
    let Some(cycle) = cycle else {
        invocation
            .output
            .line("interrupted; what was read is kept, and the next scrape goes on from there")?;
        return Ok(Outcome::Incomplete);
    };
    let ended = summary(&invocation, &scrape, cycle, &api_url);
    if let Err(failure) = &ended {
        files.unmake_if_wrong(failure);
    }
    ended
}

/// A bar on a terminal, a line now and then otherwise. Ends when the scrape does.
async fn show(mut seen: watch::Receiver<Progress>, org: String, quiet: bool) {
    let bar = if quiet {
        ProgressBar::hidden()
    } else {
        ProgressBar::no_length()
    };
    bar.set_draw_target(if quiet {
        ProgressDrawTarget::hidden()
    } else {
        ProgressDrawTarget::stderr()
    });
    bar.set_message(format!("{org}: looking for changes"));
    bar.enable_steady_tick(Duration::from_millis(120));
    loop {
        if seen.changed().await.is_err() {
            bar.finish_and_clear();
            return;
        }
        let progress = seen.borrow_and_update().clone();
        if bar.length() != Some(progress.to_fetch) && progress.to_fetch > 0 {
            let style = ProgressStyle::with_template(
                "{msg} {wide_bar} {pos} of {len} repositories, {eta} left",
            );
            bar.set_style(style.expect("the template is well formed"));
            bar.set_length(progress.to_fetch);
        }
        bar.set_position(progress.fetched);
        bar.set_message(format!("{org}: {} events", progress.events));
    }
}

fn summary(
    invocation: &Invocation,
    scrape: &Arc<Scrape>,
    cycle: Cycle,
    api_url: &str,
) -> anyhow::Result<Outcome> {
    let Cycle {
        report,
        failure,
        misses,
    } = cycle;
    if let Some(failure) = failure {
        return Err(explain::probe(&scrape.org, api_url, failure).into());
    }
    if invocation.flags.json {
        invocation
            .output
            .line(json!({ "organisation": scrape.org, "cycle": report, "gaps": misses }))?;
    } else {
        invocation.output.line(sentence(&scrape.org, &report))?;
        for miss in &misses {
            invocation.output.line(format_args!("  not read: {miss}"))?;
        }
    }
    Ok(if report.result == CycleResult::Success {
        Outcome::Done
    } else {
        Outcome::Incomplete
    })
}

fn sentence(org: &str, report: &CycleReport) -> String {
    let seconds = report.finished.duration_since(report.started).as_secs_f64();
    let gaps = match report.failed {
        0 => String::new(),
        failed => format!(", {failed} with gaps"),
    };
    format!(
        "{org}: {} repositories, {} fetched{gaps}; {} new events; {} requests and {} GraphQL points in {seconds:.1} s",
        report.repos, report.changed, report.recorded.inserted, report.requests, report.points,
    )
}
