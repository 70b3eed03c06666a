//! How a node is told to go: it lets go of what it has begun, says nothing wrong, and goes at once when told twice.

use std::io::Write as _;
use std::net::TcpStream;

use github_sim::fault::{Action, Rule};
use rustix::process::Signal;

use crate::process::github::{GitHub, small};
use crate::process::{Place, ask, until};

const TOKEN: (&str, &str) = ("GITHUB_TOKEN", "sim-token");

/// From the request after so many on, GitHub takes longer than anybody waits.
fn stall(github: &GitHub, after: u64) {
    let rule = Rule::always(Action::Delay { ms: 300_000 });
    github.sim.faults().add(rule.skip(after));
}

/// Waits until somebody waits for GitHub.
#[track_caller]
fn until_stalled(github: &GitHub) {
    until("a request waits", 30, || {
        let faults = github.sim.faults().list();
        faults
            .iter()
            .any(|(_, _, struck)| *struck > 0)
            .then_some(())
    });
}

#[test]
fn a_node_that_is_told_to_go_in_the_middle_of_a_cycle_goes_at_once_and_its_state_is_whole() {
    for signal in [Signal::TERM, Signal::INT] {
        let github = GitHub::start(small());
        // Some repositories are read by then, and others are not.
        stall(&github, 30);
        let place = Place::new();
        let url = github.url();
        let common = ["--api-url", &url, "--state", "state.db"];
        let run = [
            &["run", "--org", "acme", "--listen", "127.0.0.1:0"] as &[&str],
            &common,
        ]
        .concat();
        let mut node = place.start(&run, &[TOKEN]);
        let address = node.listening_on(1).remove(0);
        until_stalled(&github);
        node.signal(signal);
        until("it has left", 15, || node.ended());
        assert!(
            ask(&address, "GET /livez").is_none(),
            "nobody listens any more"
        );
        let ended = node.wait();
        assert_eq!(ended.code, Some(0), "{}", ended.err);

        github.sim.faults().clear();
        let scrape = place.run(
            &[&["scrape", "acme"] as &[&str], &common].concat(),
            &[TOKEN],
        );
        assert_eq!(
            (scrape.code, scrape.err.as_str()),
            (Some(0), ""),
            "{}",
            scrape.out
        );
        let status = place.run(&["status", "--json", "--state", "state.db"], &[]);
        let status: serde_json::Value = serde_json::from_str(&status.out).expect("JSON");
        assert_eq!(status["organisations"][0]["gaps"], 0, "{status:#}");
        assert_eq!(status["organisations"][0]["repositories"], 3, "{status:#}");
    }
}

#[test]
fn a_reader_who_dawdles_holds_a_leaving_node_until_a_second_signal() {
    let place = Place::new();
    let github = GitHub::start(small());
    let url = github.url();
    let arguments = [
        "run",
        "--org",
        "acme",
        "--listen",
        "127.0.0.1:0",
        "--api-url",
        &url,
    ];
    let mut node = place.start(&arguments, &[TOKEN]);
    let address = node.listening_on(1).remove(0);
    until("there is something to read", 60, || {
        let answer = ask(&address, "GET /metrics")?;
        answer.body.contains("gh_commits_total").then_some(())
    });
    // Half a request: the node waits for its end.
    let mut dawdler = TcpStream::connect(&address).expect("the node listens");
    dawdler
        .write_all(b"GET /metrics HTTP/1.1\r\nhost: 127.0.0.1\r\n")
        .expect("it is sent");
    node.signal(Signal::TERM);
    until("it has heard", 30, || {
        node.err()
            .contains("a second signal ends at once")
            .then_some(())
    });
    node.signal(Signal::TERM);
    let status = until("it has ended", 5, || node.ended());
    assert_eq!(status.code(), Some(1), "{status}");
    drop(dawdler);
}

#[test]
fn an_interrupted_scrape_says_so_and_the_next_goes_on() {
    let github = GitHub::start(small());
    let place = Place::new();
    let url = github.url();
    let scrape = ["scrape", "acme", "--api-url", &url];
    stall(&github, 3);
    let process = place.start(&scrape, &[TOKEN]);
    until_stalled(&github);
    process.signal(Signal::INT);
    let ended = process.wait();
    assert_eq!((ended.code, ended.err.as_str()), (Some(1), ""));
    assert!(ended.out.starts_with("interrupted"), "{}", ended.out);
    github.sim.faults().clear();
    let ended = place.run(&scrape, &[TOKEN]);
    assert_eq!(
        (ended.code, ended.err.as_str()),
        (Some(0), ""),
        "{}",
        ended.out
    );
}
