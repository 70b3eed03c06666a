//! `tidegate export`: recorded activity as a file, for other tools. Decides what is asked for, where it goes and what is
//! said meanwhile; refuses to know how a format is written.
//!
//! Events are read from the store in slices of time and written as they come, so that it takes no more memory for a
//! million of them than for a thousand. A file appears under its name when it is whole, and not before.

mod csv;
mod events;
mod json;
mod open_metrics;
mod parquet;
mod record;
mod target;
mod when;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::Timestamp;
use ledger::port::activity::{Activity, RepoView};
use ledger::window::Window;

use self::events::Reader;
use self::record::Sink;
use self::target::Target;
use self::when::When;
use super::{Invocation, Outcome};
use crate::config::{Purpose, parse_span};
use crate::{Trouble, signal, telemetry, wire};

/// Write recorded activity to a file or to standard output, for other tools
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  tidegate export --since 2025-01-01 --csv -o activity.csv\n  \
                  tidegate export --since 90d --org acme --json | jq .\n  \
                  tidegate export --since 2025-01-01 --openmetrics --step 15m -o history.om\n  \
                  promtool tsdb create-blocks-from openmetrics history.om /var/lib/prometheus"
)]
pub(crate) struct Arguments {
    /// From when: a day (2025-01-01), a moment (2025-01-01T12:00:00Z) or how long ago (90d)
    #[arg(long, value_name = "WHEN")]
    since: When,
    /// Until when, in the same forms; not included [default: now]
    #[arg(long, value_name = "WHEN")]
    until: Option<When>,
    /// Only this repository, as NAME or ORG/NAME; repeat it for several
    #[arg(long, value_name = "REPO")]
    repo: Vec<String>,
    /// Counters over time for `promtool tsdb create-blocks-from openmetrics`
    #[arg(long)]
    openmetrics: bool,
    /// One event a line, with a head
    #[arg(long)]
    csv: bool,
    /// One event a row, for data frames; needs -o
    #[arg(long)]
    parquet: bool,
    /// With --openmetrics: time between two values of a counter, from 15s to 1d. Prometheus forgets a value after 5m
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = step)]
    step: Duration,
    /// The file to write; without it, standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Format {
    OpenMetrics,
    Csv,
    Json,
    Parquet,
}

fn step(text: &str) -> Result<Duration, String> {
    let step = parse_span(text)?;
    let bounds = Duration::from_secs(15)..=Duration::from_secs(86_400);
    if bounds.contains(&step) {
        Ok(step)
    } else {
        Err(format!("{text} is not from 15s to 1d"))
    }
}

pub(crate) async fn run(arguments: Arguments, invocation: Invocation) -> anyhow::Result<Outcome> {
    let format = format(&arguments, &invocation)?;
    let config = invocation.configuration(Purpose::Read)?.config;
    telemetry::install(&config.log, invocation.environment.has("NO_COLOR"))?;
    let window = window(&arguments, quota::clock::wall())?;
    let (labels, exclude) = wire::labels(&config)?;
    let store = wire::look(&config)?;
    let repos = chosen(&*store, &invocation.flags.org, &arguments.repo).await?;
    let leave = signal::leave_on_signal().context("cannot listen to signals")?;

    let target = Target::new(arguments.output.as_deref(), &invocation.output)?;
    let folder = target.folder();
    let bar = bar(
        repos.len() as u64,
        arguments.output.is_some() && !invocation.flags.quiet,
    );
    let reader = Reader {
        store: &*store,
        labels: &labels,
        exclude: &exclude,
        window,
    };
    let writing = async {
        match format {
            Format::OpenMetrics => {
                open_metrics::write(&reader, &repos, arguments.step, &folder, target, &bar).await
            }
            Format::Csv => events(&reader, &repos, csv::Csv::new(target)?, &bar).await,
            Format::Json => events(&reader, &repos, json::Json::new(target), &bar).await,
            Format::Parquet => events(&reader, &repos, parquet::Parquet::new(target)?, &bar).await,
        }
    };
    let written = tokio::select! {
        () = leave.cancelled() => None,
        written = writing => Some(written),
    };
    bar.finish_and_clear();
    let Some(written) = written else {
        if let Some(path) = &arguments.output {
            let line = format_args!("interrupted: {} was not written", path.display());
            invocation.output.line(line)?;
        }
        return Ok(Outcome::Incomplete);
    };
    let (target, events) = written?;
    target.finish()?;
    if let Some(path) = &arguments.output
        && !invocation.flags.quiet
    {
        invocation.output.line(format_args!(
            "{}: {events} events of {} repositories, from {} to {}",
            path.display(),
            repos.len(),
            window.start(),
            window.end()
        ))?;
    }
    Ok(Outcome::Done)
}

