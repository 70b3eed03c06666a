//! The last look at an answer: its validator, whether its caller has it already, and how its bytes are laid out.

use bytes::Bytes;
use http::Method;
use http::header::IF_NONE_MATCH;

use super::outcome::Outcome;
use crate::etag::{self, EtagRule};
use crate::route::call::Call;
use crate::route::reply::{Content, Reply};

/// The validator of an answer and its bytes. An answer that the caller has already becomes a 304. Documented: to a
/// request with a good token (`has_token`) a 304 is free of the primary limit.
pub(super) fn validate(
    call: &Call,
    rule: &EtagRule,
    has_token: bool,
    outcome: &mut Outcome,
) -> (Option<String>, Bytes) {
    let compact = outcome.reply.compact();
    if outcome.reply.status != 200 || !matches!(call.method, Method::GET | Method::HEAD) {
        return (None, laid_out(call, &outcome.reply, compact));
    }
    let validator = rule.validator(&call.headers, &compact);
    if !call.headers.contains_key(IF_NONE_MATCH) || !etag::matches(&call.headers, &validator) {
        return (Some(validator), laid_out(call, &outcome.reply, compact));
    }
    outcome.reply.status = 304;
    outcome.reply.content = Content::Empty;
    if has_token {
        outcome.cost = 0;
    }
    (Some(validator), Bytes::new())
}

fn laid_out(call: &Call, reply: &Reply, compact: Vec<u8>) -> Bytes {
    match &reply.content {
        Content::Json(value) if etag::wants_pretty(&call.headers) => {
            let mut pretty = serde_json::to_vec_pretty(value).expect("a JSON value can be written");
            pretty.push(b'\n');
            Bytes::from(pretty)
        }
        _ => Bytes::from(compact),
    }
}
