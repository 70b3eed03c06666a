//! The command line: what can be asked, how it is answered, and which exit code it ends in.
//!
//! One file per command. A command gets its arguments and an [`Invocation`] (flags, environment, output) and returns an
//! [`Outcome`] or an error; this file alone turns those into lines and exit codes: 0 done, 1 failed or incomplete, 2 usage or
//! configuration. A reader that closes our output early (`| head`) is content, and so are we: 0.

mod backfill;
mod check;
mod completions;
mod coverage;
mod demo;
mod doctor;
mod export;
mod flags;
mod output;
mod plan;
mod quota;
mod run;
mod scrape;
mod sim;
mod simulate;
mod span;
mod status;
mod style;
mod table;
mod world;
mod wrap;

use std::{ffi::OsString, process::ExitCode};

use clap::{CommandFactory as _, Parser, Subcommand, error::ErrorKind};

pub use flags::GlobalFlags;
pub use output::{Closed, Output};

use crate::{
    Blame, Trouble,
    config::{self, ConfigError, Environment, Flag, Loaded, Purpose},
};

/// The whole command line.
#[derive(Debug, Parser)]
#[command(
    name = "tidegate",
    version,
    about = "Measures what happens in GitHub organisations, and never spends more of the API quota than it may.",
    after_help = "Start here:\n  tidegate demo                                      a simulated GitHub and a node that measures it\n  \
                  GITHUB_TOKEN=... tidegate run --org acme           a node that measures the organisation acme\n\n\
                  Exit codes: 0 done, 1 failed or incomplete, 2 usage or configuration.",
    subcommand_required = true,
    arg_required_else_help = true,
    infer_subcommands = false,
    max_term_width = 100
)]
pub struct CommandLine {
    #[command(flatten)]
    flags: GlobalFlags,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::Arguments),
    Run(run::Arguments),
    Scrape(scrape::Arguments),
    Backfill(backfill::Arguments),
    Status(status::Arguments),
    Coverage(coverage::Arguments),
    Export(export::Arguments),
    Quota(quota::Arguments),
    Plan(plan::Arguments),
    Doctor(doctor::Arguments),
    #[command(subcommand)]
    Config(check::Command),
    Sim(sim::Arguments),
    Simulate(simulate::Arguments),
    Completions(completions::Arguments),
}

/// How a command ended that did not fail with an error.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// Everything that was asked for is done.
    Done,
    /// Something is missing, and the output says what.
    Incomplete,
}

/// What every command may look at.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// The flags that every command has.
    pub flags: GlobalFlags,
    /// The variables of the process.
    pub environment: Environment,
    /// Where answers go.
    pub output: Output,
}

impl Invocation {
    /// Loads the configuration with this command line's flags.
    ///
    /// # Errors
    ///
    /// Every fault of the configuration.
    pub fn configuration(&self, purpose: Purpose) -> Result<Loaded, ConfigError> {
        self.configuration_with(purpose, Vec::new())
    }

    /// Loads the configuration with this command line's flags, and then some that the command makes of its arguments.
    ///
    /// # Errors
    ///
    /// Every fault of the configuration.
    pub fn configuration_with(
        &self,
        purpose: Purpose,
        more: Vec<Flag>,
    ) -> Result<Loaded, ConfigError> {
        let mut flags = self.flags.settings();
        flags.extend(more);
        config::load(
            &config::Request {
                file: self.flags.config.clone(),
                flags,
                purpose,
            },
            &self.environment,
        )
    }

    /// Prints the lines by which scripts learn where something listens, one per address.
    ///
    /// # Errors
    ///
    /// [`Closed`] when nobody reads any more, or when the output takes nothing.
    pub fn listening_on(&self, addresses: &[std::net::SocketAddr]) -> Result<(), Closed> {
        addresses.iter().try_for_each(|address| {
            self.output
                .line(format_args!("listening on http://{address}"))
        })
    }
}

/// The process: its arguments, its variables, its streams.
pub fn main() -> ExitCode {
    let environment = Environment::of_process();
    let (output, errors) = (Output::stdout(), Output::stderr());
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            let _nobody_reads =
                errors.line(format_args!("tidegate: cannot start the runtime: {error}"));
            return ExitCode::from(1);
        }
    };
    let code = runtime.block_on(run(std::env::args_os(), environment, output, errors));
    // A blocking task that is stuck (a name lookup) must not keep a command that is done from ending.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    ExitCode::from(code)
}

