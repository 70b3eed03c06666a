//! Copilot: who has a seat, and what the seats were used for.
//!
//! Use follows from the world's seed, the user and the day, so that nothing of it is kept and every report of a day
//! says the same. The fields are those of GitHub's reports; which combinations occur, how large numbers are, and when a
//! day's report is ready is invented.

use std::collections::BTreeSet;

use jiff::civil::{Date, Weekday};
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp, ToSpan};
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Deserialize;

use super::{AccountId, World};

/// A day's report is ready so long after the day's beginning.
const READY: SignedDuration = SignedDuration::from_hours(30);

/// Documented: days are kept for a year.
const KEPT_DAYS: i32 = 365;

const IDES: [&str; 4] = ["vscode", "intellij", "visualstudio", "neovim"];
const LANGUAGES: [&str; 5] = ["rust", "typescript", "python", "go", "others"];
const MODELS: [&str; 4] = [
    "gpt-5-mini",
    "claude-sonnet-4.5",
    "gemini-2.5-pro",
    "others",
];

/// Copilot in one organisation.
#[derive(Debug, Clone)]
pub struct Copilot {
    /// The first day with reports.
    pub since: Date,
    /// Who has a seat.
    pub seats: BTreeSet<AccountId>,
    /// How its reports come.
    pub quirks: Quirks,
}

/// How reports come: in how many files, and what is wrong with them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Quirks {
    /// So many files, where there is enough for them.
    pub files: usize,
    /// So many lines in every file that nobody can read.
    pub bad_lines: usize,
    /// One line of so many bytes in every file.
    pub long_line: Option<usize>,
    /// Whether records come without sums of their own, with their breakdowns alone.
    pub without_sums: bool,
}

impl Default for Quirks {
    /// Two files with nothing wrong.
    fn default() -> Quirks {
        Quirks {
            files: 2,
            bad_lines: 0,
            long_line: None,
            without_sums: false,
        }
    }
}

/// An enterprise: some organisations together. Nothing but reports is known of it.
#[derive(Debug, Clone)]
pub struct Enterprise {
    /// Database id.
    pub id: u64,
    /// Its name in addresses.
    pub slug: String,
    /// Its organisations.
    pub orgs: Vec<AccountId>,
}

/// What Copilot did in one place: the counts that every part of a report has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Activity {
    /// Questions asked.
    pub interactions: u64,
    /// Times that code was generated.
    pub generations: u64,
    /// Times that it was taken.
    pub acceptances: u64,
    /// Lines suggested to be added.
    pub suggested_to_add: u64,
    /// Lines suggested to be deleted.
    pub suggested_to_delete: u64,
    /// Lines added.
    pub added: u64,
    /// Lines deleted.
    pub deleted: u64,
}

impl std::ops::AddAssign for Activity {
    fn add_assign(&mut self, other: Activity) {
        self.interactions += other.interactions;
        self.generations += other.generations;
        self.acceptances += other.acceptances;
        self.suggested_to_add += other.suggested_to_add;
        self.suggested_to_delete += other.suggested_to_delete;
        self.added += other.added;
        self.deleted += other.deleted;
    }
}

impl std::iter::Sum for Activity {
    fn sum<I: Iterator<Item = Activity>>(parts: I) -> Activity {
        parts.fold(Activity::default(), |mut sum, part| {
            sum += part;
            sum
        })
    }
}

/// What a user did with Copilot in one editor, with one feature, language and model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Use {
    /// The editor.
    pub ide: &'static str,
    /// What of Copilot was used.
    pub feature: &'static str,
    /// The language, where code was touched.
    pub language: Option<&'static str>,
    /// The model, where one was chosen: not for completions.
    pub model: Option<&'static str>,
    /// How much.
    pub activity: Activity,
}

/// Pull requests of an organisation on one day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PullFigures {
    /// Opened.
    pub created: u64,
    /// Reviewed.
    pub reviewed: u64,
    /// Opened by Copilot.
    pub created_by_copilot: u64,
    /// Reviewed by Copilot.
    pub reviewed_by_copilot: u64,
}

/// Whose reports.
#[derive(Debug, Clone)]
pub struct Reported {
    /// The database id of the organisation or enterprise.
    pub id: u64,
    /// Its name in addresses.
    pub name: String,
    /// Whether it is an enterprise.
    pub is_enterprise: bool,
    /// The first day with reports.
    pub since: Date,
    /// Whose use counts.
    pub seats: BTreeSet<AccountId>,
    /// How the reports come.
    pub quirks: Quirks,
}

impl Reported {
    /// The latest day whose report is ready; `None` before the first.
    pub fn latest(&self, now: Timestamp) -> Option<Date> {
        let latest = Offset::UTC.to_datetime(now - READY).date();
        (latest >= self.since).then_some(latest)
    }

