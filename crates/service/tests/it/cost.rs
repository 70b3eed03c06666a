//! What a scrape costs, by the books of the simulated GitHub and not by our own.

use github_sim::SimConfig;
use github_sim::limit::Resource;
use github_sim::observer::Summary;

use crate::stage::Stage;

/// 500 repositories of which 10 live as GitHub's busy ones do.
fn large(speed: f64) -> SimConfig {
    SimConfig {
        repos: 500,
        active: 10,
        users: 60,
        speed,
        ..SimConfig::default()
    }
}

/// Requests of both kinds, points of GraphQL, and REST requests that count against the quota.
fn figures(spent: &Summary) -> (u64, u64, u64) {
    let (rest, graphql) = (
        spent.resource(Resource::Core),
        spent.resource(Resource::Graphql),
    );
    (
        rest.requests + graphql.requests,
        graphql.cost,
        rest.requests,
    )
}

#[tokio::test(start_paused = true)]
async fn five_hundred_repositories_are_read_whole_and_then_an_idle_cycle_costs_the_probe_alone() {
    let mut stage = Stage::generated(large(0.0)).await.without_memory();
    Stage::whole(&stage.cycle().await);
    let (requests, points, rest) = figures(&stage.spent());
    println!("first cycle: {requests} requests ({rest} REST), {points} points");
    stage.assert_true().await;
    // Whatever was touched in the last two minutes is read a second time.
    stage.minutes(5).await;
    Stage::whole(&stage.cycle().await);
    stage.spent();
    for _ in 0..3 {
        stage.minutes(5).await;
        let cycles = stage.cycle().await;
        Stage::whole(&cycles);
        let (requests, points, rest) = figures(&stage.spent());
        println!("idle cycle: {requests} requests ({rest} REST), {points} points");
        assert!(points <= 15, "{points} points");
        assert_eq!(rest, 0);
        assert_eq!(
            (requests, points),
            (cycles[0].report.requests, cycles[0].report.points)
        );
    }
    stage.assert_true().await;
}

#[tokio::test(start_paused = true)]
async fn an_hour_of_ten_active_repositories_among_five_hundred_is_cheap_and_exact() {
    let mut stage = Stage::generated(large(1.0)).await.without_memory();
    stage.cycle().await;
    let (requests, points, rest) = figures(&stage.spent());
    println!("first cycle: {requests} requests ({rest} REST), {points} points");
    let mut hour = (0, 0);
    for _ in 0..12 {
        stage.minutes(5).await;
        let cycles = stage.cycle().await;
        Stage::whole(&cycles);
        let spent = stage.spent();
        let (requests, points, rest) = figures(&spent);
        println!(
            "cycle: {requests} requests ({rest} REST), {points} points, {} changed, {} events",
            cycles[0].report.changed, cycles[0].report.recorded.inserted
        );
        assert!(
            requests <= 65,
            "{requests} requests: {:#?}",
            spent.by_endpoint
        );
        assert!(points <= 60, "{points} points: {:#?}", spent.by_endpoint);
        hour = (hour.0 + requests, hour.1 + points);
    }
    println!("hour: {} requests, {} points", hour.0, hour.1);
    assert!(hour.0 <= 1_000 && hour.1 <= 1_000, "{hour:?}");
    stage.catch_up().await;
}

#[tokio::test(start_paused = true)]
async fn ten_repositories_in_which_everything_happens_at_once_cost_no_more_than_sixty_five_requests()
 {
    let mut stage = Stage::generated(large(0.0)).await.without_memory();
    stage.cycle().await;
    stage.minutes(5).await;
    stage.cycle().await;
    let busy: Vec<u64> = stage
        .sim
        .truth()
        .repos
        .iter()
        .filter(|repo| repo.issues_enabled && !repo.archived && !repo.disabled)
        .filter(|repo| !repo.pulls.is_empty() && repo.head.is_some())
        .take(10)
        .map(|repo| repo.id)
        .collect();
    assert_eq!(busy.len(), 10);
    let mut hour = (0, 0);
    for _ in 0..12 {
        // 60 commits, 15 touched pull requests, 40 comments and an issue in each of the ten, every five minutes.
        stage.script(|world| {
            for repo in &busy {
                let who = world
                    .accounts()
                    .find(|account| !account.is_org() && !account.is_web_flow());
                let who = who.unwrap().id;
                let by = world.identity(who);
                let commits = vec![github_sim::world::NewCommit::by(by); 60];
                world.push(*repo, "main", commits);
                let numbers: Vec<u64> = world
                    .repo(*repo)
                    .unwrap()
                    .pulls
                    .keys()
                    .copied()
                    .take(15)
                    .collect();
                for n in 0..40 {
                    world.comment(*repo, numbers[n % numbers.len()], who, "Hm.");
                }
                world.open_issue(*repo, who, "And this");
            }
        });
        stage.minutes(3).await;
        stage.spent();
        let cycles = stage.cycle().await;
        Stage::whole(&cycles);
        let spent = stage.spent();
        let (requests, points, rest) = figures(&spent);
        println!(
            "full cycle: {requests} requests ({rest} REST), {points} points, {} changed, {} events",
            cycles[0].report.changed, cycles[0].report.recorded.inserted
        );
        assert!(
            requests <= 65,
            "{requests} requests: {:#?}",
            spent.by_endpoint
        );
        assert!(points <= 60, "{points} points: {:#?}", spent.by_endpoint);
        hour = (hour.0 + requests, hour.1 + points);
        stage.minutes(2).await;
    }
    println!("hour: {} requests, {} points", hour.0, hour.1);
    assert!(hour.0 <= 1_000 && hour.1 <= 1_000, "{hour:?}");
    stage.assert_true().await;
}

#[tokio::test(start_paused = true)]
async fn ten_repositories_that_live_sixty_times_as_fast_stay_within_the_bounds() {
    let mut stage = Stage::generated(large(60.0)).await.without_memory();
    stage.cycle().await;
    stage.spent();
    for _ in 0..4 {
        stage.minutes(5).await;
        let cycles = stage.cycle().await;
        Stage::whole(&cycles);
        let spent = stage.spent();
        let (requests, points, rest) = figures(&spent);
        println!(
            "fast cycle: {requests} requests ({rest} REST), {points} points, {} changed, {} events",
            cycles[0].report.changed, cycles[0].report.recorded.inserted
        );
        assert!(
            requests <= 65,
            "{requests} requests: {:#?}",
            spent.by_endpoint
        );
        assert!(points <= 60, "{points} points: {:#?}", spent.by_endpoint);
    }
}
