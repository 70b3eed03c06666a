//! Scrapes that end in `kill -9`, again and again, on one state file: no claim of having read is ever false, and the
//! first scrape that is let through leaves the truth behind.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use github_sim::world::{MergeMethod, NewCommit, NewPull, ReviewState};
use github_sim::{SimConfig, World};
use jiff::SignedDuration;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use rustix::process::Signal;

use crate::process::exposition::Exposition;
use crate::process::github::GitHub;
use crate::process::{Place, get, until};
use crate::records::{self, Records, truth};

/// How often a process is killed before it is done.
const KILLS: u64 = 32;

/// What people do while somebody reads: nothing of it takes anything back.
pub(crate) fn live(world: &mut World, random: &mut ChaCha8Rng) {
    let repos: Vec<u64> = world
        .repos()
        .filter(|repo| !repo.archived)
        .map(|repo| repo.id)
        .collect();
    let repo = *repos.choose(random).expect("there are repositories");
    let people: Vec<u64> = world
        .accounts()
        .filter(|account| !account.is_org() && !account.is_web_flow())
        .map(|account| account.id)
        .collect();
    let someone = *people.choose(random).expect("there are people");
    let now = world.repo(repo).expect("it is there");
    let pulls: Vec<u64> = now.open_pulls().collect();
    let default = now.default_branch.clone();
    let issues: Vec<u64> = now
        .issues
        .values()
        .filter(|issue| issue.is_open())
        .map(|issue| issue.number)
        .collect();
    let has_issues = now.issues_enabled;
    let commit = NewCommit::by(world.identity(someone)).lines(
        random.random_range(0..50),
        random.random_range(0..20),
        2,
    );
    match (
        random.random_range(0..9),
        pulls.choose(random),
        issues.choose(random),
    ) {
        (0 | 1, ..) => {
            world.push(repo, &default, vec![commit; random.random_range(1..4)]);
        }
        (2, ..) => {
            let branch = format!("topic-{}", random.random_range(0..u32::MAX));
            world.push(repo, &branch, vec![commit; 2]);
            world.open_pull(repo, NewPull::by(someone, &branch));
        }
        (3, Some(pull), _) => {
            world.merge_pull(repo, *pull, someone, MergeMethod::Merge);
        }
        (4, Some(pull), _) => {
            world.review(repo, *pull, someone, ReviewState::Approved, "");
        }
        (5, Some(pull), _) => {
            world.diff_comment(repo, *pull, someone, "Why?");
        }
        (6, Some(pull), _) => {
            world.comment(repo, *pull, someone, "Hm.");
        }
        (7, _, Some(issue)) if has_issues => {
            world.comment(repo, *issue, someone, "It does.");
            world.close(repo, *issue, someone);
        }
        _ if has_issues => {
            world.open_issue(repo, someone, "It leaks");
        }
        _ => {}
    }
}

/// What happens between two readings: history is rewritten, and a repository with a long past appears.
fn upset(world: &mut World, random: &mut ChaCha8Rng, round: u64) {
    let repos: Vec<u64> = world
        .repos()
        .filter(|repo| repo.default_history().len() > 4)
        .map(|repo| repo.id)
        .collect();
    if let Some(repo) = repos.choose(random) {
        let default = world
            .repo(*repo)
            .expect("it is there")
            .default_branch
            .clone();
        world.rewrite(*repo, &default, random.random_range(1..4));
    }
    if round % 6 == 3 {
        let org = world.account_named("acme").expect("the organisation").id;
        let repo = world.create_repo(org, &format!("late-{round}"));
        let by = world
            .accounts()
            .find(|account| !account.is_org())
            .expect("people")
            .id;
        let (by, now) = (world.identity(by), world.now());
        let past = (0..250)
            .map(|hour| NewCommit::by(by.clone()).at(now - SignedDuration::from_hours(400 - hour)));
        world.push(repo, "main", past.collect());
    }
}

