//! `tidegate sim`: the simulated GitHub alone.

use std::{net::SocketAddr, time::Duration};

use anyhow::Context as _;
use github_sim::{Sim, SimClock, serve};
use jiff::SignedDuration;

use super::{Invocation, Outcome, world::World};
use crate::{config::parse_span, http, signal, telemetry};

/// Beside the node's own port, so that both run on one machine without a word.
const LISTEN: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 10_280);

/// Run a simulated GitHub, with its limits enforced, to rehearse against
#[derive(Debug, clap::Args)]
#[command(
    after_help = "It listens on 127.0.0.1:10280 unless --listen says otherwise. Limits, tokens, ETags and errors are GitHub's; \
                        people and their work are made up.\n\nExamples:\n  tidegate sim --orgs acme --repos 500 --active 10 --speed 60\n  \
                        tidegate sim --limit 200 --window 60s\n  tidegate sim --from-git ~/src/git"
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    world: World,
    /// Length of a window of the primary limits; GitHub's is an hour
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = window, help_heading = "The simulated GitHub")]
    window: Duration,
    /// Requests, and as many GraphQL points, that a token or an installation has per window [default: GitHub's own]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000), help_heading = "The simulated GitHub")]
    limit: Option<u64>,
}

fn window(text: &str) -> Result<Duration, String> {
    let window = parse_span(text)?;
    let legal = Duration::from_secs(10)..=Duration::from_secs(7 * 24 * 3600);
    legal
        .contains(&window)
        .then_some(window)
        .ok_or_else(|| "it is not from 10s to 7d".to_owned())
}

pub(crate) async fn run(arguments: Arguments, invocation: Invocation) -> anyhow::Result<Outcome> {
    telemetry::install(
        &invocation.flags.log(),
        invocation.environment.has("NO_COLOR"),
    )?;
    let address = match &invocation.flags.listen {
        Some(text) => crate::config::parse_address(text)
            .map_err(|reason| crate::Trouble::usage(format!("--listen: {reason}")))?,
        None => LISTEN,
    };
    let mut config = arguments.world.config(1.0)?;
    config.rules.limits.primary.window =
        SignedDuration::try_from(arguments.window).context("the window is too long")?;
    if let Some(limit) = arguments.limit {
        config.rules.limits.primary.user = limit;
        config.rules.limits.primary.installation = Some(limit);
    }
    let listener = http::bind(address)?;
    let leave = signal::leave_on_signal().context("cannot listen to signals")?;
    let made = arguments.world.make(config, SimClock::real(), &invocation);
    let sim = tokio::select! {
        () = leave.cancelled() => return Ok(Outcome::Done),
        sim = made => sim?,
    };
    let bound = listener
        .local_addr()
        .context("cannot tell the address of the listener")?;
    invocation.listening_on(&[bound])?;
    tell(&sim, bound, &arguments, &invocation)?;
    let listener =
        tokio::net::TcpListener::from_std(listener).context("cannot use the listener")?;
    serve::serve(sim, listener, leave.cancelled_owned())
        .await
        .context("the simulator stopped")?;
    Ok(Outcome::Done)
}

/// How to use it.
fn tell(
    sim: &Sim,
    bound: SocketAddr,
    arguments: &Arguments,
    invocation: &Invocation,
) -> anyhow::Result<()> {
    let url = format!("http://{bound}");
    let orgs = &arguments.world.orgs;
    let app_id = sim.credentials().app_id();
    let token = "sim-token";
    if invocation.flags.json {
        let facts = serde_json::json!({
            "api_url": url, "organisations": orgs, "token": token, "app_id": app_id,
            "app_private_key": format!("{url}/_sim/app.pem"), "seed": arguments.world.seed,
        });
        return Ok(invocation.output.line(facts)?);
    }
    let chosen: String = orgs.iter().map(|org| format!(" --org {org}")).collect();
    invocation.output.text(&format!(
        "\nA simulated GitHub with {}. Ctrl-C ends it.\n\n  \
         measure it   GITHUB_TOKEN={token} tidegate run --api-url {url}{chosen}\n  \
         as an App    id {app_id}, private key at {url}/_sim/app.pem\n  \
         the truth    {url}/_sim/truth?summary=1\n  \
         the traffic  {url}/_sim/summary\n",
        orgs.join(", "),
    ))?;
    Ok(())
}
