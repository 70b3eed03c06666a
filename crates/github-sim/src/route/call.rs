//! A request as the routes see it: method, path without the server's prefix, query, and what the limits ask about it.

use std::borrow::Cow;

use bytes::Bytes;
use http::header::HOST;
use http::{HeaderMap, Method, Request};
use jiff::Timestamp;
use serde_json::Value;

use super::table::{self, Route};
use crate::limit::{Resource, Weight};

/// Enterprise Server keeps its API under these; either is understood here, too.
const PREFIXES: [(&str, &str); 2] = [("/api/v3", ""), ("/api/graphql", "/graphql")];

/// A request, taken apart.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) method: Method,
    /// Scheme, host and prefix, under which every API address in an answer lies.
    pub(crate) base: String,
    /// Without prefix and query.
    pub(crate) path: String,
    pub(crate) query: Query,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) resource: Resource,
    pub(crate) route: Route,
    /// The GraphQL operation, for requests to that endpoint.
    pub(crate) operation: Option<Operation>,
}

/// What a GraphQL request says about itself.
#[derive(Debug, Default)]
pub(crate) struct Operation {
    pub(crate) name: Option<String>,
    pub(crate) is_mutation: bool,
    /// The largest page that it asks for.
    pub(crate) first: Option<u64>,
}

impl Call {
    pub(crate) fn read(request: Request<Bytes>) -> Call {
        let (head, body) = request.into_parts();
        let scheme = head.uri.scheme_str().unwrap_or("http");
        let host = head.uri.authority().map(http::uri::Authority::as_str);
        let host = host
            .or_else(|| head.headers.get(HOST)?.to_str().ok())
            .unwrap_or("github.test");
        let full = head.uri.path();
        let prefixed = PREFIXES.iter().find_map(|(prefix, instead)| {
            let rest = full.strip_prefix(prefix)?;
            (rest.is_empty() || rest.starts_with('/')).then(|| format!("{instead}{rest}"))
        });
        let base = format!(
            "{scheme}://{host}{}",
            if prefixed.is_some() { "/api/v3" } else { "" }
        );
        let path = prefixed.unwrap_or_else(|| full.to_owned());
        let resource = match path.as_str() {
            "/graphql" => Resource::Graphql,
            search if search.starts_with("/search/") => Resource::Search,
            _ => Resource::Core,
        };
        let operation = (resource == Resource::Graphql).then(|| Operation::read(&body));
        let route = table::route(&path);
        let query = Query::read(head.uri.query().unwrap_or_default());
        Call {
            method: head.method,
            base,
            path,
            query,
            headers: head.headers,
            body,
            resource,
            route,
            operation,
        }
    }

    /// The path with its query, as it was asked.
    pub(crate) fn target(&self) -> String {
        if self.query.raw.is_empty() {
            self.path.clone()
        } else {
            format!("{}?{}", self.path, self.query.raw)
        }
    }

    /// Documented: a REST request that only reads is one point, any other five; a GraphQL request one, with mutations
    /// five. Taken as creating content: POST, PATCH and PUT, but for tokens; GitHub does not list them.
    pub(crate) fn weight(&self) -> Weight {
        let writes = match &self.operation {
            Some(operation) => operation.is_mutation,
            None => !matches!(self.method, Method::GET | Method::HEAD | Method::OPTIONS),
        };
        let mints_token = self.method == Method::POST && self.path.ends_with("/access_tokens");
        let creates_content = writes && !mints_token && self.method != Method::DELETE;
        Weight {
            resource: self.resource,
            points: if writes { 5 } else { 1 },
            creates_content,
            mints_token,
        }
    }
}

impl Operation {
    fn read(body: &[u8]) -> Operation {
        let Ok(request) = serde_json::from_slice::<Value>(body) else {
            return Operation::default();
        };
        let text = request["query"].as_str().unwrap_or_default();
        let words: Vec<&str> = text
            .split(|c: char| !c.is_alphanumeric() && c != '_')
            .filter(|w| !w.is_empty())
            .collect();
        let keyword = words
            .iter()
            .position(|word| ["query", "mutation"].contains(word));
        let named = |at: usize| {
            let after = text.split_once(words[at])?.1.trim_start();
            let end = after
                .find(|c: char| !c.is_alphanumeric() && c != '_')
                .unwrap_or(after.len());
            (end > 0).then(|| after[..end].to_owned())
        };
        let name = request["operationName"]
            .as_str()
            .map(str::to_owned)
            .or_else(|| named(keyword?));
        let first = request["variables"]["first"].as_u64().or_else(|| {
            words
                .windows(2)
                .filter(|pair| pair[0] == "first")
                .filter_map(|pair| pair[1].parse().ok())
                .max()
        });
        Operation {
            name,
            is_mutation: keyword.is_some_and(|at| words[at] == "mutation"),
            first,
        }
    }
}

/// The query of an address.
#[derive(Debug, Default)]
pub(crate) struct Query {
    raw: String,
    pairs: Vec<(String, String)>,
}

