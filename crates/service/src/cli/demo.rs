//! `tidegate demo`: a simulated GitHub and a node against it; nothing stays behind.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use anyhow::Context as _;
use backends::sqlite::{Coordination, Sqlite};
use github::Clock;
use github_sim::{SimClock, serve};

use super::{GlobalFlags, Invocation, Outcome, world::World};
use crate::config::{self, Environment, Flag, Purpose};
use crate::node::{Node, Outside};
use crate::wire::{self, Plan, Stores};
use crate::{Trouble, http, signal, telemetry};

/// Fast enough to watch: an active repository has a commit every few seconds.
const SPEED: f64 = 240.0;

/// Start a simulated GitHub and a node that measures it; Ctrl-C ends both and leaves nothing behind
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Everything lives in memory.\n\nExamples:\n  tidegate demo\n  tidegate demo --from-git ~/src/linux ~/src/git"
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    world: World,
}

pub(crate) async fn run(arguments: Arguments, invocation: Invocation) -> anyhow::Result<Outcome> {
    refuse_what_is_not_the_demos(&invocation.flags)?;
    let mut log = invocation.flags.log();
    if invocation.flags.verbose == 0 {
        // The demo's own lines say what there is to see.
        log.level = config::LogLevel::Warn;
    }
    telemetry::install(&log, invocation.environment.has("NO_COLOR"))?;
    let listener = listener(&invocation)?;
    let address = listener
        .local_addr()
        .context("cannot tell the address of the listener")?;
    let leave = signal::leave_on_signal().context("cannot listen to signals")?;

    let world = &arguments.world;
    let mut rules = world.config(SPEED)?;
    if !world.from_git.is_empty() {
        // A whole history at once is more than an hour's quota; this GitHub is generous.
        rules.rules.limits.primary.user = 1_000_000;
    }
    let made = world.make(rules, SimClock::real(), &invocation);
    let sim = tokio::select! {
        () = leave.cancelled() => return Ok(Outcome::Done),
        sim = made => sim?,
    };
    let (stop, port) = (leave.clone(), SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
    let (sim_address, server) = serve::spawn(sim, port, async move { stop.cancelled().await })
        .await
        .context("cannot start the simulated GitHub")?;

    let config = configuration(&arguments, &invocation, sim_address)?;
    let plan = Plan::of(&config)?;
    let outside = Outside {
        clock: Clock::real(),
        stores: Stores::of_files(
            Sqlite::in_memory().map_err(wire::unusable_file)?,
            Coordination::in_memory().map_err(wire::unusable_file)?,
            wire::delays(&config),
            Clock::real(),
        )
        .await
        .context("cannot open the queue in memory")?,
        transport: wire::transport(&plan.api_url)?,
    };
    let node = Node::build(config, plan, outside).await?;
    invocation.listening_on(&[address, sim_address])?;
    tell(&invocation, address, sim_address)?;
    node.run(listener, leave.clone()).await?;
    server
        .await
        .context("the simulated GitHub panicked")?
        .context("the simulated GitHub failed")?;
    Ok(Outcome::Done)
}

/// The demo measures the GitHub that it brings, and keeps everything in memory. A flag about another one would be ignored.
fn refuse_what_is_not_the_demos(flags: &GlobalFlags) -> Result<(), Trouble> {
    let given = [
        ("--config", flags.config.is_some()),
        ("--org", !flags.org.is_empty()),
        ("--api-url", flags.api_url.is_some()),
        ("--token-file", flags.token_file.is_some()),
        ("--state", flags.state.is_some()),
    ];
    match given.into_iter().find(|(_, given)| *given) {
        None => Ok(()),
        Some((flag, _)) => Err(Trouble::usage(format!(
            "{flag} has no meaning in a demo, which brings a GitHub of its own"
        ))
        .remedy("leave it away, name organisations with --orgs, or use `tidegate run`")),
    }
}

/// The usual port, or any free one: a demo must start beside a node. A port that was asked for is taken as asked.
fn listener(invocation: &Invocation) -> anyhow::Result<TcpListener> {
    if let Some(text) = &invocation.flags.listen {
        let address = config::parse_address(text)
            .map_err(|reason| Trouble::usage(format!("--listen: {reason}")))?;
        return Ok(http::bind(address)?);
    }
    let usual = SocketAddr::from((Ipv4Addr::LOCALHOST, 10_270));
    Ok(http::bind(usual)
        .or_else(|_in_use| http::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))))?)
}

/// The configuration that anybody would write for this GitHub, with the whole history and short intervals.
fn configuration(
    arguments: &Arguments,
    invocation: &Invocation,
    sim: SocketAddr,
) -> anyhow::Result<config::Config> {
    let flag = |key, values: Vec<String>| Flag {
        key,
        // The one that a user can have typed is the only one that can be refused.
        flag: "--interval".to_owned(),
        values,
    };
    let one = |key, value: &str| flag(key, vec![value.to_owned()]);
    let interval = invocation
        .flags
        .interval
        .clone()
        .unwrap_or_else(|| "5s".to_owned());
    let flags = vec![
        one("github.api_url", &format!("http://{sim}")),
        flag("github.organisations", arguments.world.orgs.clone()),
        one("scrape.interval", &interval),
        one("scrape.history", "all"),
        one("scrape.concurrency", "8"),
        one("export.refresh_interval", "2s"),
    ];
    let request = config::Request {
        file: None,
        flags,
        purpose: Purpose::Measure,
    };
    let environment = Environment::of([("GITHUB_TOKEN", "sim-token")]);
    Ok(config::load(&request, &environment)?.config)
}

fn tell(invocation: &Invocation, node: SocketAddr, sim: SocketAddr) -> anyhow::Result<()> {
    if invocation.flags.json {
        return Ok(());
    }
    invocation.output.text(&format!(
        "\nA simulated GitHub and a node that measures it. Ctrl-C ends both; nothing stays behind.\n\n  \
         the node     http://{node}/\n  \
         metrics      http://{node}/metrics\n  \
         health       http://{node}/healthz\n  \
         GitHub       http://{sim}/_sim/summary\n  \
         the truth    http://{sim}/_sim/truth?summary=1\n\n"
    ))?;
    Ok(())
}
