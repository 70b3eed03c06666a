//! `tidegate doctor`: is everything in place, and if not, what to do.

use super::{Invocation, Outcome};
use crate::Trouble;

/// Check configuration, state, port, GitHub, clock and credentials, with a remedy for what is wrong
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {}

pub(crate) async fn run(_arguments: Arguments, _invocation: Invocation) -> anyhow::Result<Outcome> {
    Err(Trouble::new("unfinished").into())
}
