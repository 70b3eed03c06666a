//! Who is asking: personal tokens, the App's own JWT, installation tokens, nobody.
//!
//! It decides whether a credential is good and whom its requests are counted for. It refuses to know routes: what a
//! caller may see is decided where it is read.

pub mod app;

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::HeaderMap;
use http::header::AUTHORIZATION;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use crate::World;
use crate::limit::{Account, Share};
use crate::world::account::AccountId;
use app::{AppKey, JwtFault};

/// Documented: an installation token lives one hour.
pub const INSTALLATION_TOKEN_LIFE: SignedDuration = SignedDuration::from_hours(1);

/// Installation ids are the owner's account id plus this, so that they need no table.
const INSTALLATION_BASE: u64 = 50_000_000;

/// Who may ask, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct AuthRules {
    /// Personal tokens and the login each belongs to. A login that the world does not know is still a user.
    pub tokens: Vec<(String, String)>,
    /// The id of the one GitHub App, installed on every account that owns repositories.
    pub app_id: u64,
    /// How long an installation token lives.
    pub installation_token_life: SignedDuration,
}

impl Default for AuthRules {
    fn default() -> AuthRules {
        AuthRules {
            tokens: vec![("sim-token".to_owned(), "sim-reader".to_owned())],
            app_id: 1,
            installation_token_life: INSTALLATION_TOKEN_LIFE,
        }
    }
}

/// Whose eyes the world is seen with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Viewer {
    Anonymous,
    User { login: String },
    App,
    Installation { id: u64, owner: AccountId },
}

/// A caller whose credential is good, or who showed none.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) viewer: Viewer,
    /// Whom the caller's requests are counted for.
    pub(crate) account: Account,
}

/// A credential that is refused.
#[derive(Debug, Clone)]
pub(crate) struct Denied {
    /// Counted for the address, as if there were no credential.
    pub(crate) account: Account,
    /// Whose credential it was, if that can be told.
    pub(crate) credential: String,
    pub(crate) status: u16,
    pub(crate) message: String,
}

/// The tokens and the App of one simulated GitHub; a handle, cheap to clone.
#[derive(Debug, Clone)]
pub struct Credentials {
    inner: Arc<Mutex<Register>>,
    seed: u64,
    app_id: u64,
}

#[derive(Debug)]
struct Register {
    personal: HashMap<String, String>,
    minted: HashMap<String, Minted>,
    suspended: BTreeSet<u64>,
    uninstalled: BTreeSet<u64>,
    withheld: BTreeSet<String>,
    mints: u64,
    life: SignedDuration,
}

#[derive(Debug, Clone)]
struct Minted {
    installation: u64,
    expires_at: Timestamp,
    revoked: bool,
}

impl Credentials {
    pub(crate) fn new(seed: u64, rules: &AuthRules) -> Credentials {
        let register = Register {
            personal: rules.tokens.iter().cloned().collect(),
            minted: HashMap::new(),
            suspended: BTreeSet::new(),
            uninstalled: BTreeSet::new(),
            withheld: BTreeSet::new(),
            mints: 0,
            life: rules.installation_token_life,
        };
        Credentials {
            inner: Arc::new(Mutex::new(register)),
            seed,
            app_id: rules.app_id,
        }
    }

    /// The App's id, the issuer of its JWTs.
    pub fn app_id(&self) -> u64 {
        self.app_id
    }

    /// The App's private key (PKCS#1, PEM) as its owner would have downloaded it. Made from the seed on first use,
    /// which takes a moment.
    pub fn app_pem(&self) -> String {
        AppKey::of(self.seed).pem()
    }

    /// The installation of the App on an account.
    pub fn installation_of(&self, owner: AccountId) -> u64 {
        INSTALLATION_BASE + owner
    }

    /// Makes a personal token good for a login.
    pub fn grant(&self, token: &str, login: &str) {
        self.register()
            .personal
            .insert(token.to_owned(), login.to_owned());
    }

    /// Takes back a personal or installation token; from now on it is a bad credential.
    pub fn revoke(&self, token: &str) {
        let mut register = self.register();
        register.personal.remove(token);
        if let Some(minted) = register.minted.get_mut(token) {
            minted.revoked = true;
        }
    }

    /// Takes back every installation token at once, as if each had been rotated.
    pub fn revoke_installation_tokens(&self) {
        self.register()
            .minted
            .values_mut()
            .for_each(|minted| minted.revoked = true);
    }

    /// Suspends an installation or lifts its suspension.
    pub fn suspend(&self, installation: u64, suspended: bool) {
        let mut register = self.register();
        if suspended {
            register.suspended.insert(installation);
        } else {
            register.suspended.remove(&installation);
        }
    }

    /// Removes an installation, or puts it back.
    pub fn uninstall(&self, installation: u64, gone: bool) {
        let mut register = self.register();
        if gone {
            register.uninstalled.insert(installation);
        } else {
            register.uninstalled.remove(&installation);
        }
    }

