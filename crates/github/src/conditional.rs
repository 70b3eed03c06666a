//! Conditional requests: what GitHub sent before is kept with its validator, and a 304 then costs nothing of the primary
//! quota, even after the token has changed.
//!
//! GitHub's validators depend on the token, and an installation's token changes every hour. By a rule that has been
//! observed, and that GitHub does not document, a validator can be computed for the new token from the kept body. That
//! is an optimisation that checks itself: every answer is evidence for or against the rule, and after three against it in
//! a row it is switched off, counted and said; three in its favour switch it on again. No answer is ever taken for right
//! because of the rule alone: only GitHub's 304 says that a kept body is right.

mod detector;
mod memory;
mod rule;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use jiff::Timestamp;

use crate::request::{Origin, Request, Target};
use crate::transport::Answered;
use detector::Detector;
pub use memory::MemoryAnswers;
use rule::opaque;

/// The largest body that is kept, in bytes.
const LARGEST_KEPT: usize = 2 << 20;

/// An answer that may be confirmed later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAnswer {
    /// The name of the credential that it was read with.
    pub credential: String,
    /// Path and query below the REST root.
    pub url: String,
    /// The body, uncompressed, byte for byte as GitHub hashed it.
    pub body: Bytes,
    /// The validator that GitHub sent with it, as sent.
    pub etag: String,
    /// What else belongs to the answer, as name and value: `link`, which a 304 may come without, and whether the observed
    /// rule gave the validator.
    pub headers: Vec<(String, String)>,
    /// GitHub's clock when it was sent.
    pub date: Option<Timestamp>,
}

/// Marks a kept answer whose validator the observed rule gave, so that it can be computed for another token.
const RULE: &str = "tidegate-etag-rule";
const LINK: &str = "link";

impl StoredAnswer {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    fn is_by_rule(&self) -> bool {
        self.header(RULE) == Some("sha256")
    }
}

/// Where answers are kept. An answer that cannot be read or kept costs a request; it fails none, so that the adapter
/// reports its own trouble.
#[async_trait]
pub trait AnswerStore: Send + Sync {
    /// The kept answer for a URL.
    async fn get(&self, credential: &str, url: &str) -> Option<StoredAnswer>;
    /// Keeps an answer in place of the earlier one.
    async fn put(&self, answer: StoredAnswer);
}

/// The conditional part of one credential's client.
pub(crate) struct Conditional {
    credential: String,
    store: Arc<dyn AnswerStore>,
    detector: Detector,
}

/// What is known of a request's answer before it is sent.
#[derive(Debug, Default)]
pub(crate) struct Prepared {
    url: Option<String>,
    kept: Option<StoredAnswer>,
}

/// The validator that a request carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Validator {
    pub(crate) value: String,
    /// Computed for a token other than the one that the answer was read with.
    recomputed: bool,
}

/// The headers that GitHub's rule hashes, as they were sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hashed<'a> {
    pub(crate) accept: &'a [u8],
    pub(crate) authorization: Option<&'a [u8]>,
}

impl Conditional {
    pub(crate) fn new(credential: String, store: Arc<dyn AnswerStore>) -> Conditional {
        Conditional {
            credential,
            store,
            detector: Detector::new(),
        }
    }

    /// Looks for a kept answer.
    pub(crate) async fn prepare(&self, request: &Request) -> Prepared {
        match &request.target {
            Target::Rest(url) if request.conditional => Prepared {
                url: Some(url.clone()),
                kept: self.store.get(&self.credential, url).await,
            },
            _ => Prepared::default(),
        }
    }

    /// The validator to send, known only once the request is signed.
    pub(crate) fn validator(&self, prepared: &Prepared, hashed: Hashed<'_>) -> Option<Validator> {
        let kept = prepared.kept.as_ref()?;
        if self.detector.is_on() && kept.is_by_rule() {
            let computed = rule::etag(hashed, &kept.body);
            let recomputed = computed != opaque(&kept.etag);
            if recomputed {
                return Some(Validator {
                    value: format!("\"{computed}\""),
                    recomputed,
                });
            }
        }
        Some(Validator {
            value: kept.etag.clone(),
            recomputed: false,
        })
    }

    /// Makes of what came what the caller asked for: a 304 becomes the kept answer, a new answer is kept.
    pub(crate) async fn resolve(
        &self,
        prepared: Prepared,
        sent: Option<&Validator>,
        hashed: Hashed<'_>,
        mut answered: Answered,
    ) -> (Answered, Origin) {
        match (answered.status, prepared) {
            (
                StatusCode::NOT_MODIFIED,
                Prepared {
                    kept: Some(kept), ..
                },
            ) => {
                if sent.is_some_and(|validator| validator.recomputed) {
                    self.detector.saw(true);
                }
                if let Some(Ok(link)) = kept.header(LINK).map(str::parse) {
                    answered.headers.entry(header::LINK).or_insert(link);
                }
                answered.status = StatusCode::OK;
                answered.body = kept.body;
                (answered, Origin::Confirmed)
            }
            (
                StatusCode::OK,
                Prepared {
                    url: Some(url),
                    kept,
                },
            ) => {
                if let Some(etag) = text(&answered.headers, header::ETAG) {
                    let by_rule = rule::etag(hashed, &answered.body) == opaque(&etag);
                    let same_body = kept.is_some_and(|kept| kept.body == answered.body);
                    self.detector.saw(
                        by_rule
                            && !(same_body && sent.is_some_and(|validator| validator.recomputed)),
                    );
                    if answered.body.len() <= LARGEST_KEPT {
                        let (credential, body) = (self.credential.clone(), answered.body.clone());
                        let link = text(&answered.headers, header::LINK)
                            .map(|link| (LINK.to_owned(), link));
                        let rule = by_rule.then(|| (RULE.to_owned(), "sha256".to_owned()));
                        let headers = link.into_iter().chain(rule).collect();
                        let date = crate::client::observe(&answered.headers).date;
                        self.store
                            .put(StoredAnswer {
                                credential,
                                url,
                                body,
                                etag,
                                headers,
                                date,
                            })
                            .await;
                    }
                }
                (answered, Origin::Sent)
            }
            (_, _) => (answered, Origin::Sent),
        }
    }

    /// Validators that were not what the rule gives.
    pub(crate) fn drift(&self) -> u64 {
        self.detector.drift()
    }

    /// Whether the rule is in use.
    pub(crate) fn is_on(&self) -> bool {
        self.detector.is_on()
    }
}

fn text(headers: &HeaderMap, name: http::HeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}
