//! The log: one subscriber for the process, on standard error. Standard output belongs to answers.
//!
//! The level that a configuration gives is for our own crates. The libraries below are held at warnings whatever it says: at their
//! trace level they write headers, and headers carry tokens.

use std::io::IsTerminal as _;

use tracing::{level_filters::LevelFilter, subscriber::SetGlobalDefaultError};
use tracing_subscriber::{
    Layer as _, Registry,
    filter::filter_fn,
    fmt::{self, MakeWriter},
    layer::SubscriberExt as _,
};

use crate::config::{Log, LogFormat, LogLevel};

/// Our crates; everything else is a library.
const OURS: &[&str] = &[
    "backends",
    "github",
    "github_sim",
    "ledger",
    "quota",
    "service",
    "tidegate",
];

/// How a line is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Style {
    /// Text with colours.
    Coloured,
    /// Text.
    Plain,
    /// One JSON object per line.
    Json,
}

impl Style {
    /// The style for a format and what stands at the other end. `NO_COLOR` is respected.
    pub fn of(format: LogFormat, terminal: bool, no_colour: bool) -> Style {
        match (format, terminal) {
            (LogFormat::Json, _) | (LogFormat::Auto, false) => Style::Json,
            (LogFormat::Auto | LogFormat::Text, true) if !no_colour => Style::Coloured,
            (LogFormat::Auto | LogFormat::Text, _) => Style::Plain,
        }
    }
}

/// Installs the log of the process.
///
/// # Errors
///
/// A log was installed before.
pub fn install(log: &Log, no_colour: bool) -> Result<(), SetGlobalDefaultError> {
    let style = Style::of(log.format, std::io::stderr().is_terminal(), no_colour);
    tracing::subscriber::set_global_default(subscriber(log.level, style, std::io::stderr))
}

/// A subscriber that writes lines of a level in a style.
pub fn subscriber<W>(
    level: LogLevel,
    style: Style,
    writer: W,
) -> impl tracing::Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let ours = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let others = ours.min(LevelFilter::WARN);
    // By the whole name of a crate: the filter by targets that the library has compares beginnings.
    let filter = filter_fn(move |line| {
        let of = line.target().split("::").next().unwrap_or_default();
        *line.level() <= if OURS.contains(&of) { ours } else { others }
    })
    .with_max_level_hint(ours);
    let lines = fmt::layer().with_writer(writer);
    let layer: Box<dyn tracing_subscriber::Layer<Registry> + Send + Sync> = match style {
        Style::Coloured => lines.with_ansi(true).with_filter(filter).boxed(),
        Style::Plain => lines.with_ansi(false).with_filter(filter).boxed(),
        Style::Json => lines.json().flatten_event(true).with_filter(filter).boxed(),
    };
    Registry::default().with(layer)
}

#[cfg(test)]
mod tests;
