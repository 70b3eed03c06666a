//! Whatever goes wrong on GitHub's side, a cycle completes or leaves exact gaps, nothing is sent into a known block, and
//! the next healthy cycles end equal to the truth.

use github_sim::SimConfig;
use github_sim::fault::{Action, Matcher, Rule};
use github_sim::limit::RefusalStatus;
use github_sim::world::ReviewState;
use jiff::SignedDuration;
use ledger::coverage::GapReason;
use ledger::event::Stream;
use ledger::port::activity::CycleResult;
use rand::RngExt as _;

use crate::stage::{Play, Stage, Told, noon, random};

fn status(code: u16) -> Action {
    Action::Status { code }
}

/// GraphQL pages of more than 30 nodes are too much for this GitHub.
fn large_pages_fail() -> Rule {
    let matcher = Matcher {
        first_above: Some(30),
        ..Matcher::default()
    };
    Rule::always(status(502)).when(matcher)
}

fn secondary(status: RefusalStatus, retry_after: bool, claims_exhaustion: bool) -> Action {
    Action::SecondaryLimit {
        seconds: 60,
        retry_after,
        status,
        claims_exhaustion,
    }
}

/// What a trouble may do to the cycle that it strikes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum May {
    /// Delay it.
    Delay,
    /// Cost some of it.
    Cost,
}

/// Plays with rules that strike one cycle, and judges the cycles after it.
async fn check(name: &str, told: Told, rules: &[Rule], may: May) {
    let mut struck = 0;
    for seed in 0..4 {
        let (world, play) = Play::world();
        let mut stage = Stage::of(world, told.clone()).await;
        let mut random = random(seed);
        // The first cycle is struck as well in every second play.
        if seed % 2 == 0 {
            Stage::whole(&stage.cycle().await);
        }
        for _ in 0..4 {
            for _ in 0..random.random_range(1..6) {
                stage.script(|world| play.stir(world, &mut random));
                stage.seconds(random.random_range(0..300)).await;
            }
            for rule in rules {
                stage.sim.faults().add(rule.clone());
            }
            let cycles = stage.cycle().await;
            if may == May::Delay {
                Stage::whole(&cycles);
            }
            struck += stage
                .sim
                .faults()
                .list()
                .iter()
                .map(|rule| rule.2)
                .sum::<u64>();
            stage.assert_honest().await;
            stage.assert_accounted(&cycles).await;
            stage.sim.faults().clear();
            if may == May::Delay {
                let diff = stage.audit().await;
                assert!(diff.is_empty(), "{name}, seed {seed}: {diff}");
            }
            stage.minutes(3).await;
            let cycles = stage.cycle().await;
            assert_eq!(
                cycles[0].report.result,
                CycleResult::Success,
                "{name}, seed {seed}: {cycles:#?}"
            );
            let diff = stage.audit().await;
            assert!(diff.is_empty(), "{name}, seed {seed}: {diff}");
            stage.assert_no_gaps().await;
        }
        assert_eq!(
            stage.sim.observer().summary().total.sent_into_block,
            0,
            "{name}, seed {seed}"
        );
    }
    assert!(struck > 0, "{name} never struck");
}

/// Requests that an installation's token signs; the App's own are another matter.
fn by_installation() -> Matcher {
    Matcher {
        credential: Some("installation:*".to_owned()),
        ..Matcher::default()
    }
}

fn acme() -> Told {
    Told::to_measure(&["acme"])
}

