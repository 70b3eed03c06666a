//! One request and its answer, from arrival to the last header.

use std::net::IpAddr;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use http::header::{IF_NONE_MATCH, USER_AGENT};
use http::{Method, Request, Response};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::State;
use super::head::{Finish, Quota};
use crate::auth::{Caller, Denied, Viewer};
use crate::body::{SimBody, SimError};
use crate::etag::{self, EtagRule};
use crate::fault::{Action, Target};
use crate::limit::{
    Account, Block, Place, RateLimitView, Refusal, RefusalForm, Resource, Share, Weight,
};
use crate::observer::{Entry, Refused, Seen};
use crate::route::call::Call;
use crate::route::reply::{Content, DOCS, Reply};
use crate::route::{self, Scene};
use crate::world::World;
use crate::{Sim, graphql};

/// The API versions that this GitHub knows; the first is taken where none is asked for.
const VERSIONS: [&str; 2] = ["2022-11-28", "2026-03-10"];

const SECONDARY_DOCS: &str = "https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api#about-secondary-rate-limits";
const PRIMARY_DOCS: &str = "https://docs.github.com/rest/using-the-rest-api/getting-started-with-the-rest-api#rate-limiting";

/// A request under way.
pub(super) struct Exchange {
    sim: Sim,
    call: Call,
    identity: Result<Caller, Denied>,
    /// What this caller may spend; an address without a token if the credential is not good.
    share: Share,
    actions: Vec<Action>,
    place: Option<Place>,
    entry: Entry,
    arrived: Timestamp,
}

/// An answer, what it costs and what its receiver learns from it.
struct Outcome {
    reply: Reply,
    cost: u64,
    nodes: u64,
    refused: Option<Refused>,
    /// The account learns to stay away: from one resource or from all.
    told: Option<(Option<Resource>, Timestamp)>,
    retry_after: Option<u64>,
    /// Headers show a spent quota, whatever is left.
    claims_exhaustion: bool,
}

impl Outcome {
    fn of(reply: Reply) -> Outcome {
        Outcome {
            reply,
            cost: 0,
            nodes: 0,
            refused: None,
            told: None,
            retry_after: None,
            claims_exhaustion: false,
        }
    }
}

impl Exchange {
    /// The request arrives: it takes its place among those in flight, and faults choose it or let it go.
    pub(super) fn begin(
        sim: Sim,
        request: Request<Bytes>,
        address: IpAddr,
        grace: Duration,
    ) -> Exchange {
        let call = Call::read(request);
        let state = &sim.shared.faces;
        let arrived = sim.clock().now();
        let (identity, share) = {
            let world = sim.world();
            let identity = state
                .credentials
                .identify(&call.headers, address, &world, arrived);
            let share = identity
                .as_ref()
                .map_or(Share::Anonymous, |caller| caller.viewer.share(&world));
            (identity, share)
        };
        let (account, credential) = match &identity {
            Ok(caller) => (caller.account.clone(), caller.account.to_string()),
            Err(denied) => (denied.account.clone(), denied.credential.clone()),
        };
        let place = state.ledger.arrive(&account);
        let path = call.target();
        let actions = state.faults.strike(
            &Target {
                method: call.method.as_str(),
                path: &path,
                operation: call
                    .operation
                    .as_ref()
                    .and_then(|operation| operation.name.as_deref()),
                resource: call.resource,
                credential: &credential,
                first: call
                    .operation
                    .as_ref()
                    .and_then(|operation| operation.first),
            },
            arrived,
        );
        let endpoint = match &call.operation {
            Some(operation) => format!(
                "graphql {}",
                operation.name.as_deref().unwrap_or("anonymous")
            ),
            None => "unknown".to_owned(),
        };
        let entry = state.observer.begin(Seen {
            at: arrived,
            credential,
            method: call.method.to_string(),
            path,
            endpoint,
            resource: call.resource,
            cost: 0,
            points: 0,
            status: 0,
            refused: None,
            sent_into_block: state
                .ledger
                .is_told(&account, call.resource, arrived, grace),
            not_modified: false,
            faults: actions.iter().map(Action::name).collect(),
            took_ms: 0,
        });
        Exchange {
            call,
            identity,
            share,
            actions,
            place: Some(place),
            entry,
            arrived,
            sim,
        }
    }

