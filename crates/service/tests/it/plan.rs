//! `tidegate plan` held against what passes really cost, by the books of the simulated GitHub.
//!
//! An estimate may be off by a quarter, to either side.

use github::graphql::{COMMITS, ISSUES, PROBE, PULLS, points};
use github_sim::SimConfig;
use github_sim::limit::Resource;
use github_sim::observer::Summary;
use github_sim::world::NewCommit;
use serde_json::Value;

use crate::cli::{Ended, run};
use crate::stage::Stage;

const REPOS: usize = 250;
const ACTIVE: usize = 8;

/// Requests, and what they cost of either quota.
#[derive(Clone, Copy, Debug)]
struct Figures([u64; 3]);

impl Figures {
    fn of(spent: &Summary) -> Figures {
        let (core, graphql) = (
            spent.resource(Resource::Core),
            spent.resource(Resource::Graphql),
        );
        Figures([core.requests + graphql.requests, core.cost, graphql.cost])
    }

    fn planned(cost: &Value) -> Figures {
        Figures(["requests", "core", "graphql"].map(|name| cost[name].as_u64().expect("a number")))
    }

    fn plus(self, other: Figures) -> Figures {
        Figures(std::array::from_fn(|i| self.0[i] + other.0[i]))
    }
}

/// The measured cost is at most a quarter above the planned one.
#[track_caller]
fn assert_enough(planned: Figures, measured: Figures) {
    for (planned, measured) in planned.0.iter().zip(measured.0) {
        assert!(measured * 4 <= planned * 5, "{measured} of {planned}");
    }
}

/// And at most a quarter below it.
#[track_caller]
fn assert_near(planned: Figures, measured: Figures) {
    println!("planned {planned:?}, measured {measured:?}");
    assert_enough(planned, measured);
    for (planned, measured) in planned.0.iter().zip(measured.0) {
        assert!(measured * 4 >= planned * 3, "{measured} of {planned}");
    }
}

fn plan(more: &[&str]) -> Ended {
    run(&[&["plan", "--json"], more].concat(), &[])
}

/// The plan for so many active repositories, by passes that are so far apart.
#[track_caller]
fn planned(repos: usize, active: usize, interval: &str) -> Value {
    let (repos, active) = (repos.to_string(), active.to_string());
    let ended = plan(&[
        "--repos",
        &repos,
        "--active",
        &active,
        "--interval",
        interval,
    ]);
    assert_eq!((ended.code, ended.err.as_str()), (0, ""));
    serde_json::from_str(&ended.out).expect("JSON")
}

async fn stage(speed: f64) -> Stage {
    let config = SimConfig {
        repos: REPOS,
        active: ACTIVE,
        users: 40,
        speed,
        ..SimConfig::default()
    };
    Stage::generated(config).await.without_memory()
}

