//! What could not be done, and to which thing. Callers ask an error what it means; they never match its text.
//!
//! No message repeats its source (the edge prints the chain), and none carries a token, a key or a body.

use http::StatusCode;
use jiff::{SignedDuration, Timestamp};

use crate::graphql::GraphQlError;
use crate::transport::TransportError;

/// A request to GitHub, or a credential, that failed.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Error(Box<Kind>);

impl From<Kind> for Error {
    fn from(kind: Kind) -> Error {
        Error(Box::new(kind))
    }
}

/// Everything that can go wrong; private, so that callers ask.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Kind {
    #[error("cannot use {given} as the address of GitHub's API: {reason}")]
    ApiUrl { given: String, reason: &'static str },
    #[error("cannot address {subject}")]
    Address {
        subject: String,
        source: http::uri::InvalidUri,
    },
    #[error(
        "cannot use the token: it holds characters that no header can carry (a line break inside, perhaps)"
    )]
    BadToken,
    #[error("cannot use the App's private key: {reason}")]
    BadKey { reason: &'static str },
    #[error("GitHub refuses the private key for App {app_id}: {said}")]
    WrongKey { app_id: u64, said: String },
    #[error("the clock of this machine is {} GitHub's, so that GitHub refuses the signature of App {app_id}", describe_skew(*.ahead))]
    ClockOff { app_id: u64, ahead: SignedDuration },
    #[error("App {app_id} is not installed for {owner}")]
    NotInstalled { app_id: u64, owner: String },
    #[error("cannot sign {subject} as an App: the credential is not one")]
    NotAnApp { subject: String },
    #[error("GitHub answers {subject} with {status}{}", said(.message))]
    Status {
        subject: String,
        status: StatusCode,
        message: Option<String>,
    },
    #[error("GitHub still limits {subject} after {refusals} refusals{}", describe_until(.until))]
    RateLimited {
        subject: String,
        refusals: u32,
        until: Option<Timestamp>,
    },
    #[error("cannot reach GitHub for {subject}")]
    Transport {
        subject: String,
        source: TransportError,
    },
    #[error("the answer to {subject} ({status}, {seen}) is not from GitHub's API")]
    NotGitHub {
        subject: String,
        status: StatusCode,
        seen: String,
    },
    #[error("cannot understand the answer to {subject}")]
    Decode {
        subject: String,
        source: serde_json::Error,
    },
    #[error("GitHub answers {subject} with {}", describe_errors(.errors))]
    GraphQl {
        subject: String,
        errors: Vec<GraphQlError>,
        partial: bool,
    },
    #[error("{subject} leads to {to}, which is not below {api_url}")]
    Elsewhere {
        subject: String,
        to: String,
        api_url: String,
    },
    #[error("{host} answers for a report's file with {status}")]
    Download { host: String, status: StatusCode },
    #[error("{from} leads to no address that may be followed")]
    BadLink { from: String },
    #[error("{subject} was redirected more than {most} times")]
    Redirects { subject: String, most: u32 },
    #[error("cannot set up the connection to GitHub")]
    Setup { source: reqwest::Error },
}