    /// Whether a day's report can be had.
    pub fn has(&self, day: Date, now: Timestamp) -> bool {
        let oldest = Offset::UTC.to_datetime(now).date() - KEPT_DAYS.days();
        self.latest(now)
            .is_some_and(|latest| day >= self.since.max(oldest) && day <= latest)
    }
}

impl World {
    /// Everything that has reports, organisations first.
    pub fn reported(&self) -> Vec<Reported> {
        let orgs = self
            .copilot
            .keys()
            .filter_map(|org| self.reported_org(*org));
        let enterprises = self.enterprises.values();
        orgs.chain(enterprises.filter_map(|one| self.reported_enterprise(&one.slug)))
            .collect()
    }

    /// An organisation's reports; `None` without Copilot.
    pub fn reported_org(&self, org: AccountId) -> Option<Reported> {
        let copilot = self.copilot.get(&org)?;
        Some(Reported {
            id: org,
            name: self.account(org)?.login.clone(),
            is_enterprise: false,
            since: copilot.since,
            seats: copilot.seats.clone(),
            quirks: copilot.quirks.clone(),
        })
    }

    /// An enterprise's reports: those of its organisations together; `None` if none of them has Copilot.
    pub fn reported_enterprise(&self, slug: &str) -> Option<Reported> {
        let enterprise = self
            .enterprises
            .values()
            .find(|one| one.slug.eq_ignore_ascii_case(slug))?;
        let parts: Vec<&Copilot> = enterprise
            .orgs
            .iter()
            .filter_map(|org| self.copilot.get(org))
            .collect();
        Some(Reported {
            id: enterprise.id,
            name: enterprise.slug.clone(),
            is_enterprise: true,
            since: parts.iter().map(|one| one.since).min()?,
            seats: parts.iter().flat_map(|one| &one.seats).copied().collect(),
            quirks: parts.first()?.quirks.clone(),
        })
    }

    /// What a user did with Copilot on a day.
    pub fn copilot_use(&self, user: AccountId, day: Date) -> Vec<Use> {
        let mut random = self.figures(user, day);
        let is_weekend = matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday);
        if random.random_bool(if is_weekend { 0.85 } else { 0.2 }) {
            return Vec::new();
        }
        let ide = one(&IDES, &mut random);
        (0..random.random_range(1..=4))
            .map(|_| a_use(ide, &mut random))
            .collect()
    }

    /// Pull requests in an organisation or enterprise on a day, as reports count them.
    pub fn copilot_pulls(&self, of: u64, day: Date) -> PullFigures {
        let mut random = self.figures(of ^ 0x5eed, day);
        let (created, reviewed) = (random.random_range(0..40), random.random_range(0..40));
        PullFigures {
            created,
            reviewed,
            created_by_copilot: random.random_range(0..=created),
            reviewed_by_copilot: random.random_range(0..=reviewed),
        }
    }

    fn figures(&self, of: u64, day: Date) -> ChaCha8Rng {
        let day = u64::from(day.day().unsigned_abs())
            + 100 * u64::from(day.month().unsigned_abs())
            + 10_000 * u64::from(day.year().unsigned_abs());
        ChaCha8Rng::seed_from_u64(
            self.seed
                ^ of.wrapping_mul(0x9e37_79b9_7f4a_7c15)
                ^ day.wrapping_mul(0xd1b5_4a32_d192_ed03),
        )
    }
}

fn a_use(ide: &'static str, random: &mut ChaCha8Rng) -> Use {
    let language = Some(one(&LANGUAGES, random));
    let model = Some(one(&MODELS, random));
    let generations = random.random_range(1..30);
    let suggested = random.random_range(0..200);
    let activity = Activity {
        interactions: random.random_range(1..12),
        generations,
        acceptances: random.random_range(0..=generations),
        suggested_to_add: suggested,
        suggested_to_delete: random.random_range(0..40),
        added: random.random_range(0..=suggested),
        deleted: random.random_range(0..20),
    };
    let (feature, language, model, activity) = match random.random_range(0..4) {
        // Nobody asks for a completion, and nobody chooses its model.
        0 | 1 => {
            let completed = Activity {
                interactions: 0,
                suggested_to_delete: 0,
                deleted: 0,
                ..activity
            };
            ("code_completion", language, None, completed)
        }
        // Documented: what an agent does to files is its own, and was asked for elsewhere.
        2 => {
            let edited = Activity {
                interactions: 0,
                acceptances: 0,
                suggested_to_add: 0,
                suggested_to_delete: 0,
                ..activity
            };
            ("agent_edit", language, model, edited)
        }
        // An answer need not be code.
        _ => (
            "chat_panel_ask_mode",
            language.filter(|_| generations > 4),
            model,
            activity,
        ),
    };
    Use {
        ide,
        feature,
        language,
        model,
        activity,
    }
}

fn one(of: &[&'static str], random: &mut ChaCha8Rng) -> &'static str {
    of.choose(random).copied().unwrap_or_default()
}
