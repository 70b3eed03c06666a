//! The same of a whole node before a simulated GitHub, while GitHub is there and after it has gone.

use github_sim::SimConfig;
use github_sim::fault::Rule;

use super::outside::assert_promtool_is_silent;
use super::strict::{Format, Read};
use crate::stage::Stage;

async fn metrics(stage: &Stage, state: &str) -> Read {
    stage.node.publish().await;
    let (status, body) = stage.get("/metrics").await;
    assert_eq!(status, 200, "{state}");
    assert_promtool_is_silent(state, &body);
    Read::strictly(&body, Format::Text)
}

fn sum(read: &Read, name: &str) -> f64 {
    let samples = read.samples().filter(|sample| sample.name == name);
    samples.map(|sample| sample.value).sum()
}

#[tokio::test(start_paused = true)]
async fn a_node_goes_on_showing_what_it_knows_and_how_old_it_is_when_github_is_gone() {
    let mut stage = Stage::generated(SimConfig {
        speed: 0.0,
        ..SimConfig::default()
    })
    .await;
    let empty = metrics(&stage, "nothing read").await;
    assert_eq!(empty.series("tidegate_up{org=\"acme\"}"), Some(0.0));

    Stage::whole(&stage.cycle().await);
    let full = metrics(&stage, "all read").await;
    assert_eq!(full.series("tidegate_up{org=\"acme\"}"), Some(1.0));
    let commits = sum(&full, "gh_commits_total");
    assert!(commits > 0.0);

    stage.sim.faults().add(Rule::outage());
    stage.minutes(90).await;
    stage.cycle().await;
    let gone = metrics(&stage, "GitHub is gone").await;
    assert_eq!(gone.series("tidegate_up{org=\"acme\"}"), Some(0.0));
    assert_eq!(sum(&gone, "gh_commits_total"), commits);
    let age = "tidegate_data_age_seconds{org=\"acme\",stream=\"commits\"}";
    let (before, after) = (full.series(age).unwrap(), gone.series(age).unwrap());
    assert!(after >= before + 90.0 * 60.0, "{before} s, then {after} s");
    assert!(sum(&gone, "tidegate_gaps") > 0.0);
}

#[tokio::test(start_paused = true)]
async fn a_list_that_the_probe_shows_unchanged_is_a_request_that_was_avoided() {
    let mut stage = Stage::generated(SimConfig {
        speed: 0.0,
        ..SimConfig::default()
    })
    .await;
    let spared = "tidegate_github_requests_avoided_total{org=\"acme\",mode=\"probe\"}";
    let before = metrics(&stage, "nothing read").await;
    assert_eq!(
        before.series(spared),
        Some(0.0),
        "it is there from the start"
    );

    Stage::whole(&stage.cycle().await);
    stage.minutes(5).await;
    // What was touched just before the first reading is read once more.
    stage.cycle().await;
    let once = metrics(&stage, "read twice").await.series(spared).unwrap();
    stage.minutes(5).await;
    stage.spent();
    Stage::whole(&stage.cycle().await);
    let sent = stage.spent().total.requests;
    let twice = metrics(&stage, "read again").await;

    let mut lists = 0;
    for repo in stage.store().repos("acme").await.unwrap() {
        lists += repo.streams.iter().filter(|_| repo.tracked).count();
    }
    assert_eq!(sent, 1, "the probe alone");
    assert_eq!(twice.series(spared), Some(once + lists as f64));
    let graphql = "{credential=\"token\",resource=\"graphql\"}";
    let value = |name: &str| twice.series(&format!("{name}{graphql}")).unwrap();
    let used = value("tidegate_quota_limit") - value("tidegate_quota_remaining");
    let at_reset = value("tidegate_quota_used_at_reset");
    assert!(
        used <= at_reset && at_reset <= 5_000.0,
        "{used}, {at_reset}"
    );
    assert_eq!(value("tidegate_quota_reserved"), 1_000.0);
}
