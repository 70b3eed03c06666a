//! One connection to the broker, from its socket to the topology behind it. Bounded in time; when it is given up, its socket
//! is cut, so that nothing waits on it any more: the library gives up no handshake by itself.

use std::io;
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lapin::tcp::{AsyncTcpStream, OwnedTLSConfig};
use lapin::uri::{AMQPScheme, AMQPUri};
use lapin::{Connection, ConnectionProperties};
use tokio::sync::watch;
use tokio::time::timeout;

use super::address::Broker;
use super::topology::Topology;
use super::trouble::Trouble;

/// How long it may take to connect, each: the socket with its TLS, and all of it.
const CONNECTING: Duration = Duration::from_secs(10);

/// How long it may take to part in peace.
const PARTING: Duration = Duration::from_secs(2);

/// A connection with its topology declared.
pub(super) struct Session {
    pub(super) connection: Connection,
    /// Why the broker takes nothing from publishers now, if it said so.
    pub(super) blocked: watch::Sender<Option<Arc<str>>>,
    cord: Arc<Cord>,
}

impl Session {
    pub(super) async fn open(
        broker: &Broker,
        topology: &Topology,
        purpose: &str,
    ) -> Result<Session, Trouble> {
        let cord = Arc::new(Cord::default());
        let opening = async {
            let unreachable =
                |error| Trouble::Unreachable(Arc::clone(&broker.shown), Arc::new(error));
            let connection = dial(broker, purpose, &cord).await.map_err(unreachable)?;
            topology.declare(&connection).await.map_err(unreachable)??;
            Ok(connection)
        };
        let opened = timeout(CONNECTING, opening).await;
        let opened = opened.unwrap_or_else(|_elapsed| {
            Err(Trouble::Silent {
                address: Arc::clone(&broker.shown),
                seconds: CONNECTING.as_secs(),
            })
        });
        match opened {
            Ok(connection) => Ok(Session {
                connection,
                blocked: watch::Sender::new(None),
                cord,
            }),
            Err(trouble) => {
                cord.cut();
                Err(trouble)
            }
        }
    }

    pub(super) fn is_up(&self) -> bool {
        self.connection.status().connected()
    }

    /// Parts from the broker, in peace if it answers.
    pub(super) async fn end(&self) {
        if self.is_up() {
            let _ = timeout(PARTING, self.connection.close(200, "OK".into())).await;
        }
        self.cord.cut();
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.cord.cut();
    }
}

async fn dial(broker: &Broker, purpose: &str, cord: &Arc<Cord>) -> lapin::Result<Connection> {
    let name = format!("tidegate, {purpose}");
    let properties = ConnectionProperties::default().with_connection_name(name.into());
    let runtime = lapin::runtime::default_runtime()?;
    let cord = Arc::clone(cord);
    let ca_file = broker.ca_file.clone();
    let connecting = Connection::connector(
        broker.uri.clone(),
        runtime,
        async move |uri: AMQPUri, runtime| {
            let (host, port) = (uri.authority.host.as_str(), uri.authority.port);
            let connecting = async {
                let addresses: Vec<_> = tokio::net::lookup_host((host, port)).await?.collect();
                let stream = AsyncTcpStream::connect(&runtime, addresses.as_slice()).await?;
                if let AsyncTcpStream::Plain(plain) = &stream {
                    let socket = plain.get_ref();
                    socket.set_nodelay(true)?;
                    cord.tie(TcpStream::from(socket.as_fd().try_clone_to_owned()?));
                }
                match uri.scheme {
                    AMQPScheme::AMQP => Ok(stream),
                    AMQPScheme::AMQPS => {
                        let trusted = OwnedTLSConfig {
                            cert_chain: read(ca_file.as_deref()).await?,
                            ..OwnedTLSConfig::default()
                        };
                        stream.into_tls(host, trusted.as_ref()).await
                    }
                }
            };
            let connected = timeout(CONNECTING, connecting).await;
            let connected =
                connected.unwrap_or_else(|_elapsed| Err(io::ErrorKind::TimedOut.into()));
            connected.map_err(lapin::Error::from)
        },
        properties,
    );
    connecting.await
}

/// The certificates that are trusted beside the system's.
async fn read(ca_file: Option<&Path>) -> io::Result<Option<String>> {
    let Some(path) = ca_file else {
        return Ok(None);
    };
    let read = tokio::fs::read_to_string(path).await;
    let unread = |error: io::Error| {
        let message = format!(
            "cannot read the certificates in {}: {error}",
            path.display()
        );
        io::Error::new(error.kind(), message)
    };
    read.map(Some).map_err(unread)
}

/// A hold on the socket under a connection.
#[derive(Default)]
struct Cord(Mutex<End>);

#[derive(Default)]
enum End {
    #[default]
    Loose,
    Tied(TcpStream),
    Cut,
}

impl Cord {
    fn tie(&self, socket: TcpStream) {
        let mut end = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match *end {
            End::Cut => {
                let _ = socket.shutdown(Shutdown::Both);
            }
            End::Loose | End::Tied(_) => *end = End::Tied(socket),
        }
    }

    /// Whoever reads or writes the socket finds it closed.
    fn cut(&self) {
        let mut end = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let End::Tied(socket) = std::mem::replace(&mut *end, End::Cut) {
            // A socket that the other side has closed is as good as cut.
            let _ = socket.shutdown(Shutdown::Both);
        }
    }
}
