//! What stands on the broker: gone, different, and not ours to change.

use std::sync::Arc;

use backends::rabbitmq::State;
use lapin::options::{BasicGetOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use ledger::conformance::queue::SHORT;
use ledger::port::BackfillQueue;
use ledger::port::queue::Depth;

use super::bench::{Place, on_a_place, task, until, until_reached};
use super::faults::said;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_that_is_deleted_in_the_middle_is_made_again_and_work_goes_on() {
    on_a_place(async |place: Arc<Place>| {
        let queue = place.open();
        queue.publish(&task(0), place.time()).await.unwrap();
        let lost = queue.next().await.unwrap();
        place.delete_queue(&place.name("jobs")).await;

        queue.publish(&task(1), place.time()).await.unwrap();
        let next = queue.next().await.unwrap();
        assert_eq!(next.task, Some(task(1)));
        queue.ack(&lost).await.unwrap();
        queue.ack(&next).await.unwrap();
        assert_eq!(queue.depth().await.unwrap(), Depth::default());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_deleted_is_made_again_by_the_next_step_that_needs_it() {
    on_a_place(async |place: Arc<Place>| {
        let queue = place.open();
        queue.publish(&task(0), place.time()).await.unwrap();
        let delivery = queue.next().await.unwrap();
        for retry in place.retries() {
            place.delete_queue(&retry).await;
        }
        queue.put_off(&delivery, SHORT, place.time()).await.unwrap();
        let delivery = queue.next().await.unwrap();
        assert_eq!(delivery.task, Some(task(0)));

        place.delete_queue(&place.name("dlq")).await;
        queue.bury(&delivery, "410", place.time()).await.unwrap();
        assert_eq!(queue.depth().await.unwrap().dead, 1);

        place.delete_exchange().await;
        queue.publish(&task(1), place.time()).await.unwrap();
        let delivery = queue.next().await.unwrap();
        queue.ack(&delivery).await.unwrap();

        place.delete_queue(&place.name("dlq")).await;
        assert_eq!(queue.clear_dead().await.unwrap(), 0);
        place.delete_queue(&place.name("dlq")).await;
        assert_eq!(queue.depth().await.unwrap(), Depth::default());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_with_other_arguments_is_named_and_left_alone_and_its_end_is_noticed() {
    on_a_place(async |place: Arc<Place>| {
        let name = place.name("jobs");
        let durable = QueueDeclareOptions {
            durable: true,
            ..QueueDeclareOptions::default()
        };
        let channel = place.channel().await;
        let classic = channel.queue_declare(name.as_str().into(), durable, FieldTable::default());
        classic.await.unwrap();

        let queue = place.open();
        let state = until(&queue, |state| matches!(state, State::Down(_))).await;
        let State::Down(why) = state else {
            unreachable!()
        };
        let refused = queue.publish(&task(0), place.time()).await.unwrap_err();
        assert!(refused.is_unavailable());
        for text in [why, said(&refused)] {
            assert!(
                text.contains(&format!(
                    "`{name}` stands on the broker with other arguments"
                )),
                "{text}"
            );
            assert!(text.contains("delete it once it is empty"), "{text}");
        }

        place.delete_queue(&name).await;
        until_reached(&queue).await;
        queue.publish(&task(0), place.time()).await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_no_queue_takes_is_never_said_to_be_enqueued() {
    on_a_place(async |place: Arc<Place>| {
        let queue = place.open();
        until_reached(&queue).await;
        // In place of the queue stands another that is bound to nothing, and that is not ours to delete.
        let name = place.name("jobs");
        place.delete_queue(&name).await;
        let channel = place.channel().await;
        let options = QueueDeclareOptions::default();
        let made = channel.queue_declare(name.as_str().into(), options, FieldTable::default());
        made.await.unwrap();

        let refused = queue.publish(&task(0), place.time()).await.unwrap_err();
        assert!(refused.is_unavailable());
        assert!(said(&refused).contains(&name), "{}", said(&refused));
        place.delete_queue(&name).await;
        queue.publish(&task(0), place.time()).await.unwrap();
        assert_eq!(queue.depth().await.unwrap().waiting, 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_letter_says_why_and_still_has_its_body() {
    on_a_place(async |place: Arc<Place>| {
        let queue = place.open();
        queue.publish(&task(7), place.time()).await.unwrap();
        let delivery = queue.next().await.unwrap();
        let why = format!("märz: {}", "x".repeat(5000));
        queue.bury(&delivery, &why, place.time()).await.unwrap();

        let channel = place.channel().await;
        let got = channel.basic_get(place.name("dlq").into(), BasicGetOptions::default());
        let letter = got.await.unwrap().unwrap().delivery;
        let properties = &letter.properties;
        let headers = properties.headers().as_ref().unwrap().inner();
        let Some(AMQPValue::LongString(reason)) = headers.get("x-reason") else {
            panic!("{headers:?}")
        };
        assert_eq!(reason.as_bytes(), &why.as_bytes()[..1000]);
        assert_eq!(*properties.delivery_mode(), Some(2));
        assert_eq!(
            properties.content_type().as_ref().unwrap().as_str(),
            "application/json"
        );
        let id = properties.message_id().as_ref().unwrap().as_str();
        assert_eq!(id, "1 pulls 2026-01-01T00:00:07Z acme");
        let body: ledger::port::queue::Task = serde_json::from_slice(&letter.data).unwrap();
        assert_eq!(body, task(7));
    })
    .await;
}
