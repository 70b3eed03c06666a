//! What surrounds the data of every GraphQL answer: errors, and what the query cost.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::error::{Error, Kind};

/// One error of a GraphQL answer, which may come with HTTP 200 and beside data.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct GraphQlError {
    /// GitHub's word for it: `NOT_FOUND`, `FORBIDDEN`, `RATE_LIMITED`, `RESOURCE_LIMITS_EXCEEDED`, … Some errors have
    /// none, and validation errors carry theirs under `extensions`.
    #[serde(rename = "type", default)]
    pub kind: Option<String>,
    /// GitHub's sentence.
    #[serde(default)]
    pub message: String,
    /// Where in the data it happened.
    #[serde(default)]
    pub path: Vec<PathStep>,
    #[serde(default)]
    extensions: Option<Extensions>,
}

/// A step on the way from the root of the data to the place of an error.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum PathStep {
    /// An item of a list.
    Index(u64),
    /// A field, by its name in the answer.
    Field(String),
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Extensions {
    #[serde(default)]
    code: Option<String>,
}

impl GraphQlError {
    /// GitHub's word for the error, wherever it stands.
    pub fn code(&self) -> Option<&str> {
        self.kind
            .as_deref()
            .or_else(|| self.extensions.as_ref()?.code.as_deref())
    }

    /// Whether the error is inside the list that these fields lead to: it costs an item, not the answer.
    pub fn is_inside(&self, list: &[&str]) -> bool {
        self.path.len() > list.len()
            && list
                .iter()
                .zip(&self.path)
                .all(|(name, step)| matches!(step, PathStep::Field(field) if field == name))
    }

    /// A limit of GitHub's, reported inside HTTP 200. GitHub has spelt it in two ways.
    pub fn is_rate_limit(&self) -> bool {
        matches!(self.code(), Some("RATE_LIMITED" | "RATE_LIMIT"))
    }

    /// The query asked for too much at once: a smaller page may succeed.
    pub fn is_too_large(&self) -> bool {
        let code = self.code().unwrap_or_default();
        matches!(code, "RESOURCE_LIMITS_EXCEEDED" | "MAX_NODE_LIMIT_EXCEEDED" | "TIMEOUT")
            // A query that ran into GitHub's ten seconds is told by its sentence alone.
            || (code.is_empty() && self.message.contains("couldn't respond to your request in time"))
            || (code.is_empty() && self.message.starts_with("Something went wrong while executing your query"))
    }
}

impl std::fmt::Display for GraphQlError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.code() {
            Some(code) => write!(f, "{code}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

/// The GraphQL bucket, as an answer tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RateLimit {
    /// The points that this query was charged.
    pub cost: u64,
    /// The points of a window.
    pub limit: u64,
    /// What is left of them.
    pub remaining: u64,
    /// What was spent of them.
    pub used: u64,
    /// When the window ends.
    pub reset_at: jiff::Timestamp,
}

/// What `send` has to know of a GraphQL answer before anyone reads its data.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Peek {
    pub(crate) errors: Vec<GraphQlError>,
    pub(crate) cost: Option<u64>,
}

impl Peek {
    /// Looks into a body; what is no GraphQL answer has neither errors nor a cost.
    pub(crate) fn into(body: &[u8]) -> Peek {
        #[derive(Deserialize)]
        struct Outer {
            #[serde(default)]
            errors: Vec<GraphQlError>,
            #[serde(default)]
            data: Option<Inner>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Inner {
            #[serde(default)]
            rate_limit: Option<RateLimit>,
        }
        match serde_json::from_slice::<Outer>(body) {
            Ok(outer) => Peek {
                errors: outer.errors,
                cost: outer
                    .data
                    .and_then(|data| data.rate_limit)
                    .map(|rate_limit| rate_limit.cost),
            },
            Err(_not_graphql) => Peek::default(),
        }
    }
}

/// Opens an envelope: data, and the errors beside it.
///
/// # Errors
/// No data (`graphql()` says why), or data of another form (`is_undecodable`). Data that are cut short by
/// `RESOURCE_LIMITS_EXCEEDED` are no data.
pub(crate) fn open<T: DeserializeOwned>(
    subject: &str,
    body: &[u8],
) -> Result<(T, Vec<GraphQlError>), Error> {
    #[derive(Deserialize)]
    struct Envelope<'a> {
        #[serde(borrow, default)]
        data: Option<&'a RawValue>,
        #[serde(default)]
        errors: Vec<GraphQlError>,
    }
    let undecodable = |source| {
        Error::from(Kind::Decode {
            subject: subject.to_owned(),
            source,
        })
    };
    let envelope: Envelope<'_> = serde_json::from_slice(body).map_err(undecodable)?;
    let too_large = envelope.errors.iter().any(GraphQlError::is_too_large);
    let data = envelope.data.filter(|data| data.get() != "null");
    match data {
        Some(data) if !too_large => match serde_json::from_str(data.get()) {
            Ok(data) => Ok((data, envelope.errors)),
            // An error that made a needed part null explains more than the missing part.
            Err(_) if !envelope.errors.is_empty() => Err(failed(subject, envelope.errors, true)),
            Err(source) => Err(undecodable(source)),
        },
        data => Err(failed(subject, envelope.errors, data.is_some())),
    }
}

