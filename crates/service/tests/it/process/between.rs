//! Somebody between a process and the simulated GitHub: sees every byte that goes either way, and can change answers.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What becomes of an answer's head before it is passed on.
type Change = dyn Fn(String) -> String + Send + Sync;

/// A server that passes everything on.
pub(crate) struct Between {
    pub(crate) address: String,
    seen: Arc<Mutex<Vec<u8>>>,
}

impl Between {
    /// Stands before the server at `address`. Its thread ends with the test's process.
    pub(crate) fn before(
        address: &str,
        change: impl Fn(String) -> String + Send + Sync + 'static,
    ) -> Between {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let own = listener.local_addr().expect("it is bound").to_string();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (target, change): (_, Arc<Change>) = (address.to_owned(), Arc::new(change));
        let eyes = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { continue };
                let (target, change, eyes) =
                    (target.clone(), Arc::clone(&change), Arc::clone(&eyes));
                // What breaks off breaks off for both sides.
                std::thread::spawn(move || pass(stream, &target, &*change, &eyes));
            }
        });
        Between { address: own, seen }
    }

    /// Everything that went either way.
    pub(crate) fn seen(&self) -> String {
        let seen = self.seen.lock().expect("nobody panics with it");
        String::from_utf8_lossy(&seen).into_owned()
    }
}

/// Passes one request and its answer; then both connections end.
fn pass(mut client: TcpStream, target: &str, change: &Change, seen: &Mutex<Vec<u8>>) -> Option<()> {
    client
        .set_read_timeout(Some(Duration::from_secs(60)))
        .ok()?;
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        client.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).ok()?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let value = value.trim().parse().ok()?;
        name.eq_ignore_ascii_case("content-length").then_some(value)
    });
    let mut body = vec![0; length.unwrap_or(0)];
    client.read_exact(&mut body).ok()?;
    // The answer comes whole and ends with the connection.
    let request = head.replacen(" HTTP/1.1\r\n", " HTTP/1.0\r\n", 1);
    let mut server = TcpStream::connect(target).ok()?;
    server.write_all(request.as_bytes()).ok()?;
    server.write_all(&body).ok()?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer).ok()?;
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let answer_head = change(String::from_utf8_lossy(&answer[..end]).into_owned());
    let mut seen = seen.lock().expect("nobody panics with it");
    for part in [
        request.as_bytes(),
        &body,
        answer_head.as_bytes(),
        &answer[end..],
    ] {
        seen.extend_from_slice(part);
    }
    drop(seen);
    client.write_all(answer_head.as_bytes()).ok()?;
    client.write_all(&answer[end..]).ok()
}
