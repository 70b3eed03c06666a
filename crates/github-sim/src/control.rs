//! The other side of the simulator, under `/_sim/`: the truth, the log, the faults. No limit counts here, and no
//! token is asked for.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use serde::Serialize;
use serde_json::json;

use crate::Sim;
use crate::body::SimBody;
use crate::fault::Rule;
use crate::route::call::Query;

const PREFIX: &str = "/_sim/";

pub(crate) fn is_meant(request: &Request<Bytes>) -> bool {
    request.uri().path().starts_with(PREFIX)
}

/// Answers a request to the simulator itself.
pub(crate) fn answer(sim: &Sim, request: &Request<Bytes>) -> Response<SimBody> {
    let query = Query::read(request.uri().query().unwrap_or_default());
    let what = request
        .uri()
        .path()
        .strip_prefix(PREFIX)
        .unwrap_or_default();
    match (request.method(), what) {
        (&Method::GET, "truth") if query.get("summary").is_some() => show(&sim.truth().summary()),
        (&Method::GET, "truth") => show(&sim.truth()),
        (&Method::GET, "requests") => show(&sim.observer().requests()),
        (&Method::GET, "downloads") => show(&sim.observer().downloads()),
        (&Method::GET, "summary") => show(&sim.observer().summary()),
        (&Method::GET, "app.pem") => text(
            StatusCode::OK,
            "application/x-pem-file",
            sim.credentials().app_pem(),
        ),
        (&Method::GET, "app") => show(&json!({"app_id": sim.credentials().app_id()})),
        (&Method::POST, "reset") => {
            sim.reset();
            show(&json!({"reset": true}))
        }
        (&Method::POST, "rotate") => {
            sim.credentials().revoke_installation_tokens();
            show(&json!({"rotated": true}))
        }
        (&Method::GET, "faults") => faults(sim),
        (&Method::DELETE, "faults") => {
            sim.faults().clear();
            faults(sim)
        }
        (&Method::POST, "faults") => match rules(request.body()) {
            Ok(rules) => {
                for rule in rules {
                    sim.faults().add(rule);
                }
                faults(sim)
            }
            Err(error) => text(
                StatusCode::BAD_REQUEST,
                "text/plain",
                format!("not a list of faults: {error}\n"),
            ),
        },
        _ => text(
            StatusCode::NOT_FOUND,
            "text/plain",
            "nothing of the simulator's has this address\n".to_owned(),
        ),
    }
}

/// One rule, or a list of them.
fn rules(body: &[u8]) -> Result<Vec<Rule>, serde_json::Error> {
    let value: serde_json::Value = serde_json::from_slice(body)?;
    if value.is_array() {
        serde_json::from_value(value)
    } else {
        Ok(vec![serde_json::from_value(value)?])
    }
}

fn faults(sim: &Sim) -> Response<SimBody> {
    let list: Vec<_> = sim
        .faults()
        .list()
        .into_iter()
        .map(|(number, rule, struck)| json!({"number": number, "rule": rule, "struck": struck}))
        .collect();
    show(&list)
}

fn show(value: &impl Serialize) -> Response<SimBody> {
    let body = serde_json::to_string(value).expect("what the simulator tells of itself is JSON");
    text(StatusCode::OK, "application/json", body)
}

fn text(status: StatusCode, kind: &'static str, body: String) -> Response<SimBody> {
    let mut response = Response::new(SimBody::whole(Bytes::from(body)));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
