//! The GitHub App: its key, and the JWTs that it signs with it.
//!
//! The refusals' texts are GitHub's, as seen in public issues. That a signature which does not fit reads as "could not
//! be decoded", and that there is no leeway on either claim, is observed as well.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use rsa::pkcs1::{EncodeRsaPrivateKey, LineEnding};
use rsa::pkcs1v15::{Signature, VerifyingKey};
use rsa::sha2::Sha256;
use rsa::signature::Verifier;

/// Documented: a JWT expires at most ten minutes from now.
pub const JWT_LIFE: SignedDuration = SignedDuration::from_mins(10);

const BITS: usize = 2048;

/// Keys made so far by this process. Making one takes a moment, and a seed always makes the same.
static MADE: Mutex<BTreeMap<u64, Arc<AppKey>>> = Mutex::new(BTreeMap::new());

/// The key pair of the App.
#[derive(Debug)]
pub(crate) struct AppKey {
    private: rsa::PrivateKey,
    verifier: VerifyingKey<Sha256>,
}

/// Why a JWT is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JwtFault {
    Undecodable,
    IssuedInFuture,
    Expired,
    ExpiresTooLate,
    UnknownApp,
}

impl JwtFault {
    pub(crate) fn status(self) -> u16 {
        if self == JwtFault::UnknownApp {
            404
        } else {
            401
        }
    }

    pub(crate) fn message(self) -> &'static str {
        match self {
            JwtFault::Undecodable => "A JSON web token could not be decoded",
            JwtFault::IssuedInFuture => {
                "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued"
            }
            JwtFault::Expired => {
                "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the \
                 assertion expires"
            }
            JwtFault::ExpiresTooLate => "'Expiration time' claim ('exp') is too far in the future",
            JwtFault::UnknownApp => "Integration not found",
        }
    }
}

impl AppKey {
    pub(crate) fn of(seed: u64) -> Arc<AppKey> {
        let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(
            made.entry(seed)
                .or_insert_with(|| Arc::new(AppKey::generate(seed))),
        )
    }

    fn generate(seed: u64) -> AppKey {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let private = rsa::PrivateKey::new(&mut rng, BITS).expect("2048 bits make a key");
        let verifier = VerifyingKey::new(private.to_public_key());
        AppKey { private, verifier }
    }

    pub(crate) fn pem(&self) -> String {
        self.private
            .to_pkcs1_pem(LineEnding::LF)
            .expect("a key that was just made can be written")
            .to_string()
    }

    /// Whether a JWT is the App's and valid now.
    pub(crate) fn verify(&self, token: &str, app_id: u64, now: Timestamp) -> Result<(), JwtFault> {
        let (signed, signature) = token.rsplit_once('.').ok_or(JwtFault::Undecodable)?;
        let (header, claims) = signed.split_once('.').ok_or(JwtFault::Undecodable)?;
        if json(header)?["alg"] != "RS256" {
            return Err(JwtFault::Undecodable);
        }
        let claims = json(claims)?;
        let issuer = claims["iss"]
            .as_u64()
            .or_else(|| claims["iss"].as_str()?.parse().ok());
        if issuer != Some(app_id) && claims["iss"] != client_id(app_id) {
            return Err(if claims["iss"].is_null() {
                JwtFault::Undecodable
            } else {
                JwtFault::UnknownApp
            });
        }
        let signature = decode(signature)?;
        let signature = Signature::try_from(signature.as_slice())
            .map_err(|_unreadable| JwtFault::Undecodable)?;
        self.verifier
            .verify(signed.as_bytes(), &signature)
            .map_err(|_forged| JwtFault::Undecodable)?;

        let now = now.as_second();
        let issued = claims["iat"].as_i64().ok_or(JwtFault::IssuedInFuture)?;
        let expires = claims["exp"].as_i64().ok_or(JwtFault::Expired)?;
        match () {
            () if issued > now => Err(JwtFault::IssuedInFuture),
            () if expires <= now => Err(JwtFault::Expired),
            () if expires > now + JWT_LIFE.as_secs() => Err(JwtFault::ExpiresTooLate),
            () => Ok(()),
        }
    }

