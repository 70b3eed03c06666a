//! What a client has to be told, with its bounds.

use std::time::Duration;

use crate::origin::ApiUrl;

/// The settings of one client.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where GitHub is.
    pub api_url: ApiUrl,
    /// The name under which quota, kept answers and logs know the credential. It outlives changes of the token.
    pub credential: String,
    /// Sent as `User-Agent`, which GitHub demands.
    pub user_agent: String,
    /// The longest time for one try, from the first byte sent to the last received. 30 s: GitHub itself gives up after 10.
    pub request_timeout: Duration,
    /// The longest body, uncompressed, in bytes. 32 MiB.
    pub max_body: usize,
}

impl Settings {
    /// The settings for a named credential, with the defaults given at each field.
    pub fn new(api_url: ApiUrl, credential: impl Into<String>) -> Settings {
        Settings {
            api_url,
            credential: credential.into(),
            user_agent: concat!("tidegate/", env!("CARGO_PKG_VERSION")).to_owned(),
            request_timeout: Duration::from_secs(30),
            max_body: 32 << 20,
        }
    }
}