    /// Takes a permission (`actions`, `members`, ...) from every personal and installation token, or gives it back.
    pub fn withhold(&self, permission: &str, withheld: bool) {
        let mut register = self.register();
        if withheld {
            register.withheld.insert(permission.to_owned());
        } else {
            register.withheld.remove(permission);
        }
    }

    /// Whether no token has this permission.
    pub fn is_withheld(&self, permission: &str) -> bool {
        self.register().withheld.contains(permission)
    }

    /// Whether an installation is suspended.
    pub fn is_suspended(&self, installation: u64) -> bool {
        self.register().suspended.contains(&installation)
    }

    /// The account that an installation stands for, unless it was removed or never was.
    pub(crate) fn owner_of(&self, installation: u64, world: &World) -> Option<AccountId> {
        let owner = installation.checked_sub(INSTALLATION_BASE)?;
        let gone = self.register().uninstalled.contains(&installation);
        (!gone && world.account(owner).is_some()).then_some(owner)
    }

    /// A new token for an installation. Older ones stay good until they expire.
    pub(crate) fn mint(&self, installation: u64, now: Timestamp) -> (String, Timestamp) {
        let mut register = self.register();
        register.mints += 1;
        let digest = Sha256::digest(format!("{}/{installation}/{}", self.seed, register.mints));
        let token = format!("ghs_{}", &hex::encode(digest)[..36]);
        let life = register.life;
        let expires_at = now + life;
        register
            .minted
            .retain(|_, minted| minted.expires_at + life > now);
        register.minted.insert(
            token.clone(),
            Minted {
                installation,
                expires_at,
                revoked: false,
            },
        );
        (token, expires_at)
    }

    /// Who sent these headers.
    pub(crate) fn identify(
        &self,
        headers: &HeaderMap,
        address: IpAddr,
        world: &World,
        now: Timestamp,
    ) -> Result<Caller, Denied> {
        let nobody = Account(format!("address:{address}"));
        let denied = |credential: String, status, message: &str| {
            Err(Denied {
                account: nobody.clone(),
                credential,
                status,
                message: message.to_owned(),
            })
        };
        let Some(header) = headers.get(AUTHORIZATION) else {
            return Ok(Caller {
                viewer: Viewer::Anonymous,
                account: nobody,
            });
        };
        let unknown = || format!("unknown:{address}");
        let token = header.to_str().ok().and_then(|header| {
            let (scheme, token) = header.split_once(' ')?;
            ["bearer", "token"]
                .contains(&scheme.to_ascii_lowercase().as_str())
                .then(|| token.trim())
        });
        let Some(token) = token else {
            return denied(unknown(), 401, "Bad credentials");
        };
        if token.split('.').count() == 3 {
            let name = format!("app:{}", self.app_id);
            return match AppKey::of(self.seed).verify(token, self.app_id, now) {
                Ok(()) => Ok(Caller {
                    viewer: Viewer::App,
                    account: Account(name),
                }),
                Err(fault @ JwtFault::UnknownApp) => {
                    denied(unknown(), fault.status(), fault.message())
                }
                Err(fault) => denied(name, fault.status(), fault.message()),
            };
        }
        let (personal, minted) = {
            let register = self.register();
            (
                register.personal.get(token).cloned(),
                register.minted.get(token).cloned(),
            )
        };
        if let Some(login) = personal {
            return Ok(Caller {
                account: Account(format!("user:{login}")),
                viewer: Viewer::User { login },
            });
        }
        let Some(minted) = minted else {
            return denied(unknown(), 401, "Bad credentials");
        };
        let name = format!("installation:{}", minted.installation);
        let Some(owner) = self.owner_of(minted.installation, world) else {
            return denied(name, 401, "Bad credentials");
        };
        if minted.revoked || minted.expires_at <= now {
            return denied(name, 401, "Bad credentials");
        }
        if self.is_suspended(minted.installation) {
            return denied(name, 403, "This installation has been suspended");
        }
        let viewer = Viewer::Installation {
            id: minted.installation,
            owner,
        };
        Ok(Caller {
            account: Account(name),
            viewer,
        })
    }

    /// The token that a request carries, if it is an installation's: for faults that end its life early.
    pub(crate) fn expire(&self, headers: &HeaderMap) {
        let token = headers
            .get(AUTHORIZATION)
            .and_then(|header| header.to_str().ok()?.split_once(' '));
        if let Some((_, token)) = token
            && let Some(minted) = self.register().minted.get_mut(token.trim())
        {
            minted.revoked = true;
        }
    }

    fn register(&self) -> MutexGuard<'_, Register> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Viewer {
    /// Which primary quota this viewer gets.
    pub(crate) fn share(&self, world: &World) -> Share {
        match self {
            Viewer::Anonymous => Share::Anonymous,
            Viewer::User { .. } | Viewer::App => Share::User,
            Viewer::Installation { owner, .. } => Share::Installation {
                repos: world.repos().filter(|repo| repo.owner == *owner).count() as u64,
                users: world
                    .account(*owner)
                    .map_or(0, |account| account.members.len() as u64),
            },
        }
    }
}
