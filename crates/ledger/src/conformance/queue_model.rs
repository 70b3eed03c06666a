//! A queue in a plain list: what the cases of the queue are tried on. Its time passes when somebody waits. For tests of this
//! crate alone.

use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use super::fixture::at;
use super::queue_cases::{Bench, LONG, SHORT};
use crate::port::Result;
use crate::port::queue::{BackfillQueue, Delays, Delivery, Depth, Task};

#[derive(Clone)]
pub(super) struct Queue(Arc<Mutex<Inner>>);

struct Inner {
    now: Timestamp,
    delays: Delays,
    messages: Vec<Message>,
    handed_out: u64,
    dead: Vec<String>,
}

struct Message {
    /// None stands for a body that cannot be read.
    task: Option<Task>,
    visible_at: Timestamp,
    tag: Option<String>,
}

impl Queue {
    pub(super) fn new() -> Queue {
        Queue(Arc::new(Mutex::new(Inner {
            now: at(0),
            delays: Delays::new([LONG, SHORT]).expect("two delays"),
            messages: Vec::new(),
            handed_out: 0,
            dead: Vec::new(),
        })))
    }

    /// Does something to the message in hand under this tag, if there is one.
    fn settle(&self, delivery: &Delivery, how: impl FnOnce(&mut Inner, Message)) {
        let mut inner = self.0.lock().unwrap();
        let tag = Some(&delivery.tag);
        if let Some(place) = inner.messages.iter().position(|m| m.tag.as_ref() == tag) {
            let message = inner.messages.remove(place);
            how(&mut inner, message);
        }
    }

    fn push(&self, task: Option<Task>) {
        let mut inner = self.0.lock().unwrap();
        let visible_at = inner.now;
        inner.messages.push(Message {
            task,
            visible_at,
            tag: None,
        });
    }
}

#[async_trait]
impl BackfillQueue for Queue {
    async fn publish(&self, task: &Task, _now: Timestamp) -> Result<()> {
        self.push(Some(task.clone()));
        Ok(())
    }

    async fn next(&self) -> Result<Delivery> {
        poll_fn(|_| {
            let inner = &mut *self.0.lock().unwrap();
            let waiting = inner.messages.iter_mut().filter(|m| m.tag.is_none());
            let Some(first) = waiting.min_by_key(|m| m.visible_at) else {
                return Poll::Pending;
            };
            inner.now = inner.now.max(first.visible_at);
            inner.handed_out += 1;
            let tag = format!("message {}", inner.handed_out);
            first.tag = Some(tag.clone());
            let task = first.task.clone();
            Poll::Ready(Ok(Delivery { task, tag }))
        })
        .await
    }

    async fn ack(&self, delivery: &Delivery) -> Result<()> {
        self.settle(delivery, |_, _| {});
        Ok(())
    }

    async fn put_off(&self, delivery: &Delivery, after: Duration, now: Timestamp) -> Result<()> {
        self.settle(delivery, |inner, message| {
            let delay = inner.delays.round(after);
            inner.messages.push(Message {
                visible_at: now + SignedDuration::try_from(delay).expect("a delay is short"),
                tag: None,
                ..message
            });
        });
        Ok(())
    }

    async fn bury(&self, delivery: &Delivery, why: &str, _now: Timestamp) -> Result<()> {
        self.settle(delivery, |inner, _| inner.dead.push(why.to_owned()));
        Ok(())
    }

    async fn clear_dead(&self) -> Result<u64> {
        Ok(self.0.lock().unwrap().dead.drain(..).len() as u64)
    }

    async fn depth(&self) -> Result<Depth> {
        let inner = self.0.lock().unwrap();
        let waiting = || inner.messages.iter().filter(|m| m.tag.is_none());
        let tasks = waiting().filter_map(|m| m.task.as_ref());
        Ok(Depth {
            waiting: waiting().count() as u64,
            in_hand: (inner.messages.len() - waiting().count()) as u64,
            dead: inner.dead.len() as u64,
            oldest: tasks.map(|task| task.enqueued_at).min(),
        })
    }
}

#[async_trait]
impl Bench for Queue {
    async fn handle(&self) -> Arc<dyn BackfillQueue> {
        Arc::new(self.clone())
    }

    fn now(&self) -> Timestamp {
        self.0.lock().unwrap().now
    }

    async fn kill(&self, _consumer: Arc<dyn BackfillQueue>) {
        for message in &mut self.0.lock().unwrap().messages {
            message.tag = None;
        }
    }

    async fn inject(&self, _body: &[u8]) {
        self.push(None);
    }
}
