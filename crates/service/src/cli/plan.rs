//! `tidegate plan`: what a configuration would cost in an hour, and whether that fits. Asks nobody.

mod cost;
mod fit;
mod show;

use serde::Serialize;

use self::cost::{Cost, Size, World};
use self::fit::{Bulk, Bulky, Limits, Room};
use super::{Invocation, Outcome};
use crate::Trouble;
use crate::config::{Config, Credential, Purpose};

/// Reckon what measuring so many repositories costs in an hour, and whether that fits
#[derive(Debug, clap::Args)]
#[command(
    after_help = "It asks nobody. Interval, reserve, policy and organisations are the configuration's where none are given.\n\n\
                  Examples:\n  tidegate plan --repos 500 --active 10 --interval 5m\n  \
                  tidegate plan --repos 16000 --active 300 --interval 15m --orgs 4 --app\n  \
                  tidegate plan --repos 500 --bulk 3000"
)]
pub(crate) struct Arguments {
    /// Repositories, over all organisations
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    repos: u64,
    /// Repositories in which something happens between two passes [default: a tenth of them]
    #[arg(long, value_name = "N")]
    active: Option<u64>,
    /// Organisations that they are spread over [default: as many as are configured, or 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=10_000))]
    orgs: Option<u64>,
    /// The credential's limits per hour: requests to the REST API and points of GraphQL
    #[arg(long, value_name = "CORE,GRAPHQL", conflicts_with_all = ["app", "token"], value_parser = limits)]
    limit: Option<Limits>,
    /// Reckon with a GitHub App: 5000 for each organisation, more for more than 20 repositories, at most 12500
    #[arg(long, conflicts_with = "token")]
    app: bool,
    /// Reckon with one personal access token: 5000 for all organisations together
    #[arg(long)]
    token: bool,
    /// Say as well how long a bulk job of so many items would take beside it
    #[arg(long, value_name = "ITEMS", value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    bulk: Option<u64>,
}

/// Sentences are no wider than this.
const COLUMNS: usize = 80;

/// What the command answers.
#[derive(Debug, Serialize)]
struct Answer {
    world: World,
    interval_seconds: u64,
    policy: &'static str,
    /// What one pass costs, by part.
    parts: Vec<cost::Part>,
    /// One pass, over all organisations.
    pass: Cost,
    /// The passes of an hour.
    passes: Cost,
    /// The second readings of an hour: every repository is read a second time once a day.
    daily: Cost,
    /// An hour, over all organisations.
    hour: Cost,
    /// The very first pass, at least.
    first: Cost,
    /// At least so long the first pass takes.
    first_seconds: u64,
    /// What each credential has.
    room: Room,
    fits: bool,
    /// The shortest interval that fits; none if none does.
    #[serde(skip_serializing_if = "Option::is_none")]
    shortest_interval_seconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bulk: Option<Bulk>,
}

pub(crate) fn run(arguments: &Arguments, invocation: &Invocation) -> anyhow::Result<Outcome> {
    let config = invocation.configuration(Purpose::Read)?.config;
    let answer = reckon(arguments, &config)?;
    if invocation.flags.json {
        invocation
            .output
            .line(serde_json::to_string_pretty(&answer)?)?;
    } else {
        invocation.output.text(&show::text(&answer, COLUMNS))?;
    }
    Ok(if answer.fits {
        Outcome::Done
    } else {
        Outcome::Incomplete
    })
}

fn reckon(arguments: &Arguments, config: &Config) -> Result<Answer, Trouble> {
    let world = world(arguments, config)?;
    let interval = config.scrape.interval;
    let sizes = Size::of_documents();
    let parts = cost::parts(&world, &sizes);
    let pass: Cost = parts.iter().map(|part| part.cost).sum();
    let daily = cost::daily(&world, &sizes);
    let first = cost::first(&world, &sizes);
    let room = room(arguments, config, &world);
    let passes = fit::hourly(pass, interval);
    let hour = passes + daily;
    let bulk = arguments
        .bulk
        .map(|items| Bulk::beside(items, hour, &room, bulky(config)));
    Ok(Answer {
        interval_seconds: interval.as_secs(),
        policy: config.quota.policy.as_str(),
        first_seconds: fit::whole_seconds(room.time(first)),
        fits: room.fits(pass, daily, interval),
        shortest_interval_seconds: room
            .shortest_interval(pass, daily)
            .map(|span| span.as_secs()),
        world,
        parts,
        pass,
        passes,
        daily,
        hour,
        first,
        room,
        bulk,
    })
}

fn world(arguments: &Arguments, config: &Config) -> Result<World, Trouble> {
    let repos = arguments.repos;
    let configured = config.github.organisations.len().max(1) as u64;
    let orgs = arguments.orgs.unwrap_or(configured);
    let active = arguments.active.unwrap_or_else(|| repos.div_ceil(10));
    let more = |flag: &str, number: u64| {
        Trouble::usage(format!(
            "{flag} {number} is more than there are repositories ({repos})"
        ))
    };
    if active > repos {
        return Err(more("--active", active).remedy("raise --repos or lower --active"));
    }
    if let Some(orgs) = arguments.orgs.filter(|orgs| *orgs > repos) {
        return Err(more("--orgs", orgs).remedy("raise --repos or lower --orgs"));
    }
    Ok(World {
        repos,
        active,
        orgs: orgs.min(repos),
    })
}

/// What the flags say, else what is configured, else a token.
fn room(arguments: &Arguments, config: &Config, world: &World) -> Room {
    let orgs = &config.github.organisations;
    let is_app =
        |credential: &Option<Credential>| matches!(credential, Some(Credential::App { .. }));
    let configured_app = if orgs.is_empty() {
        is_app(&config.github.credential)
    } else {
        orgs.iter().all(|org| is_app(&org.credential))
    };
    let app = arguments.app || (configured_app && !arguments.token && arguments.limit.is_none());
    let (limits, credentials) = match arguments.limit {
        Some(limits) => (limits, 1),
        None if app => (
            Limits::of_installation(world.repos / world.orgs),
            world.orgs,
        ),
        None => (Limits::of_user(), 1),
    };
    Room::new(limits, credentials, config.quota.reserve)
}

fn bulky(config: &Config) -> Bulky {
    match config.quota.policy {
        quota::Policy::Even => Bulky::Spread,
        quota::Policy::Adaptive | quota::Policy::Reactive | quota::Policy::Sprint => Bulky::AtOnce,
    }
}

fn limits(text: &str) -> Result<Limits, String> {
    let hint = || "write two numbers, such as 5000,5000".to_owned();
    let (core, graphql) = text.split_once(',').ok_or_else(hint)?;
    let number = |text: &str| text.trim().parse::<u64>().map_err(|_not_a_number| hint());
    let limits = Limits {
        core: number(core)?,
        graphql: number(graphql)?,
    };
    let legal = 1..=10_000_000;
    if legal.contains(&limits.core) && legal.contains(&limits.graphql) {
        Ok(limits)
    } else {
        Err("a limit is from 1 to 10000000".to_owned())
    }
}