#[tokio::test(start_paused = true)]
async fn troubles_that_pass_only_delay_a_cycle() {
    for (name, told, rules) in [
        ("pages above 30 are a 502", acme(), vec![large_pages_fail()]),
        (
            "one answer in four is cut short",
            acme(),
            vec![Rule::always(Action::Truncate { keep: None }).times(3)],
        ),
        (
            "bodies come in pieces",
            acme(),
            vec![Rule::always(Action::Trickle {
                pieces: 10,
                pause_ms: 400,
            })],
        ),
        (
            "everything is slow",
            acme(),
            vec![Rule::always(Action::Delay { ms: 4_000 })],
        ),
        (
            "some 500 and 503",
            acme(),
            vec![
                Rule::always(status(500)).times(2),
                Rule::always(status(503)).skip(2).times(1),
            ],
        ),
        (
            "connections are reset",
            acme(),
            vec![Rule::always(Action::Reset).skip(1).times(3)],
        ),
        (
            "a 403 with retry-after",
            acme(),
            vec![
                Rule::always(secondary(RefusalStatus::Forbidden, true, false))
                    .skip(1)
                    .times(1),
            ],
        ),
        (
            "a 429 with retry-after",
            acme(),
            vec![
                Rule::always(secondary(RefusalStatus::TooManyRequests, true, false))
                    .skip(1)
                    .times(1),
            ],
        ),
        (
            "a 403 that says nothing",
            acme(),
            vec![
                Rule::always(secondary(RefusalStatus::Forbidden, false, false))
                    .skip(1)
                    .times(1),
            ],
        ),
        (
            "a 429 that says nothing",
            acme(),
            vec![
                Rule::always(secondary(RefusalStatus::TooManyRequests, false, false))
                    .skip(2)
                    .times(1),
            ],
        ),
        (
            "a 403 that claims an exhausted quota",
            acme(),
            vec![
                Rule::always(secondary(RefusalStatus::Forbidden, true, true))
                    .skip(1)
                    .times(1),
            ],
        ),
        (
            "GraphQL answers 200 with RATE_LIMITED",
            acme(),
            vec![
                Rule::always(Action::GraphqlRateLimited {
                    kind: "RATE_LIMITED".to_owned(),
                })
                .times(1),
            ],
        ),
        (
            "an Enterprise Server without limits",
            acme(),
            vec![Rule::always(Action::NoLimitHeaders)],
        ),
        (
            "an installation token that is no longer good",
            acme().with_app(),
            vec![
                Rule::always(Action::ExpireToken)
                    .when(by_installation())
                    .skip(1)
                    .times(1),
            ],
        ),
        (
            "a reset time that strays",
            acme(),
            vec![Rule::always(Action::ResetJitter { seconds: 5 })],
        ),
        (
            "a clock that is fast",
            acme(),
            vec![Rule::always(Action::Skew { seconds: 30 })],
        ),
        (
            "a clock that is slow",
            acme(),
            vec![Rule::always(Action::Skew { seconds: -30 })],
        ),
    ] {
        check(name, told, &rules, May::Delay).await;
    }
}

#[tokio::test(start_paused = true)]
async fn troubles_that_stay_for_a_cycle_leave_exact_gaps_that_heal() {
    let rest = || Matcher::path("/repos/*");
    let operation = Matcher::operation;
    for (name, told, rules) in [
        (
            "comments are a 500",
            acme(),
            vec![Rule::always(status(500)).when(rest())],
        ),
        (
            "comments are cut short",
            acme(),
            vec![Rule::always(Action::Truncate { keep: Some(40) }).when(rest())],
        ),
        (
            "comments are forbidden for a moment",
            acme(),
            vec![Rule::always(status(403)).when(rest())],
        ),
        (
            "comments are not found for a moment",
            acme(),
            vec![Rule::always(status(404)).when(rest())],
        ),
        (
            "pulls are a 502",
            acme(),
            vec![Rule::always(status(502)).when(operation("PULLS"))],
        ),
        (
            "issues are a 504",
            acme(),
            vec![Rule::always(status(504)).when(operation("ISSUES"))],
        ),
        (
            "commits are reset",
            acme(),
            vec![Rule::always(Action::Reset).when(operation("COMMITS"))],
        ),
        (
            "pulls hang",
            acme(),
            vec![Rule::always(Action::Delay { ms: 600_000 }).when(operation("PULLS"))],
        ),
        (
            "the probe is a 500",
            acme(),
            vec![Rule::always(status(500)).when(operation("PROBE"))],
        ),
        ("nobody answers", acme(), vec![Rule::outage()]),
        (
            "data is partial now and then",
            acme(),
            vec![Rule::always(Action::PartialData).chance(0.4)],
        ),
        (
            "data is partial",
            acme(),
            vec![Rule::always(Action::PartialData)],
        ),
        (
            "the token is bad for a while",
            acme(),
            vec![Rule::always(Action::ExpireToken).skip(2).times(8)],
        ),
        (
            "every token of the App is bad",
            acme().with_app(),
            vec![Rule::always(Action::ExpireToken).times(9)],
        ),
        (
            "everything at once",
            acme(),
            vec![
                Rule::always(status(500)).chance(0.15),
                Rule::always(Action::Reset).chance(0.1),
                Rule::always(Action::Truncate { keep: None }).chance(0.1),
                Rule::always(Action::PartialData).chance(0.1),
                large_pages_fail(),
            ],
        ),
    ] {
        check(name, told, &rules, May::Cost).await;
    }
}

