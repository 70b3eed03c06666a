//! Comments can be read from REST's lists and from inside their items by GraphQL: the same facts from whichever bucket has
//! more room, and a cycle that goes on where one of the two has none.

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::http;
use github_sim::fault::{Action, Matcher, Rule};
use github_sim::observer::Summary;
use github_sim::{Sim, SimClock, SimConfig};
use http_body_util::BodyExt as _;
use ledger::event::Event;
use ledger::window::Window;
use rand::RngExt as _;
use serde_json::Value;
use tower::ServiceExt as _;

use crate::stage::{Play, Stage, Told, noon, random};

const LISTS: [&str; 2] = [
    "GET /repos/{owner}/{repo}/issues/comments",
    "GET /repos/{owner}/{repo}/pulls/comments",
];
const INSIDE: [&str; 2] = ["POST graphql IssueComments", "POST graphql PullComments"];

/// So many requests were made to one of these endpoints.
fn asked(spent: &Summary, endpoints: [&str; 2]) -> u64 {
    let requests = endpoints.map(|endpoint| spent.endpoint(endpoint).requests);
    requests.iter().sum()
}

/// A GitHub that gives its users so many requests and points an hour.
fn limits(requests: u64, points: u64) -> SimConfig {
    let mut config = SimConfig {
        speed: 0.0,
        ..SimConfig::default()
    };
    config.rules.limits.primary.user = requests;
    config.rules.limits.primary.graphql = Some(points);
    config
}

/// Every fact that was recorded, by its id.
async fn recorded(stage: &Stage) -> BTreeMap<String, Event> {
    let all = Window::new(jiff::Timestamp::MIN, jiff::Timestamp::MAX).unwrap();
    let mut recorded = BTreeMap::new();
    for view in stage.store().repos("acme").await.unwrap() {
        let events = stage.store().events("acme", view.id, all).await.unwrap();
        recorded.extend(events.into_iter().map(|event| (event.id.clone(), event)));
    }
    recorded
}

/// What GitHub answers somebody else who has the token too.
async fn get(sim: &Sim, path: &str) -> Value {
    let request = http::Request::get(path)
        .header("user-agent", "somebody else")
        .header("authorization", "Bearer sim-token")
        .body(Bytes::new())
        .unwrap();
    let answer = sim.service().oneshot(request).await.unwrap();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    serde_json::from_slice(&body).unwrap()
}

/// Somebody else spends so many requests.
async fn others_spend(sim: &Sim, requests: u64) {
    for _ in 0..requests {
        get(sim, "/orgs/acme").await;
    }
}

/// Points that are used of the window.
async fn points_used(sim: &Sim) -> u64 {
    get(sim, "/rate_limit").await["resources"]["graphql"]["used"]
        .as_u64()
        .unwrap()
}

/// A cycle that has to read all, at once.
async fn read_at_once(stage: &mut Stage) -> Summary {
    stage.spent();
    let begun = stage.now();
    Stage::whole(&stage.cycle().await);
    let took = stage.now().duration_since(begun);
    assert!(took.as_secs() < 120, "it waited: {took:?}");
    stage.assert_true().await;
    stage.spent()
}

fn told() -> Told {
    Told::to_measure(&["acme"])
        .key("quota.policy", &["even"])
        .key("scrape.concurrency", &["1"])
}

/// Something is said everywhere.
fn talk(stage: &mut Stage, play: Play) {
    stage.script(|world| {
        let numbers = |pulls: bool| {
            let repo = world.repo(play.repo).unwrap();
            let items: Vec<u64> = match pulls {
                true => repo.pulls.keys().copied().collect(),
                false => repo.issues.keys().copied().collect(),
            };
            items
        };
        let (pulls, issues) = (numbers(true), numbers(false));
        for number in pulls.iter().chain(&issues) {
            world.comment(play.repo, *number, play.bob, "And?");
        }
        for number in pulls {
            let first = world.diff_comment(play.repo, number, play.bob, "Why so?");
            world.reply(play.repo, first, play.ada, "Because.");
        }
    });
}

