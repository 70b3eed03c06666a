//! Under random scripts the truth agrees with itself.

use std::collections::BTreeSet;

use github_sim::world::{MergeMethod, ReviewState};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::script::Scene;

/// One change at random, whatever comes of it.
fn stir(scene: &mut Scene, random: &mut ChaCha8Rng) {
    let (repo, ada, bob) = (scene.repo, scene.ada, scene.bob);
    let pulls: Vec<(u64, bool, bool)> = {
        let repo = scene.world.repo(repo).unwrap();
        repo.pulls
            .values()
            .map(|pull| (pull.number(), pull.is_open(), pull.merged.is_some()))
            .collect()
    };
    let open: Vec<u64> = pulls
        .iter()
        .filter(|pull| pull.1)
        .map(|pull| pull.0)
        .collect();
    let some = |random: &mut ChaCha8Rng, of: &[u64]| {
        (!of.is_empty()).then(|| of[random.random_range(0..of.len())])
    };
    scene.pass([0, 1, 3_600][random.random_range(0..3)]);
    match random.random_range(0..11) {
        0 | 1 => scene.push("main", 1),
        2 => {
            let branch = format!("topic-{}", random.random_range(0..1_000_000));
            scene.pull(&branch, 2);
        }
        3 => {
            if let Some(number) = some(random, &open) {
                let methods = [MergeMethod::Merge, MergeMethod::Squash, MergeMethod::Rebase];
                scene
                    .world
                    .merge_pull(repo, number, bob, methods[random.random_range(0..3)]);
            }
        }
        4 => {
            if let Some(number) = some(random, &open) {
                scene.world.close(repo, number, bob);
            }
        }
        5 => {
            let closed: Vec<u64> = pulls
                .iter()
                .filter(|pull| !pull.1 && !pull.2)
                .map(|pull| pull.0)
                .collect();
            if let Some(number) = some(random, &closed) {
                scene.world.reopen(repo, number, ada);
            }
        }
        6 => {
            if let Some(number) = some(random, &open) {
                scene
                    .world
                    .review(repo, number, bob, ReviewState::Approved, "");
                scene.world.diff_comment(repo, number, bob, "Hm.");
            }
        }
        7 => {
            let number = scene.world.open_issue(repo, ada, "One more");
            scene.world.comment(repo, number, bob, "Oh.");
            scene.world.close(repo, number, bob);
        }
        8 => {
            let length = scene.world.repo(repo).unwrap().default_history().len();
            if length > 4 {
                scene.world.rewrite(repo, "main", 1);
            }
        }
        9 => {
            let comments: Vec<u64> = scene
                .world
                .repo(repo)
                .unwrap()
                .comments
                .keys()
                .copied()
                .collect();
            if let Some(comment) = some(random, &comments) {
                scene.world.delete_comment(repo, comment);
            }
        }
        _ => {
            let name = format!("tide-{}", random.random_range(0..1_000_000));
            scene.world.rename_repo(repo, &name);
        }
    }
}

#[test]
fn whatever_happens_the_truth_agrees_with_itself() {
    for seed in 0..20 {
        let mut scene = Scene::new();
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut opened = (0, 0);
        for _ in 0..150 {
            stir(&mut scene, &mut random);
            let truth = scene.truth();
            let (repo, summary) = (&truth.repos[0], truth.summary());
            // What was opened stays, and is in exactly one state.
            assert!(repo.pulls.len() >= opened.0 && repo.issues.len() >= opened.1);
            opened = (repo.pulls.len(), repo.issues.len());
            let closed = repo
                .pulls
                .iter()
                .filter(|pull| pull.state == "CLOSED")
                .count() as u64;
            assert_eq!(summary.pulls, summary.open_pulls + summary.merged + closed);
            // Whatever is closed was closed: the last close of its timeline is the time it shows.
            for pull in repo.pulls.iter().filter(|pull| pull.state != "OPEN") {
                let last = repo
                    .closes
                    .iter()
                    .rfind(|close| close.item == "pull" && close.number == pull.number);
                assert_eq!(last.map(|close| close.at), pull.closed_at);
            }
            // Everything is reachable exactly once, and every total is the sum of its parts.
            let oids: BTreeSet<&String> = repo.commits.iter().map(|commit| &commit.oid).collect();
            assert_eq!(oids.len(), repo.commits.len());
            assert_eq!(
                repo.head.as_ref().map(|head| oids.contains(head)),
                Some(true)
            );
            assert_eq!(
                summary.additions,
                repo.commits
                    .iter()
                    .map(|commit| commit.additions)
                    .sum::<u64>()
            );
            let by_author: u64 = summary.authors.values().map(|author| author.commits).sum();
            assert_eq!(summary.commits, by_author);
            // Every comment stands on something of its kind, and nothing is later than now.
            for comment in &repo.comments {
                let on_issue = repo
                    .issues
                    .iter()
                    .any(|issue| issue.number == comment.number);
                assert_eq!(on_issue, comment.on == "issue");
                assert!(comment.at <= truth.now);
            }
        }
    }
}
