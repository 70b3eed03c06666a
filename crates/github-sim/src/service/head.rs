//! Status line and headers of an answer, as GitHub sends them.

use bytes::Bytes;
use http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, DATE, ETAG, RETRY_AFTER, SERVER,
    VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;

use crate::body::SimBody;
use crate::limit::RateLimitView;
use crate::route::call::Call;
use crate::route::reply::Reply;

/// A quota and the reset time that this answer shows for it.
pub(super) struct Quota {
    pub(super) view: RateLimitView,
    pub(super) shown_reset: Timestamp,
}

/// Everything that a head is made of.
pub(super) struct Finish<'a> {
    pub(super) call: &'a Call,
    pub(super) reply: &'a Reply,
    pub(super) validator: Option<&'a str>,
    pub(super) quota: Option<Quota>,
    pub(super) retry_after: Option<u64>,
    pub(super) date: Timestamp,
    pub(super) serial: u64,
    pub(super) seed: u64,
    pub(super) length: usize,
}

impl Finish<'_> {
    pub(super) fn response(&self, body: SimBody) -> Response<SimBody> {
        let is_head = self.call.method == Method::HEAD;
        let mut response = Response::new(if is_head {
            SimBody::whole(Bytes::new())
        } else {
            body
        });
        *response.status_mut() =
            StatusCode::from_u16(self.reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        self.fill(response.headers_mut());
        response
    }

    fn fill(&self, headers: &mut HeaderMap) {
        let mut set = |name: HeaderName, value: &str| {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(name, value);
            }
        };
        set(SERVER, "github.com");
        set(
            DATE,
            &DateTimePrinter::new()
                .timestamp_to_rfc9110_string(&self.date)
                .unwrap_or_default(),
        );
        if !matches!(self.reply.status, 204 | 304) {
            set(CONTENT_TYPE, "application/json; charset=utf-8");
            set(CONTENT_LENGTH, &self.length.to_string());
        }
        set(
            VARY,
            "Accept, Authorization, Cookie, X-GitHub-OTP,Accept-Encoding, Accept, X-Requested-With",
        );
        let version = if self.call.operation.is_some() {
            "v4"
        } else {
            "v3"
        };
        set(
            name("x-github-media-type"),
            &format!("github.{version}; format=json"),
        );
        set(name("x-github-request-id"), &self.request_id());
        if let Some(version) = self
            .call
            .headers
            .get("x-github-api-version")
            .and_then(|version| version.to_str().ok())
        {
            set(name("x-github-api-version-selected"), version);
        }
        if let Some(validator) = self.validator {
            // Observed: a validator is marked weak where the body goes out compressed.
            let weak = if self.call.headers.contains_key(ACCEPT_ENCODING) {
                "W/"
            } else {
                ""
            };
            set(ETAG, &format!("{weak}\"{validator}\""));
            set(CACHE_CONTROL, "private, max-age=60, s-maxage=60");
        }
        if let Some(permission) = self.call.route.permission {
            set(name("x-accepted-github-permissions"), permission);
        }
        if let Some(seconds) = self.retry_after {
            set(RETRY_AFTER, &seconds.to_string());
        }
        if let Some(Quota { view, shown_reset }) = &self.quota {
            set(name("x-ratelimit-limit"), &view.limit.to_string());
            set(name("x-ratelimit-remaining"), &view.remaining.to_string());
            set(name("x-ratelimit-used"), &view.used.to_string());
            set(
                name("x-ratelimit-reset"),
                &shown_reset.as_second().to_string(),
            );
            set(name("x-ratelimit-resource"), view.resource.as_str());
        }
        for (name, value) in &self.reply.headers {
            set(name.clone(), value);
        }
    }

    /// `ABCD:123456:1234567:1234567:12345678`, another one for each answer.
    fn request_id(&self) -> String {
        let mix = (self.seed ^ self.serial).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        format!(
            "{:04X}:{:06X}:{:07X}:{:08X}",
            mix >> 48,
            (mix >> 24) & 0xFF_FFFF,
            mix & 0xFFF_FFFF,
            self.serial
        )
    }
}

fn name(name: &'static str) -> HeaderName {
    HeaderName::from_static(name)
}
