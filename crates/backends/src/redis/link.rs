//! The connection: made when it is needed, examined, and given up when it is of no use any more. Refuses to know what is asked.
//!
//! The library's own manager reconnects by itself, behind everybody's back; here each new connection is one to look at, since
//! it may lead to another server, and one that does not answer is given up, which a broken network does not do by itself.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, FromRedisValue, RedisError, Value};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use super::fault::Fault;
use super::server::{self, Refusal};
use super::settings::{OpenError, Settings, Way};

/// After one that failed, the next attempt is not made before this has passed; it doubles up to [`LONGEST_PAUSE`]. Until then
/// every step fails at once.
const PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

pub(super) struct Link {
    patience: Duration,
    state: Mutex<State>,
}

struct State {
    way: Way,
    live: Option<Live>,
    connections: u64,
    pause: Duration,
    failed: Option<(Instant, Fault)>,
}

/// A connection to a server that can be used.
#[derive(Clone)]
pub(super) struct Live {
    connection: MultiplexedConnection,
    /// Counts the connections.
    pub(super) number: u64,
    /// The present run of the server.
    pub(super) server: String,
}

impl Link {
    pub(super) fn new(settings: &Settings) -> Result<Link, OpenError> {
        Ok(Link {
            patience: settings.patience,
            state: Mutex::new(State {
                way: settings.way()?,
                live: None,
                connections: 0,
                pause: PAUSE,
                failed: None,
            }),
        })
    }

    /// The connection, or a new one.
    pub(super) async fn live(&self) -> Result<Live, Fault> {
        let mut state = self.state.lock().await;
        if let Some(live) = &state.live {
            return Ok(live.clone());
        }
        if let Some((again, fault)) = &state.failed
            && Instant::now() < *again
        {
            return Err(fault.clone());
        }
        let connecting = connect(&mut state.way);
        let connected = timeout(self.patience, connecting)
            .await
            .unwrap_or(Err(Fault::TimedOut));
        match connected {
            Ok((connection, server)) => {
                state.connections += 1;
                let live = Live {
                    connection,
                    number: state.connections,
                    server,
                };
                state.live = Some(live.clone());
                state.failed = None;
                state.pause = PAUSE;
                Ok(live)
            }
            Err(fault) => {
                state.failed = Some((Instant::now() + state.pause, fault.clone()));
                state.pause = (state.pause * 2).min(LONGEST_PAUSE);
                Err(fault)
            }
        }
    }

    /// Sends something by a connection, and waits for the answer as long as patience lasts.
    pub(super) async fn send<T>(
        &self,
        live: &Live,
        request: impl AsyncFnOnce(MultiplexedConnection) -> Result<T, RedisError>,
    ) -> Result<T, Fault> {
        let answer = timeout(self.patience, request(live.connection.clone())).await;
        let answer = answer
            .map_err(|_elapsed| Fault::TimedOut)
            .and_then(|answer| answer.map_err(Fault::of));
        if let Err(fault) = &answer
            && fault.costs_the_connection()
        {
            self.give_up(live).await;
        }
        answer
    }

    /// The next step makes a new connection, unless somebody has already.
    pub(super) async fn give_up(&self, live: &Live) {
        let mut state = self.state.lock().await;
        if state
            .live
            .as_ref()
            .is_some_and(|present| present.number == live.number)
        {
            state.live = None;
        }
    }
}

async fn connect(way: &mut Way) -> Result<(MultiplexedConnection, String), Fault> {
    // Answers are waited for here, by whoever asks.
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(None)
        .set_response_timeout(None);
    let connecting = match way {
        Way::Direct(client) => {
            client
                .get_multiplexed_async_connection_with_config(&config)
                .await
        }
        Way::Sentinels(client) => client.get_async_connection_with_config(&config).await,
    };
    let mut connection = connecting.map_err(|error| Fault::Connect(error.into()))?;
    let info: Value = redis::cmd("INFO")
        .query_async(&mut connection)
        .await
        .map_err(|error| match Fault::of(error) {
            Fault::Passing(error) if error.code() == Some("LOADING") => Refusal::Loading.into(),
            Fault::Passing(error) if error.code() == Some("NOPERM") => Refusal::Silent.into(),
            fault => fault,
        })?;
    let info = String::from_redis_value(info).map_err(|_error| Fault::from(Refusal::Silent))?;
    Ok((connection, server::examine(&info)?))
}
