//! The configuration: what a node is told, by a file, by its environment and by flags, with the place each value came from.
//!
//! Decides which values are legal and which layer wins. Refuses to know what they are used for: `wire` reads the types below and
//! nobody else parses anything. [`keys`] is the only list of keys; the file, the variables, the flags, the schema, the documentation
//! and `config show` are all made from it.

mod choice;
mod complaint;
mod environment;
mod file;
mod key;
pub mod keys;
mod load;
mod manual;
mod origin;
mod pattern;
mod schema;
mod secret;
mod show;
mod slot;
mod span;

use std::{net::SocketAddr, path::PathBuf, time::Duration};

pub use choice::{
    ActivityStore, CoordinationStore, ElectionBy, LogFormat, LogLevel, QueueBroker, Refresh,
    Switch, UserLabel,
};
pub use complaint::{Complaint, ConfigError};
pub use environment::Environment;
pub(crate) use key::nearest;
pub use keys::login as parse_login;
pub use load::{Flag, Loaded, Purpose, Request, load};
pub use manual::markdown;
pub use origin::Origin;
pub use pattern::{Pattern, Patterns};
pub use schema::json_schema;
pub use secret::Secret;
pub use show::{ShownKey, list, show};
pub use slot::address as parse_address;
pub use span::{parse as parse_span, show as show_span};

/// Everything a node is told. [`Config::default`] holds the defaults of the table of [`keys`].
#[derive(Clone, Debug)]
pub struct Config {
    /// Where GitHub is, who is measured, and with which credential.
    pub github: GitHub,
    /// How often and how far back the organisations are read.
    pub scrape: Scrape,
    /// What is left to others of the credential's quota.
    pub quota: Quota,
    /// What `/metrics` shows, and how fresh.
    pub export: Export,
    /// How people appear in labels.
    pub labels: Labels,
    /// Where the node listens.
    pub http: Http,
    /// Who may read when the node listens beyond loopback.
    pub api: Api,
    /// Where the node keeps what it knows.
    pub state: State,
    /// Where events and coverage lie.
    pub activity: Activity,
    /// Where it meets the processes that share a credential with it.
    pub coordination: Coordination,
    /// Who says which node leads.
    pub election: Election,
    /// How gaps are filled.
    pub backfill: Backfill,
    /// When an organisation that fails again and again is left alone.
    pub health: Health,
    /// How the PostgreSQL database of the state is used.
    pub postgres: Postgres,
    /// The Redis server, where something lies there.
    pub redis: Redis,
    /// The RabbitMQ server, where tasks wait there.
    pub rabbitmq: RabbitMq,
    /// What the node says while it works.
    pub log: Log,
}

/// Where GitHub is, who is measured, and with which credential.
#[derive(Clone, Debug, Default)]
pub struct GitHub {
    /// Root of the REST API, without a slash at its end.
    pub api_url: String,
    /// The organisations (or users) to measure, each with the credential that reads it.
    pub organisations: Vec<Organisation>,
    /// The credential of every organisation that has none of its own.
    pub credential: Option<Credential>,
    pub(crate) identity: Identity,
}

/// One organisation (or user) whose repositories are measured.
#[derive(Clone, Debug, Default)]
pub struct Organisation {
    /// The login, as GitHub writes it or in any other case.
    pub name: String,
    /// What its requests are signed with: its own, else the common one. Never empty in a configuration loaded to measure.
    pub credential: Option<Credential>,
    pub(crate) identity: Identity,
}

/// What requests are signed with.
#[derive(Clone, Debug)]
pub enum Credential {
    /// A personal access token (or any other bearer token).
    Token(Secret),
    /// A GitHub App, which mints a token for each installation.
    App {
        /// The App's numeric id.
        id: u64,
        /// Its private key in PEM form.
        key: Secret,
        /// The installation, if it is named; otherwise it is looked up by the organisation's login.
        installation: Option<u64>,
    },
}

/// The parts of a credential as they are written, before they are put together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Identity {
    pub(crate) token: Option<Secret>,
    pub(crate) app_id: Option<u64>,
    pub(crate) private_key: Option<Secret>,
    pub(crate) installation_id: Option<u64>,
}

/// How often and how far back the organisations are read.
#[derive(Clone, Debug, Default)]
pub struct Scrape {
    /// Time between the starts of two passes over one organisation.
    pub interval: Duration,
    /// How far back a newly seen repository is tracked; `None` is its whole history.
    pub history: Option<Duration>,
    /// How many repositories of one organisation are fetched at the same time.
    pub concurrency: u64,
    /// If not empty, only repositories that match are measured.
    pub allow: Patterns,
    /// Repositories that match are not measured, whatever `allow` says.
    pub deny: Patterns,
}

impl Scrape {
    /// Whether the lists let a repository in. `deny` wins over `allow`; an empty `allow` lets everything in.
    pub fn takes(&self, organisation: &str, repository: &str) -> bool {
        let listed = self.allow.is_empty() || self.allow.match_repository(organisation, repository);
        listed && !self.deny.match_repository(organisation, repository)
    }
}

/// What is left to others of the credential's quota.
#[derive(Clone, Debug, Default)]
pub struct Quota {
    /// Requests (or points) of each hourly quota that scheduled work leaves untouched.
    pub reserve: u64,
    /// How work that can wait is paced.
    pub policy: quota::Policy,
}

