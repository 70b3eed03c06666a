//! The arguments that describe a simulated GitHub, shared by `demo` and `sim`, and the making of it.

use std::{path::PathBuf, time::Duration};

use anyhow::Context as _;
use github_sim::{Sim, SimClock, SimConfig, from_git};
use indicatif::{ProgressBar, ProgressStyle};
use jiff::SignedDuration;

use super::Invocation;
use crate::{
    Trouble,
    config::{parse_login, parse_span},
};

/// A generated history of everything is made in memory, and this many repositories take a few gigabytes.
const MOST_REPOSITORIES: u64 = 20_000;

/// What the simulated GitHub is like.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "The simulated GitHub")]
pub(crate) struct World {
    /// Everything that is generated follows from this number
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Organisations, separated by commas
    #[arg(long, value_name = "ORG,...", value_delimiter = ',', default_value = "acme", value_parser = parse_login)]
    pub(crate) orgs: Vec<String>,
    /// Repositories, spread over the organisations
    #[arg(long, value_name = "N", default_value_t = 12, value_parser = clap::value_parser!(u64).range(1..=MOST_REPOSITORIES))]
    pub(crate) repos: u64,
    /// Repositories in which something happens while it runs; the others only have a past [default: 4, or all]
    #[arg(long, value_name = "N")]
    pub(crate) active: Option<u64>,
    /// People
    #[arg(long, value_name = "N", default_value_t = 24, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub(crate) users: u64,
    /// How far back its past goes
    #[arg(long, value_name = "DURATION", default_value = "30d", value_parser = parse_span)]
    pub(crate) history: Duration,
    /// How many times faster than life it lives while it runs; 0 stands still [default: 1; demo: 240]
    #[arg(long, value_name = "X", value_parser = speed, allow_negative_numbers = true)]
    pub(crate) speed: Option<f64>,
    /// Take the real history of these local git repositories, in place of generated ones
    #[arg(long, value_name = "PATH", num_args = 1.., conflicts_with_all = ["repos", "active", "users", "history"])]
    pub(crate) from_git: Vec<PathBuf>,
}

fn speed(text: &str) -> Result<f64, String> {
    let number: f64 = text
        .parse()
        .map_err(|_not_a_number| "write a number, such as 60".to_owned())?;
    let legal = number.is_finite() && (0.0..=1e6).contains(&number);
    legal
        .then_some(number)
        .ok_or_else(|| "it is not from 0 to 1000000".to_owned())
}

impl World {
    /// The configuration of the simulator, with GitHub's own limits. `usual_speed` is the speed where none was asked for.
    pub(crate) fn config(&self, usual_speed: f64) -> anyhow::Result<SimConfig> {
        let count =
            |number: u64| usize::try_from(number).context("a number does not fit this machine");
        let active = self.active.unwrap_or_else(|| self.repos.min(4));
        if active > self.repos {
            let what = format!(
                "--active {active} is more than there are repositories ({})",
                self.repos
            );
            return Err(Trouble::usage(what)
                .remedy("raise --repos or lower --active")
                .into());
        }
        Ok(SimConfig {
            seed: self.seed,
            orgs: self.orgs.clone(),
            repos: count(self.repos)?,
            active: count(active)?,
            users: count(self.users)?,
            history: SignedDuration::try_from(self.history).context("the history is too long")?,
            speed: self.speed.unwrap_or(usual_speed),
            ..SimConfig::default()
        })
    }

    /// Makes the simulated GitHub. Takes a while for large ones; a bar shows how far it is, on a terminal.
    pub(crate) async fn make(
        &self,
        config: SimConfig,
        clock: SimClock,
        invocation: &Invocation,
    ) -> anyhow::Result<Sim> {
        let paths = self.from_git.clone();
        if paths.is_empty() {
            return tokio::task::spawn_blocking(move || Sim::new(config, clock))
                .await
                .context("the simulator panicked");
        }
        if let [_, second, ..] = self.orgs.as_slice() {
            let what = format!(
                "local repositories go into one organisation, so there is no place for `{second}`"
            );
            return Err(Trouble::usage(what).remedy("name one with --orgs").into());
        }
        let bar = bar(invocation);
        let make = move || {
            let mut show = |progress: from_git::Progress<'_>| {
                bar.set_message(progress.repository.to_owned());
                bar.set_length(progress.of as u64);
                bar.set_position(progress.commits as u64);
            };
            let world =
                from_git::read(&paths, &config.orgs[0], config.seed, clock.now(), &mut show);
            bar.finish_and_clear();
            world.map(|world| Sim::with_world(config, clock, world))
        };
        let made = tokio::task::spawn_blocking(make)
            .await
            .context("reading the repositories panicked")?;
        made.map_err(|error| match &error {
            from_git::Error::NotARepository { .. } => Trouble::usage(error.to_string())
                .remedy("name the folder of a clone with --from-git")
                .into(),
            _ => anyhow::Error::new(error),
        })
    }
}

fn bar(invocation: &Invocation) -> ProgressBar {
    if invocation.flags.quiet {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{msg:24!} {wide_bar} {pos} of {len} commits");
    // A bar draws on standard error, and only on a terminal.
    ProgressBar::no_length().with_style(style.unwrap_or_else(|_bad| ProgressStyle::default_bar()))
}
