//! `/livez`, `/readyz`, `/healthz`: what orchestrators and people ask first.

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};

use super::{Face, sentence};

/// The process works: it answered.
pub(super) async fn live() -> Response {
    sentence(StatusCode::OK, "ok")
}

/// It can serve. Not tied to GitHub being up.
pub(super) async fn ready(State(face): State<Face>) -> Response {
    if face.health.is_ready() {
        sentence(StatusCode::OK, "ready")
    } else {
        sentence(
            StatusCode::SERVICE_UNAVAILABLE,
            "not ready: starting or leaving",
        )
    }
}

/// Everything about the node's health. Always 200: a sick node that can say so is better than one that is restarted.
pub(super) async fn health(State(face): State<Face>) -> Response {
    Json(face.health.report((face.now)())).into_response()
}
