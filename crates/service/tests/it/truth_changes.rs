//! However history is changed, and whenever it is looked at, what is recorded is the truth in the end, and no more is
//! claimed than was read.

use std::time::Duration;

use github_sim::fault::{Action, Matcher, Rule};
use github_sim::world::{MergeMethod, NewCommit, NewPull, ReviewState};
use jiff::SignedDuration;
use ledger::port::activity::CycleResult;
use rand::RngExt as _;

use crate::stage::{Play, Stage, Told, noon, random};

/// A cycle that has to read all, and the audit.
async fn read(stage: &mut Stage) {
    Stage::whole(&stage.cycle().await);
    stage.assert_true().await;
}

#[tokio::test(start_paused = true)]
async fn branches_that_were_written_long_ago_are_counted_when_they_are_merged() {
    let (mut stage, play) = Play::on_stage().await;
    read(&mut stage).await;
    for (days, method) in [
        (3, MergeMethod::Merge),
        (9, MergeMethod::Rebase),
        (20, MergeMethod::Squash),
        (40, MergeMethod::Merge),
    ] {
        stage.minutes(7).await;
        let branch = format!("old-{days}");
        let number = stage.script(|world| {
            let then = noon() - SignedDuration::from_hours(24 * days);
            play.push_dated(world, &branch, &[then; 3]);
            world.open_pull(play.repo, NewPull::by(play.ada, &branch))
        });
        read(&mut stage).await;
        stage.minutes(7).await;
        stage.script(|world| world.merge_pull(play.repo, number, play.bob, method));
        read(&mut stage).await;
    }
    stage.minutes(7).await;
    stage.script(|world| {
        let by = world.identity(play.ada);
        play.push_dated(
            world,
            "side",
            &[noon() - SignedDuration::from_hours(100); 130],
        );
        play.push(world, "main", 2);
        world.merge_branch(play.repo, "side", "main", by);
    });
    read(&mut stage).await;
}

#[tokio::test(start_paused = true)]
async fn commits_that_carry_dates_of_long_ago_hide_nothing_below_them() {
    for pages_above in [None, Some(1), Some(30)] {
        let (mut stage, play) = Play::on_stage().await;
        if let Some(first_above) = pages_above {
            let matcher = Matcher {
                first_above: Some(first_above),
                ..Matcher::operation("COMMITS")
            };
            stage
                .sim
                .faults()
                .add(Rule::always(Action::Status { code: 502 }).when(matcher));
        }
        stage.script(|world| {
            play.push(world, "main", 3);
            play.push_dated(
                world,
                "main",
                &[noon() - SignedDuration::from_hours(24 * 60); 3],
            );
            play.push(world, "main", 1);
            play.push_dated(
                world,
                "main",
                &[noon() - SignedDuration::from_hours(24 * 90); 40],
            );
        });
        read(&mut stage).await;
        stage.minutes(7).await;
        stage.script(|world| {
            play.push_dated(
                world,
                "main",
                &[noon() - SignedDuration::from_hours(24 * 70); 50],
            );
        });
        read(&mut stage).await;
    }
}

#[tokio::test(start_paused = true)]
async fn force_pushes_and_rebases_take_back_what_is_no_longer_reachable() {
    let (mut stage, play) = Play::on_stage().await;
    read(&mut stage).await;
    for count in [1, 3, 5] {
        stage.minutes(7).await;
        stage.script(|world| {
            play.push(world, "main", 2);
            world.rewrite(play.repo, "main", count);
        });
        read(&mut stage).await;
    }
    // Back to where it was, forwards again, and to a history of its own.
    let (old, new) = stage.script(|world| {
        let repo = world.repo(play.repo).unwrap();
        let history = repo.default_history();
        (history.commits()[2].oid, history.commits()[0].oid)
    });
    for tip in [old, new, old] {
        stage.minutes(7).await;
        stage.script(|world| world.force_push(play.repo, "main", tip));
        read(&mut stage).await;
    }
    stage.minutes(7).await;
    stage.script(|world| {
        let by = world.identity(play.bob);
        let root = world.write_commit(play.repo, &[], NewCommit::by(by));
        world.force_push(play.repo, "main", root);
    });
    read(&mut stage).await;
}