/// What `/metrics` shows, and how fresh.
#[derive(Clone, Debug, Default)]
pub struct Export {
    /// Time between two snapshots of `/metrics`.
    pub refresh_interval: Duration,
    /// The most series that a snapshot holds.
    pub max_series: u64,
    /// How the next snapshot comes about.
    pub refresh: Refresh,
    /// Whether the node's own numbers are shown under the names of another exporter as well.
    pub compat: bool,
}

/// How people appear in labels.
#[derive(Clone, Debug, Default)]
pub struct Labels {
    /// What the `user` label says.
    pub users: UserLabel,
    /// The key of the `hmac` mode. Always there in that mode.
    pub hmac_key: Option<Secret>,
    /// Users who appear in no metric: logins, in which `*` and `?` stand for others. No regular expressions.
    pub exclude_users: Patterns,
}

/// Where the node listens.
#[derive(Clone, Debug)]
pub struct Http {
    /// The address; port 0 takes any free one.
    pub listen: SocketAddr,
    /// Names by which the node may be called, beside loopback and its own address.
    pub allowed_hosts: Vec<String>,
}

impl Default for Http {
    fn default() -> Http {
        Http {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            allowed_hosts: Vec::new(),
        }
    }
}

/// Who may read when the node listens beyond loopback.
#[derive(Clone, Debug, Default)]
pub struct Api {
    /// The bearer token. Always there when the node listens beyond loopback.
    pub token: Option<Secret>,
}

/// Where the node keeps what it knows.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// The database file, unless there is a URL.
    pub path: PathBuf,
    /// The PostgreSQL database.
    pub url: Option<Secret>,
}

/// Where events and coverage lie.
#[derive(Clone, Debug, Default)]
pub struct Activity {
    /// Where.
    pub store: ActivityStore,
}

/// Where processes meet that share a credential.
#[derive(Clone, Debug, Default)]
pub struct Coordination {
    /// Where.
    pub store: CoordinationStore,
    /// The database file. Never empty in a configuration that was loaded.
    pub path: PathBuf,
}

/// Who says which node leads.
#[derive(Clone, Debug, Default)]
pub struct Election {
    /// Who.
    pub by: ElectionBy,
    /// The name of the Kubernetes Lease.
    pub lease: String,
}

/// How gaps are filled.
#[derive(Clone, Debug, Default)]
pub struct Backfill {
    /// Where the tasks wait.
    pub broker: QueueBroker,
    /// How many tasks this node works on at the same time; 0 leaves them to other nodes.
    pub consumers: u64,
    /// The pauses after the first, second, … failed attempt; after the last one the gap is stuck.
    pub retry_delays: Vec<Duration>,
    /// A message older than this is dropped; its gap is dispatched anew.
    pub max_message_age: Duration,
    /// A gap whose task has been silent for so long is dispatched again.
    pub silence: Duration,
}

/// When an organisation that fails again and again is left alone.
#[derive(Clone, Debug, Default)]
pub struct Health {
    /// So many failed cycles in a row.
    pub unhealthy_failure_threshold: u64,
    /// The first pause; each further one is twice as long, up to a quarter of an hour.
    pub unhealthy_cooldown: Duration,
    /// So many good probes in a row end it.
    pub recovery_probes: u64,
}

/// How the PostgreSQL database of the state is used.
#[derive(Clone, Debug, Default)]
pub struct Postgres {
    /// The schema that the tables lie in.
    pub schema: String,
    /// Whether notifications are listened to.
    pub notify: Switch,
}

/// The Redis server.
#[derive(Clone, Debug, Default)]
pub struct Redis {
    /// Where it is.
    pub url: Option<Secret>,
    /// A file with the certificates that the server's is signed with.
    pub ca_file: Option<PathBuf>,
    /// What the names of all keys begin with.
    pub prefix: String,
}

/// The RabbitMQ server.
#[derive(Clone, Debug, Default)]
pub struct RabbitMq {
    /// Where it is.
    pub url: Option<Secret>,
    /// A file with the certificates that the server's is signed with.
    pub ca_file: Option<PathBuf>,
    /// What the names of the exchange and the queues begin with.
    pub prefix: String,
}

/// What the node says while it works.
#[derive(Clone, Debug, Default)]
pub struct Log {
    /// The least important line that is written.
    pub level: LogLevel,
    /// How a line is written.
    pub format: LogFormat,
}

impl Default for Config {
    fn default() -> Config {
        let mut config = Config::blank();
        for key in keys::KEYS {
            key.set_default(&mut config);
        }
        config
    }
}

impl Config {
    /// Every place where a value goes, still empty.
    fn blank() -> Config {
        Config {
            github: GitHub::default(),
            scrape: Scrape::default(),
            quota: Quota::default(),
            export: Export::default(),
            labels: Labels::default(),
            http: Http::default(),
            api: Api::default(),
            state: State::default(),
            activity: Activity::default(),
            coordination: Coordination::default(),
            election: Election::default(),
            backfill: Backfill::default(),
            health: Health::default(),
            postgres: Postgres::default(),
            redis: Redis::default(),
            rabbitmq: RabbitMq::default(),
            log: Log::default(),
        }
    }
}

#[cfg(test)]
mod tests;
