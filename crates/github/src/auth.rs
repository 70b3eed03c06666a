//! What a request is signed with: nothing, a token, or a GitHub App's installation.
//!
//! Secrets live here and in the headers made here, which are marked sensitive. Nothing prints them.

mod installation;
mod jwt;
mod key;

use http::HeaderValue;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use crate::client::Client;
use crate::error::{Error, Kind};
use crate::request::{Request, Signer};
use installation::InstallationAuth;
pub use key::AppKey;

/// What a client signs its requests with.
#[derive(Debug, Clone)]
pub enum Credential {
    /// Nothing: 60 requests an hour.
    Anonymous,
    /// A personal access token, or any other that is used as it is. White space around it is ignored.
    Token(SecretString),
    /// A GitHub App at one owner; tokens are minted with its key and live in memory alone.
    App {
        /// The App's number.
        app_id: u64,
        /// Where it acts.
        installation: Installation,
        /// Its private key.
        key: AppKey,
    },
}

/// One installation of an App.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Installation {
    /// By its number.
    Id(u64),
    /// By the organisation or user that it is installed for; looked up when it is first needed.
    Owner(String),
}

/// The signing part of one client.
#[derive(Debug)]
pub(crate) enum Auth {
    Anonymous,
    Token(SecretString),
    App(Box<InstallationAuth>),
}

/// A signature, ready to be sent.
#[derive(Debug)]
pub(crate) struct Signature {
    /// The `Authorization` header; marked sensitive.
    pub(crate) header: Option<HeaderValue>,
    /// Which of an installation's tokens it is, so that a refused one is forgotten and not its successor.
    pub(crate) serial: u64,
}

impl Auth {
    pub(crate) fn new(credential: Credential) -> Auth {
        match credential {
            Credential::Anonymous => Auth::Anonymous,
            Credential::Token(token) => Auth::Token(token),
            Credential::App {
                app_id,
                installation,
                key,
            } => Auth::App(Box::new(InstallationAuth::new(app_id, installation, key))),
        }
    }

    /// Signs a request, or says that a token has to be minted first.
    pub(crate) fn sign(
        &self,
        request: &Request,
        now: Timestamp,
    ) -> Result<Option<Signature>, Error> {
        match (self, request.signer) {
            (Auth::Anonymous, Signer::Credential) => Ok(Some(Signature {
                header: None,
                serial: 0,
            })),
            (Auth::Token(token), Signer::Credential) => Ok(Some(Signature {
                header: Some(bearer(token.expose_secret())?),
                serial: 0,
            })),
            (Auth::App(app), Signer::Credential) => Ok(app.signature()),
            (Auth::App(app), Signer::App) => Ok(Some(Signature {
                header: Some(app.assertion(now)?),
                serial: 0,
            })),
            (_, Signer::App) => Err(Kind::NotAnApp {
                subject: request.subject(),
            }
            .into()),
        }
    }

    /// Mints a token where one is needed; one at a time, others wait for it.
    pub(crate) async fn renew(&self, client: &Client) -> Result<(), Error> {
        match self {
            Auth::App(app) => app.renew(client).await,
            Auth::Anonymous | Auth::Token(_) => Ok(()),
        }
    }

    /// Forgets a token that GitHub refused.
    pub(crate) fn forget(&self, serial: u64) {
        if let Auth::App(app) = self {
            app.forget(serial);
        }
    }

    /// Whether a newer token can be had for this request.
    pub(crate) fn is_renewable(&self, request: &Request) -> bool {
        matches!(self, Auth::App(_)) && request.signer == Signer::Credential
    }

    /// The App's number, where there is an App.
    pub(crate) fn app_id(&self) -> Option<u64> {
        match self {
            Auth::App(app) => Some(app.app_id()),
            Auth::Anonymous | Auth::Token(_) => None,
        }
    }
}

/// The header for a token.
fn bearer(token: &str) -> Result<HeaderValue, Error> {
    let token = token.trim();
    let visible = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    match HeaderValue::try_from(format!("Bearer {token}")) {
        Ok(mut header) if visible => {
            header.set_sensitive(true);
            Ok(header)
        }
        _ => Err(Kind::BadToken.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_trimmed_marked_sensitive_and_never_printed() {
        let header = bearer("planted-secret\n").unwrap();
        assert_eq!(header.as_bytes(), b"Bearer planted-secret");
        let auth = Auth::new(Credential::Token("planted-secret".to_owned().into()));
        let signature = auth
            .sign(&Request::get("/meta"), Timestamp::UNIX_EPOCH)
            .unwrap();
        assert!(!format!("{header:?} {auth:?} {signature:?}").contains("planted"));
    }

    #[test]
    fn a_token_that_no_header_can_carry_is_told_without_repeating_it() {
        for token in ["", "two words", "line\nbreak", "ünïcode"] {
            let error = bearer(token).unwrap_err();
            assert!(error.is_bad_token());
            assert!(token.is_empty() || !format!("{error} {error:?}").contains(token));
        }
    }

    #[test]
    fn only_an_app_signs_as_one() {
        let auth = Auth::new(Credential::Token("t".to_owned().into()));
        let error = auth
            .sign(&crate::rest::apps::app(), Timestamp::UNIX_EPOCH)
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot sign GET /app as an App: the credential is not one"
        );
    }
}
