//! Where the server is and how it is spoken to. Decides what settings can be meant; refuses to know where they come from.

use std::path::PathBuf;
use std::time::Duration;

use redis::{
    Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, TlsCertificates, TlsMode,
    sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType},
};
use secrecy::{ExposeSecret, SecretString};

/// How to reach a store, and what its keys begin with.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the server is.
    pub at: At,
    /// What all keys begin with, in braces: `tidegate` makes `{tidegate}:…`. Two stores in one database differ in it.
    pub prefix: String,
    /// For TLS: a file of PEM certificates that are trusted in place of the system's.
    pub ca_file: Option<PathBuf>,
    /// How long a connection, and any one answer, is waited for. 3 seconds are good.
    pub patience: Duration,
}

impl Settings {
    /// The settings for a URL, with the prefix `tidegate`, the system's certificates and a patience of 3 seconds.
    pub fn new(url: SecretString) -> Settings {
        Settings {
            at: At::Url(url),
            prefix: "tidegate".to_owned(),
            ca_file: None,
            patience: Duration::from_secs(3),
        }
    }
}

/// Where a server is.
#[derive(Debug, Clone)]
pub enum At {
    /// `redis://user:password@host:port/database`, with `rediss` for TLS, or `unix://path`. A secret: it may carry a password.
    Url(SecretString),
    /// At the address that sentinels name.
    Sentinels {
        /// The sentinels, as `host:port`. Any that answers will do.
        sentinels: Vec<String>,
        /// What they call the master.
        master: String,
        /// Whether the sentinels and the servers that they name speak TLS.
        tls: bool,
        /// The user at the servers; none for the default one.
        user: Option<String>,
        /// The password at the servers.
        password: Option<SecretString>,
        /// The password at the sentinels, if they ask for one.
        sentinel_password: Option<SecretString>,
        /// The number of the database, mostly 0.
        database: i64,
    },
}

/// Why settings cannot be used. It never shows them.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// It is no URL of a Redis server.
    #[error(
        "the Redis URL cannot be read: write redis://user:password@host:port/database, or rediss:// for TLS"
    )]
    Url,
    /// A certificate file was given, and the server is spoken to without TLS.
    #[error(
        "certificates are given, and the Redis URL asks for no TLS: write rediss://, or leave them out"
    )]
    NoTls,
    /// The certificate file cannot be read.
    #[error("cannot read the certificates {}", .path.display())]
    Certificates {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: std::io::Error,
    },
    /// There are no certificates in it.
    #[error("{} holds no certificate in PEM form that can be used", .path.display())]
    NoCertificates {
        /// The file.
        path: PathBuf,
    },
    /// A sentinel's address is none.
    #[error("{address:?} is no address of a sentinel: write host:port")]
    Sentinel {
        /// What was given.
        address: String,
    },
    /// Sentinels are to be asked, and none is named.
    #[error("no sentinel is named")]
    NoSentinel,
    /// The prefix is empty, or holds a brace or white space.
    #[error("the prefix of keys must be a word without braces")]
    Prefix,
}

/// Who is asked for a connection.
pub(super) enum Way {
    Direct(Box<Client>),
    Sentinels(Box<SentinelClient>),
}

impl Settings {
    pub(super) fn way(&self) -> Result<Way, OpenError> {
        let certificates = self.certificates()?;
        match &self.at {
            At::Url(url) => direct(url, certificates).map(Box::new).map(Way::Direct),
            At::Sentinels { .. } => self
                .sentinels(certificates)
                .map(Box::new)
                .map(Way::Sentinels),
        }
    }

    fn certificates(&self) -> Result<Option<TlsCertificates>, OpenError> {
        let Some(path) = &self.ca_file else {
            return Ok(None);
        };
        let pem = std::fs::read(path).map_err(|cause| OpenError::Certificates {
            path: path.clone(),
            cause,
        })?;
        let certificates = TlsCertificates {
            client_tls: None,
            root_cert: Some(pem),
        };
        let is_usable = String::from_utf8_lossy(certificates.root_cert.as_deref().unwrap_or(b""))
            .contains("-----BEGIN CERTIFICATE-----")
            && Client::build_with_tls("rediss://localhost", certificates.clone()).is_ok();
        if is_usable {
            Ok(Some(certificates))
        } else {
            Err(OpenError::NoCertificates { path: path.clone() })
        }
    }