/// The error for an answer that is not whole.
pub(crate) fn failed(subject: &str, errors: Vec<GraphQlError>, partial: bool) -> Error {
    Kind::GraphQl {
        subject: subject.to_owned(),
        errors,
        partial,
    }
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Thing {
        thing: Option<u8>,
    }

    fn opened(body: &str) -> Result<(Thing, Vec<GraphQlError>), Error> {
        open("graphql Thing", body.as_bytes())
    }

    #[test]
    fn whole_data_come_without_errors() {
        let (data, errors) = opened(r#"{"data":{"thing":1}}"#).unwrap();
        assert_eq!((data, errors.len()), (Thing { thing: Some(1) }, 0));
    }

    #[test]
    fn data_beside_errors_keep_them() {
        let (data, errors) =
            opened(r#"{"data":{"thing":null},"errors":[{"type":"FORBIDDEN","path":["a",0,"b"],"message":"no"}]}"#)
                .unwrap();
        assert_eq!(data, Thing { thing: None });
        assert_eq!(errors[0].code(), Some("FORBIDDEN"));
        assert_eq!(
            errors[0].path,
            [
                PathStep::Field("a".into()),
                PathStep::Index(0),
                PathStep::Field("b".into())
            ]
        );
    }

    #[test]
    fn exhausted_resources_are_never_taken_as_whole() {
        let error = opened(r#"{"data":{"thing":1},"errors":[{"type":"RESOURCE_LIMITS_EXCEEDED","message":"too much"}]}"#)
            .unwrap_err();
        assert!(error.is_too_large() && error.is_partial());
        assert_eq!(
            error.to_string(),
            "GitHub answers graphql Thing with RESOURCE_LIMITS_EXCEEDED: too much"
        );
    }

    #[test]
    fn no_data_is_an_error_that_says_why() {
        let error = opened(r#"{"data":null,"errors":[{"type":"NOT_FOUND","message":"none"}]}"#)
            .unwrap_err();
        assert!(error.is_not_found() && error.is_gone() && !error.is_partial());
        assert_eq!(
            opened("{}").unwrap_err().to_string(),
            "GitHub answers graphql Thing with neither data nor errors"
        );
        assert!(opened("<html>").unwrap_err().is_undecodable());
        assert!(
            opened(r#"{"data":{"thing":"text"}}"#)
                .unwrap_err()
                .is_undecodable()
        );
    }

    #[test]
    fn a_timeout_and_a_node_limit_ask_for_a_smaller_page() {
        let check = |error: &str| {
            opened(&format!(r#"{{"data":null,"errors":[{error}]}}"#))
                .unwrap_err()
                .is_too_large()
        };
        assert!(check(
            r#"{"message":"Something went wrong while executing your query. Please include `X` when reporting"}"#
        ));
        assert!(check(
            r#"{"message":"We couldn't respond to your request in time. Sorry about that."}"#
        ));
        assert!(check(
            r#"{"type":"MAX_NODE_LIMIT_EXCEEDED","message":"requests up to 1,010,000 possible nodes"}"#
        ));
        assert!(!check(
            r#"{"type":"FORBIDDEN","message":"Resource not accessible by integration"}"#
        ));
    }

    #[test]
    fn a_limit_inside_a_200_is_seen_in_both_spellings_and_under_extensions() {
        for body in [
            r#"{"errors":[{"type":"RATE_LIMITED","message":"API rate limit exceeded"}]}"#,
            r#"{"errors":[{"type":"RATE_LIMIT","message":"API rate limit exceeded"}]}"#,
            r#"{"data":null,"errors":[{"message":"x","extensions":{"code":"RATE_LIMITED"}}]}"#,
        ] {
            assert!(
                Peek::into(body.as_bytes()).errors[0].is_rate_limit(),
                "{body}"
            );
        }
        assert_eq!(Peek::into(b"<html>"), Peek::default());
    }

    #[test]
    fn the_cost_is_read_from_the_data() {
        let body = r#"{"data":{"x":[1,2],"rateLimit":{"cost":2,"limit":5000,"remaining":4998,"used":2,"resetAt":"2025-06-01T00:00:00Z"}}}"#;
        assert_eq!(Peek::into(body.as_bytes()).cost, Some(2));
    }
}
