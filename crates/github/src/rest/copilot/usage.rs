//! What a report's files add up to: rows by day, user and part, within bounds.
//!
//! Records that say the same thing twice are added, since each of a report's files may hold a part of it. Nothing here can
//! grow without a bound, whatever the files hold.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use super::Kind;
use super::record::{Part, Record};
use crate::person::Person;

/// The longest name of an editor, a feature, a language, a model or a user, in bytes. A line with a longer one is bad.
const LONGEST_NAME: usize = 100;

/// Names that each dimension has of its own in one report. What comes beyond them counts as [`OTHER`].
const MOST_NAMES: usize = 200;
/// The name of what has no name of its own.
const OTHER: &str = "other";
/// The name of what GitHub gives no name.
const UNKNOWN: &str = "unknown";

/// What the counts of a day can be told apart by, one at a time: GitHub tells no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dimension {
    /// The editor.
    Ide,
    /// What of Copilot was used.
    Feature,
    /// The language; questions are not counted by it.
    Language,
    /// The model; completions are not counted by it.
    Model,
}

impl Dimension {
    /// The label's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Dimension::Ide => "ide",
            Dimension::Feature => "feature",
            Dimension::Language => "language",
            Dimension::Model => "model",
        }
    }
}

/// How much of a report is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bounds {
    /// So many lines; then the report is [cut short](Usage::is_cut_short).
    pub records: u64,
    /// So many users; what others did is [left out](Usage::left_out).
    pub users: usize,
    /// By what the counts are told apart, beside what they are altogether.
    pub dimensions: BTreeSet<Dimension>,
}

impl Default for Bounds {
    /// A million lines, 50,000 users, no dimension.
    fn default() -> Bounds {
        Bounds {
            records: 1_000_000,
            users: 50_000,
            dimensions: BTreeSet::new(),
        }
    }
}

/// What a row of counts is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// The day, UTC.
    pub day: Date,
    /// Whose; nobody's for everybody together.
    pub user: Option<Person>,
    /// The part of it, if not the whole.
    pub part: Option<(Dimension, String)>,
}

/// The eleven counts. Those of pull requests are known of everybody together alone, and of no part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "their names are the names of their metrics")]
pub struct Counts {
    pub user_initiated_interactions: u64,
    pub code_generations: u64,
    pub code_acceptances: u64,
    pub loc_suggested_to_add: u64,
    pub loc_suggested_to_delete: u64,
    pub loc_added: u64,
    pub loc_deleted: u64,
    pub pull_requests_created: u64,
    pub pull_requests_reviewed: u64,
    pub pull_requests_created_by_copilot: u64,
    pub pull_requests_reviewed_by_copilot: u64,
}

impl Counts {
    /// What each is called, in the order of [`Counts::values`].
    pub const NAMES: [&'static str; 11] = [
        "user_initiated_interactions",
        "code_generations",
        "code_acceptances",
        "loc_suggested_to_add",
        "loc_suggested_to_delete",
        "loc_added",
        "loc_deleted",
        "pull_requests_created",
        "pull_requests_reviewed",
        "pull_requests_created_by_copilot",
        "pull_requests_reviewed_by_copilot",
    ];

    /// All of them, in the order of their fields.
    pub fn values(&self) -> [u64; 11] {
        [
            self.user_initiated_interactions,
            self.code_generations,
            self.code_acceptances,
            self.loc_suggested_to_add,
            self.loc_suggested_to_delete,
            self.loc_added,
            self.loc_deleted,
            self.pull_requests_created,
            self.pull_requests_reviewed,
            self.pull_requests_created_by_copilot,
            self.pull_requests_reviewed_by_copilot,
        ]
    }

    fn of(values: [u64; 7], pulls: [u64; 4]) -> Counts {
        let [
            interactions,
            generations,
            acceptances,
            to_add,
            to_delete,
            added,
            deleted,
        ] = values;
        let [created, reviewed, created_by_copilot, reviewed_by_copilot] = pulls;
        Counts {
            user_initiated_interactions: interactions,
            code_generations: generations,
            code_acceptances: acceptances,
            loc_suggested_to_add: to_add,
            loc_suggested_to_delete: to_delete,
            loc_added: added,
            loc_deleted: deleted,
            pull_requests_created: created,
            pull_requests_reviewed: reviewed,
            pull_requests_created_by_copilot: created_by_copilot,
            pull_requests_reviewed_by_copilot: reviewed_by_copilot,
        }
    }

