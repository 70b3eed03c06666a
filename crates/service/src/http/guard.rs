//! Who may come in: by which name the node is called, and with which token.
//!
//! The Host header is checked always: a page on the web can make a browser send requests to loopback under the page's own name
//! (DNS rebinding), and only the name gives it away.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header, uri::Authority},
    middleware::Next,
    response::Response,
};
use sha2::{Digest as _, Sha256};

use super::sentence;
use crate::{Trouble, config::Secret};

/// Routes that orchestrators ask without a token.
const OPEN: &[&str] = &["/livez", "/readyz"];

/// The address on which a connection arrived; the server puts it into each request.
#[derive(Clone, Copy, Debug)]
pub struct LocalAddress(pub SocketAddr);

/// The guard of a listener.
#[derive(Clone)]
pub struct Guard(Arc<Rules>);

struct Rules {
    hosts: Vec<String>,
    /// The hash of the token, where one is asked for.
    token: Option<[u8; 32]>,
}

impl Guard {
    /// The guard for an address: beyond loopback every reader needs the token.
    ///
    /// # Errors
    ///
    /// An address that other machines reach, without a token.
    pub fn new(
        listen: SocketAddr,
        hosts: &[String],
        token: Option<&Secret>,
    ) -> Result<Guard, Trouble> {
        let token = match (listen.ip().is_loopback(), token) {
            (true, _) => None,
            (false, Some(token)) => Some(hash(token.expose().as_bytes())),
            (false, None) => {
                return Err(
                    Trouble::usage(format!("{listen} is reachable from other machines"))
                        .remedy("set api.token_file, or listen on 127.0.0.1"),
                );
            }
        };
        Ok(Guard(Arc::new(Rules {
            hosts: hosts.iter().map(|host| host.to_ascii_lowercase()).collect(),
            token,
        })))
    }

    /// Whether the node may be called by this name.
    fn knows(&self, host: &str, local: Option<SocketAddr>) -> bool {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        if host == "localhost" || self.0.hosts.contains(&host) {
            return true;
        }
        let bare = host
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
            .unwrap_or(&host);
        let Ok(address) = bare.parse::<IpAddr>().map(|address| address.to_canonical()) else {
            return false;
        };
        let usual: [IpAddr; 2] = [[127, 0, 0, 1].into(), [0, 0, 0, 0, 0, 0, 0, 1_u16].into()];
        usual.contains(&address) || local.is_some_and(|local| local.ip().to_canonical() == address)
    }

    /// Whether the request may read this route.
    fn admits(&self, path: &str, headers: &HeaderMap) -> bool {
        let Some(expected) = &self.0.token else {
            return true;
        };
        if OPEN.contains(&path) {
            return true;
        }
        let mut given = headers.get_all(header::AUTHORIZATION).iter();
        let (Some(one), None) = (given.next(), given.next()) else {
            return false;
        };
        let Some((scheme, token)) = one.to_str().ok().and_then(|text| text.split_once(' ')) else {
            return false;
        };
        // Hashes are compared, so the time it takes tells nothing about the token.
        scheme.eq_ignore_ascii_case("bearer") && hash(token.trim().as_bytes()) == *expected
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let asks = self.0.token.is_some();
        f.debug_struct("Guard")
            .field("hosts", &self.0.hosts)
            .field("asks_for_a_token", &asks)
            .finish()
    }
}

fn hash(text: &[u8]) -> [u8; 32] {
    Sha256::digest(text).into()
}

/// Turns away who may not come in.
pub(super) async fn apply(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let local = request
        .extensions()
        .get::<LocalAddress>()
        .map(|local| local.0);
    let Some(host) = host(request.uri(), request.headers()) else {
        return sentence(
            StatusCode::BAD_REQUEST,
            "a request needs exactly one Host header",
        );
    };
    if !guard.knows(&host, local) {
        let text = format!("this node is not called `{host}`: add the name to http.allowed_hosts");
        return sentence(StatusCode::MISDIRECTED_REQUEST, &text);
    }
    if !guard.admits(request.uri().path(), request.headers()) {
        let mut refusal = sentence(
            StatusCode::UNAUTHORIZED,
            "send the token of api.token_file: Authorization: Bearer ...",
        );
        refusal.headers_mut().insert(
            header::WWW_AUTHENTICATE,
            HeaderValue::from_static("Bearer realm=\"tidegate\""),
        );
        return refusal;
    }
    next.run(request).await
}

/// The name by which the node was called, without the port.
fn host(uri: &Uri, headers: &HeaderMap) -> Option<String> {
    let mut given = headers.get_all(header::HOST).iter();
    let (Some(one), None) = (given.next(), given.next()) else {
        return None;
    };
    let authority: Authority = one.to_str().ok()?.parse().ok()?;
    if authority.as_str().contains('@') || authority.host().is_empty() {
        return None;
    }
    // A request line with a whole address in it must not call the node something else.
    if uri
        .authority()
        .is_some_and(|line| !line.host().eq_ignore_ascii_case(authority.host()))
    {
        return None;
    }
    Some(authority.host().to_owned())
}
