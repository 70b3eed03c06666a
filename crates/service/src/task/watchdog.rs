//! Keeps a task running: one that ends or panics is started again, with a growing pause.

use std::future::Future;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

/// The pause before the first restart; doubled for each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// A task that ran this long has its earlier restarts forgotten.
const FORGIVEN_AFTER: Duration = Duration::from_secs(300);

/// Runs `start()` until it returns after `leave` was cancelled. Cancelling does not end the task: it must look at the
/// token itself, so that it can finish what it has begun.
pub(crate) async fn keep_running<F>(name: &str, leave: CancellationToken, start: impl Fn() -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut pause = FIRST_PAUSE;
    loop {
        let began = tokio::time::Instant::now();
        let ended = tokio::spawn(start()).await;
        if leave.is_cancelled() {
            return;
        }
        if began.elapsed() >= FORGIVEN_AFTER {
            pause = FIRST_PAUSE;
        }
        match ended {
            Ok(()) => tracing::error!(
                task = name,
                ?pause,
                "a task ended by itself and is started again"
            ),
            Err(error) => {
                tracing::error!(task = name, %error, ?pause, "a task failed and is started again");
            }
        }
        tokio::select! {
            () = leave.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_task_that_panics_is_started_again_until_the_node_leaves() {
        let leave = CancellationToken::new();
        let runs = Arc::new(AtomicU32::new(0));
        let start = {
            let (leave, runs) = (leave.clone(), Arc::clone(&runs));
            move || {
                let (leave, runs) = (leave.clone(), Arc::clone(&runs));
                async move {
                    if runs.fetch_add(1, Ordering::SeqCst) < 2 {
                        panic!("twice");
                    }
                    leave.cancel();
                }
            }
        };
        keep_running("test", leave, start).await;
        assert_eq!(runs.load(Ordering::SeqCst), 3);
    }
}
