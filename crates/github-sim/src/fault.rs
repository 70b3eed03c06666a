//! What goes wrong, by script: rules that match requests and say what happens to them.
//!
//! A rule strikes for a number of times, until a time, or with a probability drawn from the simulator's seed. Of the
//! rules that match one request the first that ends it wins; those that only bend the answer all apply. It refuses to
//! know how an answer is made.

mod book;
mod struck;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::etag::EtagRule;
use crate::limit::{RefusalStatus, Resource};

pub(crate) use book::FaultBook;
pub use book::Faults;
pub(crate) use struck::Struck;

/// One thing that goes wrong, and when.
///
/// As JSON: `{"when": {"operation": "PULLS", "first_above": 30}, "then": {"status": {"code": 502}}, "times": 3}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The requests that it may strike; an empty matcher means all.
    #[serde(default)]
    pub when: Matcher,
    /// What happens to them.
    pub then: Action,
    /// So many matching requests go free first.
    #[serde(default)]
    pub skip: u64,
    /// Then so many are struck; `None`: all.
    #[serde(default)]
    pub times: Option<u64>,
    /// Only before this time.
    #[serde(default)]
    pub until: Option<Timestamp>,
    /// Each with this probability, 0 to 1; `None`: surely.
    #[serde(default)]
    pub chance: Option<f64>,
}

impl Rule {
    /// Strikes every request.
    pub fn always(then: Action) -> Rule {
        Rule {
            when: Matcher::default(),
            then,
            skip: 0,
            times: None,
            until: None,
            chance: None,
        }
    }

    /// Nobody answers at all.
    pub fn outage() -> Rule {
        Rule::always(Action::Reset)
    }

    /// Only requests that this matches.
    pub fn when(self, when: Matcher) -> Rule {
        Rule { when, ..self }
    }

    /// Only so many times.
    pub fn times(self, times: u64) -> Rule {
        Rule {
            times: Some(times),
            ..self
        }
    }

    /// Only after so many have gone free.
    pub fn skip(self, skip: u64) -> Rule {
        Rule { skip, ..self }
    }

    /// Only with this probability.
    pub fn chance(self, chance: f64) -> Rule {
        Rule {
            chance: Some(chance),
            ..self
        }
    }

    /// Only before this time.
    pub fn until(self, until: Timestamp) -> Rule {
        Rule {
            until: Some(until),
            ..self
        }
    }
}

/// Which requests; what is not said matches anything.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Matcher {
    /// The method.
    pub method: Option<String>,
    /// The path with its query; `*` stands for anything.
    pub path: Option<String>,
    /// The name of the GraphQL operation; ignores case.
    pub operation: Option<String>,
    /// The quota that it draws on.
    pub resource: Option<Resource>,
    /// The credential as the observer names it (`user:…`, `installation:…`); `*` stands for anything.
    pub credential: Option<String>,
    /// GraphQL only: asks for pages of more than this many nodes.
    pub first_above: Option<u64>,
}

impl Matcher {
    /// Requests whose path and query fit; `*` stands for anything.
    pub fn path(path: &str) -> Matcher {
        Matcher {
            path: Some(path.to_owned()),
            ..Matcher::default()
        }
    }

    /// GraphQL requests with this operation name.
    pub fn operation(name: &str) -> Matcher {
        Matcher {
            operation: Some(name.to_owned()),
            ..Matcher::default()
        }
    }

    /// Requests that draw on one quota.
    pub fn resource(resource: Resource) -> Matcher {
        Matcher {
            resource: Some(resource),
            ..Matcher::default()
        }
    }

    fn fits(&self, target: &Target<'_>) -> bool {
        self.method
            .as_deref()
            .is_none_or(|method| method.eq_ignore_ascii_case(target.method))
            && self
                .path
                .as_deref()
                .is_none_or(|path| wildcard(path, target.path))
            && self.operation.as_deref().is_none_or(|name| {
                target
                    .operation
                    .is_some_and(|op| op.eq_ignore_ascii_case(name))
            })
            && self
                .resource
                .is_none_or(|resource| resource == target.resource)
            && self
                .credential
                .as_deref()
                .is_none_or(|credential| wildcard(credential, target.credential))
            && self
                .first_above
                .is_none_or(|above| target.first.is_some_and(|first| first > above))
    }
}

/// What of a request a matcher looks at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) operation: Option<&'a str>,
    pub(crate) resource: Resource,
    pub(crate) credential: &'a str,
    pub(crate) first: Option<u64>,
}