#[tokio::test(start_paused = true)]
async fn a_world_that_is_read_either_way_gives_the_same_facts() {
    let mut facts = Vec::new();
    for (requests, spent, by_graphql) in [(5_000, 0, false), (200, 60, true)] {
        let sim = Sim::new(limits(requests, 5_000), SimClock::virtual_from(noon()));
        others_spend(&sim, spent).await;
        let mut stage = Stage::new(sim, told()).await;
        let spent = read_at_once(&mut stage).await;
        let (lists, inside) = (asked(&spent, LISTS), asked(&spent, INSIDE));
        if by_graphql {
            assert!(inside > 10, "{lists} lists, {inside} inside");
        } else {
            assert_eq!(inside, 0);
        }
        facts.push(recorded(&stage).await);
    }
    let comments = facts[0].keys().filter(|id| id.contains(':')).count();
    assert!(comments > 100, "{comments}");
    assert_eq!(facts[0], facts[1]);
}

#[tokio::test(start_paused = true)]
async fn with_the_core_bucket_at_its_reserve_a_cycle_goes_on_over_graphql() {
    let (world, play) = Play::world();
    let clock = SimClock::virtual_from(world.now());
    let sim = Sim::with_world(limits(100, 5_000), clock, world);
    let mut stage = Stage::new(sim, told()).await;
    read_at_once(&mut stage).await;
    others_spend(&stage.sim, 56).await;
    // One cycle finds out how little is left.
    stage.minutes(5).await;
    talk(&mut stage, play);
    read_at_once(&mut stage).await;
    others_spend(&stage.sim, 3).await;
    for _ in 0..3 {
        stage.minutes(5).await;
        talk(&mut stage, play);
        let spent = read_at_once(&mut stage).await;
        assert_eq!((asked(&spent, LISTS), asked(&spent, INSIDE)), (0, 2));
    }
}

#[tokio::test(start_paused = true)]
async fn with_the_graphql_bucket_at_its_reserve_a_cycle_goes_on_over_rest() {
    let (world, play) = Play::world();
    let clock = SimClock::virtual_from(world.now());
    let sim = Sim::with_world(limits(100, 5_000), clock, world);
    let mut stage = Stage::new(sim, told()).await;
    read_at_once(&mut stage).await;
    // REST's bucket has much less room, so that comments are read by GraphQL.
    others_spend(&stage.sim, 40).await;
    for _ in 0..2 {
        stage.minutes(5).await;
        talk(&mut stage, play);
        read_at_once(&mut stage).await;
    }
    stage.minutes(5).await;
    talk(&mut stage, play);
    let spent = read_at_once(&mut stage).await;
    assert_eq!((asked(&spent, LISTS), asked(&spent, INSIDE)), (0, 2));

    // What the probe and the lists of a cycle cost is all that is left above a reserve of two fifths.
    let needed = ["Probe", "Pulls", "Issues"]
        .map(|name| spent.endpoint(&format!("POST graphql {name}")).cost);
    let needed: u64 = needed.iter().sum();
    let used = points_used(&stage.sim).await;
    let mut limits = stage.sim.limits();
    limits.primary.graphql = Some(((used + needed) * 5).div_ceil(3));
    stage.sim.set_limits(limits);
    stage.minutes(5).await;
    talk(&mut stage, play);
    let spent = read_at_once(&mut stage).await;
    assert_eq!((asked(&spent, LISTS), asked(&spent, INSIDE)), (2, 0));
    assert_eq!(points_used(&stage.sim).await - used, needed);
}

