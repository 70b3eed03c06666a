//! What a URL of a database says. Decides how certificates are checked, and what may be shown of where a database is; refuses
//! to connect.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::ExposeSecret;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

use super::Settings;
use super::tls::{self, Check};

/// How long making a connection may take.
pub(super) const CONNECTING: Duration = Duration::from_secs(3);

/// A connection over which nothing was heard for so long is asked whether it is alive, three times, ten seconds apart.
const SILENCE: Duration = Duration::from_secs(30);

/// Longest name that `PostgreSQL` keeps whole, in bytes.
const LONGEST_NAME: usize = 63;

/// What cannot be meant in [`Settings`]. Shows nothing of the URL but the names of its parameters.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// Not a URL of a database.
    #[error("the PostgreSQL URL cannot be read: write postgres://user:password@host:port/database")]
    Url,
    /// A parameter of the URL has a value that it cannot have.
    #[error("the PostgreSQL URL has a wrong {parameter}: {remedy}")]
    Parameter {
        /// Its name.
        parameter: &'static str,
        /// What to do.
        remedy: &'static str,
    },
    /// The file that `sslrootcert` names does not hold certificates.
    #[error("cannot read certificates from {}", .path.display())]
    Certificates {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The system has no certificates to check by.
    #[error(
        "the system has no root certificates: name a file with sslrootcert in the PostgreSQL URL"
    )]
    NoCertificates,
    /// The schema's name is empty or too long.
    #[error("the schema `{0}` must have a name of 1 to 63 bytes")]
    Schema(String),
    /// Less than one connection.
    #[error("at least one connection to PostgreSQL is needed")]
    Connections,
    /// No time for a statement.
    #[error("the time limit of a statement must be at least a millisecond")]
    Timeout,
}

/// A URL that was understood.
pub(super) struct Address {
    pub(super) config: Config,
    pub(super) tls: tls::Connector,
    /// What may be shown: hosts with ports, and the database.
    pub(super) place: String,
}

impl Address {
    pub(super) fn of(settings: &Settings) -> Result<Address, SettingsError> {
        if settings.schema.is_empty()
            || settings.schema.len() > LONGEST_NAME
            || settings.schema.contains('\0')
        {
            return Err(SettingsError::Schema(settings.schema.clone()));
        }
        if settings.connections == 0 {
            return Err(SettingsError::Connections);
        }
        if settings.timeout < Duration::from_millis(1) {
            return Err(SettingsError::Timeout);
        }
        let url = settings.url.expose_secret();
        let (rest, check) = take_tls(url)?;
        let mut config: Config = rest.parse().map_err(|_shows_secrets| SettingsError::Url)?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(SettingsError::Url);
        }
        config
            .ssl_mode(check.0)
            .connect_timeout(CONNECTING)
            .tcp_user_timeout(settings.timeout + CONNECTING)
            .keepalives(true)
            .keepalives_idle(SILENCE)
            .keepalives_interval(Duration::from_secs(10))
            .keepalives_retries(3);
        if config.get_application_name().is_none() {
            config.application_name("tidegate");
        }
        if settings.notify {
            config.options(limits(config.get_options(), settings.timeout));
        }
        Ok(Address {
            place: place(&config),
            config,
            tls: check.1.connector()?,
        })
    }
}

/// What a session starts with, beside what the URL says.
fn limits(given: Option<&str>, timeout: Duration) -> String {
    let millis = timeout.as_millis();
    format!(
        "-c statement_timeout={millis} -c lock_timeout={millis} -c idle_in_transaction_session_timeout={millis} \
         -c default_transaction_isolation=read\\ committed -c jit=off {}",
        given.unwrap_or_default()
    )
}

fn place(config: &Config) -> String {
    let ports = config.get_ports();
    let port = |number: usize| ports.get(number).or(ports.first()).copied().unwrap_or(5432);
    let mut hosts: Vec<String> = config
        .get_hosts()
        .iter()
        .enumerate()
        .map(|(number, host)| match host {
            Host::Tcp(name) => format!("{name}:{}", port(number)),
            #[cfg(unix)]
            Host::Unix(path) => path.display().to_string(),
        })
        .collect();
    if hosts.is_empty() {
        let addresses = config.get_hostaddrs().iter().enumerate();
        hosts = addresses
            .map(|(number, address)| format!("{address}:{}", port(number)))
            .collect();
    }
    let database = config
        .get_dbname()
        .or(config.get_user())
        .unwrap_or_default();
    format!("{}/{database}", hosts.join(","))
}

/// Takes what libpq knows and the client does not out of a URL: how certificates are checked.
fn take_tls(url: &str) -> Result<(String, (SslMode, Check)), SettingsError> {
    if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
        return Err(SettingsError::Url);
    }
    let (address, query) = url.split_once('?').unwrap_or((url, ""));
    let (mut rest, mut mode, mut roots) = (Vec::new(), "prefer".to_owned(), None);
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=') {
            Some(("sslmode", value)) => value.clone_into(&mut mode),
            Some(("sslrootcert", value)) => roots = Some(PathBuf::from(decode(value)?)),
            _ => rest.push(pair),
        }
    }
    let check = match (mode.as_str(), roots) {
        ("disable", _) => (SslMode::Disable, Check::Nothing),
        ("prefer" | "allow", None) => (SslMode::Prefer, Check::Nothing),
        ("prefer" | "allow", Some(roots)) => (SslMode::Prefer, Check::Signer(roots)),
        ("require", None) => (SslMode::Require, Check::Nothing),
        ("require" | "verify-ca", Some(roots)) => (SslMode::Require, Check::Signer(roots)),
        ("verify-ca", None) => {
            return Err(SettingsError::Parameter {
                parameter: "sslmode",
                remedy: "verify-ca needs a file of certificates in sslrootcert",
            });
        }
        ("verify-full", roots) => (SslMode::Require, Check::Host(roots)),
        _ => {
            return Err(SettingsError::Parameter {
                parameter: "sslmode",
                remedy: "use disable, prefer, require, verify-ca or verify-full",
            });
        }
    };
    let rest = if rest.is_empty() {
        address.to_owned()
    } else {
        format!("{address}?{}", rest.join("&"))
    };
    Ok((rest, check))
}

