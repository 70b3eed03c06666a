//! What is written, in which form, and what is held back.

use std::{
    io,
    sync::{Arc, Mutex},
};

use super::*;

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What a level and a style make of a line at every level from us, and of one at every level from a library.
fn written(level: LogLevel, style: Style) -> String {
    let lines = Lines::default();
    let sink = lines.clone();
    tracing::subscriber::with_default(subscriber(level, style, move || sink.clone()), || {
        tracing::error!(target: "github::gate", "ours-error");
        tracing::info!(target: "service", organisation = "acme", "ours-info");
        tracing::trace!(target: "quota", "ours-trace");
        tracing::error!(target: "hyper::client", "library-error");
        tracing::warn!(target: "rustls", "library-warn");
        tracing::trace!(target: "h2::codec", authorization = "planted", "library-trace");
        tracing::debug!(target: "githubish", authorization = "planted", "library-debug");
    });
    let bytes = lines.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn the_level_is_for_our_crates_and_libraries_are_held_at_warnings() {
    let words = |level: LogLevel| {
        let text = written(level, Style::Plain);
        let all = [
            "ours-error",
            "ours-info",
            "ours-trace",
            "library-error",
            "library-warn",
            "library-debug",
            "library-trace",
        ];
        all.into_iter()
            .filter(|word| text.contains(word))
            .collect::<Vec<_>>()
    };
    assert_eq!(words(LogLevel::Error), ["ours-error", "library-error"]);
    assert_eq!(
        words(LogLevel::Info),
        ["ours-error", "ours-info", "library-error", "library-warn"]
    );
    assert_eq!(
        words(LogLevel::Trace),
        [
            "ours-error",
            "ours-info",
            "ours-trace",
            "library-error",
            "library-warn"
        ]
    );
}

#[test]
fn json_is_one_object_per_line_with_its_fields_beside_the_message() {
    let text = written(LogLevel::Info, Style::Json);
    let lines: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let info = lines
        .iter()
        .find(|line| line["message"] == "ours-info")
        .unwrap();
    assert_eq!(
        (&info["level"], &info["organisation"], &info["target"]),
        (&"INFO".into(), &"acme".into(), &"service".into())
    );
}

#[test]
fn a_terminal_gets_text_and_everything_else_json_unless_told() {
    assert_eq!(Style::of(LogFormat::Auto, true, false), Style::Coloured);
    assert_eq!(Style::of(LogFormat::Auto, true, true), Style::Plain);
    assert_eq!(Style::of(LogFormat::Auto, false, false), Style::Json);
    assert_eq!(Style::of(LogFormat::Text, false, false), Style::Plain);
    assert_eq!(Style::of(LogFormat::Json, true, false), Style::Json);
}
