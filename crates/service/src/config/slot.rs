//! The place in the configuration that a key fills: it tells the type, checks the bounds, takes a value and shows it again.

use std::{net::SocketAddr, ops::RangeInclusive, path::PathBuf, time::Duration};

use serde_json::{Value, json};

use super::{
    Organisation, Origin, Secret,
    choice::Choice,
    key::{Book, Entry, Placed, Written, nearest},
    keys,
    pattern::{Pattern, Patterns},
    span,
};

/// Makes the normal form of a text, or says what is wrong with it.
pub(crate) type Check = fn(&str) -> Result<String, String>;

/// A place to fill.
pub(crate) enum Slot<'a> {
    Text(&'a mut String, Check),
    Number(&'a mut u64, RangeInclusive<u64>),
    MaybeNumber(&'a mut Option<u64>, RangeInclusive<u64>),
    Span(&'a mut Duration, RangeInclusive<Duration>),
    SpanOrAll(&'a mut Option<Duration>, RangeInclusive<Duration>),
    Spans(&'a mut Vec<Duration>, RangeInclusive<Duration>),
    Choice(&'a mut dyn Choice),
    Flag(&'a mut bool),
    Names(&'a mut Vec<String>, Check),
    Patterns(&'a mut Patterns, Check),
    Address(&'a mut SocketAddr),
    Path(&'a mut PathBuf, Check),
    MaybePath(&'a mut Option<PathBuf>),
    Secret(&'a mut Option<Secret>),
    Organisations(&'a mut Vec<Organisation>),
}

/// A value as `config show` writes it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Shown {
    /// As TOML.
    Toml(String),
    /// A secret that came from a variable.
    Hidden,
    /// Nothing was set.
    Unset,
    /// The organisations have a table each.
    Tables,
}

impl Slot<'_> {
    /// Takes a value, or writes down why not.
    pub(crate) fn take(self, key: &str, placed: &Placed, book: &mut Book) {
        let before = book.complaints.len();
        if let Err(reason) = self.try_take(key, placed, book) {
            book.complain(&placed.origin, key, reason);
        }
        if book.complaints.len() == before {
            book.origins.insert(key.to_owned(), placed.origin.clone());
        }
    }

    fn try_take(self, key: &str, placed: &Placed, book: &mut Book) -> Result<(), String> {
        let wanted = self.wanted();
        let wrong = |placed: &Placed| format!("{} is not {wanted}", placed.written.kind());
        match (self, &placed.written) {
            (Slot::Text(place, check), Written::Text(text)) => *place = check(text)?,
            (Slot::MaybePath(place), Written::Text(text)) => {
                *place = Some(beside(&placed.origin, text));
            }
            (Slot::Path(place, check), Written::Text(text)) => {
                *place = beside(&placed.origin, &check(text)?);
            }
            (Slot::Number(place, bounds), _) => {
                *place = number(placed, bounds)?.ok_or_else(|| wrong(placed))?;
            }
            (Slot::MaybeNumber(place, bounds), _) => {
                *place = Some(number(placed, bounds)?.ok_or_else(|| wrong(placed))?);
            }
            (Slot::SpanOrAll(place, _), Written::Text(text)) if text == "all" => *place = None,
            (Slot::SpanOrAll(place, bounds), Written::Text(text)) => {
                *place = Some(bounded_span(text, bounds)?);
            }
            (Slot::Span(place, bounds), Written::Text(text)) => {
                *place = bounded_span(text, bounds)?;
            }
            (Slot::Span(..) | Slot::SpanOrAll(..), Written::Number(number)) => {
                return Err(format!(
                    "a number has no unit: write \"{number}s\" for seconds"
                ));
            }
            (Slot::Spans(place, bounds), _) => {
                let items = texts(placed).ok_or_else(|| wrong(placed))?;
                *place = each(key, &items, book, |text| bounded_span(text, bounds.clone()));
            }
            (Slot::Choice(place), Written::Text(word)) => {
                if !place.choose(word) {
                    return Err(match place.why_not(word) {
                        Some(why) => format!("`{word}` {why}: write {wanted}"),
                        None => format!("`{word}` is not {wanted}"),
                    });
                }
            }
            (Slot::Flag(place), Written::Flag(flag)) => *place = *flag,
            (Slot::Flag(place), Written::Text(text)) if placed.is_untyped() => {
                *place = text
                    .trim()
                    .parse()
                    .map_err(|_neither| format!("`{text}` is not {wanted}"))?;
            }
            (Slot::Address(place), Written::Text(text)) => *place = address(text)?,
            (Slot::Secret(place), Written::Text(text)) => {
                *place = Some(Secret::from_file(&beside(&placed.origin, text))?);
            }
            (Slot::Secret(place), Written::Secret(secret)) => *place = Some(secret.clone()),
            (Slot::Names(place, check), _) => {
                let items = texts(placed).ok_or_else(|| wrong(placed))?;
                *place = each(key, &items, book, check);
            }
            (Slot::Patterns(place, check), _) => {
                let items = texts(placed).ok_or_else(|| wrong(placed))?;
                *place = Patterns(each(key, &items, book, |text| Pattern::new(&check(text)?)));
            }
            (Slot::Organisations(place), _) => {
                let items = elements(placed).ok_or_else(|| wrong(placed))?;
                *place = organisations(key, &items, place, book);
            }
            _ => return Err(wrong(placed)),
        }
        Ok(())
    }

    /// What a value must be, for a sentence: "is not ...".
    pub(crate) fn wanted(&self) -> String {
        match self {
            Slot::Text(..) | Slot::Path(..) | Slot::MaybePath(_) | Slot::Address(..) => {
                "a string".to_owned()
            }
            Slot::Secret(_) => "the name of a file that holds the secret".to_owned(),
            Slot::Number(_, bounds) | Slot::MaybeNumber(_, bounds) => {
                format!("a whole number from {} to {}", bounds.start(), bounds.end())
            }
            Slot::Span(..) => "a duration such as \"5m\"".to_owned(),
            Slot::SpanOrAll(..) => "a duration such as \"30d\", or \"all\"".to_owned(),
            Slot::Spans(..) => "a list of durations such as \"5m\"".to_owned(),
            Slot::Choice(choice) => format!("one of {}", choice.words().join(", ")),
            Slot::Flag(_) => "true or false".to_owned(),
            Slot::Names(..) | Slot::Patterns(..) => "a list of strings".to_owned(),
            Slot::Organisations(_) => "a list of organisations".to_owned(),
        }
    }

    /// The type and bounds, for the documentation.
    pub(crate) fn kind(&self) -> String {
        let spans = |bounds: &RangeInclusive<Duration>| {
            format!(
                "{} to {}",
                span::show(*bounds.start()),
                span::show(*bounds.end())
            )
        };
        match self {
            Slot::Text(..) => "text".to_owned(),
            Slot::Number(_, bounds) => format!("number, {} to {}", bounds.start(), bounds.end()),
            Slot::MaybeNumber(..) => "number".to_owned(),
            Slot::Span(_, bounds) => format!("duration, {}", spans(bounds)),
            Slot::SpanOrAll(_, bounds) => format!("duration, {}, or `all`", spans(bounds)),
            Slot::Spans(_, bounds) => format!("list of durations, {}", spans(bounds)),
            Slot::Choice(choice) => choice
                .words()
                .iter()
                .map(|word| format!("`{word}`"))
                .collect::<Vec<_>>()
                .join(", "),
            Slot::Flag(_) => "`true`, `false`".to_owned(),
            Slot::Names(..) => "list of names".to_owned(),
            Slot::Patterns(..) => "list of patterns".to_owned(),
            Slot::Address(_) => "address and port".to_owned(),
            Slot::Path(..) | Slot::MaybePath(_) => "file".to_owned(),
            Slot::Secret(_) => "file that holds a secret".to_owned(),
            Slot::Organisations(_) => "list of names or tables".to_owned(),
        }
    }

    /// The value as TOML, secrets hidden.
    pub(crate) fn shown(&self) -> Shown {
        let list = |items: Vec<&str>| Shown::Toml(quoted_list(&items));
        match self {
            Slot::Text(text, _) => Shown::Toml(quoted(text)),
            Slot::Number(number, _) => Shown::Toml(number.to_string()),
            Slot::MaybeNumber(number, _) => {
                number.map_or(Shown::Unset, |number| Shown::Toml(number.to_string()))
            }
            Slot::Span(span, _) => Shown::Toml(quoted(&span::show(**span))),
            Slot::SpanOrAll(span, _) => {
                Shown::Toml(span.map_or_else(|| quoted("all"), |span| quoted(&span::show(span))))
            }
            Slot::Spans(spans, _) => {
                let spans: Vec<String> = spans.iter().map(|span| span::show(*span)).collect();
                list(spans.iter().map(String::as_str).collect())
            }
            Slot::Choice(choice) => Shown::Toml(quoted(choice.word())),
            Slot::Flag(flag) => Shown::Toml(flag.to_string()),
            Slot::Names(names, _) => list(names.iter().map(String::as_str).collect()),
            Slot::Patterns(patterns, _) => list(patterns.written().collect()),
            Slot::Address(address) => Shown::Toml(quoted(&address.to_string())),
            Slot::Path(path, _) => Shown::Toml(quoted(&path.to_string_lossy())),
            Slot::MaybePath(path) => path.as_ref().map_or(Shown::Unset, |path| {
                Shown::Toml(quoted(&path.to_string_lossy()))
            }),
            Slot::Secret(None) => Shown::Unset,
            Slot::Secret(Some(secret)) => secret.file().map_or(Shown::Hidden, |file| {
                Shown::Toml(quoted(&file.to_string_lossy()))
            }),
            Slot::Organisations(_) => Shown::Tables,
        }
    }

    /// The JSON Schema of the value.
    pub(crate) fn schema(&self) -> Value {
        const SPAN: &str = "^[0-9]+[smhdw]$";
        match self {
            Slot::Text(..)
            | Slot::Address(_)
            | Slot::Path(..)
            | Slot::MaybePath(_)
            | Slot::Secret(_) => {
                json!({ "type": "string" })
            }
            Slot::Number(_, bounds) | Slot::MaybeNumber(_, bounds) => {
                json!({ "type": "integer", "minimum": bounds.start(), "maximum": bounds.end() })
            }
            Slot::Span(..) => json!({ "type": "string", "pattern": SPAN }),
            Slot::SpanOrAll(..) => json!({ "type": "string", "pattern": "^([0-9]+[smhdw]|all)$" }),
            Slot::Spans(..) => {
                json!({ "type": "array", "items": { "type": "string", "pattern": SPAN } })
            }
            Slot::Choice(choice) => json!({ "enum": choice.words() }),
            Slot::Flag(_) => json!({ "type": "boolean" }),
            Slot::Names(..) | Slot::Patterns(..) => {
                json!({ "type": "array", "items": { "type": "string" } })
            }
            Slot::Organisations(_) => {
                let table = super::schema::table(keys::ORGANISATION_KEYS, &["name"]);
                json!({ "type": "array", "items": { "anyOf": [{ "type": "string" }, table] } })
            }
        }
    }
}

/// A path in a file is meant beside that file; anywhere else, beside the shell.
fn beside(origin: &Origin, written: &str) -> PathBuf {
    match origin {
        Origin::File { path, .. } => path
            .parent()
            .map_or_else(|| PathBuf::from(written), |folder| folder.join(written)),
        _ => PathBuf::from(written),
    }
}

fn number(placed: &Placed, bounds: RangeInclusive<u64>) -> Result<Option<u64>, String> {
    let number = match &placed.written {
        Written::Number(number) => i128::from(*number),
        Written::Text(text) if placed.is_untyped() => match text.trim().parse() {
            Ok(number) => number,
            Err(_) => return Err(format!("`{text}` is not a whole number")),
        },
        _ => return Ok(None),
    };
    let fits = u64::try_from(number)
        .ok()
        .filter(|number| bounds.contains(number));
    fits.map(Some).ok_or_else(|| {
        format!(
            "{number} is not from {} to {}",
            bounds.start(),
            bounds.end()
        )
    })
}

fn bounded_span(text: &str, bounds: RangeInclusive<Duration>) -> Result<Duration, String> {
    let span = span::parse(text)?;
    if bounds.contains(&span) {
        return Ok(span);
    }
    Err(format!(
        "{text} is not from {} to {}",
        span::show(*bounds.start()),
        span::show(*bounds.end())
    ))
}

/// Reads an address and a port; `localhost` is 127.0.0.1.
///
/// # Errors
///
/// Says what an address looks like.
pub fn address(text: &str) -> Result<SocketAddr, String> {
    let numeric = text
        .strip_prefix("localhost:")
        .map_or_else(|| text.to_owned(), |port| format!("127.0.0.1:{port}"));
    let hint = format!("`{text}` is not an address and a port, such as 127.0.0.1:10270 or [::1]:0");
    numeric.parse().map_err(|_unreadable| hint)
}

/// The elements of a list; of a text separated by commas where a list cannot be written.
fn elements(placed: &Placed) -> Option<Vec<Placed>> {
    match &placed.written {
        Written::List(items) => Some(items.clone()),
        Written::Text(text) if placed.is_untyped() => {
            let parts = text
                .split(',')
                .map(str::trim)
                .filter(|part| !part.is_empty());
            let place = |part: &str| Placed {
                written: Written::Text(part.to_owned()),
                origin: placed.origin.clone(),
            };
            Some(parts.map(place).collect())
        }
        _ => None,
    }
}

fn texts(placed: &Placed) -> Option<Vec<(Origin, String)>> {
    let text = |item: Placed| match item.written {
        Written::Text(text) => Some((item.origin, text)),
        _ => None,
    };
    elements(placed)?.into_iter().map(text).collect()
}

fn each<T>(
    key: &str,
    items: &[(Origin, String)],
    book: &mut Book,
    read: impl Fn(&str) -> Result<T, String>,
) -> Vec<T> {
    let mut good = Vec::with_capacity(items.len());
    for (origin, text) in items {
        match read(text) {
            Ok(item) => good.push(item),
            Err(reason) => book.complain(origin, key, reason),
        }
    }
    good
}

/// Reads the list of organisations. A name alone keeps what an earlier layer said of that organisation.
fn organisations(
    key: &str,
    items: &[Placed],
    earlier: &[Organisation],
    book: &mut Book,
) -> Vec<Organisation> {
    let mut list: Vec<Organisation> = Vec::with_capacity(items.len());
    for item in items {
        let organisation = match &item.written {
            Written::Text(name) => named(key, name, item, earlier, book),
            Written::Table(entries) => described(key, entries, item, book),
            other => {
                book.complain(
                    &item.origin,
                    key,
                    format!("{} is neither a name nor a table", other.kind()),
                );
                None
            }
        };
        let Some(organisation) = organisation else {
            continue;
        };
        if list
            .iter()
            .any(|other| other.name.eq_ignore_ascii_case(&organisation.name))
        {
            book.complain(
                &item.origin,
                key,
                format!("`{}` is listed twice: keep one", organisation.name),
            );
        } else {
            list.push(organisation);
        }
    }
    list
}

fn named(
    key: &str,
    name: &str,
    item: &Placed,
    earlier: &[Organisation],
    book: &mut Book,
) -> Option<Organisation> {
    match keys::login(name) {
        Ok(name) => {
            book.origins
                .insert(keys::of_organisation(&name, "name"), item.origin.clone());
            let known = earlier
                .iter()
                .find(|organisation| organisation.name.eq_ignore_ascii_case(&name));
            Some(known.cloned().unwrap_or_else(|| Organisation {
                name,
                ..Organisation::default()
            }))
        }
        Err(reason) => {
            book.complain(&item.origin, key, reason);
            None
        }
    }
}

fn described(key: &str, entries: &[Entry], item: &Placed, book: &mut Book) -> Option<Organisation> {
    let complaints = book.complaints.len();
    let mut organisation = Organisation::default();
    let mut origins = Vec::new();
    for entry in entries {
        let full = format!("{key}.{}", entry.key);
        let Some(known) = keys::ORGANISATION_KEYS
            .iter()
            .find(|known| known.name == entry.key)
        else {
            book.complain(&entry.key_origin, &full, unknown(&entry.key));
            continue;
        };
        (known.slot)(&mut organisation).take(&full, &entry.value, book);
        if let Some(origin) = book.origins.remove(&full) {
            origins.push((known.name, origin));
        }
    }
    if organisation.name.is_empty() {
        if book.complaints.len() == complaints {
            book.complain(
                &item.origin,
                key,
                "an organisation has no name: add name = \"...\"",
            );
        }
        return None;
    }
    for (name, origin) in origins {
        book.origins
            .insert(keys::of_organisation(&organisation.name, name), origin);
    }
    Some(organisation)
}

/// The sentence about a key that an organisation does not have.
fn unknown(written: &str) -> String {
    let known = keys::ORGANISATION_KEYS.iter().map(|key| key.name);
    match nearest(written, known.clone()) {
        Some(name) => format!("unknown key: did you mean `{name}`?"),
        None => {
            let known: Vec<&str> = known.collect();
            format!("unknown key: an organisation has {}", known.join(", "))
        }
    }
}

/// A text as TOML.
pub(crate) fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn quoted_list(items: &[&str]) -> String {
    let items: Vec<String> = items.iter().map(|item| quoted(item)).collect();
    format!("[{}]", items.join(", "))
}