impl Error {
    /// The HTTP status that ended the request, where one did.
    pub fn status(&self) -> Option<StatusCode> {
        match &*self.0 {
            Kind::Status { status, .. } | Kind::NotGitHub { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// The thing is not there, or this credential may not know that it is (GitHub answers both with 404).
    pub fn is_not_found(&self) -> bool {
        self.has_status(&[StatusCode::NOT_FOUND]) || self.only_graphql("NOT_FOUND")
    }

    /// A permission is missing: a 403 that is no limit.
    pub fn is_forbidden(&self) -> bool {
        self.has_status(&[StatusCode::FORBIDDEN]) || self.only_graphql("FORBIDDEN")
    }

    /// The credential as a whole is kept out for now, by a suspended installation, single sign-on or a list of allowed
    /// addresses: whatever it asks for is refused until an owner changes that. Told by GitHub's sentence, since the status
    /// is the one of a missing permission.
    pub fn is_locked_out(&self) -> bool {
        matches!(&*self.0, Kind::Status { status: StatusCode::FORBIDDEN, message: Some(message), .. }
            if ["suspended", "SAML", "IP allow list"].iter().any(|word| message.contains(word)))
    }

    /// GitHub does not know the token: it is wrong, expired or revoked.
    pub fn is_unauthorized(&self) -> bool {
        self.has_status(&[StatusCode::UNAUTHORIZED])
    }

    /// Asking again will not help: 404, 410 (switched off) or 451 (taken down).
    pub fn is_gone(&self) -> bool {
        self.has_status(&[StatusCode::GONE, StatusCode::UNAVAILABLE_FOR_LEGAL_REASONS])
            || self.is_not_found()
    }

    /// The answer would have been too much at once: 502, 504, a timeout, a node limit, exhausted resources. A smaller
    /// page may succeed.
    pub fn is_too_large(&self) -> bool {
        match &*self.0 {
            Kind::Status { status, .. } => matches!(
                *status,
                StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT
            ),
            Kind::Transport { source, .. } => source.is_timeout() || source.is_too_large(),
            Kind::GraphQl { errors, .. } => errors.iter().any(GraphQlError::is_too_large),
            _ => false,
        }
    }

    /// GitHub kept limiting the request until the tries were used up.
    pub fn is_rate_limit(&self) -> bool {
        matches!(*self.0, Kind::RateLimited { .. })
    }

    /// No answer came: no connection, a broken one, or no answer in time.
    pub fn is_unreachable(&self) -> bool {
        matches!(*self.0, Kind::Transport { .. })
    }

    /// GitHub answered that it is itself in trouble (5xx), until the tries were used up.
    pub fn is_server_error(&self) -> bool {
        matches!(&*self.0, Kind::Status { status, .. } | Kind::Download { status, .. } if status.is_server_error())
    }

    /// The host of a report's files no longer takes the link. Another link may do: this says nothing of permissions.
    pub fn is_expired_link(&self) -> bool {
        matches!(&*self.0, Kind::Download { status, .. } if status.is_client_error())
    }

    /// The configured address of the API cannot be used.
    pub fn is_bad_api_url(&self) -> bool {
        matches!(*self.0, Kind::ApiUrl { .. })
    }

    /// Something answered, but not GitHub's API: the configured address is likely another server's.
    pub fn is_not_github(&self) -> bool {
        matches!(*self.0, Kind::NotGitHub { .. })
    }

    /// The token cannot be put into a header.
    pub fn is_bad_token(&self) -> bool {
        matches!(*self.0, Kind::BadToken)
    }

    /// The App's private key is no RSA key in PEM form.
    pub fn is_bad_key(&self) -> bool {
        matches!(*self.0, Kind::BadKey { .. })
    }

    /// The App's private key is well formed, but GitHub does not take it for this App.
    pub fn is_wrong_key(&self) -> bool {
        matches!(*self.0, Kind::WrongKey { .. })
    }

    /// The App is not installed where it should act.
    pub fn is_not_installed(&self) -> bool {
        matches!(*self.0, Kind::NotInstalled { .. })
    }

    /// How far this machine's clock is ahead of GitHub's (negative: behind), if that is what GitHub refused.
    pub fn clock_off(&self) -> Option<SignedDuration> {
        match *self.0 {
            Kind::ClockOff { ahead, .. } => Some(ahead),
            _ => None,
        }
    }

    /// Whether the answer came, but was not of the form that it should have.
    pub fn is_undecodable(&self) -> bool {
        matches!(*self.0, Kind::Decode { .. })
    }

    /// Whether an answer led to where nobody may follow: from the API to another origin, from a report to an address without
    /// TLS. Nothing was sent there.
    pub fn is_elsewhere(&self) -> bool {
        matches!(*self.0, Kind::Elsewhere { .. } | Kind::BadLink { .. })
    }

    /// The errors of a GraphQL answer, in GitHub's order; empty for everything else.
    pub fn graphql(&self) -> &[GraphQlError] {
        match &*self.0 {
            Kind::GraphQl { errors, .. } => errors,
            _ => &[],
        }
    }

    /// Whether GraphQL gave some data beside its errors, which must not be taken for the whole.
    pub fn is_partial(&self) -> bool {
        matches!(*self.0, Kind::GraphQl { partial: true, .. })
    }

    fn has_status(&self, any: &[StatusCode]) -> bool {
        matches!(&*self.0, Kind::Status { status, .. } if any.contains(status))
    }

    fn only_graphql(&self, kind: &str) -> bool {
        !self.graphql().is_empty()
            && self
                .graphql()
                .iter()
                .all(|error| error.kind.as_deref() == Some(kind))
    }
}

fn said(message: &Option<String>) -> String {
    message
        .as_ref()
        .map(|message| format!(": {message}"))
        .unwrap_or_default()
}

fn describe_until(until: &Option<Timestamp>) -> String {
    until
        .map(|until| format!(" (until {until})"))
        .unwrap_or_default()
}

fn describe_skew(ahead: SignedDuration) -> String {
    let direction = if ahead.is_negative() {
        "behind"
    } else {
        "ahead of"
    };
    let seconds = ahead.as_secs().unsigned_abs();
    // GitHub's date is cut to seconds, so that minutes are as exact as it gets.
    match seconds {
        ..120 => format!("{seconds} s {direction}"),
        _ => format!("{} min {direction}", (seconds + 30) / 60),
    }
}

fn describe_errors(errors: &[GraphQlError]) -> String {
    match errors {
        [] => "neither data nor errors".to_owned(),
        [only] => only.to_string(),
        [first, others @ ..] => format!("{first} (and {} more)", others.len()),
    }
}
