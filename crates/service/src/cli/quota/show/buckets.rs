//! The buckets of a credential as a table.

use std::ops::RangeInclusive;

use jiff::Timestamp;
use quota::{Lane, Resource};

use super::{ahead, width};
use crate::cli::quota::Source;
use crate::cli::style::{Paint, Style};
use crate::cli::table::{self, Align};
use crate::quota_view::{QuotaView, ResourceView};

/// A bar has at least and at most so many columns.
const BAR: RangeInclusive<usize> = 5..=24;

/// The buckets that somebody draws on. GitHub tells all there are, of which most are never touched.
pub(super) fn asked(view: &QuotaView, source: Source) -> Vec<&ResourceView> {
    let usual = [Resource::core(), Resource::graphql()];
    let matters = |found: &&ResourceView| {
        source == Source::Processes
            || found.used.is_some_and(|used| used > 0)
            || usual.iter().any(|usual| usual.as_str() == found.resource)
    };
    view.resources.iter().filter(matters).collect()
}

/// A table of them, with a bar for what is left.
pub(super) fn push(
    resources: &[&ResourceView],
    at: Timestamp,
    style: Style,
    lines: &mut Vec<String>,
) {
    const SIDES: &[Align] = &[
        Align::Left,
        Align::Right,
        Align::Right,
        Align::Left,
        Align::Left,
        Align::Right,
        Align::Left,
    ];
    // Only a process that has asked for something knows what is reserved and what is to be expected.
    let is_known = |found: &&ResourceView| !found.floors.is_empty() || found.forecast.is_some();
    let columns = if resources.iter().any(is_known) {
        SIDES.len()
    } else {
        SIDES.len() - 2
    };
    let rows = |bar: usize| {
        let head = [
            "resource",
            "used",
            "left",
            "",
            "reset",
            "reserve",
            "at the reset",
        ];
        let mut rows = vec![head.map(str::to_owned).to_vec()];
        rows.extend(resources.iter().map(|found| bucket(found, at, style, bar)));
        for row in &mut rows {
            row.truncate(columns);
        }
        table::aligned(&rows, SIDES)
    };
    // The bar takes what the words leave.
    let words = width(&rows(0));
    let bar = match style.width.saturating_sub(words) {
        room if room < *BAR.start() => 0,
        room => room.min(*BAR.end()),
    };
    let text = rows(bar);
    let mut text = text.lines();
    let head = text.next().unwrap_or_default();
    lines.push(style.paint(&style.clip(head, style.width), Paint::Aside));
    for (line, found) in text.zip(resources) {
        let line = style.clip(line, style.width);
        let bar = bar_of(found, style, bar);
        lines.push(match bar.as_str() {
            "" => line,
            bar => line.replacen(bar, &style.paint(bar, standing(found)), 1),
        });
    }
}

/// The cells of one bucket.
fn bucket(found: &ResourceView, now: Timestamp, style: Style, bar: usize) -> Vec<String> {
    let number = |number: Option<u64>| number.map_or_else(|| "-".to_owned(), |n| n.to_string());
    let left = match found.limit {
        Some(limit) => format!("{} of {limit}", number(found.remaining)),
        None => "no limit".to_owned(),
    };
    let reset = match found.reset {
        Some(reset) => format!("in {}", ahead(now, reset)),
        None => "-".to_owned(),
    };
    vec![
        found.resource.clone(),
        number(found.used),
        left,
        bar_of(found, style, bar),
        reset,
        number(found.left_by(Lane::Scheduled)),
        forecast(found, now),
    ]
}

fn bar_of(found: &ResourceView, style: Style, columns: usize) -> String {
    match (found.remaining, found.limit) {
        (Some(remaining), Some(limit)) => style.bar(remaining, limit, columns),
        _ => String::new(),
    }
}

/// How a bucket stands, in a colour.
fn standing(found: &ResourceView) -> Paint {
    let left = found.remaining.unwrap_or(0);
    let runs_out = found
        .forecast
        .as_ref()
        .is_some_and(|forecast| forecast.runs_out.is_some());
    if left <= found.left_by(Lane::Scheduled).unwrap_or(0) {
        Paint::Bad
    } else if runs_out {
        Paint::Warning
    } else {
        Paint::Good
    }
}

/// What comes of it as things go. Work that can wait stops at the reserve, so that it gets there first, and is gone no
/// sooner than said.
fn forecast(found: &ResourceView, now: Timestamp) -> String {
    let Some(forecast) = &found.forecast else {
        return "-".to_owned();
    };
    let Some(gone) = forecast.runs_out else {
        return format!("{} used", forecast.used_at_reset);
    };
    let left = found.remaining.unwrap_or(0);
    let reserve = found.left_by(Lane::Scheduled).unwrap_or(0);
    if reserve == 0 {
        format!("gone in {}", ahead(now, gone))
    } else if left <= reserve {
        format!("gone in {}+", ahead(now, gone))
    } else {
        let part = (left - reserve) as f64 / left as f64;
        let there = now + gone.duration_since(now).mul_f64(part);
        format!("reserve in {}", ahead(now, there))
    }
}
