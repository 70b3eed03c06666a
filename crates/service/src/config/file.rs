//! The configuration file: TOML in, entries with their lines out. Knows the names of the keys and nothing of their meaning.

use std::{path::Path, sync::Arc};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    Complaint, Config, Origin,
    key::{Book, Entry, Placed, Written, nearest},
    keys,
    secret::reason,
};

/// The largest file that is read, in bytes.
const LARGEST: u64 = 4 * 1024 * 1024;

/// Reads a file into the configuration and writes down every fault.
pub(crate) fn read(path: &Path, config: &mut Config, book: &mut Book) {
    let shown = path.display();
    let refuse = |message: String| Complaint {
        origin: Origin::Default,
        key: None,
        message,
    };
    match std::fs::metadata(path) {
        Err(error) => {
            return book.complaints.push(refuse(format!(
                "cannot read the configuration {shown} ({})",
                reason(&error)
            )));
        }
        Ok(facts) if facts.is_dir() => {
            return book.complaints.push(refuse(format!(
                "the configuration {shown} is a directory: name a file"
            )));
        }
        Ok(facts) if facts.len() > LARGEST => {
            return book.complaints.push(refuse(format!(
                "the configuration {shown} is larger than {LARGEST} bytes"
            )));
        }
        Ok(_) => {}
    }
    match std::fs::read(path).map(String::from_utf8) {
        Ok(Ok(text)) => take(path, &text, config, book),
        Ok(Err(_)) => book.complaints.push(refuse(format!(
            "the configuration {shown} is not UTF-8 text"
        ))),
        Err(error) => book.complaints.push(refuse(format!(
            "cannot read the configuration {shown} ({})",
            reason(&error)
        ))),
    }
}

/// Takes the text of a file.
pub(crate) fn take(path: &Path, text: &str, config: &mut Config, book: &mut Book) {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines = Lines {
        path: Arc::from(path),
        text,
    };
    let (table, faults) = DeTable::parse_recoverable(text);
    // Behind the first fault of a line there are only guesses at it.
    let mut told = std::collections::BTreeMap::new();
    for fault in &faults {
        let at = fault.span().map_or(text.len(), |span| span.start);
        let message = format!("not TOML: {}", fault.message().replace('\n', ", "));
        told.entry(lines.number(at))
            .or_insert((lines.origin(at), message));
    }
    let complaints = told.into_values();
    book.complaints
        .extend(complaints.map(|(origin, message)| Complaint {
            origin,
            key: None,
            message,
        }));
    if !faults.is_empty() {
        // What the parser made of the rest would be complaints about its guesses.
        return;
    }
    let mut entries = Vec::new();
    flatten("", lines.table(table.get_ref()), &mut entries, book);
    entries.sort_by_key(|entry| match entry.key_origin {
        Origin::File { line, .. } => line,
        _ => 0,
    });
    for entry in entries {
        match keys::KEYS.iter().find(|key| key.name == entry.key) {
            Some(key) => (key.slot)(config).take(key.name, &entry.value, book),
            None => {
                let message = unknown_key(&entry);
                book.complain(&entry.key_origin, &entry.key, message);
            }
        }
    }
}

/// The sentence about a key that is in no table: a misspelt table is compared with tables, a misspelt key with those of its
/// table, and then with all others, where it may belong.
fn unknown_key(entry: &Entry) -> String {
    let split = keys::KEYS.iter().filter_map(|key| key.name.split_once('.'));
    let near = match (&entry.value.written, entry.key.split_once('.')) {
        (Written::Table(_), None) => {
            nearest(&entry.key, split.map(|(section, _)| section)).map(str::to_owned)
        }
        (_, Some((section, name))) => {
            let here = split
                .clone()
                .filter(|(of, _)| *of == section)
                .map(|(_, name)| name);
            let same = nearest(name, here).map(|name| format!("{section}.{name}"));
            same.or_else(|| {
                split
                    .clone()
                    .find(|(_, other)| *other == name)
                    .map(|(of, name)| format!("{of}.{name}"))
            })
        }
        (_, None) => {
            let near = nearest(&entry.key, split.clone().map(|(_, name)| name));
            near.and_then(|near| split.clone().find(|(_, name)| *name == near))
                .map(|(of, name)| format!("{of}.{name}"))
        }
    };
    match near {
        Some(name) => format!("unknown key: did you mean `{name}`?"),
        None => "unknown key: `tidegate config show` lists the keys".to_owned(),
    }
}

/// Makes `scrape.interval` of a table `scrape` with a key `interval`, down to keys that are known or belong to no known table.
fn flatten(prefix: &str, entries: Vec<Entry>, flat: &mut Vec<Entry>, book: &mut Book) {
    for mut entry in entries {
        entry.key = if prefix.is_empty() {
            entry.key
        } else {
            format!("{prefix}.{}", entry.key)
        };
        let inside = format!("{}.", entry.key);
        let is_section = keys::KEYS.iter().any(|key| key.name.starts_with(&inside));
        match entry.value.written {
            Written::Table(inner) if is_section => flatten(&entry.key, inner, flat, book),
            _ if is_section => {
                let message = format!(
                    "{} is not a table: write [{}]",
                    entry.value.written.kind(),
                    entry.key
                );
                book.complain(&entry.key_origin, &entry.key, message);
            }
            _ => flat.push(entry),
        }
    }
}

/// Where the lines of a text begin, so that a value can say where it stands.
struct Lines<'a> {
    path: Arc<Path>,
    text: &'a str,
}

impl Lines<'_> {
    /// The number of the line, from 1.
    fn number(&self, at: usize) -> usize {
        let before = &self.text.as_bytes()[..at.min(self.text.len())];
        1 + before.iter().filter(|byte| **byte == b'\n').count()
    }

    fn origin(&self, at: usize) -> Origin {
        Origin::File {
            path: Arc::clone(&self.path),
            line: self.number(at),
        }
    }

    fn table(&self, table: &DeTable<'_>) -> Vec<Entry> {
        let entry =
            |(key, value): (&Spanned<std::borrow::Cow<'_, str>>, &Spanned<DeValue<'_>>)| Entry {
                key: key.get_ref().to_string(),
                key_origin: self.origin(key.span().start),
                value: self.value(value),
            };
        table.iter().map(entry).collect()
    }

    fn value(&self, value: &Spanned<DeValue<'_>>) -> Placed {
        let written = match value.get_ref() {
            DeValue::String(text) => Written::Text(text.to_string()),
            DeValue::Integer(number) => {
                let digits = number.as_str().replace('_', "");
                i64::from_str_radix(&digits, number.radix())
                    .map_or(Written::Other("a number beyond 64 bits"), Written::Number)
            }
            DeValue::Float(_) => Written::Other("a number with a fraction"),
            DeValue::Boolean(flag) => Written::Flag(*flag),
            DeValue::Datetime(_) => Written::Other("a date"),
            DeValue::Array(items) => {
                Written::List(items.iter().map(|item| self.value(item)).collect())
            }
            DeValue::Table(table) => Written::Table(self.table(table)),
        };
        Placed {
            written,
            origin: self.origin(value.span().start),
        }
    }
}
