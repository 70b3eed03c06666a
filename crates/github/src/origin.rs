//! Where GitHub is: the one origin that tokens may travel to, and the REST and GraphQL roots below it.
//!
//! Everything that could lead elsewhere (a Link, a redirect) is measured against this type. It refuses to guess: an
//! address that is none of the known forms is an error that says which forms there are.

use std::net::IpAddr;

use http::Uri;

use crate::error::{Error, Kind};

/// The address of GitHub's API: `https://api.github.com`, an Enterprise Server, or a simulated GitHub.
///
/// | given | REST root | GraphQL root |
/// |---|---|---|
/// | `https://api.github.com`, `https://api.TENANT.ghe.com` | `/` | `/graphql` |
/// | `https://HOST` or `https://HOST/api/v3` | `/api/v3` | `/api/graphql` |
/// | `http://127.0.0.1:PORT` | `/` | `/graphql` |
///
/// Plain `http` is for simulators and tests: it is taken for loopback and private addresses and for names without a
/// dot, since anywhere else a token would cross networks in the clear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiUrl {
    scheme: &'static str,
    authority: String,
    rest: &'static str,
    graphql: &'static str,
    loopback: bool,
}

/// Where a link or a redirect leads.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Destination {
    /// Below the REST root; the path is relative to it.
    Rest(String),
    /// To another origin, or outside of the REST root.
    Elsewhere,
}

impl ApiUrl {
    /// The address of github.com's API.
    pub const GITHUB: &'static str = "https://api.github.com";

    /// Reads an address.
    ///
    /// # Errors
    /// `is_bad_api_url`: no absolute URL, another scheme than `https` (or `http` where that is safe), a user name, a
    /// query, or a path that belongs to no form of GitHub's API.
    pub fn parse(given: &str) -> Result<ApiUrl, Error> {
        let refuse = |reason| {
            Error::from(Kind::ApiUrl {
                given: redact(given),
                reason,
            })
        };
        let uri: Uri = given
            .trim()
            .parse()
            .map_err(|_malformed| refuse("it is no URL"))?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(refuse("it has to start with https://"));
        };
        let host = authority
            .host()
            .trim_matches(['[', ']'])
            .to_ascii_lowercase();
        if authority.as_str().contains('@') {
            return Err(refuse("it must not hold a user name or a password"));
        }
        if uri.query().is_some() {
            return Err(refuse("it must not have a query"));
        }
        if matches!(host.as_str(), "github.com" | "www.github.com") {
            return Err(refuse(
                "this is the web site; the API is at https://api.github.com",
            ));
        }
        let scheme = match scheme {
            "https" => "https",
            "http" if may_be_plain(&host) => "http",
            "http" => {
                return Err(refuse(
                    "plain http would carry the token across the network in the clear",
                ));
            }
            _ => return Err(refuse("it has to start with https://")),
        };
        let loopback = is_loopback(&host);
        let at_root = scheme == "http" || loopback || host == "api.github.com" || is_tenant(&host);
        let (rest, graphql) = match (uri.path().trim_end_matches('/'), at_root) {
            ("", true) => ("", "/graphql"),
            ("", false) | ("/api/v3", _) => ("/api/v3", "/api/graphql"),
            _ => return Err(refuse("its path is neither empty nor /api/v3")),
        };
        let authority = authority.as_str().to_ascii_lowercase();
        Ok(ApiUrl {
            scheme,
            authority,
            rest,
            graphql,
            loopback,
        })
    }

    /// The host, with the port if one was given.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Whether the address is this machine.
    pub fn is_loopback(&self) -> bool {
        self.loopback
    }

    /// Whether the API is spoken to without TLS.
    pub(crate) fn is_plain(&self) -> bool {
        self.scheme == "http"
    }

    /// The absolute address of a path below the REST root.
    pub(crate) fn rest(&self, path_and_query: &str) -> Result<Uri, http::uri::InvalidUri> {
        format!(
            "{}://{}{}{path_and_query}",
            self.scheme, self.authority, self.rest
        )
        .parse()
    }

    /// The absolute address of GraphQL.
    pub(crate) fn graphql(&self) -> Result<Uri, http::uri::InvalidUri> {
        format!("{}://{}{}", self.scheme, self.authority, self.graphql).parse()
    }

    /// Measures an address that an answer named.
    pub(crate) fn destination(&self, address: &str) -> Destination {
        let Ok(uri) = address.parse::<Uri>() else {
            return Destination::Elsewhere;
        };
        let same_origin = match (uri.scheme_str(), uri.authority()) {
            // A path alone stays where it is; `//host/path` parses with an authority or not at all.
            (None, None) => address.starts_with('/') && !address.starts_with("//"),
            (Some(scheme), Some(authority)) => {
                scheme == self.scheme
                    && with_port(scheme, authority.as_str()) == with_port(scheme, &self.authority)
            }
            _ => false,
        };
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        match path.strip_prefix(self.rest) {
            Some(below) if same_origin && below.starts_with('/') => {
                Destination::Rest(below.to_owned())
            }
            _ => Destination::Elsewhere,
        }
    }
}

impl std::fmt::Display for ApiUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}://{}{}", self.scheme, self.authority, self.rest)
    }
}

