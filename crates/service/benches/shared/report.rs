//! Where a benchmark leaves its figures: a table on the screen, JSON under `target/bench/`.

use std::path::PathBuf;

use serde_json::Value;

/// Where the JSON goes.
fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/bench"))
}

/// Keeps the figures of a benchmark.
pub(crate) fn keep(name: &str, figures: &Value) {
    let folder = folder();
    std::fs::create_dir_all(&folder).expect("target/bench can be made");
    let text = serde_json::to_string_pretty(figures).expect("figures are JSON");
    std::fs::write(folder.join(format!("{name}.json")), text + "\n").expect("it can be written");
}

/// A line of the table: what, the figure, the bar, and whether it is met.
pub(crate) fn judged(what: &str, figure: f64, unit: &str, bar: Bar) -> Value {
    let (word, limit, met) = match bar {
        Bar::AtMost(limit) => ("at most", limit, figure <= limit),
        Bar::AtLeast(limit) => ("at least", limit, figure >= limit),
    };
    let verdict = if met { "met" } else { "MISSED" };
    println!("  {what:<58} {figure:>10.1} {unit:<8} {word} {limit}: {verdict}");
    serde_json::json!({ "what": what, "figure": figure, "unit": unit, "bar": word, "limit": limit, "met": met })
}

/// What a figure has to reach.
pub(crate) enum Bar {
    AtMost(f64),
    AtLeast(f64),
}
