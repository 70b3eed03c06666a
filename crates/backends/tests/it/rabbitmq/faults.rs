//! Faults between the broker and us. Every test waits for what happens, and none for a time.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use backends::rabbitmq::{RabbitMq, State};
use ledger::conformance::queue::SHORT;
use ledger::port::Error;
use ledger::port::queue::{BackfillQueue, Delivery};
use tokio::time::Instant;

use super::bench::{Place, broker, on_a_place, task, until, until_reached};
use super::proxy::{Proxy, Way};
use super::server::Server;

/// Far more than a method may take that is bounded at three seconds, on a machine that is busy.
const BOUNDED: Duration = Duration::from_secs(20);

/// An error with its causes.
pub(super) fn said(error: &Error) -> String {
    let mut said = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        said = format!("{said}: {error}");
        cause = error.source();
    }
    said
}

/// The next message, however often the queue cannot be reached before.
async fn next(queue: &RabbitMq) -> Delivery {
    loop {
        match queue.next().await {
            Ok(delivery) => return delivery,
            Err(error) => {
                assert!(error.is_unavailable(), "{}", said(&error));
                until_reached(queue).await;
                tokio::task::yield_now().await;
            }
        }
    }
}

fn is_down(state: &State) -> bool {
    matches!(state, State::Down(_))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_is_down_at_the_start_is_said_so_and_used_once_it_is_there() {
    on_a_place(async |place: Arc<Place>| {
        let proxy = Proxy::start(&broker(), Way::Cut).await;
        let queue = place.open_at(&proxy.url(1));
        let State::Down(why) = until(&queue, is_down).await else {
            unreachable!()
        };
        assert!(why.contains("127.0.0.1"), "{why}");
        assert!(!why.contains("guest"), "{why}");
        let delivery = Delivery {
            task: None,
            tag: "1".to_owned(),
        };
        for refused in [
            queue.publish(&task(0), place.time()).await.unwrap_err(),
            queue.next().await.unwrap_err(),
            queue.clear_dead().await.unwrap_err(),
            queue.depth().await.unwrap_err(),
        ] {
            assert!(refused.is_unavailable());
            assert!(!said(&refused).contains("guest"), "{}", said(&refused));
        }
        queue.ack(&delivery).await.unwrap();

        proxy.set(Way::Open);
        until_reached(&queue).await;
        queue.publish(&task(0), place.time()).await.unwrap();
        assert_eq!(next(&queue).await.task, Some(task(0)));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_is_cut_costs_no_message_and_is_made_again() {
    on_a_place(async |place: Arc<Place>| {
        let proxy = Proxy::start(&broker(), Way::Open).await;
        let queue = place.open_at(&proxy.url(1));
        for number in 0..3 {
            queue.publish(&task(number), place.time()).await.unwrap();
        }
        let first = queue.next().await.unwrap();
        queue.ack(&first).await.unwrap();
        let in_hand = queue.next().await.unwrap();

        proxy.set(Way::Cut);
        until(&queue, |state| *state != State::Up).await;
        proxy.set(Way::Open);
        until_reached(&queue).await;

        // What was acknowledged last may not have got through: it may come again. The others come.
        let mut came = BTreeSet::new();
        while !came.is_superset(&BTreeSet::from([1, 2])) {
            let delivery = next(&queue).await;
            // The tag of the connection that was cut is nobody's.
            queue.ack(&in_hand).await.unwrap();
            queue.ack(&delivery).await.unwrap();
            came.insert(delivery.task.unwrap().attempts);
        }
        queue.publish(&task(3), place.time()).await.unwrap();
        while next(&queue).await.task != Some(task(3)) {}
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_consumer_had_in_hand_whose_connection_died_goes_to_another() {
    on_a_place(async |place: Arc<Place>| {
        let proxy = Proxy::start(&broker(), Way::Open).await;
        let (here, there) = (place.open_at(&proxy.url(1)), place.open());
        here.publish(&task(0), place.time()).await.unwrap();
        let in_hand = here.next().await.unwrap();
        let waiting = tokio::spawn(async move { there.next().await.unwrap() });
        proxy.set(Way::Cut);
        assert_eq!(waiting.await.unwrap().task, in_hand.task);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_connection_hangs_nobody_and_is_given_up() {
    on_a_place(async |place: Arc<Place>| {
        let proxy = Proxy::start(&broker(), Way::Open).await;
        let queue = place.open_at(&proxy.url(1));
        queue.publish(&task(0), place.time()).await.unwrap();
        let in_hand = queue.next().await.unwrap();

        proxy.set(Way::Silent);
        let began = Instant::now();
        let refused = queue.publish(&task(1), place.time()).await.unwrap_err();
        assert!(refused.is_unavailable(), "{}", said(&refused));
        let refused = queue.put_off(&in_hand, SHORT, place.time()).await;
        assert!(refused.is_err());
        let refused = queue.depth().await.unwrap_err();
        assert!(refused.is_unavailable());
        assert!(began.elapsed() < 3 * BOUNDED, "{:?}", began.elapsed());
        // Two heartbeats were missed, and nobody answers: it is silent when it is called, too.
        until(&queue, |state| *state != State::Up).await;

        proxy.set(Way::Open);
        until_reached(&queue).await;
        // Whether what was refused has gone through after all is open: a message is a hint.
        let mut came = Vec::new();
        while !came.contains(&0) {
            let delivery = next(&queue).await;
            queue.ack(&delivery).await.unwrap();
            came.push(delivery.task.unwrap().attempts);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_stops_publishers_stops_no_acknowledgement() {
    on_a_place(async |place: Arc<Place>| {
        let proxy = Proxy::start(&broker(), Way::Open).await;
        let (queue, consumer) = (place.open_at(&proxy.url(60)), place.open());
        queue.publish(&task(0), place.time()).await.unwrap();
        let in_hand = consumer.next().await.unwrap();

        proxy.say_blocked("low on memory");
        let blocked = |state: &State| *state == State::Blocked("low on memory".to_owned());
        until(&queue, blocked).await;
        let began = Instant::now();
        let refused = queue.publish(&task(1), place.time()).await.unwrap_err();
        assert!(refused.is_unavailable());
        assert!(
            said(&refused).ends_with("has stopped publishers: low on memory"),
            "{}",
            said(&refused)
        );
        assert!(began.elapsed() < BOUNDED, "{:?}", began.elapsed());
        consumer.ack(&in_hand).await.unwrap();

        proxy.say_unblocked();
        until_reached(&queue).await;
        queue.publish(&task(2), place.time()).await.unwrap();
        assert_eq!(consumer.next().await.unwrap().task, Some(task(2)));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password_is_said_to_be_refused_and_never_shown() {
    on_a_place(async |place: Arc<Place>| {
        let url = broker().replacen("guest:guest@", "guest:s3cr3t-password@", 1);
        assert!(
            url.contains("s3cr3t"),
            "the broker of the tests is guest's: {url}"
        );
        let queue = place.open_at(&url);
        let State::Down(why) = until(&queue, is_down).await else {
            unreachable!()
        };
        let refused = queue.publish(&task(0), place.time()).await.unwrap_err();
        for text in [why, said(&refused), format!("{queue:?}")] {
            assert!(!text.contains("s3cr3t"), "{text}");
        }
        assert!(
            said(&refused).contains("ACCESS_REFUSED"),
            "{}",
            said(&refused)
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_is_killed_and_started_again_has_lost_nothing() {
    let server = tokio::task::spawn_blocking(Server::start).await.unwrap();
    let place = Arc::new(Place::at(&server.url()).await);
    let queue = place.open_at(&server.url());
    for number in 0..5 {
        queue.publish(&task(number), place.time()).await.unwrap();
    }
    let mut in_hand = Vec::new();
    for _ in 0..3 {
        in_hand.push(queue.next().await.unwrap());
    }
    queue.bury(&in_hand[0], "410", place.time()).await.unwrap();
    let put_off = queue.put_off(&in_hand[1], SHORT, place.time()).await;
    put_off.unwrap();

    let restarted = tokio::task::spawn_blocking(move || {
        let mut server = server;
        server.restart();
        server
    });
    let _server = restarted.await.unwrap();
    until_reached(&queue).await;
    // What was settled last may come again, since the broker may not have heard of it.
    let mut came = BTreeSet::new();
    while !came.is_superset(&BTreeSet::from([1, 2, 3, 4])) {
        let delivery = next(&queue).await;
        queue.ack(&delivery).await.unwrap();
        came.insert(delivery.task.unwrap().attempts);
    }
    assert_eq!(queue.clear_dead().await.unwrap(), 1);
    queue.publish(&task(5), place.time()).await.unwrap();
    loop {
        let delivery = next(&queue).await;
        queue.ack(&delivery).await.unwrap();
        if delivery.task == Some(task(5)) {
            break;
        }
    }
    queue.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_is_silent_from_the_start_is_given_up_and_tried_again() {
    on_a_place(async |place: Arc<Place>| {
        let proxy = Proxy::start(&broker(), Way::Silent).await;
        let queue = place.open_at(&proxy.url(1));
        let refused = queue.publish(&task(0), place.time()).await.unwrap_err();
        assert!(
            said(&refused).ends_with("is being connected to"),
            "{}",
            said(&refused)
        );
        let State::Down(why) = until(&queue, is_down).await else {
            unreachable!()
        };
        assert!(why.ends_with("has not answered within 10 seconds"), "{why}");
        proxy.set(Way::Open);
        until_reached(&queue).await;
        queue.publish(&task(0), place.time()).await.unwrap();
    })
    .await;
}
