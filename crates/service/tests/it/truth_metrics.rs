//! What `/metrics` shows are sums over the truth, and its windows are the truth's at every time.

use std::collections::BTreeMap;

use github_sim::SimConfig;
use github_sim::truth::{Truth, TruthRepo};
use jiff::{SignedDuration, Timestamp};

use crate::stage::{Play, Stage, Told, samples};

const DAY: SignedDuration = SignedDuration::from_hours(24);
const WEEK: SignedDuration = SignedDuration::from_hours(7 * 24);

type Sums = BTreeMap<String, f64>;

/// Every counted fact of the truth as (who, when, how much), per family and further label.
fn facts(repo: &TruthRepo, family: &str) -> Vec<(String, Timestamp, String, u64)> {
    let none = String::new;
    match family {
        "commits" => repo
            .commits
            .iter()
            .map(|it| (it.author.clone(), it.at, none(), 1))
            .collect(),
        "added" => repo
            .commits
            .iter()
            .map(|it| (it.author.clone(), it.at, none(), it.additions))
            .collect(),
        "removed" => repo
            .commits
            .iter()
            .map(|it| (it.author.clone(), it.at, none(), it.deletions))
            .collect(),
        "opened" => repo
            .pulls
            .iter()
            .map(|it| (it.author.clone(), it.created_at, none(), 1))
            .collect(),
        "merged" => repo
            .pulls
            .iter()
            .filter_map(|it| Some((it.author.clone(), it.merged_at?, none(), 1)))
            .collect(),
        "reviews" => repo
            .reviews
            .iter()
            .map(|it| {
                (
                    it.author.clone(),
                    it.at,
                    format!(",state=\"{}\"", it.state.to_lowercase()),
                    1,
                )
            })
            .collect(),
        "comments" => repo
            .comments
            .iter()
            .map(|it| (it.author.clone(), it.at, format!(",kind=\"{}\"", it.on), 1))
            .collect(),
        "issues opened" => repo
            .issues
            .iter()
            .map(|it| (it.author.clone(), it.created_at, none(), 1))
            .collect(),
        "issues closed" => repo
            .closes
            .iter()
            .filter(|it| it.item == "issue")
            .map(|it| (it.actor.clone(), it.at, none(), 1))
            .collect(),
        "closed" => repo
            .closes
            .iter()
            .filter(|it| it.item == "pull" && !it.merged)
            .map(|it| {
                let pull = repo.pulls.iter().find(|pull| pull.id == it.id).unwrap();
                (pull.author.clone(), it.at, none(), 1)
            })
            .collect(),
        other => panic!("no family {other}"),
    }
}

/// The sums over what happened in `(from, to]`.
fn sums(truth: &Truth, family: &str, from: Timestamp, to: Timestamp, with_label: bool) -> Sums {
    let mut sums = Sums::new();
    for repo in truth
        .repos
        .iter()
        .filter(|repo| !repo.archived && !repo.disabled)
    {
        for (user, at, label, amount) in facts(repo, family) {
            if at > from && at <= to {
                let label = if with_label { label } else { String::new() };
                let labels = format!(
                    "org=\"{}\",repo=\"{}\",user=\"{user}\"{label}",
                    repo.org, repo.name
                );
                *sums.entry(labels).or_default() += amount as f64;
            }
        }
    }
    sums.retain(|_, sum| *sum != 0.0);
    sums
}

fn nonzero(mut samples: Sums) -> Sums {
    samples.retain(|_, value| *value != 0.0);
    samples
}

async fn metrics(stage: &Stage) -> String {
    stage.node.publish().await;
    let (status, text) = stage.get("/metrics").await;
    assert_eq!(status, 200);
    text
}

#[track_caller]
fn equal(what: &str, shown: &Sums, true_: &Sums) {
    let wrong: Vec<_> = shown
        .iter()
        .filter(|(labels, value)| true_.get(*labels) != Some(value))
        .map(|(labels, value)| format!("shown {labels} {value}, true {:?}", true_.get(labels)))
        .chain(
            true_
                .iter()
                .filter(|(labels, value)| shown.get(*labels) != Some(value))
                .map(|(labels, value)| format!("true  {labels} {value}")),
        )
        .take(20)
        .collect();
    assert!(wrong.is_empty(), "{what}:\n{}", wrong.join("\n"));
}

