//! A request before it is sent, and the answer as callers see it.
//!
//! A request knows what it asks of GitHub's limits and by which name it is counted; it knows neither token nor origin.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, header};
use jiff::Timestamp;
use quota::{ItemId, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::{Error, Kind};
use crate::origin::ApiUrl;

/// One thing to ask of GitHub.
#[derive(Debug, Clone)]
pub struct Request {
    pub(crate) method: Method,
    pub(crate) target: Target,
    pub(crate) endpoint: &'static str,
    pub(crate) org: Option<Arc<str>>,
    /// The repository that it is for, so that repositories take turns.
    pub(crate) repo: Option<Arc<str>>,
    /// The item that has paid for it.
    pub(crate) item: Option<ItemId>,
    pub(crate) body: Option<Bytes>,
    pub(crate) signer: Signer,
    pub(crate) conditional: bool,
    pub(crate) shrinkable: bool,
}

/// Below which root, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// Path and query, relative to the REST root.
    Rest(String),
    GraphQl,
}

/// Whose signature a request carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Signer {
    /// The token, or the installation's token.
    Credential,
    /// The App itself, with its key.
    App,
}

impl Request {
    /// Reads a path below the REST root, conditionally where an earlier answer is at hand.
    pub fn get(path_and_query: impl Into<String>) -> Request {
        Request::rest(Method::GET, path_and_query.into(), None)
    }

    /// Sends `body` to a path below the REST root. Never repeated once GitHub may have seen it.
    pub fn post(
        path_and_query: impl Into<String>,
        body: &impl Serialize,
    ) -> Result<Request, serde_json::Error> {
        let body = serde_json::to_vec(body)?;
        Ok(Request::rest(
            Method::POST,
            path_and_query.into(),
            Some(body.into()),
        ))
    }

    /// A POST without a body.
    pub(crate) fn post_empty(path: String) -> Request {
        Request::rest(Method::POST, path, None)
    }

    fn rest(method: Method, path: String, body: Option<Bytes>) -> Request {
        let conditional = method == Method::GET;
        let (org, repo) = subject_of(&path);
        let (org, repo) = (org.map(Arc::from), repo.map(Arc::from));
        let (target, signer) = (Target::Rest(path), Signer::Credential);
        Request {
            method,
            target,
            endpoint: "other",
            org,
            repo,
            item: None,
            body,
            signer,
            conditional,
            shrinkable: false,
        }
    }

    /// Asks a GraphQL query. The variable `owner` names the organisation that the request is counted for, `name` its
    /// repository, and a variable `first` above 1 makes it a page that the caller can shrink.
    pub fn graphql(document: &'static str, variables: &Value) -> Request {
        let body = serde_json::json!({ "query": document, "variables": variables }).to_string();
        let name = |variable| {
            let name = variables.get(variable)?.as_str()?;
            Some(Arc::from(name))
        };
        Request {
            method: Method::POST,
            target: Target::GraphQl,
            endpoint: operation_name(document),
            org: name("owner"),
            repo: name("name"),
            item: None,
            body: Some(body.into()),
            signer: Signer::Credential,
            conditional: false,
            shrinkable: variables
                .get("first")
                .and_then(Value::as_u64)
                .is_some_and(|first| first > 1),
        }
    }

    /// Names the endpoint for counting, with its parameters as GitHub's documentation writes them:
    /// `/repos/{owner}/{repo}`. Requests without a name are counted as `other`.
    #[must_use]
    pub fn named(mut self, endpoint: &'static str) -> Request {
        self.endpoint = endpoint;
        self
    }

    /// Names the organisation that the request is counted for, where its path does not.
    #[must_use]
    pub fn for_org(mut self, org: &str) -> Request {
        self.org = Some(org.into());
        self
    }

    /// Makes it one of the requests that an [item](crate::gate::Gate::item) of the same credential has paid for.
    #[must_use]
    pub fn within(mut self, item: ItemId) -> Request {
        self.item = Some(item);
        self
    }

    /// Has the App itself sign, not its installation: for the endpoints about the App.
    #[must_use]
    pub fn as_app(mut self) -> Request {
        self.signer = Signer::App;
        self.conditional = false;
        self
    }

    /// Always asks for the whole answer.
    #[must_use]
    pub fn unconditional(mut self) -> Request {
        self.conditional = false;
        self
    }

    /// Whether an earlier answer would be confirmed rather than sent again.
    pub(crate) fn is_conditional(&self) -> bool {
        self.conditional
    }

    /// The bucket that GitHub charges, as far as the path tells.
    pub fn resource(&self) -> Resource {
        match &self.target {
            Target::GraphQl => Resource::graphql(),
            Target::Rest(path) if path.starts_with("/search/") => Resource::search(),
            Target::Rest(_) => Resource::core(),
        }
    }