#[tokio::test(start_paused = true)]
async fn a_pass_costs_what_the_plan_says_where_something_of_everything_happens() {
    let mut stage = stage(0.0).await;
    Stage::whole(&stage.cycle().await);
    let first = Figures::of(&stage.spent());
    stage.minutes(5).await;
    stage.cycle().await;
    stage.spent();
    stage.minutes(5).await;
    Stage::whole(&stage.cycle().await);
    let idle = Figures::of(&stage.spent());

    let busy: Vec<u64> = stage
        .sim
        .truth()
        .repos
        .iter()
        .filter(|repo| repo.issues_enabled && !repo.archived && !repo.disabled)
        .filter(|repo| !repo.pulls.is_empty() && repo.head.is_some())
        .take(ACTIVE)
        .map(|repo| repo.id)
        .collect();
    assert_eq!(busy.len(), ACTIVE);
    stage.script(|world| {
        let who = world
            .accounts()
            .find(|account| !account.is_org() && !account.is_web_flow());
        let who = who.unwrap().id;
        for repo in &busy {
            let by = world.identity(who);
            world.push(*repo, "main", vec![NewCommit::by(by); 20]);
            let numbers = world.repo(*repo).unwrap().pulls.keys().copied();
            for number in numbers.take(5).collect::<Vec<_>>() {
                world.comment(*repo, number, who, "Hm.");
                world.diff_comment(*repo, number, who, "Why?");
            }
            world.open_issue(*repo, who, "And this");
        }
    });
    stage.minutes(3).await;
    Stage::whole(&stage.cycle().await);
    let spent = stage.spent();

    assert_near(Figures::planned(&planned(REPOS, 0, "5m")["pass"]), idle);
    let plan = planned(REPOS, ACTIVE, "5m");
    assert_near(Figures::planned(&plan["pass"]), Figures::of(&spent));
    assert_near(Figures::planned(&plan["first"]), first);
    for (name, document) in [
        ("Probe", PROBE),
        ("Commits", COMMITS),
        ("Pulls", PULLS),
        ("Issues", ISSUES),
    ] {
        let sum = spent.endpoint(&format!("POST graphql {name}"));
        assert!(sum.requests > 0, "{name} was asked: {spent:#?}");
        assert_eq!(sum.cost, sum.requests * points(document, 100), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_hour_of_a_lively_organisation_costs_no_more_than_the_plan_says() {
    // Sixty times as fast as life, so that every active repository has something new for every pass.
    let mut stage = stage(60.0).await;
    Stage::whole(&stage.cycle().await);
    stage.spent();
    let mut hour = Figures([0; 3]);
    for _ in 0..12 {
        stage.minutes(5).await;
        Stage::whole(&stage.cycle().await);
        hour = hour.plus(Figures::of(&stage.spent()));
    }
    let planned = Figures::planned(&planned(REPOS, ACTIVE, "5m")["passes"]);
    println!("planned {planned:?}, measured {hour:?}");
    assert_enough(planned, hour);
}

#[tokio::test(start_paused = true)]
async fn a_quiet_day_costs_the_probes_and_one_second_reading_of_everything() {
    let mut stage = stage(0.0).await;
    Stage::whole(&stage.cycle().await);
    stage.minutes(5).await;
    stage.cycle().await;
    stage.spent();
    // A list in which nothing ever was is not read a second time; the plan knows of no such lists.
    let lists: usize = stage
        .sim
        .truth()
        .repos
        .iter()
        .filter(|repo| !repo.archived && !repo.disabled)
        .map(|repo| {
            let issues = repo.issues_enabled && !repo.issues.is_empty();
            usize::from(!repo.pulls.is_empty()) + usize::from(issues)
        })
        .sum();
    let mut days = Figures([0; 3]);
    // Two days, so that where the first one begins does not matter.
    for _ in 0..48 {
        stage.minutes(60).await;
        Stage::whole(&stage.cycle().await);
        days = days.plus(Figures::of(&stage.spent()));
    }
    let probes = Figures::planned(&planned(REPOS, 0, "1h")["passes"]);
    let second = Figures::planned(&planned(lists / 2, 0, "1h")["daily"]);
    let hour = probes.plus(second);
    assert_near(Figures(hour.0.map(|hourly| hourly * 48)), days);
}

#[test]
fn what_does_not_fit_ends_in_1_and_names_the_interval_that_does() {
    let large = ["--repos", "16000", "--active", "3000"];
    let ended = plan(&[&large as &[&str], &["--interval", "5m"]].concat());
    let answer: Value = serde_json::from_str(&ended.out).expect("JSON");
    assert_eq!((ended.code, &answer["fits"]), (1, &Value::Bool(false)));
    let shortest = answer["shortest_interval_seconds"]
        .as_u64()
        .expect("there is one");
    let fits = |seconds: u64| {
        let interval = format!("{seconds}s");
        plan(&[&large as &[&str], &["--interval", &interval]].concat()).code
    };
    assert_eq!((fits(shortest), fits(shortest - 61)), (0, 1), "{shortest}");

    let text = run(&[&["plan"], &large as &[&str]].concat(), &[]);
    assert!(
        text.out.contains("\nIt does not fit; an interval of "),
        "{}",
        text.out
    );
    assert!(
        text.out.lines().all(|line| line.chars().count() <= 80),
        "{}",
        text.out
    );
    let never = plan(&["--repos", "1000000", "--active", "0", "--limit", "60,60"]);
    assert!(
        !never.out.contains("shortest_interval_seconds"),
        "{}",
        never.out
    );
}

#[test]
fn interval_reserve_policy_organisations_and_app_are_the_configuration_s() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| {
        let path = folder.path().join(name);
        path.to_str().expect("UTF-8").to_owned()
    };
    let key = github_sim::Sim::new(
        SimConfig {
            repos: 1,
            active: 0,
            ..SimConfig::default()
        },
        github_sim::SimClock::real(),
    );
    std::fs::write(path("app.pem"), key.credentials().app_pem()).expect("the file is written");
    let toml = "github.organisations = [\"acme\", \"beta\"]\ngithub.app_id = 1\ngithub.private_key_file = \"app.pem\"\n\
                scrape.interval = \"10m\"\nquota.reserve = 500\nquota.policy = \"even\"\n";
    std::fs::write(path("t.toml"), toml).expect("the file is written");
    let of = |more: &[&str]| {
        let file = path("t.toml");
        let all = [&["--repos", "100", "--bulk", "10", "--config", &file], more].concat();
        let ended = plan(&all);
        let answer: Value =
            serde_json::from_str(&ended.out).unwrap_or_else(|_| panic!("{}", ended.err));
        answer
    };
    let answer = of(&[]);
    assert_eq!(answer["interval_seconds"], 600);
    assert_eq!(answer["policy"], "even");
    assert_eq!(answer["world"]["orgs"], 2);
    assert_eq!(answer["world"]["active"], 10);
    // Fifty repositories in each installation, of which twenty are in the first 5,000.
    assert_eq!(
        answer["room"],
        serde_json::json!({
            "credentials": 2,
            "limit": { "core": 6500, "graphql": 6500 },
            "reserve": { "core": 500, "graphql": 500 },
        })
    );
    assert_eq!(of(&["--token"])["room"]["limit"]["core"], 5000);
    let told = of(&["--limit", "15000,10000", "--interval", "1m", "--orgs", "1"]);
    assert_eq!(
        (&told["room"]["limit"]["core"], &told["interval_seconds"]),
        (&15_000.into(), &60.into())
    );
}

#[test]
fn a_plan_that_cannot_be_ends_in_one_line() {
    for (arguments, says) in [
        (&[] as &[&str], "--repos"),
        (&["--repos", "0"], "--repos"),
        (&["--repos", "many"], "many"),
        (
            &["--repos", "5", "--active", "6"],
            "--active 6 is more than there are repositories (5)",
        ),
        (&["--repos", "5", "--orgs", "6"], "--orgs 6 is more"),
        (
            &["--repos", "5", "--limit", "5000"],
            "write two numbers, such as 5000,5000",
        ),
        (&["--repos", "5", "--limit", "5000,0"], "from 1 to"),
        (
            &["--repos", "5", "--limit", "1,1", "--app"],
            "cannot be used with",
        ),
        (&["--repos", "5", "--interval", "1s"], "scrape.interval"),
        (&["--repos", "5", "--bulk", "0"], "--bulk"),
    ] {
        let ended = run(&[&["plan"], arguments].concat(), &[]);
        assert_eq!(
            (ended.code, ended.out.as_str()),
            (2, ""),
            "{arguments:?}: {}",
            ended.err
        );
        assert_eq!(ended.err.lines().count(), 1, "{}", ended.err);
        assert!(ended.err.contains(says), "{says} in {}", ended.err);
    }
}