const COUNTERS: &[(&str, &str)] = &[
    ("gh_commits_total", "commits"),
    ("gh_lines_added_total", "added"),
    ("gh_lines_removed_total", "removed"),
    ("gh_pull_requests_opened_total", "opened"),
    ("gh_pull_requests_merged_total", "merged"),
    ("gh_pull_requests_closed_total", "closed"),
    ("gh_reviews_submitted_total", "reviews"),
    ("gh_comments_total", "comments"),
    ("gh_issues_opened_total", "issues opened"),
    ("gh_issues_closed_total", "issues closed"),
];

#[tokio::test(start_paused = true)]
async fn the_counters_are_sums_over_the_truth() {
    let config = SimConfig {
        repos: 20,
        active: 6,
        speed: 0.0,
        ..SimConfig::default()
    };
    let mut stage = Stage::generated(config).await;
    let told = Told::to_measure(&["acme"]).key("scrape.history", &["all"]);
    stage.restart_told(told).await;
    Stage::whole(&stage.cycle().await);
    stage.assert_true().await;
    let (truth, text) = (stage.sim.truth(), metrics(&stage).await);
    for (name, family) in COUNTERS {
        let shown = nonzero(samples(&text, name));
        assert!(!shown.is_empty(), "{name}");
        let all = sums(&truth, family, Timestamp::MIN, Timestamp::MAX, true);
        equal(name, &shown, &all);
    }
    let open = |is_open: fn(&TruthRepo) -> usize| -> Sums {
        let repos = truth
            .repos
            .iter()
            .filter(|repo| !repo.archived && !repo.disabled);
        let open = repos.map(|repo| {
            (
                format!("org=\"{}\",repo=\"{}\"", repo.org, repo.name),
                is_open(repo) as f64,
            )
        });
        nonzero(open.collect())
    };
    let pulls = open(|repo| {
        repo.pulls
            .iter()
            .filter(|pull| pull.state == "OPEN")
            .count()
    });
    equal(
        "open pulls",
        &nonzero(samples(&text, "gh_pull_requests_open")),
        &pulls,
    );
    let issues = open(|repo| {
        repo.issues
            .iter()
            .filter(|issue| issue.closed_at.is_none())
            .count()
    });
    equal(
        "open issues",
        &nonzero(samples(&text, "gh_issues_open")),
        &issues,
    );

    let per_repo = |family: &str| -> Sums {
        let mut counts = Sums::new();
        for (labels, value) in sums(&truth, family, Timestamp::MIN, Timestamp::MAX, false) {
            let (repo, _) = labels.split_once(",user=").unwrap();
            *counts.entry(repo.to_owned()).or_default() += value;
        }
        counts
    };
    for name in [
        "gh_pull_request_time_to_merge_seconds_count",
        "gh_pull_request_size_lines_count",
    ] {
        equal(name, &nonzero(samples(&text, name)), &per_repo("merged"));
    }
    let mut seconds = Sums::new();
    for repo in truth
        .repos
        .iter()
        .filter(|repo| !repo.archived && !repo.disabled)
    {
        for pull in &repo.pulls {
            if let Some(merged) = pull.merged_at {
                let labels = format!("org=\"{}\",repo=\"{}\"", repo.org, repo.name);
                *seconds.entry(labels).or_default() +=
                    merged.duration_since(pull.created_at).as_secs() as f64;
            }
        }
    }
    equal(
        "seconds to merge",
        &samples(&text, "gh_pull_request_time_to_merge_seconds_sum"),
        &seconds,
    );
}

