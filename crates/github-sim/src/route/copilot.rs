//! Links to the files of Copilot's usage reports. What is in the files is `copilot/`'s; they lie on another host.

use jiff::civil::Date;
use serde_json::json;

use super::reply::{Content, Reply};
use super::{Routed, Scene};
use crate::auth::Viewer;
use crate::copilot::{Days, Links, Report, origin_beside};
use crate::world::Account;
use crate::world::copilot::Reported;

/// Documented: a report named so covers that many days.
const LATEST_DAYS: i32 = 28;

impl<'a> Scene<'a> {
    /// `GET /orgs/{org}/copilot/metrics/reports/…`
    pub(super) fn org_reports(&self, org: Option<&'a Account>, rest: &[&str]) -> Routed {
        let org = self.inside(org)?;
        let reported = self
            .world
            .reported_org(org.id)
            .ok_or_else(Reply::not_found)?;
        match rest {
            ["organization-28-day", "latest"] => self.latest(&reported, Report::Totals),
            ["users-28-day", "latest"] => self.latest(&reported, Report::Users),
            ["organization-1-day"] => self.one_day(&reported, Report::Totals),
            ["users-1-day"] => self.one_day(&reported, Report::Users),
            _ => Err(Reply::not_found()),
        }
    }

    /// `GET /enterprises/{enterprise}/copilot/metrics/reports/…`. An App that is installed on an organisation may not see
    /// its enterprise.
    pub(super) fn enterprise_reports(&self, slug: &str, rest: &[&str]) -> Routed {
        match self.viewer {
            Viewer::Anonymous => return Err(Reply::error(401, "Requires authentication")),
            Viewer::App | Viewer::Installation { .. } => {
                return Err(Reply::error(403, "Resource not accessible by integration"));
            }
            Viewer::User { .. } => {}
        }
        let reported = self.world.reported_enterprise(slug);
        let reported = reported.ok_or_else(Reply::not_found)?;
        match rest {
            ["enterprise-28-day", "latest"] => self.latest(&reported, Report::Totals),
            ["users-28-day", "latest"] => self.latest(&reported, Report::Users),
            ["enterprise-1-day"] => self.one_day(&reported, Report::Totals),
            ["users-1-day"] => self.one_day(&reported, Report::Users),
            _ => Err(Reply::not_found()),
        }
    }

    /// The latest days that are ready. Assumed: 404 before there is any.
    fn latest(&self, reported: &Reported, report: Report) -> Routed {
        let end = reported.latest(self.now).ok_or_else(Reply::not_found)?;
        let days = Days::ending(end, LATEST_DAYS);
        let links = self.links(reported, report, days);
        Ok(Reply::ok(json!({
            "download_links": links,
            "report_start_day": days.start.to_string(),
            "report_end_day": days.end.to_string(),
        })))
    }

    /// One day. Documented: an organisation's day without a report is a 204; an enterprise's is not said to be, and is
    /// taken for a 404. Assumed: a day that is none is a 422.
    fn one_day(&self, reported: &Reported, report: Report) -> Routed {
        let day: Date = self
            .call
            .query
            .get("day")
            .and_then(|day| day.parse().ok())
            .ok_or_else(|| Reply::invalid("CopilotMetricsReport", "day"))?;
        if !reported.has(day, self.now) {
            return if reported.is_enterprise {
                Err(Reply::not_found())
            } else {
                let mut none = Reply::json(204, json!(null));
                none.content = Content::Empty;
                Ok(none)
            };
        }
        let links = self.links(reported, report, Days::ending(day, 1));
        Ok(Reply::ok(
            json!({"download_links": links, "report_day": day.to_string()}),
        ))
    }

    fn links(&self, reported: &Reported, report: Report, days: Days) -> Vec<String> {
        let beside;
        let origin = match self.download_origin {
            Some(origin) => origin,
            None => {
                beside = origin_beside(&self.call.base);
                &beside
            }
        };
        let links = Links {
            seed: self.world.seed(),
            origin,
            now: self.now,
        };
        links.of(reported, report, days)
    }
}
