//! One request and its answer, from arrival to the last header.

use std::net::IpAddr;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use http::header::USER_AGENT;
use http::{Method, Request, Response};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::State;
use super::head::{Finish, Quota};
use super::outcome::{Outcome, UNNAMED_WAIT, whom};
use super::partial::partial;
use super::validate::validate;
use crate::auth::{Caller, Denied, Viewer};
use crate::body::{SimBody, SimError};
use crate::fault::{Action, Struck, Target};
use crate::limit::{Account, Place, RateLimitView, Refusal, RefusalForm, Resource, Share};
use crate::observer::{Entry, Refused, Seen};
use crate::route::call::Call;
use crate::route::reply::{Content, DOCS, Reply};
use crate::route::{self, Scene};
use crate::world::World;
use crate::{Sim, graphql};

/// The API versions that this GitHub knows. Their answers are the same here.
const VERSIONS: [&str; 2] = ["2022-11-28", "2026-03-10"];

/// Documented: requests without a user agent are rejected.
const NO_AGENT: &str = "Request forbidden by administrative rules. Please make sure your request has a User-Agent header.";

/// A request under way.
pub(super) struct Exchange {
    sim: Sim,
    call: Call,
    identity: Result<Caller, Denied>,
    /// What this caller may spend; an address without a token if the credential is not good.
    share: Share,
    struck: Struck,
    /// What the secondary limits said when it arrived.
    admission: Result<(), Refusal>,
    place: Option<Place>,
    entry: Entry,
    arrived: Timestamp,
}