    /// Everything after the arrival.
    pub(super) async fn run(mut self) -> Result<Response<SimBody>, SimError> {
        let latency = self.state().latency;
        let slow: u64 = self
            .actions
            .iter()
            .map(|action| {
                if let Action::Delay { ms } = action {
                    *ms
                } else {
                    0
                }
            })
            .sum();
        let base = latency.base + Duration::from_millis(slow);
        tokio::time::sleep(base).await;

        if self.actions.contains(&Action::Reset) {
            self.finish_entry(0);
            return Err(SimError::Reset);
        }
        let now = self.sim.clock().now();
        let mut outcome = self.decide(now);
        let (validator, finished) = self.validate(&mut outcome);
        if outcome.cost > 0 {
            self.state()
                .ledger
                .charge(self.account(), self.call.resource, outcome.cost, now);
        }
        let thinking = latency.per_node * u32::try_from(outcome.nodes).unwrap_or(u32::MAX);
        let busy = (latency.base + thinking).as_secs_f64();
        self.state()
            .ledger
            .charge_cpu(self.account(), self.call.resource, busy, now);
        let head = Finish {
            call: &self.call,
            reply: &outcome.reply,
            validator: validator.as_deref(),
            quota: self.quota(&outcome, now),
            retry_after: outcome.retry_after,
            date: now + self.skew(),
            serial: self.state().answered.fetch_add(1, Ordering::Relaxed),
            seed: self.state().seed,
            length: finished.len(),
        };
        let mut response = head.response(SimBody::whole(finished));

        tokio::time::sleep(thinking).await;
        let told = self.sim.clock().now();
        if let Some((resource, until)) = outcome.told {
            self.state()
                .ledger
                .tell(self.account(), resource, until, told);
        }
        self.entry.seen.cost = outcome.cost;
        self.entry.seen.refused = outcome.refused;
        self.entry.seen.not_modified = response.status() == 304;
        if self.call.operation.is_none() {
            self.entry.seen.endpoint = outcome.reply.endpoint.to_owned();
        }
        self.finish_entry(response.status().as_u16());
        self.bend(&mut response);
        Ok(response)
    }

    /// What the answer is, before validators and headers.
    fn decide(&mut self, now: Timestamp) -> Outcome {
        match self.actions.iter().find(|action| action.ends()).cloned() {
            Some(Action::Status { code }) => return self.broken(code),
            Some(Action::ExpireToken) => {
                self.state().credentials.expire(&self.call.headers);
                return Outcome {
                    refused: Some(Refused::Credential),
                    ..Outcome::of(Reply::error(401, "Bad credentials"))
                };
            }
            Some(Action::SecondaryLimit {
                seconds,
                retry_after,
                status,
                claims_exhaustion,
            }) => {
                let form = RefusalForm {
                    status,
                    retry_after,
                    claims_exhaustion,
                };
                let refusal = self.state().ledger.block(
                    self.account(),
                    Duration::from_secs(seconds),
                    form,
                    now,
                );
                return self.refuse(refusal, now);
            }
            Some(Action::GraphqlRateLimited { kind }) => {
                return self.limited_in_200(&kind, now + UNNAMED_WAIT);
            }
            _ => {}
        }
        if self.call.headers.get(USER_AGENT).is_none() {
            // Documented: requests without a user agent are rejected.
            let message = "Request forbidden by administrative rules. Please make sure your request has a User-Agent header";
            return Outcome::of(Reply::error(403, message));
        }
        let viewer = match &self.identity {
            Ok(caller) => caller.viewer.clone(),
            Err(denied) => {
                // Observed: a refused credential is charged to the address, and shows the address's quota.
                let reply = Reply::error(denied.status, &denied.message);
                return Outcome {
                    cost: 1,
                    refused: Some(Refused::Credential),
                    ..Outcome::of(reply)
                };
            }
        };
        let weight = self.call.weight();
        let ledger = &self.state().ledger;
        if let Err(refusal) = ledger.admit_secondary(self.account(), weight, now) {
            return self.refuse(refusal, now);
        }
        let is_free = self.call.path == "/rate_limit";
        if !is_free
            && let Err(refusal) =
                ledger.admit_primary(self.account(), weight.resource, self.limit(weight), now)
        {
            self.entry.seen.points = weight.points;
            return self.refuse(refusal, now);
        }
        self.entry.seen.points = weight.points;
        if let Some(refused) = self.unknown_version() {
            return Outcome {
                cost: 1,
                ..Outcome::of(refused)
            };
        }
        let replica = self
            .actions
            .contains(&Action::Stale)
            .then(|| self.sim.replica())
            .flatten();
        match &replica {
            Some(replica) => self.answer(replica, &viewer, is_free, now),
            None => self.answer(&self.sim.world(), &viewer, is_free, now),
        }
    }