#[tokio::test(start_paused = true)]
async fn long_conversations_and_long_threads_are_read_to_their_ends_either_way() {
    let (mut world, play) = Play::world();
    let busy = play.pull(&mut world, "busy", 1);
    let issue = world.open_issue(play.repo, play.bob, "Long");
    let answered = world.diff_comment(play.repo, busy, play.bob, "Hm.");
    for n in 0..130 {
        world.comment(play.repo, issue, play.ada, "More.");
        world.comment(play.repo, busy, play.bot, "Beep.");
        world.diff_comment(play.repo, busy, play.bob, "Hm.");
        if n < 60 {
            // A thread of more than fifty can only be read from the list.
            world.reply(play.repo, answered, play.ada, "Hm?");
        }
    }
    let clock = SimClock::virtual_from(world.now());
    let sim = Sim::with_world(limits(100, 5_000), clock, world);
    let mut stage = Stage::new(sim, told()).await;
    read_at_once(&mut stage).await;
    others_spend(&stage.sim, 25).await;
    let mut inside = 0;
    for _ in 0..3 {
        stage.minutes(5).await;
        stage.script(|world| {
            for _ in 0..120 {
                world.comment(play.repo, issue, play.bob, "Still.");
            }
            let other = play.pull(world, &format!("at-{}", world.now()), 1);
            for _ in 0..70 {
                world.diff_comment(play.repo, other, play.bob, "Line by line.");
            }
        });
        inside += asked(&read_at_once(&mut stage).await, INSIDE);
    }
    assert!(inside >= 4, "{inside}");
    // Here nothing but the list will do, however long that takes.
    stage.minutes(5).await;
    stage.script(|world| world.reply(play.repo, answered, play.bob, "Hm!"));
    stage.spent();
    Stage::whole(&stage.cycle().await);
    stage.assert_true().await;
    let spent = stage.spent();
    assert!(asked(&spent, LISTS) > 0 && asked(&spent, INSIDE) > 0);
}

#[tokio::test(start_paused = true)]
async fn whatever_happens_is_the_truth_while_the_buckets_take_turns() {
    let mut ways = (0, 0);
    for seed in 0..12 {
        let mut random = random(70_000 + seed);
        let (world, play) = Play::world();
        let clock = SimClock::virtual_from(world.now());
        let sim = Sim::with_world(limits(30, 300), clock, world);
        let told = Told::to_measure(&["acme", "umbrella"]).key("quota.policy", &["even"]);
        let mut stage = Stage::new(sim, told).await;
        for _ in 0..8 {
            for _ in 0..random.random_range(1..8) {
                stage.script(|world| play.stir(world, &mut random));
                stage.seconds(random.random_range(0..200)).await;
            }
            stage.spent();
            Stage::whole(&stage.cycle().await);
            let spent = stage.spent();
            ways.0 += asked(&spent, LISTS);
            ways.1 += asked(&spent, INSIDE);
        }
        stage.minutes(5).await;
        stage.catch_up().await;
    }
    assert!(ways.0 > 20 && ways.1 > 20, "{ways:?}");
}

#[tokio::test(start_paused = true)]
async fn an_item_that_is_gone_before_its_comments_are_read_takes_them_along() {
    let (world, play) = Play::world();
    let clock = SimClock::virtual_from(world.now());
    let sim = Sim::with_world(limits(40, 5_000), clock, world);
    let mut stage = Stage::new(sim, told()).await;
    read_at_once(&mut stage).await;
    others_spend(&stage.sim, 15).await;
    for _ in 0..2 {
        stage.minutes(5).await;
        talk(&mut stage, play);
        read_at_once(&mut stage).await;
    }
    stage.minutes(5).await;
    talk(&mut stage, play);
    // The probe and the list of issues are answered as of now, and then there are no issues any more.
    for operation in ["Probe", "Issues"] {
        let stale = Rule::always(Action::Stale).when(Matcher::operation(operation));
        stage.sim.faults().add(stale);
    }
    stage.script(|world| world.enable_issues(play.repo, false));
    stage.spent();
    Stage::whole(&stage.cycle().await);
    assert_eq!(asked(&stage.spent(), INSIDE), 2);
    stage.assert_honest().await;
    stage.sim.faults().clear();
    stage.minutes(5).await;
    read_at_once(&mut stage).await;
}
