//! What scripted changes leave behind is what GitHub would show.

use std::collections::BTreeSet;

use github_sim::World;
use github_sim::truth::Truth;
use github_sim::world::{Found, Identity, MergeMethod, NewCommit, NewPull, ReviewState};
use jiff::{SignedDuration, Timestamp};

/// A repository with three commits on `main`, and two people.
pub(crate) struct Scene {
    pub(crate) world: World,
    pub(crate) org: u64,
    pub(crate) ada: u64,
    pub(crate) bob: u64,
    pub(crate) repo: u64,
}

impl Scene {
    pub(crate) fn new() -> Scene {
        let mut world = World::empty(1, "2026-03-02T09:00:00Z".parse().unwrap());
        let (org, ada, bob) = (
            world.add_org("acme"),
            world.add_user("ada"),
            world.add_user("bob"),
        );
        let repo = world.create_repo(org, "tide");
        let mut scene = Scene {
            world,
            org,
            ada,
            bob,
            repo,
        };
        scene.push("main", 3);
        scene
    }

    /// So many commits of Ada's, one a minute.
    pub(crate) fn push(&mut self, branch: &str, count: usize) {
        for _ in 0..count {
            self.pass(60);
            let commit = NewCommit::by(self.world.identity(self.ada)).lines(10, 4, 2);
            self.world.push(self.repo, branch, vec![commit]);
        }
    }

    pub(crate) fn pass(&mut self, seconds: i64) -> Timestamp {
        self.world
            .advance(self.world.now() + SignedDuration::from_secs(seconds));
        self.world.now()
    }

    pub(crate) fn pull(&mut self, branch: &str, commits: usize) -> u64 {
        self.push(branch, commits);
        self.world
            .open_pull(self.repo, NewPull::by(self.ada, branch))
    }

    fn on_main(&self) -> usize {
        self.world.repo(self.repo).unwrap().default_history().len()
    }

    pub(crate) fn truth(&self) -> Truth {
        Truth::of(&self.world)
    }
}

#[test]
fn each_way_of_merging_adds_its_own_commits() {
    for (method, added) in [
        (MergeMethod::Merge, 4),
        (MergeMethod::Squash, 1),
        (MergeMethod::Rebase, 3),
    ] {
        let mut scene = Scene::new();
        let number = scene.pull("topic", 3);
        scene.push("main", 1);
        let before = scene.on_main();
        let tip = scene
            .world
            .merge_pull(scene.repo, number, scene.bob, method);
        assert_eq!(scene.on_main() - before, added, "{method:?}");
        let truth = scene.truth();
        let (repo, pull) = (&truth.repos[0], &truth.repos[0].pulls[0]);
        assert_eq!(repo.head, Some(tip.to_string()));
        assert_eq!(
            (pull.state, pull.merged_by.as_deref()),
            ("MERGED", Some("bob"))
        );
        assert_eq!((pull.additions, pull.deletions), (30, 12));
        assert!(repo.closes[0].merged && repo.closes.len() == 1);
        // However it was merged, the lines are counted once.
        assert_eq!(truth.summary().additions, 10 * (3 + 1 + 3), "{method:?}");
        assert!(!truth.summary().authors.contains_key("web-flow"));
    }
}

#[test]
fn a_branch_written_long_ago_brings_old_commits_behind_any_watermark() {
    let mut scene = Scene::new();
    let branched = scene.world.now();
    scene.push("old", 2);
    scene.pass(90 * 86_400);
    scene.push("main", 2);
    let watermark = scene.pass(3_600);
    let bob = scene.world.identity(scene.bob);
    let merge = scene.world.merge_branch(scene.repo, "old", "main", bob);
    let truth = scene.truth();
    let commits = &truth.repos[0].commits;
    assert_eq!(commits[0].oid, merge.to_string());
    assert_eq!(commits[0].additions, 0, "a merge repeats its branch");
    let old = commits
        .iter()
        .filter(|commit| commit.at > branched && commit.at < watermark);
    assert_eq!(old.count(), 4);
    assert_eq!(commits.len(), 3 + 2 + 2 + 1);
}

#[test]
fn a_force_push_takes_commits_out_of_the_history_and_a_rewrite_gives_them_new_ids() {
    let mut scene = Scene::new();
    let before: BTreeSet<String> = scene.truth().repos[0]
        .commits
        .iter()
        .map(|commit| commit.oid.clone())
        .collect();
    scene.world.rewrite(scene.repo, "main", 2);
    let after: BTreeSet<String> = scene.truth().repos[0]
        .commits
        .iter()
        .map(|commit| commit.oid.clone())
        .collect();
    assert_eq!((after.len(), after.intersection(&before).count()), (3, 1));
    let root = scene
        .world
        .repo(scene.repo)
        .unwrap()
        .default_history()
        .commits()[2]
        .oid;
    scene.world.force_push(scene.repo, "main", root);
    assert_eq!(scene.on_main(), 1);
}

