//! Items: what has begun goes on, whatever waits to begin.

use super::*;

fn item(cost: u64) -> Ask {
    Ask::item(Resource::core(), cost)
}

#[tokio::test(start_paused = true)]
async fn an_items_requests_go_while_other_items_wait_to_begin() {
    let gate = gate(3990).await;
    let running = now(gate.item(Lane::Scheduled, item(8))).await;
    let timeline = Timeline::new();
    for _ in 0..5 {
        let (gate, timeline) = (gate.clone(), timeline.clone());
        tokio::spawn(async move {
            let item = gate.item(Lane::Scheduled, item(8)).await;
            timeline.add("begun");
            sleep(Duration::from_secs(1)).await;
            drop(item);
        });
    }
    settle().await;
    for used_now in 3991..=3998 {
        let ask = read().within(running.id());
        let pass = now(gate.admit(Lane::Scheduled, ask)).await;
        gate.observe(pass, used(used_now));
    }
    settle().await;
    assert_eq!(timeline.names(), "", "two are left above the reserve");
    drop(running);
    sleep(Duration::from_secs(3600)).await;
    assert_eq!(timeline.names(), "");
    sleep(Duration::from_secs(10)).await;
    assert_eq!(timeline.times().len(), 5);
}

#[tokio::test(start_paused = true)]
async fn what_an_item_did_not_spend_lets_the_next_one_begin_when_it_ends() {
    let gate = gate(3990).await;
    let timeline = Timeline::new();
    let running = now(gate.item(Lane::Scheduled, item(8))).await;
    let waits = {
        let (gate, timeline) = (gate.clone(), timeline.clone());
        tokio::spawn(async move {
            let item = gate.item(Lane::Scheduled, item(8)).await;
            timeline.add("begun");
            item
        })
    };
    sleep(Duration::from_secs(5)).await;
    assert_eq!(timeline.names(), "");
    let pass = now(gate.admit(Lane::Scheduled, read().within(running.id()))).await;
    gate.observe(pass, used(3991));
    drop(running);
    settle().await;
    assert_eq!(timeline.times(), [5.0]);
    assert_eq!(gate.report().quota.in_flight, 0);
    drop(waits.await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn an_item_that_is_no_longer_wanted_leaves_the_queue() {
    let gate = gate(4500).await;
    let mut waits = Box::pin(gate.item(Lane::Bulk, item(8)));
    assert!(timeout(Duration::from_secs(1), &mut waits).await.is_err());
    drop(waits);
    assert!(gate.report().waiting.is_empty());
}
