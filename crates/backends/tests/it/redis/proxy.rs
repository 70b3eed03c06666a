//! A network between a test and its server that can be broken in more than one way.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UnixStream};
use tokio::sync::watch;

use super::server::Server;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Network {
    /// All goes through.
    Whole,
    /// Connections stay, and nothing goes through any more.
    Swallows,
    /// Connections are cut, and so is each new one.
    Cut,
}

pub(super) struct Proxy {
    port: u16,
    network: watch::Sender<Network>,
    /// How many bytes go to the server until the network is cut.
    budget: Arc<AtomicI64>,
}

impl Proxy {
    pub(super) async fn to(server: &Server) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (network, seen) = watch::channel(Network::Whole);
        let budget = Arc::new(AtomicI64::new(i64::MAX));
        let socket = server.socket();
        let (cut, left) = (network.clone(), Arc::clone(&budget));
        tokio::spawn(async move {
            while let Ok((inside, _)) = listener.accept().await {
                if *seen.borrow() == Network::Cut {
                    continue;
                }
                let Ok(outside) = UnixStream::connect(&socket).await else {
                    continue;
                };
                let (from_client, to_client) = inside.into_split();
                let (from_server, to_server) = outside.into_split();
                let (there, back) = (seen.clone(), seen.clone());
                let (cut, left) = (cut.clone(), Arc::clone(&left));
                tokio::spawn(async move {
                    let pass = |bytes: usize| {
                        let bytes = i64::try_from(bytes).unwrap();
                        if left.fetch_sub(bytes, Ordering::SeqCst) <= bytes {
                            cut.send_replace(Network::Cut);
                        }
                    };
                    tokio::select! {
                        () = carry(from_client, to_server, there, pass) => {}
                        () = carry(from_server, to_client, back, |_| {}) => {}
                    }
                });
            }
        });
        Proxy {
            port,
            network,
            budget,
        }
    }

    pub(super) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub(super) fn be(&self, network: Network) {
        self.budget.store(i64::MAX, Ordering::SeqCst);
        self.network.send_replace(network);
    }

    pub(super) fn is_cut(&self) -> bool {
        *self.network.borrow() == Network::Cut
    }

    /// So many bytes go to the server, and then the network is cut.
    pub(super) fn cut_after(&self, bytes: i64) {
        self.budget.store(bytes, Ordering::SeqCst);
    }
}

/// Carries bytes until either end, or the network, ends it.
async fn carry(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    mut network: watch::Receiver<Network>,
    mut passing: impl FnMut(usize),
) {
    let mut bytes = vec![0; 16 * 1024];
    loop {
        let read = tokio::select! {
            read = from.read(&mut bytes) => read,
            ended = network.wait_for(|network| *network == Network::Cut) => {
                drop(ended);
                return;
            }
        };
        let Ok(count @ 1..) = read else {
            return;
        };
        passing(count);
        match network
            .wait_for(|network| *network != Network::Swallows)
            .await
            .map(|network| *network)
        {
            Ok(Network::Whole) => {}
            _ => return,
        }
        if to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}
