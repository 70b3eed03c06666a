//! Cases of the queue of backfill tasks.
//!
//! Delays pass while a case waits for a message, by the bench's clock; no case waits for a time. An adapter's tests bound
//! each case as a whole, since a message that is lost would be waited for without end.

use std::collections::BTreeSet;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use super::fixture::{APP, LIB, at, together, window};
use crate::coverage::GapReason;
use crate::event::Stream;
use crate::port::queue::{BackfillQueue, Delivery, Depth, Task};

/// The shorter of the delays that the queue of a case is opened with.
pub const SHORT: Duration = Duration::from_millis(150);
/// The longer one.
pub const LONG: Duration = Duration::from_millis(400);

/// How much earlier than its delay a message may come: clocks of a server count in whole milliseconds.
const GRAIN: Duration = Duration::from_millis(5);

/// A fresh, empty queue that was opened with the delays [`SHORT`] and [`LONG`], and what a case does to it beside its port.
#[async_trait]
pub trait Bench: Send + Sync {
    /// Another handle to the queue, as another process has it.
    async fn handle(&self) -> Arc<dyn BackfillQueue>;

    /// The time that `now` is told by. Never goes back.
    fn now(&self) -> Timestamp;

    /// The consumer behind this handle dies with what it has in hand, and the queue takes it for dead. No handle that was
    /// given before is used afterwards.
    async fn kill(&self, consumer: Arc<dyn BackfillQueue>);

    /// Puts a message with this body into the queue, past the port.
    async fn inject(&self, body: &[u8]);
}

type Queue = Arc<dyn BackfillQueue>;

/// A task unlike every other of its case.
fn task(number: u32) -> Task {
    Task {
        org: "acme".to_owned(),
        repo: LIB,
        stream: Stream::Commits,
        window: window(i64::from(number), i64::from(number) + 900),
        reason: GapReason::ScrapeError,
        attempts: number,
        enqueued_at: at(i64::from(number)),
    }
}

/// As the queue's word for a number of messages.
fn tasks(numbers: std::ops::Range<u32>) -> Vec<Task> {
    numbers.map(task).collect()
}

async fn publish(bench: &dyn Bench, queue: &Queue, tasks: &[Task]) {
    for task in tasks {
        let published = queue.publish(task, bench.now()).await;
        published.expect("the queue takes it");
    }
}

async fn next(queue: &Queue) -> Delivery {
    queue.next().await.expect("the queue can be reached")
}

async fn next_task(queue: &Queue) -> (Task, Delivery) {
    let delivery = next(queue).await;
    let task = delivery.task.clone();
    (task.expect("it was published by us"), delivery)
}

async fn ack(queue: &Queue, delivery: &Delivery) {
    queue.ack(delivery).await.expect("it is acknowledged");
}

async fn put_off(bench: &dyn Bench, queue: &Queue, delivery: &Delivery, after: Duration) {
    let put_off = queue.put_off(delivery, after, bench.now()).await;
    put_off.expect("it is put off");
}

async fn bury(bench: &dyn Bench, queue: &Queue, delivery: &Delivery, why: &str) {
    let buried = queue.bury(delivery, why, bench.now()).await;
    buried.expect("it is buried");
}

async fn depth(queue: &Queue) -> Depth {
    queue.depth().await.expect("the queue is looked at")
}

/// Takes so many messages and acknowledges each, and answers their tasks by number.
async fn drain(queue: &Queue, messages: usize) -> Vec<Task> {
    let mut drained = Vec::new();
    for _ in 0..messages {
        let (task, delivery) = next_task(queue).await;
        ack(queue, &delivery).await;
        drained.push(task);
    }
    drained.sort_unstable_by_key(|task| task.attempts);
    drained
}