/// Takes back what a URL writes as `%2F`.
fn decode(value: &str) -> Result<String, SettingsError> {
    let wrong = || SettingsError::Parameter {
        parameter: "sslrootcert",
        remedy: "name a file",
    };
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [
                rest.next().ok_or_else(wrong)?,
                rest.next().ok_or_else(wrong)?,
            ];
            let digits = std::str::from_utf8(&digits).map_err(|_not_text| wrong())?;
            bytes.push(u8::from_str_radix(digits, 16).map_err(|_not_a_number| wrong())?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes)
        .ok()
        .filter(|path| !path.is_empty())
        .ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(url: &str) -> Settings {
        Settings::new(url.to_owned())
    }

    fn of(url: &str) -> Result<Address, SettingsError> {
        Address::of(&settings(url))
    }

    #[test]
    fn a_place_shows_hosts_and_database_and_no_secret() {
        for (url, place) in [
            (
                "postgres://ada:hunter2@db.example:5433/tide",
                "db.example:5433/tide",
            ),
            ("postgresql://ada:hunter2@db.example", "db.example:5432/ada"),
            (
                "postgres://ada:hunter2@one,two:6000/tide",
                "one:5432,two:6000/tide",
            ),
            (
                "postgres://ada:hunter2@/tide?host=%2Frun%2Fpg",
                "/run/pg/tide",
            ),
        ] {
            assert_eq!(of(url).unwrap().place, place);
        }
    }

    #[test]
    fn a_url_that_cannot_be_read_is_refused_without_being_shown() {
        for url in [
            "hunter2",
            "postgres://ada:hunter2@db:port/tide",
            "postgres://ada:hunter2@db/tide?hunter2=1",
            "postgres://",
            "host=db password=hunter2",
        ] {
            let error = of(url).map(|_| ()).unwrap_err();
            assert!(matches!(error, SettingsError::Url), "{url}");
            assert!(
                !format!("{error} {error:?}").contains("hunter2"),
                "{error:?}"
            );
        }
        let shown = format!("{:?}", settings("postgres://ada:hunter2@db/tide"));
        assert!(!shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn certificates_are_checked_as_libpq_does() {
        let of =
            |query: &str| take_tls(&format!("postgres://db/tide{query}")).map(|(_, check)| check);
        let roots = || PathBuf::from("/etc/my certs.pem");
        for (query, mode, check) in [
            ("", SslMode::Prefer, Check::Nothing),
            ("?sslmode=disable", SslMode::Disable, Check::Nothing),
            ("?sslmode=require", SslMode::Require, Check::Nothing),
            (
                "?sslmode=require&sslrootcert=/etc/my%20certs.pem",
                SslMode::Require,
                Check::Signer(roots()),
            ),
            (
                "?sslrootcert=%2Fetc/my%20certs.pem&sslmode=verify-ca",
                SslMode::Require,
                Check::Signer(roots()),
            ),
            ("?sslmode=verify-full", SslMode::Require, Check::Host(None)),
            (
                "?sslmode=verify-full&sslrootcert=/etc/my%20certs.pem",
                SslMode::Require,
                Check::Host(Some(roots())),
            ),
        ] {
            assert_eq!(of(query).unwrap(), (mode, check), "{query}");
        }
        for query in ["?sslmode=verify-ca", "?sslmode=maybe", "?sslrootcert=%zz"] {
            let error = of(query).unwrap_err();
            assert!(matches!(error, SettingsError::Parameter { .. }), "{query}");
        }
    }

    #[test]
    fn a_file_without_certificates_is_named() {
        let error = of("postgres://db/tide?sslmode=verify-full&sslrootcert=/no/such.pem")
            .map(|_| ())
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot read certificates from /no/such.pem"
        );
    }

    #[test]
    fn numbers_and_names_have_bounds() {
        let url = "postgres://db/tide";
        let wrong = [
            Settings {
                schema: String::new(),
                ..settings(url)
            },
            Settings {
                schema: "x".repeat(64),
                ..settings(url)
            },
            Settings {
                connections: 0,
                ..settings(url)
            },
            Settings {
                timeout: Duration::ZERO,
                ..settings(url)
            },
        ];
        for settings in wrong {
            assert!(Address::of(&settings).is_err(), "{settings:?}");
        }
    }

    #[test]
    fn behind_a_pooler_a_session_starts_with_nothing_that_it_could_refuse() {
        let pooled = Settings {
            notify: false,
            ..settings("postgres://db/tide")
        };
        assert_eq!(Address::of(&pooled).unwrap().config.get_options(), None);
        let direct = of("postgres://db/tide?options=-c%20work_mem%3D8MB").unwrap();
        let options = direct.config.get_options().unwrap_or_default();
        assert!(options.contains("statement_timeout=10000"), "{options}");
        assert!(options.contains("work_mem=8MB"), "{options}");
    }
}
