//! Draws coverage: a row per repository or stream, time to the right.

use jiff::{SignedDuration, Timestamp};
use ledger::event::Stream;
use ledger::port::activity::{RepoView, StreamView};
use ledger::window::Window;

use super::{Org, row_name};
use crate::cli::style::{Paint, Style};

/// Fewer columns of time than this say nothing.
const NARROWEST: usize = 10;

/// No name is wider than this.
const WIDEST_NAME: usize = 36;

/// What one column of time shows, from the best to the worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Cell {
    /// Before anything was tracked.
    Untracked,
    /// Read whole.
    Covered,
    /// Not read yet.
    Undecided,
    /// Not read, and known not to be.
    Gap,
    /// Cannot be read.
    Unavailable,
}

impl Cell {
    fn drawn(self, style: Style) -> (char, Paint) {
        let (fine, plain, paint) = match self {
            Cell::Untracked => (' ', ' ', Paint::Aside),
            Cell::Covered => ('█', '#', Paint::Good),
            Cell::Undecided => ('░', '.', Paint::Aside),
            Cell::Gap => ('▒', '!', Paint::Bad),
            Cell::Unavailable => ('╳', 'x', Paint::Warning),
        };
        (if style.unicode { fine } else { plain }, paint)
    }
}

/// The whole picture, a line each.
pub(super) fn lines(orgs: &[Org], by_stream: bool, style: Style, now: Timestamp) -> Vec<String> {
    let mut lines = Vec::new();
    if orgs.is_empty() {
        return vec!["no organisation is known yet".to_owned()];
    }
    for org in orgs {
        lines.extend(organisation(org, by_stream, style, now));
    }
    lines.push(legend(style));
    lines
}

fn organisation(org: &Org, by_stream: bool, style: Style, now: Timestamp) -> Vec<String> {
    let rows = rows(org, by_stream);
    if rows.is_empty() {
        let line = format!("{}: no repository to show", org.name);
        return vec![line, String::new()];
    }
    let views = rows.iter().flat_map(|(_, views)| views);
    let start = views
        .map(|view| shown_start(view, now))
        .min()
        .unwrap_or(now);
    let names = rows.iter().map(|(name, _)| name.chars().count());
    let name_width = names.max().unwrap_or(0).min(WIDEST_NAME);
    let share_width = " 100 %".len();
    let columns = style
        .width
        .saturating_sub(name_width + 1 + share_width)
        .max(NARROWEST);
    let mut lines = vec![
        style.paint(&org.name, Paint::Head),
        format!("{:name_width$} {}", "", axis(start, columns)),
    ];
    for (name, views) in rows {
        let name = style.clip(&name, name_width);
        let cells = cells(&views, start, now, columns);
        let share = share(&views, now);
        let padding = " ".repeat(name_width - name.chars().count());
        lines.push(format!(
            "{name}{padding} {}{share:>6}",
            paint(&cells, style)
        ));
        for line in troubles(&views, now) {
            let line = style.clip(&line, style.width.saturating_sub(2));
            lines.push(format!("  {}", style.paint(&line, Paint::Aside)));
        }
    }
    lines.push(String::new());
    lines
}

type Row<'views> = (String, Vec<&'views StreamView>);

fn rows(org: &Org, by_stream: bool) -> Vec<Row<'_>> {
    let of_repo = |repo: &'_ RepoView| -> Vec<Option<Stream>> {
        if by_stream {
            repo.streams.iter().map(|view| Some(view.stream)).collect()
        } else {
            vec![None]
        }
    };
    let mut rows = Vec::new();
    for repo in &org.repos {
        for stream in of_repo(repo) {
            let views = repo.streams.iter();
            let views = views.filter(|view| stream.is_none_or(|stream| stream == view.stream));
            rows.push((row_name(repo, stream), views.collect()));
        }
    }
    rows
}

/// All of history is drawn from the first thing that was read or missed in this age.
fn shown_start(view: &StreamView, now: Timestamp) -> Timestamp {
    let year_1970 = Timestamp::UNIX_EPOCH;
    if view.coverage.start() >= year_1970 {
        return view.coverage.start();
    }
    now.checked_sub(SignedDuration::from_hours(365 * 24))
        .unwrap_or(year_1970)
}