#[test]
fn another_default_branch_is_another_history() {
    let mut scene = Scene::new();
    scene.push("next", 4);
    scene.world.set_default_branch(scene.repo, "next");
    assert_eq!(
        (
            scene.on_main(),
            scene.truth().repos[0].default_branch.as_str()
        ),
        (7, "next")
    );
}

#[test]
fn a_pull_follows_its_branch() {
    let mut scene = Scene::new();
    let number = scene.pull("topic", 1);
    scene.push("topic", 2);
    let pushed = scene.world.now();
    let pull = &scene.world.repo(scene.repo).unwrap().pulls[&number];
    assert_eq!(
        (pull.commits.len(), pull.additions, pull.issue.updated_at),
        (3, 30, pushed)
    );
    scene.world.rewrite(scene.repo, "topic", 1);
    let pull = &scene.world.repo(scene.repo).unwrap().pulls[&number];
    assert_eq!(pull.commits.len(), 3);
    assert_eq!(
        pull.issue.timeline.last().unwrap().type_name(),
        "HeadRefForcePushedEvent"
    );
}

#[test]
fn a_pull_closes_opens_again_and_keeps_every_close() {
    let mut scene = Scene::new();
    let number = scene.pull("topic", 1);
    for _ in 0..2 {
        scene.pass(600);
        scene.world.close(scene.repo, number, scene.bob);
        scene.pass(600);
        scene.world.reopen(scene.repo, number, scene.ada);
    }
    let truth = scene.truth();
    assert_eq!(truth.repos[0].pulls[0].state, "OPEN");
    let closes: Vec<&str> = truth.repos[0]
        .closes
        .iter()
        .map(|close| close.actor.as_str())
        .collect();
    assert_eq!(closes, ["bob", "bob"]);
    scene
        .world
        .merge_pull(scene.repo, number, scene.bob, MergeMethod::Squash);
    assert_eq!(scene.truth().summary().closes.get("pull"), Some(&2));
}

#[test]
fn a_draft_is_ready_from_its_last_ready_event_on() {
    let mut scene = Scene::new();
    scene.push("topic", 1);
    let number = scene
        .world
        .open_pull(scene.repo, NewPull::by(scene.ada, "topic").draft());
    let mut ready = scene.pass(600);
    for _ in 0..2 {
        ready = scene.pass(600);
        scene.world.ready_pull(scene.repo, number, scene.ada);
        scene.pass(600);
        scene.world.draft_pull(scene.repo, number, scene.ada);
    }
    let pull = scene.truth().repos[0].pulls[0].clone();
    assert_eq!((pull.draft, pull.ready_at), (true, Some(ready)));
}

#[test]
fn a_dismissed_review_stays_with_another_state() {
    let mut scene = Scene::new();
    let number = scene.pull("topic", 1);
    let review = scene.world.review(
        scene.repo,
        number,
        scene.bob,
        ReviewState::ChangesRequested,
        "No.",
    );
    let submitted = scene.world.now();
    let dismissed = scene.pass(600);
    scene.world.dismiss_review(scene.repo, review, scene.ada);
    let review = &scene.world.repo(scene.repo).unwrap().reviews[&review];
    assert_eq!(
        (review.state, review.submitted_at, review.updated_at),
        (ReviewState::Dismissed, submitted, dismissed)
    );
}

#[test]
fn a_diff_comment_always_belongs_to_a_review() {
    let mut scene = Scene::new();
    let number = scene.pull("topic", 1);
    let first = scene
        .world
        .diff_comment(scene.repo, number, scene.bob, "Why?");
    let reply = scene.world.reply(scene.repo, first, scene.ada, "Why not?");
    let repo = scene.world.repo(scene.repo).unwrap();
    let states: Vec<ReviewState> = repo.reviews_of(number).map(|review| review.state).collect();
    assert_eq!(states, [ReviewState::Commented, ReviewState::Commented]);
    assert_eq!(repo.diff_comments[&reply].in_reply_to, Some(first));
}

