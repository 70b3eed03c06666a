use std::sync::{Arc, Mutex};

use super::*;

/// Writes down what is called.
#[derive(Clone, Default)]
struct Book(Arc<Mutex<Vec<String>>>);

impl Book {
    fn write(&self, line: impl Into<String>) {
        self.0.lock().unwrap().push(line.into());
    }

    fn read(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

#[async_trait]
impl RoleHooks for Book {
    async fn start_leader(&self, epoch: u64) {
        self.write(format!("lead {epoch}"));
    }
    async fn stop_leader(&self) {
        // Tasks take a while to end, and nothing else begins meanwhile.
        tokio::task::yield_now().await;
        self.write("lead no more");
    }
    async fn start_follower(&self) {
        self.write("follow");
    }
    async fn stop_follower(&self) {
        tokio::task::yield_now().await;
        self.write("follow no more");
    }
}

/// What is called for these signals, each taken in before the next one.
async fn calls(
    signals: &[Leadership],
    end: impl FnOnce(watch::Sender<Leadership>, &CancellationToken),
) -> Vec<String> {
    let (tell, told) = watch::channel(Leadership::Unknown);
    let leave = CancellationToken::new();
    let book = Book::default();
    let task = tokio::spawn(RoleManager::new(book.clone()).run(told, leave.clone()));
    for signal in signals {
        tell.send(*signal).unwrap();
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
    }
    end(tell, &leave);
    task.await.unwrap();
    book.read()
}

const LEADER: Leadership = Leadership::Leader { epoch: 3 };

#[tokio::test]
async fn a_change_stops_the_old_role_and_starts_the_new_one() {
    let signals = [Leadership::Follower, LEADER, Leadership::Follower];
    let called = calls(&signals, |_tell, leave| leave.cancel()).await;
    assert_eq!(
        called,
        [
            "follow",
            "follow no more",
            "lead 3",
            "lead no more",
            "follow",
            "follow no more"
        ]
    );
}

#[tokio::test]
async fn a_signal_that_is_repeated_changes_nothing() {
    let called = calls(&[LEADER, LEADER, LEADER], |_tell, leave| leave.cancel()).await;
    assert_eq!(called, ["lead 3", "lead no more"]);
}

#[tokio::test]
async fn another_epoch_is_another_leadership() {
    let signals = [LEADER, Leadership::Leader { epoch: 4 }];
    let called = calls(&signals, |_tell, leave| leave.cancel()).await;
    assert_eq!(called, ["lead 3", "lead no more", "lead 4", "lead no more"]);
}

#[tokio::test]
async fn a_stream_that_closes_ends_the_role() {
    let called = calls(&[Leadership::Follower], |tell, _leave| drop(tell)).await;
    assert_eq!(called, ["follow", "follow no more"]);
}

#[tokio::test]
async fn whoever_leaves_before_anything_is_known_starts_nothing() {
    let called = calls(&[], |_tell, leave| leave.cancel()).await;
    assert!(called.is_empty(), "{called:?}");
}
