//! Where the broker is. The whole address is a secret: it has a password in it.

use std::path::PathBuf;
use std::sync::Arc;

use lapin::uri::{AMQPScheme, AMQPUri};
use secrecy::{ExposeSecret, SecretString};

use super::HEARTBEAT;

/// The settings name no broker.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// The address cannot be read. What is wrong with it is not said in full, since it may contain a password.
    #[error(
        "the address of the broker is not of the form amqp://user:password@host:5672/vhost: {0}"
    )]
    Url(&'static str),
    /// The names would not be names.
    #[error("`{0}` cannot begin the names of queues: 1 to 200 bytes, and not `amq.`")]
    Prefix(String),
}

/// A broker, and the right to speak to it.
pub(super) struct Broker {
    pub(super) uri: AMQPUri,
    /// Certificates that are trusted beside the system's.
    pub(super) ca_file: Option<PathBuf>,
    /// What is shown of it.
    pub(super) shown: Arc<str>,
}

impl Broker {
    pub(super) fn parse(url: &SecretString, ca_file: Option<PathBuf>) -> Result<Broker, Unusable> {
        let url = url.expose_secret();
        if !(url.starts_with("amqp://") || url.starts_with("amqps://")) {
            return Err(Unusable::Url("it begins otherwise"));
        }
        if host_of(url).starts_with('[') {
            // It would be read as no host at all, which stands for this machine.
            return Err(Unusable::Url(
                "its host is an address in brackets: name the host instead",
            ));
        }
        let mut uri: AMQPUri = url
            .parse()
            .map_err(|_with_the_password: String| Unusable::Url("a part of it cannot be read"))?;
        if uri.authority.host.is_empty() {
            return Err(Unusable::Url("it names no host"));
        }
        uri.query.heartbeat.get_or_insert(HEARTBEAT);
        let scheme = match uri.scheme {
            AMQPScheme::AMQP => "amqp",
            AMQPScheme::AMQPS => "amqps",
        };
        let (host, port) = (&uri.authority.host, uri.authority.port);
        let shown = format!("{scheme}://{host}:{port}").into();
        Ok(Broker {
            uri,
            ca_file,
            shown,
        })
    }
}

/// Where the host begins, and what follows.
fn host_of(url: &str) -> &str {
    let (_, rest) = url.split_once("://").unwrap_or(("", url));
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    authority.rsplit('@').next().unwrap_or(authority)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<Broker, Unusable> {
        Broker::parse(&url.to_owned().into(), None)
    }

    #[test]
    fn nothing_that_is_shown_has_the_password() {
        let broker = parse("amqps://ada:s3cr3t@mq.example:5671/%2f").unwrap();
        assert_eq!(&*broker.shown, "amqps://mq.example:5671");
        assert_eq!(broker.uri.query.heartbeat, Some(HEARTBEAT));
        for wrong in [
            "amqp://ada:s3cr3t@mq.example:port/",
            "amqp://ada:s3cr3t@:5672",
            "amqp://ada:s3cr3t",
            "amqp://ada:s3cr3t@[::1]:5672/%2f",
            "http://ada:s3cr3t@mq.example",
            "ada:s3cr3t@mq.example",
            "amqp://ada:s3cr3t@mq.example/?heartbeat=often",
            "",
        ] {
            let error = parse(wrong).map(|broker| broker.shown).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("s3cr3t"), "{error}");
        }
    }

    #[test]
    fn what_the_address_says_of_heartbeats_holds() {
        let broker = parse("amqp://mq.example?heartbeat=3").unwrap();
        assert_eq!(broker.uri.query.heartbeat, Some(3));
        assert_eq!(&*broker.shown, "amqp://mq.example:5672");
    }
}
