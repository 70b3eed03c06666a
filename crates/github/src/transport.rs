//! The last step to the network: one signed request out, one whole answer in, bounded in time and in bytes.
//!
//! A transport is any tower service, so that a simulated GitHub stands in without a socket. It knows nothing of tokens,
//! quotas or retries, and follows no redirect: where a token may go is decided above it.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use tokio::time::{Instant, timeout_at};
use tower::util::BoxCloneSyncService;
use tower::{Service, ServiceExt};

use crate::error::{Error, Kind};
use crate::origin::ApiUrl;

/// What carries a request to GitHub: reqwest in production, the simulator's service in tests.
pub type Transport = BoxCloneSyncService<Request<Bytes>, Response<Body>, TransportError>;

/// The body of an answer, as it arrives, uncompressed.
pub type Body = http_body_util::combinators::BoxBody<Bytes, TransportError>;

/// Why no whole answer came.
#[derive(Debug, thiserror::Error)]
#[error("{}", .fault.describe())]
pub struct TransportError {
    fault: Fault,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// What went wrong on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// No connection came about, so nothing was sent.
    Connect,
    /// No whole answer came in time.
    Timeout,
    /// The connection broke, or the body ended before its announced end.
    Broken,
    /// The body was longer than the bound.
    TooLarge,
}

impl Fault {
    fn describe(self) -> &'static str {
        match self {
            Fault::Connect => "no connection",
            Fault::Timeout => "no whole answer in time",
            Fault::Broken => "the connection broke before the answer was whole",
            Fault::TooLarge => "the answer is longer than the bound",
        }
    }

    /// The word for it in metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Fault::Connect => "connect",
            Fault::Timeout => "timeout",
            Fault::Broken => "broken",
            Fault::TooLarge => "too_large",
        }
    }
}

impl TransportError {
    /// A fault without a further cause.
    pub fn new(fault: Fault) -> TransportError {
        TransportError {
            fault,
            source: None,
        }
    }

    /// A fault and its cause, for adapters.
    pub fn caused(
        fault: Fault,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> TransportError {
        TransportError {
            fault,
            source: Some(source.into()),
        }
    }

    /// What went wrong.
    pub fn fault(&self) -> Fault {
        self.fault
    }

    /// No whole answer came in time.
    pub fn is_timeout(&self) -> bool {
        self.fault == Fault::Timeout
    }

    /// The body was longer than the bound.
    pub fn is_too_large(&self) -> bool {
        self.fault == Fault::TooLarge
    }
}

impl From<reqwest::Error> for TransportError {
    fn from(error: reqwest::Error) -> TransportError {
        let fault = match &error {
            // A connection that was not made in time is both; nothing was sent, and no answer was too slow.
            error if error.is_connect() || error.is_builder() => Fault::Connect,
            error if error.is_timeout() => Fault::Timeout,
            _ => Fault::Broken,
        };
        TransportError::caused(fault, error.without_url())
    }
}

/// Makes a transport of any tower service, the simulator's for instance.
pub fn adapt<S, B>(service: S) -> Transport
where
    S: Service<Request<Bytes>, Response = Response<B>> + Clone + Send + Sync + 'static,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    S::Future: Send + 'static,
    B: BodyExt<Data = Bytes> + Send + Sync + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let broken = |source: Box<dyn std::error::Error + Send + Sync>| {
        TransportError::caused(Fault::Broken, source)
    };
    let service = service
        .map_err(move |error: S::Error| broken(error.into()))
        .map_response(move |response: Response<B>| {
            response.map(|body| {
                body.map_err(move |error: B::Error| broken(error.into()))
                    .boxed()
            })
        });
    BoxCloneSyncService::new(service)
}

