//! A pooler that hands out a connection for each transaction, as such poolers are: it takes no parameter of a session that it
//! does not know, and the next transaction of a client is on another connection than the last.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, Semaphore};

use super::super::Settings;
use super::proxy::{by_way_of, read, server};

/// How many connections the clients share.
const CONNECTIONS: usize = 3;

pub(super) struct Pooler {
    port: u16,
}

/// Connections that nobody uses; who comes takes the one that was idle longest.
struct Idle {
    connections: Mutex<VecDeque<TcpStream>>,
    free: Semaphore,
}

impl Pooler {
    pub(super) fn new() -> Pooler {
        // A runtime of its own: it serves the tests of a suite, whose runtimes end with each of them.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                listener.set_nonblocking(true).unwrap();
                let listener = TcpListener::from_std(listener).unwrap();
                let idle = Arc::new(Idle {
                    connections: Mutex::default(),
                    free: Semaphore::new(CONNECTIONS),
                });
                while let Ok((client, _)) = listener.accept().await {
                    let idle = Arc::clone(&idle);
                    tokio::spawn(async move { serve(client, &idle).await });
                }
            });
        });
        Pooler { port }
    }

    pub(super) fn settings(&self, settings: &Settings) -> Settings {
        Settings {
            notify: false,
            ..by_way_of(self.port, settings)
        }
    }
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap();
    let mut message = vec![kind];
    message.extend(length.to_be_bytes());
    message.extend(body);
    message
}

async fn serve(mut client: TcpStream, idle: &Idle) -> Option<()> {
    let startup = read(&mut client, false).await?;
    let words: Vec<&[u8]> = startup[8..].split(|byte| *byte == 0).collect();
    if startup[4..8] == 80_877_102_u32.to_be_bytes() {
        // A wish to cancel: who is to be cancelled is not known here.
        return None;
    }
    if words.contains(&&b"options"[..]) {
        let refusal = b"SFATAL\0C08P01\0Munsupported startup parameter: options\0\0";
        client.write_all(&message(b'E', refusal)).await.ok()?;
        return None;
    }
    let mut greeting = message(b'R', &0_u32.to_be_bytes());
    greeting.extend(message(b'S', b"client_encoding\0UTF8\0"));
    greeting.extend(message(b'K', &[0; 8]));
    greeting.extend(message(b'Z', b"I"));
    client.write_all(&greeting).await.ok()?;
    loop {
        // What a client sends up to where it waits.
        let mut question = Vec::new();
        loop {
            let part = read(&mut client, true).await?;
            let is_end = matches!(part[0], b'S' | b'Q');
            question.extend(part);
            if is_end {
                break;
            }
        }
        let _permit = idle.free.acquire().await.ok()?;
        let taken = idle.connections.lock().await.pop_front();
        // Each of them is another one than that of the transaction before, as long as there are enough.
        let mut backend = match taken {
            Some(backend) => backend,
            None => connect(&startup).await?,
        };
        loop {
            backend.write_all(&question).await.ok()?;
            let state = relay(&mut backend, &mut client).await?;
            if state == b'I' {
                break;
            }
            question.clear();
            loop {
                let part = read(&mut client, true).await?;
                let is_end = matches!(part[0], b'S' | b'Q');
                question.extend(part);
                if is_end {
                    break;
                }
            }
        }
        idle.connections.lock().await.push_back(backend);
    }
}

async fn connect(startup: &[u8]) -> Option<TcpStream> {
    let mut backend = TcpStream::connect(server()).await.ok()?;
    backend.write_all(startup).await.ok()?;
    loop {
        if read(&mut backend, true).await?[0] == b'Z' {
            return Some(backend);
        }
    }
}

/// Gives a client the answer, and tells how the transaction stands.
async fn relay(backend: &mut TcpStream, client: &mut TcpStream) -> Option<u8> {
    loop {
        let part = read(backend, true).await?;
        client.write_all(&part).await.ok()?;
        if part[0] == b'Z' {
            return part.last().copied();
        }
    }
}
