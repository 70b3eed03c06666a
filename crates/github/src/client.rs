//! The whole way to GitHub in one function, [`Client::send`].
//!
//! What may be confirmed is asked conditionally; every try waits its turn at the gate, is signed after the wait, is
//! observed whatever came of it, and is judged. What somebody else asks at the same time is asked once. The function
//! decides nothing itself: pace is the gate's, repetition the judge's, validators the conditional part's, and who shares
//! an answer with whom the flights'.

mod download;
mod flight;
mod graphql;
mod outcome;
mod settings;
mod wire;

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use quota::{CredentialQuota, Lane, Resource, Seen};

use crate::auth::{Auth, Credential};
use crate::clock::Clock;
use crate::conditional::{AnswerStore, Conditional};
use crate::error::{Error, Kind};
use crate::gate::Gate;
use crate::origin::{ApiUrl, Destination};
use crate::request::{Origin, Request, Response};
use crate::retry::{self, Tries, Verdict};
use crate::stats::{Counters, Stats};
use crate::transport::{self, Answered, Bounds, Transport};
use flight::Flights;
use outcome::Try;
pub(crate) use outcome::observe;
pub use settings::Settings;

/// Speaks to GitHub with one credential. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    settings: Settings,
    api_url: Arc<ApiUrl>,
    auth: Auth,
    transport: Transport,
    gate: Gate,
    clock: Clock,
    conditional: Conditional,
    flights: Flights,
    counters: Counters,
    /// What each GraphQL document cost when it was last asked.
    costs: Mutex<HashMap<&'static str, u64>>,
    /// Milliseconds that this machine is ahead of GitHub, as last seen; `i64::MIN` before that.
    ahead: AtomicI64,
}

impl Client {
    /// A client for one credential. The gate has to be the one of that credential; two clients of one credential share it.
    pub fn new(
        settings: Settings,
        credential: Credential,
        transport: Transport,
        gate: Gate,
        clock: Clock,
        answers: Arc<dyn AnswerStore>,
    ) -> Client {
        let inner = Inner {
            api_url: Arc::new(settings.api_url.clone()),
            auth: Auth::new(credential),
            transport,
            gate,
            clock,
            conditional: Conditional::new(settings.credential.clone(), answers),
            flights: Flights::default(),
            counters: Counters::default(),
            costs: Mutex::default(),
            ahead: AtomicI64::new(i64::MIN),
            settings,
        };
        Client {
            inner: Arc::new(inner),
        }
    }

    /// Sends one request and gives its whole, successful answer. Waits for as long as the gate says, repeats what may be
    /// repeated, follows redirects within GitHub's origin, confirms kept answers where it can, and takes over the answer to
    /// an equal GET that somebody else sends meanwhile. Dropping the future cancels it at any point, and nobody else's.
    ///
    /// # Errors
    /// Everything that is no success, see [`Error`]'s questions.
    pub async fn send(&self, lane: Lane, request: Request) -> Result<Response, Error> {
        let inner = &*self.inner;
        let mut request = request;
        let mut seat = inner.flights.arrive(&request, lane);
        let mut prepared = inner.conditional.prepare(&request).await;
        let mut tries = Tries::default();
        loop {
            if let Some(answer) = seat.join().await {
                return Ok(inner.shared(&answer, request));
            }
            let mut pass = tokio::select! {
                biased;
                answer = seat.answer() => return Ok(inner.shared(&answer, request)),
                pass = inner.gate.admit(lane, inner.ask(&request)) => pass,
            };
            let Some(signature) = inner.auth.sign(&request, self.now())? else {
                drop(pass);
                // Boxed, since minting a token sends requests of its own.
                Box::pin(inner.auth.renew(self)).await?;
                continue;
            };
            let validator = inner
                .conditional
                .validator(&prepared, wire::hashed(&signature));
            let wire = inner.wire(&request, &signature, validator.as_ref())?;
            if !pass.is_open() {
                // A limit has closed the credential since the request was let through.
                continue;
            }
            let Some(flight) = seat.take_off() else {
                // Somebody else was let through for the same and is on the way: this leave is given back.
                continue;
            };
            pass.sent();
            let started = tokio::time::Instant::now();
            let outcome = transport::call(&inner.transport, wire, inner.bounds()).await;
            let took = started.elapsed();
            let tried = inner.look(&request, lane, outcome, took);
            inner.gate.observe(
                pass,
                Seen {
                    observation: tried.observation.clone(),
                    refusal: tried.refusal.clone(),
                    charged: tried.charged,
                    took,
                },
            );
            match retry::judge(tries, inner.asked(&request), tried.came(), jitter()) {
                Verdict::Return => {
                    let answered = match inner.success(&request, tries, tried) {
                        Ok(answered) => answered,
                        Err(error) => {
                            flight.fail();
                            return Err(error);
                        }
                    };
                    let resolved = inner.conditional.resolve(
                        prepared,
                        validator.as_ref(),
                        wire::hashed(&signature),
                        answered,
                    );
                    let response = inner.response(request, resolved.await);
                    flight.land(&response);
                    return Ok(response);
                }
                Verdict::After(wait) => {
                    tries.failures += 1;
                    flight.fail();
                    tokio::time::sleep(wait).await;
                }
                Verdict::Again => tries.refusals += 1,
                Verdict::Renew => {
                    tries.renewals += 1;
                    inner.auth.forget(signature.serial);
                }
                Verdict::Follow => {
                    tries.moves += 1;
                    flight.fail();
                    request = inner.follow(&request, tries, &tried)?;
                    seat = seat.moved_to(&request);
                    prepared = inner.conditional.prepare(&request).await;
                }
            }
        }
    }

