//! `tidegate status`: what is known, and how old it is.

use super::{Invocation, Outcome};
use crate::{Trouble, config::Purpose};

/// Show what is known of each organisation and how old it is
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {}

pub(crate) async fn run(_arguments: Arguments, invocation: Invocation) -> anyhow::Result<Outcome> {
    let _loaded = invocation.configuration(Purpose::Read)?;
    Err(Trouble::new("the status cannot be shown yet").into())
}