#[tokio::test(start_paused = true)]
async fn the_windows_are_exact_at_every_time_and_vanish_in_the_end() {
    let (mut stage, play) = Play::on_stage().await;
    Stage::whole(&stage.cycle().await);
    stage.script(|world| {
        let number = play.pull(world, "today", 2);
        world.review(
            play.repo,
            number,
            play.bob,
            github_sim::world::ReviewState::Approved,
            "",
        );
        world.comment(play.repo, number, play.bob, "Now.");
        world.merge_pull(
            play.repo,
            number,
            play.bob,
            github_sim::world::MergeMethod::Merge,
        );
    });
    let gauges = [
        ("gh_activity_commits_24h", "commits", DAY),
        ("gh_activity_prs_opened_24h", "opened", DAY),
        ("gh_activity_prs_merged_24h", "merged", DAY),
        ("gh_activity_reviews_submitted_24h", "reviews", DAY),
        ("gh_activity_loc_added_weekly", "added", WEEK),
        ("gh_activity_loc_removed_weekly", "removed", WEEK),
    ];
    let mut seen_zero = 0;
    for hour in 0..24 * 16 {
        if hour % 7 == 0 && hour < 100 {
            stage.script(|world| {
                play.push(world, "main", 1);
                let number = play.pull(world, &format!("h{hour}"), 1);
                world.comment(play.repo, number, play.ada, "Mine.");
                let issue = world.open_issue(play.repo, play.bob, "Hm");
                world.comment(play.repo, issue, play.ada, "Yes.");
            });
        }
        if hour % 3 == 0 {
            Stage::whole(&stage.cycle().await);
            stage.assert_true().await;
            let (truth, text) = (stage.sim.truth(), metrics(&stage).await);
            let as_of = samples(&text, "tidegate_snapshot_timestamp_seconds")[""];
            let now = Timestamp::from_second(as_of as i64).unwrap();
            for (name, family, span) in gauges {
                let shown = samples(&text, name);
                seen_zero += shown.values().filter(|value| **value == 0.0).count();
                equal(
                    &format!("{name} after {hour} h"),
                    &nonzero(shown),
                    &sums(&truth, family, now - span, now, false),
                );
            }
            let mut comments = truth.clone();
            for repo in &mut comments.repos {
                repo.comments.retain(|comment| comment.on != "diff");
            }
            equal(
                &format!("comments after {hour} h"),
                &nonzero(samples(&text, "gh_activity_issue_comments_24h")),
                &sums(&comments, "comments", now - DAY, now, false),
            );
        }
        stage.pass(SignedDuration::from_secs(3_600 - 7)).await;
    }
    assert!(seen_zero > 0, "a gauge falls to 0 before it vanishes");
    stage.pass(WEEK).await;
    Stage::whole(&stage.cycle().await);
    let text = metrics(&stage).await;
    for (name, _, _) in gauges {
        assert_eq!(samples(&text, name), Sums::new(), "{name}");
    }
    assert!(
        !samples(&text, "gh_commits_total").is_empty(),
        "counters stay"
    );
}

#[tokio::test(start_paused = true)]
async fn counters_never_fall_whatever_is_taken_back() {
    let (mut stage, play) = Play::on_stage().await;
    let mut random = crate::stage::random(77);
    let mut before = BTreeMap::new();
    for _ in 0..30 {
        for _ in 0..3 {
            stage.script(|world| {
                play.stir(world, &mut random);
                world.rename_repo(play.repo, "tide");
            });
            stage.seconds(200).await;
        }
        Stage::whole(&stage.cycle().await);
        let text = metrics(&stage).await;
        let mut now = BTreeMap::new();
        for (name, _) in COUNTERS {
            for (labels, value) in samples(&text, name) {
                now.insert(format!("{name}{{{labels}}}"), value);
            }
        }
        for (series, value) in &before {
            let later = now.get(series);
            assert!(
                later.is_some_and(|later| later >= value),
                "{series} {value} {later:?}"
            );
        }
        before = now;
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_that_starts_anew_shows_the_same_numbers() {
    let config = SimConfig {
        repos: 12,
        speed: 0.0,
        ..SimConfig::default()
    };
    let mut stage = Stage::generated(config).await;
    Stage::whole(&stage.cycle().await);
    let before = metrics(&stage).await;
    stage.restart().await;
    let after = metrics(&stage).await;
    for (name, _) in COUNTERS {
        equal(name, &samples(&after, name), &samples(&before, name));
    }
}
