//! What answers here: GitHub, an Enterprise Server, or something else.

use serde::Deserialize;

use crate::request::Request;

/// What a server says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Meta {
    /// The version of an Enterprise Server; github.com has none.
    #[serde(default)]
    pub installed_version: Option<String>,
}

/// The server (`GET /meta`): a [`Meta`].
pub fn meta() -> Request {
    Request::get("/meta").named("/meta")
}
