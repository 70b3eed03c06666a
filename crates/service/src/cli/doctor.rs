//! `tidegate doctor`: is everything in place, and if not, what to do.
//!
//! Looks and changes nothing. The checks go from what is nearest (the configuration) to what is farthest (each organisation), and one
//! that failed does not keep the others from being made, as far as they make sense without it.

mod finding;
mod local;
mod remote;

use super::{Invocation, Outcome, table};
use crate::{
    config::{LogLevel, Purpose},
    telemetry,
};
use finding::Finding;

/// Check configuration, state, port, GitHub, clock and credentials, with a remedy for what is wrong
#[derive(Debug, clap::Args)]
#[command(
    after_help = "It changes nothing, and ends in 1 when something is wrong.\n\nExample:\n  \
                        GITHUB_TOKEN=... tidegate doctor --org acme"
)]
pub(crate) struct Arguments {}

pub(crate) async fn run(_arguments: Arguments, invocation: Invocation) -> anyhow::Result<Outcome> {
    let mut log = invocation.flags.log();
    if invocation.flags.verbose == 0 {
        // The table says what the log would.
        log.level = LogLevel::Error;
    }
    telemetry::install(&log, invocation.environment.has("NO_COLOR"))?;
    let findings = examine(&invocation).await;
    show(&findings, &invocation)?;
    let failed = findings.iter().any(Finding::has_failed);
    Ok(if failed {
        Outcome::Incomplete
    } else {
        Outcome::Done
    })
}

async fn examine(invocation: &Invocation) -> Vec<Finding> {
    let loaded = match invocation.configuration(Purpose::Measure) {
        Ok(loaded) => loaded,
        Err(faults) => return local::faults(&faults),
    };
    let mut findings = vec![local::configuration(&loaded)];
    findings.push(local::state(&loaded.config).await);
    findings.push(local::coordination(&loaded.config).await);
    findings.push(local::port(&loaded.config).await);
    findings.extend(remote::examine(&loaded.config).await);
    findings
}

fn show(findings: &[Finding], invocation: &Invocation) -> anyhow::Result<()> {
    let failed = findings
        .iter()
        .filter(|finding| finding.has_failed())
        .count();
    if invocation.flags.json {
        let answer = serde_json::json!({ "ok": failed == 0, "checks": findings });
        return Ok(invocation
            .output
            .line(serde_json::to_string_pretty(&answer)?)?);
    }
    let colour = invocation.output.is_terminal() && !invocation.environment.has("NO_COLOR");
    let rows: Vec<Vec<String>> = findings.iter().map(Finding::row).collect();
    for (line, finding) in table::lay_out(&rows).lines().zip(findings) {
        invocation.output.line(finding.painted(line, colour))?;
        if let Some(remedy) = finding.remedy() {
            invocation.output.line(format_args!("        {remedy}"))?;
        }
    }
    let sum = match failed {
        0 => "everything is in place".to_owned(),
        1 => "1 check failed".to_owned(),
        several => format!("{several} checks failed"),
    };
    invocation.output.line(format_args!("\n{sum}"))?;
    Ok(())
}
