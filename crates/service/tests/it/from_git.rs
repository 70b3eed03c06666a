//! `tidegate demo --from-git` over a history with everything that real ones have: what each author did must equal what
//! `git log --numstat` says, to the line.

mod history;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use rustix::process::Signal;

use crate::process::exposition::Exposition;
use crate::process::{Place, get, get_json, until};

/// Commits, added and removed lines.
type Work = (u64, u64, u64);

/// What `git log --numstat` says about each author on the default branch. Those without a name go by their address.
fn by_git(repository: &Path) -> BTreeMap<String, Work> {
    let mut log = Command::new("git");
    log.arg("-C").arg(repository);
    log.args(["log", "--numstat", "--format=%x01%aN%x02%aE", "HEAD"]);
    // The plain command of a user without a configuration.
    log.env("HOME", repository)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env_remove("XDG_CONFIG_HOME");
    let log = log.output().expect("git runs");
    assert!(
        log.status.success(),
        "{}",
        String::from_utf8_lossy(&log.stderr)
    );
    let mut work: BTreeMap<String, Work> = BTreeMap::new();
    let mut author = String::new();
    for line in log
        .stdout
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
    {
        let line = String::from_utf8_lossy(line);
        if let Some(head) = line.strip_prefix('\u{1}') {
            let (name, address) = head.split_once('\u{2}').expect("a name and an address");
            author = if name.is_empty() { address } else { name }.to_owned();
            work.entry(author.clone()).or_default().0 += 1;
        } else {
            // A binary file has `-` for both.
            let mut numbers = line
                .split('\t')
                .map(|number| number.parse::<u64>().unwrap_or(0));
            let of_author = work
                .get_mut(&author)
                .expect("a file stands below its commit");
            of_author.1 += numbers.next().unwrap_or(0);
            of_author.2 += numbers.next().unwrap_or(0);
        }
    }
    work
}

/// The same from `/metrics`, with users as the simulated GitHub knows them.
fn by_metrics(metrics: &Exposition, truth: &serde_json::Value) -> BTreeMap<String, Work> {
    let mut names = BTreeMap::new();
    for user in truth["users"].as_array().expect("users are a list") {
        let name = user["name"].as_str().or(user["emails"][0].as_str());
        names.insert(
            user["login"].as_str().unwrap_or_default(),
            name.unwrap_or_default(),
        );
    }
    let mut work: BTreeMap<String, Work> = BTreeMap::new();
    let mut add = |name: &str, place: fn(&mut Work) -> &mut u64| {
        for (login, sum) in metrics.sum_by("user", name) {
            let person = names
                .get(login.as_str())
                .unwrap_or_else(|| panic!("GitHub knows no {login}"));
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a counter of whole things"
            )]
            let sum = sum as u64;
            if sum > 0 {
                *place(work.entry((*person).to_owned()).or_default()) += sum;
            }
        }
    };
    add("gh_commits_total", |work| &mut work.0);
    add("gh_lines_added_total", |work| &mut work.1);
    add("gh_lines_removed_total", |work| &mut work.2);
    work
}

#[test]
fn what_each_author_did_equals_git_log_numstat_to_the_line() {
    let place = Place::new();
    let repository = place.path("old-project.git");
    let commits = history::make(&repository, 5_200);

    let mut demo = place.start(
        &[
            "demo",
            "--listen",
            "127.0.0.1:0",
            "--from-git",
            &place.argument("old-project.git"),
        ],
        &[],
    );
    let addresses = demo.listening_on(2);
    let metrics = until("every commit is counted", 60, || {
        let metrics = Exposition::read(&get(&addresses[0], "/metrics"));
        (metrics.sum("gh_commits_total") >= commits as f64).then_some(metrics)
    });
    let by_git = by_git(&repository);
    assert!(
        by_git.len() >= 12 && commits >= 5_000,
        "{commits} by {}",
        by_git.len()
    );
    assert_eq!(by_git.values().map(|work| work.0).sum::<u64>(), commits);
    assert_eq!(
        by_metrics(&metrics, &get_json(&addresses[1], "/_sim/truth")),
        by_git
    );

    demo.signal(Signal::INT);
    assert_eq!(demo.wait().code, Some(0));
}