    fn sentinels(
        &self,
        certificates: Option<TlsCertificates>,
    ) -> Result<SentinelClient, OpenError> {
        let At::Sentinels {
            sentinels,
            master,
            tls,
            user,
            password,
            sentinel_password,
            database,
        } = &self.at
        else {
            return Err(OpenError::NoSentinel);
        };
        if sentinels.is_empty() {
            return Err(OpenError::NoSentinel);
        }
        if certificates.is_some() && !tls {
            return Err(OpenError::NoTls);
        }
        let addresses = sentinels
            .iter()
            .map(|address| address_of(address, *tls))
            .collect::<Result<Vec<_>, _>>()?;
        let mut builder =
            SentinelClientBuilder::new(addresses, master.clone(), SentinelServerType::Master)
                .map_err(|_error| OpenError::NoSentinel)?
                .set_client_to_redis_db(*database);
        if *tls {
            trust_ring();
            builder = builder
                .set_client_to_redis_tls_mode(TlsMode::Secure)
                .set_client_to_sentinel_tls_mode(TlsMode::Secure);
        }
        if let Some(certificates) = certificates {
            builder = builder
                .set_client_to_redis_certificates(certificates.clone())
                .set_client_to_sentinel_certificates(certificates);
        }
        if let Some(user) = user {
            builder = builder.set_client_to_redis_username(user);
        }
        if let Some(password) = password {
            builder = builder.set_client_to_redis_password(password.expose_secret());
        }
        if let Some(password) = sentinel_password {
            builder = builder.set_client_to_sentinel_password(password.expose_secret());
        }
        builder.build().map_err(|_error| OpenError::NoSentinel)
    }
}

fn direct(url: &SecretString, certificates: Option<TlsCertificates>) -> Result<Client, OpenError> {
    // What the library says of a URL may hold a part of it.
    let info: ConnectionInfo = url
        .expose_secret()
        .into_connection_info()
        .map_err(|_error| OpenError::Url)?;
    match (info.addr(), certificates) {
        (
            ConnectionAddr::TcpTls {
                insecure: false, ..
            },
            certificates,
        ) => {
            trust_ring();
            match certificates {
                Some(certificates) => Client::build_with_tls(info, certificates),
                None => Client::open(info),
            }
            .map_err(|_error| OpenError::Url)
        }
        // `rediss://…/#insecure` trusts anybody.
        (ConnectionAddr::TcpTls { .. }, _) => Err(OpenError::Url),
        (_, Some(_)) => Err(OpenError::NoTls),
        (_, None) => Client::open(info).map_err(|_error| OpenError::Url),
    }
}

fn address_of(address: &str, tls: bool) -> Result<ConnectionAddr, OpenError> {
    let (host, port) = address
        .rsplit_once(':')
        .and_then(|(host, port)| Some((host, port.parse().ok()?)))
        .filter(|(host, _): &(&str, u16)| !host.is_empty())
        .ok_or_else(|| OpenError::Sentinel {
            address: address.to_owned(),
        })?;
    let host = host
        .trim_start_matches('[')
        .trim_end_matches(']')
        .to_owned();
    Ok(if tls {
        ConnectionAddr::TcpTls {
            host,
            port,
            insecure: false,
            tls_params: None,
        }
    } else {
        ConnectionAddr::Tcp(host, port)
    })
}

/// The library takes the process's choice of cryptography, and there is one: whoever chose first chose the same.
fn trust_ring() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(settings: &Settings) -> String {
        settings.way().err().expect("it is refused").to_string()
    }

    #[test]
    fn a_url_that_cannot_be_read_is_refused_and_not_shown() {
        for url in [
            "http://ada:s3cret@example.test",
            "s3cret",
            "redis://:s3cret@host:port/x",
            "rediss://:s3cret@example.test/#insecure",
        ] {
            let told = problem(&Settings::new(url.to_owned().into()));
            assert!(told.contains("redis://user:password@host"), "{told}");
            assert!(!told.contains("s3cret"), "{told}");
        }
        let settings = Settings::new("redis://:s3cret@example.test".to_owned().into());
        assert!(!format!("{settings:?}").contains("s3cret"));
    }

    #[test]
    fn certificates_need_tls_and_have_to_be_some() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ca.pem");
        let mut settings = Settings::new("rediss://example.test".to_owned().into());
        settings.ca_file = Some(path.clone());
        assert!(problem(&settings).starts_with("cannot read the certificates"));
        std::fs::write(&path, "none").unwrap();
        assert!(problem(&settings).contains("holds no certificate"));
    }

    #[test]
    fn sentinels_are_named_by_host_and_port() {
        let named = |sentinels: &[&str]| Settings {
            at: At::Sentinels {
                sentinels: sentinels.iter().map(|name| (*name).to_owned()).collect(),
                master: "main".to_owned(),
                tls: false,
                user: None,
                password: None,
                sentinel_password: None,
                database: 0,
            },
            ..Settings::new(String::new().into())
        };
        assert!(named(&["a:26379", "[::1]:26379"]).way().is_ok());
        assert_eq!(problem(&named(&[])), "no sentinel is named");
        for address in ["a", "a:", ":26379", "a:99999"] {
            assert!(problem(&named(&[address])).contains("write host:port"));
        }
    }
}
