//! Small durable state that is no activity. Decides what a kept answer consists of; refuses to know how validators are
//! computed.

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Result;

/// An answer of GitHub's that can be asked for again at no cost while it stays the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptAnswer {
    /// The credential it was given to, by name: answers are never shared between credentials.
    pub credential: String,
    /// The whole URL, query included.
    pub url: String,
    /// The validator.
    pub etag: Option<String>,
    /// The date of the answer.
    pub date: Option<Timestamp>,
    /// Further headers that belong to the answer, as name and value (`link`).
    pub headers: Vec<(String, String)>,
    /// The body, uncompressed.
    pub body: Vec<u8>,
}

/// Small durable state.
#[async_trait]
pub trait State: Send + Sync + 'static {
    /// The answer last kept for this credential and URL, if it is still there.
    async fn answer(&self, credential: &str, url: &str) -> Result<Option<KeptAnswer>>;

    /// Keeps an answer in place of the one before it. The number of kept answers is bounded by the adapter: past the
    /// bound the least recently kept ones are dropped, which costs a request and loses nothing.
    async fn keep_answer(&self, answer: KeptAnswer, now: Timestamp) -> Result<()>;

    /// What was last noted under this name.
    async fn noted(&self, name: &str) -> Result<Option<String>>;

    /// Notes something under a name, in place of what was noted before: a few short texts that must outlive a restart.
    async fn note(&self, name: &str, value: &str) -> Result<()>;
}
