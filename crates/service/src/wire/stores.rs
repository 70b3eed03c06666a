//! Where a node keeps what it keeps: files, databases, brokers. Decides which of them a configuration means; that one is out of
//! reach does not show here, but with the first step that needs it.

mod files;

use std::path::Path;
use std::sync::Arc;

use backends::kubernetes::{Cluster, Lease, SERVICE_ACCOUNT};
use backends::postgres::{self, Postgres, PostgresQueue};
use backends::rabbitmq::{self, RabbitMq};
use backends::redis::{self, Redis};
use backends::sqlite::{Coordination, Sqlite, SqliteQueue};
use github::Clock;
use ledger::lease::Figures;
use ledger::port::queue::Delays;
use ledger::port::{self, State};
use secrecy::SecretString;

use self::files::Files;
use self::files::look_at_state;
pub(crate) use self::files::unusable_file;
use crate::config::{
    ActivityStore, Config, CoordinationStore, ElectionBy, Environment, QueueBroker, Secret, Switch,
};
use crate::{Blame, Trouble};

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

/// The files of a node, with whether this process has made them.
pub(crate) struct LeftBehind(Files);

impl LeftBehind {
    /// Takes the files away again that this process has made, if it was configured wrong: there is nothing in them, and the
    /// next start, with other settings, may want others.
    pub(crate) fn unmake_if_wrong(self, failure: &anyhow::Error) {
        let trouble = failure.downcast_ref::<Trouble>();
        if trouble.is_some_and(|trouble| trouble.blame() == Blame::Usage) {
            self.0.unmake();
        }
    }
}

/// Opens everything to work on it. Servers that are down are connected to later.
pub(crate) async fn open(
    config: &Config,
    environment: &Environment,
    clock: Clock,
) -> Result<(Stores, LeftBehind), Trouble> {
    let mut files = Files::default();
    let opened = async {
        let servers = Servers::of(config)?;
        if servers.postgres.is_none() {
            files.open_state(&config.state.path)?;
        }
        if meets_in_file(config) || config.election.by == ElectionBy::File {
            files.open_board(&config.coordination.path)?;
        }
        stores(config, environment, clock, &files, servers).await
    };
    match opened.await {
        Ok(stores) => Ok((stores, LeftBehind(files))),
        Err(trouble) => {
            files.unmake();
            Err(trouble)
        }
    }
}

/// The servers that a configuration names.
struct Servers {
    postgres: Option<Postgres>,
    redis: Option<Redis>,
}

impl Servers {
    fn of(config: &Config) -> Result<Servers, Trouble> {
        Ok(Servers {
            postgres: postgres(config)?,
            redis: redis(config)?,
        })
    }

    fn postgres(&self) -> Postgres {
        self.postgres.clone().expect(NAMED)
    }

    fn redis(&self) -> Redis {
        self.redis.clone().expect(NAMED)
    }
}

const NAMED: &str = "a configuration that puts something there names where it is";

async fn stores(
    config: &Config,
    environment: &Environment,
    clock: Clock,
    files: &Files,
    servers: Servers,
) -> Result<Stores, Trouble> {
    let state: Arc<dyn State> = match files.store() {
        Some(file) => Arc::new(file),
        None => Arc::new(servers.postgres()),
    };
    let activity: Arc<dyn port::Activity> = match (config.activity.store, files.store()) {
        (ActivityStore::Redis, _) => Arc::new(servers.redis()),
        (ActivityStore::State, Some(file)) => Arc::new(file),
        (ActivityStore::State, None) => Arc::new(servers.postgres()),
    };
    let coordination: Arc<dyn port::Coordination> = match config.coordination.store {
        CoordinationStore::Redis => Arc::new(servers.redis()),
        _ if meets_in_file(config) => Arc::new(files.board().expect(NAMED)),
        _ => Arc::new(servers.postgres()),
    };
    let queue: Arc<dyn port::BackfillQueue> = match (config.backfill.broker, files.store()) {
        (QueueBroker::RabbitMq, _) => Arc::new(rabbitmq(config)?),
        (QueueBroker::State, Some(file)) => {
            let queue = SqliteQueue::open(&file, delays(config), move || clock.now()).await;
            let failed = |error| Trouble::new("cannot open the queue in the state").because(error);
            Arc::new(queue.map_err(failed)?)
        }
        (QueueBroker::State, None) => {
            Arc::new(PostgresQueue::open(&servers.postgres(), delays(config)))
        }
    };
    let election = match elector(config) {
        None => None,
        Some(by) => Some(election(by, config, environment, files)?),
    };
    Ok(Stores {
        state,
        activity,
        queue,
        election,
        coordination,
    })
}

