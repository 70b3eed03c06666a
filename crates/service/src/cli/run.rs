//! `tidegate run`: a node.

use super::{Invocation, Outcome};
use crate::{Trouble, config::Purpose};

/// Run a node: measure the organisations and serve /metrics and health until Ctrl-C
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Without a file:\n  GITHUB_TOKEN=... tidegate run --org acme\n\n\
                        With one:\n  tidegate run --config tidegate.toml"
)]
pub(crate) struct Arguments {}

pub(crate) async fn run(_arguments: Arguments, invocation: Invocation) -> anyhow::Result<Outcome> {
    let _loaded = invocation.configuration(Purpose::Measure)?;
    Err(Trouble::new("a node cannot be run yet").into())
}
