//! Builds every part of a node from its configuration, in order, straight down.
//!
//! Decides nothing about GitHub and opens no connection: what is wrong with a key or a state file shows here, what is
//! wrong with a token shows at the first request.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use backends::sqlite::{Coordination, Problem, Sqlite, SqliteQueue};
use github::{
    AnswerStore, ApiUrl, AppKey, Client, Clock, Governor, Installation, StoredAnswer, Transport,
};
use ledger::exclude::Exclude;
use ledger::port::queue::Delays;
use ledger::port::state::KeptAnswer;
use ledger::port::{self, State};
use ledger::user_label::{HmacKey, UserLabels};
use secrecy::SecretString;

use crate::config::{Config, Credential, Organisation, UserLabel};
use crate::{Blame, Trouble};

/// An organisation and the client that reads it.
#[derive(Clone)]
pub(crate) struct Connected {
    pub(crate) org: String,
    pub(crate) client: Client,
}

/// The files that a node works on: its state, and where it meets others. With whether this process has made them.
pub(crate) struct Files {
    state: Made,
    /// Holds the lock of the state, so that nobody else works on it while this process may take it away again.
    store: Sqlite,
    board: Made,
    coordination: Coordination,
}

/// A file, and whether it was not there before.
struct Made {
    path: PathBuf,
    is_new: bool,
}

impl Files {
    /// Opens both to work on them.
    pub(crate) fn open(config: &Config) -> Result<Files, Trouble> {
        let path = &config.state.path;
        let mut state = Made::if_missing(path);
        let store = Sqlite::open(path).map_err(|error| match error.problem() {
            Problem::Missing => Trouble::new(format!(
                "cannot make the state {}: its directory does not exist",
                path.display()
            ))
            .remedy("make it, or name another file with --state")
            .because(error),
            _ => unusable_file(error),
        })?;
        state.resolve();
        let mut board = Made::if_missing(&config.coordination.path);
        match Coordination::open(&config.coordination.path) {
            Ok(coordination) => {
                board.resolve();
                Ok(Files {
                    state,
                    store,
                    board,
                    coordination,
                })
            }
            Err(error) => {
                state.unmake();
                Err(unusable_file(error))
            }
        }
    }

    /// The stores in them.
    pub(crate) async fn stores(&self, config: &Config, clock: Clock) -> port::Result<Stores> {
        let (state, coordination) = (self.store.clone(), self.coordination.clone());
        Stores::of_files(state, coordination, delays(config), clock).await
    }

    /// Takes the files away again that this process has made, if it was configured wrong: there is nothing in them, and the
    /// next start, with other settings, may want others.
    pub(crate) fn leave_behind_if_right(self, failure: &anyhow::Error) {
        let trouble = failure.downcast_ref::<Trouble>();
        if trouble.is_some_and(|trouble| trouble.blame() == Blame::Usage) {
            self.board.unmake();
            self.state.unmake();
        }
    }
}

/// Everything that a node keeps, wherever it lies.
pub struct Stores {
    /// Small durable state.
    pub state: Arc<dyn State>,
    /// Events and coverage.
    pub activity: Arc<dyn port::Activity>,
    /// Backfill tasks.
    pub queue: Arc<dyn port::BackfillQueue>,
    /// Who leads; none where nobody can dispute it, since the state is locked by this process.
    pub election: Option<Arc<dyn port::Election>>,
    /// Where processes meet that share a credential.
    pub coordination: Arc<dyn port::Coordination>,
}

impl Stores {
    /// Everything in one state, and the meeting place in a file of its own.
    ///
    /// # Errors
    ///
    /// Only the store's.
    pub async fn of_files(
        state: Sqlite,
        coordination: Coordination,
        delays: Delays,
        clock: Clock,
    ) -> port::Result<Stores> {
        let queue = SqliteQueue::open(&state, delays, move || clock.now()).await?;
        Ok(Stores {
            queue: Arc::new(queue),
            activity: Arc::new(state.clone()),
            state: Arc::new(state),
            election: None,
            coordination: Arc::new(coordination),
        })
    }
}

/// How long messages can be put off: the pauses between attempts, which are what a queue is opened with.
pub fn delays(config: &Config) -> Delays {
    Delays::new(config.backfill.retry_delays.iter().copied())
        .expect("the configuration has delays from a second to a week")
}

impl Made {
    fn if_missing(path: &Path) -> Made {
        Made {
            path: path.to_owned(),
            is_new: !path.exists(),
        }
    }

    /// Whatever directory the process is in later.
    fn resolve(&mut self) {
        if let Ok(real) = self.path.canonicalize() {
            self.path = real;
        }
    }

    fn unmake(&self) {
        if !self.is_new {
            return;
        }
        // The lock goes last: until then no other node begins here.
        for end in ["-wal", "-shm", "", ".lock"] {
            let mut name = self.path.clone().into_os_string();
            name.push(end);
            if let Err(error) = std::fs::remove_file(&name)
                && error.kind() != std::io::ErrorKind::NotFound
            {
                tracing::debug!(%error, ?name, "cannot take a new file away");
            }
        }
    }
}

/// Opens the state file to look at it.
pub(crate) fn look_at_state(path: &Path) -> Result<Sqlite, Trouble> {
    Sqlite::read_only(path).map_err(|error| match error.problem() {
        Problem::Missing => Trouble::new(format!("there is no state {}", path.display()))
            .remedy("start a node or a scrape first, or name the file with --state")
            .because(error),
        _ => unusable_file(error),
    })
}

/// Says what is wrong with a file of ours, state or coordination. The world is to blame, not the configuration: the same
/// name is right on another day or for another user (locked, full, read-only, damaged, not mounted yet), so that whoever
/// restarts a node may try it again.
pub(crate) fn unusable_file(error: backends::sqlite::OpenError) -> Trouble {
    Trouble::new(error.to_string())
        .remedy(error.remedy())
        .because(error)
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
