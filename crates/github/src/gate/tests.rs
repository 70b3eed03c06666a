use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use quota::{Observation, Policy, Refusal, Resource, WaitReason};
use tokio::time::{sleep, timeout};

use super::*;

mod breaking;
mod items;
mod many;

const START: &str = "2026-03-01T00:00:00Z";

fn start() -> Timestamp {
    START.parse().unwrap()
}

fn at(second: u64) -> Timestamp {
    start() + Duration::from_secs(second)
}

/// The reserve of `even` does not move, so that times are round.
fn governor() -> Arc<Governor> {
    paced(Policy::Even)
}

fn paced(policy: Policy) -> Arc<Governor> {
    let settings = Settings {
        policy,
        ..Settings::default()
    };
    Governor::new(Clock::virtual_from(start()), settings)
}

fn read() -> Ask {
    Ask::read(Resource::core(), 1)
}

/// Headers of a window that ends an hour after the start.
fn used(used: u64) -> Seen {
    window(used, 3600)
}

fn window(used: u64, reset: u64) -> Seen {
    let observation = Observation {
        limit: Some(5000),
        remaining: Some(5000 - used),
        used: Some(used),
        reset: Some(at(reset)),
        ..Observation::default()
    };
    Seen {
        observation,
        ..Seen::default()
    }
}

fn secondary(seconds: u64) -> Seen {
    let retry_after = Some(Duration::from_secs(seconds));
    Seen {
        refusal: Some(Refusal::Secondary { retry_after }),
        ..used(100)
    }
}

/// A gate whose bucket is known.
async fn gate(spent: u64) -> Gate {
    let gate = governor().gate("acme");
    observe(&gate, used(spent)).await;
    gate
}

async fn observe(gate: &Gate, seen: Seen) {
    let pass = now(gate.admit(Lane::Live, Ask::read(Resource::core(), 0))).await;
    gate.observe(pass, seen);
}

/// What has to be ready without waiting for anything.
#[track_caller]
fn now<T>(future: impl Future<Output = T>) -> impl Future<Output = T> {
    let future = timeout(Duration::ZERO, future);
    async { future.await.expect("it goes at once") }
}

/// Times of events, in seconds since the start, in the order in which they happened.
#[derive(Clone)]
struct Timeline(Arc<Mutex<Vec<(f64, String)>>>, Instant);

impl Timeline {
    fn new() -> Timeline {
        Timeline(Arc::default(), Instant::now())
    }

    fn add(&self, what: impl Into<String>) {
        self.0
            .lock()
            .unwrap()
            .push((self.1.elapsed().as_secs_f64(), what.into()));
    }

    fn names(&self) -> String {
        self.0
            .lock()
            .unwrap()
            .iter()
            .map(|(_, what)| what.as_str())
            .collect::<Vec<_>>()
            .join(" ")
    }

    fn times(&self) -> Vec<f64> {
        self.0
            .lock()
            .unwrap()
            .iter()
            .map(|(time, _)| *time)
            .collect()
    }
}

/// Sends a request as soon as it may go, and writes that down.
fn send(
    gate: &Gate,
    lane: Lane,
    ask: Ask,
    name: &str,
    timeline: &Timeline,
) -> tokio::task::JoinHandle<Pass> {
    let (gate, name, timeline) = (gate.clone(), name.to_owned(), timeline.clone());
    tokio::spawn(async move {
        let pass = gate.admit(lane, ask).await;
        timeline.add(name);
        pass
    })
}

/// Lets everything that can go on do so, without time passing.
async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn all_gates_of_a_credential_share_one_knowledge() {
    let governor = governor();
    observe(&governor.gate("acme"), used(4500)).await;
    let same = governor.gate("acme");
    assert!(
        timeout(Duration::from_secs(10), same.admit(Lane::Scheduled, read()))
            .await
            .is_err()
    );
    drop(now(governor.gate("other").admit(Lane::Scheduled, read())).await);
    let names: Vec<_> = governor
        .report()
        .into_iter()
        .map(|report| report.credential)
        .collect();
    assert_eq!(names, ["acme", "other"]);
}

