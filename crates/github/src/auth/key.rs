//! The private key of a GitHub App, from the PEM file that GitHub offers for download.

use std::sync::Arc;

use ring::rsa::KeyPair;
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject;

use crate::error::{Error, Kind};

/// An RSA private key. Never printed.
#[derive(Clone)]
pub struct AppKey(Arc<KeyPair>);

impl AppKey {
    /// Reads a key from PEM, PKCS#1 (as GitHub gives it out) or PKCS#8. Line breaks may be written as `\n`, as happens in
    /// environment variables.
    ///
    /// # Errors
    /// `is_bad_key`: no PEM, no private key in it, an encrypted one, or none for RSA with 2048 to 4096 bits.
    pub fn from_pem(pem: &[u8]) -> Result<AppKey, Error> {
        let bad = |reason| Error::from(Kind::BadKey { reason });
        let text = std::str::from_utf8(pem).map_err(|_not_text| bad("it is no PEM text"))?;
        if !text.contains("-----BEGIN ") {
            return Err(bad(
                "it is no PEM text (-----BEGIN RSA PRIVATE KEY----- is missing)",
            ));
        }
        if text.contains("ENCRYPTED") {
            return Err(bad("it is encrypted; GitHub gives it out unencrypted"));
        }
        let text = text.replace("\\n", "\n");
        let pair = match PrivateKeyDer::from_pem_slice(text.as_bytes()) {
            Ok(PrivateKeyDer::Pkcs1(der)) => KeyPair::from_der(der.secret_pkcs1_der()),
            Ok(PrivateKeyDer::Pkcs8(der)) => KeyPair::from_pkcs8(der.secret_pkcs8_der()),
            Ok(_) => return Err(bad("it is a key of another kind; an App's key is RSA")),
            Err(rustls_pki_types::pem::Error::NoItemsFound) => {
                return Err(bad("there is no private key in the PEM text"));
            }
            Err(_) => return Err(bad("the PEM text is damaged")),
        };
        let pair = pair.map_err(|_rejected| bad("it is no RSA key with 2048 to 4096 bits"))?;
        Ok(AppKey(Arc::new(pair)))
    }

    pub(super) fn pair(&self) -> &KeyPair {
        &self.0
    }
}

impl std::fmt::Debug for AppKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AppKey(..)")
    }
}

#[cfg(test)]
pub(super) mod tests {
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng;
    use rsa::pkcs1::{EncodeRsaPrivateKey, LineEnding};
    use rsa::pkcs8::EncodePrivateKey;
    use std::sync::OnceLock;

    use super::*;

    /// A toy key in both forms, made once.
    pub(in crate::auth) fn pems() -> &'static (String, String) {
        static PEMS: OnceLock<(String, String)> = OnceLock::new();
        PEMS.get_or_init(|| {
            let key = rsa::PrivateKey::new(&mut ChaCha8Rng::seed_from_u64(7), 2048).unwrap();
            let pkcs1 = key.to_pkcs1_pem(LineEnding::LF).unwrap().to_string();
            let pkcs8 = key.to_pkcs8_pem(LineEnding::LF).unwrap().to_string();
            (pkcs1, pkcs8)
        })
    }

    #[test]
    fn a_key_is_read_from_both_forms_and_from_one_line() {
        let (pkcs1, pkcs8) = pems();
        let public = |pem: &str| {
            AppKey::from_pem(pem.as_bytes())
                .unwrap()
                .pair()
                .public()
                .as_ref()
                .to_vec()
        };
        assert_eq!(public(pkcs1), public(pkcs8));
        assert_eq!(public(pkcs1), public(&pkcs1.replace('\n', "\\n")));
        assert!(
            !format!("{:?}", AppKey::from_pem(pkcs1.as_bytes()).unwrap())
                .contains(&pkcs1[100..110])
        );
    }

    #[test]
    fn what_is_no_key_says_what_it_is() {
        let (pkcs1, _) = pems();
        let check = |pem: &[u8]| {
            let error = AppKey::from_pem(pem).unwrap_err();
            assert!(error.is_bad_key());
            error.to_string()
        };
        let body = pkcs1.lines().nth(1).unwrap();
        insta::assert_snapshot!([
            check(b"\xff\xfe"),
            check(b"ghp_notakey"),
            check(pkcs1.replace("RSA PRIVATE", "RSA PUBLIC").as_bytes()),
            check(pkcs1.replace("RSA PRIVATE", "EC PRIVATE").as_bytes()),
            check(b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n-----END ENCRYPTED PRIVATE KEY-----\n"),
            check(pkcs1.replace(body, "!").as_bytes()),
            check(pkcs1.replacen(body, "", 1).as_bytes()),
        ].join("\n"), @r"
        cannot use the App's private key: it is no PEM text
        cannot use the App's private key: it is no PEM text (-----BEGIN RSA PRIVATE KEY----- is missing)
        cannot use the App's private key: there is no private key in the PEM text
        cannot use the App's private key: it is a key of another kind; an App's key is RSA
        cannot use the App's private key: it is encrypted; GitHub gives it out unencrypted
        cannot use the App's private key: the PEM text is damaged
        cannot use the App's private key: it is no RSA key with 2048 to 4096 bits
        ");
    }
}