/// Runs one command line and says its exit code. Everything from outside comes in as an argument, so that tests bring their own.
pub async fn run(
    arguments: impl IntoIterator<Item = OsString>,
    environment: Environment,
    output: Output,
    errors: Output,
) -> u8 {
    let line = match CommandLine::try_parse_from(arguments) {
        Ok(line) => line,
        Err(refusal) => return refuse(&refusal, &output, &errors),
    };
    let verbose = line.flags.verbose > 0;
    let invocation = Invocation {
        flags: line.flags,
        environment,
        output,
    };
    match Box::pin(dispatch(line.command, invocation)).await {
        Ok(Outcome::Done) => 0,
        Ok(Outcome::Incomplete) => 1,
        Err(error) => report(&error, verbose, &errors),
    }
}

async fn dispatch(command: Command, invocation: Invocation) -> anyhow::Result<Outcome> {
    match command {
        Command::Demo(arguments) => demo::run(arguments, invocation).await,
        Command::Run(arguments) => run::run(arguments, invocation).await,
        Command::Scrape(arguments) => scrape::run(arguments, invocation).await,
        Command::Backfill(arguments) => backfill::run(arguments, invocation).await,
        Command::Status(arguments) => status::run(arguments, invocation).await,
        Command::Coverage(arguments) => coverage::run(arguments, invocation).await,
        Command::Export(arguments) => export::run(arguments, invocation).await,
        Command::Quota(arguments) => quota::run(arguments, invocation).await,
        Command::Plan(arguments) => plan::run(&arguments, &invocation),
        Command::Doctor(arguments) => doctor::run(arguments, invocation).await,
        Command::Config(command) => check::run(&command, &invocation),
        Command::Sim(arguments) => sim::run(arguments, invocation).await,
        Command::Simulate(arguments) => simulate::run(arguments, invocation).await,
        Command::Completions(arguments) => completions::run(&arguments, &invocation),
    }
}

/// The command line as clap knows it, for completions and tests.
pub fn command() -> clap::Command {
    CommandLine::command()
}

/// Help and version are answers; everything else that clap stops at is a usage error, said in one line.
fn refuse(refusal: &clap::Error, output: &Output, errors: &Output) -> u8 {
    let wants_colour = refusal.kind() == ErrorKind::DisplayHelp && output.is_terminal();
    let rendered = refusal.render();
    let text = if wants_colour {
        rendered.ansi().to_string()
    } else {
        rendered.to_string()
    };
    match refusal.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            let _nobody_reads = output.text(&text);
            0
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let _nobody_reads = errors.text(&text);
            2
        }
        _ => {
            let _nobody_reads = errors.line(format_args!("tidegate: {}", one_line(&text)));
            2
        }
    }
}

/// Clap's error over several lines, as one: what is wrong, its tips, and where help is.
fn one_line(text: &str) -> String {
    let mut parts: Vec<String> = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if line.starts_with("Usage:") || line.starts_with("For more information") {
            continue;
        }
        parts.push(
            line.trim_start_matches("error: ")
                .trim_start_matches("tip: ")
                .trim_end_matches('.')
                .to_owned(),
        );
    }
    format!("{} (see `--help`)", parts.join("; ").replace(":; ", ": "))
}

/// Prints an error as a person needs it, and says the exit code.
fn report(error: &anyhow::Error, verbose: bool, errors: &Output) -> u8 {
    let closed = error
        .chain()
        .find_map(<dyn std::error::Error>::downcast_ref::<Closed>);
    if matches!(closed, Some(Closed::Unread)) {
        return 0;
    }
    if let Some(faults) = error.downcast_ref::<ConfigError>() {
        for fault in &faults.0 {
            let _nobody_reads = errors.line(format_args!("tidegate: {fault}"));
        }
        return 2;
    }
    let trouble = error.downcast_ref::<Trouble>();
    let chain: Vec<String> = error
        .chain()
        .skip(1)
        .map(|cause| flat(&cause.to_string()))
        .collect();
    let mut line = flat(&error.to_string());
    if let (Some(root), false, false) = (
        chain.last(),
        verbose,
        trouble.is_some_and(|trouble| trouble.remedied_by().is_some()),
    ) {
        line = format!("{line}: {root}");
    }
    let _nobody_reads = errors.line(format_args!("tidegate: {line}"));
    if verbose {
        for cause in &chain {
            let _nobody_reads = errors.line(format_args!("  because: {cause}"));
        }
    }
    match trouble.map(Trouble::blame) {
        Some(Blame::Usage) => 2,
        Some(Blame::World) | None => 1,
    }
}

/// One line, whatever the text.
fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