/// The transport to the real GitHub: rustls with ring, the system's proxies (never for loopback), gzip, HTTP/2 where
/// offered, no redirect followed. Connecting may take 10 s.
///
/// # Errors
/// The TLS set-up of the machine cannot be used.
pub fn reqwest_transport(api_url: &ApiUrl) -> Result<Transport, Error> {
    // Another part of the process may have installed a provider before; either is ring.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(Duration::from_secs(10))
        .pool_idle_timeout(Duration::from_secs(60))
        .referer(false);
    if api_url.is_loopback() {
        builder = builder.no_proxy();
    }
    let client = builder.build().map_err(|source| Kind::Setup {
        source: source.without_url(),
    })?;
    Ok(BoxCloneSyncService::new(tower::service_fn(
        move |request: Request<Bytes>| {
            let client = client.clone();
            async move {
                let request = reqwest::Request::try_from(request)?;
                let response: Response<reqwest::Body> = client.execute(request).await?.into();
                Ok(response.map(|body| body.map_err(TransportError::from).boxed()))
            }
        },
    )))
}

/// An answer: a whole one, or a refusal however little of it has arrived.
#[derive(Debug, Clone)]
pub(crate) struct Answered {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// Whether nothing is missing from the body.
    pub(crate) is_whole: bool,
}

/// The bounds of one call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// From the first byte sent to the last byte received.
    pub(crate) time: Duration,
    /// The longest uncompressed body, in bytes.
    pub(crate) body: usize,
}

/// Sends one request and gathers the whole answer.
pub(crate) async fn call(
    transport: &Transport,
    request: Request<Bytes>,
    bounds: Bounds,
) -> Result<Answered, TransportError> {
    let late = || TransportError::new(Fault::Timeout);
    let deadline = Instant::now() + bounds.time;
    let response = timeout_at(deadline, transport.clone().oneshot(request)).await;
    let (parts, body) = response.map_err(|_elapsed| late())??.into_parts();
    let mut gathered = BytesMut::new();
    let gathering = timeout_at(deadline, gather(body, bounds.body, &mut gathered)).await;
    let end = gathering.unwrap_or_else(|_elapsed| Err(late()));
    let mut answered = Answered {
        status: parts.status,
        headers: parts.headers,
        body: gathered.freeze(),
        is_whole: true,
    };
    let end = match end {
        Ok(()) if is_cut_short(&answered) => Err(TransportError::new(Fault::Broken)),
        end => end,
    };
    // However little of a refusal has arrived: it may be a limit, and what it says of one must be heeded.
    answered.is_whole = end.is_ok();
    match end {
        Err(error) if !may_be_a_limit(answered.status) => Err(error),
        Ok(()) | Err(_) => Ok(answered),
    }
}

/// Gathers what arrives of a body, until its end or until it breaks off.
async fn gather(
    mut body: Body,
    most: usize,
    gathered: &mut BytesMut,
) -> Result<(), TransportError> {
    while let Some(frame) = body.frame().await {
        // Trailers say nothing that is read here.
        let Ok(data) = frame?.into_data() else {
            continue;
        };
        if gathered.len() + data.len() > most {
            return Err(TransportError::new(Fault::TooLarge));
        }
        gathered.extend_from_slice(&data);
    }
    Ok(())
}

/// Whether GitHub refuses with this status what is beyond a limit.
pub(crate) fn may_be_a_limit(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS
    )
}

/// Whether the body is shorter than announced, or JSON that does not parse where that would matter: a proxy between here
/// and GitHub may re-frame a body that broke off, so that its length alone proves nothing.
fn is_cut_short(answered: &Answered) -> bool {
    let headers = &answered.headers;
    let no_body = matches!(
        answered.status,
        StatusCode::NOT_MODIFIED | StatusCode::NO_CONTENT
    );
    let announced = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if !no_body
        && !headers.contains_key(header::CONTENT_ENCODING)
        && announced.is_some_and(|n| n != answered.body.len())
    {
        return true;
    }
    let matters = answered.status.is_success() && !answered.body.is_empty();
    (matters || may_be_a_limit(answered.status))
        && is_json(headers)
        && serde_json::from_slice::<serde::de::IgnoredAny>(&answered.body).is_err()
}

/// Whether the answer says that it is JSON.
pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
        || essence.to_ascii_lowercase().ends_with("+json")
}
