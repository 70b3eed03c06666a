//! `tidegate scrape ORG`: one pass now.

use super::{Invocation, Outcome};
use crate::{
    Trouble,
    config::{Flag, Purpose},
};

/// Measure one organisation once, with progress and a summary; fails when something could not be read
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  GITHUB_TOKEN=... tidegate scrape acme")]
pub(crate) struct Arguments {
    /// The organisation or user
    #[arg(value_name = "ORG")]
    organisation: String,
}

pub(crate) async fn run(arguments: Arguments, invocation: Invocation) -> anyhow::Result<Outcome> {
    let only = Flag {
        key: "github.organisations",
        flag: "ORG".to_owned(),
        values: vec![arguments.organisation],
    };
    let _loaded = invocation.configuration_with(Purpose::Measure, vec![only])?;
    Err(Trouble::new("an organisation cannot be scraped yet").into())
}
