//! What came of one try: what it says of limits, cost and clocks, and, at the end, whether it is a success.

use std::sync::atomic::Ordering;
use std::time::Duration;

use http::{HeaderMap, StatusCode, header};
use jiff::SignedDuration;
use quota::{Lane, Observation, Refusal};

use super::Inner;
use crate::error::{Error, Kind};
use crate::graphql::Peek;
use crate::request::{Request, Signer, Target};
use crate::retry::{Came, Tries};
use crate::stats::Code;
use crate::transport::{self, Answered, TransportError};

/// GitHub compares an App's signature with its own clock; a difference beyond this explains a refusal.
const CLOCK_TOLERANCE: SignedDuration = SignedDuration::from_secs(60);

/// One try, looked at.
pub(super) struct Try {
    pub(super) outcome: Result<Answered, TransportError>,
    pub(super) observation: Observation,
    pub(super) refusal: Option<Refusal>,
    pub(super) charged: Option<u64>,
}

impl Inner {
    /// Reads what an outcome says of limits, cost and clocks, and counts it.
    pub(super) fn look(
        &self,
        request: &Request,
        lane: Lane,
        outcome: Result<Answered, TransportError>,
        took: Duration,
    ) -> Try {
        let code: Code = outcome
            .as_ref()
            .map(|answered| answered.status)
            .map_err(TransportError::fault)
            .into();
        tracing::debug!(
            endpoint = request.endpoint,
            org = request.org.as_deref(),
            lane = lane.as_str(),
            %code,
            took_ms = took.as_millis(),
            "asked GitHub"
        );
        let Ok(answered) = &outcome else {
            self.counters.sent(request, lane, code, 0);
            return Try {
                outcome,
                observation: Observation::default(),
                refusal: None,
                charged: None,
            };
        };
        let mut observation = observe(&answered.headers);
        if let Some(date) = observation.date {
            let ahead = self.clock.now().duration_since(date).as_millis();
            self.ahead
                .store(i64::try_from(ahead).unwrap_or(i64::MAX), Ordering::Relaxed);
        }
        let peek = match request.target {
            Target::GraphQl => Peek::into(&answered.body),
            Target::Rest(_) => Peek::default(),
        };
        let refusal = refusal(answered, &observation, &peek);
        let charged = match answered.status {
            StatusCode::NOT_MODIFIED | StatusCode::UNAUTHORIZED => Some(0),
            _ if request.signer == Signer::App => Some(0),
            _ => peek.cost,
        };
        let units = match answered.status {
            _ if refusal.is_some() => 0,
            _ => charged.unwrap_or_else(|| self.ask(request).cost),
        };
        self.counters.sent(request, lane, code, units);
        if let Some(cost) = peek.cost {
            self.costs().insert(request.endpoint, cost);
        }
        // A 401 shows the bucket of the anonymous, and an App's own answers show the App's: neither is this credential's. Nor
        // has a server limits or none because it failed before it looked. What is left of the App's is GitHub's clock.
        let is_for_app = request.signer == Signer::App;
        let has_failed = answered.status.is_server_error() && observation.is_silent();
        if answered.status == StatusCode::UNAUTHORIZED || is_for_app || has_failed {
            observation = Observation {
                retry_after: observation.retry_after,
                date: observation.date.filter(|_| is_for_app),
                ..Observation::default()
            };
        }
        Try {
            outcome,
            observation,
            refusal,
            charged,
        }
    }

    /// The answer, if it is a success or a confirmation.
    pub(super) fn success(
        &self,
        request: &Request,
        tries: Tries,
        tried: Try,
    ) -> Result<Answered, Error> {
        let subject = request.subject();
        let answered = tried.outcome.map_err(|source| Kind::Transport {
            subject: subject.clone(),
            source,
        })?;
        if let Some(refusal) = tried.refusal {
            let until = match refusal {
                Refusal::Primary { until } => until,
                Refusal::Secondary { retry_after } => {
                    retry_after.and_then(|wait| self.clock.now().checked_add(wait).ok())
                }
            };
            return Err(Kind::RateLimited {
                subject,
                refusals: tries.refusals + 1,
                until,
            }
            .into());
        }
        let status = answered.status;
        let is_json = transport::is_json(&answered.headers);
        let not_github = || {
            let kind = answered
                .headers
                .get(header::CONTENT_TYPE)
                .and_then(|value| value.to_str().ok());
            let seen = kind.map_or("no content type", |kind| {
                kind.split(';').next().unwrap_or(kind).trim()
            });
            Error::from(Kind::NotGitHub {
                subject: subject.clone(),
                status,
                seen: seen.chars().take(60).collect(),
            })
        };
        match status {
            StatusCode::NOT_MODIFIED | StatusCode::NO_CONTENT => Ok(answered),
            _ if status.is_success() && (is_json || answered.body.is_empty()) => Ok(answered),
            _ if status.is_success() => Err(not_github()),
            _ => match (message(&answered.body), request.signer, self.auth.app_id()) {
                (Some(said), Signer::App, Some(app_id)) if is_unknown_app(status, &said) => {
                    Err(self.wrong_key(app_id, said, &answered.headers))
                }
                (None, ..) if status.is_client_error() => Err(not_github()),
                (message, ..) => Err(Kind::Status {
                    subject,
                    status,
                    message,
                }
                .into()),
            },
        }
    }

    /// An App whose signature GitHub refuses has another key, or this machine another time.
    fn wrong_key(&self, app_id: u64, said: String, headers: &HeaderMap) -> Error {
        let ahead = observe(headers)
            .date
            .map(|date| self.clock.now().duration_since(date));
        match ahead.filter(|ahead| ahead.abs() > CLOCK_TOLERANCE) {
            Some(ahead) => Kind::ClockOff { app_id, ahead }.into(),
            None => Kind::WrongKey { app_id, said }.into(),
        }
    }
}

impl Try {
    pub(super) fn came(&self) -> Came {
        match &self.outcome {
            _ if self.refusal.is_some() => Came::Refusal,
            Ok(answered) => Came::Answer(answered.status, self.observation.retry_after),
            Err(error) => Came::Fault(error.fault()),
        }
    }
}

/// What GitHub says in its headers.
pub(crate) fn observe(headers: &HeaderMap) -> Observation {
    Observation::read(|name| headers.get(name)?.to_str().ok())
}

/// A refusal by a limit, in whichever form it came.
fn refusal(answered: &Answered, observation: &Observation, peek: &Peek) -> Option<Refusal> {
    if transport::may_be_a_limit(answered.status) {
        let said = quota::refusal::classify(
            answered.status.as_u16(),
            observation,
            &String::from_utf8_lossy(&answered.body),
        );
        // What broke off before it said anything is taken for the worse of what it may have been.
        let unsaid = (!answered.is_whole).then_some(Refusal::Secondary { retry_after: None });
        return said.or(unsaid);
    }
    let errors = peek
        .errors
        .iter()
        .map(|error| (error.code(), error.message.as_str()));
    quota::refusal::classify_graphql(observation, errors)
}

/// GitHub does not know the App, or not its signature.
fn is_unknown_app(status: StatusCode, said: &str) -> bool {
    status == StatusCode::UNAUTHORIZED
        || (status == StatusCode::NOT_FOUND && said.contains("Integration not found"))
}

/// GitHub's sentence in an error's body, bounded.
fn message(body: &[u8]) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Body {
        message: String,
    }
    let body: Body = serde_json::from_slice(body).ok()?;
    Some(
        body.message
            .lines()
            .next()
            .unwrap_or_default()
            .chars()
            .take(300)
            .collect(),
    )
}
