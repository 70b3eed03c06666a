//! How much a request may take: body, time, and how many at once. Headers are bounded by the server below.

use std::{sync::Arc, time::Duration};

use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header},
    middleware::Next,
    response::Response,
};
use http_body_util::Limited;
use tokio::sync::Semaphore;

use super::sentence;

/// No route takes more than this, in bytes.
const BODY: usize = 64 * 1024;
/// Every route answers from memory; one that takes this long is stuck.
const TIME: Duration = Duration::from_secs(30);
/// Requests at once. One more is told to come back in a second rather than made to wait.
const AT_ONCE: usize = 128;

/// The limits of a listener.
#[derive(Clone, Debug)]
pub(super) struct Limits {
    places: Arc<Semaphore>,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            places: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }
}

pub(super) async fn apply(State(limits): State<Limits>, request: Request, next: Next) -> Response {
    // Whether the process lives must not depend on how busy it is.
    let place = match limits.places.try_acquire() {
        Ok(place) => Some(place),
        Err(_) if request.uri().path() == "/livez" => None,
        Err(_) => {
            let mut refusal = sentence(
                StatusCode::SERVICE_UNAVAILABLE,
                "too many requests at once: try again in a second",
            );
            refusal
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            return refusal;
        }
    };
    let announced = request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok());
    if announced
        .and_then(|length| length.parse::<u64>().ok())
        .is_some_and(|length| length > BODY as u64)
    {
        return sentence(
            StatusCode::PAYLOAD_TOO_LARGE,
            "the body is larger than 64 KiB",
        );
    }
    let request = request.map(|body| Body::new(Limited::new(body, BODY)));
    let response = tokio::time::timeout(TIME, next.run(request)).await;
    drop(place);
    response.unwrap_or_else(|_late| {
        sentence(
            StatusCode::SERVICE_UNAVAILABLE,
            "the answer took longer than 30 seconds",
        )
    })
}
