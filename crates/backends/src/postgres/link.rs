//! The way to the database: connections, time limits, and the schema's readiness. Decides how long anything may take; refuses
//! to know what is asked.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use deadpool_postgres::{
    Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime, TimeoutType,
};
use tokio::sync::Mutex;
use tokio_postgres::error::{Severity, SqlState};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Config, Row};

use super::address::{Address, CONNECTING};
use super::fault::Fault;
use super::migrations::{self, STEPS};
use super::{Settings, SettingsError, tls};

/// A step that was given up is told to the server, for as long as this.
const CANCELLING: Duration = Duration::from_secs(1);

/// The longest that a schema may take to be brought up to date.
const MIGRATING: Duration = Duration::from_secs(60 * 60);

/// A value of a statement, and its type.
pub(super) type Parameter<'a> = (&'a (dyn ToSql + Sync), Type);

/// Clones share connections.
#[derive(Clone)]
pub(super) struct Link {
    shared: Arc<Shared>,
}

struct Shared {
    pool: Pool,
    config: Config,
    tls: tls::Connector,
    place: String,
    schema: String,
    notify: bool,
    timeout: Duration,
    ready: AtomicBool,
    preparing: Mutex<()>,
}

impl Link {
    pub(super) fn new(settings: &Settings) -> Result<Link, SettingsError> {
        let Address { config, tls, place } = Address::of(settings)?;
        // What is left of a session is nothing, so there is nothing to clean up between two steps.
        let manager = ManagerConfig {
            recycling_method: RecyclingMethod::Fast,
        };
        let manager = Manager::from_config(config.clone(), tls.clone(), manager);
        let pool = Pool::builder(manager)
            .max_size(settings.connections)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(settings.timeout))
            .create_timeout(Some(CONNECTING))
            .build()
            .expect("a runtime is named");
        Ok(Link {
            shared: Arc::new(Shared {
                pool,
                config,
                tls,
                place,
                schema: settings.schema.clone(),
                notify: settings.notify,
                timeout: settings.timeout,
                ready: AtomicBool::new(false),
                preparing: Mutex::new(()),
            }),
        })
    }

    pub(super) fn place(&self) -> &str {
        &self.shared.place
    }

    pub(super) fn schema(&self) -> &str {
        &self.shared.schema
    }

    /// Whether a connection may be kept to be told of tasks.
    pub(super) fn notifies(&self) -> bool {
        self.shared.notify
    }

    /// One statement, in which `@` stands for the schema. One round trip on a connection that is there.
    pub(super) async fn ask(
        &self,
        sql: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<Vec<Row>, Fault> {
        let limit = self.shared.timeout + CONNECTING;
        let step = async {
            if !self.shared.ready.load(Ordering::Acquire) {
                self.prepare().await?;
            }
            let connection = self.connection().await?;
            let step = Step::begin(connection, self.shared.tls.clone());
            let sql = sql.replace('@', &quoted(&self.shared.schema));
            let rows = step.client().query_typed(&sql, parameters).await;
            step.end(rows.as_ref().err().is_none_or(is_about_the_statement));
            Ok(rows?)
        };
        let rows = tokio::time::timeout(limit, step)
            .await
            .unwrap_or_else(|_late| Err(self.late(limit)));
        if let Err(fault) = &rows
            && fault.is_without_schema()
        {
            // Somebody has taken it away: the next step makes another.
            self.shared.ready.store(false, Ordering::Release);
        }
        rows
    }

    /// A connection of its own, that lives as long as the caller wants.
    pub(super) async fn alone(
        &self,
    ) -> Result<
        (
            tokio_postgres::Client,
            tokio_postgres::Connection<
                tokio_postgres::Socket,
                <tls::Connector as tokio_postgres::tls::MakeTlsConnect<tokio_postgres::Socket>>::Stream,
            >,
        ),
        Fault,
    >{
        let connecting = self.shared.config.connect(self.shared.tls.clone());
        match tokio::time::timeout(CONNECTING, connecting).await {
            Ok(Ok(connected)) => Ok(connected),
            Ok(Err(cause)) => Err(self.cannot_connect(cause)),
            Err(_late) => Err(self.late(CONNECTING)),
        }
    }

    /// Brings the schema up to date, once for all who wait for it. It goes on when nobody waits any more: a step of it may
    /// take longer than anybody's patience.
    async fn prepare(&self) -> Result<(), Fault> {
        let link = self.clone();
        let preparing = tokio::spawn(async move {
            let _alone = link.shared.preparing.lock().await;
            if link.shared.ready.load(Ordering::Acquire) {
                return Ok(());
            }
            let connection = link.connection().await?;
            // Where it stops in the middle, or is left there, the connection is of no use any more.
            let mut connection = Object::take(connection);
            let schema = &link.shared.schema;
            let limit = link.shared.timeout;
            let look = migrations::is_present(&*connection, schema, STEPS);
            let is_present = tokio::time::timeout(limit, look)
                .await
                .unwrap_or_else(|_late| Err(link.late(limit)))?;
            if !is_present {
                let migrate = migrations::bring_up_to_date(&mut connection, schema, STEPS);
                tokio::time::timeout(MIGRATING, migrate)
                    .await
                    .unwrap_or_else(|_late| Err(link.late(MIGRATING)))?;
            }
            link.shared.ready.store(true, Ordering::Release);
            Ok(())
        });
        preparing.await.unwrap_or(Err(Fault::Closed))
    }

    pub(super) async fn connection(&self) -> Result<Object, Fault> {
        self.shared.pool.get().await.map_err(|error| match error {
            PoolError::Backend(cause) => self.cannot_connect(cause),
            PoolError::Timeout(TimeoutType::Wait) => Fault::Busy {
                place: self.shared.place.clone(),
                limit: self.shared.timeout,
            },
            PoolError::Timeout(_) => self.late(CONNECTING),
            PoolError::Closed | PoolError::NoRuntimeSpecified | PoolError::PostCreateHook(_) => {
                Fault::Closed
            }
        })
    }

    pub(super) fn late(&self, limit: Duration) -> Fault {
        Fault::Late {
            place: self.shared.place.clone(),
            limit,
        }
    }

    fn cannot_connect(&self, cause: tokio_postgres::Error) -> Fault {
        let place = self.shared.place.clone();
        // A server never says so of what a session starts with here; poolers do.
        if self.shared.notify && cause.code() == Some(&SqlState::PROTOCOL_VIOLATION) {
            return Fault::Pooler { place, cause };
        }
        Fault::Connect { place, cause }
    }
}

