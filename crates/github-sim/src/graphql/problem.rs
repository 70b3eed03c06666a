//! GitHub's error shapes for GraphQL: what stands in `errors` beside, or instead of, `data`.
//!
//! GitHub puts a `type` beside the message of most errors that belong to a field, and `extensions` on those that
//! belong to the document. The texts are GitHub's as seen in public reports, where there are such; the document
//! errors that nobody reports keep the checker's own words.

use std::fmt;

use apollo_compiler::resolvers::FieldError;
use apollo_compiler::response::GraphQLError;
use apollo_compiler::validation::DiagnosticList;
use serde_json::{Value, json};

use super::cost::{NODE_LIMIT, TooManyNodes};

/// The `type` of an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    NotFound,
    MissingBoundaries,
    TooManyRecords,
    InvalidCursor,
    InvalidBoundaries,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Kind::NotFound => "NOT_FOUND",
            Kind::MissingBoundaries => "MISSING_PAGINATION_BOUNDARIES",
            Kind::TooManyRecords => "EXCESSIVE_PAGINATION",
            Kind::InvalidCursor => "INVALID_CURSOR_ARGUMENTS",
            // Invented: what GitHub calls these is not known.
            Kind::InvalidBoundaries => "INVALID_PAGINATION_BOUNDARIES",
        }
    }
}

/// Stands between an error's type and its message on the way through the executor, which knows only messages.
const SEPARATOR: char = '\u{1f}';

/// An error of one field, with GitHub's type.
pub(super) fn of(kind: Kind, message: impl fmt::Display) -> FieldError {
    FieldError {
        message: format!("{}{SEPARATOR}{message}", kind.as_str()),
    }
}

/// A thing that does not exist: `what` as in `a Repository with the name 'a/b'`.
pub(super) fn not_found(what: impl fmt::Display) -> FieldError {
    of(Kind::NotFound, format_args!("Could not resolve to {what}."))
}

/// A node that does not exist, at its place in the list that answers to `key`.
pub(super) fn of_node(key: &str, index: usize, id: &str) -> Value {
    json!({
        "type": Kind::NotFound.as_str(),
        "path": [key, index],
        "locations": [],
        "message": format!("Could not resolve to a node with the global id of '{id}'."),
    })
}

/// An error that the executor collected, as GitHub writes it.
pub(super) fn of_field(error: &GraphQLError) -> Value {
    let message = error
        .message
        .strip_prefix("resolver error: ")
        .unwrap_or(&error.message);
    let (kind, message) = match message.split_once(SEPARATOR) {
        Some((kind, message)) => (Some(kind), message),
        None => (None, message),
    };
    let mut shape = serde_json::Map::new();
    if let Some(kind) = kind {
        shape.insert("type".to_owned(), kind.into());
    }
    shape.insert("path".to_owned(), json!(error.path));
    shape.insert("locations".to_owned(), json!(error.locations));
    shape.insert("message".to_owned(), message.into());
    Value::Object(shape)
}

/// The errors of a document that does not fit the schema, or is no document.
pub(super) fn of_document(errors: &DiagnosticList) -> Vec<Value> {
    errors
        .iter()
        .map(|diagnostic| of_diagnostic(&diagnostic.to_json()))
        .collect()
}

/// An unknown field is the one that people meet: GitHub's form has the names in `extensions`. The others keep the
/// checker's words.
fn of_diagnostic(error: &GraphQLError) -> Value {
    match error.message.split('`').collect::<Vec<_>>().as_slice() {
        ["type ", of, " does not have a field ", field, ..] => json!({
            "extensions": { "code": "undefinedField", "typeName": of, "fieldName": field },
            "locations": error.locations,
            "message": format!("Field '{field}' doesn't exist on type '{of}'"),
        }),
        _ => json!({ "locations": error.locations, "message": error.message }),
    }
}

/// The refusal of a query that may return too much.
pub(super) fn of_nodes(error: &TooManyNodes) -> Value {
    let (nodes, limit) = (grouped(error.nodes), grouped(NODE_LIMIT));
    let message = match &error.connection {
        Some(connection) => format!(
            "By the time this query traverses to the {connection} connection, it is requesting up to {nodes} possible \
             nodes which exceeds the maximum limit of {limit}."
        ),
        None => format!(
            "This query requests up to {nodes} possible nodes which exceeds the maximum limit of {limit}."
        ),
    };
    json!({ "type": "MAX_NODE_LIMIT_EXCEEDED", "message": message })
}

/// 1234567 as `1,234,567`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
