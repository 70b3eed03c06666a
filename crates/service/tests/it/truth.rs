//! What a first cycle records is the truth, whatever the organisation is made of.

use github_sim::world::{NewCommit, NewPull};
use github_sim::{SimConfig, World};
use jiff::SignedDuration;
use ledger::event::Stream;

use crate::stage::{Play, Stage, Told, noon};

fn still(config: SimConfig) -> SimConfig {
    SimConfig {
        speed: 0.0,
        ..config
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_cycle_of_the_usual_world_records_the_truth() {
    let mut stage = Stage::generated(still(SimConfig::default())).await;
    let cycles = stage.cycle().await;
    Stage::whole(&cycles);
    assert!(cycles[0].report.recorded.inserted > 1_000, "{cycles:#?}");
    stage.assert_true().await;
}

#[tokio::test(start_paused = true)]
async fn every_organisation_is_read_with_one_token() {
    let config = SimConfig {
        orgs: vec!["acme".to_owned(), "umbrella".to_owned(), "wayne".to_owned()],
        repos: 30,
        active: 6,
        seed: 5,
        ..SimConfig::default()
    };
    let mut stage = Stage::generated(still(config)).await;
    let cycles = stage.cycle().await;
    assert_eq!(cycles.len(), 3);
    Stage::whole(&cycles);
    stage.assert_true().await;
}

#[tokio::test(start_paused = true)]
async fn allow_and_deny_decide_what_is_tracked_also_when_they_change() {
    let config = SimConfig {
        repos: 20,
        ..SimConfig::default()
    };
    let mut stage = Stage::generated(still(config)).await;
    let names: Vec<String> = stage
        .sim
        .truth()
        .repos
        .iter()
        .map(|repo| repo.name.clone())
        .collect();
    let told = Told::to_measure(&["acme"])
        .key("scrape.allow", &["*a*"])
        .key("scrape.deny", &[&names[0]]);
    stage.restart_told(told).await;
    Stage::whole(&stage.cycle().await);
    stage.assert_true().await;
    stage
        .restart_told(Told::to_measure(&["acme"]).key("scrape.deny", &["*a*"]))
        .await;
    Stage::whole(&stage.cycle().await);
    stage.assert_true().await;
    stage.restart_told(Told::to_measure(&["ACME"])).await;
    Stage::whole(&stage.cycle().await);
    stage.assert_true().await;
}

#[tokio::test(start_paused = true)]
async fn tracking_starts_where_the_history_that_was_asked_for_starts() {
    let (world, play) = Play::world();
    let told = Told::to_measure(&["acme"]).key("scrape.history", &["9d"]);
    let mut stage = Stage::of(world, told).await;
    Stage::whole(&stage.cycle().await);
    stage.assert_true().await;
    let views = stage.store().repos("acme").await.unwrap();
    let start = views[0].stream(Stream::Commits).unwrap().coverage.start();
    assert!(
        start
            .duration_since(noon() - SignedDuration::from_hours(9 * 24))
            .as_secs()
            < 5
    );
    assert_eq!(views[0].id.0, play.repo);
}

#[tokio::test(start_paused = true)]
async fn all_of_a_history_is_read_where_all_is_asked_for() {
    let (mut world, play) = Play::world();
    play.push_dated(
        &mut world,
        "main",
        &[
            "1971-01-01T00:00:00Z".parse().unwrap(),
            "2001-01-01T00:00:00Z".parse().unwrap(),
        ],
    );
    play.push(&mut world, "main", 350);
    let told = Told::to_measure(&["acme"]).key("scrape.history", &["all"]);
    let mut stage = Stage::of(world, told).await;
    Stage::whole(&stage.cycle().await);
    stage.assert_true().await;
}

/// The usual play, changed by `change` before anybody looks.
async fn after(change: impl FnOnce(&mut World, &Play)) -> (Stage, Play) {
    let (mut world, play) = Play::world();
    change(&mut world, &play);
    let mut stage = Stage::of(world, Told::to_measure(&["acme", "umbrella"])).await;
    Stage::whole(&stage.cycle().await);
    stage.assert_true().await;
    (stage, play)
}

#[tokio::test(start_paused = true)]
async fn an_empty_repository_is_covered_and_its_first_commit_is_found() {
    let (mut stage, play) = after(|world, play| {
        world.create_repo(play.org, "empty");
    })
    .await;
    let views = stage.store().repos("acme").await.unwrap();
    assert_eq!(views.len(), 2);
    for view in &views[1].streams {
        assert!(!view.coverage.covered().is_empty(), "{view:?}");
    }
    let empty = views.iter().find(|view| view.name == "empty").unwrap().id.0;
    stage.minutes(5).await;
    let play = Play {
        repo: empty,
        ..play
    };
    stage.script(|world| play.push(world, "main", 2));
    Stage::whole(&stage.cycle().await);
    stage.assert_true().await;
}

#[tokio::test(start_paused = true)]
async fn where_issues_are_off_the_talk_on_pulls_is_read_all_the_same() {
    let (mut stage, play) = after(|world, play| world.enable_issues(play.repo, false)).await;
    let views = stage.store().repos("acme").await.unwrap();
    let streams: Vec<Stream> = views[0].streams.iter().map(|view| view.stream).collect();
    assert_eq!(streams, [Stream::Commits, Stream::Pulls]);
    let all = ledger::window::Window::new(jiff::Timestamp::MIN, jiff::Timestamp::MAX).unwrap();
    let events = stage
        .store()
        .events("acme", views[0].id, all)
        .await
        .unwrap();
    assert!(
        events.iter().any(|event| event.id.starts_with("issue:")),
        "{events:#?}"
    );
    stage.minutes(10).await;
    stage.script(|world| {
        let number = *world.repo(play.repo).unwrap().pulls.keys().next().unwrap();
        world.comment(play.repo, number, play.bob, "Still here.");
    });
    Stage::whole(&stage.cycle().await);
    stage.assert_true().await;
    stage.minutes(10).await;
    stage.script(|world| {
        world.enable_issues(play.repo, true);
        world.open_issue(play.repo, play.bob, "On again");
    });
    Stage::whole(&stage.cycle().await);
    stage.assert_true().await;
    stage.minutes(10).await;
    stage.script(|world| world.enable_issues(play.repo, false));
    Stage::whole(&stage.cycle().await);
    stage.assert_true().await;
}

#[tokio::test(start_paused = true)]
async fn an_archived_repository_is_left_alone_and_what_happened_before_it_was_archived_counts() {
    let (mut stage, play) = after(|world, play| {
        let old = world.create_repo(play.org, "old");
        let old = Play { repo: old, ..*play };
        old.push(world, "main", 2);
        world.archive_repo(old.repo, true);
    })
    .await;
    assert_eq!(stage.store().repos("acme").await.unwrap().len(), 1);
    stage.minutes(5).await;
    stage.script(|world| {
        play.push(world, "main", 2);
        world.open_issue(play.repo, play.ada, "The last one");
        world.archive_repo(play.repo, true);
    });
    Stage::whole(&stage.cycle().await);
    stage.assert_true().await;
    stage.minutes(5).await;
    stage.script(|world| world.archive_repo(play.repo, false));
    stage.script(|world| play.push(world, "main", 1));
    Stage::whole(&stage.cycle().await);
    stage.assert_true().await;
}

#[tokio::test(start_paused = true)]
async fn a_renamed_a_transferred_and_a_deleted_repository_are_followed() {
    let (mut stage, play) = after(|_, _| ()).await;
    stage.minutes(5).await;
    stage.script(|world| {
        world.rename_repo(play.repo, "ebb");
        play.push(world, "main", 1);
        let namesake = world.create_repo(play.org, "tide");
        let namesake = Play {
            repo: namesake,
            ..play
        };
        namesake.push(world, "main", 3);
    });
    Stage::whole(&stage.cycle().await);
    stage.assert_true().await;
    stage.minutes(5).await;
    stage.script(|world| {
        world.transfer_repo(play.repo, play.other);
        play.push(world, "main", 1);
    });
    Stage::whole(&stage.cycle().await);
    stage.assert_true().await;
    // Again: whichever organisation was read first must not have taken it from the other.
    Stage::whole(&stage.cycle().await);
    stage.assert_true().await;
    stage.minutes(5).await;
    stage.script(|world| world.delete_repo(play.repo));
    Stage::whole(&stage.cycle().await);
    stage.assert_true().await;
}

#[tokio::test(start_paused = true)]
async fn bots_ghosts_and_commits_of_nobody_are_who_they_are() {
    let (mut stage, play) = after(|world, play| {
        let identity = |name: &str, email: &str| {
            std::sync::Arc::new(github_sim::world::Identity {
                name: name.to_owned(),
                email: email.to_owned(),
                user: None,
            })
        };
        let commits = [
            identity("", ""),
            identity("Somebody", "somebody@example.com"),
            identity("Ada", "17+adele@users.noreply.github.com"),
            identity("robot[bot]", "49+robot[bot]@users.noreply.github.com"),
            identity("web-flow", "noreply@github.com"),
        ];
        for who in commits {
            world.push(play.repo, "main", vec![NewCommit::by(who)]);
        }
        let robot = world.identity(play.bot);
        world.push(play.repo, "bump", vec![NewCommit::by(robot)]);
        let bump = world.open_pull(play.repo, NewPull::by(play.bot, "bump"));
        world.comment(play.repo, bump, play.bot, "Bumped.");
        let gone = world.add_user("gone");
        let by_gone = world.identity(gone);
        world.push(play.repo, "gone", vec![NewCommit::by(by_gone)]);
        let number = world.open_pull(play.repo, NewPull::by(gone, "gone"));
        world.diff_comment(play.repo, number, gone, "So long.");
        world.close(play.repo, number, gone);
        let issue = world.open_issue(play.repo, gone, "Bye");
        world.comment(play.repo, issue, gone, "Bye.");
        world.close(play.repo, issue, gone);
        world.delete_account(gone);
    })
    .await;
    stage.minutes(5).await;
    stage.script(|world| {
        world.rename_account(play.ada, "countess");
        play.push(world, "main", 1);
        world.delete_account(play.bob);
        world.open_issue(play.repo, play.ada, "Who am I");
    });
    Stage::whole(&stage.cycle().await);
    stage.assert_true().await;
}

#[tokio::test(start_paused = true)]
async fn long_lists_are_read_to_their_ends() {
    let (mut stage, play) = after(|world, play| {
        let busy = play.pull(world, "busy", 1);
        for n in 0..130 {
            world.review(
                play.repo,
                busy,
                play.bob,
                github_sim::world::ReviewState::Commented,
                "",
            );
            world.diff_comment(play.repo, busy, play.bob, "Hm.");
            world.comment(play.repo, busy, play.bot, "Beep.");
            let issue = world.open_issue(play.repo, play.ada, "Many");
            if n % 2 == 0 {
                world.close(play.repo, issue, play.bob);
            }
        }
        for _ in 0..120 {
            world.close(play.repo, busy, play.ada);
            world.advance(world.now() + SignedDuration::from_secs(1));
            world.reopen(play.repo, busy, play.ada);
        }
        play.push(world, "main", 230);
    })
    .await;
    stage.minutes(10).await;
    stage.script(|world| {
        for _ in 0..105 {
            world.open_issue(play.repo, play.ada, "More");
        }
    });
    Stage::whole(&stage.cycle().await);
    stage.assert_true().await;
}
