//! The whole of this GitHub as one tower service: faults, auth, limits, route, headers.

use crate::{SimClock, SimConfig};

/// How this GitHub treats its callers: limits, ETag rule, headers, tokens.
#[derive(Debug, Clone, Default)]
pub struct Rules {}

/// What the faces remember between requests.
pub(crate) struct State {}

impl State {
    pub(crate) fn new(_config: &SimConfig, _clock: SimClock) -> State {
        State {}
    }
}
