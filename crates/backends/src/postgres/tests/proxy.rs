//! A wire between a store and the server that can be cut and watched. Speaks as much of the protocol as it takes to tell one
//! message from the next.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use secrecy::ExposeSecret;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_postgres::Config;
use tokio_postgres::config::Host;

use super::super::Settings;

/// What the wire does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wire {
    Passes,
    /// Connections are closed, the present ones too.
    IsCut,
    /// Nothing arrives at the server, and nobody is told.
    SwallowsQuestions,
    /// Nothing arrives at the store, and nobody is told.
    SwallowsAnswers,
    /// The next answer that is whole is not delivered, and its connection closed: the step has happened, and nobody knows.
    LosesTheNextAnswer,
}

pub(super) struct Proxy {
    port: u16,
    wire: watch::Sender<Wire>,
    questions: Arc<AtomicU64>,
}

/// Where the tests' server listens.
pub(super) fn server() -> (String, u16) {
    let config: Config = super::space::url().parse().unwrap();
    let host = config.get_hosts().iter().find_map(|host| match host {
        Host::Tcp(name) => Some(name.clone()),
        Host::Unix(_) => None,
    });
    let port = config.get_ports().first().copied().unwrap_or(5432);
    (host.expect("the tests' server is reached by TCP"), port)
}

/// The settings of a store that comes by another port of this machine.
pub(super) fn by_way_of(port: u16, settings: &Settings) -> Settings {
    let url = settings.url.expose_secret();
    let config: Config = url.parse().unwrap();
    let user = config.get_user().unwrap_or("postgres").to_owned();
    let password = config
        .get_password()
        .map(|password| String::from_utf8_lossy(password));
    let password = password.map_or(String::new(), |password| format!(":{password}"));
    let database = config.get_dbname().unwrap_or("postgres");
    // What is encrypted cannot be watched.
    let url = format!("postgres://{user}{password}@127.0.0.1:{port}/{database}?sslmode=disable");
    Settings {
        url: url.into(),
        ..settings.clone()
    }
}

impl Proxy {
    pub(super) async fn new() -> Proxy {
        Proxy::on(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    pub(super) fn on(listener: TcpListener) -> Proxy {
        let (wire, watched) = watch::channel(Wire::Passes);
        let questions = Arc::new(AtomicU64::new(0));
        let proxy = Proxy {
            port: listener.local_addr().unwrap().port(),
            wire,
            questions: Arc::clone(&questions),
        };
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if *watched.borrow() == Wire::IsCut {
                    continue;
                }
                let server = TcpStream::connect(server()).await.unwrap();
                let (from_client, to_client) = client.into_split();
                let (from_server, to_server) = server.into_split();
                let ups = up(
                    from_client,
                    to_server,
                    watched.clone(),
                    Arc::clone(&questions),
                );
                let downs = down(from_server, to_client, watched.clone());
                let mut cut = watched.clone();
                tokio::spawn(async move {
                    // Whoever ends first takes the other with it.
                    tokio::select! {
                        () = ups => {}
                        () = downs => {}
                        _ = cut.wait_for(|wire| *wire == Wire::IsCut) => {}
                    }
                });
            }
        });
        proxy
    }

    pub(super) fn settings(&self, settings: &Settings) -> Settings {
        by_way_of(self.port, settings)
    }

    pub(super) fn set(&self, wire: Wire) {
        self.wire.send_replace(wire);
    }

    /// How often something was asked, and waited for: each ends in a Sync, or is a Query.
    pub(super) fn questions(&self) -> u64 {
        self.questions.load(Ordering::SeqCst)
    }
}

type From = tokio::net::tcp::OwnedReadHalf;
type To = tokio::net::tcp::OwnedWriteHalf;

/// One message, with its type; the first one of a client has none.
pub(super) async fn read<R: tokio::io::AsyncRead + Unpin>(
    from: &mut R,
    has_type: bool,
) -> Option<Vec<u8>> {
    let mut message = vec![0; if has_type { 5 } else { 4 }];
    from.read_exact(&mut message).await.ok()?;
    let start = message.len() - 4;
    let length = u32::from_be_bytes(message[start..].try_into().unwrap()) as usize - 4;
    let head = message.len();
    message.resize(head + length, 0);
    from.read_exact(&mut message[head..]).await.ok()?;
    Some(message)
}

async fn up(mut from: From, mut to: To, wire: watch::Receiver<Wire>, questions: Arc<AtomicU64>) {
    let mut has_type = false;
    while let Some(message) = read(&mut from, has_type).await {
        if has_type && matches!(message[0], b'S' | b'Q') {
            questions.fetch_add(1, Ordering::SeqCst);
        }
        has_type = true;
        if *wire.borrow() == Wire::SwallowsQuestions {
            continue;
        }
        if to.write_all(&message).await.is_err() {
            return;
        }
    }
}

async fn down(mut from: From, mut to: To, wire: watch::Receiver<Wire>) {
    while let Some(message) = read(&mut from, true).await {
        let now = *wire.borrow();
        match now {
            Wire::SwallowsAnswers => continue,
            Wire::LosesTheNextAnswer if message[0] == b'Z' => return,
            Wire::LosesTheNextAnswer => continue,
            Wire::Passes | Wire::IsCut | Wire::SwallowsQuestions => {}
        }
        if to.write_all(&message).await.is_err() {
            return;
        }
    }
}
