//! The simulation of `quota` and the real gate, the same arrivals through both: here requests are sent by the real client to
//! a simulated GitHub that is written by its own rules, on paused time, there everything is a model. They have to agree on
//! what a policy does to live work, on how long a job takes and on what is left unused; else one of them is not what it
//! claims to be.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use github::gate::Ask;
use github::{
    ApiUrl, Client, Clock, Gate, Governor, Lane, MemoryAnswers, Request, Settings, transport,
};
use github_sim::{Sim, SimClock, SimConfig};
use jiff::Timestamp;
use quota::simulate::{Rate, Row, Scenario, World, matrix, play, taught};
use quota::{Hearing, Policy, Resource};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};
use tower::ServiceExt as _;

use crate::lab::{Lab, limit, token};

/// An answer takes 70 ms in both; here always, there on average.
const THERE: Duration = Duration::from_millis(28);
const BACK: Duration = Duration::from_millis(42);
/// Items that a process works on at a time, as there.
const SLOTS: usize = 8;
const HOUR: Duration = Duration::from_secs(3600);
/// A live request that waited longer is blocked, as there.
const PATIENCE: Duration = Duration::from_secs(1);

/// Makespans may differ by this part, since single answers take longer or shorter there and a reset is known to a second only.
/// They were found to differ by less than a thousandth.
const APART: f64 = 0.01;
/// Blocked requests may differ by so many: one that opens the window here, and one that comes as it ends.
const BLOCKED_APART: u64 = 2;

/// What became of a job and of the live work beside it.
#[derive(Debug)]
struct Outcome {
    live_blocked: u64,
    makespan_s: f64,
    /// What remained at the end of a window through all of which the job was pending, at most.
    unused_at_reset: u64,
}

impl From<Row> for Outcome {
    fn from(row: Row) -> Outcome {
        assert!(!row.unfinished && row.live_blocked_alone == 0, "{row:?}");
        Outcome {
            live_blocked: row.live_blocked,
            makespan_s: row.makespan_s,
            unused_at_reset: row.unused_at_reset,
        }
    }
}

/// One process with the real gate and client, and its GitHub.
struct Stage {
    lab: Lab,
    client: Client,
    gate: Gate,
    /// When the job begins.
    start: Instant,
}

impl Stage {
    /// At the start of a world: what was used of the window is used, and what could be learnt is learnt.
    async fn of(world: &World, policy: Policy) -> Stage {
        let scenario = world.scenario();
        let begun = HOUR - Duration::from_secs(scenario.first_reset.into());
        let (opens, start) = (world.start() - begun, Instant::now() + begun);
        let mut config = SimConfig {
            speed: 0.0,
            ..limit(scenario.limit)
        };
        config.rules.latency.base = BACK;
        let clock = Clock::virtual_from(opens);
        let lab = Lab {
            sim: Sim::new(config, SimClock::virtual_from(opens)),
            governor: Governor::new(clock, quota::Settings::default()),
            answers: Arc::new(MemoryAnswers::new(0)),
            clock,
        };
        let lab = lab.paced(policy);
        // A window begins with the first request in it.
        lab.others_spend(scenario.used.max(1)).await;
        sleep_until(start).await;
        lab.sim.observer().reset();
        let mut limits = lab.sim.limits();
        limits.secondary.enforced = true;
        lab.sim.set_limits(limits);

        let gate = lab.governor.gate("stage");
        let learnt = taught(world);
        gate.with_quota(|quota, now| quota.learn(&learnt, now));
        let service = lab.sim.service();
        let far = tower::service_fn(move |request: http::Request<Bytes>| {
            let service = service.clone();
            async move {
                sleep(THERE).await;
                service.oneshot(request).await
            }
        });
        let client = Client::new(
            Settings::new(ApiUrl::parse("http://127.0.0.1:1").unwrap(), "stage"),
            token("sim-token"),
            transport::adapt(far),
            gate.clone(),
            clock,
            lab.answers.clone(),
        );
        Stage {
            lab,
            client,
            gate,
            start,
        }
    }

    /// Something that nobody else asks for.
    async fn ask(&self, lane: Lane, number: u32, change: impl FnOnce(Request) -> Request) {
        let path = format!("/orgs/acme?{}={number}", lane.as_str());
        let request = change(Request::get(path).unconditional());
        self.client.send(lane, request).await.unwrap();
    }

    /// Tells and hears once a second, as a process does that is alone.
    async fn exchange(&self) {
        loop {
            self.gate.with_quota(|quota, now| {
                let _nobody_hears = quota.share(now);
                let alone = Hearing::Others {
                    me: "alone".to_owned(),
                    heard: Vec::new(),
                };
                quota.hear(&alone, now);
            });
            sleep(Duration::from_secs(1)).await;
        }
    }
}