#[test]
fn after_killed_scrapes_nothing_is_missing_nothing_is_double_and_no_claim_was_ever_false() {
    let mut random = ChaCha8Rng::seed_from_u64(20);
    let mut config = SimConfig {
        repos: 10,
        active: 3,
        users: 12,
        speed: 0.0,
        history: SignedDuration::from_hours(6 * 24),
        ..SimConfig::default()
    };
    // A process that is killed takes with it what it has spent, and a refusal would only make this slow.
    config.rules.limits.primary.user = 1_000_000;
    config.rules.limits.secondary.enforced = false;
    let github = GitHub::start(config);
    let place = Place::new();
    let (url, state) = (github.url(), place.argument("state.db"));
    let common = ["--api-url", url.as_str(), "--state", state.as_str()];
    let token = [
        ("GITHUB_TOKEN", "sim-token"),
        ("TIDEGATE_SCRAPE_HISTORY", "all"),
    ];

    let mut cut_short = 0;
    let (mut claimed, mut fetched) = (0, 0);
    for round in 0.. {
        if cut_short >= KILLS && claimed > 1_000 && fetched >= 6 {
            break;
        }
        let before = truth(&github.sim.truth());
        let began = github.sim.clock().now();
        let command: &[&str] = match round % 4 {
            3 => &[
                "run",
                "--org",
                "acme",
                "--interval",
                "5s",
                "--listen",
                "127.0.0.1:0",
            ],
            _ => &["scrape", "acme"],
        };
        let mut process = place.start(&[command, &common].concat(), &token);
        // Slow machines get as far as quick ones in the end.
        let patience = Duration::from_millis(random.random_range(10..800 + 15 * round));
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut random = ChaCha8Rng::seed_from_u64(1_000 + round);
                while !over.load(Ordering::Relaxed) {
                    live(&mut github.sim.world(), &mut random);
                    std::thread::sleep(Duration::from_millis(random.random_range(5..40)));
                }
            });
            // The one place where time is waited for: to be killed at any point is what the test is about.
            std::thread::sleep(patience);
            cut_short += u64::from(process.ended().is_none());
            process.kill();
            over.store(true, Ordering::Relaxed);
        });
        if let Some(records) = Records::look(&place.path("state.db"), "acme") {
            let claims = records.claims(&before, began);
            claimed += claims.len();
            fetched += u64::from(!claims.is_empty());
            let untrue: Vec<_> = claims.difference(&records.facts).collect();
            assert!(
                untrue.is_empty(),
                "round {round}, killed after {patience:?}: {untrue:#?}"
            );
        }
        upset(&mut github.sim.world(), &mut random, round);
    }
    let ended = place.run(&[&["scrape", "acme"] as &[&str], &common].concat(), &token);
    assert_eq!(
        (ended.code, ended.err.as_str()),
        (Some(0), ""),
        "{}",
        ended.out
    );
    let truth = github.sim.truth();
    let records = Records::look(&place.path("state.db"), "acme").expect("there is a state");
    let expected = records::truth(&truth);
    let missing: Vec<_> = expected.difference(&records.facts).collect();
    let false_ones: Vec<_> = records.facts.difference(&expected).collect();
    assert!(
        missing.is_empty() && false_ones.is_empty(),
        "missing: {missing:#?}\nfalse: {false_ones:#?}"
    );
    assert_eq!(
        records.count,
        records.facts.len(),
        "nothing is recorded twice"
    );
    assert_eq!(records.gaps, 0);

    // What a node shows of it: each fact once. Counters keep what history has lost, so commits are at least the truth.
    let run = ["run", "--org", "acme", "--listen", "127.0.0.1:0"];
    let mut node = place.start(&[&run as &[&str], &common].concat(), &token);
    let address = node.listening_on(1).remove(0);
    let summary = truth.summary();
    let metrics = until("the state is shown", 30, || {
        let metrics = Exposition::read(&get(&address, "/metrics"));
        (metrics.sum("gh_commits_total") > 0.0).then_some(metrics)
    });
    let shown = |name| metrics.sum(name) as u64;
    assert_eq!(shown("gh_reviews_submitted_total"), summary.reviews);
    assert_eq!(
        shown("gh_comments_total"),
        summary.comments.values().sum::<u64>()
    );
    assert_eq!(shown("gh_pull_requests_opened_total"), summary.pulls);
    assert_eq!(shown("gh_pull_requests_merged_total"), summary.merged);
    assert_eq!(shown("gh_issues_opened_total"), summary.issues);
    assert!(shown("gh_commits_total") >= summary.commits);
    node.signal(Signal::TERM);
    assert_eq!(node.wait().code, Some(0));
}
