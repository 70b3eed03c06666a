//! What became of a request: an answer, what it costs, and what its sender learns from it. Refusals speak GitHub's
//! words.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::auth::{Caller, Denied, Viewer};
use crate::limit::{Block, Notice, RateLimitView, RefusalStatus, Resource};
use crate::observer::Refused;
use crate::route::reply::Reply;

const SECONDARY_DOCS: &str = "https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api#about-secondary-rate-limits";
const PRIMARY_DOCS: &str = "https://docs.github.com/rest/using-the-rest-api/getting-started-with-the-rest-api#rate-limiting";

/// How long to stay away after a refusal that names no time. Documented: at least a minute.
pub(super) const UNNAMED_WAIT: SignedDuration = SignedDuration::from_secs(60);

/// An answer and what goes with it.
pub(super) struct Outcome {
    pub(super) reply: Reply,
    pub(super) cost: u64,
    pub(super) nodes: u64,
    pub(super) refused: Option<Refused>,
    /// What the sender learns.
    pub(super) told: Option<Notice>,
    pub(super) retry_after: Option<u64>,
    /// Headers show a spent quota, whatever is left.
    pub(super) claims_exhaustion: bool,
}

impl Outcome {
    pub(super) fn of(reply: Reply) -> Outcome {
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

    pub(super) fn costing(self, cost: u64) -> Outcome {
        Outcome { cost, ..self }
    }

    /// The credential is not good. Observed: the address is charged, and its quota is shown.
    pub(super) fn denied(denied: &Denied) -> Outcome {
        let reply = Reply::error(denied.status, &denied.message);
        Outcome {
            cost: 1,
            refused: Some(Refused::Credential),
            ..Outcome::of(reply)
        }
    }

    /// A server error. Documented: a GraphQL query that times out costs points all the same.
    pub(super) fn broken(code: u16, is_graphql: bool) -> Outcome {
        if is_graphql && matches!(code, 502 | 504) {
            let message = "Something went wrong while executing your query. This may be the result of a timeout, or it \
                           could be a GitHub bug.";
            let body = json!({"data": null, "errors": [{"message": message}]});
            return Outcome::of(Reply::json(code, body)).costing(1);
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

    /// The quota is spent.
    pub(super) fn refused_primary(
        view: &RateLimitView,
        status: RefusalStatus,
        whom: &str,
        is_anonymous: bool,
    ) -> Outcome {
        // Documented: over the primary limit GraphQL answers 200 with an error.
        if view.resource == Resource::Graphql {
            return Outcome::limited_in_200("RATE_LIMITED", whom, view.reset);
        }
        let status = status.code();
        let hint = if is_anonymous {
            " (But here's the good news: Authenticated requests get a higher rate limit. Check out the documentation for \
             more details.)"
        } else {
            ""
        };
        let message = format!("API rate limit exceeded for {whom}.{hint}");
        let body = json!({"message": message, "documentation_url": PRIMARY_DOCS, "status": status.to_string()});
        Outcome {
            refused: Some(Refused::Primary),
            told: Some(Notice {
                resource: Some(view.resource),
                ends: view.reset,
                until: view.reset,
            }),
            ..Outcome::of(Reply::json(status, body))
        }
    }

    /// A secondary limit was met.
    pub(super) fn refused_secondary(block: &Block, now: Timestamp) -> Outcome {
        let status = block.form.status.code();
        let message = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.";
        let body = json!({"documentation_url": SECONDARY_DOCS, "message": message, "status": status.to_string()});
        Outcome {
            refused: Some(Refused::Secondary(block.cause)),
            told: Some(block.notice(now)),
            retry_after: block.form.retry_after.then(|| block.retry_after(now)),
            claims_exhaustion: block.form.claims_exhaustion,
            ..Outcome::of(Reply::json(status, body))
        }
    }

    /// A limit inside a 200. Observed: the type is spelled in two ways.
    pub(super) fn limited_in_200(kind: &str, whom: &str, until: Timestamp) -> Outcome {
        let message = format!("API rate limit already exceeded for {whom}.");
        let body: Value =
            json!({"errors": [{"type": kind, "code": "graphql_rate_limit", "message": message}]});
        Outcome {
            refused: Some(Refused::Primary),
            told: Some(Notice {
                resource: Some(Resource::Graphql),
                ends: until,
                until,
            }),
            ..Outcome::of(Reply::json(200, body))
        }
    }
}

/// As GitHub's refusals name whom they refuse.
pub(super) fn whom(identity: &Result<Caller, Denied>, user_id: impl FnOnce(&str) -> u64) -> String {
    match identity {
        Ok(Caller {
            viewer: Viewer::Installation { id, .. },
            ..
        }) => format!("installation ID {id}"),
        Ok(Caller {
            viewer: Viewer::User { login },
            ..
        }) => format!("user ID {}", user_id(login)),
        Ok(Caller { account, .. }) | Err(Denied { account, .. }) => account
            .0
            .split_once(':')
            .map_or_else(String::new, |(_, whom)| whom.to_owned()),
    }
}
