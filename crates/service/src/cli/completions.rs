//! `tidegate completions SHELL`: a script that completes the command line.

use super::{Invocation, Outcome};

/// Print a script that completes this command line in your shell
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  tidegate completions bash > ~/.local/share/bash-completion/completions/tidegate"
)]
pub(crate) struct Arguments {
    /// The shell
    shell: clap_complete::Shell,
}

pub(crate) fn run(arguments: &Arguments, invocation: &Invocation) -> anyhow::Result<Outcome> {
    let mut script = Vec::new();
    clap_complete::generate(
        arguments.shell,
        &mut super::command(),
        "tidegate",
        &mut script,
    );
    invocation.output.text(&String::from_utf8_lossy(&script))?;
    Ok(Outcome::Done)
}
