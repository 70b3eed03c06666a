//! What a report's file says, a JSON record on each line.
//!
//! The fields are those of GitHub's example schemas, as far as anybody sums them up. Which bad lines a file has on
//! request is invented.

use jiff::civil::Date;
use serde_json::{Map, Value, json};

use super::{Part, Report};
use crate::World;
use crate::world::AccountId;
use crate::world::copilot::{Activity, PullFigures, Reported, Use};

/// Lines that nobody can read, each in its own way.
const BAD: [&str; 4] = [
    r#"{"day":"2025-05-01","user_login":"#,
    "<html>Bad gateway</html>",
    r#"["day"]"#,
    r#"{"day":"2025-05-01","user_login":"nobody","loc_added_sum":-7}"#,
];

/// Which parts of a use name an entry of a list of sums.
type Naming = &'static [(&'static str, fn(&Use) -> Option<&'static str>)];

/// The lists of sums: the field, what names an entry, and whether questions are counted there.
const LISTS: [(&str, Naming, bool); 5] = [
    ("totals_by_ide", &[("ide", |of| Some(of.ide))], true),
    (
        "totals_by_feature",
        &[("feature", |of| Some(of.feature))],
        true,
    ),
    (
        "totals_by_language_feature",
        &[
            ("language", |of| of.language),
            ("feature", |of| Some(of.feature)),
        ],
        false,
    ),
    (
        "totals_by_language_model",
        &[("language", |of| of.language), ("model", |of| of.model)],
        false,
    ),
    (
        "totals_by_model_feature",
        &[("model", |of| of.model), ("feature", |of| Some(of.feature))],
        true,
    ),
];

