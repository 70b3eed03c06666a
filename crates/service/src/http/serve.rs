//! The server: accepts, bounds what a connection may take, and lets what is under way finish when the node leaves.

use std::{io, net::TcpListener, sync::Arc, time::Duration};

use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::{LocalAddress, stall::Stalling};

/// Connections at once. More wait in the kernel's queue until one ends.
const CONNECTIONS: usize = 512;
/// A request's head must be whole within this; an idle connection is closed after it as well.
const HEAD: Duration = Duration::from_secs(20);
/// A reader that takes nothing for this long is cut off.
const STALL: Duration = Duration::from_secs(30);
/// What is under way may finish within this when the node leaves.
const DRAIN: Duration = Duration::from_secs(10);
/// Bytes of a request's head.
const HEAD_BYTES: usize = 32 * 1024;
/// Header lines of a request.
const HEAD_LINES: usize = 64;

/// Serves until `leave` is cancelled and what was under way is done.
///
/// # Errors
///
/// The listener cannot be used. A connection that fails is nobody's error.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    leave: CancellationToken,
) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let graceful = GracefulShutdown::new();
    loop {
        let place = tokio::select! {
            () = leave.cancelled() => break,
            place = Arc::clone(&places).acquire_owned() => place.map_err(io::Error::other)?,
        };
        let stream = tokio::select! {
            () = leave.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    // Out of file descriptors, or a client that left: neither is a reason to stop accepting.
                    tracing::debug!(%error, "a connection was not accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
        };
        let Ok(local) = stream.local_addr() else {
            continue;
        };
        let _without = stream.set_nodelay(true);
        let service =
            TowerToHyperService::new(router.clone().layer(Extension(LocalAddress(local))));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD)
            .max_buf_size(HEAD_BYTES)
            .max_headers(HEAD_LINES)
            .serve_connection(TokioIo::new(Stalling::new(stream, STALL)), service);
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::trace!(%error, "a connection ended early");
            }
            drop(place);
        });
    }
    drop(listener);
    if tokio::time::timeout(DRAIN, graceful.shutdown())
        .await
        .is_err()
    {
        tracing::warn!(
            "connections were still open {} s after the node began to leave",
            DRAIN.as_secs()
        );
    }
    Ok(())
}
