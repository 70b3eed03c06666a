//! The host that report files lie on: a blob store, which knows signatures and neither tokens nor limits.
//!
//! Faults strike here as they do at the API, under the credential `download`; those that are about tokens or limits do
//! nothing.

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HOST};
use http::{HeaderValue, Method, Request, Response, StatusCode};

use super::{PREFIX, Part, file, is_good};
use crate::Sim;
use crate::body::{SimBody, SimError};
use crate::fault::{Action, Target};
use crate::limit::Resource;
use crate::observer::Download;
use crate::route::call::Query;

/// What faults know a download by.
const CREDENTIAL: &str = "download";

/// Whether a request is meant for this host.
pub(crate) fn is_meant(request: &Request<Bytes>) -> bool {
    request.uri().path().starts_with(PREFIX)
}

/// Answers a download.
pub(crate) async fn answer(
    sim: Sim,
    request: Request<Bytes>,
) -> Result<Response<SimBody>, SimError> {
    let now = sim.clock().now();
    let (head, _) = request.into_parts();
    let path = head.uri.path().to_owned();
    let host = head.uri.authority().map(http::uri::Authority::as_str);
    let host = host.or_else(|| head.headers.get(HOST)?.to_str().ok());
    let target = Target {
        method: head.method.as_str(),
        path: &path,
        operation: None,
        resource: Resource::Core,
        credential: CREDENTIAL,
        first: None,
    };
    let struck = sim.shared.faces.faults.strike(&target, now);
    let mut download = Download {
        at: now,
        host: host.unwrap_or_default().to_owned(),
        path: path.clone(),
        status: 0,
        was_shown_a_token: head.headers.contains_key(AUTHORIZATION),
        faults: struck.names(),
    };
    tokio::time::sleep(sim.shared.faces.latency() + struck.delay()).await;
    let observer = sim.observer();
    if struck.end() == Some(&Action::Reset) {
        observer.downloaded(download);
        return Err(SimError::Reset);
    }
    let query = Query::read(head.uri.query().unwrap_or_default());
    let (status, body) = match struck.end() {
        Some(Action::Status { code }) => (*code, refusal("ServerBusy")),
        _ if head.method != Method::GET => (405, refusal("UnsupportedHttpVerb")),
        _ => content(&sim, &path, &query),
    };
    download.status = status;
    observer.downloaded(download);
    let mut response = Response::new(SimBody::whole(body.clone()));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let kind = if status == 200 {
        "application/x-ndjson"
    } else {
        "application/xml"
    };
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    struck.bend(&mut response, &mut None);
    Ok(response)
}

fn content(sim: &Sim, path: &str, query: &Query) -> (u16, Bytes) {
    let world = sim.world();
    if !is_good(world.seed(), path, query, sim.clock().now()) {
        return (403, refusal("AuthenticationFailed"));
    }
    let part = Part::read(path);
    match part.and_then(|part| Some((part, part.reported(&world)?))) {
        Some((part, reported)) => (200, Bytes::from(file::bytes(&world, &reported, &part))),
        None => (404, refusal("BlobNotFound")),
    }
}

/// As blob stores answer: not JSON.
fn refusal(code: &str) -> Bytes {
    Bytes::from(format!(
        "<?xml version=\"1.0\"?><Error><Code>{code}</Code></Error>"
    ))
}
