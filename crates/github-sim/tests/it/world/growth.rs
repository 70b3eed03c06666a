//! What follows from a seed, and how much happens by itself.

use std::collections::BTreeSet;

use github_sim::truth::Truth;
use github_sim::{SimConfig, World};
use jiff::{SignedDuration, Timestamp};

fn start() -> Timestamp {
    "2026-03-02T09:00:00Z".parse().expect("a timestamp")
}

fn config() -> SimConfig {
    SimConfig {
        repos: 40,
        active: 3,
        users: 30,
        orgs: vec!["acme".into(), "umbrella".into()],
        ..SimConfig::default()
    }
}

fn hours(hours: i64) -> SignedDuration {
    SignedDuration::from_hours(hours)
}

#[test]
fn the_same_seed_makes_the_same_world_in_however_many_steps() {
    let mut at_once = World::generate(&config(), start());
    let mut in_steps = World::generate(&config(), start());
    at_once.advance(start() + hours(48));
    for minute in (0..=48 * 60).step_by(7) {
        in_steps.advance(start() + SignedDuration::from_mins(minute));
    }
    in_steps.advance(start() + hours(48));
    assert_eq!(Truth::of(&at_once), Truth::of(&in_steps));
}

#[test]
fn another_seed_makes_another_world() {
    let one = World::generate(&config(), start());
    let other = World::generate(
        &SimConfig {
            seed: 2,
            ..config()
        },
        start(),
    );
    assert_ne!(Truth::of(&one).summary(), Truth::of(&other).summary());
}

#[test]
fn an_active_repository_has_sixty_commits_fifteen_touched_pulls_and_forty_comments_a_day() {
    const DAYS: i64 = 20;
    let mut world = World::generate(
        &SimConfig {
            repos: 5,
            active: 5,
            ..config()
        },
        start(),
    );
    let (mut commits, mut touched, mut comments) = (0, 0, 0);
    for day in 0..DAYS {
        let from = start() + hours(24 * day);
        world.advance(from + hours(24));
        for repo in world.repos() {
            touched += repo
                .pulls
                .values()
                .filter(|pull| pull.issue.updated_at > from)
                .count();
        }
    }
    let earliest = start();
    for repo in Truth::of(&world).repos {
        comments += repo
            .comments
            .iter()
            .filter(|comment| comment.at > earliest)
            .count();
    }
    for repo in world.repos() {
        let before = World::generate(
            &SimConfig {
                repos: 5,
                active: 5,
                ..config()
            },
            start(),
        );
        let before = before
            .repo(repo.id)
            .expect("the same repository")
            .default_history();
        commits += repo.default_history().len() - before.len();
    }
    let per_day = |count: usize| count as f64 / 5.0 / DAYS as f64;
    let near = |value: f64, wanted: f64| (value - wanted).abs() < wanted * 0.15;
    let (commits, touched, comments) = (per_day(commits), per_day(touched), per_day(comments));
    assert!(
        near(commits, 60.0) && near(touched, 15.0) && near(comments, 40.0),
        "per day: {commits} commits, {touched} touched pulls, {comments} comments"
    );
}

#[test]
fn twice_the_speed_is_twice_as_much() {
    let of = |speed: f64| {
        let mut world = World::generate(&SimConfig { speed, ..config() }, start());
        let before = Truth::of(&world).summary().commits;
        world.advance(start() + hours(24 * 4));
        (Truth::of(&world).summary().commits - before) as f64
    };
    let (once, twice, never) = (of(1.0), of(2.0), of(0.0));
    assert!((1.7..2.3).contains(&(twice / once)), "{once} and {twice}");
    assert!(never.abs() < f64::EPSILON);
}

#[test]
fn quiet_repositories_have_a_past_and_no_present() {
    let mut world = World::generate(&config(), start());
    let active: BTreeSet<u64> = world.repos().take(3).map(|repo| repo.id).collect();
    world.advance(start() + hours(24));
    for repo in world.repos() {
        assert_eq!(
            active.contains(&repo.id),
            repo.pushed_at > start(),
            "{}",
            repo.name
        );
    }
    let with_a_past = world.repos().filter(|repo| !repo.is_empty()).count();
    assert!(with_a_past > 35, "{with_a_past} of 40");
}

#[test]
fn everything_happens_at_its_own_time_and_in_whole_seconds() {
    let mut world = World::generate(&config(), start());
    let now = start() + hours(24);
    world.advance(now);
    for repo in Truth::of(&world).repos {
        let times = (repo.commits.iter().map(|commit| commit.at))
            .chain(repo.reviews.iter().map(|review| review.at))
            .chain(repo.comments.iter().map(|comment| comment.at))
            .chain(repo.closes.iter().map(|close| close.at))
            .chain(repo.pulls.iter().map(|pull| pull.created_at));
        for at in times {
            assert!(
                at <= now && at.subsec_nanosecond() == 0,
                "{at} in {}",
                repo.name
            );
        }
    }
}

#[test]
fn every_kind_of_thing_occurs() {
    let world = World::generate(
        &SimConfig {
            repos: 300,
            active: 3,
            ..config()
        },
        start(),
    );
    let summary = Truth::of(&world).summary();
    for author in ["dependabot[bot]", "unlinked", "contractor-1"] {
        assert!(
            summary.authors.contains_key(author),
            "{author} among {:?}",
            summary.authors.keys()
        );
    }
    let some = |what: &str, count: usize| assert!(count > 0, "no repository is {what}");
    some(
        "archived",
        world.repos().filter(|repo| repo.archived).count(),
    );
    some(
        "disabled",
        world.repos().filter(|repo| repo.disabled).count(),
    );
    some("private", world.repos().filter(|repo| repo.private).count());
    some("a fork", world.repos().filter(|repo| repo.fork).count());
    some(
        "empty",
        world.repos().filter(|repo| repo.is_empty()).count(),
    );
    some(
        "without issues",
        world.repos().filter(|repo| !repo.issues_enabled).count(),
    );
    let truth = Truth::of(&world);
    let reviews: BTreeSet<&str> = truth
        .repos
        .iter()
        .flat_map(|repo| &repo.reviews)
        .map(|review| review.state)
        .collect();
    assert_eq!(
        Vec::from_iter(reviews),
        ["APPROVED", "CHANGES_REQUESTED", "COMMENTED", "DISMISSED"]
    );
}

#[test]
fn a_clone_stays_as_it_was_while_the_world_lives_on() {
    let mut world = World::generate(&config(), start());
    let replica = world.clone();
    let before = Truth::of(&replica);
    world.advance(start() + hours(12));
    assert_eq!(Truth::of(&replica), before);
    assert_ne!(
        Truth::of(&world).summary().commits,
        before.summary().commits
    );
}
