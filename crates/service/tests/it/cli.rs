//! The command line as a shell sees it: streams, exit codes, one line per error.

use assert_cmd::Command;

use crate::simulator::Simulator;

/// The binary, with no variable of this process and with a home of its own.
fn tidegate(arguments: &[&str]) -> Command {
    let mut command = Command::cargo_bin("tidegate").expect("the binary is built with the tests");
    command.env_clear().args(arguments);
    command
}

pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Runs the binary to its end.
pub(crate) fn run(arguments: &[&str], variables: &[(&str, &str)]) -> Ended {
    let output = tidegate(arguments)
        .envs(variables.iter().copied())
        .output()
        .expect("the binary runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("output is UTF-8");
    Ended {
        code: output.status.code().expect("no signal"),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}

#[track_caller]
fn check_refused(arguments: &[&str], variables: &[(&str, &str)], code: i32, says: &str) {
    let ended = run(arguments, variables);
    assert_eq!(
        (ended.code, ended.out.as_str()),
        (code, ""),
        "{arguments:?}: {}",
        ended.err
    );
    assert_eq!(ended.err.lines().count(), 1, "one line: {}", ended.err);
    assert!(
        ended.err.starts_with("tidegate: ") && ended.err.contains(says),
        "{says} in {}",
        ended.err
    );
}

#[test]
fn help_and_version_are_answers_and_every_command_has_help() {
    let help = run(&["--help"], &[]);
    assert_eq!((help.code, help.err.as_str()), (0, ""));
    for command in [
        "demo",
        "run",
        "scrape",
        "sim",
        "simulate",
        "status",
        "quota",
        "plan",
        "config",
        "doctor",
        "completions",
    ] {
        assert!(
            help.out.contains(&format!("\n  {command} ")),
            "{command} in {}",
            help.out
        );
        let own = run(&[command, "--help"], &[]);
        assert_eq!((own.code, own.err.as_str()), (0, ""), "{command}");
        assert!(own.out.contains("Usage: tidegate"), "{command}");
        assert!(
            own.out.lines().all(|line| line.chars().count() <= 100),
            "{}",
            own.out
        );
    }
    let version = run(&["--version"], &[]);
    assert_eq!(
        (version.code, version.out.trim()),
        (0, concat!("tidegate ", env!("CARGO_PKG_VERSION")))
    );
}

#[test]
fn a_command_line_that_cannot_be_understood_ends_in_one_line_and_2() {
    check_refused(&["runn"], &[], 2, "'run'");
    check_refused(&["run", "--intervall", "5m"], &[], 2, "--interval");
    check_refused(&["run", "--interval"], &[], 2, "--interval");
    check_refused(&["scrape"], &[], 2, "ORG");
    check_refused(&["run", "-q", "-v"], &[], 2, "cannot be used with");
    check_refused(&["sim", "--repos", "many"], &[], 2, "many");
    check_refused(
        &["sim", "--repos", "3", "--active", "4"],
        &[],
        2,
        "--active 4",
    );
    check_refused(&["sim", "--speed", "-1"], &[], 2, "--speed");
    check_refused(&["sim", "--orgs", "a/b"], &[], 2, "login");
    check_refused(&["sim", "--listen", "here"], &[], 2, "127.0.0.1:10270");
    check_refused(&["completions", "tcsh"], &[], 2, "tcsh");
    assert_eq!(run(&[], &[]).code, 2);
}

#[test]
fn a_configuration_that_cannot_be_used_ends_in_2_before_anything_is_done() {
    let token = [("GITHUB_TOKEN", "t")];
    for command in [
        &["run"] as &[&str],
        &["doctor", "--json"],
        &["config", "check"],
    ] {
        let with = |more: &[&'static str]| [command, more].concat();
        if command[0] != "doctor" {
            check_refused(&with(&[]), &token, 2, "--org NAME");
            check_refused(&with(&["--org", "acme"]), &[], 2, "GITHUB_TOKEN");
            check_refused(
                &with(&["--org", "acme", "--interval", "5 parsecs"]),
                &token,
                2,
                "--interval: scrape.interval: `5 parsecs`",
            );
            check_refused(
                &with(&["--org", "acme", "--api-url", "ftp://x"]),
                &token,
                2,
                "api_url",
            );
            check_refused(
                &with(&["--org", "acme", "--config", "absent.toml"]),
                &token,
                2,
                "absent.toml",
            );
            check_refused(
                &with(&["--org", "acme", "--listen", "0.0.0.0:0"]),
                &token,
                2,
                "api.token_file",
            );
        }
    }
    check_refused(&["scrape", "acme"], &[], 2, "no token for `acme`");
    check_refused(
        &["config", "show"],
        &[("TIDEGATE_LOG_LEVEL", "loud")],
        2,
        "TIDEGATE_LOG_LEVEL: log.level: `loud` is not one of error",
    );
}

#[test]
fn check_says_ok_or_every_fault_as_lines_or_as_json() {
    let token = [("GITHUB_TOKEN", "t")];
    let good = run(&["config", "check", "--org", "acme"], &token);
    assert_eq!(
        (good.code, good.out.as_str(), good.err.as_str()),
        (0, "ok\n", "")
    );

    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("t.toml");
    std::fs::write(&file, "[scrape]\nintervall = \"5m\"\nconcurrency = 0\n")
        .expect("the file is written");
    let file = file.to_str().expect("UTF-8");
    let bad = run(
        &["config", "check", "--config", file, "--org", "acme"],
        &token,
    );
    assert_eq!(
        (bad.code, bad.out.as_str(), bad.err.lines().count()),
        (2, "", 2),
        "{}",
        bad.err
    );

    let json = run(
        &[
            "config", "check", "--config", file, "--org", "acme", "--json",
        ],
        &token,
    );
    let answer: serde_json::Value = serde_json::from_str(&json.out).expect("JSON");
    assert_eq!(
        (
            json.code,
            &answer["ok"],
            answer["faults"].as_array().map(Vec::len)
        ),
        (2, &false.into(), Some(2))
    );
}

#[test]
fn show_tells_each_value_with_its_origin_and_no_secret() {
    let variables = [
        ("GITHUB_TOKEN", "planted"),
        ("TIDEGATE_SCRAPE_HISTORY", "all"),
    ];
    let text = run(
        &["config", "show", "--org", "acme", "--interval", "10m", "-v"],
        &variables,
    );
    assert_eq!((text.code, text.err.as_str()), (0, ""));
    let line = |start: &str| {
        text.out
            .lines()
            .find(|line| line.starts_with(start))
            .unwrap_or_default()
            .to_owned()
    };
    for (start, origin) in [
        ("interval = \"10m\"", "--interval"),
        ("history = \"all\"", "TIDEGATE_SCRAPE_HISTORY"),
        ("level = \"debug\"", "-v"),
        ("reserve = 1000", "default"),
    ] {
        assert!(
            line(start).ends_with(&format!("# {origin}")),
            "{start} in {}",
            text.out
        );
    }
    let json = run(&["config", "show", "--json"], &variables);
    assert!(serde_json::from_str::<serde_json::Value>(&json.out).is_ok_and(|rows| rows.is_array()));
    assert!(!format!("{}{}", text.out, json.out).contains("planted"));
}

#[test]
fn schema_and_completions_are_whole() {
    let schema = run(&["config", "schema"], &[]);
    let value: serde_json::Value = serde_json::from_str(&schema.out).expect("JSON");
    assert_eq!(
        value["properties"]["scrape"]["properties"]["interval"]["default"],
        "5m"
    );
    for shell in ["bash", "zsh", "fish"] {
        let script = run(&["completions", shell], &[]);
        assert!(script.code == 0 && script.out.contains("doctor"), "{shell}");
    }
}

#[test]
fn a_reader_that_leaves_early_is_no_failure() {
    use std::process::{Command, Stdio};
    let mut child = Command::new(assert_cmd::cargo::cargo_bin("tidegate"))
        .args(["config", "schema"])
        .env_clear()
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    drop(child.stdout.take());
    let ended = child.wait_with_output().expect("it ends");
    assert_eq!(
        (
            ended.status.code(),
            String::from_utf8_lossy(&ended.stderr).as_ref()
        ),
        (Some(0), "")
    );
}

#[test]
fn the_simulator_prints_its_address_first_serves_and_ends_with_0_when_interrupted() {
    let world = ["--repos", "3", "--orgs", "acme,beta", "--seed", "7"];
    let mut sim = Simulator::start(&[&world[..], &["--limit", "200"]].concat());
    let answer = sim.get("/orgs/beta");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("x-ratelimit-limit: 200"), "{answer}");
    let busy = run(
        &[
            "sim",
            "--listen",
            sim.address(),
            "--repos",
            "1",
            "--active",
            "1",
        ],
        &[],
    );
    assert_eq!((busy.code, busy.out.as_str()), (1, ""));
    assert!(
        busy.err.contains("in use") && busy.err.contains("--listen"),
        "{}",
        busy.err
    );
    assert_eq!(sim.interrupt(), Some(0));
}
