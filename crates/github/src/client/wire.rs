//! A request on its way out: what it asks of the limits, what the judge has to know of it, and its headers.

use bytes::Bytes;
use http::{HeaderValue, Method, header};
use quota::Ask;

use super::Inner;
use crate::auth::Signature;
use crate::conditional::{Hashed, Validator};
use crate::error::{Error, Kind};
use crate::request::{Request, Signer, Target};
use crate::retry::Asked;

/// The media type that Tidegate asks for; part of what GitHub's validators depend on.
const ACCEPT: &str = "application/vnd.github+json";
/// The version of the REST API that the types are written against.
const API_VERSION: HeaderValue = HeaderValue::from_static("2022-11-28");
const API_VERSION_HEADER: &str = "x-github-api-version";

impl Inner {
    /// What the request asks of the limits.
    pub(super) fn ask(&self, request: &Request) -> Ask {
        let cost = match (&request.target, request.signer) {
            // An App's own requests have a bucket of their own, and draw on this credential's secondary limits alone.
            (_, Signer::App) => 0,
            (Target::GraphQl, _) => self.costs().get(request.endpoint).copied().unwrap_or(1),
            (Target::Rest(_), _) => 1,
        };
        let points = if request.is_read() { 1 } else { 5 };
        Ask {
            points,
            org: request.org.clone(),
            repo: request.repo.clone(),
            item: request.item,
            ..Ask::read(request.resource(), cost)
        }
    }

    pub(super) fn asked(&self, request: &Request) -> Asked {
        Asked {
            read: request.is_read(),
            movable: request.method == Method::GET,
            shrinkable: request.shrinkable,
            renewable: self.auth.is_renewable(request),
        }
    }

    /// The request as it travels.
    pub(super) fn wire(
        &self,
        request: &Request,
        signature: &Signature,
        validator: Option<&Validator>,
    ) -> Result<http::Request<Bytes>, Error> {
        let uri = match &request.target {
            Target::Rest(path) => self.api_url.rest(path),
            Target::GraphQl => self.api_url.graphql(),
        };
        let uri = uri.map_err(|source| Kind::Address {
            subject: request.subject(),
            source,
        })?;
        let mut wire = http::Request::new(request.body.clone().unwrap_or_default());
        *wire.method_mut() = request.method.clone();
        *wire.uri_mut() = uri;
        let headers = wire.headers_mut();
        headers.insert(header::ACCEPT, HeaderValue::from_static(ACCEPT));
        headers.insert(API_VERSION_HEADER, API_VERSION);
        if let Ok(agent) = HeaderValue::from_str(&self.settings.user_agent) {
            headers.insert(header::USER_AGENT, agent);
        }
        if request.body.is_some() {
            headers.insert(
                header::CONTENT_TYPE,
                HeaderValue::from_static("application/json"),
            );
        }
        if let Some(authorization) = &signature.header {
            headers.insert(header::AUTHORIZATION, authorization.clone());
        }
        if let Some(Ok(validator)) =
            validator.map(|validator| HeaderValue::from_str(&validator.value))
        {
            headers.insert(header::IF_NONE_MATCH, validator);
        }
        Ok(wire)
    }
}

/// What GitHub's validators depend on.
pub(super) fn hashed(signature: &Signature) -> Hashed<'_> {
    Hashed {
        accept: ACCEPT.as_bytes(),
        authorization: signature.header.as_ref().map(HeaderValue::as_bytes),
    }
}
