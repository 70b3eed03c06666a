//! `tidegate run`: a node.

use anyhow::Context as _;
use github::Clock;

use super::{Invocation, Outcome};
use crate::config::Purpose;
use crate::node::{Node, Outside};
use crate::wire::{self, Plan};
use crate::{http, signal, telemetry};

/// Run a node: measure the organisations and serve /metrics and health until Ctrl-C
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Without a file:\n  GITHUB_TOKEN=... tidegate run --org acme\n\n\
                        With one:\n  tidegate run --config tidegate.toml"
)]
pub(crate) struct Arguments {}

pub(crate) async fn run(_arguments: Arguments, invocation: Invocation) -> anyhow::Result<Outcome> {
    let config = invocation.configuration(Purpose::Measure)?.config;
    telemetry::install(&config.log, invocation.environment.has("NO_COLOR"))?;
    let plan = Plan::of(&config)?;
    let listener = http::bind(config.http.listen)?;
    let address = listener
        .local_addr()
        .context("cannot tell the address of the listener")?;
    let transport = wire::transport(&plan.api_url)?;
    let leave = signal::leave_on_signal().context("cannot listen to signals")?;
    let (stores, files) = wire::open(&config, &invocation.environment, Clock::real()).await?;
    let outside = Outside {
        clock: Clock::real(),
        stores,
        transport,
    };
    let node = Node::build(config, plan, outside).await?;
    invocation.listening_on(&[address])?;
    if let Err(failure) = node.run(listener, leave).await {
        files.unmake_if_wrong(&failure);
        return Err(failure);
    }
    Ok(Outcome::Done)
}