    /// Whether sending it twice changes nothing: GETs and GraphQL queries. (Tidegate's documents hold no mutation.)
    pub fn is_read(&self) -> bool {
        self.method == Method::GET || self.target == Target::GraphQl
    }

    /// The same question at another path, for links and redirects.
    pub(crate) fn moved_to(&self, path: String) -> Request {
        Request {
            target: Target::Rest(path),
            ..self.clone()
        }
    }

    /// What error texts call the request.
    pub(crate) fn subject(&self) -> String {
        match &self.target {
            Target::Rest(path) => format!(
                "{} {}",
                self.method,
                path.split('?').next().unwrap_or_default()
            ),
            Target::GraphQl => match &self.org {
                Some(org) => format!("{} for {org}", self.endpoint),
                None => self.endpoint.to_owned(),
            },
        }
    }
}

/// The organisation in `/orgs/X/…`, `/enterprises/X/…`, `/users/X/…` and `/repos/X/Y/…`, and the repository there.
fn subject_of(path: &str) -> (Option<&str>, Option<&str>) {
    let path = path.split('?').next().unwrap_or_default();
    let mut parts = path.trim_start_matches('/').split('/');
    let root = parts.next();
    let mut part = || parts.next().filter(|part| !part.is_empty());
    match root {
        Some("orgs" | "users" | "enterprises") => (part(), None),
        Some("repos") => (part(), part()),
        _ => (None, None),
    }
}

/// The endpoint name of a document: `graphql` and the name of its operation.
fn operation_name(document: &'static str) -> &'static str {
    crate::graphql::DOCUMENTS
        .iter()
        .find(|known| std::ptr::eq(known.1, document) || known.1 == document)
        .map_or("graphql", |known| known.0)
}

/// A whole, successful answer.
#[derive(Debug, Clone)]
pub struct Response {
    /// The status, 2xx. An answer that GitHub confirmed with 304 has the 200 of the kept one.
    pub status: StatusCode,
    /// The headers of this answer.
    pub headers: HeaderMap,
    /// The body, uncompressed.
    pub body: Bytes,
    /// GitHub's clock when it answered.
    pub date: Option<Timestamp>,
    /// Where the body comes from.
    pub origin: Origin,
    pub(crate) request: Request,
    pub(crate) api_url: Arc<ApiUrl>,
}

/// Where a body comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// GitHub sent it.
    Sent,
    /// GitHub confirmed that the kept one is still right, free of the primary quota.
    Confirmed,
}

impl Response {
    /// Reads the body as JSON.
    ///
    /// # Errors
    /// `is_undecodable`: the body is not of the expected form.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(&self.body).map_err(|source| {
            Kind::Decode {
                subject: self.request.subject(),
                source,
            }
            .into()
        })
    }

    /// A header's value, where it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The `Link` header.
    pub(crate) fn link(&self) -> Option<&str> {
        self.headers.get(header::LINK)?.to_str().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_counted_for_the_owner_in_its_path() {
        assert_eq!(
            Request::get("/repos/acme/tide?page=2").org.as_deref(),
            Some("acme")
        );
        assert_eq!(Request::get("/orgs/acme").org.as_deref(), Some("acme"));
        assert_eq!(Request::get("/orgs?per_page=1").org, None);
        assert_eq!(Request::get("/rate_limit").org, None);
        assert_eq!(
            Request::get("/repositories/1")
                .for_org("acme")
                .org
                .as_deref(),
            Some("acme")
        );
    }

    #[test]
    fn a_request_takes_its_turn_among_those_of_its_repository() {
        let variables = serde_json::json!({ "owner": "acme", "name": "tide" });
        for request in [
            Request::get("/repos/acme/tide?page=2"),
            Request::get("/repos/acme/tide/pulls"),
            Request::graphql(crate::graphql::PULLS, &variables),
        ] {
            assert_eq!(request.repo.as_deref(), Some("tide"), "{request:?}");
        }
        assert_eq!(Request::get("/orgs/acme/repos").repo, None);
        assert_eq!(Request::get("/repos/acme").repo, None);
    }

    #[test]
    fn a_graphql_request_has_the_name_of_its_document_and_its_owner() {
        let variables = serde_json::json!({ "owner": "acme", "first": 100 });
        let request = Request::graphql(crate::graphql::PROBE, &variables);
        assert_eq!(request.subject(), "graphql Probe for acme");
        assert!(request.shrinkable && request.is_read() && !request.conditional);
    }

    #[test]
    fn an_error_text_leaves_the_query_out() {
        assert_eq!(
            Request::get("/repos/a/b?since=x").subject(),
            "GET /repos/a/b"
        );
    }
}
