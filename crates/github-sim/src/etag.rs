//! GitHub's validators: which `ETag` an answer carries and when a request has earned a 304.
//!
//! Observed, not documented: public recordings of unauthenticated requests fit SHA-256 over the request's `Accept`,
//! `Authorization` and `Cookie` values, each followed by a colon where present, and then the compact body. It refuses
//! to know where the body came from.

use http::HeaderMap;
use http::header::{ACCEPT, AUTHORIZATION, COOKIE, IF_NONE_MATCH, USER_AGENT};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// How validators are made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EtagRule {
    /// The rule that recordings of GitHub show.
    #[default]
    Observed,
    /// Another rule: the same with this salt in front, so that a client that recomputes validators earns nothing with
    /// them. A validator that was taken from an answer still works. Invented; GitHub has changed its rule before.
    Salted(String),
}

impl EtagRule {
    /// The opaque part of the validator for `body`, the compact form, as asked for with `headers`.
    pub fn validator(&self, headers: &HeaderMap, body: &[u8]) -> String {
        let mut hash = Sha256::new();
        if let EtagRule::Salted(salt) = self {
            hash.update(salt.as_bytes());
        }
        for name in [ACCEPT, AUTHORIZATION, COOKIE] {
            if let Some(value) = headers.get(name) {
                hash.update(value.as_bytes());
                hash.update(b":");
            }
        }
        hash.update(body);
        hex::encode(hash.finalize())
    }
}

/// Whether `If-None-Match` names this validator; a `W/` in front of it means nothing here.
pub(crate) fn matches(headers: &HeaderMap, validator: &str) -> bool {
    headers
        .get_all(IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|candidate| {
            let candidate = candidate.trim();
            candidate == "*"
                || candidate
                    .strip_prefix("W/")
                    .unwrap_or(candidate)
                    .trim_matches('"')
                    == validator
        })
}

/// Whether GitHub lays the JSON out for a person: it does so for browser-like and curl-like clients, after hashing.
pub(crate) fn wants_pretty(headers: &HeaderMap) -> bool {
    let agent = headers
        .get(USER_AGENT)
        .and_then(|agent| agent.to_str().ok())
        .unwrap_or_default();
    ["curl/", "Mozilla/", "Wget/"]
        .iter()
        .any(|start| agent.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| {
                (
                    name.parse::<http::HeaderName>().unwrap(),
                    value.parse().unwrap(),
                )
            })
            .collect()
    }

    fn sha256(text: &str) -> String {
        hex::encode(Sha256::digest(text.as_bytes()))
    }

    #[test]
    fn the_validator_hashes_the_headers_that_are_there_and_then_the_body() {
        let rule = EtagRule::Observed;
        assert_eq!(rule.validator(&headers(&[]), b"[]"), sha256("[]"));
        let some = headers(&[("authorization", "Bearer t"), ("accept", "a/b")]);
        assert_eq!(rule.validator(&some, b"[]"), sha256("a/b:Bearer t:[]"));
        let all = headers(&[
            ("cookie", "c=1"),
            ("authorization", "Bearer t"),
            ("accept", "a/b"),
        ]);
        assert_eq!(rule.validator(&all, b"{}"), sha256("a/b:Bearer t:c=1:{}"));
        assert_ne!(
            EtagRule::Salted("s".into()).validator(&all, b"{}"),
            rule.validator(&all, b"{}")
        );
    }

    #[test]
    fn a_weak_mark_lists_and_the_star_are_understood() {
        for value in ["\"abc\"", "W/\"abc\"", "\"x\", W/\"abc\"", "*"] {
            assert!(
                matches(&headers(&[("if-none-match", value)]), "abc"),
                "{value}"
            );
        }
        for value in ["\"abd\"", "W/\"\"", ""] {
            assert!(
                !matches(&headers(&[("if-none-match", value)]), "abc"),
                "{value}"
            );
        }
    }

    #[test]
    fn only_clients_that_show_json_to_people_get_it_laid_out() {
        assert!(wants_pretty(&headers(&[("user-agent", "curl/8.5.0")])));
        assert!(!wants_pretty(&headers(&[("user-agent", "tidegate/0.1.0")])));
        assert!(!wants_pretty(&headers(&[])));
    }
}