/// Writes every event of these repositories, and tells how many there were.
async fn events<S: Sink>(
    reader: &Reader<'_>,
    repos: &[RepoView],
    mut sink: S,
    bar: &ProgressBar,
) -> anyhow::Result<(Target, u64)> {
    let mut events = 0;
    for repo in repos {
        reader
            .each(repo, |user, event| {
                events += 1;
                sink.take(&record::record(repo, user, event, reader.labels))
            })
            .await?;
        bar.inc(1);
    }
    Ok((sink.finish()?, events))
}

fn format(arguments: &Arguments, invocation: &Invocation) -> Result<Format, Trouble> {
    let asked = [
        (arguments.openmetrics, Format::OpenMetrics),
        (arguments.csv, Format::Csv),
        (invocation.flags.json, Format::Json),
        (arguments.parquet, Format::Parquet),
    ];
    let mut asked = asked.into_iter().filter(|(asked, _)| *asked);
    let (Some((_, format)), None) = (asked.next(), asked.next()) else {
        return Err(Trouble::usage("export writes one format")
            .remedy("choose --openmetrics, --csv, --json or --parquet"));
    };
    if format == Format::Parquet && arguments.output.is_none() {
        return Err(Trouble::usage("parquet is no text").remedy("name a file with -o"));
    }
    Ok(format)
}

fn window(arguments: &Arguments, now: Timestamp) -> Result<Window, Trouble> {
    let since = arguments.since.before(now);
    let until = arguments
        .until
        .as_ref()
        .map_or(now, |when| when.before(now));
    Window::new(since, until).ok_or_else(|| {
        Trouble::usage(format!("nothing lies between {since} and {until}"))
            .remedy("give --since a time before --until")
    })
}

/// The repositories that were asked for, by organisation and name.
async fn chosen(
    store: &dyn Activity,
    orgs: &[String],
    names: &[String],
) -> anyhow::Result<Vec<RepoView>> {
    let known = store.orgs().await.context("cannot read the state")?;
    for org in orgs {
        if !known.iter().any(|it| it.org.eq_ignore_ascii_case(org)) {
            let all: Vec<&str> = known.iter().map(|it| it.org.as_str()).collect();
            return Err(Trouble::usage(format!("nothing is known of `{org}`"))
                .remedy(format!("the state has {}", listed(&all)))
                .into());
        }
    }
    let mut repos = Vec::new();
    for org in &known {
        if orgs.is_empty() || orgs.iter().any(|it| it.eq_ignore_ascii_case(&org.org)) {
            repos.extend(
                store
                    .repos(&org.org)
                    .await
                    .context("cannot read the state")?,
            );
        }
    }
    let is = |repo: &RepoView, name: &String| match name.split_once('/') {
        Some((org, name)) => {
            repo.org.eq_ignore_ascii_case(org) && repo.name.eq_ignore_ascii_case(name)
        }
        None => repo.name.eq_ignore_ascii_case(name),
    };
    for name in names {
        if !repos.iter().any(|repo| is(repo, name)) {
            return Err(
                Trouble::usage(format!("there is no repository `{name}` in the state"))
                    .remedy("`tidegate export --json --since ...` without --repo names them all")
                    .into(),
            );
        }
    }
    repos.retain(|repo| names.is_empty() || names.iter().any(|name| is(repo, name)));
    repos.sort_by(|one, other| {
        (&one.org, &one.name, one.id).cmp(&(&other.org, &other.name, other.id))
    });
    Ok(repos)
}

fn listed(names: &[&str]) -> String {
    match names {
        [] => "no organisation yet: run `tidegate scrape ORG` first".to_owned(),
        names => names.join(", "),
    }
}

/// A bar where a person waits for a file.
fn bar(repos: u64, is_shown: bool) -> ProgressBar {
    let target = if is_shown {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    };
    let style = ProgressStyle::with_template("{wide_bar} {pos} of {len} repositories, {eta} left");
    let bar = ProgressBar::with_draw_target(Some(repos), target);
    bar.with_style(style.expect("the template is well formed"))
}

#[cfg(test)]
mod tests;
