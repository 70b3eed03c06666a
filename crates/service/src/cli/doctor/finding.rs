//! What one check found.

use serde::Serialize;

use crate::Trouble;

/// What one check found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Finding {
    /// What was looked at: `configuration`, `state`, `coordination`, `port`, `api`, `clock`, `credential`, `organisation`, `quota`.
    check: &'static str,
    /// The organisation, where it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    organisation: Option<String>,
    result: Verdict,
    /// What was found.
    found: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<String>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Ok,
    Failed,
}

impl Finding {
    /// It is as it should be.
    pub(super) fn good(check: &'static str, found: impl Into<String>) -> Finding {
        Finding {
            check,
            organisation: None,
            result: Verdict::Ok,
            found: found.into(),
            remedy: None,
        }
    }

    /// It is not, and this helps.
    pub(super) fn bad(
        check: &'static str,
        found: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Finding {
        let remedy = Some(remedy.into());
        Finding {
            check,
            organisation: None,
            result: Verdict::Failed,
            found: found.into(),
            remedy,
        }
    }

    /// It is not, as an error explains. The innermost cause is told as well: there is no chain in a table.
    pub(super) fn trouble(check: &'static str, trouble: &Trouble) -> Finding {
        let mut causes =
            std::iter::successors(std::error::Error::source(trouble), |cause| cause.source());
        let root = causes
            .by_ref()
            .last()
            .map(|cause| format!(" ({cause})"))
            .unwrap_or_default();
        let found = format!("{}{root}", trouble.what());
        Finding {
            remedy: trouble.remedied_by().map(str::to_owned),
            ..Finding::bad(check, found, "")
        }
    }

    /// It is about one organisation.
    pub(super) fn of(self, organisation: &str) -> Finding {
        Finding {
            organisation: Some(organisation.to_owned()),
            ..self
        }
    }

    /// A word of advice beside something that is as it should be.
    pub(super) fn advice(self, advice: impl Into<String>) -> Finding {
        Finding {
            remedy: Some(advice.into()),
            ..self
        }
    }

    pub(super) fn has_failed(&self) -> bool {
        self.result == Verdict::Failed
    }

    pub(super) fn remedy(&self) -> Option<&str> {
        self.remedy.as_deref()
    }

    /// The cells of a table.
    pub(super) fn row(&self) -> Vec<String> {
        let verdict = if self.has_failed() { "failed" } else { "ok" };
        let check = match &self.organisation {
            Some(organisation) => format!("{} of {organisation}", self.check),
            None => self.check.to_owned(),
        };
        vec![verdict.to_owned(), check, self.found.clone()]
    }

    /// The line of a table with its verdict in colour.
    pub(super) fn painted(&self, line: &str, colour: bool) -> String {
        let (verdict, paint) = if self.has_failed() {
            ("failed", "31;1")
        } else {
            ("ok", "32")
        };
        match line.strip_prefix(verdict) {
            Some(rest) if colour => format!("\u{1b}[{paint}m{verdict}\u{1b}[0m{rest}"),
            _ => line.to_owned(),
        }
    }
}
