//! The GraphQL face: one request body in, GitHub's answer out.
//!
//! It decides what a query costs, whether it may run, and what it sees of the world. It refuses to know tokens,
//! headers, quotas beyond the four numbers that `rateLimit` shows, and time beyond the world's: it only reads.
//!
//! Read in this order: [`execute`], `document` (what fits the schema), `cost` (what it counts as), `page`
//! (connections), then one file per kind of object. Mutations are absent: nothing of ours sends one yet.

mod cost;
mod document;
mod problem;

use jiff::Timestamp;

use crate::World;
use crate::world::account::AccountId;

/// Who asks.
#[derive(Debug, Clone)]
pub(crate) struct Viewer {
    /// The account that the token belongs to; an App's installation acts as its bot.
    pub(crate) account: Option<AccountId>,
    /// The login to show when there is no such account: `name[bot]` of an App.
    pub(crate) login: String,
}

/// The credential's GraphQL bucket as it is before this request is charged.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RateLimitView {
    /// Points in a whole window.
    pub(crate) limit: u64,
    /// Points spent in this window, this request not counted.
    pub(crate) used: u64,
    /// When the window ends.
    pub(crate) reset: Timestamp,
}

/// The answer to one request.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    /// The HTTP status: 200 also for a query that failed, 400 for a body that is no query.
    pub(crate) status: u16,
    /// JSON.
    pub(crate) body: Vec<u8>,
    /// Points to take from the bucket.
    pub(crate) cost: u64,
    /// Nodes that the query could have returned at most.
    pub(crate) nodes: u64,
}

/// Answers one request.
pub(crate) fn execute(
    _world: &World,
    _viewer: &Viewer,
    _request_body: &[u8],
    _now: Timestamp,
    _limits: &RateLimitView,
) -> Answer {
    Answer { status: 200, body: br#"{"data":null}"#.to_vec(), cost: 1, nodes: 0 }
}
