//! The other side of the simulator, under `/_sim/`: the truth, the log, the faults. No limit counts here, and no
//! token is asked for.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::Sim;
use crate::body::SimBody;
use crate::fault::Rule;
use crate::route::call::Query;
use crate::world::copilot::Quirks;

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
        (&Method::POST, "permissions") => match serde_json::from_slice(request.body()) {
            Ok(granted) => permissions(sim, &granted),
            Err(error) => refused("permissions by name, true or false", &error),
        },
        (&Method::POST, "copilot") => match serde_json::from_slice(request.body()) {
            Ok(wanted) => reports(sim, wanted),
            Err(error) => refused("an organisation and how its reports come", &error),
        },
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
            Err(error) => refused("a list of faults", &error),
        },
        _ => text(
            StatusCode::NOT_FOUND,
            "text/plain",
            "nothing of the simulator's has this address\n".to_owned(),
        ),
    }
}

/// How the reports of one organisation come from now on.
#[derive(Deserialize)]
struct Wanted {
    org: String,
    #[serde(flatten)]
    quirks: Quirks,
}

fn reports(sim: &Sim, wanted: Wanted) -> Response<SimBody> {
    let mut world = sim.world();
    let org = world.account_named(&wanted.org).map(|org| org.id);
    match org.filter(|org| world.reported_org(*org).is_some()) {
        Some(org) => {
            world.copilot_mut(org).quirks = wanted.quirks;
            show(&json!({"changed": true}))
        }
        None => text(
            StatusCode::NOT_FOUND,
            "text/plain",
            "no organisation of this name has seats of Copilot\n".to_owned(),
        ),
    }
}

fn permissions(sim: &Sim, granted: &BTreeMap<String, bool>) -> Response<SimBody> {
    for (permission, is_granted) in granted {
        sim.credentials().withhold(permission, !is_granted);
    }
    show(granted)
}

fn refused(wanted: &str, error: &serde_json::Error) -> Response<SimBody> {
    let message = format!("not {wanted}: {error}\n");
    text(StatusCode::BAD_REQUEST, "text/plain", message)
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
