//! Readers that others wrote: Prometheus' own linter, and a strict OpenMetrics parser.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use service::export::{Part, Snapshots};

use super::moment::now;
use super::strict::{Format, Read};
use super::{open_metrics, states, text};

/// Where `scripts/test.sh` installs the parser.
const PYTHON: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../target/openmetrics-venv/bin/python"
);

const PARSE: &str = "
import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families
text = sys.stdin.buffer.read().decode('utf-8')
print(sum(len(family.samples) for family in text_string_to_metric_families(text)))
";

fn feed(command: &mut Command, input: &str, missing: &str) -> Output {
    let child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = child.unwrap_or_else(|error| panic!("{missing} ({error})"));
    let mut stdin = child.stdin.take().expect("it is piped");
    // Both programs read everything before they write anything.
    stdin
        .write_all(input.as_bytes())
        .expect("it reads its input");
    drop(stdin);
    child.wait_with_output().expect("it ends")
}

/// Prometheus' linter has nothing to say.
#[track_caller]
pub(super) fn assert_promtool_is_silent(what: &str, exposition: &str) {
    let missing = "promtool is not installed: install the Debian package prometheus, or run make test, which does";
    let output = feed(
        Command::new("promtool").args(["check", "metrics"]),
        exposition,
        missing,
    );
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(output.status.success() && said.is_empty(), "{what}: {said}");
}

/// The strict parser accepts it and finds as many samples as we do.
#[track_caller]
pub(super) fn assert_openmetrics_is_accepted(what: &str, exposition: &str) {
    let missing = "the OpenMetrics parser is not installed: run make test, which installs it into target/openmetrics-venv";
    let output = feed(
        Command::new(PYTHON).args(["-c", PARSE]),
        exposition,
        missing,
    );
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{what}: {said}");
    let found = String::from_utf8_lossy(&output.stdout);
    let ours = Read::strictly(exposition, Format::OpenMetrics)
        .samples()
        .count();
    assert_eq!(found.trim(), ours.to_string(), "{what}");
}

#[test]
fn promtool_has_nothing_to_say_about_any_state() {
    for (state, exposition) in states() {
        assert_promtool_is_silent(state, &text(&exposition));
    }
    let answer = Snapshots::new(now()).answer(Part::All, &http::HeaderMap::new());
    let first = String::from_utf8(answer.body().concat()).unwrap();
    assert_promtool_is_silent("before the first snapshot", &first);
}

#[test]
fn a_strict_openmetrics_parser_accepts_every_state() {
    for (state, exposition) in states() {
        assert_openmetrics_is_accepted(state, &open_metrics(&exposition));
    }
}