/// Lets whatever runs beside this future go on once.
async fn step_aside() {
    let mut stepped = false;
    poll_fn(|context| {
        if std::mem::replace(&mut stepped, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Waits for the next message, and gives up after it was looked for so many times.
async fn impatient(queue: &Queue, looks: u32) -> Option<Delivery> {
    let mut waiting = queue.next();
    let mut looked = 0;
    let answer = poll_fn(|context| {
        if looked == looks {
            return Poll::Ready(None);
        }
        looked += 1;
        match waiting.as_mut().poll(context) {
            Poll::Ready(answer) => Poll::Ready(Some(answer)),
            Poll::Pending => {
                context.waker().wake_by_ref();
                Poll::Pending
            }
        }
    });
    let answer = answer.await;
    answer.map(|answer| answer.expect("the queue can be reached"))
}

/// Whatever is in it.
pub async fn what_is_published_comes_out_as_it_was(bench: &dyn Bench) {
    let (here, there) = (bench.handle().await, bench.handle().await);
    let mut published = Vec::new();
    for (number, reason) in (0..).zip(GapReason::ALL) {
        for (part, stream) in (0..).zip(Stream::ALL) {
            published.push(Task {
                stream,
                reason,
                ..task(number * 100 + part)
            });
        }
    }
    let precise = SignedDuration::from_micros(1);
    published.push(Task {
        org: "märz'; -- \"🌊\"\\ \u{0}\n".to_owned(),
        repo: APP,
        attempts: u32::MAX,
        enqueued_at: at(0) - precise,
        ..task(0)
    });
    publish(bench, &here, &published).await;
    published.sort_unstable_by_key(|task| task.attempts);
    assert_eq!(drain(&there, published.len()).await, published);
}

/// Nor when whoever acknowledged it is dead.
pub async fn what_is_acknowledged_never_comes_again(bench: &dyn Bench) {
    let queue = bench.handle().await;
    publish(bench, &queue, &tasks(0..5)).await;
    assert_eq!(drain(&queue, 5).await, tasks(0..5));
    assert_eq!(depth(&queue).await.waiting, 0);
    bench.kill(queue).await;
    let queue = bench.handle().await;
    publish(bench, &queue, &[task(5)]).await;
    assert_eq!(drain(&queue, 1).await, [task(5)]);
    assert_eq!(depth(&queue).await.waiting, 0);
}

/// It need not ask again.
pub async fn who_waits_gets_what_is_published_later(bench: &dyn Bench) {
    let (here, there) = (bench.handle().await, bench.handle().await);
    let taken = Mutex::new(Vec::new());
    let waiting = async {
        let drained = drain(&here, 3).await;
        taken.lock().expect("nobody panics").extend(drained);
    };
    let publishing = async {
        for number in 0..3 {
            for _ in 0..5 {
                step_aside().await;
            }
            publish(bench, &there, &[task(number)]).await;
        }
    };
    together(vec![Box::pin(waiting), Box::pin(publishing)]).await;
    assert_eq!(*taken.lock().expect("nobody panics"), tasks(0..3));
}

/// However many take and publish at the same time, and each message comes once.
pub async fn each_message_is_in_one_hand_at_a_time(bench: &dyn Bench) {
    const CONSUMERS: usize = 6;
    const MESSAGES: u32 = 60;
    let mut handles = Vec::new();
    for _ in 0..3 {
        handles.push(bench.handle().await);
    }
    let done: Mutex<BTreeSet<u32>> = Mutex::default();
    let in_hand: Mutex<BTreeSet<u32>> = Mutex::default();
    let mut running: Vec<Pin<Box<dyn Future<Output = ()> + Send + '_>>> = Vec::new();
    for consumer in 0..CONSUMERS {
        let queue = &handles[consumer % handles.len()];
        let (done, in_hand) = (&done, &in_hand);
        running.push(Box::pin(async move {
            while let Some(delivery) = unless_done(queue, done, MESSAGES as usize).await {
                let number = delivery.task.as_ref().expect("it is ours").attempts;
                let first = in_hand.lock().expect("nobody panics").insert(number);
                assert!(first, "message {number} is in two hands");
                for _ in 0..number % 4 {
                    step_aside().await;
                }
                in_hand.lock().expect("nobody panics").remove(&number);
                ack(queue, &delivery).await;
                let first = done.lock().expect("nobody panics").insert(number);
                assert!(first, "message {number} came again");
                // Whoever waits for a message learns that there will be none.
                step_aside().await;
            }
        }));
    }
    for publisher in 0..2 {
        let queue = &handles[publisher as usize];
        running.push(Box::pin(async move {
            for number in (0..MESSAGES).filter(|number| number % 2 == publisher) {
                publish(bench, queue, &[task(number)]).await;
            }
        }));
    }
    together(running).await;
    assert_eq!(depth(&handles[0]).await.waiting, 0);
}

/// The next message, or nothing once so many are done.
async fn unless_done(queue: &Queue, done: &Mutex<BTreeSet<u32>>, all: usize) -> Option<Delivery> {
    let mut waiting = queue.next();
    poll_fn(|context| {
        if done.lock().expect("nobody panics").len() == all {
            return Poll::Ready(None);
        }
        let answer = waiting.as_mut().poll(context);
        answer.map(|answer| Some(answer.expect("the queue can be reached")))
    })
    .await
}

/// At whatever moment it is dropped.
pub async fn a_wait_that_is_dropped_loses_no_message(bench: &dyn Bench) {
    let (here, there) = (bench.handle().await, bench.handle().await);
    let taken: Mutex<Vec<Task>> = Mutex::default();
    let waiting = async {
        for looks in 0..60 {
            if let Some(delivery) = impatient(&here, looks % 7 * looks).await {
                ack(&here, &delivery).await;
                let mut taken = taken.lock().expect("nobody panics");
                taken.push(delivery.task.expect("it is ours"));
            }
        }
    };
    let publishing = async {
        for number in 0..20 {
            publish(bench, &there, &[task(number)]).await;
        }
    };
    together(vec![Box::pin(waiting), Box::pin(publishing)]).await;
    let mut taken = taken.into_inner().expect("nobody panics");
    let rest = drain(&here, 20_usize.saturating_sub(taken.len())).await;
    taken.extend(rest);
    taken.sort_unstable_by_key(|task| task.attempts);
    assert_eq!(taken, tasks(0..20));
}

/// The delay is one of those that the queue was opened with.
pub async fn what_is_put_off_comes_again_and_not_before_its_delay(bench: &dyn Bench) {
    let queue = bench.handle().await;
    publish(bench, &queue, &[task(1)]).await;
    let mut delivery = next(&queue).await;
    let small = Duration::from_millis(1);
    for (asked, delay) in [
        (Duration::ZERO, SHORT),
        (SHORT, SHORT),
        (SHORT + small, LONG),
        (LONG * 1000, LONG),
    ] {
        let before = bench.now();
        put_off(bench, &queue, &delivery, asked).await;
        let (task_again, again) = next_task(&queue).await;
        let passed = bench.now().duration_since(before).unsigned_abs();
        assert!(
            passed + GRAIN >= delay,
            "{asked:?} were asked for, and {passed:?} passed"
        );
        assert_eq!(task_again, task(1));
        assert_ne!(again.tag, delivery.tag, "it is in hand anew");
        delivery = again;
    }
    ack(&queue, &delivery).await;
    assert_eq!(depth(&queue).await.waiting, 0);
}

/// It is no head that blocks its line.
pub async fn what_is_put_off_lets_the_others_pass(bench: &dyn Bench) {
    let queue = bench.handle().await;
    publish(bench, &queue, &tasks(0..2)).await;
    let (late, first) = next_task(&queue).await;
    put_off(bench, &queue, &first, LONG).await;
    let (passing, second) = next_task(&queue).await;
    assert_ne!(passing, late);
    ack(&queue, &second).await;
    assert_eq!(drain(&queue, 1).await, [late]);
}

/// Whatever the reason says, and however long it is.
pub async fn what_is_buried_comes_no_more_and_is_counted(bench: &dyn Bench) {
    let queue = bench.handle().await;
    let reasons = ["", "it's \"gone\": 410\u{0}\n", &"märz 🌊 ".repeat(20_000)];
    publish(bench, &queue, &tasks(0..4)).await;
    for (buried, why) in (1..).zip(reasons) {
        let delivery = next(&queue).await;
        bury(bench, &queue, &delivery, why).await;
        assert_eq!(depth(&queue).await.dead, buried);
    }
    let (_, last) = next_task(&queue).await;
    ack(&queue, &last).await;
    bench.kill(queue).await;
    let queue = bench.handle().await;
    publish(bench, &queue, &[task(4)]).await;
    assert_eq!(drain(&queue, 1).await, [task(4)]);
    let left = depth(&queue).await;
    assert_eq!((left.waiting, left.dead), (0, 3));
}

/// And nothing else goes with them.
pub async fn dead_letters_are_taken_away_and_counted(bench: &dyn Bench) {
    let queue = bench.handle().await;
    assert_eq!(queue.clear_dead().await.expect("there is nothing"), 0);
    publish(bench, &queue, &tasks(0..3)).await;
    for _ in 0..2 {
        let delivery = next(&queue).await;
        bury(bench, &queue, &delivery, "404").await;
    }
    assert_eq!(queue.clear_dead().await.expect("they are cleared"), 2);
    assert_eq!(depth(&queue).await.dead, 0);
    assert_eq!(queue.clear_dead().await.expect("there is nothing"), 0);
    assert_eq!(drain(&queue, 1).await.len(), 1);
}

/// What is delayed waits as well.
pub async fn the_depth_is_what_the_queue_holds(bench: &dyn Bench) {
    let queue = bench.handle().await;
    assert_eq!(depth(&queue).await, Depth::default());
    publish(bench, &queue, &tasks(0..3)).await;
    let full = depth(&queue).await;
    assert_eq!((full.waiting, full.in_hand, full.dead), (3, 0, 0));
    assert!(full.oldest.is_none_or(|oldest| oldest == at(0)), "{full:?}");

    let mut in_hand = Vec::new();
    for _ in 0..3 {
        in_hand.push(next(&queue).await);
    }
    let taken = depth(&queue).await;
    assert_eq!((taken.waiting, taken.dead, taken.oldest), (0, 0, None));
    for delivery in &in_hand[..2] {
        ack(&queue, delivery).await;
    }
    let before = bench.now();
    put_off(bench, &queue, &in_hand[2], LONG).await;
    let delayed = depth(&queue).await;
    // On a machine that is slow enough it is on its way already.
    if bench.now().duration_since(before).unsigned_abs() + GRAIN < LONG {
        assert_eq!((delayed.waiting, delayed.in_hand), (1, 0));
    }
    assert_eq!(drain(&queue, 1).await.len(), 1);
    let empty = depth(&queue).await;
    assert_eq!((empty.waiting, empty.in_hand, empty.dead), (0, 0, 0));
}

/// It can be buried, put off and acknowledged as any other.
pub async fn a_body_that_is_no_task_comes_without_one(bench: &dyn Bench) {
    let queue = bench.handle().await;
    let long = vec![b'x'; 1 << 20];
    let deep = "[".repeat(100_000);
    let bodies: [&[u8]; 7] = [
        b"",
        b"{}",
        b"null",
        b"\xff\x00\xfe",
        br#"{"org":"acme","repo":1,"stream":"commits","window":{"start":"now","end":"then"}}"#,
        deep.as_bytes(),
        &long,
    ];
    for body in bodies {
        bench.inject(body).await;
        let delivery = next(&queue).await;
        assert_eq!(delivery.task, None);
        bury(bench, &queue, &delivery, "it is no task").await;
    }
    assert_eq!(depth(&queue).await.dead, bodies.len() as u64);
    for _ in 0..2 {
        bench.inject(b"{}").await;
    }
    let (first, second) = (next(&queue).await, next(&queue).await);
    ack(&queue, &first).await;
    put_off(bench, &queue, &second, SHORT).await;
    let again = next(&queue).await;
    assert_eq!(again.task, None);
    ack(&queue, &again).await;
    publish(bench, &queue, &[task(1)]).await;
    assert_eq!(drain(&queue, 1).await, [task(1)]);
}

/// An old one, or one that nobody gave.
pub async fn a_tag_that_is_not_in_hand_does_nothing(bench: &dyn Bench) {
    let queue = bench.handle().await;
    publish(bench, &queue, &[task(0)]).await;
    let old = next(&queue).await;
    put_off(bench, &queue, &old, SHORT).await;
    let held = next(&queue).await;
    let made_up = ["", "1", "0:0", "1:1", "1-1", "-1:99999999999999999999", "'"];
    let made_up = made_up.map(|tag| Delivery {
        task: Some(task(0)),
        tag: tag.to_owned(),
    });
    for nothing in made_up
        .iter()
        .filter(|tag| tag.tag != held.tag)
        .chain([&old])
    {
        ack(&queue, nothing).await;
        put_off(bench, &queue, nothing, SHORT).await;
        bury(bench, &queue, nothing, "it is not in hand").await;
    }
    let untouched = depth(&queue).await;
    assert_eq!((untouched.waiting, untouched.dead), (0, 0));

    bench.kill(queue).await;
    let queue = bench.handle().await;
    let (again, delivery) = next_task(&queue).await;
    assert_eq!(again, task(0));
    ack(&queue, &held).await;
    ack(&queue, &delivery).await;
    ack(&queue, &delivery).await;
    put_off(bench, &queue, &delivery, SHORT).await;
    bury(bench, &queue, &delivery, "it is done with").await;
    let empty = depth(&queue).await;
    assert_eq!((empty.waiting, empty.in_hand, empty.dead), (0, 0, 0));
}

/// And nothing that it was done with.
pub async fn what_a_dead_consumer_had_in_hand_comes_again(bench: &dyn Bench) {
    let queue = bench.handle().await;
    publish(bench, &queue, &tasks(0..4)).await;
    let mut left = tasks(0..4);
    let done = next(&queue).await;
    left.retain(|task| Some(task) != done.task.as_ref());
    ack(&queue, &done).await;
    for _ in 0..2 {
        next(&queue).await;
    }
    bench.kill(queue).await;
    let queue = bench.handle().await;
    assert_eq!(drain(&queue, 3).await, left);
    assert_eq!(depth(&queue).await.waiting, 0);
}