/// Who says which node leads; none where the lock of the state file says it.
fn elector(config: &Config) -> Option<ElectionBy> {
    match config.election.by {
        ElectionBy::Auto if config.activity.store == ActivityStore::Redis => {
            Some(ElectionBy::Redis)
        }
        ElectionBy::Auto if config.state.url.is_some() => Some(ElectionBy::Postgres),
        ElectionBy::Auto => None,
        by => Some(by),
    }
}

/// The office, over a connection of its own: no renewal waits behind a large answer.
fn election(
    by: ElectionBy,
    config: &Config,
    environment: &Environment,
    files: &Files,
) -> Result<Arc<dyn port::Election>, Trouble> {
    Ok(match by {
        ElectionBy::Auto | ElectionBy::File => Arc::new(files.board().expect(NAMED)),
        ElectionBy::Postgres => Arc::new(postgres(config)?.expect(NAMED)),
        ElectionBy::Redis => Arc::new(redis(config)?.expect(NAMED)),
        ElectionBy::Kubernetes => Arc::new(lease(config, environment)?),
    })
}

fn meets_in_file(config: &Config) -> bool {
    match config.coordination.store {
        CoordinationStore::Auto => config.state.url.is_none(),
        CoordinationStore::File => true,
        CoordinationStore::Postgres | CoordinationStore::Redis => false,
    }
}

fn exposed(secret: &Secret) -> SecretString {
    SecretString::from(secret.expose())
}

fn postgres(config: &Config) -> Result<Option<Postgres>, Trouble> {
    let Some(url) = &config.state.url else {
        return Ok(None);
    };
    let settings = postgres::Settings {
        schema: config.postgres.schema.clone(),
        notify: config.postgres.notify == Switch::On,
        ..postgres::Settings::new(exposed(url))
    };
    let opened = Postgres::open(&settings).map(Some);
    opened.map_err(|error| wrong("state.url_file", error))
}

fn redis(config: &Config) -> Result<Option<Redis>, Trouble> {
    let Some(url) = &config.redis.url else {
        return Ok(None);
    };
    let settings = redis::Settings {
        prefix: config.redis.prefix.clone(),
        ca_file: config.redis.ca_file.clone(),
        ..redis::Settings::new(exposed(url))
    };
    let opened = Redis::open(&settings).map(Some);
    opened.map_err(|error| wrong("redis.url_file", error))
}

fn rabbitmq(config: &Config) -> Result<RabbitMq, Trouble> {
    let settings = rabbitmq::Settings {
        url: exposed(config.rabbitmq.url.as_ref().expect(NAMED)),
        prefix: config.rabbitmq.prefix.clone(),
        ca_file: config.rabbitmq.ca_file.clone(),
        delays: delays(config),
        prefetch: u16::try_from(config.backfill.consumers).unwrap_or(u16::MAX),
    };
    RabbitMq::open(&settings).map_err(|error| wrong("rabbitmq.url_file", error))
}

fn lease(config: &Config, environment: &Environment) -> Result<Lease, Trouble> {
    let variable = |name| environment.get(name).ok().flatten().unwrap_or_default();
    let host = variable("KUBERNETES_SERVICE_HOST");
    let port = variable("KUBERNETES_SERVICE_PORT");
    if host.is_empty() {
        let what = "election.by: kubernetes, and this is no pod of a cluster";
        return Err(Trouble::usage(what).remedy("run it in one, or choose another elector"));
    }
    let cluster = Cluster::of_service_account(host, port, Path::new(SERVICE_ACCOUNT))
        .map_err(|error| wrong("election.by", error))?;
    let (name, duration) = (&config.election.lease, Figures::DEFAULT.lease);
    Lease::new(&cluster, name, duration, quota::clock::wall)
        .map_err(|error| wrong("election.lease", error))
}

/// What a key names cannot be meant.
fn wrong(key: &str, error: impl std::error::Error + Send + Sync + 'static) -> Trouble {
    Trouble::usage(format!("{key}: {error}")).because(error)
}

/// Opens where events lie to look at them, beside nodes that work there or without one.
pub(crate) fn look(config: &Config) -> Result<Arc<dyn port::Activity>, Trouble> {
    match events_on_server(config)? {
        Some(events) => Ok(events),
        None => Ok(Arc::new(look_at_state(&config.state.path)?)),
    }
}

/// Opens where events lie for what anybody may write, beside a node that works there or without one.
pub(crate) fn visit(config: &Config) -> Result<Arc<dyn port::Activity>, Trouble> {
    match events_on_server(config)? {
        Some(events) => Ok(events),
        None => Ok(Arc::new(files::visit(&config.state.path)?)),
    }
}

fn events_on_server(config: &Config) -> Result<Option<Arc<dyn port::Activity>>, Trouble> {
    if config.activity.store == ActivityStore::Redis {
        return Ok(redis(config)?.map(|redis| Arc::new(redis) as _));
    }
    Ok(postgres(config)?.map(|postgres| Arc::new(postgres) as _))
}