    /// Adds others, of other days for instance. What would be too large stays as large as can be.
    pub fn add(&mut self, other: &Counts) {
        let (ours, theirs) = (self.values(), other.values());
        let sum = |n: usize| ours[n].saturating_add(theirs[n]);
        *self = Counts::of(
            std::array::from_fn(sum),
            std::array::from_fn(|n| sum(n + 7)),
        );
    }
}

/// What a report adds up to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usage {
    /// The counts.
    pub rows: BTreeMap<Key, Counts>,
    /// Lines met, bad ones included, empty ones not.
    pub lines: u64,
    /// Lines that could not be read: no JSON, too long, a count that is none, a day that the report is not of.
    pub bad_lines: u64,
    /// Lines of users beyond the [bound](Bounds::users).
    pub left_out: u64,
    /// Whether more lines came than the [bound](Bounds::records), so that the counts are not the whole.
    pub is_cut_short: bool,
    first: Date,
    last: Date,
    kind: Kind,
    bounds: Bounds,
    users: BTreeSet<Person>,
    names: BTreeSet<(Dimension, String)>,
}

impl Usage {
    pub(super) fn new(first: Date, last: Date, kind: Kind, bounds: Bounds) -> Usage {
        Usage {
            rows: BTreeMap::new(),
            lines: 0,
            bad_lines: 0,
            left_out: 0,
            is_cut_short: false,
            first,
            last,
            kind,
            bounds,
            users: BTreeSet::new(),
            names: BTreeSet::new(),
        }
    }

    /// Nothing yet, for another file of the same report: what is left of the bounds.
    pub(super) fn rest(&self) -> Usage {
        let bounds = Bounds {
            records: self.bounds.records.saturating_sub(self.lines),
            ..self.bounds.clone()
        };
        Usage {
            users: self.users.clone(),
            names: self.names.clone(),
            ..Usage::new(self.first, self.last, self.kind, bounds)
        }
    }

    /// Adds what [another file](Usage::rest) gave.
    pub(super) fn absorb(&mut self, file: Usage) {
        for (key, counts) in file.rows {
            self.rows.entry(key).or_default().add(&counts);
        }
        self.lines += file.lines;
        self.bad_lines += file.bad_lines;
        self.left_out += file.left_out;
        self.is_cut_short |= file.is_cut_short;
        (self.users, self.names) = (file.users, file.names);
    }

    /// Takes in a line.
    pub(super) fn read(&mut self, line: &[u8]) {
        if self.may_read() && self.record(line).is_none() {
            self.bad_lines += 1;
        }
    }

    /// Takes in a line that nobody could read.
    pub(super) fn skip(&mut self) {
        if self.may_read() {
            self.bad_lines += 1;
        }
    }

    fn may_read(&mut self) -> bool {
        self.is_cut_short |= self.lines == self.bounds.records;
        if !self.is_cut_short {
            self.lines += 1;
        }
        !self.is_cut_short
    }

    /// Takes in a record as a whole, or nothing of it.
    fn record(&mut self, line: &[u8]) -> Option<()> {
        let record = Record::read(line)?;
        match (&record.day_totals, self.kind) {
            (Some(days), Kind::Totals) => {
                let days: Option<Vec<_>> = days
                    .iter()
                    .map(|day| Some((self.day_of(day, None)?, day)))
                    .collect();
                let days = days?;
                if !days.iter().all(|(_, day)| is_well_named(day)) {
                    return None;
                }
                for (day, record) in days {
                    self.add(day, None, record);
                }
            }
            (None, kind) => {
                let only = (self.first == self.last).then_some(self.first);
                let day = self.day_of(&record, only)?;
                if !is_well_named(&record) {
                    return None;
                }
                let user = match kind {
                    Kind::Totals => None,
                    Kind::Users => Some(user_of(&record)?),
                };
                match user {
                    Some(user) if !self.may_count(&user) => self.left_out += 1,
                    user => self.add(day, user.as_ref(), &record),
                }
            }
            (Some(_), Kind::Users) => return None,
        }
        Some(())
    }

