//! How a process is asked to end.

use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// A token that SIGINT (Ctrl-C) or SIGTERM cancels. A second signal ends the process at once, with exit code 1.
///
/// # Errors
///
/// Where the process cannot listen to signals.
pub(crate) fn leave_on_signal() -> std::io::Result<CancellationToken> {
    let (mut interrupt, mut terminate) = (
        signal(SignalKind::interrupt())?,
        signal(SignalKind::terminate())?,
    );
    let leave = CancellationToken::new();
    let token = leave.clone();
    tokio::spawn(async move {
        either(&mut interrupt, &mut terminate).await;
        tracing::info!("leaving; a second signal ends at once");
        token.cancel();
        either(&mut interrupt, &mut terminate).await;
        // The log line is written before the process goes.
        tracing::warn!("ended by a second signal");
        tokio::time::sleep(Duration::from_millis(10)).await;
        std::process::exit(1);
    });
    Ok(leave)
}

async fn either(interrupt: &mut Signal, terminate: &mut Signal) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}