    /// What was sent, and what did not have to be.
    pub fn stats(&self) -> Stats {
        Stats {
            etag_drift: self.inner.conditional.drift(),
            etag_rule_in_use: self.inner.conditional.is_on(),
            ..self.inner.counters.snapshot()
        }
    }

    /// Counts requests for an organisation that its caller found out it need not send.
    pub fn spared(&self, org: &str, requests: u64) {
        self.inner.counters.spared(org, requests);
    }

    /// What `lane` may still spend of a bucket, as a part of its limit: see [`quota::slack`].
    pub fn slack(&self, lane: Lane, resource: &Resource) -> f64 {
        let slack = |quota: &mut CredentialQuota, now| quota.slack(lane, resource, now);
        self.inner.gate.with_quota(slack)
    }

    /// The name of the credential.
    pub fn credential(&self) -> &str {
        &self.inner.settings.credential
    }

    /// Where GitHub is.
    pub fn api_url(&self) -> &ApiUrl {
        &self.inner.api_url
    }

    /// How far this machine's clock is ahead of GitHub's (negative: behind) by the last answer, to about a second.
    pub fn clock_ahead(&self) -> Option<SignedDuration> {
        match self.inner.ahead.load(Ordering::Relaxed) {
            i64::MIN => None,
            milliseconds => Some(SignedDuration::from_millis(milliseconds)),
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.inner.counters
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("credential", &self.inner.settings.credential)
            .finish_non_exhaustive()
    }
}

impl Inner {
    fn bounds(&self) -> Bounds {
        Bounds {
            time: self.settings.request_timeout,
            body: self.settings.max_body,
        }
    }

    /// An answer as the caller sees it.
    fn response(&self, request: Request, (answered, origin): (Answered, Origin)) -> Response {
        let date = observe(&answered.headers).date;
        let Answered {
            status,
            headers,
            body,
            is_whole: _,
        } = answered;
        Response {
            status,
            headers,
            body,
            date,
            origin,
            request,
            api_url: self.api_url.clone(),
        }
    }

    /// An answer that somebody else has asked for, in the name of this request.
    fn shared(&self, answer: &Response, request: Request) -> Response {
        self.counters.coalesced(&request);
        // What the address is by now is the answer's business, whom it is counted for the request's.
        let request = Request {
            target: answer.request.target.clone(),
            ..request
        };
        Response {
            request,
            ..answer.clone()
        }
    }

    /// The request at the address that a redirect names.
    fn follow(&self, request: &Request, tries: Tries, tried: &Try) -> Result<Request, Error> {
        let subject = request.subject();
        if tries.moves > retry::MOST_MOVES {
            return Err(Kind::Redirects {
                subject,
                most: retry::MOST_MOVES,
            }
            .into());
        }
        let location = tried
            .outcome
            .as_ref()
            .ok()
            .and_then(|answered| answered.headers.get(http::header::LOCATION)?.to_str().ok());
        let location = location.unwrap_or_default();
        match self.api_url.destination(location) {
            Destination::Rest(path) => Ok(request.moved_to(path)),
            Destination::Elsewhere => {
                let to = location.split('?').next().unwrap_or_default().to_owned();
                Err(Kind::Elsewhere {
                    subject,
                    to,
                    api_url: self.api_url.to_string(),
                }
                .into())
            }
        }
    }

    fn costs(&self) -> MutexGuard<'_, HashMap<&'static str, u64>> {
        self.costs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A random number between 0 and 1, so that clients do not come back in step.
fn jitter() -> f64 {
    match ring::rand::generate::<[u8; 4]>(&ring::rand::SystemRandom::new()) {
        Ok(random) => f64::from(u32::from_be_bytes(random.expose())) / f64::from(u32::MAX),
        Err(_unlikely) => 0.5,
    }
}