#[test]
fn an_edit_moves_times_and_a_quiet_one_or_a_deletion_moves_none() {
    let mut scene = Scene::new();
    let number = scene.world.open_issue(scene.repo, scene.ada, "It is wet");
    let comment = scene
        .world
        .comment(scene.repo, number, scene.bob, "It is the tide.");
    let edited = scene.pass(600);
    scene
        .world
        .edit_comment(scene.repo, comment, "It is the sea.");
    let repo = scene.world.repo(scene.repo).unwrap();
    assert_eq!(
        (
            repo.comments[&comment].updated_at,
            repo.issues[&number].updated_at
        ),
        (edited, edited)
    );
    scene.pass(600);
    scene.world.edit_quietly(scene.repo, number, "Very.");
    scene.world.delete_comment(scene.repo, comment);
    assert_eq!(
        scene.world.repo(scene.repo).unwrap().issues[&number].updated_at,
        edited
    );
    let truth = scene.truth();
    assert_eq!(
        (
            truth.repos[0].comments.len(),
            truth.repos[0].deleted_comments.len()
        ),
        (0, 1)
    );
}

#[test]
fn a_name_that_a_repository_had_redirects_until_it_is_taken() {
    let mut scene = Scene::new();
    let (repo, other) = (scene.repo, scene.world.add_org("umbrella"));
    scene.world.rename_repo(repo, "sea");
    scene.world.transfer_repo(repo, other);
    for name in [("acme", "Tide"), ("acme", "sea")] {
        assert!(
            matches!(scene.world.find_repo(name.0, name.1), Some(Found::Moved(found)) if found.id == repo)
        );
    }
    assert!(
        matches!(scene.world.find_repo("Umbrella", "SEA"), Some(Found::Here(found)) if found.id == repo)
    );
    let new = scene.world.create_repo(scene.org, "tide");
    assert!(
        matches!(scene.world.find_repo("acme", "tide"), Some(Found::Here(found)) if found.id == new)
    );
    scene.world.delete_repo(repo);
    assert!(scene.world.find_repo("acme", "sea").is_none());
}

#[test]
fn whoever_is_gone_is_a_ghost_and_leaves_commits_unlinked() {
    let mut scene = Scene::new();
    let number = scene.pull("topic", 1);
    scene.world.comment(scene.repo, number, scene.ada, "Mine.");
    scene.world.delete_account(scene.ada);
    let truth = scene.truth();
    assert_eq!(truth.repos[0].pulls[0].author, "ghost");
    assert_eq!(truth.repos[0].comments[0].author, "ghost");
    assert!(
        truth.repos[0]
            .commits
            .iter()
            .all(|commit| commit.author == "unlinked")
    );
}

#[test]
fn a_commit_counts_for_its_author_then_its_committer_then_a_noreply_login() {
    let mut scene = Scene::new();
    let bot = scene.world.add_bot("dependabot");
    let (ada, web_flow) = (
        scene.world.identity(scene.ada),
        scene.world.account_named("web-flow").unwrap().id,
    );
    let (bot, web_flow) = (scene.world.identity(bot), scene.world.identity(web_flow));
    let stranger = |email: &str| Identity::stranger("Some One", email);
    let commits = [
        (
            NewCommit::by(ada.clone()).committed_by(web_flow.clone()),
            "ada",
        ),
        (
            NewCommit::by(bot).committed_by(web_flow.clone()),
            "dependabot[bot]",
        ),
        (
            NewCommit::by(stranger("x@example.net")).committed_by(ada),
            "ada",
        ),
        (
            NewCommit::by(stranger("7+eve@users.noreply.github.com"))
                .committed_by(web_flow.clone()),
            "eve",
        ),
        (
            NewCommit::by(stranger("x@example.net")).committed_by(web_flow.clone()),
            "unlinked",
        ),
        (NewCommit::by(web_flow), "unlinked"),
        (NewCommit::by(Identity::stranger("", "")), "unattributed"),
    ];
    for (commit, wanted) in commits {
        scene.world.push(scene.repo, "main", vec![commit]);
        let truth = scene.truth();
        let newest = truth.repos[0].head.as_ref().unwrap();
        let commit = truth.repos[0]
            .commits
            .iter()
            .find(|commit| commit.oid == *newest)
            .unwrap();
        assert_eq!(commit.author, wanted);
    }
}

#[test]
fn several_things_within_a_second_have_one_time_and_ids_of_their_own() {
    let mut scene = Scene::new();
    let number = scene.pull("topic", 1);
    let now = scene.pass(600);
    let ids: BTreeSet<u64> = (0..5)
        .map(|_| scene.world.comment(scene.repo, number, scene.bob, "Again."))
        .collect();
    scene.world.close(scene.repo, number, scene.bob);
    scene.world.reopen(scene.repo, number, scene.bob);
    let pull = &scene.world.repo(scene.repo).unwrap().pulls[&number];
    assert_eq!(
        (
            ids.len(),
            pull.issue.updated_at,
            pull.issue.created_at < now
        ),
        (5, now, true)
    );
}
