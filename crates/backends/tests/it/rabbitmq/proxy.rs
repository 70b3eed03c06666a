//! A way to the broker that can be cut, filled with silence, and spoken into.

use lapin::uri::AMQPUri;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{broadcast, watch};
use tokio_util::task::AbortOnDropHandle;

/// What happens to what goes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Open,
    /// Connections end, and new ones end at once.
    Cut,
    /// Connections stand, new ones too, and nothing comes through.
    Silent,
}

pub(super) struct Proxy {
    uri: AMQPUri,
    way: watch::Sender<Way>,
    said: broadcast::Sender<Vec<u8>>,
    _serving: AbortOnDropHandle<()>,
}

impl Proxy {
    /// A proxy of the broker at `url`.
    pub(super) async fn start(url: &str, way: Way) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut uri: AMQPUri = url.parse().unwrap();
        let broker = (uri.authority.host.clone(), uri.authority.port);
        uri.authority.host = "127.0.0.1".to_owned();
        uri.authority.port = listener.local_addr().unwrap().port();
        let (way, ways) = watch::channel(way);
        let (said, _) = broadcast::channel(16);
        let speaker = said.clone();
        let serving = tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let broker = broker.clone();
                let (ways, said) = (ways.clone(), speaker.subscribe());
                tokio::spawn(pass(client, broker, ways, said));
            }
        });
        Proxy {
            uri,
            way,
            said,
            _serving: AbortOnDropHandle::new(serving),
        }
    }

    /// The way through it, with so many seconds between heartbeats.
    pub(super) fn url(&self, heartbeat: u16) -> String {
        let mut uri = self.uri.clone();
        uri.query.heartbeat = Some(heartbeat);
        uri.to_string()
    }

    pub(super) fn set(&self, way: Way) {
        self.way.send_replace(way);
    }

    /// The broker says that it takes nothing from publishers any more.
    pub(super) fn say_blocked(&self, why: &str) {
        let mut method = vec![0, 10, 0, 60, u8::try_from(why.len()).unwrap()];
        method.extend(why.bytes());
        self.say(&method);
    }

    pub(super) fn say_unblocked(&self) {
        self.say(&[0, 10, 0, 61]);
    }

    /// A method frame on channel 0 of every connection.
    fn say(&self, method: &[u8]) {
        let mut frame = vec![1, 0, 0];
        frame.extend(u32::try_from(method.len()).unwrap().to_be_bytes());
        frame.extend(method);
        frame.push(0xce);
        self.said.send(frame).unwrap();
    }
}

async fn pass(
    client: TcpStream,
    broker: (String, u16),
    mut ways: watch::Receiver<Way>,
    said: broadcast::Receiver<Vec<u8>>,
) {
    let cut = {
        let mut ways = ways.clone();
        async move { ways.wait_for(|way| *way == Way::Cut).await.map(drop) }
    };
    let passing = async {
        // While it is silent, not even the broker is called.
        ways.wait_for(|way| *way == Way::Open).await.unwrap();
        let broker = TcpStream::connect(broker).await.unwrap();
        let (from_client, to_client) = client.into_split();
        let (from_broker, to_broker) = broker.into_split();
        let up = forward(from_client, to_broker, ways.clone());
        let down = forward_frames(from_broker, to_client, ways.clone(), said);
        tokio::select! {
            () = up => {}
            () = down => {}
        }
    };
    tokio::select! {
        _ = cut => {}
        () = passing => {}
    }
}

async fn forward(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut ways: watch::Receiver<Way>) {
    loop {
        ways.wait_for(|way| *way == Way::Open).await.unwrap();
        tokio::select! {
            _ = copy(&mut from, &mut to) => return,
            _ = ways.changed() => {}
        }
    }
}

/// What the broker says, frame by frame, so that something can be said in between.
async fn forward_frames(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    ways: watch::Receiver<Way>,
    mut said: broadcast::Receiver<Vec<u8>>,
) {
    let (frames, mut whole) = tokio::sync::mpsc::channel(1);
    let reading = AbortOnDropHandle::new(tokio::spawn(async move {
        let mut header = [0; 7];
        while from.read_exact(&mut header).await.is_ok() {
            let size = u32::from_be_bytes([header[3], header[4], header[5], header[6]]);
            let mut frame = vec![0; 8 + usize::try_from(size).unwrap()];
            frame[..7].copy_from_slice(&header);
            if from.read_exact(&mut frame[7..]).await.is_err() || frames.send(frame).await.is_err()
            {
                return;
            }
        }
    }));
    let _reading = reading;
    loop {
        let frame = tokio::select! {
            frame = whole.recv() => frame,
            said = said.recv() => said.ok(),
        };
        let Some(frame) = frame else { return };
        let mut ways = ways.clone();
        ways.wait_for(|way| *way == Way::Open).await.unwrap();
        if to.write_all(&frame).await.is_err() {
            return;
        }
    }
}
