//! The three-part token with which an App proves who it is: RS256 over its number and a short time.
//!
//! GitHub allows ten minutes from issue to expiry and compares both with its own clock, so that the token is issued a
//! minute in the past and expires after eight: a clock may be a minute ahead, or seven behind, before GitHub minds.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use ring::rand::SystemRandom;
use ring::signature::RSA_PKCS1_SHA256;

use super::key::AppKey;

const ISSUED_BEFORE: i64 = 60;
const EXPIRES_AFTER: i64 = 8 * 60;

/// A signed token for `app_id`, good for the minutes around `now`.
pub(super) fn sign(app_id: u64, key: &AppKey, now: Timestamp) -> String {
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256","typ":"JWT"}"#);
    let (issued, expires) = (
        now.as_second() - ISSUED_BEFORE,
        now.as_second() + EXPIRES_AFTER,
    );
    let claims = URL_SAFE_NO_PAD.encode(format!(
        r#"{{"iat":{issued},"exp":{expires},"iss":"{app_id}"}}"#
    ));
    let message = format!("{header}.{claims}");
    let mut signature = vec![0; key.pair().public().modulus_len()];
    key.pair()
        .sign(
            &RSA_PKCS1_SHA256,
            &SystemRandom::new(),
            message.as_bytes(),
            &mut signature,
        )
        .expect(
            "the buffer has the length of the modulus, and the key was checked when it was read",
        );
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

#[cfg(test)]
mod tests {
    use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};

    use super::super::key::tests::pems;
    use super::*;

    #[test]
    fn a_token_verifies_with_the_public_key_and_says_who_and_when() {
        let key = AppKey::from_pem(pems().0.as_bytes()).unwrap();
        let token = sign(42, &key, Timestamp::from_second(1_750_000_000).unwrap());
        let (message, signature) = token.rsplit_once('.').unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let public =
            UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.pair().public().as_ref());
        public.verify(message.as_bytes(), &signature).unwrap();

        let parts: Vec<String> = message
            .split('.')
            .map(|part| String::from_utf8(URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap())
            .collect();
        assert_eq!(parts[0], r#"{"alg":"RS256","typ":"JWT"}"#);
        assert_eq!(
            parts[1],
            r#"{"iat":1749999940,"exp":1750000480,"iss":"42"}"#
        );
    }
}
