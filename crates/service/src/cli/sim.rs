//! `tidegate sim`: the simulated GitHub alone.

use super::{Invocation, Outcome};
use crate::Trouble;

/// Run a simulated GitHub, with its limits, to rehearse against
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {}

pub(crate) async fn run(_arguments: Arguments, _invocation: Invocation) -> anyhow::Result<Outcome> {
    Err(Trouble::new("unfinished").into())
}
