//! Copilot's usage reports: asked for at the API, downloaded as files from another host, and added up.
//!
//! A report is several files, and its figures are those of all of them. A link to a file is signed, soon expires, and is a
//! secret: it is neither kept nor shown. The files' host is not GitHub's API, and gets no token.

mod lines;
mod record;
mod usage;

use jiff::civil::Date;
use quota::Lane;
use secrecy::SecretString;
use serde::Deserialize;
use serde::de::Error as _;

use super::path;
use crate::client::Client;
use crate::error::{Error, Kind as Fault};
use crate::request::Request;

pub use usage::{Bounds, Counts, Dimension, Key, Usage};

/// Whose reports.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Scope {
    /// An organisation's, by its login.
    Organization(String),
    /// An enterprise's, by its slug.
    Enterprise(String),
}

/// What a report tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Nobody: everybody together.
    Totals,
    /// Every user.
    Users,
}

/// The latest 28 days that are ready (`GET /orgs/{org}/copilot/metrics/reports/organization-28-day/latest` and its likes).
/// Read it with [`Client::copilot_report`].
pub fn latest(scope: &Scope, kind: Kind) -> Request {
    let report = match (scope, kind) {
        (Scope::Organization(_), Kind::Totals) => "organization-28-day",
        (Scope::Enterprise(_), Kind::Totals) => "enterprise-28-day",
        (_, Kind::Users) => "users-28-day",
    };
    // A link is good once: an earlier answer would be of no use.
    Request::get(folder(scope) + &path(&[report, "latest"]))
        .named(latest_endpoint(scope, kind))
        .unconditional()
}

/// One day (`GET /orgs/{org}/copilot/metrics/reports/organization-1-day` and its likes). Read it with
/// [`Client::copilot_report`].
pub fn day(scope: &Scope, kind: Kind, day: Date) -> Request {
    let report = match (scope, kind) {
        (Scope::Organization(_), Kind::Totals) => "organization-1-day",
        (Scope::Enterprise(_), Kind::Totals) => "enterprise-1-day",
        (_, Kind::Users) => "users-1-day",
    };
    Request::get(format!("{}{}?day={day}", folder(scope), path(&[report])))
        .named(day_endpoint(scope, kind))
        .unconditional()
}

fn folder(scope: &Scope) -> String {
    let (whose, name) = match scope {
        Scope::Organization(org) => ("orgs", org),
        Scope::Enterprise(slug) => ("enterprises", slug),
    };
    path(&[whose, name, "copilot", "metrics", "reports"])
}

fn latest_endpoint(scope: &Scope, kind: Kind) -> &'static str {
    match (scope, kind) {
        (Scope::Organization(_), Kind::Totals) => {
            "/orgs/{org}/copilot/metrics/reports/organization-28-day/latest"
        }
        (Scope::Organization(_), Kind::Users) => {
            "/orgs/{org}/copilot/metrics/reports/users-28-day/latest"
        }
        (Scope::Enterprise(_), Kind::Totals) => {
            "/enterprises/{enterprise}/copilot/metrics/reports/enterprise-28-day/latest"
        }
        (Scope::Enterprise(_), Kind::Users) => {
            "/enterprises/{enterprise}/copilot/metrics/reports/users-28-day/latest"
        }
    }
}

fn day_endpoint(scope: &Scope, kind: Kind) -> &'static str {
    match (scope, kind) {
        (Scope::Organization(_), Kind::Totals) => {
            "/orgs/{org}/copilot/metrics/reports/organization-1-day"
        }
        (Scope::Organization(_), Kind::Users) => "/orgs/{org}/copilot/metrics/reports/users-1-day",
        (Scope::Enterprise(_), Kind::Totals) => {
            "/enterprises/{enterprise}/copilot/metrics/reports/enterprise-1-day"
        }
        (Scope::Enterprise(_), Kind::Users) => {
            "/enterprises/{enterprise}/copilot/metrics/reports/users-1-day"
        }
    }
}