/// Runs a world's job and its live requests through the real gate.
async fn perform(world: &World, policy: Policy) -> Outcome {
    let scenario = world.scenario();
    let stage = Arc::new(Stage::of(world, policy).await);
    let ticking = tokio::spawn({
        let stage = stage.clone();
        async move { stage.exchange().await }
    });
    let mut live = JoinSet::new();
    for (number, at) in (0..).zip(world.live()) {
        let stage = stage.clone();
        live.spawn(async move {
            let due = stage.start + at;
            sleep_until(due).await;
            stage.ask(Lane::Live, number, |request| request).await;
            (at, due.elapsed() <= THERE + BACK + PATIENCE)
        });
    }
    let (items, calls) = (scenario.items, scenario.calls.0);
    let next = Arc::new(AtomicU32::new(0));
    let mut slots = JoinSet::new();
    for _ in 0..SLOTS {
        let (stage, next) = (stage.clone(), next.clone());
        slots.spawn(async move {
            loop {
                let item = next.fetch_add(1, Ordering::Relaxed);
                if item >= items {
                    return;
                }
                let ask = Ask::item(Resource::core(), calls.into());
                let pass = stage.gate.item(Lane::Bulk, ask).await;
                for call in 0..calls {
                    let number = item * calls + call;
                    stage
                        .ask(Lane::Bulk, number, |request| request.within(pass.id()))
                        .await;
                }
            }
        });
    }
    slots.join_all().await;
    let makespan = stage.start.elapsed();

    // Up to the end of the window in which the job ended; whoever came then is served a little later.
    let mut ends = Duration::from_secs(scenario.first_reset.into());
    while ends < makespan {
        ends += HOUR;
    }
    sleep_until(stage.start + ends + 2 * PATIENCE).await;
    let came = world.live().filter(|at| *at < ends).count();
    let mut in_time = 0;
    while let Some(ended) = live.try_join_next() {
        let (at, is_in_time) = ended.unwrap();
        in_time += usize::from(is_in_time && at < ends);
    }
    ticking.abort();
    Outcome {
        live_blocked: (came - in_time) as u64,
        makespan_s: makespan.as_secs_f64(),
        unused_at_reset: unused(&stage.lab.sim, scenario, world.start(), makespan),
    }
}

/// What remained at most at the end of a window through all of which the job was pending. As at GitHub, a window begins with
/// the first request that is paid after the one before.
fn unused(sim: &Sim, scenario: &Scenario, start: Timestamp, makespan: Duration) -> u64 {
    let done = start + makespan;
    let mut ends = start + Duration::from_secs(scenario.first_reset.into());
    let (mut used, mut most) = (scenario.used.max(1), 0);
    let mut paid = sim.observer().requests();
    paid.retain(|seen| seen.cost > 0);
    paid.sort_by_key(|seen| seen.at);
    for seen in paid {
        let charged = seen.at + BACK;
        if charged >= ends {
            if ends - HOUR >= start && ends <= done {
                most = most.max(scenario.limit - used);
            }
            ends = Timestamp::from_second(charged.as_second()).unwrap() + HOUR;
            used = 0;
        }
        used += seen.cost;
    }
    most
}

fn scenario(name: &str, items: u32) -> Scenario {
    let all = matrix();
    let found = all.into_iter().find(|scenario| scenario.name == name);
    Scenario {
        items,
        ..found.expect("it is in the matrix")
    }
}

/// Plays a scenario in both ways with policies that spare live work and one that may not. Gives how many live requests that
/// one has blocked.
async fn check(scenario: &Scenario) -> u64 {
    let mut blocked_by_sprint = 0;
    for policy in [Policy::Adaptive, Policy::Even, Policy::Sprint] {
        let world = World::new(scenario, 1);
        let simulated = Outcome::from(play(&world, policy));
        let real = perform(&world, policy).await;
        let told = format!("{} {policy}:\n  {simulated:?}\n  {real:?}", scenario.name);
        let apart = (real.makespan_s - simulated.makespan_s).abs() / simulated.makespan_s;
        assert!(apart < APART, "{told}");
        let apart = real.unused_at_reset.abs_diff(simulated.unused_at_reset);
        assert!(apart <= u64::from(scenario.calls.1), "{told}");
        if policy == Policy::Sprint {
            let apart = real.live_blocked.abs_diff(simulated.live_blocked);
            assert!(apart <= BLOCKED_APART, "{told}");
            blocked_by_sprint = real.live_blocked;
        } else {
            assert_eq!(
                (real.live_blocked, simulated.live_blocked),
                (0, 0),
                "{told}"
            );
        }
    }
    blocked_by_sprint
}

#[tokio::test(start_paused = true)]
async fn the_simulation_and_the_real_gate_agree_where_there_is_enough() {
    assert_eq!(check(&scenario("live-0.25", 80)).await, 0);
}

#[tokio::test(start_paused = true)]
async fn the_simulation_and_the_real_gate_agree_on_a_job_that_has_to_wait_for_a_reset() {
    assert_eq!(check(&scenario("live-0.5-midway", 190)).await, 0);
}

#[tokio::test(start_paused = true)]
async fn the_simulation_and_the_real_gate_agree_on_what_is_left_unused() {
    assert_eq!(check(&scenario("limit-1000", 90)).await, 0);
}

#[tokio::test(start_paused = true)]
async fn the_simulation_and_the_real_gate_agree_on_how_much_live_work_a_greedy_policy_blocks() {
    let crowded = Scenario {
        live: Rate::Steady(0.13),
        ..scenario("limit-1000", 60)
    };
    assert!(check(&crowded).await > 40);
}
