//! The landing page: what this is, how its organisations are, and where to go. One page, one style sheet, one picture, no script.

use std::fmt::Write as _;

use axum::{
    extract::State,
    http::header,
    response::{Html, IntoResponse as _, Response},
};

use super::Face;
use crate::health::{ComponentReport, Condition, Mode, Report, Role};

/// Assets change with the program only.
const A_DAY: &str = "public, max-age=86400";

pub(super) async fn style() -> Response {
    let kind = [
        (header::CONTENT_TYPE, "text/css; charset=utf-8"),
        (header::CACHE_CONTROL, A_DAY),
    ];
    (kind, include_str!("page/style.css")).into_response()
}

pub(super) async fn icon() -> Response {
    let kind = [
        (header::CONTENT_TYPE, "image/svg+xml"),
        (header::CACHE_CONTROL, A_DAY),
    ];
    (kind, include_str!("page/icon.svg")).into_response()
}

pub(super) async fn landing(State(face): State<Face>) -> Response {
    let now = (face.now)();
    Html(render(&face.health.report(now), now)).into_response()
}

fn render(report: &Report, now: jiff::Timestamp) -> String {
    let organisations: Vec<&ComponentReport> = report
        .components
        .iter()
        .filter(|component| component.organisation.is_some())
        .collect();
    let parts: Vec<&ComponentReport> = report
        .components
        .iter()
        .filter(|component| component.organisation.is_none())
        .collect();
    let mut page = String::with_capacity(8 * 1024);
    let _ = write!(
        page,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<meta http-equiv=\"refresh\" content=\"30\">\n\
         <title>Tidegate</title>\n<link rel=\"icon\" href=\"/icon.svg\" type=\"image/svg+xml\">\n\
         <link rel=\"stylesheet\" href=\"/style.css\">\n</head>\n<body>\n<main>\n\
         <header>\n<img src=\"/icon.svg\" alt=\"\" width=\"44\" height=\"44\">\n<div>\n<h1>Tidegate</h1>\n\
         <p>Measures what happens in GitHub organisations, and never spends more of the API quota than it may.</p>\n\
         </div>\n{}\n</header>\n",
        pill(mode_class(report.mode), mode_word(report.mode)),
    );
    section_of_organisations(&organisations, now, &mut page);
    section_of_parts(&parts, &mut page);
    let _ = write!(
        page,
        "<section>\n<h2>Where to go</h2>\n<ul class=\"links\">\n\
         <li><a href=\"/metrics\">/metrics</a> <span>everything measured, for Prometheus</span></li>\n\
         <li><a href=\"/healthz\">/healthz</a> <span>health as JSON, with the age of the data</span></li>\n\
         <li><a href=\"/readyz\">/readyz</a> <span>whether the node can serve</span></li>\n\
         <li><a href=\"/livez\">/livez</a> <span>whether the process lives</span></li>\n</ul>\n</section>\n\
         <footer>version {} · {} · up {} · as of {}</footer>\n</main>\n</body>\n</html>\n",
        escape(report.version),
        role(report),
        ago(now.duration_since(report.started).as_secs()),
        now.strftime("%Y-%m-%d %H:%M:%S UTC"),
    );
    page
}

fn section_of_organisations(
    organisations: &[&ComponentReport],
    now: jiff::Timestamp,
    page: &mut String,
) {
    page.push_str("<section>\n<h2>Organisations</h2>\n");
    if organisations.is_empty() {
        page.push_str("<p class=\"quiet\">No organisation is measured.</p>\n</section>\n");
        return;
    }
    page.push_str(
        "<div class=\"wide\"><table>\n<thead><tr><th>Organisation</th><th>State</th><th class=\"number\">Repositories</th>\
         <th class=\"number\">Last pass</th><th class=\"number\">Took</th><th class=\"number\">Age of the data</th></tr></thead>\n\
         <tbody>\n",
    );
    for component in organisations {
        let name = component.organisation.as_deref().unwrap_or_default();
        let cycle = component.last_cycle.as_ref();
        let unknown = || "–".to_owned();
        let _ = writeln!(
            page,
            "<tr><th scope=\"row\">{}</th><td>{}</td><td class=\"number\">{}</td><td class=\"number\">{}</td>\
             <td class=\"number\">{}</td><td class=\"number\">{}</td></tr>",
            escape(name),
            pill(
                condition_class(component.condition),
                condition_word(component.condition)
            ),
            cycle.map_or_else(unknown, |cycle| cycle.repositories.to_string()),
            cycle.map_or_else(unknown, |cycle| format!(
                "{} ago",
                ago(now.duration_since(cycle.finished).as_secs())
            )),
            cycle.map_or_else(unknown, |cycle| format!("{:.1} s", cycle.seconds)),
            component.data_age_seconds.map_or_else(unknown, ago),
        );
        if let Some(note) = &component.note {
            let _ = writeln!(
                page,
                "<tr class=\"note\"><td colspan=\"6\">{}</td></tr>",
                escape(note)
            );
        }
    }
    page.push_str("</tbody>\n</table></div>\n</section>\n");
}

fn section_of_parts(parts: &[&ComponentReport], page: &mut String) {
    if parts.is_empty() {
        return;
    }
    page.push_str("<section>\n<h2>Node</h2>\n<ul class=\"parts\">\n");
    for part in parts {
        let note = part
            .note
            .as_deref()
            .map(|note| format!(" <span>{}</span>", escape(note)))
            .unwrap_or_default();
        let state = pill(
            condition_class(part.condition),
            condition_word(part.condition),
        );
        let _ = writeln!(page, "<li>{} {state}{note}</li>", escape(part.name));
    }
    page.push_str("</ul>\n</section>\n");
}

fn pill(class: &str, word: &str) -> String {
    format!("<strong class=\"pill {class}\">{word}</strong>")
}

fn mode_word(mode: Mode) -> &'static str {
    match mode {
        Mode::Healthy => "healthy",
        Mode::Degraded => "degraded",
        Mode::Unhealthy => "unhealthy",
    }
}

fn mode_class(mode: Mode) -> &'static str {
    match mode {
        Mode::Healthy => "good",
        Mode::Degraded => "fair",
        Mode::Unhealthy => "bad",
    }
}

fn condition_word(condition: Condition) -> &'static str {
    match condition {
        Condition::Starting => "starting",
        Condition::Healthy => "healthy",
        Condition::Degraded => "degraded",
        Condition::Failed => "failed",
    }
}

fn condition_class(condition: Condition) -> &'static str {
    match condition {
        Condition::Starting => "calm",
        Condition::Healthy => "good",
        Condition::Degraded => "fair",
        Condition::Failed => "bad",
    }
}

fn role(report: &Report) -> String {
    let role = match report.role {
        Role::Starting => "starting",
        Role::Leader => "leader",
        Role::Follower => "follower",
    };
    report.epoch.map_or_else(
        || role.to_owned(),
        |epoch| format!("{role} in term {epoch}"),
    )
}

/// A span of time as people say it: the two largest units would be one too many.
fn ago(seconds: i64) -> String {
    match seconds {
        ..0 => "0 s".to_owned(),
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// Text that may stand between tags and in attributes.
fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}
