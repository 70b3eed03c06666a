//! `tidegate demo`, as the README promises it: something to see at once, and nothing left behind.

use std::collections::BTreeSet;
use std::net::TcpListener;

use rustix::process::Signal;

use crate::process::exposition::Exposition;
use crate::process::{Place, Running, get, until};

/// What a node shows.
fn metrics(address: &str) -> Exposition {
    Exposition::read(&get(address, "/metrics"))
}

/// Repositories and users of which a counter shows more than nothing.
fn seen(metrics: &Exposition, name: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let positive = || metrics.of(name).filter(|sample| sample.value > 0.0);
    let all = |label: &'static str| {
        positive()
            .map(|sample| sample.label(label).to_owned())
            .collect()
    };
    (all("repo"), all("user"))
}

fn interrupt(demo: Running) {
    demo.signal(Signal::INT);
    let ended = demo.wait();
    assert_eq!(
        (ended.code, ended.err.as_str()),
        (Some(0), ""),
        "{}",
        ended.out
    );
}

#[test]
fn within_15_s_it_shows_every_kind_of_activity_and_nothing_stays_behind() {
    let place = Place::new();
    let before = place.files();
    let mut demo = place.start(&["demo", "--listen", "127.0.0.1:0"], &[]);
    let node = demo.listening_on(2).remove(0);
    until("there is activity of every kind", 15, || {
        let metrics = metrics(&node);
        let counters = [
            "gh_commits_total",
            "gh_pull_requests_opened_total",
            "gh_reviews_submitted_total",
            "gh_comments_total",
            "gh_lines_added_total",
            "gh_lines_removed_total",
        ];
        let enough = |name: &&str| {
            let (repos, users) = seen(&metrics, name);
            repos.len() >= 3 && users.len() >= 5
        };
        counters.iter().all(enough).then_some(())
    });
    interrupt(demo);
    assert_eq!(place.files(), before);
}

#[test]
fn it_is_lively_counters_grow_while_somebody_watches() {
    let place = Place::new();
    let mut demo = place.start(&["demo", "--listen", "127.0.0.1:0"], &[]);
    let node = demo.listening_on(2).remove(0);
    let first = until("there are commits", 15, || {
        Some(metrics(&node).sum("gh_commits_total")).filter(|sum| *sum > 0.0)
    });
    until("there are more commits", 60, || {
        (metrics(&node).sum("gh_commits_total") > first).then_some(())
    });
    interrupt(demo);
}

#[test]
fn it_starts_beside_a_node_but_takes_no_port_that_was_asked_for_and_is_in_use() {
    let place = Place::new();
    // The usual port is taken by us, or by whoever has it already.
    let _usual = TcpListener::bind("127.0.0.1:10270");
    let mut demo = place.start(&["demo", "--repos", "1", "--active", "1"], &[]);
    let node = demo.listening_on(2).remove(0);
    assert!(!node.ends_with(":10270"), "{node}");
    assert_eq!(get(&node, "/livez").trim(), "ok");

    let ended = place.run(&["demo", "--listen", &node], &[]);
    assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""));
    assert!(
        ended.err.contains("is in use") && ended.err.lines().count() == 1,
        "{}",
        ended.err
    );
    interrupt(demo);
}

#[test]
fn a_flag_about_another_github_is_refused_and_not_ignored() {
    let place = Place::new();
    let before = place.files();
    for flags in [
        ["--org", "acme"],
        ["--state", "kept.db"],
        ["--config", "tidegate.toml"],
        ["--token-file", "token"],
        ["--api-url", "https://api.github.com"],
    ] {
        let ended = place.run(&["demo", flags[0], flags[1]], &[]);
        assert_eq!((ended.code, ended.out.as_str()), (Some(2), ""), "{flags:?}");
        assert!(
            ended.err.contains(flags[0]) && ended.err.lines().count() == 1,
            "{}",
            ended.err
        );
    }
    assert_eq!(place.files(), before);
}
