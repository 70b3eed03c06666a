//! A file from another host than GitHub's API: where a report's link leads, and whatever that redirects to.
//!
//! Nothing of the credential goes there: no token, no validator, no API header. No limit of GitHub's counts there, so the
//! gate is not asked. A link is signed, so that neither a log nor an error shows more of it than its host.

use std::ops::ControlFlow;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, StatusCode, Uri, header};
use http_body_util::BodyExt;
use quota::Lane;
use secrecy::{ExposeSecret, SecretString};
use tokio::time::{Instant, timeout, timeout_at};
use tower::ServiceExt;

use super::{Client, jitter};
use crate::error::{Error, Kind};
use crate::request;
use crate::retry::{self, Asked, Came, Tries, Verdict};
use crate::stats::Code;
use crate::transport::{Fault, TransportError};

/// The longest time for one file, from the first byte sent to the last received. Between two pieces of it no more than a
/// request may take.
const LONGEST: Duration = Duration::from_mins(10);

/// By what name downloads are counted.
const ENDPOINT: &str = "copilot report file";

const ASKED: Asked = Asked {
    read: true,
    movable: true,
    shrinkable: false,
    renewable: false,
};

impl Client {
    /// Downloads a file and gives what `take` made of its bytes, which it may break off. What broke by itself is asked for
    /// again, a few times, and begun anew each time.
    pub(crate) async fn download<T>(
        &self,
        lane: Lane,
        org: &str,
        link: &SecretString,
        begin: impl Fn() -> T,
        take: impl Fn(&mut T, &[u8]) -> ControlFlow<()>,
    ) -> Result<T, Error> {
        let counted = request::Request::get("/").named(ENDPOINT).for_org(org);
        let count = |code: Code| self.counters().sent(&counted, lane, code, 0);
        let mut at = self.address(link.expose_secret(), None)?;
        let mut tries = Tries::default();
        loop {
            let mut made = begin();
            let file = self.file(&at, |bytes| take(&mut made, bytes)).await;
            let came = match &file {
                Ok((status, headers)) => Came::Answer(*status, patience(headers)),
                Err(error) => Came::Fault(error.fault()),
            };
            count(
                file.as_ref()
                    .map(|(status, _)| *status)
                    .map_err(TransportError::fault)
                    .into(),
            );
            match retry::judge(tries, ASKED, came, jitter()) {
                Verdict::After(wait) => {
                    tries.failures += 1;
                    tokio::time::sleep(wait).await;
                }
                Verdict::Follow if tries.moves < retry::MOST_MOVES => {
                    tries.moves += 1;
                    let to = file
                        .as_ref()
                        .ok()
                        .and_then(|(_, headers)| headers.get(header::LOCATION)?.to_str().ok());
                    at = self.address(to.unwrap_or_default(), Some(&at))?;
                }
                Verdict::Follow => {
                    return Err(Kind::Redirects {
                        subject: subject(&at),
                        most: retry::MOST_MOVES,
                    }
                    .into());
                }
                Verdict::Return | Verdict::Again | Verdict::Renew => {
                    return match file {
                        Ok((status, _)) if status == StatusCode::OK => Ok(made),
                        Ok((status, _)) => Err(Kind::Download {
                            host: host(&at),
                            status,
                        }
                        .into()),
                        Err(source) => Err(Kind::Transport {
                            subject: subject(&at),
                            source,
                        }
                        .into()),
                    };
                }
            }
        }
    }

    /// Asks for a file once. Only the bytes of one that is there are taken.
    async fn file(
        &self,
        at: &Uri,
        mut take: impl FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Result<(StatusCode, HeaderMap), TransportError> {
        let late = |_elapsed| TransportError::new(Fault::Timeout);
        let (patience, deadline) = (
            self.inner.settings.request_timeout,
            Instant::now() + LONGEST,
        );
        let mut wire = Request::new(Bytes::new());
        *wire.uri_mut() = at.clone();
        if let Ok(agent) = HeaderValue::from_str(&self.inner.settings.user_agent) {
            wire.headers_mut().insert(header::USER_AGENT, agent);
        }
        let answer = timeout(patience, self.inner.transport.clone().oneshot(wire));
        let (head, mut body) = answer.await.map_err(late)??.into_parts();
        if head.status != StatusCode::OK {
            return Ok((head.status, head.headers));
        }
        loop {
            let until = deadline.min(Instant::now() + patience);
            let Some(frame) = timeout_at(until, body.frame()).await.map_err(late)? else {
                break;
            };
            if let Ok(data) = frame?.into_data()
                && take(&data).is_break()
            {
                break;
            }
        }
        Ok((head.status, head.headers))
    }

    /// Where a link or a redirect leads, if that may be followed: to `https`, and to plain `http` where the API itself is
    /// spoken to so.
    fn address(&self, link: &str, from: Option<&Uri>) -> Result<Uri, Error> {
        let is_path = link.starts_with('/') && !link.starts_with("//");
        let uri = match from.filter(|_| is_path) {
            Some(from) => join(from, link),
            None => link.parse().ok(),
        };
        let may_be_plain = self.inner.api_url.is_plain();
        let may_follow = |uri: &Uri| {
            let is_safe = match uri.scheme_str() {
                Some("https") => true,
                Some("http") => may_be_plain,
                _ => false,
            };
            is_safe
                && uri
                    .authority()
                    .is_some_and(|authority| !authority.as_str().contains('@'))
        };
        uri.filter(may_follow).ok_or_else(|| {
            Kind::BadLink {
                from: from.map_or_else(|| "a report's link".to_owned(), subject),
            }
            .into()
        })
    }
}

fn join(from: &Uri, path: &str) -> Option<Uri> {
    let origin = Uri::builder()
        .scheme(from.scheme_str()?)
        .authority(from.authority()?.as_str());
    origin.path_and_query(path).build().ok()
}

fn patience(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(header::RETRY_AFTER)?.to_str().ok()?;
    seconds.trim().parse().ok().map(Duration::from_secs)
}

fn host(at: &Uri) -> String {
    at.host().unwrap_or_default().to_owned()
}

fn subject(at: &Uri) -> String {
    format!("a file on {}", host(at))
}