/// A report that can be downloaded, for a while.
#[derive(Debug)]
pub struct Report {
    /// The first day.
    pub first: Date,
    /// The last day; the same as the first for the report of one day.
    pub last: Date,
    pub(crate) links: Vec<SecretString>,
}

impl Report {
    /// How many files it has.
    pub fn files(&self) -> usize {
        self.links.len()
    }
}

/// A report as GitHub tells it: of several days, or of one.
#[derive(Debug, Deserialize)]
struct Told {
    download_links: Vec<SecretString>,
    #[serde(default)]
    report_start_day: Option<Date>,
    #[serde(default)]
    report_end_day: Option<Date>,
    #[serde(default)]
    report_day: Option<Date>,
}

impl Client {
    /// Asks for a report made by [`latest`] or [`day`]. Nothing where GitHub says that there is none for the day.
    ///
    /// # Errors
    /// As [`Client::send`]: `is_not_found` without Copilot, `is_forbidden` without the permission.
    pub async fn copilot_report(
        &self,
        lane: Lane,
        request: Request,
    ) -> Result<Option<Report>, Error> {
        let subject = request.subject();
        let response = self.send(lane, request).await?;
        if response.body.is_empty() {
            return Ok(None);
        }
        let told: Told = response.json()?;
        let (first, last) = (
            told.report_start_day.or(told.report_day),
            told.report_end_day.or(told.report_day),
        );
        match first.zip(last) {
            Some((first, last)) if first <= last => Ok(Some(Report {
                first,
                last,
                links: told.download_links,
            })),
            _ => Err(Fault::Decode {
                subject,
                source: serde_json::Error::custom("the report does not say of which days it is"),
            }
            .into()),
        }
    }

    /// Downloads all files of a report and adds up what they say. A file that breaks off is asked for again; one that
    /// cannot be had fails the report, since the figures of the others are not the whole. `org` is whom the downloads are
    /// counted for, at no cost of any quota.
    ///
    /// # Errors
    /// `is_expired_link` if the files' host no longer takes the links: ask for the report anew. `is_unreachable`,
    /// `is_server_error` and `is_elsewhere` speak of that host as well.
    pub async fn copilot_usage(
        &self,
        lane: Lane,
        org: &str,
        report: &Report,
        kind: Kind,
        bounds: &Bounds,
    ) -> Result<Usage, Error> {
        let mut usage = Usage::new(report.first, report.last, kind, bounds.clone());
        for link in &report.links {
            if usage.is_cut_short {
                break;
            }
            let begin = || lines::Reader::new(usage.rest());
            let reader = self
                .download(lane, org, link, begin, lines::Reader::take)
                .await?;
            usage.absorb(reader.end());
        }
        Ok(usage)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_report_is_asked_for_as_github_documents_it() {
        let scopes = [
            Scope::Organization("acme".to_owned()),
            Scope::Enterprise("umbrella".to_owned()),
        ];
        for scope in &scopes {
            for kind in [Kind::Totals, Kind::Users] {
                for request in [
                    latest(scope, kind),
                    day(scope, kind, jiff::civil::date(2025, 10, 1)),
                ] {
                    let (whose, name, placeholder) = match scope {
                        Scope::Organization(org) => ("orgs", org, "{org}"),
                        Scope::Enterprise(slug) => ("enterprises", slug, "{enterprise}"),
                    };
                    let asked = request.subject().replace(
                        &format!("/{whose}/{name}/"),
                        &format!("/{whose}/{placeholder}/"),
                    );
                    assert_eq!(asked, format!("GET {}", request.endpoint));
                    assert_eq!(request.org.as_deref(), Some(name.as_str()));
                    assert!(!request.is_conditional());
                }
            }
        }
        let one = day(&scopes[0], Kind::Users, jiff::civil::date(2025, 10, 1));
        assert!(format!("{one:?}").contains("users-1-day?day=2025-10-01\""));
    }
}
