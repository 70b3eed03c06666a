//! A small API server of Kubernetes: Leases of one namespace over TLS, as strict about them as a real one.
//!
//! What it knows of the real one: a `MicroTime` has six digits; an object keeps its `uid`, and gets another
//! `resourceVersion` whenever it changes; a PUT without a version is refused, one with an old version conflicts, and one
//! to a Lease that is not there makes it, unless it brings a `uid`, which then conflicts.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};

pub(super) const NAMESPACE: &str = "measured";
const LEASES: &str = "/apis/coordination.k8s.io/v1/namespaces/measured/leases";

/// What is asked of the server, and what it answers.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Asked {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) body: Value,
    pub(super) status: u16,
}

type Trouble = Box<dyn FnMut(&Asked) -> Option<Answer> + Send>;
type Answer = (u16, Value);
type Meddling = Box<dyn FnMut(&mut Leases<'_>) + Send>;

#[derive(Default)]
struct Inner {
    leases: BTreeMap<String, Value>,
    /// Of all objects together, as in a real one.
    version: u64,
    token: String,
    asked: Vec<Asked>,
    /// What it answers instead, if anything.
    trouble: Option<Trouble>,
    /// What happens behind the asker's back before a PUT.
    before_put: Option<Meddling>,
}

/// The Leases, for somebody who does not go through the API.
pub(super) struct Leases<'a>(&'a mut BTreeMap<String, Value>, &'a mut u64);

impl Leases<'_> {
    pub(super) fn delete(&mut self, name: &str) {
        self.0.remove(name);
    }

    pub(super) fn edit(&mut self, name: &str, edit: impl FnOnce(&mut Value)) {
        let lease = self.0.get_mut(name).unwrap();
        edit(lease);
        *self.1 += 1;
        lease["metadata"]["resourceVersion"] = json!(self.1.to_string());
    }
}

#[derive(Clone)]
pub(super) struct Server {
    pub(super) address: SocketAddr,
    inner: Arc<Mutex<Inner>>,
}

