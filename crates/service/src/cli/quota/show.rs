//! The answer of `tidegate quota` for people: lines that fit into the columns there are.

mod buckets;

use jiff::Timestamp;

use super::pulse::Life;
use super::{Answer, Process, Source};
use crate::cli::span;
use crate::cli::style::{Paint, Style};
use crate::cli::table::{self, Align};
use crate::cli::wrap::wrapped;
use crate::quota_view::{Avoided, QuotaView, SpentView, WaitingView, Why};

/// So many spenders of a credential are shown, or fewer where they leave no room for what stands below them.
const SPENDERS: [usize; 4] = [15, 8, 5, 3];

/// The answer, on as few lines as it takes to fit into so many.
pub(super) fn lines(answer: &Answer, style: Style, height: usize) -> Vec<String> {
    let mut all = SPENDERS
        .into_iter()
        .map(|spenders| whole(answer, style, spenders));
    let first = all.next().unwrap_or_default();
    all.fold(
        first,
        |lines, fewer| {
            if lines.len() <= height { lines } else { fewer }
        },
    )
}

fn whole(answer: &Answer, style: Style, most: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for note in &answer.notes {
        lines.extend(sentence(note, style));
    }
    for view in &answer.credentials {
        if answer.source == Source::GitHub && view.resources.is_empty() {
            // A note says why.
            continue;
        }
        if !lines.is_empty() {
            lines.push(String::new());
        }
        credential(view, answer, style, most, &mut lines);
    }
    if answer.source == Source::Processes {
        lines.push(String::new());
        processes(&answer.processes, style, &mut lines);
    }
    lines
}

fn credential(
    view: &QuotaView,
    answer: &Answer,
    style: Style,
    most: usize,
    lines: &mut Vec<String>,
) {
    let title = style.clip(&format!("credential {}", view.credential), style.width);
    lines.push(style.paint(&title, Paint::Head));
    if let Some(closed) = &view.closed {
        let why = match closed.why {
            Why::Primary => "a quota is used up",
            Why::Secondary => "a secondary limit",
            Why::Told => "told by another process or an earlier run",
        };
        let line = format!(
            "closed for {}: {why}; nothing is sent",
            ahead(view.at, closed.until)
        );
        lines.push(style.paint(&style.clip(&line, style.width), Paint::Bad));
    }
    let resources = buckets::asked(view, answer.source);
    if resources.is_empty() && view.spent.is_empty() && view.waiting.is_empty() {
        lines.extend(sentence("nothing has been asked with it yet", style));
        return;
    }
    if resources.is_empty() {
        lines.extend(sentence("nothing is known of its quota yet", style));
    } else {
        buckets::push(&resources, view.at, style, lines);
    }
    if answer.source == Source::GitHub {
        return;
    }
    lines.push(String::new());
    spenders(view, style, most, lines);
    lines.push(String::new());
    waiting(view, style, lines);
    lines.push(String::new());
    lines.extend(sentence(&pace(view), style));
    lines.extend(avoided(view).iter().flat_map(|line| sentence(line, style)));
}

fn spenders(view: &QuotaView, style: Style, most: usize, lines: &mut Vec<String>) {
    const SIDES: &[Align] = &[
        Align::Left,
        Align::Left,
        Align::Left,
        Align::Right,
        Align::Right,
        Align::Right,
    ];
    if view.spent.is_empty() {
        lines.extend(sentence("nobody has spent anything yet", style));
        return;
    }
    let lately = match view.lately_seconds {
        0 => "lately".to_owned(),
        seconds => format!("last {}", span::lasting(seconds)),
    };
    let named = |text: &str| match text {
        "" => "-".to_owned(),
        text => text.to_owned(),
    };
    let rest = view.spent.get(most..).unwrap_or_default();
    let rows = |endpoint: usize| {
        let head = [
            "who spends",
            "organisation",
            "endpoint",
            &lately,
            "used",
            "requests",
        ];
        let mut rows = vec![head.map(str::to_owned).to_vec()];
        rows.extend(view.spent.iter().take(most).map(|spent| {
            vec![
                spent.lane.clone(),
                named(&spent.org),
                style.clip_front(&spent.endpoint, endpoint),
                spent.lately.to_string(),
                spent.units.to_string(),
                spent.requests.to_string(),
            ]
        }));
        if !rest.is_empty() {
            let sum = |of: fn(&SpentView) -> u64| rest.iter().map(of).sum::<u64>().to_string();
            rows.push(vec![
                format!("{} more", rest.len()),
                String::new(),
                String::new(),
                sum(|spent| spent.lately),
                sum(|spent| spent.units),
                sum(|spent| spent.requests),
            ]);
        }
        table::aligned(&rows, SIDES)
    };
    // Endpoints are long and their ends say most.
    let longest = view
        .spent
        .iter()
        .map(|spent| spent.endpoint.chars().count());
    let longest = longest.max().unwrap_or(0);
    let over = width(&rows(longest)).saturating_sub(style.width);
    push(&rows(longest.saturating_sub(over).max(8)), style, lines);
}

