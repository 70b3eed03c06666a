//! Builds every part of a node from its configuration, in order, straight down.
//!
//! Decides nothing about GitHub and opens no connection: what is wrong with a key or a state file shows here, what is
//! wrong with a token shows at the first request.

mod stores;

use std::sync::Arc;

use async_trait::async_trait;
use github::{
    AnswerStore, ApiUrl, AppKey, Client, Clock, Governor, Installation, StoredAnswer, Transport,
};
use ledger::exclude::Exclude;
use ledger::port::State;
use ledger::port::state::KeptAnswer;
use ledger::user_label::{HmacKey, UserLabels};
use secrecy::SecretString;

use crate::Trouble;
use crate::config::{Config, Credential, Organisation, UserLabel};

pub use self::stores::{Stores, delays};
pub(crate) use self::stores::{look, open, unusable_file, visit};

/// An organisation and the client that reads it.
#[derive(Clone)]
pub(crate) struct Connected {
    pub(crate) org: String,
    pub(crate) client: Client,
}

/// Where GitHub is.
fn api_url(config: &Config) -> Result<ApiUrl, Trouble> {
    ApiUrl::parse(&config.github.api_url).map_err(|error| {
        Trouble::usage(format!("github.api_url: {error}")).remedy(
            "write the root of the REST API, such as https://api.github.com or https://HOST/api/v3",
        )
    })
}

/// The way to GitHub over the network.
pub(crate) fn transport(api_url: &ApiUrl) -> Result<Transport, Trouble> {
    github::reqwest_transport(api_url)
        .map_err(|error| Trouble::new("cannot set up TLS").because(error))
}

/// One governor for all credentials of a process.
pub(crate) fn governor(config: &Config, clock: Clock) -> Arc<Governor> {
    Governor::new(
        clock,
        quota::Settings {
            reserve: config.quota.reserve,
            policy: config.quota.policy,
        },
    )
}

/// What a configuration says, checked as far as that goes without touching anything: a node that is configured wrong
/// leaves no file behind.
pub struct Plan {
    pub(crate) api_url: ApiUrl,
    pub(crate) labels: UserLabels,
    pub(crate) exclude: Exclude,
    organisations: Vec<Planned>,
}

/// An organisation with its credential, and the name that the credential goes by.
struct Planned {
    org: String,
    name: String,
    credential: github::Credential,
}

impl Plan {
    /// Checks a configuration.
    ///
    /// # Errors
    ///
    /// What is wrong with it, and the remedy.
    pub fn of(config: &Config) -> Result<Plan, Trouble> {
        let (labels, exclude) = labels(config)?;
        let planned = config.github.organisations.iter().map(|organisation| {
            let credential = organisation
                .credential
                .as_ref()
                .ok_or_else(|| no_credential(organisation))?;
            Ok(Planned {
                org: organisation.name.clone(),
                name: name_of(config, organisation, credential),
                credential: signed_with(organisation, credential)?,
            })
        });
        Ok(Plan {
            api_url: api_url(config)?,
            labels,
            exclude,
            organisations: planned.collect::<Result<_, Trouble>>()?,
        })
    }

    /// One client per credential, shared by the organisations that it reads.
    pub(crate) fn connect(
        &self,
        clock: Clock,
        governor: &Arc<Governor>,
        transport: &Transport,
        answers: &Arc<dyn AnswerStore>,
    ) -> Vec<Connected> {
        let mut known: Vec<(&str, Client)> = Vec::new();
        let mut connected = Vec::new();
        for Planned {
            org,
            name,
            credential,
        } in &self.organisations
        {
            let client = known
                .iter()
                .find(|(of, _)| of == name)
                .map(|(_, client)| client.clone());
            let client = client.unwrap_or_else(|| {
                let settings = github::Settings::new(self.api_url.clone(), name.clone());
                let (gate, answers) = (governor.gate(name), Arc::clone(answers));
                let client = Client::new(
                    settings,
                    credential.clone(),
                    transport.clone(),
                    gate,
                    clock,
                    answers,
                );
                known.push((name, client.clone()));
                client
            });
            connected.push(Connected {
                org: org.clone(),
                client,
            });
        }
        connected
    }
}

