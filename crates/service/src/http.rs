//! The door of the node: one listener, a few routes, and a guard before all of them.
//!
//! Serving never depends on fetching: every route answers from memory, from a [`Health`] handle and from a snapshot of the metrics
//! that somebody else prepared. Refuses to know what a metric is.

mod guard;
mod headers;
mod limits;
mod listener;
mod page;
mod probe;
mod serve;
mod stall;

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    middleware,
    response::{IntoResponse as _, Response},
    routing::get,
};
use jiff::Timestamp;

pub use guard::{Guard, LocalAddress};
pub use listener::bind;
pub use serve::serve;

use crate::export::{Part, Parts};
use crate::health::Health;

/// Makes the answer of `/metrics` or of a part of it out of the request's headers (`Accept`, `Accept-Encoding`,
/// `If-None-Match`), without waiting.
pub type Metrics = Arc<dyn Fn(Part, &HeaderMap) -> http::Response<Parts> + Send + Sync>;

/// Says what time it is.
pub type Now = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Everything that the door shows.
#[derive(Clone)]
pub struct Face {
    /// How the node is.
    pub health: Health,
    /// The snapshot of the metrics.
    pub metrics: Metrics,
    /// What time it is, for ages.
    pub now: Now,
}

/// The routes behind their guard.
pub fn router(face: Face, guard: Guard) -> Router {
    Router::new()
        .route("/", get(page::landing))
        .route("/style.css", get(page::style))
        .route("/icon.svg", get(page::icon))
        .route("/livez", get(probe::live))
        .route("/readyz", get(probe::ready))
        .route("/healthz", get(probe::health))
        .route("/metrics", get(all_metrics))
        .route("/metrics/activity", get(activity_metrics))
        .route("/metrics/node", get(node_metrics))
        .fallback(nothing_here)
        .method_not_allowed_fallback(only_reading)
        .with_state(face)
        .layer(middleware::from_fn_with_state(
            limits::Limits::default(),
            limits::apply,
        ))
        .layer(middleware::from_fn_with_state(guard, guard::apply))
        .layer(middleware::from_fn(headers::apply))
}

async fn all_metrics(State(face): State<Face>, headers: HeaderMap) -> Response {
    (face.metrics)(Part::All, &headers).map(Body::new)
}

async fn activity_metrics(State(face): State<Face>, headers: HeaderMap) -> Response {
    (face.metrics)(Part::Activity, &headers).map(Body::new)
}

async fn node_metrics(State(face): State<Face>, headers: HeaderMap) -> Response {
    (face.metrics)(Part::Node, &headers).map(Body::new)
}

async fn nothing_here() -> Response {
    sentence(
        StatusCode::NOT_FOUND,
        "nothing is here: / lists what there is",
    )
}

async fn only_reading() -> Response {
    sentence(
        StatusCode::METHOD_NOT_ALLOWED,
        "this can only be read: use GET",
    )
}

/// An answer of one sentence.
fn sentence(status: StatusCode, text: &str) -> Response {
    (
        status,
        [(header::CONTENT_TYPE, "text/plain; charset=utf-8")],
        format!("{text}\n"),
    )
        .into_response()
}

#[cfg(test)]
mod tests;