    #[cfg(test)]
    pub(crate) fn sign(&self, claims: &serde_json::Value) -> String {
        use rsa::signature::{SignatureEncoding, Signer};
        let signed = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256","typ":"JWT"}"#),
            URL_SAFE_NO_PAD.encode(claims.to_string())
        );
        let signature =
            rsa::pkcs1v15::SigningKey::<Sha256>::new(self.private.clone()).sign(signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()))
    }
}

/// The App's other name, which is as good an issuer.
pub(crate) fn client_id(app_id: u64) -> String {
    format!("Iv23sim{app_id:013}")
}

fn decode(part: &str) -> Result<Vec<u8>, JwtFault> {
    URL_SAFE_NO_PAD
        .decode(part)
        .map_err(|_not_base64| JwtFault::Undecodable)
}

fn json(part: &str) -> Result<serde_json::Value, JwtFault> {
    serde_json::from_slice(&decode(part)?).map_err(|_not_json| JwtFault::Undecodable)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: i64 = 1_700_000_000;

    fn verdict(claims: serde_json::Value) -> Result<(), JwtFault> {
        let key = AppKey::of(1);
        key.verify(&key.sign(&claims), 7, Timestamp::from_second(NOW).unwrap())
    }

    #[test]
    fn a_jwt_of_the_apps_own_making_is_good() {
        assert_eq!(
            verdict(json!({"iat": NOW - 60, "exp": NOW + 540, "iss": "7"})),
            Ok(())
        );
        assert_eq!(
            verdict(json!({"iat": NOW, "exp": NOW + 600, "iss": 7})),
            Ok(())
        );
        assert_eq!(
            verdict(json!({"iat": NOW, "exp": NOW + 1, "iss": client_id(7)})),
            Ok(())
        );
    }

    #[test]
    fn a_clock_that_is_off_is_refused_on_either_side() {
        assert_eq!(
            verdict(json!({"iat": NOW + 1, "exp": NOW + 300, "iss": 7})),
            Err(JwtFault::IssuedInFuture)
        );
        assert_eq!(
            verdict(json!({"iat": NOW - 600, "exp": NOW, "iss": 7})),
            Err(JwtFault::Expired)
        );
        assert_eq!(
            verdict(json!({"iat": NOW - 60, "exp": NOW + 601, "iss": 7})),
            Err(JwtFault::ExpiresTooLate)
        );
        assert_eq!(
            verdict(json!({"exp": NOW + 300, "iss": 7})),
            Err(JwtFault::IssuedInFuture)
        );
        assert_eq!(
            verdict(json!({"iat": NOW, "exp": "soon", "iss": 7})),
            Err(JwtFault::Expired)
        );
    }

    #[test]
    fn another_app_another_key_and_nonsense_are_refused() {
        let claims = json!({"iat": NOW, "exp": NOW + 300, "iss": 8});
        assert_eq!(verdict(claims), Err(JwtFault::UnknownApp));
        assert_eq!(
            verdict(json!({"iat": NOW, "exp": NOW + 300})),
            Err(JwtFault::Undecodable)
        );

        let now = Timestamp::from_second(NOW).unwrap();
        let forged = AppKey::of(2).sign(&json!({"iat": NOW, "exp": NOW + 300, "iss": 7}));
        assert_eq!(
            AppKey::of(1).verify(&forged, 7, now),
            Err(JwtFault::Undecodable)
        );
        for nonsense in ["a.b.c", "..", "", "e30.e30.e30"] {
            assert_eq!(
                AppKey::of(1).verify(nonsense, 7, now),
                Err(JwtFault::Undecodable),
                "{nonsense}"
            );
        }
    }

    #[test]
    fn a_seed_always_makes_the_same_key() {
        assert_eq!(AppKey::generate(1).pem(), AppKey::of(1).pem());
        assert!(
            AppKey::of(1)
                .pem()
                .starts_with("-----BEGIN RSA PRIVATE KEY-----")
        );
    }
}
