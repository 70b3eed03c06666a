//! The GraphQL face: one request body in, GitHub's answer out.
//!
//! It decides what a query costs, whether it may run, and what it sees of the world. It refuses to know tokens,
//! headers, quotas beyond the numbers that `rateLimit` shows, and time beyond the world's own: it only reads.
//!
//! Read in this order: `execute`, `document` (what fits the schema), `cost` (what it counts as), `query` (the
//! root), `page` (connections), then one file per kind of object. Absent: mutations and introspection; nothing of
//! ours sends either.

mod comment;
mod commit;
mod cost;
mod document;
mod issue;
mod page;
mod people;
mod problem;
mod pull;
mod query;
mod repository;
mod timeline;
mod value;

use std::cell::RefCell;

use apollo_compiler::request::coerce_variable_values;
use apollo_compiler::resolvers::Execution;
use apollo_compiler::response::JsonMap;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::World;
use crate::auth::Viewer;
use crate::world::Repo;

/// The schema that queries are checked against, in GraphQL's definition language: a subset of GitHub's.
pub const SCHEMA: &str = document::SCHEMA_TEXT;

/// The credential's GraphQL bucket as it is before this request is charged.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RateLimitView {
    /// Points in a whole window; 0 for a server without limits, whose `rateLimit` is null.
    pub(crate) limit: u64,
    /// Points spent in this window, this request not counted.
    pub(crate) used: u64,
    /// When the window ends.
    pub(crate) reset: Timestamp,
}

/// The answer to one request.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    /// The HTTP status: 200 also for a query that failed, 400 for a body that is no request.
    pub(crate) status: u16,
    /// JSON.
    pub(crate) body: Vec<u8>,
    /// Points to take from the bucket.
    pub(crate) cost: u64,
    /// Nodes that the query could have returned at most.
    pub(crate) nodes: u64,
}

/// A request body. GitHub ignores keys that it does not know.
#[derive(Deserialize)]
struct Request {
    #[serde(default)]
    query: Value,
    #[serde(default)]
    variables: Option<JsonMap>,
    #[serde(default, rename = "operationName")]
    operation_name: Option<String>,
}

/// A response body, in GitHub's order.
#[derive(Serialize)]
struct Response<'a> {
    data: Option<&'a JsonMap>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<Value>,
}

/// The world as one caller sees it.
#[derive(Clone, Copy)]
struct Scene<'a> {
    world: &'a World,
    viewer: &'a Viewer,
}

impl Scene<'_> {
    /// A private repository does not exist for strangers, nor for an installation on another account.
    fn sees(&self, repo: &Repo) -> bool {
        match self.viewer {
            _ if !repo.private => true,
            Viewer::User { .. } => true,
            Viewer::Installation { owner, .. } => *owner == repo.owner,
            Viewer::Anonymous | Viewer::App => false,
        }
    }
}

/// Answers one request.
///
/// What GitHub charges for a query that it refuses to run is not documented; here it is one point, the least that a
/// query can cost, and nothing for a body that holds no query.
pub(crate) fn execute(
    world: &World,
    viewer: &Viewer,
    request_body: &[u8],
    limits: &RateLimitView,
) -> Answer {
    let Ok(request) = serde_json::from_slice::<Request>(request_body) else {
        return Answer::bad_request("Problems parsing JSON");
    };
    let Some(text) = request.query.as_str() else {
        return Answer::bad_request("A query attribute must be specified and must be a string.");
    };
    let checked = document::checked(text);
    let document = match checked.as_ref() {
        Ok(document) => document,
        Err(errors) => return Answer::refused(errors),
    };
    let located = |error: &apollo_compiler::request::RequestError| {
        let error = error.to_graphql_error(&document.sources);
        Answer::refused(&[json!({ "locations": error.locations, "message": error.message })])
    };
    let operation = match document.operations.get(request.operation_name.as_deref()) {
        Ok(operation) => operation,
        Err(error) => return located(&error),
    };
    let described = document::described();
    let given = request.variables.unwrap_or_default();
    let variables = match coerce_variable_values(&described.schema, operation, &given) {
        Ok(variables) => variables,
        Err(error) => return located(&error),
    };
    let cost = match cost::count(document, operation, &variables) {
        Ok(cost) => cost,
        Err(too_many) => return Answer::refused(&[problem::of_nodes(&too_many)]),
    };

    let root = query::Query {
        scene: Scene { world, viewer },
        limits,
        cost,
        missing: RefCell::default(),
    };
    let execution = Execution::new(&described.schema, document)
        .operation(operation)
        .implementers_map(&described.implementers)
        .coerced_variable_values(&variables)
        .execute_sync(&root);
    let response = match execution {
        Ok(response) => response,
        Err(error) => return located(&error),
    };
    let errors = response.errors.iter().map(problem::of_field);
    let errors = errors.chain(root.missing.into_inner()).collect();
    let body = bytes(&Response {
        data: response.data.as_ref(),
        errors,
    });
    Answer {
        status: 200,
        body,
        cost: cost.points(),
        nodes: cost.nodes,
    }
}

impl Answer {
    /// The body is no GraphQL request.
    fn bad_request(message: &str) -> Answer {
        let body =
            json!({ "message": message, "documentation_url": "https://docs.github.com/graphql" });
        Answer {
            status: 400,
            body: bytes(&body),
            cost: 0,
            nodes: 0,
        }
    }

    /// The query does not run.
    fn refused(errors: &[Value]) -> Answer {
        Answer {
            status: 200,
            body: bytes(&json!({ "errors": errors })),
            cost: 1,
            nodes: 0,
        }
    }
}

fn bytes(body: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(body).expect("JSON in memory always serialises")
}

#[cfg(test)]
mod tests;
