//! The API server as a pod reaches it. Decides what its answers mean for whoever asks again; refuses to know what is asked.
//!
//! Everything comes from the pod's service account: a token that Kubernetes renews in its file long before it ends, the
//! authority that signs the API server's certificate, and the namespace. The token goes to the API server alone, and into
//! no error and no log.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ledger::port;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Certificate, Client, Method, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

/// Where Kubernetes puts the service account of a pod.
pub const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// From the first byte sent to the last one received.
const PATIENCE: Duration = Duration::from_secs(3);
/// A Lease has less than a kilobyte; what is longer than this is none.
const LONGEST: usize = 1 << 20;

/// Why there is no cluster to be reached.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClusterError {
    /// The address in the environment of every pod is none.
    #[error(
        "`{host}` and `{port}` are no address of a Kubernetes API server: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT have it in every pod"
    )]
    Address {
        /// As it was given.
        host: String,
        /// As it was given.
        port: String,
    },
    /// A file of the service account cannot be read.
    #[error("cannot read {}: mount the pod's service account (automountServiceAccountToken)", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The authority is no certificate.
    #[error("{} has no certificate", .path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
    },
    /// A name that Kubernetes would not accept.
    #[error(
        "{what} cannot be called `{name}`: Kubernetes takes small letters, digits, `-` and `.`, at most {longest} of them"
    )]
    Name {
        /// What is to have the name.
        what: &'static str,
        /// The name.
        name: String,
        /// The bound.
        longest: usize,
    },
    /// TLS cannot be set up.
    #[error("cannot set up TLS to the Kubernetes API server")]
    Tls(#[source] reqwest::Error),
}

/// A cluster, as a pod in it reaches it.
#[derive(Debug, Clone)]
pub struct Cluster {
    url: String,
    namespace: String,
    token_file: PathBuf,
    authorities: Vec<Certificate>,
}

impl Cluster {
    /// The cluster of a pod: `host` and `port` are what `KUBERNETES_SERVICE_HOST` and `KUBERNETES_SERVICE_PORT` say, and
    /// `directory` holds the service account: [`SERVICE_ACCOUNT`] in every pod. Nothing is sent yet. The authority and the
    /// namespace are read now and not again, the token for every request.
    ///
    /// # Errors
    ///
    /// A [`ClusterError`] if that is no address, or a file is missing or is not what it should be.
    pub fn of_service_account(
        host: &str,
        port: &str,
        directory: &Path,
    ) -> Result<Cluster, ClusterError> {
        let is_address = !host.is_empty()
            && host
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || ".-:".contains(c))
            && port.parse::<u16>().is_ok_and(|port| port > 0);
        if !is_address {
            return Err(ClusterError::Address {
                host: host.to_owned(),
                port: port.to_owned(),
            });
        }
        let url = if host.contains(':') {
            format!("https://[{host}]:{port}")
        } else {
            format!("https://{host}:{port}")
        };
        let namespace = read(&directory.join("namespace"))?.trim().to_owned();
        check_name("the namespace", &namespace, 63)?;
        let path = directory.join("ca.crt");
        let authorities = Certificate::from_pem_bundle(read(&path)?.as_bytes());
        let authorities = authorities.unwrap_or_default();
        if authorities.is_empty() {
            return Err(ClusterError::Certificate { path });
        }
        Ok(Cluster {
            url,
            namespace,
            token_file: directory.join("token"),
            authorities,
        })
    }

    /// Objects of one kind in the namespace.
    pub(super) fn api(&self, group: &str, kind: &str) -> Result<Api, ClusterError> {
        // Another part of the process may have installed a provider before; either is ring.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .tls_certs_only(self.authorities.iter().cloned())
            .https_only(true)
            // A request that is given up closes its connection. With HTTP/2 the next ones would go into the same one, also
            // if nobody hears them at its other end any more.
            .http1_only()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .timeout(PATIENCE)
            .user_agent(concat!("tidegate/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(ClusterError::Tls)?;
        Ok(Api {
            client,
            url: format!("{}/{group}/namespaces/{}/{kind}", self.url, self.namespace),
            namespace: self.namespace.clone(),
            token_file: self.token_file.clone(),
        })
    }
}

fn read(path: &Path) -> Result<String, ClusterError> {
    std::fs::read_to_string(path).map_err(|source| ClusterError::File {
        path: path.to_owned(),
        source,
    })
}

/// A name that is also safe in a URL.
pub(super) fn check_name(
    what: &'static str,
    name: &str,
    longest: usize,
) -> Result<(), ClusterError> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c);
    let ends = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    if name.len() <= longest
        && name.chars().all(allowed)
        && name.starts_with(ends)
        && name.ends_with(ends)
    {
        return Ok(());
    }
    Err(ClusterError::Name {
        what,
        name: name.to_owned(),
        longest,
    })
}