/// The worst of the streams in each column.
fn cells(views: &[&StreamView], start: Timestamp, now: Timestamp, columns: usize) -> Vec<Cell> {
    let span = now.duration_since(start).as_secs_f64().max(1.0);
    let at = |column: usize| {
        let part = span * column as f64 / columns as f64;
        start + SignedDuration::from_secs_f64(part)
    };
    (0..columns)
        .map(|column| {
            let slot = Window::new(at(column), at(column + 1));
            let worst = views.iter().filter_map(|view| Some(cell(view, slot?, now)));
            worst.max().unwrap_or(Cell::Untracked)
        })
        .collect()
}

fn cell(view: &StreamView, slot: Window, now: Timestamp) -> Cell {
    let coverage = &view.coverage;
    if slot.end() <= coverage.start() {
        return Cell::Untracked;
    }
    if view.unavailable.is_some() && slot.end() > coverage.frontier() {
        return Cell::Unavailable;
    }
    let meets = |window: Window| window.intersection(slot).is_some();
    if coverage.gaps_before(now).any(|gap| meets(gap.window)) {
        Cell::Gap
    } else if coverage.covered().iter().any(|window| meets(*window)) {
        Cell::Covered
    } else {
        Cell::Undecided
    }
}

fn paint(cells: &[Cell], style: Style) -> String {
    let mut line = String::new();
    for run in cells.chunk_by(|one, other| one == other) {
        let (character, paint) = run[0].drawn(style);
        let text: String = std::iter::repeat_n(character, run.len()).collect();
        line.push_str(&style.paint(&text, paint));
    }
    line
}

/// How much of the tracked time was read; never rounded up to all of it.
fn share(views: &[&StreamView], now: Timestamp) -> String {
    let readable: Vec<f64> = views
        .iter()
        .filter(|view| view.unavailable.is_none())
        .map(|view| view.coverage.ratio(now))
        .collect();
    if readable.is_empty() {
        return "-".to_owned();
    }
    let mean = readable.iter().sum::<f64>() / readable.len() as f64;
    format!("{} %", (mean * 100.0).floor())
}

fn troubles(views: &[&StreamView], now: Timestamp) -> Vec<String> {
    let mut lines = Vec::new();
    for view in views {
        if let Some(why) = &view.unavailable {
            lines.push(format!("{}: cannot be read: {why}", view.stream));
            continue;
        }
        for gap in view.coverage.gaps_before(now) {
            let window = format!(
                "{} to {}",
                minute(gap.window.start()),
                minute(gap.window.end())
            );
            let mut line = format!("{}: {} {window}", view.stream, gap.reason);
            if view.backfill.stuck {
                line.push_str(", stuck (`tidegate backfill retry`)");
            } else if view.backfill.attempts > 0 {
                line.push_str(&format!(", {} attempts failed", view.backfill.attempts));
            }
            let why = if view.backfill.error.is_empty() {
                &gap.error
            } else {
                &view.backfill.error
            };
            if !why.is_empty() {
                line.push_str(&format!(": {why}"));
            }
            lines.push(line);
        }
    }
    lines
}

/// Where the time begins and ends.
fn axis(start: Timestamp, columns: usize) -> String {
    let (from, to) = (minute(start), "now");
    let room = columns.saturating_sub(from.chars().count() + to.len());
    format!("{from}{}{to}", " ".repeat(room))
}

/// `2025-06-01 12:00`, in UTC.
fn minute(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M").to_string()
}

fn legend(style: Style) -> String {
    let part = |cell: Cell, word: &str| {
        let (character, paint) = cell.drawn(style);
        format!("{} {word}", style.paint(&character.to_string(), paint))
    };
    [
        part(Cell::Covered, "read"),
        part(Cell::Gap, "gap"),
        part(Cell::Undecided, "not read yet"),
        part(Cell::Unavailable, "cannot be read"),
    ]
    .join("   ")
}

#[cfg(test)]
mod tests;
