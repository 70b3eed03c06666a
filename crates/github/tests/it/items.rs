//! Items: work of several requests that is paid for before the first of them goes.

use std::time::Duration;

use github::gate::Ask;
use github::{Client, Lane, Request};
use quota::{Policy, Resource};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::lab::{Lab, limit, minutes};

/// Reads something that nobody else asks for.
fn read(client: &Client, number: u64, change: impl FnOnce(Request) -> Request) -> JoinHandle<()> {
    let request = Request::get(format!("/orgs/acme?asked={number}")).unconditional();
    let (client, request) = (client.clone(), change(request));
    tokio::spawn(async move {
        client.send(Lane::Bulk, request).await.unwrap();
    })
}

#[tokio::test(start_paused = true)]
async fn requests_within_an_item_go_although_the_reserve_is_reached_and_what_it_has_not_paid_waits()
{
    let lab = Lab::with(limit(100)).paced(Policy::Sprint);
    let (client, gate) = (lab.with_token(), lab.governor.gate("lab"));
    lab.others_spend(47).await;
    read(&client, 0, |request| request).await.unwrap();
    // 52 remain and 40 have to: what is left is the item's.
    let item = gate.item(Lane::Bulk, Ask::item(Resource::core(), 12)).await;
    let outside = read(&client, 1, |request| request);
    let begun = Instant::now();
    for call in 0..12 {
        let within = read(&client, 10 + call, |request| request.within(item.id()));
        within.await.unwrap();
    }
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(lab.bucket("core").remaining, Some(40));
    let beyond = read(&client, 30, |request| request.within(item.id()));
    minutes(5).await;
    assert!(!outside.is_finished() && !beyond.is_finished());
    minutes(60).await;
    assert!(outside.is_finished() && beyond.is_finished());
}
