//! The buckets of a credential.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::request::Request;

/// All buckets, by resource.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct RateLimits {
    /// `core`, `search`, `graphql`, …
    pub resources: BTreeMap<String, Bucket>,
}

/// One bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Bucket {
    /// The requests of a window.
    pub limit: u64,
    /// What is left of them.
    pub remaining: u64,
    /// What was spent of them.
    #[serde(default)]
    pub used: u64,
    /// When the window ends, in seconds since 1970.
    pub reset: i64,
}

/// The buckets (`GET /rate_limit`, free of the primary quota): [`RateLimits`]. An Enterprise Server without limits
/// answers 404.
pub fn rate_limit() -> Request {
    Request::get("/rate_limit")
        .named("/rate_limit")
        .unconditional()
}
