//! Conditional requests: 304s survive a change of the token, and a changed rule is found out without any wrong data.

use github::request::Origin;
use github::{Client, Lane, rest};
use github_sim::SimConfig;
use github_sim::etag::EtagRule;
use github_sim::fault::{Action, Rule};
use github_sim::world::Found;

use quota::Policy;
use tokio::time::Instant;

use crate::lab::{Lab, limit, minutes, token};

async fn comments(client: &Client, repo: &str) -> (Origin, Vec<u64>) {
    let response = client
        .send(Lane::Scheduled, rest::comments::of_repo("acme", repo))
        .await
        .unwrap();
    let comments: Vec<rest::comments::IssueComment> = response.json().unwrap();
    let mut ids: Vec<u64> = comments.iter().map(|comment| comment.id).collect();
    ids.sort_unstable();
    (response.origin, ids)
}

/// The ids of a repository's conversation comments, as GitHub would have to answer now.
fn truth(lab: &Lab, repo: &str) -> Vec<u64> {
    let truth = lab.sim.truth();
    let repo = truth
        .repos
        .into_iter()
        .find(|one| one.name == repo)
        .unwrap();
    let mut ids: Vec<u64> = repo
        .comments
        .iter()
        .filter(|one| one.on != "diff")
        .map(|one| one.id)
        .collect();
    ids.sort_unstable();
    assert!((1..=100).contains(&ids.len()), "{} on one page", ids.len());
    ids
}

/// Writes a comment, so that the list changes.
fn write(lab: &Lab, repo: &str) {
    let number = {
        let truth = lab.sim.truth();
        let repo = truth
            .repos
            .into_iter()
            .find(|one| one.name == repo)
            .unwrap();
        repo.comments
            .iter()
            .find(|one| one.on != "diff")
            .unwrap()
            .number
    };
    let mut world = lab.sim.world();
    let Some(Found::Here(found)) = world.find_repo("acme", repo) else {
        panic!("it is there")
    };
    let id = found.id;
    world.comment(id, number, None, "one more");
}

fn not_modified(lab: &Lab) -> u64 {
    lab.summary().total.not_modified
}

#[tokio::test(start_paused = true)]
async fn what_has_not_changed_is_confirmed_free_of_quota() {
    let lab = Lab::new();
    let (client, repo) = (lab.with_token(), lab.repo());
    assert_eq!(
        comments(&client, &repo).await,
        (Origin::Sent, truth(&lab, &repo))
    );
    let cost = lab.summary().total.cost;
    assert_eq!(
        comments(&client, &repo).await,
        (Origin::Confirmed, truth(&lab, &repo))
    );
    assert_eq!(lab.summary().total.cost, cost);
    minutes(1).await;
    write(&lab, &repo);
    assert_eq!(
        comments(&client, &repo).await,
        (Origin::Sent, truth(&lab, &repo))
    );
    assert_eq!(client.stats().not_modified["acme"], 1);
}

#[tokio::test(start_paused = true)]
async fn a_304_leaves_the_bucket_as_it_was_and_nothing_in_flight() {
    let lab = Lab::with(limit(100)).paced(Policy::Even);
    let (client, repo) = (lab.with_token(), lab.repo());
    // One request above the reserve of 40 is left.
    lab.others_spend(58).await;
    comments(&client, &repo).await;
    assert_eq!(lab.bucket("core").remaining, Some(41));
    let begun = Instant::now();
    for _ in 0..50 {
        assert_eq!(comments(&client, &repo).await.0, Origin::Confirmed);
        assert_eq!(lab.bucket("core").remaining, Some(41));
    }
    assert!(begun.elapsed().as_secs() < 5, "{:?}", begun.elapsed());
    let report = lab.governor.gate("lab").report();
    assert_eq!((report.quota.in_flight, report.waiting), (0, Vec::new()));
    let total = lab.summary().total;
    assert_eq!((total.cost, total.not_modified), (59, 50));
}

#[tokio::test(start_paused = true)]
async fn an_installation_token_that_rotates_every_hour_still_earns_304s() {
    let lab = Lab::new();
    let (client, repo) = (lab.with_app(), lab.repo());
    for hour in 0..5 {
        let expected = if hour == 0 {
            Origin::Sent
        } else {
            Origin::Confirmed
        };
        assert_eq!(
            comments(&client, &repo).await,
            (expected, truth(&lab, &repo)),
            "hour {hour}"
        );
        minutes(61).await;
    }
    let stats = client.stats();
    assert_eq!((stats.tokens_minted, not_modified(&lab)), (5, 4));
    assert_eq!((stats.etag_drift, stats.etag_rule_in_use), (0, true));
}

#[tokio::test(start_paused = true)]
async fn kept_answers_outlive_the_process_and_another_token() {
    let lab = Lab::new();
    let repo = lab.repo();
    comments(&lab.with_token(), &repo).await;
    lab.sim.credentials().grant("another", "sim-reader");
    let client = lab.client(token("another"));
    assert_eq!(
        comments(&client, &repo).await,
        (Origin::Confirmed, truth(&lab, &repo))
    );
}

#[tokio::test(start_paused = true)]
async fn a_rule_that_changes_is_detected_counted_and_switched_off_with_the_data_right() {
    let lab = Lab::new();
    let (client, repo) = (lab.with_app(), lab.repo());
    comments(&client, &repo).await;
    lab.strikes(Rule::always(Action::Etag(EtagRule::Salted(
        "changed".to_owned(),
    ))));
    for hour in 0..4 {
        minutes(61).await;
        if hour == 2 {
            write(&lab, &repo);
        }
        assert_eq!(
            comments(&client, &repo).await,
            (Origin::Sent, truth(&lab, &repo)),
            "hour {hour}"
        );
        if hour == 3 {
            // With one and the same token a validator that GitHub gave still works.
            assert_eq!(
                comments(&client, &repo).await,
                (Origin::Confirmed, truth(&lab, &repo))
            );
        }
    }
    let stats = client.stats();
    assert_eq!((stats.etag_rule_in_use, stats.etag_drift), (false, 3));

    // The fallback ends by itself once the rule holds again.
    lab.sim.faults().clear();
    for _ in 0..3 {
        minutes(61).await;
        assert_eq!(comments(&client, &repo).await.1, truth(&lab, &repo));
    }
    assert!(client.stats().etag_rule_in_use);
    minutes(61).await;
    assert_eq!(
        comments(&client, &repo).await,
        (Origin::Confirmed, truth(&lab, &repo))
    );
    assert_eq!(client.stats().etag_drift, 3);
}

#[tokio::test(start_paused = true)]
async fn a_server_with_another_rule_from_the_start_is_noticed_and_served_by_its_own_validators() {
    let mut config = SimConfig::default();
    config.rules.etag = EtagRule::Salted("enterprise".to_owned());
    let lab = Lab::with(config);
    let (client, repo) = (lab.with_token(), lab.repo());
    assert_eq!(comments(&client, &repo).await.0, Origin::Sent);
    assert_eq!(
        comments(&client, &repo).await,
        (Origin::Confirmed, truth(&lab, &repo))
    );
    for _ in 0..3 {
        minutes(1).await;
        write(&lab, &repo);
        assert_eq!(
            comments(&client, &repo).await,
            (Origin::Sent, truth(&lab, &repo))
        );
    }
    let stats = client.stats();
    assert_eq!((stats.etag_rule_in_use, stats.etag_drift), (false, 3));
}