/// A name as SQL writes it.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Whether the connection is as good as before. One that is about to close may not know it yet, and one to a server that was
/// made a standby leads nowhere any more.
fn is_about_the_statement(error: &tokio_postgres::Error) -> bool {
    error.as_db_error().is_some_and(|said| {
        said.parsed_severity() == Some(Severity::Error)
            && *said.code() != SqlState::READ_ONLY_SQL_TRANSACTION
    })
}

/// A connection at work. Where the caller goes away, or loses patience, the server is told to stop, and the connection is
/// closed: the next step must not wait behind this one.
struct Step {
    connection: Option<Object>,
    tls: tls::Connector,
}

impl Step {
    fn begin(connection: Object, tls: tls::Connector) -> Step {
        Step {
            connection: Some(connection),
            tls,
        }
    }

    fn client(&self) -> &tokio_postgres::Client {
        self.connection
            .as_ref()
            .expect("it is there until the step ends")
    }

    fn end(mut self, is_of_use: bool) {
        let connection = self.connection.take();
        if !is_of_use {
            drop(connection.map(Object::take));
        }
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else {
            return;
        };
        let cancel = connection.cancel_token();
        let tls = self.tls.clone();
        drop(Object::take(connection));
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(tokio::time::timeout(CANCELLING, async move {
                // Nobody is there to be told if it fails; the server's own limits hold.
                let _ = cancel.cancel_query(tls).await;
            }));
        }
    }
}
