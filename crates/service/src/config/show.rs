//! The effective configuration for people and scripts: each value with where it came from, secrets hidden.

use std::fmt::Write as _;

use super::{Loaded, key::Key, keys, slot::Shown};

/// One key of the effective configuration.
#[derive(Clone, Debug, Eq, PartialEq, serde::Serialize)]
pub struct ShownKey {
    /// The full name.
    pub key: String,
    /// The value as TOML; `None` when nothing is set.
    pub value: Option<String>,
    /// Where it came from: `default`, a file and line, a variable or a flag.
    pub origin: String,
    /// Whether the value is a secret that came from a variable, and is not shown.
    pub hidden: bool,
}

/// Lists the effective values in the order of the table.
pub fn list(loaded: &Loaded) -> Vec<ShownKey> {
    let mut config = loaded.config.clone();
    let mut shown = Vec::new();
    for key in keys::KEYS {
        if (key.slot)(&mut config).shown() == Shown::Tables {
            for organisation in &mut config.github.organisations.clone() {
                let name = organisation.name.clone();
                let full = |key: &str| keys::of_organisation(&name, key);
                shown.extend(keys::ORGANISATION_KEYS.iter().filter_map(|key| {
                    let row = row(key, organisation, full(key.name), loaded);
                    (row.value.is_some() || row.hidden).then_some(row)
                }));
            }
        } else {
            shown.push(row(key, &mut config, key.name.to_owned(), loaded));
        }
    }
    shown
}

fn row<T>(key: &Key<T>, whole: &mut T, full: String, loaded: &Loaded) -> ShownKey {
    let (value, hidden) = match (key.slot)(whole).shown() {
        Shown::Toml(value) => (Some(value), false),
        Shown::Hidden => (None, true),
        Shown::Unset | Shown::Tables => (None, false),
    };
    let origin = loaded.origin(&full).to_string();
    ShownKey {
        key: full,
        value,
        origin,
        hidden,
    }
}

/// Writes the effective configuration as TOML that can be read back, with the origin of each value beside it.
pub fn show(loaded: &Loaded) -> String {
    const TABLES: &str = "github.organisations.";
    let (tables, sections): (Vec<ShownKey>, Vec<ShownKey>) = list(loaded)
        .into_iter()
        .partition(|row| row.key.starts_with(TABLES));
    let mut text = String::new();
    let mut section = String::new();
    for row in sections.iter().chain(&tables) {
        let (path, name) = row.key.rsplit_once('.').unwrap_or(("", &row.key));
        if path != section {
            let gap = if text.is_empty() { "" } else { "\n" };
            let header = if path.starts_with(TABLES) {
                "[[github.organisations]]"
            } else {
                &format!("[{path}]")
            };
            let _ = writeln!(text, "{gap}{header}");
            path.clone_into(&mut section);
        }
        let line = match (&row.value, row.hidden) {
            (Some(value), _) => format!("{name} = {value}"),
            (None, true) => format!("# {name} is hidden"),
            (None, false) => format!("# {name} is not set"),
        };
        if row.value.is_none() && !row.hidden {
            let _ = writeln!(text, "{line}");
        } else {
            let _ = writeln!(text, "{line:<47} # {}", row.origin);
        }
    }
    text
}
