//! The quotas, as `/rate_limit` shows them. Documented: asking is free of them.

use serde_json::{Map, Value, json};

use super::reply::Reply;
use super::{Routed, Scene};
use crate::limit::Resource;

impl Scene<'_> {
    /// `GET /rate_limit`. On a server without limits it is a 404.
    pub(super) fn rate_limit(&self) -> Routed {
        let Some(quotas) = &self.quotas else {
            return Err(Reply::error(404, "Rate limiting is not enabled."));
        };
        let mut resources = Map::new();
        let mut rate = Value::Null;
        for quota in quotas {
            let shown = json!({
                "limit": quota.limit,
                "used": quota.used,
                "remaining": quota.remaining,
                "reset": quota.reset.as_second(),
            });
            if quota.resource == Resource::Core {
                rate = shown.clone();
            }
            resources.insert(quota.resource.as_str().to_owned(), shown);
        }
        Ok(Reply::ok(json!({"resources": resources, "rate": rate})))
    }
}