impl Exchange {
    /// The request arrives: its sender is told apart, faults choose it or let it go, and the secondary limits let it
    /// in or not.
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
            Ok(caller) => (&caller.account, caller.account.to_string()),
            Err(denied) => (&denied.account, denied.credential.clone()),
        };
        let (place, in_flight) = state.ledger.arrive(account);
        let path = call.target();
        let operation = call.operation.as_ref();
        let target = Target {
            method: call.method.as_str(),
            path: &path,
            operation: operation.and_then(|operation| operation.name.as_deref()),
            resource: call.resource,
            credential: &credential,
            first: operation.and_then(|operation| operation.first),
        };
        let struck = state.faults.strike(&target, arrived);
        let endpoint = match operation {
            Some(operation) => format!(
                "graphql {}",
                operation.name.as_deref().unwrap_or("anonymous")
            ),
            None => call.route.endpoint.to_owned(),
        };
        let draws_on = (!is_free(&call)).then_some(call.resource);
        let sent_into_block = state.ledger.is_told(account, draws_on, arrived, grace);
        let weight = call.weight();
        let is_let_in =
            identity.is_ok() && call.headers.contains_key(USER_AGENT) && struck.end().is_none();
        let admission = match struck.end() {
            Some(Action::SecondaryLimit {
                seconds,
                retry_after,
                status,
                claims_exhaustion,
            }) => {
                let form = RefusalForm {
                    status: *status,
                    retry_after: *retry_after,
                    claims_exhaustion: *claims_exhaustion,
                };
                Err(state
                    .ledger
                    .block(account, Duration::from_secs(*seconds), form, arrived))
            }
            _ if is_let_in => state
                .ledger
                .admit_secondary(account, weight, in_flight, arrived),
            _ => Ok(()),
        };
        let entry = state.observer.begin(Seen {
            at: arrived,
            credential,
            method: call.method.to_string(),
            path,
            endpoint,
            resource: call.resource,
            cost: 0,
            points: if is_let_in && admission.is_ok() {
                weight.points
            } else {
                0
            },
            status: 0,
            refused: None,
            sent_into_block,
            not_modified: false,
            faults: struck.names(),
            took_ms: 0,
        });
        Exchange {
            call,
            identity,
            share,
            struck,
            admission,
            place: Some(place),
            entry,
            arrived,
            sim,
        }
    }

    /// Everything after the arrival.
    pub(super) async fn run(mut self) -> Result<Response<SimBody>, SimError> {
        let latency = self.state().latency;
        tokio::time::sleep(latency.base + self.struck.delay()).await;
        if self.struck.end() == Some(&Action::Reset) {
            self.finish_entry(0);
            return Err(SimError::Reset);
        }
        // What is read, counted and shown is of one instant; the rest of the time passes before the answer is out.
        let now = self.sim.clock().now();
        let mut outcome = self.decide(now);
        let rule = self.struck.etag().unwrap_or(&self.state().etag);
        let has_token = self.share != Share::Anonymous;
        let (validator, bytes) = validate(&self.call, rule, has_token, &mut outcome);
        let state = self.state();
        if outcome.cost > 0 {
            state
                .ledger
                .charge(self.account(), self.call.resource, outcome.cost, now);
        }
        let thinking = latency.per_node * u32::try_from(outcome.nodes).unwrap_or(u32::MAX);
        let busy = (latency.base + thinking).as_secs_f64();
        state
            .ledger
            .charge_cpu(self.account(), self.call.resource, busy, now);
        let finish = Finish {
            call: &self.call,
            reply: &outcome.reply,
            validator: validator.as_deref(),
            quota: self.quota(&outcome, now),
            retry_after: outcome.retry_after,
            date: now + self.struck.skew(),
            serial: state.answered.fetch_add(1, Ordering::Relaxed),
            seed: state.seed,
            length: bytes.len(),
        };
        let mut response = finish.response(SimBody::whole(bytes));

        tokio::time::sleep(thinking).await;
        if let Some(notice) = outcome.told {
            let told = self.sim.clock().now();
            self.state().ledger.tell(self.account(), notice, told);
        }
        self.entry.seen.cost = outcome.cost;
        self.entry.seen.refused = outcome.refused;
        self.entry.seen.not_modified = response.status() == 304;
        self.finish_entry(response.status().as_u16());
        self.struck.bend(&mut response, &mut self.place);
        Ok(response)
    }

    /// What the answer is, before validators and headers.
    fn decide(&self, now: Timestamp) -> Outcome {
        let is_graphql = self.call.operation.is_some();
        match self.struck.end() {
            Some(Action::Status { code }) => return Outcome::broken(*code, is_graphql),
            Some(Action::ExpireToken) => {
                self.state().credentials.expire(&self.call.headers);
                let reply = Reply::error(401, "Bad credentials");
                return Outcome {
                    refused: Some(Refused::Credential),
                    ..Outcome::of(reply)
                };
            }
            Some(Action::GraphqlRateLimited { kind }) => {
                return Outcome::limited_in_200(kind, &self.whom(), now + UNNAMED_WAIT);
            }
            _ => {}
        }
        if let Err(refusal) = &self.admission {
            return self.refuse(refusal, now);
        }
        if !self.call.headers.contains_key(USER_AGENT) {
            return Outcome::of(Reply::error(403, NO_AGENT));
        }
        let viewer = match &self.identity {
            Ok(caller) => &caller.viewer,
            Err(denied) => return Outcome::denied(denied),
        };
        let cost = u64::from(!is_free(&self.call));
        // GraphQL turns away who has no token before it looks at quotas.
        let is_counted = !is_graphql || self.share != Share::Anonymous;
        if cost > 0 && is_counted {
            let ledger = &self.state().ledger;
            let limit = self.limit(self.call.resource);
            if let Err(refusal) =
                ledger.admit_primary(self.account(), self.call.resource, limit, now)
            {
                return self.refuse(&refusal, now);
            }
        }
        if let Some(refused) = self.unknown_version() {
            return Outcome::of(refused).costing(cost);
        }
        let replica = self.struck.is_stale().then(|| self.sim.replica()).flatten();
        let answer = |world: &World| {
            if is_graphql {
                self.graphql(world, viewer, now)
            } else {
                self.rest(world, viewer, now).costing(cost)
            }
        };
        match &replica {
            Some(replica) => answer(replica),
            None => answer(&self.sim.world()),
        }
    }

    fn rest(&self, world: &World, viewer: &Viewer, now: Timestamp) -> Outcome {
        let quotas = || {
            Resource::ALL
                .iter()
                .map(|resource| self.view(*resource, now))
                .collect()
        };
        Outcome::of(route::answer(&Scene {
            world,
            viewer,
            credentials: &self.state().credentials,
            call: &self.call,
            now,
            download_origin: self.state().download_origin.as_deref(),
            quotas: (!self.hides_limits()).then(quotas),
        }))
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
            Viewer::User { .. } | Viewer::Installation { .. }
                if self.call.method != Method::POST =>
            {
                return Outcome::of(Reply::not_found());
            }
            Viewer::User { .. } | Viewer::Installation { .. } => {}
        }
        let view = self.view(Resource::Graphql, now);
        let limits = graphql::RateLimitView {
            limit: if view.enforced { view.limit } else { 0 },
            used: view.used,
            reset: view.reset,
        };
        let answer = graphql::execute(world, viewer, &self.call.body, &limits);
        let body = if self.struck.is_partial() {
            partial(answer.body)
        } else {
            answer.body
        };
        let reply = Reply {
            content: Content::Bytes(body),
            ..Reply::json(answer.status, Value::Null)
        };
        Outcome {
            nodes: answer.nodes,
            ..Outcome::of(reply).costing(answer.cost)
        }
    }

    fn refuse(&self, refusal: &Refusal, now: Timestamp) -> Outcome {
        match refusal {
            Refusal::Secondary(block) => Outcome::refused_secondary(block, now),
            Refusal::Primary(view) => {
                let status = self.state().ledger.rules().primary.status;
                Outcome::refused_primary(view, status, &self.whom(), self.share == Share::Anonymous)
            }
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
            let message = format!("{asked} is not a supported version.");
            Reply::json(
                400,
                json!({"message": message, "documentation_url": DOCS, "status": "400"}),
            )
        })
    }

    /// The quota headers of this answer. An error from the edge has none.
    fn quota(&self, outcome: &Outcome, now: Timestamp) -> Option<Quota> {
        let is_from_edge = matches!(self.struck.end(), Some(Action::Status { .. }));
        if self.hides_limits() || is_from_edge {
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
        let ledger = &self.state().ledger;
        let jitter = ledger.jitter(
            self.struck
                .reset_jitter()
                .unwrap_or_else(|| ledger.rules().primary.reset_jitter),
        );
        Some(Quota {
            view,
            shown_reset: view.reset + jitter + self.struck.skew(),
        })
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

    fn whom(&self) -> String {
        whom(&self.identity, |login| {
            self.sim
                .world()
                .account_named(login)
                .map_or(0, |account| account.id)
        })
    }

    fn limit(&self, resource: Resource) -> u64 {
        self.state()
            .ledger
            .rules()
            .primary
            .limit(self.share, resource)
    }

    fn view(&self, resource: Resource, now: Timestamp) -> RateLimitView {
        let ledger = &self.state().ledger;
        ledger.view(self.account(), resource, self.limit(resource), now)
    }

    fn hides_limits(&self) -> bool {
        self.struck.hides_limits() || !self.state().ledger.rules().primary.enforced
    }
}

/// Documented: asking for the quotas is free of them, though it may count for the secondary limits.
fn is_free(call: &Call) -> bool {
    call.path == "/rate_limit"
}