impl std::str::FromStr for ApiUrl {
    type Err = Error;

    fn from_str(given: &str) -> Result<ApiUrl, Error> {
        ApiUrl::parse(given)
    }
}

fn with_port(scheme: &str, authority: &str) -> String {
    let authority = authority.to_ascii_lowercase();
    let has_port = authority
        .rsplit_once(':')
        .is_some_and(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()));
    match (has_port, scheme) {
        (true, _) => authority,
        (false, "http") => authority + ":80",
        (false, _) => authority + ":443",
    }
}

/// A password in the given text is not repeated in an error.
fn redact(given: &str) -> String {
    match (given.find("://"), given.rfind('@')) {
        (Some(scheme), Some(at)) if scheme < at => {
            format!("{}***{}", &given[..scheme + 3], &given[at..])
        }
        _ => given.to_owned(),
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

fn is_tenant(host: &str) -> bool {
    host.starts_with("api.") && host.ends_with(".ghe.com")
}

fn may_be_plain(host: &str) -> bool {
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => {
            address.is_loopback() || address.is_private() || address.is_link_local()
        }
        Ok(IpAddr::V6(address)) => address.is_loopback() || address.is_unique_local(),
        Err(_) => !host.contains('.'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn roots(given: &str, rest: &str, graphql: &str) {
        let url = ApiUrl::parse(given).unwrap();
        assert_eq!(
            url.rest("/meta").unwrap().to_string(),
            format!("{rest}/meta")
        );
        assert_eq!(url.graphql().unwrap().to_string(), graphql);
    }

    #[test]
    fn each_form_has_its_roots() {
        roots(
            "https://api.github.com",
            "https://api.github.com",
            "https://api.github.com/graphql",
        );
        roots(
            "https://API.github.com/",
            "https://api.github.com",
            "https://api.github.com/graphql",
        );
        roots(
            "https://api.acme.ghe.com",
            "https://api.acme.ghe.com",
            "https://api.acme.ghe.com/graphql",
        );
        roots(
            "https://ghe.acme.org",
            "https://ghe.acme.org/api/v3",
            "https://ghe.acme.org/api/graphql",
        );
        roots(
            "https://ghe.acme.org/api/v3/",
            "https://ghe.acme.org/api/v3",
            "https://ghe.acme.org/api/graphql",
        );
        roots(
            "http://127.0.0.1:4000",
            "http://127.0.0.1:4000",
            "http://127.0.0.1:4000/graphql",
        );
        roots(
            "http://[::1]:4000",
            "http://[::1]:4000",
            "http://[::1]:4000/graphql",
        );
        roots(
            "http://simulator:4000",
            "http://simulator:4000",
            "http://simulator:4000/graphql",
        );
    }

    #[test]
    fn an_address_that_cannot_be_right_says_why() {
        let check = |given: &str| {
            let error = ApiUrl::parse(given).unwrap_err();
            assert!(error.is_bad_api_url());
            error.to_string()
        };
        insta::assert_snapshot!([
            check("api.github.com"),
            check("https://github.com/acme"),
            check("http://ghe.acme.org"),
            check("ftp://ghe.acme.org"),
            check("https://user:secret@ghe.acme.org"),
            check("https://ghe.acme.org/api/graphql"),
            check("https://api.github.com/?page=1"),
        ].join("\n"), @r"
        cannot use api.github.com as the address of GitHub's API: it has to start with https://
        cannot use https://github.com/acme as the address of GitHub's API: this is the web site; the API is at https://api.github.com
        cannot use http://ghe.acme.org as the address of GitHub's API: plain http would carry the token across the network in the clear
        cannot use ftp://ghe.acme.org as the address of GitHub's API: it has to start with https://
        cannot use https://***@ghe.acme.org as the address of GitHub's API: it must not hold a user name or a password
        cannot use https://ghe.acme.org/api/graphql as the address of GitHub's API: its path is neither empty nor /api/v3
        cannot use https://api.github.com/?page=1 as the address of GitHub's API: it must not have a query
        ");
    }

    #[test]
    fn only_the_same_origin_below_the_rest_root_is_ours() {
        let server = ApiUrl::parse("https://ghe.acme.org").unwrap();
        let rest = |path: &str| Destination::Rest(path.to_owned());
        assert_eq!(
            server.destination("https://ghe.acme.org/api/v3/repositories/1?page=2"),
            rest("/repositories/1?page=2")
        );
        assert_eq!(
            server.destination("https://GHE.acme.org:443/api/v3/meta"),
            rest("/meta")
        );
        assert_eq!(server.destination("/api/v3/meta"), rest("/meta"));
        for elsewhere in [
            "http://ghe.acme.org/api/v3/meta",
            "https://ghe.acme.org:8443/api/v3/meta",
            "https://ghe.acme.org/login",
            "https://ghe.acme.org/api/v30/meta",
            "https://ghe.acme.org.evil.example/api/v3/meta",
            "https://ghe.acme.org@evil.example/api/v3/meta",
            "//evil.example/api/v3/meta",
            "meta",
            "",
        ] {
            assert_eq!(
                server.destination(elsewhere),
                Destination::Elsewhere,
                "{elsewhere}"
            );
        }
    }
}
