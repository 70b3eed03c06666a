//! Copilot's usage reports as files on another host: the links to them, and what makes a link good.
//!
//! Documented: a report is several files behind signed links that soon expire. How the links are made is invented. A
//! link needs no token, and the host has no business with one: `copilot/host.rs` writes down who showed one.

mod file;
mod host;

use http::Uri;
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, ToSpan};
use sha2::{Digest, Sha256};

use crate::World;
use crate::route::call::Query;
use crate::world::copilot::Reported;

pub(crate) use host::{answer, is_meant};

/// The files' folder.
const PREFIX: &str = "/copilot-usage-metrics/";

/// Invented: so long a link is good.
const GOOD_FOR: SignedDuration = SignedDuration::from_hours(1);

/// Which of a day's reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Report {
    /// Of everybody together.
    Totals,
    /// Of each user.
    Users,
}

impl Report {
    const ALL: [Report; 2] = [Report::Totals, Report::Users];

    fn as_str(self) -> &'static str {
        match self {
            Report::Totals => "totals",
            Report::Users => "users",
        }
    }
}

/// The days of a report, first and last included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Days {
    pub(crate) start: Date,
    pub(crate) end: Date,
}

impl Days {
    pub(crate) fn ending(end: Date, days: i32) -> Days {
        let start = end.saturating_sub((days - 1).days());
        Days { start, end }
    }

    fn all(self) -> impl Iterator<Item = Date> {
        let next = |day: &Date| day.tomorrow().ok();
        std::iter::successors(Some(self.start), next).take_while(move |day| *day <= self.end)
    }

    fn is_one(self) -> bool {
        self.start == self.end
    }
}

/// One file of a report.
#[derive(Debug, Clone, Copy)]
struct Part {
    of_enterprise: bool,
    id: u64,
    report: Report,
    days: Days,
    number: usize,
    parts: usize,
}

/// What links are made with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Links<'a> {
    pub(crate) seed: u64,
    /// Scheme and authority of the host.
    pub(crate) origin: &'a str,
    pub(crate) now: Timestamp,
}

impl Links<'_> {
    /// A link to each file of a report. A day's totals are one record, and so one file.
    pub(crate) fn of(&self, reported: &Reported, report: Report, days: Days) -> Vec<String> {
        let parts = match report {
            Report::Totals if days.is_one() => 1,
            Report::Totals | Report::Users => reported.quirks.files.max(1),
        };
        let part = |number| Part {
            of_enterprise: reported.is_enterprise,
            id: reported.id,
            report,
            days,
            number,
            parts,
        };
        (1..=parts).map(|number| self.link(&part(number))).collect()
    }

    fn link(&self, part: &Part) -> String {
        let path = part.path();
        let until = (self.now + GOOD_FOR).as_second();
        let signature = signature(self.seed, &path, until);
        format!("{}{path}?se={until}&sig={signature}", self.origin)
    }
}

impl Part {
    fn path(&self) -> String {
        let whose = if self.of_enterprise {
            "enterprises"
        } else {
            "organizations"
        };
        let (report, Days { start, end }) = (self.report.as_str(), self.days);
        format!(
            "{PREFIX}{whose}/{}/{report}/{start}..{end}/{}-of-{}.ndjson",
            self.id, self.number, self.parts
        )
    }

    fn read(path: &str) -> Option<Part> {
        let segments: Vec<&str> = path.strip_prefix(PREFIX)?.split('/').collect();
        let [whose, id, report, days, file] = segments.as_slice() else {
            return None;
        };
        let (start, end) = days.split_once("..")?;
        let (number, parts) = file.strip_suffix(".ndjson")?.split_once("-of-")?;
        Some(Part {
            of_enterprise: *whose == "enterprises",
            id: id.parse().ok()?,
            report: Report::ALL
                .into_iter()
                .find(|one| one.as_str() == *report)?,
            days: Days {
                start: start.parse().ok()?,
                end: end.parse().ok()?,
            },
            number: number.parse().ok()?,
            parts: parts.parse().ok()?,
        })
    }

    fn reported(&self, world: &World) -> Option<Reported> {
        let all = world.reported().into_iter();
        let mut fitting =
            all.filter(|one| (one.is_enterprise, one.id) == (self.of_enterprise, self.id));
        fitting.next()
    }
}

fn signature(seed: u64, path: &str, until: i64) -> String {
    hex::encode(&Sha256::digest(format!("{seed}/{until}{path}"))[..20])
}

/// Whether a link's signature fits and is still good.
fn is_good(seed: u64, path: &str, query: &Query, now: Timestamp) -> bool {
    let until: Option<i64> = query.get("se").and_then(|until| until.parse().ok());
    until.is_some_and(|until| {
        now.as_second() < until && query.get("sig") == Some(signature(seed, path, until).as_str())
    })
}

/// Where the files of an API at `base` lie if nothing else is said: at the other name of a loopback address, so that they
/// can be had from the same socket; else at a name below the API's.
pub(crate) fn origin_beside(base: &str) -> String {
    let uri: Uri = base.parse().unwrap_or_default();
    let scheme = uri.scheme_str().unwrap_or("http");
    let host = match uri.host().unwrap_or("github.test") {
        "127.0.0.1" | "[::1]" => "localhost".to_owned(),
        "localhost" => "127.0.0.1".to_owned(),
        other => format!("copilot-reports.{other}"),
    };
    match uri.port_u16() {
        Some(port) => format!("{scheme}://{host}:{port}"),
        None => format!("{scheme}://{host}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_never_lie_at_the_apis_origin() {
        for (base, origin) in [
            ("http://127.0.0.1:4000", "http://localhost:4000"),
            ("http://localhost:4000/api/v3", "http://127.0.0.1:4000"),
            ("http://[::1]:4000", "http://localhost:4000"),
            ("https://gh.test", "https://copilot-reports.gh.test"),
            ("http://sim:80/api/v3", "http://copilot-reports.sim:80"),
        ] {
            assert_eq!(origin_beside(base), origin, "{base}");
        }
    }

    #[test]
    fn a_link_is_good_for_its_file_and_its_hour() {
        let now: Timestamp = "2025-06-01T12:00:00Z".parse().unwrap();
        let links = Links {
            seed: 7,
            origin: "http://files.test",
            now,
        };
        let day = jiff::civil::date(2025, 5, 30);
        let part = Part {
            of_enterprise: false,
            id: 20_000_002,
            report: Report::Users,
            days: Days::ending(day, 28),
            number: 1,
            parts: 2,
        };
        let link = links.link(&part);
        let (path, query) = link
            .strip_prefix("http://files.test")
            .unwrap()
            .split_once('?')
            .unwrap();
        assert_eq!(
            path,
            "/copilot-usage-metrics/organizations/20000002/users/2025-05-03..2025-05-30/1-of-2.ndjson"
        );
        assert_eq!(
            Part::read(path).map(|part| part.path()).as_deref(),
            Some(path)
        );
        let query = Query::read(query);
        assert!(is_good(7, path, &query, now));
        assert!(!is_good(7, path, &query, now + GOOD_FOR));
        assert!(!is_good(8, path, &query, now));
        assert!(!is_good(7, &path.replace("1-of", "2-of"), &query, now));
        assert!(!is_good(7, path, &Query::read(""), now));
    }
}