    fn answer(&self, world: &World, viewer: &Viewer, is_free: bool, now: Timestamp) -> Outcome {
        if self.call.operation.is_some() {
            return self.graphql(world, viewer, now);
        }
        let reply = route::answer(&Scene {
            world,
            viewer,
            credentials: &self.state().credentials,
            call: &self.call,
            now,
            quotas: (!self.hides_limits()).then(|| self.quotas(now)),
        });
        Outcome {
            cost: u64::from(!is_free),
            ..Outcome::of(reply)
        }
    }

    fn graphql(&self, world: &World, viewer: &Viewer, now: Timestamp) -> Outcome {
        match viewer {
            Viewer::Anonymous => {
                return Outcome::of(Reply::error(
                    401,
                    "This endpoint requires you to be authenticated.",
                ));
            }
            Viewer::App => {
                return Outcome::of(Reply::error(403, "Resource not accessible by integration"));
            }
            Viewer::User { .. } | Viewer::Installation { .. } => {}
        }
        if self.call.method != Method::POST {
            return Outcome::of(Reply::not_found());
        }
        let view = self.view(Resource::Graphql, now);
        let limits = graphql::RateLimitView {
            limit: if view.enforced { view.limit } else { 0 },
            used: view.used,
            reset: view.reset,
        };
        let answer = graphql::execute(world, viewer, &self.call.body, &limits);
        let body = if self.actions.contains(&Action::PartialData) {
            partial(answer.body)
        } else {
            answer.body
        };
        let reply = Reply {
            content: Content::Bytes(body),
            ..Reply::json(answer.status, Value::Null)
        };
        Outcome {
            cost: answer.cost,
            nodes: answer.nodes,
            ..Outcome::of(reply)
        }
    }

    /// A server error. Documented: a GraphQL query that times out costs points all the same.
    fn broken(&self, code: u16) -> Outcome {
        if self.call.operation.is_some() && matches!(code, 502 | 504) {
            let message = "Something went wrong while executing your query. This may be the result of a timeout, or it \
                           could be a GitHub bug.";
            let body = json!({"data": null, "errors": [{"message": message}]});
            return Outcome {
                cost: 1,
                ..Outcome::of(Reply::json(code, body))
            };
        }
        Outcome::of(Reply::error(
            code,
            if code == 503 {
                "Service Unavailable"
            } else {
                "Server Error"
            },
        ))
    }

    /// A refusal by a limit, in GitHub's words.
    fn refuse(&self, refusal: Refusal, now: Timestamp) -> Outcome {
        match refusal {
            Refusal::Secondary(block) => self.refuse_secondary(&block, now),
            Refusal::Primary(_) if self.call.operation.is_some() => {
                // Documented: over the primary limit GraphQL answers 200 with an error.
                let until = self.view(Resource::Graphql, now).reset;
                let outcome = self.limited_in_200("RATE_LIMITED", until);
                Outcome {
                    refused: Some(Refused::Primary),
                    ..outcome
                }
            }
            Refusal::Primary(view) => {
                let status = self.state().ledger.rules().primary.status.code();
                let whom = self.whom();
                let message = match &self.identity {
                    Ok(Caller {
                        viewer: Viewer::Anonymous,
                        ..
                    })
                    | Err(_) => format!(
                        "API rate limit exceeded for {whom}. (But here's the good news: Authenticated requests get a \
                         higher rate limit. Check out the documentation for more details.)"
                    ),
                    Ok(_) => format!("API rate limit exceeded for {whom}."),
                };
                let body = json!({"message": message, "documentation_url": PRIMARY_DOCS, "status": status.to_string()});
                Outcome {
                    refused: Some(Refused::Primary),
                    told: Some((Some(view.resource), view.reset)),
                    ..Outcome::of(Reply::json(status, body))
                }
            }
        }
    }