#[tokio::test(start_paused = true)]
async fn as_many_new_commits_as_were_dropped_are_told_apart() {
    let (mut stage, play) = Play::on_stage().await;
    read(&mut stage).await;
    stage.minutes(7).await;
    // The old head stays reachable through a merge while its former sibling goes.
    stage.script(|world| {
        let history = world.repo(play.repo).unwrap().default_history();
        let (head, base) = (history.commits()[0].oid, history.commits()[3].oid);
        world.create_branch(play.repo, "kept", head);
        world.force_push(play.repo, "main", base);
        play.push(world, "main", 3);
    });
    read(&mut stage).await;
    stage.minutes(7).await;
    stage.script(|world| {
        let by = world.identity(play.ada);
        world.merge_branch(play.repo, "kept", "main", by);
    });
    read(&mut stage).await;
}

#[tokio::test(start_paused = true)]
async fn another_default_branch_is_another_history() {
    let (mut stage, play) = Play::on_stage().await;
    read(&mut stage).await;
    stage.minutes(7).await;
    stage.script(|world| {
        play.push(world, "next", 4);
        let by = world.identity(play.bob);
        let root = world.write_commit(play.repo, &[], NewCommit::by(by));
        world.create_branch(play.repo, "pages", root);
        world.set_default_branch(play.repo, "next");
    });
    read(&mut stage).await;
    for branch in ["pages", "main", "next", "main"] {
        stage.minutes(7).await;
        stage.script(|world| world.set_default_branch(play.repo, branch));
        read(&mut stage).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_default_branch_that_is_gone_and_comes_back_is_followed() {
    let (mut stage, play) = Play::on_stage().await;
    read(&mut stage).await;
    let head = stage.script(|world| world.repo(play.repo).unwrap().head().unwrap());
    stage.minutes(7).await;
    stage.script(|world| world.delete_branch(play.repo, "main"));
    read(&mut stage).await;
    stage.minutes(7).await;
    stage.script(|world| {
        world.create_branch(play.repo, "main", head);
        play.push(world, "main", 1);
    });
    read(&mut stage).await;
}

#[tokio::test(start_paused = true)]
async fn several_things_within_one_second_are_all_counted() {
    let (mut stage, play) = Play::on_stage().await;
    read(&mut stage).await;
    stage.minutes(7).await;
    let number = stage.script(|world| {
        let number = play.pull(world, "quick", 1);
        world.review(
            play.repo,
            number,
            play.bob,
            ReviewState::ChangesRequested,
            "",
        );
        number
    });
    read(&mut stage).await;
    // No time passes in between: what follows carries the same second.
    stage.script(|world| {
        let review = *world
            .repo(play.repo)
            .unwrap()
            .reviews
            .keys()
            .last()
            .unwrap();
        world.dismiss_review(play.repo, review, play.ada);
        world.review(play.repo, number, play.bob, ReviewState::Approved, "");
        world.comment(play.repo, number, play.ada, "Thanks.");
        world.comment(play.repo, number, play.bob, "Welcome.");
        world.diff_comment(play.repo, number, play.bob, "Nit.");
    });
    read(&mut stage).await;
    stage.script(|world| world.comment(play.repo, number, play.bob, "And one more."));
    read(&mut stage).await;
    stage.script(|world| {
        world.close(play.repo, number, play.ada);
        world.reopen(play.repo, number, play.ada);
    });
    stage.seconds(1).await;
    stage.script(|world| {
        world.merge_pull(play.repo, number, play.bob, MergeMethod::Squash);
        for _ in 0..3 {
            let issue = world.open_issue(play.repo, play.bob, "Now");
            world.close(play.repo, issue, play.bob);
        }
    });
    read(&mut stage).await;
    stage.minutes(7).await;
    read(&mut stage).await;
}

#[tokio::test(start_paused = true)]
async fn what_happens_right_after_a_cycle_has_looked_is_found_by_the_next_one() {
    let (mut stage, play) = Play::on_stage().await;
    read(&mut stage).await;
    for n in 0..12 {
        let number = stage.script(|world| {
            let issue = world.open_issue(play.repo, play.bob, "Now");
            play.pull(world, &format!("b{n}"), 1);
            issue
        });
        read(&mut stage).await;
        stage.script(|world| world.comment(play.repo, number, play.ada, "Same second."));
        stage.seconds(n * 13).await;
        read(&mut stage).await;
    }
}

#[tokio::test(start_paused = true)]
async fn edits_that_move_nothing_change_nothing_and_deletions_take_nothing_back() {
    let (mut stage, play) = Play::on_stage().await;
    read(&mut stage).await;
    stage.minutes(7).await;
    stage.script(|world| {
        let repo = world.repo(play.repo).unwrap();
        let (number, comment) = (
            *repo.pulls.keys().last().unwrap(),
            *repo.comments.keys().next().unwrap(),
        );
        let (diff, issue) = (
            *repo.diff_comments.keys().next().unwrap(),
            *repo.issues.keys().next().unwrap(),
        );
        world.edit_quietly(play.repo, number, "Other words");
        world.delete_comment(play.repo, comment);
        world.delete_diff_comment(play.repo, diff);
        world.delete_issue(play.repo, issue);
    });
    read(&mut stage).await;
    stage.minutes(60 * 25).await;
    read(&mut stage).await;
}

#[tokio::test(start_paused = true)]
async fn reading_again_changes_no_number() {
    let (mut stage, play) = Play::on_stage().await;
    read(&mut stage).await;
    stage.minutes(7).await;
    stage.script(|world| {
        play.pull(world, "more", 2);
        play.push(world, "main", 2);
    });
    read(&mut stage).await;
    for _ in 0..3 {
        let cycles = stage.cycle().await;
        assert_eq!(
            cycles[0].report.recorded,
            ledger::port::activity::Recorded::default()
        );
    }
    stage.restart().await;
    for minutes in [0, 1, 60 * 19, 60 * 25] {
        stage.minutes(minutes).await;
        let cycles = stage.cycle().await;
        assert_eq!(
            cycles[0].report.recorded,
            ledger::port::activity::Recorded::default()
        );
        stage.assert_true().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_that_was_away_for_days_has_missed_nothing() {
    let (mut stage, play) = Play::on_stage().await;
    read(&mut stage).await;
    for day in 0..4 {
        stage.minutes(60 * 24).await;
        stage.script(|world| {
            let number = play.pull(world, &format!("day-{day}"), 2);
            world.comment(play.repo, number, play.bob, "Good.");
            world.merge_pull(play.repo, number, play.bob, MergeMethod::Merge);
            let issue = world.open_issue(play.repo, play.bob, "Hm");
            world.close(play.repo, issue, play.bob);
        });
    }
    stage.minutes(60 * 24).await;
    stage.restart().await;
    read(&mut stage).await;
}

/// Answers from a copy that is as old as the rule.
fn stale(operation: &str) -> Rule {
    let matcher = match operation {
        "REST" => Matcher::path("/repos/*"),
        name => Matcher::operation(name),
    };
    Rule::always(Action::Stale).when(matcher)
}

#[tokio::test(start_paused = true)]
async fn a_lagging_copy_delays_and_loses_nothing() {
    for (seed, which) in ["PROBE", "COMMITS", "PULLS", "ISSUES", "REST", "*"]
        .into_iter()
        .enumerate()
    {
        let (mut stage, play) = Play::on_stage().await;
        read(&mut stage).await;
        let mut random = random(seed as u64);
        for round in 0..12 {
            stage.seconds(random.random_range(30..400)).await;
            let rule = match which {
                "*" => Rule::always(Action::Stale),
                which => stale(which),
            };
            stage.sim.faults().add(rule);
            // Copies lag by less than two minutes; coverage relies on it.
            for _ in 0..random.random_range(1..6) {
                stage.script(|world| play.stir(world, &mut random));
                stage.seconds(random.random_range(0..20)).await;
            }
            let cycles = stage.cycle().await;
            assert_ne!(cycles[0].report.result, CycleResult::Failure);
            stage.assert_honest().await;
            if round % 3 != 0 {
                stage.sim.faults().clear();
                stage.seconds(random.random_range(0..100)).await;
            } else {
                stage.sim.faults().clear();
            }
            Stage::whole(&stage.cycle().await);
            let diff = stage.audit().await;
            assert!(diff.is_empty(), "{which}, round {round}: {diff}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_happens_in_whatever_order_the_records_are_the_truth() {
    for seed in 0..40 {
        let (mut stage, play) = Play::on_stage().await;
        let mut random = random(seed);
        for _ in 0..12 {
            for _ in 0..random.random_range(0..8) {
                stage.script(|world| play.stir(world, &mut random));
                let span = [0, 0, 1, 30, 200, 4_000][random.random_range(0..6)];
                stage.seconds(span).await;
            }
            Stage::whole(&stage.cycle().await);
            let diff = stage.audit().await;
            assert!(diff.is_empty(), "seed {seed}: {diff}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_cycle_may_be_broken_off_anywhere_and_the_next_one_goes_on() {
    for seed in 100..130 {
        let (mut stage, play) = Play::on_stage().await;
        let mut random = random(seed);
        for _ in 0..8 {
            for _ in 0..random.random_range(0..6) {
                stage.script(|world| play.stir(world, &mut random));
                stage
                    .seconds([0, 1, 30, 200, 4_000][random.random_range(0..5)])
                    .await;
            }
            let after = Duration::from_millis(random.random_range(0..80));
            stage.broken_cycle(after).await;
            let diff = stage.audit().await;
            assert!(diff.overclaims.is_empty(), "seed {seed}: {diff}");
            if random.random_bool(0.3) {
                stage.restart().await;
            }
            if random.random_bool(0.4) {
                Stage::whole(&stage.cycle().await);
                let diff = stage.audit().await;
                assert!(diff.is_empty(), "seed {seed}: {diff}");
            }
        }
        Stage::whole(&stage.cycle().await);
        let diff = stage.audit().await;
        assert!(diff.is_empty(), "seed {seed}: {diff}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_long_history_that_is_broken_off_again_and_again_is_whole_in_the_end() {
    let (mut world, play) = Play::world();
    play.push(&mut world, "main", 5_000);
    let told = Told::to_measure(&["acme"]).key("scrape.history", &["all"]);
    let mut stage = Stage::of(world, told).await.without_memory();
    for n in 0..6 {
        stage.broken_cycle(Duration::from_millis(60 * n)).await;
        stage.assert_honest().await;
        stage.restart().await;
    }
    read(&mut stage).await;
}

#[tokio::test(start_paused = true)]
async fn things_that_move_while_a_long_list_is_read_are_not_claimed_before_they_are_read() {
    for seed in 0..6 {
        let (mut world, play) = Play::world();
        for _ in 0..250 {
            let issue = world.open_issue(play.repo, play.ada, "Many");
            world.comment(play.repo, issue, play.bob, "Hm.");
        }
        let mut stage = Stage::of(world, Told::to_measure(&["acme"])).await;
        // All of that is old enough to be claimed.
        stage.minutes(10).await;
        let mut random = random(seed);
        let sim = stage.sim.clone();
        // Somebody comments on old issues all the while.
        let restless = tokio::spawn(async move {
            loop {
                tokio::time::sleep(Duration::from_millis(random.random_range(1..6))).await;
                let mut world = sim.world();
                let repo = world.repo(play.repo).unwrap();
                let numbers: Vec<u64> = repo.issues.keys().copied().collect();
                let comments: Vec<u64> = repo.comments.keys().copied().collect();
                let number = numbers[random.random_range(0..numbers.len())];
                let comment = comments[random.random_range(0..comments.len())];
                match random.random_range(0..3) {
                    0 => drop(world.comment(play.repo, number, play.bob, "Again.")),
                    1 => world.edit_comment(play.repo, comment, "Better."),
                    _ => world.retitle(play.repo, number, "Other"),
                }
            }
        });
        stage.cycle().await;
        restless.abort();
        let _ = restless.await;
        let diff = stage.audit().await;
        assert!(diff.overclaims.is_empty(), "seed {seed}: {diff}");
        read(&mut stage).await;
    }
}
