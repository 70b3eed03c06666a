//! The queue in `RabbitMQ`, against a real broker: the suite, and faults between it and us.
//!
//! Each test works under names of its own and takes them away again. The broker is the one that
//! `TIDEGATE_TEST_AMQP_URL` names.

mod bench;
mod faults;
mod proxy;
mod server;
mod tls;
mod topology;

use std::collections::BTreeSet;
use std::sync::Arc;

use ledger::port::BackfillQueue;
use ledger::port::queue::Depth;
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use bench::{Place, broker, on_a_place, task, until_reached};

macro_rules! queue {
    ($($case:ident)*) => { $(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $case() {
            on_a_place(async |place: Arc<Place>| ledger::conformance::queue::$case(&*place).await).await;
        }
    )* };
}
ledger::queue_cases!(queue);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_thousand_messages_each_is_acknowledged_once_by_four_consumers() {
    on_a_place(async |place: Arc<Place>| {
        let done: Arc<Mutex<BTreeSet<u32>>> = Arc::default();
        let mut consumers = JoinSet::new();
        for _ in 0..4 {
            let (queue, done) = (place.open(), Arc::clone(&done));
            consumers.spawn(async move {
                loop {
                    let delivery = queue.next().await.unwrap();
                    let number = delivery.task.as_ref().unwrap().attempts;
                    queue.ack(&delivery).await.unwrap();
                    assert!(done.lock().await.insert(number), "{number} came twice");
                    if done.lock().await.len() == 1000 {
                        return;
                    }
                }
            });
        }
        let publisher = place.open();
        let mut publishing = JoinSet::new();
        for lane in 0..8 {
            let (queue, place) = (publisher.clone(), Arc::clone(&place));
            publishing.spawn(async move {
                for number in (0..1000).filter(|number| number % 8 == lane) {
                    let published = queue.publish(&task(number), place.time()).await;
                    published.unwrap();
                }
            });
        }
        publishing.join_all().await;
        consumers.join_next().await.unwrap().unwrap();
        consumers.abort_all();
        assert_eq!(publisher.depth().await.unwrap(), Depth::default());
        assert_eq!(*done.lock().await, (0..1000).collect());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_prefetched_by_one_who_waits_no_more_goes_to_another() {
    on_a_place(async |place: Arc<Place>| {
        let (here, there) = (place.open(), place.open());
        for number in 0..3 {
            here.publish(&task(number), place.time()).await.unwrap();
        }
        let first = here.next().await.unwrap();
        here.ack(&first).await.unwrap();
        // The other two have come along, and nobody asks for them here any more.
        for _ in 0..2 {
            let delivery = there.next().await.unwrap();
            there.ack(&delivery).await.unwrap();
        }
        assert_eq!(there.depth().await.unwrap(), Depth::default());
        there.publish(&task(3), place.time()).await.unwrap();
        assert_eq!(here.next().await.unwrap().task, Some(task(3)));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tag_of_another_process_does_nothing() {
    on_a_place(async |place: Arc<Place>| {
        // Each has one in hand, and no other comes along.
        let (here, there) = (place.open_with(&broker(), 1), place.open_with(&broker(), 1));
        let mut in_hand = Vec::new();
        for (number, queue) in (0..).zip([&here, &there]) {
            here.publish(&task(number), place.time()).await.unwrap();
            in_hand.push(queue.next().await.unwrap());
        }
        here.ack(&in_hand[1]).await.unwrap();
        there
            .bury(&in_hand[0], "it is another's", place.time())
            .await
            .unwrap();
        assert_eq!(here.depth().await.unwrap().dead, 0);
        here.ack(&in_hand[0]).await.unwrap();
        there.close().await;
        assert_eq!(here.next().await.unwrap().task, in_hand[1].task);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_closes_the_queue_is_told_so_and_leaves_nothing_in_hand() {
    on_a_place(async |place: Arc<Place>| {
        let queue = place.open();
        queue.publish(&task(1), place.time()).await.unwrap();
        let in_hand = queue.next().await.unwrap();
        queue.close().await;
        assert!(queue.next().await.unwrap_err().is_unavailable());
        assert!(
            queue
                .publish(&task(2), place.time())
                .await
                .unwrap_err()
                .is_unavailable()
        );
        queue.ack(&in_hand).await.unwrap();
        let another = place.open();
        assert_eq!(another.next().await.unwrap().task, Some(task(1)));
        until_reached(&another).await;
    })
    .await;
}
