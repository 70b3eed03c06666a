//! An installation's token: minted when first needed, kept in memory, renewed five minutes before it expires, one mint at
//! a time.
//!
//! Its life is counted on the monotonic clock and by GitHub's own two times (expiry minus the answer's date), so that a
//! wrong wall clock neither keeps a dead token nor throws a good one away.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::HeaderValue;
use jiff::Timestamp;
use quota::Lane;
use secrecy::ExposeSecret;
use tokio::time::Instant;

use super::key::AppKey;
use super::{Installation, Signature, bearer, jwt};
use crate::client::Client;
use crate::error::{Error, Kind};
use crate::rest::apps;

/// How long before its expiry a token is replaced.
const EARLY: Duration = Duration::from_secs(5 * 60);
/// Everybody waits for the one who mints, so that what is needed for it goes first, whatever the token is for.
const LANE: Lane = Lane::Live;
/// How long a token is used on after it could not be replaced, before that is tried again.
const PATIENCE: Duration = Duration::from_secs(60);

/// The tokens of one installation.
pub(crate) struct InstallationAuth {
    app_id: u64,
    installation: Installation,
    key: AppKey,
    held: Mutex<Held>,
    /// Held while minting; knows the installation's number once it was looked up.
    minting: tokio::sync::Mutex<Option<u64>>,
}

#[derive(Default)]
struct Held {
    /// How many tokens there were.
    serial: u64,
    token: Option<Token>,
}

struct Token {
    header: HeaderValue,
    renew_at: Instant,
    ends_at: Instant,
}

impl InstallationAuth {
    pub(super) fn new(app_id: u64, installation: Installation, key: AppKey) -> InstallationAuth {
        let minting = match &installation {
            Installation::Id(id) => Some(*id),
            Installation::Owner(_) => None,
        };
        let minting = tokio::sync::Mutex::new(minting);
        InstallationAuth {
            app_id,
            installation,
            key,
            held: Mutex::default(),
            minting,
        }
    }

    pub(super) fn app_id(&self) -> u64 {
        self.app_id
    }

    /// The App's own signature.
    pub(super) fn assertion(&self, now: Timestamp) -> Result<HeaderValue, Error> {
        bearer(&jwt::sign(self.app_id, &self.key, now))
    }

    /// The installation's signature; nothing where a token has to be minted first.
    pub(super) fn signature(&self) -> Option<Signature> {
        let held = self.lock();
        let token = held
            .token
            .as_ref()
            .filter(|token| Instant::now() < token.renew_at)?;
        Some(Signature {
            header: Some(token.header.clone()),
            serial: held.serial,
        })
    }

    pub(super) fn forget(&self, serial: u64) {
        let mut held = self.lock();
        if held.serial == serial {
            held.token = None;
        }
    }

    /// Mints a token, unless somebody else did so meanwhile. A token that still lives survives a mint that fails.
    pub(super) async fn renew(&self, client: &Client) -> Result<(), Error> {
        let mut found = self.minting.lock().await;
        if self.signature().is_some() {
            return Ok(());
        }
        let Err(error) = self.mint(client, &mut found).await else {
            return Ok(());
        };
        let mut held = self.lock();
        let now = Instant::now();
        match held.token.as_mut().filter(|token| now < token.ends_at) {
            Some(token) => {
                token.renew_at = token.ends_at.min(now + PATIENCE);
                let left = token.ends_at - now;
                drop(held);
                tracing::warn!(
                    app_id = self.app_id,
                    left_s = left.as_secs(),
                    error = &error as &dyn std::error::Error,
                    "the installation's token could not be renewed; it is used on while it lives"
                );
                Ok(())
            }
            None => Err(error),
        }
    }

    async fn mint(&self, client: &Client, found: &mut Option<u64>) -> Result<(), Error> {
        let known = found.is_some();
        let id = self.installation_id(client, found).await?;
        let response = match client.send(LANE, apps::access_token(id)).await {
            // Installed anew, the App has another number at the same owner.
            Err(error)
                if error.is_not_found()
                    && known
                    && matches!(self.installation, Installation::Owner(_)) =>
            {
                *found = None;
                let id = self.installation_id(client, found).await?;
                client.send(LANE, apps::access_token(id)).await
            }
            other => other,
        };
        let response = response.map_err(|error| {
            if error.is_not_found() {
                self.not_installed()
            } else {
                error
            }
        })?;
        let minted: apps::InstallationToken = response.json()?;
        let lives = minted
            .expires_at
            .duration_since(response.date.unwrap_or_else(|| client.now()));
        // However short its life, a token is tried before the next is asked for.
        let lives = Duration::try_from(lives).unwrap_or_default().max(PATIENCE);
        let now = Instant::now();
        // A token that lives for less than ten minutes is replaced half-way through.
        let renew_at = now + lives.saturating_sub(EARLY).max(lives / 2);
        let header = bearer(minted.token.expose_secret())?;
        let mut held = self.lock();
        held.serial += 1;
        held.token = Some(Token {
            header,
            renew_at,
            ends_at: now + lives,
        });
        drop(held);
        client.counters().minted();
        tracing::debug!(
            app_id = self.app_id,
            installation = id,
            lives_s = lives.as_secs(),
            "installation token minted"
        );
        Ok(())
    }

    async fn installation_id(
        &self,
        client: &Client,
        found: &mut Option<u64>,
    ) -> Result<u64, Error> {
        if let Some(id) = *found {
            return Ok(id);
        }
        let Installation::Owner(owner) = &self.installation else {
            return Err(self.not_installed());
        };
        let response = match client.send(LANE, apps::org_installation(owner)).await {
            Err(error) if error.is_not_found() => {
                client.send(LANE, apps::user_installation(owner)).await
            }
            other => other,
        };
        let response = response.map_err(|error| {
            if error.is_not_found() {
                self.not_installed()
            } else {
                error
            }
        })?;
        let installation: apps::Installation = response.json()?;
        Ok(*found.insert(installation.id))
    }

    fn not_installed(&self) -> Error {
        let owner = match &self.installation {
            Installation::Id(id) => format!("installation {id}"),
            Installation::Owner(owner) => owner.clone(),
        };
        Kind::NotInstalled {
            app_id: self.app_id,
            owner,
        }
        .into()
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for InstallationAuth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InstallationAuth")
            .field("app_id", &self.app_id)
            .field("installation", &self.installation)
            .finish_non_exhaustive()
    }
}