    fn refuse_secondary(&self, block: &Block, now: Timestamp) -> Outcome {
        let status = block.form.status.code();
        let message = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.";
        let body = json!({"documentation_url": SECONDARY_DOCS, "message": message, "status": status.to_string()});
        Outcome {
            refused: Some(Refused::Secondary(block.cause)),
            told: Some((None, block.told_until(now))),
            retry_after: block.form.retry_after.then(|| block.retry_after(now)),
            claims_exhaustion: block.form.claims_exhaustion,
            ..Outcome::of(Reply::json(status, body))
        }
    }

    /// A limit inside a 200. Observed: the type is spelled in two ways.
    fn limited_in_200(&self, kind: &str, until: Timestamp) -> Outcome {
        let message = format!("API rate limit already exceeded for {}.", self.whom());
        let body =
            json!({"errors": [{"type": kind, "code": "graphql_rate_limit", "message": message}]});
        Outcome {
            refused: Some(Refused::Primary),
            told: Some((Some(Resource::Graphql), until)),
            ..Outcome::of(Reply::json(200, body))
        }
    }

    fn unknown_version(&self) -> Option<Reply> {
        let asked = self
            .call
            .headers
            .get("x-github-api-version")?
            .to_str()
            .ok()?;
        // Documented: a version that is not supported is a 400.
        (!VERSIONS.contains(&asked)).then(|| {
            Reply::json(
                400,
                json!({"message": format!("{asked} is not a supported version."), "documentation_url": DOCS, "status": "400"}),
            )
        })
    }

    /// The validator of the answer and its bytes; an answer that the caller has already becomes a 304, which is free.
    fn validate(&self, outcome: &mut Outcome) -> (Option<String>, Bytes) {
        let compact = outcome.reply.compact();
        let is_read = matches!(self.call.method, Method::GET | Method::HEAD);
        let validator = (is_read && outcome.reply.status == 200)
            .then(|| self.etag_rule().validator(&self.call.headers, &compact));
        if let Some(validator) = &validator
            && self.call.headers.contains_key(IF_NONE_MATCH)
            && etag::matches(&self.call.headers, validator)
        {
            outcome.reply.status = 304;
            outcome.reply.content = Content::Empty;
            // Documented: a 304 does not count against the primary limit. Without a token it does.
            if matches!(&self.identity, Ok(caller) if caller.viewer != Viewer::Anonymous) {
                outcome.cost = 0;
            }
            return (Some(validator.clone()), Bytes::new());
        }
        let bytes = match &outcome.reply.content {
            Content::Json(value) if etag::wants_pretty(&self.call.headers) => {
                let mut pretty =
                    serde_json::to_vec_pretty(value).expect("a JSON value can be written");
                pretty.push(b'\n');
                pretty
            }
            _ => compact,
        };
        (validator, Bytes::from(bytes))
    }

    /// The quota headers of this answer.
    fn quota(&self, outcome: &Outcome, now: Timestamp) -> Option<Quota> {
        let is_edge_error = self
            .actions
            .iter()
            .any(|action| matches!(action, Action::Status { .. }));
        if self.hides_limits() || is_edge_error {
            return None;
        }
        let mut view = self.view(self.call.resource, now);
        if outcome.claims_exhaustion {
            view = RateLimitView {
                remaining: 0,
                used: view.limit,
                ..view
            };
        }
        let straying = self.actions.iter().find_map(|action| match action {
            Action::ResetJitter { seconds } => Some(*seconds),
            _ => None,
        });
        let ledger = &self.state().ledger;
        let jitter = ledger.jitter(straying.unwrap_or_else(|| ledger.rules().primary.reset_jitter));
        Some(Quota {
            view,
            shown_reset: view.reset + jitter + self.skew(),
        })
    }

    /// What faults do to an answer that is otherwise ready.
    fn bend(&mut self, response: &mut Response<SimBody>) {
        for action in std::mem::take(&mut self.actions) {
            let body = std::mem::take(response.body_mut());
            *response.body_mut() = match action {
                Action::Truncate { keep } => {
                    let length = body.length();
                    body.break_off(keep.unwrap_or(length / 2))
                }
                Action::Trickle { pieces, pause_ms } => match self.place.take() {
                    Some(place) => body
                        .trickle(pieces, Duration::from_millis(pause_ms))
                        .hold(place),
                    None => body.trickle(pieces, Duration::from_millis(pause_ms)),
                },
                _ => body,
            };
        }
    }

