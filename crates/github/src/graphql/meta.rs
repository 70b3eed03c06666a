//! Questions about the credential itself.

use serde::Deserialize;

use super::envelope::RateLimit;

/// Who the token belongs to. Installations have no viewer that means anything to people.
pub const VIEWER: &str = "\
query Viewer {
  viewer { login }
  rateLimit { cost limit remaining used resetAt }
}";

/// The GraphQL bucket.
pub const RATE_LIMIT: &str = "\
query RateLimit {
  rateLimit { cost limit remaining used resetAt }
}";

/// The answer to [`VIEWER`].
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Viewer {
    /// The account.
    pub viewer: ViewerUser,
    /// The bucket after the query.
    pub rate_limit: Option<RateLimit>,
}

/// The account behind a token.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ViewerUser {
    /// The login.
    pub login: String,
}

/// The answer to [`RATE_LIMIT`].
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RateLimits {
    /// Absent where the server has no limits.
    pub rate_limit: Option<RateLimit>,
}
