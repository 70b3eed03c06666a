//! The observed rule: a validator is the SHA-256 of the request's `Accept`, `Authorization` and `Cookie` values in this
//! order, those that are present, each followed by `:`, and then of the uncompressed body.
//!
//! First described by the authors of a caching transport and reproduced on public recordings; GitHub documents none of
//! it, and it has changed before (older recordings hold MD5). Tidegate sends no cookie.

use sha2::{Digest, Sha256};

use super::Hashed;

/// The validator that the rule gives, without quotes.
pub(super) fn etag(hashed: Hashed<'_>, body: &[u8]) -> String {
    let mut hash = Sha256::new();
    for value in [Some(hashed.accept), hashed.authorization]
        .into_iter()
        .flatten()
    {
        hash.update(value);
        hash.update(b":");
    }
    hash.update(body);
    hex::encode(hash.finalize())
}

/// The part of a validator that says something: without `W/` and without quotes.
pub(super) fn opaque(etag: &str) -> &str {
    etag.trim().trim_start_matches("W/").trim_matches('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule_hashes_the_values_present_each_with_a_colon_and_the_body() {
        let signed = Hashed {
            accept: b"application/json",
            authorization: Some(b"Bearer t"),
        };
        let expected = hex::encode(Sha256::digest(b"application/json:Bearer t:[]"));
        assert_eq!(etag(signed, b"[]"), expected);
        let anonymous = Hashed {
            authorization: None,
            ..signed
        };
        assert_eq!(
            etag(anonymous, b"[]"),
            hex::encode(Sha256::digest(b"application/json:[]"))
        );
    }

    #[test]
    fn weak_and_strong_validators_compare_alike() {
        assert_eq!(opaque("W/\"abc\""), "abc");
        assert_eq!(opaque("\"abc\""), "abc");
    }
}
