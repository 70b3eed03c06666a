//! An answer before headers and limits are put on it, and GitHub's error bodies.

use http::HeaderName;
use http::header::LOCATION;
use serde_json::{Value, json};

/// Where GitHub's error bodies point.
pub(crate) const DOCS: &str = "https://docs.github.com/rest";

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) content: Content,
    pub(crate) headers: Vec<(HeaderName, String)>,
}

/// A body.
#[derive(Debug, Clone)]
pub(crate) enum Content {
    Empty,
    Json(Box<Value>),
    /// Ready-made JSON.
    Bytes(Vec<u8>),
}

impl Reply {
    pub(crate) fn json(status: u16, body: Value) -> Reply {
        Reply {
            status,
            content: Content::Json(Box::new(body)),
            headers: Vec::new(),
        }
    }

    pub(crate) fn ok(body: Value) -> Reply {
        Reply::json(200, body)
    }

    /// GitHub's error body.
    pub(crate) fn error(status: u16, message: &str) -> Reply {
        Reply::json(
            status,
            json!({"message": message, "documentation_url": DOCS, "status": status.to_string()}),
        )
    }

    /// What is not there, and what the caller may not know to be there.
    pub(crate) fn not_found() -> Reply {
        Reply::error(404, "Not Found")
    }

    /// A parameter that makes no sense.
    pub(crate) fn invalid(resource: &str, field: &str) -> Reply {
        let mut body = json!({"message": "Validation Failed"});
        body["errors"] = json!([{"resource": resource, "code": "invalid", "field": field}]);
        body["documentation_url"] = json!(DOCS);
        body["status"] = json!("422");
        Reply::json(422, body)
    }

    /// What has another address now. Documented: follow the redirect; a request that writes keeps its method.
    pub(crate) fn moved(to: &str, is_read: bool) -> Reply {
        let (status, message) = if is_read {
            (301, "Moved Permanently")
        } else {
            (307, "Temporary Redirect")
        };
        let body = json!({"message": message, "url": to, "documentation_url": DOCS});
        Reply::json(status, body).header(LOCATION, to.to_owned())
    }

    pub(crate) fn header(mut self, name: HeaderName, value: String) -> Reply {
        self.headers.push((name, value));
        self
    }

    /// The body in its compact form.
    pub(crate) fn compact(&self) -> Vec<u8> {
        match &self.content {
            Content::Empty => Vec::new(),
            Content::Json(value) => serde_json::to_vec(value).expect("a JSON value can be written"),
            Content::Bytes(bytes) => bytes.clone(),
        }
    }
}