#[tokio::test(start_paused = true)]
async fn random_troubles_cost_nothing_in_the_end() {
    for seed in 0..20 {
        let (world, play) = Play::world();
        let told = if seed % 2 == 0 {
            acme()
        } else {
            acme().with_app()
        };
        let mut stage = Stage::of(world, told).await;
        let mut random = random(1_000 + seed);
        for _ in 0..6 {
            stage.script(|world| play.stir(world, &mut random));
            let chance = |random: &mut rand_chacha::ChaCha8Rng| random.random_range(0.02..0.25);
            let statuses = [RefusalStatus::Forbidden, RefusalStatus::TooManyRequests];
            for action in [
                status([500, 502, 503, 504][random.random_range(0..4)]),
                Action::Reset,
                Action::Trickle {
                    pieces: 4,
                    pause_ms: random.random_range(0..3_000),
                },
                Action::PartialData,
                Action::ExpireToken,
                Action::NoLimitHeaders,
                secondary(
                    statuses[random.random_range(0..2)],
                    random.random_bool(0.5),
                    random.random_bool(0.5),
                ),
                // A 200 that was cut short tells nobody of a limit; of a 403 enough has arrived.
                if random.random_bool(0.5) {
                    Action::Truncate {
                        keep: Some(random.random_range(160..300)),
                    }
                } else {
                    Action::GraphqlRateLimited {
                        kind: "RATE_LIMIT".to_owned(),
                    }
                },
            ] {
                if random.random_bool(0.5) {
                    let chance = chance(&mut random);
                    stage.sim.faults().add(Rule::always(action).chance(chance));
                }
            }
            let cycles = stage.cycle().await;
            stage.assert_honest().await;
            stage.assert_accounted(&cycles).await;
            stage.seconds(random.random_range(1..400)).await;
            stage.sim.faults().clear();
        }
        // A GitHub that has recovered, and a client that may still be told to stay away for a while.
        stage.minutes(10).await;
        Stage::whole(&stage.cycle().await);
        stage.minutes(3).await;
        Stage::whole(&stage.cycle().await);
        let diff = stage.audit().await;
        assert!(diff.is_empty(), "seed {seed}: {diff}");
        stage.assert_no_gaps().await;
        let total = stage.sim.observer().summary().total;
        assert_eq!(total.sent_into_block, 0, "seed {seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn one_repository_that_fails_costs_itself() {
    let config = SimConfig {
        repos: 12,
        speed: 0.0,
        ..SimConfig::default()
    };
    for code in [500, 403, 404, 451] {
        let mut stage = Stage::generated(config.clone()).await;
        let bad = stage.sim.truth().repos[0].name.clone();
        let path = format!("/repos/acme/{bad}/*");
        stage
            .sim
            .faults()
            .add(Rule::always(status(code)).when(Matcher::path(&path)));
        let cycles = stage.cycle().await;
        let report = &cycles[0].report;
        assert_eq!(
            (report.result, report.failed),
            (CycleResult::Partial, 1),
            "{cycles:#?}"
        );
        let diff = stage.audit().await;
        assert!(diff.overclaims.is_empty(), "{diff}");
        assert!(!diff.facts.is_empty());
        for line in &diff.facts {
            assert!(line.starts_with(&bad), "{code}: {line}");
        }
        let views = stage.store().repos("acme").await.unwrap();
        let view = views.iter().find(|view| view.name == bad).unwrap();
        assert!(
            view.stream(Stream::Commits)
                .unwrap()
                .coverage
                .gaps()
                .is_empty()
        );
        let gaps = view.stream(Stream::Pulls).unwrap().coverage.gaps();
        let reason = if code == 403 {
            GapReason::Forbidden
        } else {
            GapReason::ScrapeError
        };
        assert_eq!(
            gaps.iter().map(|gap| gap.reason).collect::<Vec<_>>(),
            [reason]
        );
        // What stays refused is unavailable, and costs nothing for a day.
        stage.minutes(5).await;
        stage.cycle().await;
        stage.minutes(5).await;
        stage.spent();
        let cycles = stage.cycle().await;
        let views = stage.store().repos("acme").await.unwrap();
        let view = views.iter().find(|view| view.name == bad).unwrap();
        let unavailable = view.stream(Stream::Pulls).unwrap().unavailable.is_some();
        assert_eq!(unavailable, code != 500, "{code}");
        if unavailable {
            Stage::whole(&cycles);
            assert_eq!(
                stage
                    .spent()
                    .resource(github_sim::limit::Resource::Core)
                    .requests,
                0
            );
        }
        stage.sim.faults().clear();
        stage.minutes(60 * 25).await;
        Stage::whole(&stage.cycle().await);
        stage.assert_true().await;
        stage.assert_no_gaps().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_first_reading_of_many_repositories_waits_for_its_quota_and_goes_on() {
    let config = SimConfig {
        repos: 40,
        speed: 0.0,
        ..SimConfig::default()
    };
    let mut stage = Stage::generated(config).await;
    let mut limits = stage.sim.limits();
    limits.primary.user = 60;
    limits.primary.graphql = Some(60);
    stage.sim.set_limits(limits);
    let cycles = stage.cycle().await;
    Stage::whole(&cycles);
    assert!(stage.now().duration_since(noon()) > SignedDuration::from_hours(1));
    let total = stage.spent().total;
    assert_eq!((total.sent_into_block, total.refused_primary), (0, 0));
    stage.catch_up().await;
}

#[tokio::test(start_paused = true)]
async fn a_burst_stays_below_the_secondary_limits() {
    let mut stage = Stage::generated(SimConfig {
        repos: 300,
        active: 10,
        speed: 0.0,
        ..SimConfig::default()
    })
    .await
    .without_memory();
    stage
        .restart_told(acme().key("scrape.concurrency", &["50"]))
        .await;
    Stage::whole(&stage.cycle().await);
    let total = stage.spent().total;
    assert_eq!(
        (
            total.sent_into_block,
            total.refused_secondary,
            total.refused_primary
        ),
        (0, 0, 0)
    );
    stage.catch_up().await;
}

#[tokio::test(start_paused = true)]
async fn what_was_read_in_part_is_kept_and_claims_nothing() {
    let (mut world, play) = Play::world();
    play.push(&mut world, "main", 4_000);
    let number = play.pull(&mut world, "talk", 1);
    for _ in 0..250 {
        world.review(play.repo, number, play.bob, ReviewState::Commented, "");
    }
    let mut stage = Stage::of(world, acme()).await.without_memory();
    stage.sim.faults().add(
        Rule::always(Action::Reset)
            .when(Matcher::operation("COMMITS"))
            .skip(30),
    );
    stage.sim.faults().add(
        Rule::always(status(500))
            .when(Matcher::operation("PULL_REVIEWS"))
            .skip(1),
    );
    let cycles = stage.cycle().await;
    assert_eq!(cycles[0].report.result, CycleResult::Partial, "{cycles:#?}");
    assert!(cycles[0].report.recorded.inserted >= 2_000, "{cycles:#?}");
    stage.assert_honest().await;
    stage.assert_accounted(&cycles).await;
    stage.sim.faults().clear();
    stage.minutes(5).await;
    Stage::whole(&stage.cycle().await);
    stage.assert_true().await;
    stage.assert_no_gaps().await;
}
