//! The whole of this GitHub as one tower service.
//!
//! Start reading at `Exchange::run`: a request arrives, faults strike, the caller is told apart, the limits are
//! asked, a route or GraphQL answers, validators and headers are put on. It refuses to know sockets (`serve.rs`), and
//! what any of these steps decide.

mod exchange;
mod head;
mod outcome;
mod partial;
mod validate;

use std::future::Future;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::Pin;
use std::sync::atomic::AtomicU64;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};

use crate::auth::{AuthRules, Credentials};
use crate::body::{SimBody, SimError};
use crate::etag::EtagRule;
use crate::fault::{FaultBook, Faults};
use crate::limit::{Ledger, Limits};
use crate::observer::Observer;
use crate::{Sim, SimClock, SimConfig, control, copilot};
use exchange::Exchange;

/// How this GitHub treats its callers.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// Quotas and secondary limits.
    pub limits: Limits,
    /// Tokens and the App.
    pub auth: AuthRules,
    /// How validators are made.
    pub etag: EtagRule,
    /// How long answers take.
    pub latency: Latency,
    /// Where the files of Copilot's reports lie, as `http://host:port`; `None`: at another name of the API's address.
    pub download_origin: Option<String>,
}

/// How long answers take. What an answer takes also counts as its processor time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Latency {
    /// Every answer.
    pub base: Duration,
    /// More for each node that a GraphQL query could return.
    pub per_node: Duration,
}

impl Default for Latency {
    /// 5 ms, and 5 µs a node: brisk, so that rehearsals are quick. GitHub takes ten to a hundred times as long.
    fn default() -> Latency {
        Latency {
            base: Duration::from_millis(5),
            per_node: Duration::from_micros(5),
        }
    }
}

/// What the faces remember between requests.
pub(crate) struct State {
    pub(crate) credentials: Credentials,
    pub(crate) ledger: Ledger,
    pub(crate) faults: FaultBook,
    pub(crate) observer: Observer,
    etag: EtagRule,
    latency: Latency,
    download_origin: Option<String>,
    seed: u64,
    answered: AtomicU64,
}

impl State {
    pub(crate) fn new(config: &SimConfig, _clock: SimClock) -> State {
        let rules = &config.rules;
        State {
            credentials: Credentials::new(config.seed, &rules.auth),
            ledger: Ledger::new(rules.limits.clone()),
            faults: FaultBook::new(config.seed),
            observer: Observer::default(),
            etag: rules.etag.clone(),
            latency: rules.latency,
            download_origin: rules.download_origin.clone(),
            seed: config.seed,
            answered: AtomicU64::new(0),
        }
    }

    /// What every answer takes.
    pub(crate) fn latency(&self) -> Duration {
        self.latency.base
    }
}

impl Sim {
    /// The service, for a client in this process. It counts as one address.
    pub fn service(&self) -> SimService {
        SimService {
            sim: self.clone(),
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            grace: Duration::ZERO,
        }
    }

    /// The tokens and the App.
    pub fn credentials(&self) -> Credentials {
        self.shared.faces.credentials.clone()
    }

    /// What was asked so far.
    pub fn observer(&self) -> Observer {
        self.shared.faces.observer.clone()
    }

    /// What goes wrong.
    pub fn faults(&self) -> Faults {
        Faults { sim: self.clone() }
    }

    /// The limits in force.
    pub fn limits(&self) -> Limits {
        self.shared.faces.ledger.rules()
    }

    /// Puts other limits in force; what has been spent stays spent.
    pub fn set_limits(&self, limits: Limits) {
        self.shared.faces.ledger.set_rules(limits);
    }

    /// Forgets what was spent, who is blocked, what was asked and what goes wrong; the world and the tokens stay.
    pub fn reset(&self) {
        self.shared.faces.ledger.reset();
        self.shared.faces.observer.reset();
        self.faults().clear();
    }
}

/// The simulated GitHub as a service. Cheap to clone; all clones are one GitHub.
#[derive(Clone)]
pub struct SimService {
    sim: Sim,
    address: IpAddr,
    grace: Duration,
}

impl SimService {
    /// The same GitHub for requests from this address.
    pub fn from_address(&self, address: IpAddr) -> SimService {
        SimService {
            address,
            ..self.clone()
        }
    }

    /// For clients across a network: what arrives within `grace` of a refusal was under way already, and is not
    /// counted as sent into a block.
    pub(crate) fn with_grace(self, grace: Duration) -> SimService {
        SimService { grace, ..self }
    }
}

impl tower::Service<Request<Bytes>> for SimService {
    type Response = Response<SimBody>;
    type Error = SimError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<SimBody>, SimError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), SimError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        let SimService {
            sim,
            address,
            grace,
        } = self.clone();
        // The request has arrived now, not when the future is first looked at.
        if control::is_meant(&request) {
            return Box::pin(std::future::ready(Ok(control::answer(&sim, &request))));
        }
        if copilot::is_meant(&request) {
            return Box::pin(copilot::answer(sim, request));
        }
        let exchange = Exchange::begin(sim, request, address, grace);
        Box::pin(exchange.run())
    }
}
