//! Validators outlive the token they were earned with, and are given up where GitHub's rule has changed.

use github_sim::etag::EtagRule;
use github_sim::fault::{Action, Rule};
use github_sim::limit::Resource;

use crate::stage::{Play, Stage, Told, samples};

async fn with_app() -> (Stage, Play) {
    let (world, play) = Play::world();
    let stage = Stage::of(world, Told::to_measure(&["acme"]).with_app()).await;
    (stage, play)
}

/// Something that makes both lists of comments be asked for, and changes neither.
fn touch(stage: &mut Stage, play: Play, n: usize) {
    stage.script(|world| {
        let repo = world.repo(play.repo).unwrap();
        let (pull, issue) = (
            *repo.pulls.keys().next().unwrap(),
            *repo.issues.keys().next().unwrap(),
        );
        world.retitle(play.repo, pull, &format!("Title {n}"));
        world.retitle(play.repo, issue, &format!("Title {n}"));
    });
}

#[tokio::test(start_paused = true)]
async fn a_token_that_was_renewed_still_earns_304() {
    let (mut stage, play) = with_app().await;
    Stage::whole(&stage.cycle().await);
    stage.assert_true().await;
    for n in 0..4 {
        // Once because its hour is over, once because it was revoked.
        if n % 2 == 0 {
            stage.minutes(90).await;
        } else {
            stage.minutes(10).await;
            stage.sim.credentials().revoke_installation_tokens();
        }
        touch(&mut stage, play, n);
        stage.spent();
        Stage::whole(&stage.cycle().await);
        let spent = stage.spent();
        let minted = spent
            .by_endpoint
            .iter()
            .find(|(name, _)| name.contains("access_tokens"));
        assert_eq!(
            minted.map(|(_, sum)| sum.requests),
            Some(1),
            "{:#?}",
            spent.by_endpoint
        );
        let rest = spent.resource(Resource::Core);
        assert_eq!(rest.not_modified, 2, "{:#?}", spent.by_endpoint);
        stage.assert_true().await;
    }
    stage.node.publish().await;
    let (_, metrics) = stage.get("/metrics").await;
    assert_eq!(
        samples(&metrics, "tidegate_etag_drift_total")
            .values()
            .sum::<f64>(),
        0.0
    );
}

#[tokio::test(start_paused = true)]
async fn a_token_that_is_revoked_while_a_cycle_runs_only_delays_it() {
    for millis in (0..70).step_by(7) {
        let (mut stage, play) = with_app().await;
        Stage::whole(&stage.cycle().await);
        stage.minutes(10).await;
        stage.script(|world| play.push(world, "main", 2));
        touch(&mut stage, play, 1);
        let credentials = stage.sim.credentials();
        let rotation = tokio::spawn(async move {
            tokio::time::sleep(std::time::Duration::from_millis(millis)).await;
            credentials.revoke_installation_tokens();
        });
        Stage::whole(&stage.cycle().await);
        rotation.await.unwrap();
        stage.assert_true().await;
    }
}

#[tokio::test(start_paused = true)]
async fn where_the_rule_of_validators_has_changed_the_detector_gives_up_and_the_data_stays_right() {
    let (mut stage, play) = with_app().await;
    let salted = Action::Etag(EtagRule::Salted("changed".to_owned()));
    stage.sim.faults().add(Rule::always(salted));
    Stage::whole(&stage.cycle().await);
    let mut earned = 0;
    for n in 0..8 {
        stage.minutes(10).await;
        stage.sim.credentials().revoke_installation_tokens();
        touch(&mut stage, play, n);
        stage.spent();
        Stage::whole(&stage.cycle().await);
        stage.assert_true().await;
        // With the same token GitHub's own validators still work.
        stage.minutes(10).await;
        touch(&mut stage, play, 100 + n);
        stage.spent();
        Stage::whole(&stage.cycle().await);
        earned += stage.spent().resource(Resource::Core).not_modified;
        stage.assert_true().await;
    }
    assert_eq!(earned, 16);
    stage.node.publish().await;
    let (_, metrics) = stage.get("/metrics").await;
    let drift: f64 = samples(&metrics, "tidegate_etag_drift_total")
        .values()
        .sum();
    assert!(drift >= 1.0, "{drift}");
    println!("drift {drift}");
}
