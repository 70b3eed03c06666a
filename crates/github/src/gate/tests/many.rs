//! Many who wait, many gates, and what is left when they go.

use tokio::task::JoinHandle;

use super::*;

#[tokio::test(start_paused = true)]
async fn a_live_refresh_of_what_a_bulk_item_waits_to_refresh_goes_at_once() {
    for policy in [Policy::Adaptive, Policy::Even] {
        let gate = paced(policy).gate("acme");
        observe(&gate, used(4500)).await;
        let timeline = Timeline::new();
        let same = |ask: Ask| ask.of("acme").in_repo("acme/tide");
        let item = {
            let gate = gate.clone();
            let ask = same(Ask::item(Resource::core(), 12));
            tokio::spawn(async move { gate.item(Lane::Bulk, ask).await })
        };
        send(&gate, Lane::Bulk, same(read()), "bulk", &timeline);
        sleep(Duration::from_secs(10)).await;
        assert_eq!(gate.report().waiting[0].requests, 2, "{policy}");
        for _ in 0..12 {
            let pass = now(gate.admit(Lane::Live, same(read()))).await;
            gate.observe(pass, Seen::default());
        }
        settle().await;
        assert_eq!(timeline.names(), "", "{policy}");
        assert!(!item.is_finished(), "{policy}");
    }
}

#[tokio::test(start_paused = true)]
async fn two_gates_without_an_observation_between_count_each_others_requests() {
    let governor = governor();
    let [one, other] = ["acme"; 2].map(|name| governor.gate(name));
    observe(&one, used(3998)).await;
    let first = now(one.admit(Lane::Scheduled, read())).await;
    let second = now(other.admit(Lane::Scheduled, read())).await;
    for gate in [&one, &other] {
        let third = timeout(Duration::from_secs(60), gate.admit(Lane::Scheduled, read()));
        assert!(
            third.await.is_err(),
            "1,000 are left, and that is the reserve"
        );
    }
    drop(second);
    drop(now(one.admit(Lane::Scheduled, read())).await);
    drop(first);
}

#[tokio::test(start_paused = true)]
async fn many_clones_of_a_gate_share_one_bucket() {
    let gate = gate(3990).await;
    let timeline = Timeline::new();
    let passes: Vec<_> = (0..40)
        .map(|_| send(&gate.clone(), Lane::Scheduled, read(), "went", &timeline))
        .collect();
    sleep(Duration::from_secs(60)).await;
    assert_eq!(timeline.times().len(), 10, "4,000 may be used");
    assert_eq!(gate.report().quota.in_flight, 10);
    for pass in passes.into_iter().filter(JoinHandle::is_finished) {
        gate.observe(pass.await.unwrap(), used(4000));
    }
    sleep(Duration::from_secs(60)).await;
    assert_eq!(timeline.times().len(), 10);
}

#[tokio::test(start_paused = true)]
async fn a_wait_is_cancelled_by_dropping_it() {
    let gate = gate(4500).await;
    let mut waits = Box::pin(gate.admit(Lane::Scheduled, read()));
    assert!(timeout(Duration::from_secs(1), &mut waits).await.is_err());
    assert_eq!(gate.report().waiting[0].requests, 1);
    drop(waits);
    assert!(gate.report().waiting.is_empty());
    assert_eq!(gate.report().waits[0].time, Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn everybody_waking_at_the_reset_is_spread_over_a_second() {
    let timeline = Timeline::new();
    // Processes that know nothing of each other: each has a governor of its own.
    for process in 0..60 {
        let gate = governor().gate("acme");
        observe(&gate, used(4500)).await;
        send(
            &gate,
            Lane::Scheduled,
            read(),
            &process.to_string(),
            &timeline,
        );
    }
    sleep(Duration::from_secs(3603)).await;
    let times = timeline.times();
    assert_eq!(times.len(), 60);
    let tenth = |time: &f64| ((time - 3601.0) * 10.0) as usize;
    let mut tenths = [0; 11];
    times.iter().for_each(|time| tenths[tenth(time)] += 1);
    assert!(
        tenths.iter().all(|count| *count < 30),
        "in tenths of a second after the reset: {tenths:?}"
    );
    assert!(times[0] >= 3601.0 && times[59] <= 3602.1, "{times:?}");
}

#[tokio::test(start_paused = true)]
async fn after_a_kill_during_a_pause_the_desk_works_as_before() {
    let gate = gate(3995).await;
    let timeline = Timeline::new();
    let mut tasks = Vec::new();
    for lane in Lane::ALL {
        for n in 0..40 {
            let ask = read()
                .of(format!("org {}", n % 3))
                .in_repo(format!("{}", n % 7));
            tasks.push(send(&gate, lane, ask, lane.as_str(), &timeline));
        }
    }
    sleep(Duration::from_secs(30)).await;
    assert!(timeline.times().len() < tasks.len());
    tasks.iter().for_each(JoinHandle::abort);
    for task in tasks {
        drop(task.await);
    }
    let report = gate.report();
    assert_eq!((report.waiting, report.quota.in_flight), (Vec::new(), 0));

    let before = timeline.times().len();
    let next = send(&gate, Lane::Scheduled, read(), "scheduled", &timeline);
    drop(now(gate.admit(Lane::Live, read())).await);
    sleep(Duration::from_secs(3603)).await;
    assert_eq!(timeline.times().len(), before + 1);
    drop(next.await.unwrap());
    assert_eq!(gate.report().quota.in_flight, 0);
}

#[tokio::test(start_paused = true)]
async fn the_head_of_every_line_is_replanned_on_each_observation() {
    let gate = gate(4500).await;
    let timeline = Timeline::new();
    let lanes = [Lane::Scheduled, Lane::Backfill, Lane::Bulk];
    for lane in lanes {
        for _ in 0..3 {
            send(&gate, lane, read(), lane.as_str(), &timeline);
        }
    }
    settle().await;
    for reset in [3600, 3601, 3604, 3606] {
        observe(&gate, window(4500 + reset - 3600, reset)).await;
        let plans: Vec<_> = gate
            .report()
            .waiting
            .into_iter()
            .map(|waiting| (waiting.lane, waiting.requests, waiting.until))
            .collect();
        let until = Some(at(reset + 1));
        assert_eq!(plans, lanes.map(|lane| (lane, 3, until)));
    }
    sleep(Duration::from_secs(3607)).await;
    settle().await;
    assert_eq!(timeline.names(), "", "nobody keeps to the first plan");
    sleep(Duration::from_secs(60)).await;
    assert!(
        timeline
            .names()
            .starts_with("scheduled scheduled scheduled backfill")
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_told_about_the_credential_replans_what_waits() {
    let governor = governor();
    let gate = governor.gate("acme");
    observe(&gate, used(4500)).await;
    let timeline = Timeline::new();
    send(&gate, Lane::Scheduled, read(), "scheduled", &timeline);
    settle().await;
    let grown = Observation {
        limit: Some(12_500),
        remaining: Some(8000),
        ..used(4500).observation
    };
    for (name, gate) in governor.gates() {
        assert_eq!(name, gate.credential());
        gate.with_quota(|quota, now| quota.observe(&Resource::core(), &grown, now));
    }
    settle().await;
    assert_eq!(timeline.times(), [0.0]);
}