fn waiting(view: &QuotaView, style: Style, lines: &mut Vec<String>) {
    const SIDES: &[Align] = &[
        Align::Left,
        Align::Left,
        Align::Right,
        Align::Left,
        Align::Left,
    ];
    if view.waiting.is_empty() {
        lines.push("nothing waits".to_owned());
    } else {
        let head = ["who waits", "resource", "requests", "for", "until"];
        let mut rows = vec![head.map(str::to_owned).to_vec()];
        rows.extend(view.waiting.iter().map(|waiting| {
            vec![
                waiting.lane.clone(),
                waiting.resource.clone(),
                waiting.requests.to_string(),
                reason(view, waiting).to_owned(),
                match waiting.until {
                    Some(until) => format!("in {}", ahead(view.at, until)),
                    None => "an answer comes".to_owned(),
                },
            ]
        }));
        push(&table::aligned(&rows, SIDES), style, lines);
    }
    let waited: Vec<String> = view
        .waited
        .iter()
        .filter(|waited| waited.requests > 0)
        .map(|waited| {
            let seconds =
                std::time::Duration::try_from_secs_f64(waited.seconds).unwrap_or_default();
            format!(
                "{} {} for {} ({} {})",
                waited.lane,
                span::lasting(seconds.as_secs()),
                waited.reason,
                waited.requests,
                if waited.requests == 1 {
                    "request"
                } else {
                    "requests"
                },
            )
        })
        .collect();
    if !waited.is_empty() {
        let line = format!("waited so far: {}", waited.join(", "));
        lines.extend(sentence(&line, style));
    }
}

/// What a lane waits for, in words that need no manual.
fn reason<'a>(view: &QuotaView, waiting: &'a WaitingView) -> &'a str {
    let is_for_the_reset = || {
        let mut resources = view.resources.iter();
        let found = resources.find(|found| found.resource == waiting.resource);
        let until = waiting.until;
        found.is_some_and(|found| until.is_some_and(|until| found.ends_at(until)))
    };
    match waiting.reason.as_str() {
        "pacing" => "its turn in the window",
        "reserve" if is_for_the_reset() => "the reset; the rest is reserved",
        // The reserve falls before the reset, or the processes take turns above it.
        "reserve" => "room above the reserve",
        "secondary" => "the secondary limits",
        "blocked" => "GitHub to reopen",
        other => other,
    }
}

fn pace(view: &QuotaView) -> String {
    let mut line = format!("{} in flight", view.in_flight);
    if view.refused > 0 {
        line.push_str(&format!(
            ", {} refused ({} by secondary limits)",
            view.refused, view.secondary_hits
        ));
    }
    if view.rate < 1.0 {
        line.push_str(&format!(
            ", going on at {:.0} % of the usual rate",
            view.rate * 100.0
        ));
    }
    line
}

fn avoided(view: &QuotaView) -> Option<String> {
    let parts: Vec<String> = Avoided::ALL
        .into_iter()
        .filter_map(|mode| {
            let found = view.avoided.iter();
            let count: u64 = found
                .filter(|avoided| avoided.mode == mode.as_str())
                .map(|avoided| avoided.requests)
                .sum();
            let how = match mode {
                Avoided::NotModified => "answered with a 304",
                Avoided::Coalesced => "answered by one under way",
                Avoided::Probe => "spared by the probe",
            };
            (count > 0).then(|| format!("{count} {how}"))
        })
        .collect();
    (!parts.is_empty()).then(|| format!("requests that cost nothing: {}", parts.join(", ")))
}

fn processes(processes: &[Process], style: Style, lines: &mut Vec<String>) {
    let mut rows = vec![
        ["process", "state", "credentials"]
            .map(str::to_owned)
            .to_vec(),
    ];
    rows.extend(processes.iter().map(|process| {
        let state = match process.life {
            Life::Alive => "alive".to_owned(),
            Life::Unknown => "listening".to_owned(),
            Life::Silent => format!("silent for {}", span::lasting(process.still_seconds)),
        };
        vec![process.name.clone(), state, process.credentials.join(", ")]
    }));
    let first = lines.len() + 1;
    push(&table::lay_out(&rows), style, lines);
    for (line, process) in lines.iter_mut().skip(first).zip(processes) {
        if process.life == Life::Silent {
            *line = style.paint(line, Paint::Warning);
        }
    }
}

fn width(text: &str) -> usize {
    text.lines()
        .map(|line| line.chars().count())
        .max()
        .unwrap_or(0)
}

/// The lines of a table, the first one its head.
fn push(table: &str, style: Style, lines: &mut Vec<String>) {
    for (number, line) in table.lines().enumerate() {
        let line = style.clip(line, style.width);
        lines.push(match number {
            0 => style.paint(&line, Paint::Aside),
            _ => line,
        });
    }
}

/// A sentence in as many lines as it takes.
fn sentence(text: &str, style: Style) -> Vec<String> {
    let lines = wrapped(text, style.width).into_iter();
    lines.map(|line| style.clip(&line, style.width)).collect()
}

/// How long it is from `now` to `then`.
fn ahead(now: Timestamp, then: Timestamp) -> String {
    span::lasting(u64::try_from(then.duration_since(now).as_secs()).unwrap_or(0))
}

#[cfg(test)]
mod tests;
