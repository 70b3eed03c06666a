//! `tidegate demo`: a simulated GitHub and a node against it; nothing stays behind.

use std::path::PathBuf;

use super::{Invocation, Outcome};
use crate::Trouble;

/// Start a simulated GitHub and a node that measures it; Ctrl-C ends both and leaves nothing behind
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  tidegate demo\n  tidegate demo --from-git ~/src/linux ~/src/git"
)]
pub(crate) struct Arguments {
    /// Take the real history of these local git repositories instead of a generated one
    #[arg(long, value_name = "PATH", num_args = 1..)]
    from_git: Vec<PathBuf>,
}

pub(crate) async fn run(arguments: Arguments, _invocation: Invocation) -> anyhow::Result<Outcome> {
    let _paths = arguments.from_git;
    Err(Trouble::new("the demo cannot be run yet").into())
}