/// The bytes of one file.
pub(super) fn bytes(world: &World, reported: &Reported, part: &Part) -> Vec<u8> {
    let mut lines: Vec<String> = match part.report {
        Report::Totals => totals(world, reported, part),
        Report::Users => users(world, reported, part),
    };
    let quirks = &reported.quirks;
    let bad = BAD.iter().cycle().take(quirks.bad_lines);
    for (n, line) in bad.enumerate() {
        lines.insert((n * 2).min(lines.len()), (*line).to_owned());
    }
    if let Some(length) = quirks.long_line {
        let (head, tail) = (r#"{"day":""#, r#""}"#);
        let filling = "x".repeat(length.saturating_sub(head.len() + tail.len()));
        lines.insert(lines.len() / 2, format!("{head}{filling}{tail}"));
    }
    let mut bytes = lines.join("\n").into_bytes();
    bytes.push(b'\n');
    bytes
}

/// One record with all days of this file, or the record of the one day.
fn totals(world: &World, reported: &Reported, part: &Part) -> Vec<String> {
    let day = |day: Date| {
        let uses: Vec<(AccountId, Vec<Use>)> = reported
            .seats
            .iter()
            .map(|user| (*user, world.copilot_use(*user, day)))
            .filter(|(_, uses)| !uses.is_empty())
            .collect();
        let active = uses.len();
        let uses: Vec<Use> = uses.into_iter().flat_map(|(_, uses)| uses).collect();
        let mut record = record(reported, day, &uses);
        record.insert("daily_active_users".to_owned(), json!(active));
        let pulls = pulls(world.copilot_pulls(reported.id, day));
        record.insert("pull_requests".to_owned(), pulls);
        record
    };
    if part.days.is_one() {
        return vec![Value::Object(day(part.days.start)).to_string()];
    }
    let of_part = |(n, _): &(usize, Date)| n % part.parts + 1 == part.number;
    let days: Vec<Value> = part
        .days
        .all()
        .enumerate()
        .filter(of_part)
        .filter(|(_, day)| *day >= reported.since)
        .map(|(_, one)| Value::Object(day(one)))
        .collect();
    let whole = json!({
        "report_start_day": part.days.start.to_string(),
        "report_end_day": part.days.end.to_string(),
        field_of_id(reported): reported.id.to_string(),
        "created_at": format!("{}T06:00:00Z", part.days.end),
        "day_totals": days,
    });
    vec![whole.to_string()]
}

/// A record for each day of each user of this file who did anything.
fn users(world: &World, reported: &Reported, part: &Part) -> Vec<String> {
    let of_part = |(n, _): &(usize, &AccountId)| n % part.parts + 1 == part.number;
    let mut lines = Vec::new();
    for (_, user) in reported.seats.iter().enumerate().filter(of_part) {
        let Some(account) = world.account(*user) else {
            continue;
        };
        for day in part.days.all().filter(|day| *day >= reported.since) {
            let uses = world.copilot_use(*user, day);
            if uses.is_empty() {
                continue;
            }
            let mut record = record(reported, day, &uses);
            if !part.days.is_one() {
                record.insert(
                    "report_start_day".to_owned(),
                    json!(part.days.start.to_string()),
                );
                record.insert(
                    "report_end_day".to_owned(),
                    json!(part.days.end.to_string()),
                );
            }
            record.insert("user_id".to_owned(), json!(account.id));
            record.insert("user_login".to_owned(), json!(account.login));
            let asked = uses.iter().any(|one| one.feature.starts_with("chat"));
            record.insert("used_chat".to_owned(), json!(asked));
            let edited = uses.iter().any(|one| one.feature.starts_with("agent"));
            record.insert("used_agent".to_owned(), json!(edited));
            lines.push(Value::Object(record).to_string());
        }
    }
    lines
}

/// What every record says: the day, the sums, and the lists of sums.
fn record(reported: &Reported, day: Date, uses: &[Use]) -> Map<String, Value> {
    let mut record = Map::new();
    record.insert("day".to_owned(), json!(day.to_string()));
    record.insert(
        field_of_id(reported).to_owned(),
        json!(reported.id.to_string()),
    );
    if !reported.quirks.without_sums {
        let sum = uses.iter().map(|one| one.activity).sum();
        record.extend(counts(sum, true));
    }
    for (field, naming, asks) in LISTS {
        let mut entries: Vec<(Vec<&'static str>, Activity)> = Vec::new();
        for one in uses {
            let names: Option<Vec<&'static str>> =
                naming.iter().map(|(_, name)| name(one)).collect();
            let Some(names) = names else { continue };
            match entries.iter_mut().find(|(known, _)| *known == names) {
                Some((_, sum)) => *sum += one.activity,
                None => entries.push((names, one.activity)),
            }
        }
        let entries = entries.into_iter().map(|(names, sum)| {
            let mut entry = counts(sum, asks);
            for ((field, _), name) in naming.iter().zip(names) {
                entry.insert((*field).to_owned(), json!(name));
            }
            Value::Object(entry)
        });
        record.insert(field.to_owned(), entries.collect());
    }
    record
}

fn field_of_id(reported: &Reported) -> &'static str {
    if reported.is_enterprise {
        "enterprise_id"
    } else {
        "organization_id"
    }
}

fn counts(of: Activity, with_questions: bool) -> Map<String, Value> {
    let fields = [
        ("user_initiated_interaction_count", of.interactions),
        ("code_generation_activity_count", of.generations),
        ("code_acceptance_activity_count", of.acceptances),
        ("loc_suggested_to_add_sum", of.suggested_to_add),
        ("loc_suggested_to_delete_sum", of.suggested_to_delete),
        ("loc_added_sum", of.added),
        ("loc_deleted_sum", of.deleted),
    ];
    let skipped = usize::from(!with_questions);
    let fields = fields.into_iter().skip(skipped);
    fields
        .map(|(field, count)| (field.to_owned(), json!(count)))
        .collect()
}

fn pulls(of: PullFigures) -> Value {
    json!({
        "total_created": of.created,
        "total_reviewed": of.reviewed,
        "total_merged": 0,
        "total_created_by_copilot": of.created_by_copilot,
        "total_reviewed_by_copilot": of.reviewed_by_copilot,
    })
}
