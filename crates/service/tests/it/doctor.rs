//! `tidegate doctor` against a simulated GitHub: what is right is ok, and each thing that is wrong is named with its remedy.

use std::path::Path;

use serde_json::Value;

use crate::{cli::run, simulator::Simulator};

/// The findings as `check of organisation: result`, with the whole answer beside them.
fn examine(
    folder: &Path,
    api: &str,
    more: &[&str],
    variables: &[(&str, &str)],
) -> (i32, Vec<String>, Value) {
    let state = folder.join("state.db");
    // By variables, so that a test can say otherwise by a flag.
    let common = [
        ("TIDEGATE_HTTP_LISTEN", "127.0.0.1:0"),
        ("TIDEGATE_GITHUB_API_URL", api),
        ("TIDEGATE_STATE_PATH", state.to_str().expect("UTF-8")),
    ];
    let ended = run(
        &[&["doctor", "--json"], more].concat(),
        &[&common, variables].concat(),
    );
    let answer: Value = serde_json::from_str(&ended.out)
        .unwrap_or_else(|_| panic!("JSON: {} {}", ended.out, ended.err));
    let text = |check: &Value, field: &str| check[field].as_str().unwrap_or_default().to_owned();
    let line = |check: &Value| match text(check, "organisation").as_str() {
        "" => format!("{}: {}", text(check, "check"), text(check, "result")),
        organisation => format!(
            "{} of {organisation}: {}",
            text(check, "check"),
            text(check, "result")
        ),
    };
    let lines = answer["checks"]
        .as_array()
        .expect("a list")
        .iter()
        .map(line)
        .collect();
    assert!(!state.exists(), "the doctor leaves nothing behind");
    (ended.code, lines, answer)
}

/// One check failed, and what was found and what to do are in the answer.
#[track_caller]
fn check_failed((code, lines, answer): (i32, Vec<String>, Value), failed: &str, says: &[&str]) {
    assert_eq!(code, 1, "{answer:#}");
    let all: Vec<&String> = lines
        .iter()
        .filter(|line| line.ends_with("failed"))
        .collect();
    assert_eq!(all, [failed], "{answer:#}");
    let finding = answer["checks"]
        .as_array()
        .expect("a list")
        .iter()
        .find(|check| check["result"] == "failed");
    let finding = finding.expect("one failed");
    assert!(
        finding["remedy"]
            .as_str()
            .is_some_and(|remedy| !remedy.is_empty()),
        "{finding:#}"
    );
    for part in says {
        assert!(finding.to_string().contains(part), "{part} in {finding:#}");
    }
}

#[test]
fn with_a_good_token_or_app_everything_is_in_place() {
    let sim = Simulator::start(&["--orgs", "acme,beta", "--repos", "4"]);
    let folder = tempfile::tempdir().expect("a folder");
    let expected = [
        "configuration: ok",
        "state: ok",
        "coordination: ok",
        "port: ok",
        "api: ok",
        "clock: ok",
        "credential of acme: ok",
        "organisation of acme: ok",
        "quota of acme: ok",
        "credential of beta: ok",
        "organisation of beta: ok",
        "quota of beta: ok",
    ];
    let orgs = ["--org", "acme", "--org", "beta"];
    let (code, lines, answer) = examine(
        folder.path(),
        &sim.url(),
        &orgs,
        &[("GITHUB_TOKEN", "sim-token")],
    );
    assert_eq!(
        (code, lines),
        (0, expected.map(str::to_owned).to_vec()),
        "{answer:#}"
    );
    assert!(!answer.to_string().contains("sim-token"), "{answer:#}");

    let answer = sim.get("/_sim/app.pem");
    let (_, pem) = answer.split_once("\r\n\r\n").expect("a body");
    let app = [
        ("TIDEGATE_GITHUB_APP_ID", "1"),
        ("TIDEGATE_GITHUB_PRIVATE_KEY", pem),
    ];
    let (code, lines, answer) = examine(folder.path(), &sim.url(), &orgs, &app);
    assert_eq!(
        (code, lines),
        (0, expected.map(str::to_owned).to_vec()),
        "{answer:#}"
    );

    let text = run(
        &[
            "doctor",
            "--listen",
            "127.0.0.1:0",
            "--api-url",
            &sim.url(),
            "--org",
            "acme",
        ],
        &[("GITHUB_TOKEN", "sim-token")],
    );
    assert_eq!((text.code, text.err.as_str()), (0, ""), "{}", text.out);
    assert!(
        text.out.contains("ok  quota of acme") && text.out.ends_with("everything is in place\n"),
        "{}",
        text.out
    );
}

#[test]
fn what_is_wrong_is_named_with_its_remedy() {
    let sim = Simulator::start(&["--repos", "2"]);
    let folder = tempfile::tempdir().expect("a folder");
    let doctor = |more: &[&str], variables: &[(&str, &str)]| {
        examine(folder.path(), &sim.url(), more, variables)
    };
    let token = [("GITHUB_TOKEN", "sim-token")];

    check_failed(
        doctor(&["--org", "acme"], &[("GITHUB_TOKEN", "planted-wrong")]),
        "credential of acme: failed",
        &["GITHUB_TOKEN"],
    );
    check_failed(
        doctor(&["--org", "nobody-here"], &token),
        "organisation of nobody-here: failed",
        &["check the name"],
    );
    check_failed(
        doctor(&[], &token),
        "configuration: failed",
        &["--org NAME"],
    );

    let wrong_key = include_str!("../../src/config/tests/app.pem");
    let app = |id: &'static str, key| {
        [
            ("TIDEGATE_GITHUB_APP_ID", id),
            ("TIDEGATE_GITHUB_PRIVATE_KEY", key),
        ]
    };
    check_failed(
        doctor(&["--org", "acme"], &app("1", wrong_key)),
        "credential of acme: failed",
        &["same App"],
    );
    check_failed(
        doctor(&["--org", "acme"], &app("1", "planted")),
        "configuration: failed",
        &["PEM"],
    );

    let busy = sim.address();
    check_failed(
        doctor(&["--org", "acme", "--listen", busy], &token),
        "port: failed",
        &["in use", "--listen"],
    );
    std::fs::write(
        folder.path().join("text.db"),
        "planted, but long enough to be looked at as a database",
    )
    .expect("written");
    let file = folder.path().join("text.db");
    check_failed(
        doctor(
            &["--org", "acme", "--state", file.to_str().expect("UTF-8")],
            &token,
        ),
        "state: failed",
        &["--state"],
    );
    let board = [
        token[0],
        ("TIDEGATE_COORDINATION_PATH", file.to_str().expect("UTF-8")),
    ];
    check_failed(
        doctor(&["--org", "acme"], &board),
        "coordination: failed",
        &["not a SQLite database", "coordination.path"],
    );
}

#[test]
fn an_api_that_does_not_answer_ends_the_checks_that_need_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("a free port");
    let asked = examine(
        folder.path(),
        &format!("http://{free}"),
        &["--org", "acme"],
        &[("GITHUB_TOKEN", "t")],
    );
    assert_eq!(
        asked.1,
        [
            "configuration: ok",
            "state: ok",
            "coordination: ok",
            "port: ok",
            "api: failed"
        ]
    );
    check_failed(asked, "api: failed", &["github.api_url"]);
}
