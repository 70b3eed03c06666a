//! Scalars as GitHub writes them.

use apollo_compiler::resolvers::ResolvedValue;
use jiff::Timestamp;

/// Where the pages are that `url` fields point at.
const SITE: &str = "https://github.com";

/// `DateTime`: whole seconds, UTC, with a `Z`.
pub(super) fn time<'a>(at: Timestamp) -> ResolvedValue<'a> {
    ResolvedValue::leaf(at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

/// `DateTime` or null.
pub(super) fn optional_time<'a>(at: Option<Timestamp>) -> ResolvedValue<'a> {
    at.map_or_else(ResolvedValue::null, time)
}

/// `Int`, which ends at 2³¹ − 1; larger counts stay there.
pub(super) fn count<'a>(number: u64) -> ResolvedValue<'a> {
    ResolvedValue::leaf(i32::try_from(number).unwrap_or(i32::MAX))
}

/// `databaseId: Int`: null once an id no longer fits, which is why GitHub has `fullDatabaseId`.
pub(super) fn database_id<'a>(id: u64) -> ResolvedValue<'a> {
    i32::try_from(id).map_or_else(|_| ResolvedValue::null(), ResolvedValue::leaf)
}

/// `fullDatabaseId: BigInt`, which travels as a string.
pub(super) fn full_database_id<'a>(id: u64) -> ResolvedValue<'a> {
    ResolvedValue::leaf(id.to_string())
}

/// Text or null.
pub(super) fn optional_text<'a>(text: Option<&str>) -> ResolvedValue<'a> {
    text.map_or_else(ResolvedValue::null, |text| {
        ResolvedValue::leaf(text.to_owned())
    })
}

/// `url` or `resourcePath` of what has this path.
pub(super) fn address<'a>(field: &str, path: &str) -> ResolvedValue<'a> {
    match field {
        "url" => ResolvedValue::leaf(format!("{SITE}{path}")),
        _ => ResolvedValue::leaf(path.to_owned()),
    }
}