    fn finish_entry(&mut self, status: u16) {
        let took = Duration::try_from(self.arrived.duration_until(self.sim.clock().now()))
            .unwrap_or_default();
        self.entry.seen.status = status;
        self.entry.seen.took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    }

    fn state(&self) -> &State {
        &self.sim.shared.faces
    }

    fn account(&self) -> &Account {
        match &self.identity {
            Ok(caller) => &caller.account,
            Err(denied) => &denied.account,
        }
    }

    /// As GitHub's refusals name whom they refuse.
    fn whom(&self) -> String {
        match &self.identity {
            Ok(Caller {
                viewer: Viewer::Installation { id, .. },
                ..
            }) => format!("installation ID {id}"),
            Ok(Caller {
                viewer: Viewer::User { login },
                ..
            }) => {
                let id = self
                    .sim
                    .world()
                    .account_named(login)
                    .map_or(0, |account| account.id);
                format!("user ID {id}")
            }
            _ => self
                .account()
                .0
                .rsplit_once(':')
                .map_or_else(String::new, |(_, whom)| whom.to_owned()),
        }
    }

    fn limit(&self, weight: Weight) -> u64 {
        self.state()
            .ledger
            .rules()
            .primary
            .limit(self.share, weight.resource)
    }

    fn view(&self, resource: Resource, now: Timestamp) -> RateLimitView {
        let limit = self
            .state()
            .ledger
            .rules()
            .primary
            .limit(self.share, resource);
        self.state()
            .ledger
            .view(self.account(), resource, limit, now)
    }

    fn quotas(&self, now: Timestamp) -> Vec<RateLimitView> {
        Resource::ALL
            .iter()
            .map(|resource| self.view(*resource, now))
            .collect()
    }

    fn hides_limits(&self) -> bool {
        self.actions.contains(&Action::NoLimitHeaders)
            || !self.state().ledger.rules().primary.enforced
    }

    fn skew(&self) -> SignedDuration {
        let seconds = self.actions.iter().map(|action| {
            if let Action::Skew { seconds } = action {
                *seconds
            } else {
                0
            }
        });
        SignedDuration::from_secs(seconds.sum())
    }

    fn etag_rule(&self) -> EtagRule {
        let other = self.actions.iter().find_map(|action| match action {
            Action::Etag(rule) => Some(rule.clone()),
            _ => None,
        });
        other.unwrap_or_else(|| self.state().etag.clone())
    }
}

/// How long to stay away after a refusal that names no time.
const UNNAMED_WAIT: SignedDuration = SignedDuration::from_secs(60);

/// Half of the first list that has two items becomes null, with an error for each.
fn partial(body: Vec<u8>) -> Vec<u8> {
    let Ok(mut answer) = serde_json::from_slice::<Value>(&body) else {
        return body;
    };
    let mut errors = Vec::new();
    if let Some((path, nodes)) = answer
        .get_mut("data")
        .and_then(|data| first_list(data, &mut Vec::new()))
    {
        let half = nodes.len() / 2;
        for (at, node) in nodes.iter_mut().enumerate().skip(half) {
            *node = Value::Null;
            let mut path = path.clone();
            path.push(json!(at));
            errors.push(json!({
                "type": "RESOURCE_LIMITS_EXCEEDED",
                "path": path,
                "message": "Resource limits for this query exceeded.",
            }));
        }
    }
    if errors.is_empty() {
        errors.push(json!({"type": "RESOURCE_LIMITS_EXCEEDED", "message": "Resource limits for this query exceeded."}));
        answer["data"] = Value::Null;
    }
    answer["errors"] = Value::Array(errors);
    answer.to_string().into_bytes()
}

fn first_list<'a>(
    value: &'a mut Value,
    path: &mut Vec<Value>,
) -> Option<(Vec<Value>, &'a mut Vec<Value>)> {
    if let Value::Array(nodes) = value {
        return (nodes.len() > 1).then(|| (path.clone(), nodes));
    }
    let Value::Object(fields) = value else {
        return None;
    };
    for (name, field) in fields {
        path.push(json!(name));
        if let Some(found) = first_list(field, path) {
            return Some(found);
        }
        path.pop();
    }
    None
}
