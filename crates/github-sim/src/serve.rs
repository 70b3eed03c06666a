//! The simulator behind a socket: HTTP/1.1 and HTTP/2 without TLS.
//!
//! It decides nothing but the end: when told to stop it takes no more connections and lets requests under way finish.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tower::Service;

use crate::Sim;
use crate::body::{SimBody, SimError};
use crate::service::SimService;

/// The largest body that a request may have.
const MOST: usize = 10 << 20;

/// So long after a refusal was sent a request may arrive that was sent before it was read.
const GRACE: Duration = Duration::from_millis(100);

/// So long requests under way may take after the end was asked for.
const FAREWELL: Duration = Duration::from_secs(5);

/// So long accepting pauses when it fails (no file descriptors left).
const BREATHER: Duration = Duration::from_millis(50);

/// Serves the simulator on a listener until `stop` is ready.
///
/// # Errors
///
/// Only if the listener cannot be asked for its address; what goes wrong with one connection ends that connection.
pub async fn serve(
    sim: Sim,
    listener: TcpListener,
    stop: impl Future<Output = ()>,
) -> io::Result<()> {
    let address = listener.local_addr()?;
    tracing::info!(%address, "the simulated GitHub listens");
    let service = sim.service().with_grace(GRACE);
    let builder = auto::Builder::new(TokioExecutor::new());
    let graceful = GracefulShutdown::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        let (stream, peer) = tokio::select! {
            () = &mut stop => break,
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "the simulated GitHub cannot take a connection");
                    tokio::time::sleep(BREATHER).await;
                    continue;
                }
            },
        };
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection keeps its delay");
        }
        let service = service.from_address(peer.ip());
        let connection = builder
            .serve_connection(
                TokioIo::new(stream),
                service_fn(move |request| answer(service.clone(), request)),
            )
            .into_owned();
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(error, %peer, "a connection to the simulated GitHub ended early");
            }
        });
    }
    drop(listener);
    if tokio::time::timeout(FAREWELL, graceful.shutdown())
        .await
        .is_err()
    {
        tracing::info!("the simulated GitHub left requests unanswered");
    }
    Ok(())
}

/// An error ends the connection without an answer: that is what a reset looks like to a client.
async fn answer(
    mut service: SimService,
    request: Request<Incoming>,
) -> Result<Response<SimBody>, SimError> {
    let (head, body) = request.into_parts();
    let body = match Limited::new(body, MOST).collect().await {
        Ok(body) => body.to_bytes(),
        Err(_too_large_or_gone) => {
            let mut refused = Response::new(SimBody::whole(Bytes::new()));
            *refused.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
            return Ok(refused);
        }
    };
    service.call(Request::from_parts(head, body)).await
}

/// Listens on an address and serves until `stop` is ready; returns the address that was bound, for port 0.
///
/// # Errors
///
/// If the address cannot be bound.
pub async fn spawn(
    sim: Sim,
    address: SocketAddr,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<(SocketAddr, tokio::task::JoinHandle<io::Result<()>>)> {
    let listener = TcpListener::bind(address).await?;
    let bound = listener.local_addr()?;
    Ok((bound, tokio::spawn(serve(sim, listener, stop))))
}
