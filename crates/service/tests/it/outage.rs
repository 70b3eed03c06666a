//! With GitHub gone for hours the node goes on answering from what it has, says how old that is, and heals by itself.

use std::net::TcpListener;

use github_sim::fault::Rule;
use github_sim::world::MergeMethod;
use jiff::SignedDuration;
use tokio_util::sync::CancellationToken;

use crate::stage::{Play, Running, Stage, get, samples};

async fn hours(hours: i64) {
    tokio::time::sleep(SignedDuration::from_hours(hours).unsigned_abs()).await;
}

/// The age that `/metrics` tells of a stream.
async fn age(running: &Running, stream: &str) -> f64 {
    let (status, metrics) = get(&running.router, "/metrics").await;
    assert_eq!(status, 200);
    let ages = samples(&metrics, "tidegate_data_age_seconds");
    *ages
        .iter()
        .find(|(labels, _)| labels.contains(stream))
        .unwrap_or_else(|| panic!("no age of {stream}: {ages:?}"))
        .1
}

async fn mode(running: &Running) -> String {
    let (_, health) = get(&running.router, "/healthz").await;
    let health: serde_json::Value = serde_json::from_str(&health).unwrap();
    health["mode"]
        .as_str()
        .unwrap_or_else(|| panic!("{health:#}"))
        .to_owned()
}

#[tokio::test(start_paused = true)]
async fn a_github_that_is_gone_for_hours_costs_freshness_and_nothing_else() {
    let (stage, play) = Play::on_stage().await;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let leave = CancellationToken::new();
    let mut running = stage.run(listener, leave.clone());
    hours(1).await;
    running.assert_true().await;
    assert_eq!(mode(&running).await, "healthy");
    assert_eq!(get(&running.router, "/readyz").await.0, 200);
    let fresh = age(&running, "commits").await;
    assert!((120.0..900.0).contains(&fresh), "{fresh}");
    let before = get(&running.router, "/metrics").await.1;

    running.sim.faults().add(Rule::outage());
    running.script(|world| {
        let number = play.pull(world, "meanwhile", 2);
        world.comment(play.repo, number, play.bob, "Hello?");
        world.merge_pull(play.repo, number, play.bob, MergeMethod::Merge);
        let issue = world.open_issue(play.repo, play.bob, "Down");
        world.close(play.repo, issue, play.ada);
    });
    let mut last = fresh;
    for _ in 0..5 {
        hours(1).await;
        let now = age(&running, "pulls").await;
        assert!(
            (last + 3_000.0..last + 4_500.0).contains(&now),
            "{last} {now}"
        );
        last = now;
        assert_eq!(mode(&running).await, "unhealthy");
        assert_eq!(get(&running.router, "/livez").await.0, 200);
        assert_eq!(get(&running.router, "/readyz").await.0, 200);
        let metrics = get(&running.router, "/metrics").await.1;
        let commits = |text: &str| samples(text, "gh_commits_total");
        assert_eq!(commits(&metrics), commits(&before));
        let up = samples(&metrics, "tidegate_up");
        assert!(up.values().all(|up| *up == 0.0), "{up:?}");
    }
    running.assert_honest().await;

    running.sim.faults().clear();
    hours(1).await;
    running.assert_true().await;
    assert_eq!(mode(&running).await, "healthy");
    let healed = age(&running, "commits").await;
    assert!(healed < 900.0, "{healed}");
    let gaps = samples(&get(&running.router, "/metrics").await.1, "tidegate_gaps");
    assert!(gaps.values().all(|gaps| *gaps == 0.0), "{gaps:?}");
    leave.cancel();
    running.ended().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_github_that_comes_and_goes_is_followed() {
    let (stage, play) = Play::on_stage().await;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let leave = CancellationToken::new();
    let mut running = stage.run(listener, leave.clone());
    for n in 0..12 {
        let until = running.sim.clock().now() + SignedDuration::from_mins(7 * (n % 4));
        running.sim.faults().add(Rule::outage().until(until));
        running.script(|world| {
            play.push(world, "main", 1);
            world.open_issue(play.repo, play.bob, "Flap");
        });
        tokio::time::sleep(SignedDuration::from_mins(17).unsigned_abs()).await;
        running.assert_honest().await;
    }
    hours(1).await;
    running.assert_true().await;
    assert_eq!(mode(&running).await, "healthy");
    leave.cancel();
    running.ended().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn one_organisation_that_cannot_be_read_does_not_keep_the_others_from_it() {
    let (mut world, play) = Play::world();
    let theirs = world.create_repo(play.other, "rain");
    Play {
        repo: theirs,
        ..play
    }
    .push(&mut world, "main", 3);
    let told = crate::stage::Told::to_measure(&["acme", "nobody", "umbrella"]);
    let mut stage = Stage::of(world, told).await;
    let cycles = stage.cycle().await;
    let failures: Vec<bool> = cycles.iter().map(|cycle| cycle.failure.is_some()).collect();
    assert_eq!(failures, [false, true, false]);
    stage.assert_true().await;
}