fn no_credential(organisation: &Organisation) -> Trouble {
    Trouble::usage(format!("no token for `{}`", organisation.name))
        .remedy("set GITHUB_TOKEN, --token-file or github.token_file, or configure a GitHub App")
}

/// The name that quota, kept answers and metrics know a credential by. It must not change when the secret does, and
/// organisations that one token reads must share it: they share its quota.
fn name_of(config: &Config, organisation: &Organisation, credential: &Credential) -> String {
    match credential {
        Credential::Token(secret) => {
            let first = config.github.organisations.iter().find(|other| {
                matches!(&other.credential, Some(Credential::Token(theirs)) if theirs.expose() == secret.expose())
            });
            let common = matches!(&config.github.credential, Some(Credential::Token(common)) if common.expose() == secret.expose());
            match first {
                Some(first) if !common => format!("token-{}", first.name.to_ascii_lowercase()),
                _ => "token".to_owned(),
            }
        }
        Credential::App { id, .. } => {
            format!("app-{id}-{}", organisation.name.to_ascii_lowercase())
        }
    }
}

fn signed_with(
    organisation: &Organisation,
    credential: &Credential,
) -> Result<github::Credential, Trouble> {
    match credential {
        Credential::Token(secret) => Ok(github::Credential::Token(SecretString::from(
            secret.expose(),
        ))),
        Credential::App {
            id,
            key,
            installation,
        } => {
            let key = AppKey::from_pem(key.expose().as_bytes()).map_err(|error| {
                let place = key
                    .file()
                    .map_or_else(String::new, |path| format!(" in {}", path.display()));
                Trouble::usage(format!(
                    "the private key of App {id}{place} is no RSA key in PEM form"
                ))
                .remedy("download the key again from the App's settings page and name that file")
                .because(error)
            })?;
            let installation = match installation {
                Some(id) => Installation::Id(*id),
                None => Installation::Owner(organisation.name.clone()),
            };
            Ok(github::Credential::App {
                app_id: *id,
                installation,
                key,
            })
        }
    }
}

/// How users are labelled, and who is left out.
pub(crate) fn labels(config: &Config) -> Result<(UserLabels, Exclude), Trouble> {
    let labels = match config.labels.users {
        UserLabel::Login => UserLabels::Login,
        UserLabel::Id => UserLabels::Id,
        UserLabel::None => UserLabels::None,
        UserLabel::Hmac => {
            let key = config.labels.hmac_key.as_ref();
            let key = key.and_then(|secret| HmacKey::new(secret.expose().as_bytes()));
            UserLabels::Hmac(key.ok_or_else(|| {
                Trouble::usage("labels.users = \"hmac\" has no key")
                    .remedy("name a file with at least 16 characters in labels.hmac_key_file")
            })?)
        }
    };
    Ok((labels, Exclude::new(config.labels.exclude_users.written())))
}

/// Answers that GitHub may confirm at no cost, kept in the state.
pub(crate) struct KeptInState {
    pub(crate) state: Arc<dyn State>,
    pub(crate) clock: Clock,
}

#[async_trait]
impl AnswerStore for KeptInState {
    async fn get(&self, credential: &str, url: &str) -> Option<StoredAnswer> {
        match self.state.answer(credential, url).await {
            Ok(kept) => kept.and_then(|kept| {
                Some(StoredAnswer {
                    etag: kept.etag?,
                    credential: kept.credential,
                    url: kept.url,
                    body: kept.body.into(),
                    headers: kept.headers,
                    date: kept.date,
                })
            }),
            Err(error) => {
                // Without it the request costs what it costs; nothing is lost.
                tracing::debug!(%error, "a kept answer could not be read");
                None
            }
        }
    }

    async fn put(&self, answer: StoredAnswer) {
        let kept = KeptAnswer {
            credential: answer.credential,
            url: answer.url,
            etag: Some(answer.etag),
            date: answer.date,
            headers: answer.headers,
            body: answer.body.to_vec(),
        };
        if let Err(error) = self.state.keep_answer(kept, self.clock.now()).await {
            tracing::debug!(%error, "an answer could not be kept");
        }
    }
}