    /// The day of a record that says something of a day of this report, and not of several.
    fn day_of(&self, record: &Record, only: Option<Date>) -> Option<Date> {
        let day = record.day.or(only)?;
        let is_within = (self.first..=self.last).contains(&day);
        (is_within && record.says_something() && record.day_totals.is_none()).then_some(day)
    }

    fn may_count(&mut self, user: &Person) -> bool {
        self.users.contains(user)
            || (self.users.len() < self.bounds.users && self.users.insert(user.clone()))
    }

    fn add(&mut self, day: Date, user: Option<&Person>, record: &Record) {
        let pulls = match (&record.pull_requests, self.kind) {
            (Some(pulls), Kind::Totals) => pulls.counts(),
            _ => [0; 4],
        };
        self.count(day, user, None, Counts::of(record.sums(), pulls));
        for dimension in self.bounds.dimensions.clone() {
            for part in parts(record, dimension) {
                let name = name(part, dimension).filter(|name| !name.is_empty());
                let name = self.known(dimension, name.unwrap_or(UNKNOWN));
                let counts = part.counts().map(Option::unwrap_or_default);
                let counts = Counts::of(counts, [0; 4]);
                self.count(day, user, Some((dimension, name)), counts);
            }
        }
    }

    /// The name under which something is counted.
    fn known(&mut self, dimension: Dimension, name: &str) -> String {
        let key = (dimension, name.to_owned());
        let of_dimension = self.names.iter().filter(|(of, _)| *of == dimension).count();
        if self.names.contains(&key) {
            key.1
        } else if of_dimension < MOST_NAMES {
            self.names.insert(key.clone());
            key.1
        } else {
            OTHER.to_owned()
        }
    }

    fn count(
        &mut self,
        day: Date,
        user: Option<&Person>,
        part: Option<(Dimension, String)>,
        counts: Counts,
    ) {
        let user = user.cloned();
        let key = Key { day, user, part };
        self.rows.entry(key).or_default().add(&counts);
    }
}

/// Whose record it is.
fn user_of(record: &Record) -> Option<Person> {
    let login = record.user_login.as_deref()?.trim();
    let is_login = !login.is_empty() && login.len() <= LONGEST_NAME;
    is_login.then(|| Person::new(login, record.user_id.map(|id| id.0)))
}

/// Whether every name in a record can be a label's value.
fn is_well_named(record: &Record) -> bool {
    let all = [
        Dimension::Ide,
        Dimension::Feature,
        Dimension::Language,
        Dimension::Model,
    ];
    all.into_iter().all(|dimension| {
        let mut names = parts(record, dimension).filter_map(|part| name(part, dimension));
        names.all(|name| name.len() <= LONGEST_NAME && !name.contains(char::is_control))
    })
}

/// The entries by which a record tells apart.
fn parts(record: &Record, dimension: Dimension) -> impl Iterator<Item = &Part> {
    let list = match dimension {
        Dimension::Ide => record.totals_by_ide.as_ref(),
        Dimension::Feature => record.totals_by_feature.as_ref(),
        Dimension::Language => record
            .totals_by_language_feature
            .as_ref()
            .or(record.totals_by_language_model.as_ref()),
        Dimension::Model => record
            .totals_by_model_feature
            .as_ref()
            .or(record.totals_by_language_model.as_ref()),
    };
    list.into_iter().flatten()
}

fn name(part: &Part, dimension: Dimension) -> Option<&str> {
    let name = match dimension {
        Dimension::Ide => &part.ide,
        Dimension::Feature => &part.feature,
        Dimension::Language => &part.language,
        Dimension::Model => &part.model,
    };
    name.as_deref().map(str::trim)
}

#[cfg(test)]
pub(super) mod tests;
