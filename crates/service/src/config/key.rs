//! One key of the configuration, and how a value is written before it is understood.

use super::{Complaint, Origin, slot::Slot};

/// One key: its name, its default, its flag, what it means, and the place in the configuration that it fills.
///
/// The place tells the type as well, so that no key can be documented as one thing and read as another.
pub struct Key<T: 'static> {
    /// The name, with dots: `scrape.interval`.
    pub name: &'static str,
    /// The default, as a variable would write it; none means empty.
    pub default: Option<&'static str>,
    /// The flag of the command line that sets it.
    pub flag: Option<&'static str>,
    /// What it means, in full sentences, without its type and default.
    pub about: &'static str,
    /// A value other than the default, as the file writes it.
    pub example: &'static str,
    pub(crate) slot: for<'a> fn(&'a mut T) -> Slot<'a>,
}

impl<T> Key<T> {
    /// The variable that sets it.
    pub fn variable(&self) -> String {
        format!(
            "TIDEGATE_{}",
            self.name.replace('.', "_").to_ascii_uppercase()
        )
    }

    /// For a secret: the variable that holds the secret itself rather than the name of its file.
    pub fn secret_variable(&self) -> Option<String> {
        let variable = self.variable();
        self.name
            .ends_with("_file")
            .then(|| variable.trim_end_matches("_FILE").to_owned())
    }

    pub(crate) fn set_default(&self, whole: &mut T) {
        if let Some(default) = self.default {
            let mut book = Book::default();
            let placed = Placed {
                written: Written::Text(default.to_owned()),
                origin: Origin::Default,
            };
            (self.slot)(whole).take(self.name, &placed, &mut book);
            debug_assert!(
                book.complaints.is_empty(),
                "the default of {} is legal: {:?}",
                self.name,
                book.complaints
            );
        }
    }
}

/// A value as it was written, not yet understood.
#[derive(Clone, Debug)]
pub(crate) enum Written {
    Text(String),
    Number(i64),
    Flag(bool),
    List(Vec<Placed>),
    Table(Vec<Entry>),
    /// The secret itself, from a variable.
    Secret(super::Secret),
    /// Something no key takes: a float, a date.
    Other(&'static str),
}

impl Written {
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Written::Text(_) => "a string",
            Written::Number(_) => "a number",
            Written::Flag(_) => "true or false",
            Written::List(_) => "a list",
            Written::Table(_) => "a table",
            Written::Secret(_) => "a secret",
            Written::Other(kind) => kind,
        }
    }
}

/// A value and where it was written.
#[derive(Clone, Debug)]
pub(crate) struct Placed {
    pub(crate) written: Written,
    pub(crate) origin: Origin,
}

impl Placed {
    /// Whether the value had no way to have a type: variables and flags are text, and a list in them is separated by commas.
    pub(crate) fn is_untyped(&self) -> bool {
        !matches!(self.origin, Origin::File { .. })
    }
}

/// A key and its value, both with their places.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_origin: Origin,
    pub(crate) value: Placed,
}

/// What is written down while a configuration is read: where each value came from, and what was wrong.
#[derive(Debug, Default)]
pub(crate) struct Book {
    pub(crate) origins: std::collections::BTreeMap<String, Origin>,
    pub(crate) complaints: Vec<Complaint>,
}

impl Book {
    pub(crate) fn complain(&mut self, origin: &Origin, key: &str, message: impl Into<String>) {
        self.complaints.push(Complaint::new(origin, key, message));
    }

    pub(crate) fn origin(&self, key: &str) -> Origin {
        self.origins.get(key).cloned().unwrap_or(Origin::Default)
    }
}

/// The known name nearest to a misspelt one, if one is near.
pub(crate) fn nearest<'a>(written: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let scored = known.map(|name| (strsim::jaro_winkler(written, name), name));
    let best = scored.max_by(|(left, _), (right, _)| left.total_cmp(right));
    best.filter(|(score, _)| *score > 0.7).map(|(_, name)| name)
}