impl Server {
    /// Serves until the test ends.
    pub(super) fn start(token: &str) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let inner = Inner {
            token: token.to_owned(),
            version: 41,
            ..Inner::default()
        };
        let server = Server {
            address: listener.local_addr().unwrap(),
            inner: Arc::new(Mutex::new(inner)),
        };
        let tls = Arc::new(tls());
        let (accepting, serving) = (listener, server.clone());
        std::thread::spawn(move || {
            for stream in accepting.incoming() {
                let (server, tls) = (serving.clone(), Arc::clone(&tls));
                // Whoever connects and goes away, or does not trust the certificate, is nobody's matter here.
                std::thread::spawn(move || server.serve(stream.ok()?, tls).ok());
            }
        });
        server
    }

    fn with<T>(&self, work: impl FnOnce(&mut Inner) -> T) -> T {
        work(&mut self.inner.lock().unwrap())
    }

    pub(super) fn accept(&self, token: &str) {
        self.with(|inner| inner.token = token.to_owned());
    }

    /// Answers this from now on, where it says so.
    pub(super) fn trouble(&self, trouble: impl FnMut(&Asked) -> Option<Answer> + Send + 'static) {
        self.with(|inner| inner.trouble = Some(Box::new(trouble)));
    }

    pub(super) fn no_trouble(&self) {
        self.with(|inner| inner.trouble = None);
    }

    pub(super) fn before_put(&self, work: impl FnMut(&mut Leases<'_>) + Send + 'static) {
        self.with(|inner| inner.before_put = Some(Box::new(work)));
    }

    pub(super) fn put(&self, lease: Value) {
        let name = lease["metadata"]["name"].as_str().unwrap().to_owned();
        self.with(|inner| {
            inner.leases.insert(name.clone(), lease);
            Leases(&mut inner.leases, &mut inner.version).edit(&name, |lease| {
                lease["metadata"]["uid"] = json!("made-by-hand");
            });
        });
    }

    pub(super) fn delete(&self, name: &str) {
        self.with(|inner| inner.leases.remove(name)).unwrap();
    }

    pub(super) fn lease(&self, name: &str) -> Value {
        self.with(|inner| inner.leases[name].clone())
    }

    /// What was asked since this was asked last.
    pub(super) fn asked(&self) -> Vec<Asked> {
        self.with(|inner| std::mem::take(&mut inner.asked))
    }

    fn serve(&self, stream: TcpStream, tls: Arc<ServerConfig>) -> std::io::Result<()> {
        stream.set_nodelay(true)?;
        let connection = ServerConnection::new(tls).map_err(std::io::Error::other)?;
        let mut stream = BufReader::new(StreamOwned::new(connection, stream));
        while let Some((asked, token)) = read(&mut stream)? {
            let (status, body) = self.answer(asked, token.as_deref());
            let body = body.to_string();
            let answer = format!(
                "HTTP/1.1 {status} x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
            let stream = stream.get_mut();
            stream.write_all(answer.as_bytes())?;
            stream.flush()?;
        }
        Ok(())
    }

    fn answer(&self, mut asked: Asked, token: Option<&str>) -> Answer {
        self.with(|inner| {
            let answer = if token != Some(&format!("Bearer {}", inner.token)) {
                refuse(401, "Unauthorized")
            } else if let Some(answer) = inner.trouble.as_mut().and_then(|trouble| trouble(&asked))
            {
                answer
            } else {
                inner.decide(&asked)
            };
            asked.status = answer.0;
            inner.asked.push(asked);
            answer
        })
    }
}

impl Inner {
    fn decide(&mut self, asked: &Asked) -> Answer {
        let Some(name) = asked.path.strip_prefix(LEASES) else {
            return refuse(404, "the server could not find the requested resource");
        };
        let name = name.trim_start_matches('/');
        match asked.method.as_str() {
            "GET" => match self.leases.get(name) {
                Some(lease) => (200, lease.clone()),
                None => refuse(404, "leases.coordination.k8s.io not found"),
            },
            "POST" if name.is_empty() => self.create(&asked.body),
            "PUT" => {
                if let Some(mut work) = self.before_put.take() {
                    work(&mut Leases(&mut self.leases, &mut self.version));
                    self.before_put = Some(work);
                }
                self.update(name, &asked.body)
            }
            _ => refuse(
                405,
                "the server does not allow this method on the requested resource",
            ),
        }
    }

    fn create(&mut self, lease: &Value) -> Answer {
        let name = lease["metadata"]["name"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        if let Some(refusal) = invalid(lease) {
            return refusal;
        }
        if !lease["metadata"]["resourceVersion"].is_null() {
            return refuse(
                400,
                "resourceVersion should not be set on objects to be created",
            );
        }
        if self.leases.contains_key(&name) {
            return refuse(409, "leases.coordination.k8s.io already exists");
        }
        self.version += 1;
        let mut lease = lease.clone();
        lease["metadata"]["uid"] = json!(format!("uid-{}", self.version));
        lease["metadata"]["resourceVersion"] = json!(self.version.to_string());
        lease["metadata"]["managedFields"] = json!([{ "manager": "tidegate" }]);
        self.leases.insert(name, lease.clone());
        (201, lease)
    }

    fn update(&mut self, name: &str, lease: &Value) -> Answer {
        if let Some(refusal) = invalid(lease) {
            return refusal;
        }
        if lease["metadata"]["name"] != name {
            return refuse(
                400,
                "the name of the object does not match the name on the URL",
            );
        }
        let Some(present) = self.leases.get_mut(name) else {
            if lease["metadata"]["uid"].is_string() {
                return refuse(409, "Precondition failed: UID in object meta: ");
            }
            return self.create(lease);
        };
        let differs = |field: &str| lease["metadata"][field] != present["metadata"][field];
        if lease["metadata"]["resourceVersion"].is_null() {
            return refuse(
                422,
                "metadata.resourceVersion: must be specified for an update",
            );
        }
        if differs("uid") {
            return refuse(409, "Precondition failed: UID in precondition");
        }
        if differs("resourceVersion") {
            return refuse(
                409,
                "the object has been modified; please apply your changes to the latest version",
            );
        }
        if lease != present {
            self.version += 1;
            *present = lease.clone();
            present["metadata"]["resourceVersion"] = json!(self.version.to_string());
        }
        (200, present.clone())
    }
}

/// What a real one does not read or accept.
fn invalid(lease: &Value) -> Option<Answer> {
    if lease["apiVersion"] != "coordination.k8s.io/v1" || lease["kind"] != "Lease" {
        return Some(refuse(400, "no kind is registered for it"));
    }
    let spec = &lease["spec"];
    for field in ["acquireTime", "renewTime"] {
        let time = &spec[field];
        if !time.is_null() && !time.as_str().is_some_and(is_micro_time) {
            let message = format!("parsing time {time} as \"2006-01-02T15:04:05.000000Z07:00\"");
            return Some(refuse(400, &message));
        }
    }
    let whole = |field: &str, least: i64| {
        let number = &spec[field];
        number.is_null()
            || number
                .as_i64()
                .is_some_and(|n| n >= least && n <= i32::MAX.into())
    };
    if !whole("leaseDurationSeconds", 1) || !whole("leaseTransitions", 0) {
        return Some(refuse(
            422,
            "spec.leaseDurationSeconds: must be greater than 0",
        ));
    }
    None
}

/// `2006-01-02T15:04:05.000000Z`, to the letter.
fn is_micro_time(text: &str) -> bool {
    let shape = "0000-00-00T00:00:00.000000Z";
    text.len() == shape.len()
        && shape
            .chars()
            .zip(text.chars())
            .all(|(wanted, found)| match wanted {
                '0' => found.is_ascii_digit(),
                wanted => wanted == found,
            })
}

pub(super) fn refuse(status: u16, message: &str) -> Answer {
    let body = json!({ "kind": "Status", "status": "Failure", "message": message, "code": status });
    (status, body)
}

/// One request with its token, or none at the end of the connection.
fn read(stream: &mut impl BufRead) -> std::io::Result<Option<(Asked, Option<String>)>> {
    let mut line = String::new();
    if stream.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, path) = (words.next().unwrap(), words.next().unwrap());
    let (mut token, mut length) = (None, 0);
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        match name.to_ascii_lowercase().as_str() {
            "authorization" => token = Some(value.to_owned()),
            "content-length" => length = value.parse().unwrap(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    let asked = Asked {
        method,
        path,
        body: serde_json::from_slice(&body).unwrap_or_default(),
        status: 0,
    };
    Ok(Some((asked, token)))
}

/// The certificate is for `127.0.0.1` and `localhost`, by the authority in `ca.pem`. Both were made for these tests, and end in
/// the year 2120.
fn tls() -> ServerConfig {
    let pem = include_bytes!("server.pem");
    let certificates = CertificateDer::pem_slice_iter(pem)
        .map(Result::unwrap)
        .collect();
    let key = PrivateKeyDer::from_pem_slice(pem).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .unwrap();
    // As a real one; whoever asks for HTTP/2 gets it, and no answer.
    config.alpn_protocols = ["h2", "http/1.1"].map(Vec::from).into();
    config
}
