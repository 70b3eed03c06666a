//! `tidegate config check|show|schema`: the configuration, explained.

use super::{Invocation, Outcome};
use crate::config::{self, Purpose};

/// Look at the configuration: is it right, what is in effect, what can be set
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Check the configuration; print every fault at once, or ok
    Check,
    /// Print the effective values and where each came from; secrets stay hidden
    Show,
    /// Print the JSON Schema of the configuration file, for editors
    Schema {
        /// Print the page about every key, as Markdown, instead
        #[arg(long)]
        markdown: bool,
    },
}

pub(crate) fn run(command: &Command, invocation: &Invocation) -> anyhow::Result<Outcome> {
    let output = &invocation.output;
    match command {
        Command::Check => {
            let loaded = invocation.configuration(Purpose::Measure);
            if invocation.flags.json {
                return check_json(loaded.err(), invocation);
            }
            loaded?;
            output.line("ok")?;
        }
        Command::Show => {
            let loaded = invocation.configuration(Purpose::Read)?;
            if invocation.flags.json {
                output.line(serde_json::to_string_pretty(&config::list(&loaded))?)?;
            } else {
                output.text(&config::show(&loaded))?;
            }
        }
        Command::Schema { markdown: true } => output.text(&config::markdown())?,
        Command::Schema { markdown: false } => {
            output.line(serde_json::to_string_pretty(&config::json_schema())?)?;
        }
    }
    Ok(Outcome::Done)
}

fn check_json(
    faults: Option<config::ConfigError>,
    invocation: &Invocation,
) -> anyhow::Result<Outcome> {
    let list = faults
        .as_ref()
        .map_or(&[] as &[config::Complaint], |faults| &faults.0);
    let rows: Vec<serde_json::Value> = list
        .iter()
        .map(|fault| {
            let origin = fault.origin.to_string();
            serde_json::json!({ "origin": origin, "key": fault.key, "message": fault.message })
        })
        .collect();
    let answer = serde_json::json!({ "ok": rows.is_empty(), "faults": rows });
    invocation
        .output
        .line(serde_json::to_string_pretty(&answer)?)?;
    // The faults go to standard error as well, and decide the exit code.
    faults.map_or(Ok(Outcome::Done), |faults| Err(faults.into()))
}