impl Query {
    pub(crate) fn read(raw: &str) -> Query {
        let pairs = raw
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .map(|(name, value)| (decoded(name), decoded(value)))
            .collect();
        Query {
            raw: raw.to_owned(),
            pairs,
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.pairs
            .iter()
            .find(|(found, _)| found == name)
            .map(|(_, value)| value.as_str())
    }

    /// A time; `Err` names the parameter that is none.
    pub(crate) fn time(&self, name: &'static str) -> Result<Option<Timestamp>, &'static str> {
        self.get(name)
            .map(|value| value.parse().map_err(|_no_time| name))
            .transpose()
    }

    /// One of a few words, the first if nothing is said; `Err` names the parameter that says something else.
    pub(crate) fn one_of(
        &self,
        name: &'static str,
        words: &[&'static str],
    ) -> Result<&'static str, &'static str> {
        match self.get(name) {
            None => Ok(words[0]),
            Some(value) => words
                .iter()
                .find(|word| **word == value)
                .copied()
                .ok_or(name),
        }
    }

    /// As it was asked.
    pub(crate) fn raw(&self) -> &str {
        &self.raw
    }

    /// Everything but the page, as it was asked.
    pub(crate) fn without_page(&self) -> String {
        let kept: Vec<&str> = self
            .raw
            .split('&')
            .filter(|pair| !pair.is_empty() && pair.split('=').next() != Some("page"))
            .collect();
        kept.join("&")
    }
}

/// Percent-decoding, with `+` as a space.
pub(crate) fn decoded(text: &str) -> String {
    if !text.contains(['%', '+']) {
        return text.to_owned();
    }
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escaped = (bytes[at] == b'%')
            .then(|| bytes.get(at + 1..at + 3))
            .flatten()
            .and_then(|d| hex::decode(d).ok());
        match escaped {
            Some(byte) => {
                out.extend(byte);
                at += 3;
            }
            None => {
                out.push(if bytes[at] == b'+' { b' ' } else { bytes[at] });
                at += 1;
            }
        }
    }
    match String::from_utf8_lossy(&out) {
        Cow::Borrowed(text) => text.to_owned(),
        Cow::Owned(text) => text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn call(method: &str, uri: &str, body: &Value) -> Call {
        Call::read(
            Request::builder()
                .method(method)
                .uri(uri)
                .body(Bytes::from(body.to_string()))
                .unwrap(),
        )
    }

    #[test]
    fn the_prefix_of_an_enterprise_server_is_part_of_the_base() {
        let bare = call("GET", "http://gh.test/repos/a/b?page=2", &Value::Null);
        assert_eq!(
            (bare.base.as_str(), bare.path.as_str()),
            ("http://gh.test", "/repos/a/b")
        );
        let prefixed = call("GET", "http://gh.test/api/v3/repos/a/b", &Value::Null);
        assert_eq!(
            (prefixed.base.as_str(), prefixed.path.as_str()),
            ("http://gh.test/api/v3", "/repos/a/b")
        );
        let graphql = call("POST", "http://gh.test/api/graphql", &Value::Null);
        assert_eq!(
            (graphql.path.as_str(), graphql.resource),
            ("/graphql", Resource::Graphql)
        );
    }

    #[test]
    fn a_graphql_request_tells_its_name_kind_and_page_size() {
        let read = |body: Value| {
            call("POST", "http://gh.test/graphql", &body)
                .operation
                .unwrap()
        };
        let named = read(
            json!({"query": "query Pulls($first: Int!) { x(first: $first) { reviews(first: 50) } }", "variables": {"first": 40}}),
        );
        assert_eq!(
            (named.name.as_deref(), named.first, named.is_mutation),
            (Some("Pulls"), Some(40), false)
        );
        let literal = read(json!({"query": "{ a(first: 10) { b(first: 30) } }"}));
        assert_eq!((literal.name.as_deref(), literal.first), (None, Some(30)));
        let mutation = read(json!({"query": "mutation Close { close(input: {}) }"}));
        assert_eq!(
            (mutation.name.as_deref(), mutation.is_mutation),
            (Some("Close"), true)
        );
        assert_eq!(read(Value::Null).name, None);
    }

    #[test]
    fn reading_is_one_point_and_writing_five() {
        let points = |method, uri, body: Value| call(method, uri, &body).weight().points;
        assert_eq!(points("GET", "http://gh.test/user", Value::Null), 1);
        assert_eq!(points("HEAD", "http://gh.test/user", Value::Null), 1);
        assert_eq!(points("PATCH", "http://gh.test/user", Value::Null), 5);
        assert_eq!(
            points(
                "POST",
                "http://gh.test/graphql",
                json!({"query": "{ viewer { login } }"})
            ),
            1
        );
        assert_eq!(
            points(
                "POST",
                "http://gh.test/graphql",
                json!({"query": "mutation { x }"})
            ),
            5
        );
        let token = call(
            "POST",
            "http://gh.test/app/installations/1/access_tokens",
            &Value::Null,
        )
        .weight();
        assert!(token.mints_token && !token.creates_content);
    }

    #[test]
    fn a_query_is_decoded_and_can_be_had_without_its_page() {
        let query = Query::read("since=2024-01-01T00%3A00%3A00Z&page=3&q=a+b%zz&per_page=5");
        assert_eq!(
            query.time("since"),
            Ok(Some("2024-01-01T00:00:00Z".parse().unwrap()))
        );
        assert_eq!(query.get("q"), Some("a b%zz"));
        assert_eq!(
            query.without_page(),
            "since=2024-01-01T00%3A00%3A00Z&q=a+b%zz&per_page=5"
        );
        assert_eq!(Query::read("since=monday").time("since"), Err("since"));
        assert_eq!(
            Query::read("state=odd").one_of("state", &["open", "all"]),
            Err("state")
        );
    }
}