/// Objects of one kind in a namespace.
pub(super) struct Api {
    client: Client,
    url: String,
    namespace: String,
    token_file: PathBuf,
}

/// What the API server answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: Vec<u8>,
}

/// What the API server says of a refusal.
#[derive(Debug, Deserialize)]
struct Said {
    message: String,
}

impl Api {
    pub(super) fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Sends one request, to all objects or to the one of this name, and gathers the answer, whatever it is.
    pub(super) async fn send(
        &self,
        method: Method,
        name: Option<&str>,
        body: Option<Vec<u8>>,
        doing: &'static str,
    ) -> port::Result<Answer> {
        let unavailable = |cause: port::Cause| port::Error::Unavailable { doing, cause };
        let token = self.token().await.map_err(unavailable)?;
        let url = match name {
            Some(name) => format!("{}/{name}", self.url),
            None => self.url.clone(),
        };
        let mut request = self
            .client
            .request(method, url)
            .header(AUTHORIZATION, token)
            .header(ACCEPT, "application/json");
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, "application/json").body(body);
        }
        // The address is known, and says nothing of what is wrong.
        let broken = |error: reqwest::Error| unavailable(Box::new(error.without_url()));
        let mut response = request.send().await.map_err(broken)?;
        let status = response.status();
        let mut body = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(broken)? {
            if body.len() + piece.len() > LONGEST {
                return Err(unavailable(
                    format!("an answer is longer than {LONGEST} bytes").into(),
                ));
            }
            body.extend_from_slice(&piece);
        }
        Ok(Answer { status, body })
    }

    /// Read for every request: there are two a second at most, the file is in memory, and Kubernetes puts another in its
    /// place whenever it likes.
    async fn token(&self) -> Result<HeaderValue, port::Cause> {
        let path = self.token_file.display();
        let text = tokio::fs::read_to_string(&self.token_file).await;
        let text: SecretString = text
            .map_err(|error| format!("cannot read the token in {path}: {error}"))?
            .into();
        let bearer = format!("Bearer {}", text.expose_secret().trim());
        let mut value = HeaderValue::try_from(bearer)
            .map_err(|_not_shown| format!("what is in {path} is no token"))?;
        value.set_sensitive(true);
        Ok(value)
    }
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

impl Answer {
    /// The error for an answer that nobody can go on with.
    ///
    /// A token that has just ended, too many requests and an API server in trouble pass. What is forbidden, malformed, or in a
    /// namespace that is not there, does not.
    pub(super) fn refusal(&self, doing: &'static str) -> port::Error {
        let status = self.status;
        let said = serde_json::from_slice::<Said>(&self.body).map(|said| said.message);
        let in_line = |c: char| if c.is_control() { ' ' } else { c };
        let said = said.unwrap_or_default();
        let said: String = said.chars().map(in_line).take(300).collect();
        let hint = match status {
            StatusCode::FORBIDDEN => {
                " (let the pod's service account get, create and update leases of coordination.k8s.io)"
            }
            StatusCode::UNAUTHORIZED => {
                " (the API server does not accept the token of the pod's service account)"
            }
            _ => "",
        };
        let cause = format!("the Kubernetes API server answered {status}{hint}: {said}").into();
        let passes = status.is_server_error()
            || matches!(
                status,
                StatusCode::UNAUTHORIZED
                    | StatusCode::REQUEST_TIMEOUT
                    | StatusCode::CONFLICT
                    | StatusCode::TOO_MANY_REQUESTS
            );
        if passes {
            port::Error::Unavailable { doing, cause }
        } else {
            port::Error::Failed { doing, cause }
        }
    }
}
