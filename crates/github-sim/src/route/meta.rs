//! What GitHub says about itself.

use serde_json::json;

use super::reply::Reply;
use super::{Routed, Scene};

impl Scene<'_> {
    /// `GET /meta`. The addresses are from the block that is reserved for documentation.
    pub(super) fn meta(&self) -> Routed {
        let body = json!({
            "verifiable_password_authentication": false,
            "hooks": ["192.0.2.0/28"],
            "web": ["192.0.2.16/28"],
            "api": ["192.0.2.32/28"],
            "git": ["192.0.2.48/28"],
        });
        Ok(Reply::ok(body))
    }
}