#[tokio::test(start_paused = true)]
async fn live_work_passes_everything_that_waits() {
    let gate = gate(4500).await;
    let timeline = Timeline::new();
    for lane in [Lane::Bulk, Lane::Backfill, Lane::Scheduled] {
        for _ in 0..50 {
            send(&gate, lane, read(), lane.as_str(), &timeline);
        }
    }
    settle().await;
    for _ in 0..500 {
        let pass = now(gate.admit(Lane::Live, read())).await;
        gate.observe(pass, Seen::default());
    }
    assert_eq!(timeline.names(), "");
}

#[tokio::test(start_paused = true)]
async fn a_wait_for_the_reset_ends_within_two_seconds_after_it_and_in_order() {
    let gate = gate(4500).await;
    let timeline = Timeline::new();
    for n in 0..5 {
        send(&gate, Lane::Scheduled, read(), &n.to_string(), &timeline);
    }
    sleep(Duration::from_secs(3600)).await;
    settle().await;
    assert_eq!(timeline.names(), "");
    sleep(Duration::from_secs(2)).await;
    assert_eq!(timeline.names(), "0 1 2 3 4");
    let report = gate.report();
    let [total] = report.waits.as_slice() else {
        panic!("{:?}", report.waits)
    };
    assert_eq!(
        (total.lane, total.reason, total.count),
        (Lane::Scheduled, WaitReason::Reserve, 5)
    );
    assert!(
        (5.0 * 3601.0..=5.0 * 3602.0).contains(&total.time.as_secs_f64()),
        "{:?}",
        total.time
    );
}

#[tokio::test(start_paused = true)]
async fn every_answer_replans_what_waits() {
    let gate = gate(4500).await;
    let timeline = Timeline::new();
    send(&gate, Lane::Scheduled, read(), "scheduled", &timeline);
    sleep(Duration::from_secs(100)).await;
    let grown = Observation {
        limit: Some(12_500),
        remaining: Some(7999),
        used: Some(4501),
        ..used(0).observation
    };
    observe(
        &gate,
        Seen {
            observation: grown,
            ..Seen::default()
        },
    )
    .await;
    settle().await;
    assert_eq!(timeline.times(), [100.0], "the limit has grown");
}

#[tokio::test(start_paused = true)]
async fn bulk_is_spread_and_yields_to_what_others_spend() {
    let gate = gate(0).await;
    let timeline = Timeline::new();
    let spent = Arc::new(AtomicU64::new(0));
    for n in 0..5 {
        let (gate, timeline, spent) = (gate.clone(), timeline.clone(), spent.clone());
        tokio::spawn(async move {
            let pass = gate.admit(Lane::Bulk, read()).await;
            timeline.add(n.to_string());
            let others = if n == 2 { 10 } else { 0 };
            gate.observe(
                pass,
                used(spent.fetch_add(1 + others, Ordering::Relaxed) + 1 + others),
            );
        });
    }
    sleep(Duration::from_secs(60)).await;
    assert_eq!(timeline.names(), "0 1 2 3 4");
    let times = timeline.times();
    let gaps: Vec<f64> = times
        .windows(2)
        .map(|pair| ((pair[1] - pair[0]) * 10.0).round() / 10.0)
        .collect();
    assert_eq!(
        gaps,
        [0.9, 0.9, 9.9, 0.9],
        "the third was followed by an answer that showed ten of others"
    );
}

#[tokio::test(start_paused = true)]
async fn many_first_pages_wait_for_the_first_answer() {
    let gate = governor().gate("acme");
    let timeline = Timeline::new();
    let mut tasks: Vec<_> = (0..5)
        .map(|n| send(&gate, Lane::Scheduled, read(), &n.to_string(), &timeline))
        .collect();
    sleep(Duration::from_secs(1)).await;
    assert_eq!(timeline.names(), "0");
    gate.observe(tasks.remove(0).await.unwrap(), used(10));
    settle().await;
    assert_eq!(timeline.names(), "0 1 2 3 4");
}