/// What happens to a request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Action {
    /// An error before anything is read: no quota headers. A GraphQL 502 or 504 costs a point, since GitHub charges
    /// for queries that time out.
    Status {
        /// The status.
        code: u16,
    },
    /// The connection is closed without an answer.
    Reset,
    /// The body breaks off.
    Truncate {
        /// After so many bytes; `None`: half way.
        #[serde(default)]
        keep: Option<usize>,
    },
    /// The body comes in pieces.
    Trickle {
        /// How many.
        pieces: usize,
        /// The pause before each, in milliseconds.
        pause_ms: u64,
    },
    /// Everything takes longer.
    Delay {
        /// Milliseconds.
        ms: u64,
    },
    /// The token is no longer good. An installation token stays bad; a personal one only for this request.
    ExpireToken,
    /// No quota headers, and `/rate_limit` is a 404: an Enterprise Server with limits off. Limits are still enforced
    /// if they are on.
    NoLimitHeaders,
    /// `x-ratelimit-reset` strays.
    ResetJitter {
        /// By up to so many seconds, later.
        seconds: u64,
    },
    /// GitHub's clock is off, in `date` and in `x-ratelimit-reset`.
    Skew {
        /// Fast, or slow if negative.
        seconds: i64,
    },
    /// Answered by the lagging replica, which was frozen when the rule was added.
    Stale,
    /// A secondary limit closes the account, whatever it has spent.
    SecondaryLimit {
        /// For so long.
        seconds: u64,
        /// Whether the refusal says so. If not, a client has to stay away for a minute.
        retry_after: bool,
        /// 403 or 429.
        #[serde(default)]
        status: RefusalStatus,
        /// Whether the refusal shows `x-ratelimit-remaining: 0`, as if the quota were spent.
        #[serde(default)]
        claims_exhaustion: bool,
    },
    /// GraphQL only: a rate limit inside a 200, with no data.
    GraphqlRateLimited {
        /// The error's type: GitHub has sent `RATE_LIMITED` and `RATE_LIMIT`.
        #[serde(default = "rate_limited")]
        kind: String,
    },
    /// GraphQL only: half of the first list is null, with errors of the type `RESOURCE_LIMITS_EXCEEDED` beside the
    /// data.
    PartialData,
    /// Validators are made by another rule.
    Etag(EtagRule),
    /// Headers of the answer read so; `null` leaves one out. As old Enterprise Servers and proxies do it.
    Headers(BTreeMap<String, Option<String>>),
}

fn rate_limited() -> String {
    "RATE_LIMITED".to_owned()
}

impl Action {
    /// Its name, for the observer.
    pub fn name(&self) -> &'static str {
        match self {
            Action::Status { .. } => "status",
            Action::Reset => "reset",
            Action::Truncate { .. } => "truncate",
            Action::Trickle { .. } => "trickle",
            Action::Delay { .. } => "delay",
            Action::ExpireToken => "expire_token",
            Action::NoLimitHeaders => "no_limit_headers",
            Action::ResetJitter { .. } => "reset_jitter",
            Action::Skew { .. } => "skew",
            Action::Stale => "stale",
            Action::SecondaryLimit { .. } => "secondary_limit",
            Action::GraphqlRateLimited { .. } => "graphql_rate_limited",
            Action::PartialData => "partial_data",
            Action::Etag(_) => "etag",
            Action::Headers(_) => "headers",
        }
    }

    /// Whether it ends the request rather than bend its answer.
    pub(crate) fn ends(&self) -> bool {
        matches!(
            self,
            Action::Status { .. }
                | Action::Reset
                | Action::ExpireToken
                | Action::SecondaryLimit { .. }
                | Action::GraphqlRateLimited { .. }
        )
    }

    fn is_for(&self, target: &Target<'_>) -> bool {
        match self {
            Action::GraphqlRateLimited { .. } | Action::PartialData => {
                target.resource == Resource::Graphql
            }
            _ => true,
        }
    }
}

/// Whether `text` fits `pattern`, in which `*` stands for anything.
fn wildcard(pattern: &str, text: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(mut left) = text.strip_prefix(start) else {
        return false;
    };
    let (middle, end) = rest
        .rsplit_once('*')
        .map_or(("", rest), |(middle, end)| (middle, end));
    for part in middle.split('*').filter(|part| !part.is_empty()) {
        match left.find(part) {
            Some(at) => left = &left[at + part.len()..],
            None => return false,
        }
    }
    left.ends_with(end)
}