#[tokio::test(start_paused = true)]
async fn a_limit_closes_the_credential_to_everybody_until_the_stated_time() {
    let gate = gate(100).await;
    let timeline = Timeline::new();
    let [refused, unsent] = [
        now(gate.admit(Lane::Bulk, read())).await,
        now(gate.admit(Lane::Live, read())).await,
    ];
    assert!(unsent.is_open());
    gate.observe(refused, secondary(90));
    assert!(
        !unsent.is_open(),
        "what has a pass and was not sent stays unsent"
    );
    drop(unsent);
    for lane in Lane::ALL {
        send(&gate, lane, read(), lane.as_str(), &timeline);
    }
    settle().await;
    let waiting = gate.report().waiting;
    assert_eq!(waiting.len(), 5);
    assert!(
        waiting
            .iter()
            .all(|waiting| waiting.reason == WaitReason::Blocked && waiting.until == Some(at(90)))
    );
    sleep(Duration::from_secs(90)).await;
    settle().await;
    assert!(
        timeline.times().iter().all(|time| *time >= 90.0),
        "{:?}",
        timeline.times()
    );
    sleep(Duration::from_secs(2)).await;
    assert_eq!(timeline.names(), "live interactive scheduled backfill bulk");
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_for_a_refusal_hears_of_it_also_if_it_came_before_and_of_nothing_else() {
    let governor = governor();
    let gate = governor.gate("token");
    observe(&gate, used(1)).await;
    gate.close(at(5));
    let waited = timeout(Duration::from_secs(20), governor.refused()).await;
    assert!(waited.is_err(), "nothing was refused");
    observe(&gate, secondary(90)).await;
    now(governor.refused()).await;
    let waited = timeout(Duration::from_secs(20), governor.refused()).await;
    assert!(waited.is_err(), "it is told once");
}

#[tokio::test(start_paused = true)]
async fn after_a_limit_requests_keep_their_distance() {
    let gate = gate(100).await;
    observe(&gate, secondary(60)).await;
    let timeline = Timeline::new();
    for n in 0..10 {
        send(&gate, Lane::Scheduled, read(), &n.to_string(), &timeline);
    }
    sleep(Duration::from_secs(70)).await;
    let times = timeline.times();
    assert_eq!(times.len(), 10);
    let least = times
        .windows(2)
        .map(|pair| pair[1] - pair[0])
        .fold(f64::INFINITY, f64::min);
    assert!(least > 0.15, "half of twelve a second: {times:?}");
}

#[tokio::test(start_paused = true)]
async fn a_dropped_pass_gives_its_place_back() {
    let gate = gate(0).await;
    let mut passes = Vec::new();
    for _ in 0..50 {
        passes.push(now(gate.admit(Lane::Scheduled, read())).await);
    }
    let timeline = Timeline::new();
    let next = send(&gate, Lane::Scheduled, read(), "next", &timeline);
    sleep(Duration::from_secs(600)).await;
    assert_eq!(timeline.names(), "", "all places are taken");
    assert_eq!(gate.report().waiting[0].until, None);
    passes.pop();
    settle().await;
    assert_eq!(timeline.names(), "next");
    let next = next.await.unwrap();
    assert_eq!(gate.report().quota.in_flight, 50);
    drop((passes, next));
    assert_eq!(gate.report().quota.in_flight, 0);
}

#[tokio::test(start_paused = true)]
async fn a_freed_place_goes_to_the_earliest_lane_whoever_came_first() {
    let gate = gate(0).await;
    let mut passes = Vec::new();
    for _ in 0..50 {
        passes.push(now(gate.admit(Lane::Scheduled, read())).await);
    }
    let timeline = Timeline::new();
    for lane in [
        Lane::Bulk,
        Lane::Backfill,
        Lane::Scheduled,
        Lane::Interactive,
    ] {
        let (gate, timeline) = (gate.clone(), timeline.clone());
        tokio::spawn(async move {
            drop(gate.admit(lane, read()).await);
            timeline.add(lane.as_str());
        });
        settle().await;
    }
    drop(passes.pop());
    sleep(Duration::from_secs(10)).await;
    assert_eq!(timeline.names(), "interactive scheduled backfill bulk");
}

#[tokio::test(start_paused = true)]
async fn whoever_gives_up_leaves_the_others_their_place_and_their_time() {
    let gate = gate(4500).await;
    let timeline = Timeline::new();
    let first = send(&gate, Lane::Scheduled, read(), "first", &timeline);
    settle().await;
    let second = send(&gate, Lane::Scheduled, read(), "second", &timeline);
    settle().await;
    first.abort();
    sleep(Duration::from_secs(3603)).await;
    assert_eq!(
        timeline.names(),
        "second",
        "the second took over the alarm of the first"
    );
    assert!(timeline.times()[0] <= 3602.0);
    drop(second.await.unwrap());
    assert!(gate.report().waiting.is_empty());
    assert_eq!(gate.report().quota.in_flight, 0);
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_ends_in_the_instant_of_its_cancellation_loses_no_place() {
    let gate = gate(0).await;
    let mut passes = Vec::new();
    for _ in 0..50 {
        passes.push(now(gate.admit(Lane::Scheduled, read())).await);
    }
    let mut waits = Box::pin(gate.admit(Lane::Scheduled, read()));
    assert!(timeout(Duration::from_secs(1), &mut waits).await.is_err());
    passes.pop();
    assert_eq!(gate.report().quota.in_flight, 50, "the place has passed on");
    drop(waits);
    assert_eq!(gate.report().quota.in_flight, 49);
}

#[tokio::test(start_paused = true)]
async fn organisations_take_turns_within_a_lane() {
    let gate = gate(4500).await;
    let timeline = Timeline::new();
    for (org, name) in [
        ("a", "a1"),
        ("a", "a2"),
        ("a", "a3"),
        ("b", "b1"),
        ("c", "c1"),
    ] {
        send(&gate, Lane::Scheduled, read().of(org), name, &timeline);
        settle().await;
    }
    sleep(Duration::from_secs(3603)).await;
    assert_eq!(timeline.names(), "a1 b1 c1 a2 a3");
}

#[tokio::test(start_paused = true)]
async fn a_bucket_that_waits_does_not_hold_up_another() {
    let gate = gate(4500).await;
    let timeline = Timeline::new();
    send(&gate, Lane::Scheduled, read(), "core", &timeline);
    settle().await;
    drop(now(gate.admit(Lane::Scheduled, Ask::read(Resource::graphql(), 1))).await);
    assert_eq!(timeline.names(), "");
}

#[tokio::test(start_paused = true)]
async fn a_block_of_an_earlier_run_is_kept() {
    let gate = governor().gate("acme");
    gate.close(at(300));
    let timeline = Timeline::new();
    send(&gate, Lane::Live, read(), "live", &timeline);
    sleep(Duration::from_secs(302)).await;
    assert!((300.0..=301.0).contains(&timeline.times()[0]));
}

#[tokio::test(start_paused = true)]
async fn a_burst_of_a_thousand_is_let_through_as_fast_as_a_minute_allows() {
    let gate = gate(0).await;
    let timeline = Timeline::new();
    for _ in 0..1000 {
        let (gate, timeline) = (gate.clone(), timeline.clone());
        tokio::spawn(async move {
            let pass = gate.admit(Lane::Scheduled, read()).await;
            timeline.add("");
            sleep(Duration::from_millis(20)).await;
            gate.observe(
                pass,
                Seen {
                    took: Duration::from_millis(20),
                    ..used(100)
                },
            );
        });
    }
    sleep(Duration::from_secs(120)).await;
    let times = timeline.times();
    assert_eq!(times.len(), 1000);
    // The first answer took one of the 720 points that are not for live work.
    assert!(
        times[718] < 1.0 && times[719] >= 60.0 && times[999] < 63.0,
        "{times:?}"
    );
}
