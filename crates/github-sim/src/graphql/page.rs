//! Pages of connections: bounds, cursors, and the slice between them.
//!
//! A cursor names the last item's place in the order (its key and its id), not a count of items. So a page stays
//! right while items move: what moves to the front is met again by whoever starts anew, and nothing between two
//! pages is skipped because something before them left. Only a commit's history counts places, since it is a list
//! that never changes. Cursors are opaque to clients; GitHub's have the same two forms, packed differently.

use apollo_compiler::executable::{Selection, SelectionSet};
use apollo_compiler::resolvers::{FieldError, ObjectValue, ResolveInfo, ResolvedValue};
use apollo_compiler::response::JsonValue;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::problem::{self, Kind};
use super::value;

/// "Values of `first` and `last` must be within 1-100."
const LARGEST: i64 = 100;

/// From which end of the list a page is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    First,
    Last,
}

/// The page that was asked for.
#[derive(Debug, Clone)]
pub(super) struct Bounds {
    end: End,
    size: usize,
    after: Option<String>,
    before: Option<String>,
}

impl Bounds {
    /// Reads a connection's arguments. `None`: only the `totalCount` was asked for.
    pub(super) fn read(info: &ResolveInfo<'_>) -> Result<Option<Bounds>, FieldError> {
        let name = info.field_name();
        let number = |argument: &str| info.arguments().get(argument).and_then(JsonValue::as_i64);
        let text = |argument: &str| Some(info.arguments().get(argument)?.as_str()?.to_owned());
        let (end, argument, size) = match (number("first"), number("last")) {
            (Some(size), None) => (End::First, "first", size),
            (None, Some(size)) => (End::Last, "last", size),
            (Some(_), Some(_)) => {
                let message = format!(
                    "Passing both `first` and `last` to paginate the `{name}` connection is not supported."
                );
                return Err(problem::of(Kind::InvalidBoundaries, message));
            }
            (None, None) if wants_items(info) => {
                let message = format!(
                    "You must provide a `first` or `last` value to properly paginate the `{name}` connection."
                );
                return Err(problem::of(Kind::MissingBoundaries, message));
            }
            (None, None) => return Ok(None),
        };
        if size > LARGEST {
            let message = format!(
                "Requesting {size} records on the `{name}` connection exceeds the `{argument}` limit of {LARGEST} records."
            );
            return Err(problem::of(Kind::TooManyRecords, message));
        }
        let Ok(size) = usize::try_from(size) else {
            let message =
                format!("`{argument}` on the `{name}` connection cannot be less than zero.");
            return Err(problem::of(Kind::InvalidBoundaries, message));
        };
        Ok(Some(Bounds {
            end,
            size,
            after: text("after"),
            before: text("before"),
        }))
    }
}

/// Whether more is selected than the `totalCount`.
fn wants_items(info: &ResolveInfo<'_>) -> bool {
    fn any(info: &ResolveInfo<'_>, selections: &SelectionSet) -> bool {
        selections.selections.iter().any(|selected| match selected {
            Selection::Field(field) => {
                matches!(field.name.as_str(), "nodes" | "edges" | "pageInfo")
            }
            Selection::InlineFragment(fragment) => any(info, &fragment.selection_set),
            Selection::FragmentSpread(spread) => spread
                .fragment_def(info.document())
                .is_some_and(|fragment| any(info, &fragment.selection_set)),
        })
    }
    info.field_selections()
        .iter()
        .any(|field| any(info, &field.selection_set))
}

/// An item's place in an order: what the order is by, then the id, which makes it unique.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    /// A time in seconds, or a count.
    Number(i64, u64),
    /// A name, in lower case.
    Name(String, u64),
}

const PREFIX: &str = "cursor:v2:";

impl Key {
    fn cursor(&self) -> String {
        STANDARD.encode(match self {
            Key::Number(number, id) => format!("{PREFIX}{id}:#{number}"),
            Key::Name(name, id) => format!("{PREFIX}{id}:{name}"),
        })
    }

    fn from_cursor(cursor: &str) -> Result<Key, FieldError> {
        let read = || {
            let text = String::from_utf8(STANDARD.decode(cursor).ok()?).ok()?;
            let (id, place) = text.strip_prefix(PREFIX)?.split_once(':')?;
            let id = id.parse().ok()?;
            Some(match place.strip_prefix('#') {
                Some(number) => Key::Number(number.parse().ok()?, id),
                None => Key::Name(place.to_owned(), id),
            })
        };
        read().ok_or_else(|| not_a_cursor(cursor))
    }
}

fn not_a_cursor(cursor: &str) -> FieldError {
    problem::of(
        Kind::InvalidCursor,
        format_args!("`{cursor}` does not appear to be a valid cursor."),
    )
}

/// The direction of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Ascending,
    Descending,
}

/// Reads `orderBy: {field, direction}`.
pub(super) fn order_by<'a>(info: &'a ResolveInfo<'_>) -> Option<(&'a str, Direction)> {
    let order = info.arguments().get("orderBy")?.as_object()?;
    let direction = match order.get("direction")?.as_str()? {
        "DESC" => Direction::Descending,
        _ => Direction::Ascending,
    };
    Some((order.get("field")?.as_str()?, direction))
}

/// One page of a list.
#[derive(Debug)]
pub(super) struct Page<T> {
    items: Vec<(String, T)>,
    total: usize,
    has_next: bool,
    has_previous: bool,
}

impl<T> Page<T> {
    fn total_alone(total: usize) -> Page<T> {
        Page {
            items: Vec::new(),
            total,
            has_next: false,
            has_previous: false,
        }
    }

    /// The page of a list that is ordered by a key. Looks at every item once; sorts only what may be on the page.
    pub(super) fn by_key(
        bounds: Option<&Bounds>,
        direction: Direction,
        items: impl Iterator<Item = T>,
        key: impl Fn(&T) -> Key,
    ) -> Result<Page<T>, FieldError> {
        let Some(bounds) = bounds else {
            return Ok(Page::total_alone(items.count()));
        };
        let place = |cursor: &Option<String>| cursor.as_deref().map(Key::from_cursor).transpose();
        let (after, before) = (place(&bounds.after)?, place(&bounds.before)?);
        let order = |one: &Key, other: &Key| match direction {
            Direction::Ascending => one.cmp(other),
            Direction::Descending => other.cmp(one),
        };

        let mut total = 0;
        let (mut earlier, mut later) = (false, false);
        let mut inside: Vec<(Key, T)> = Vec::new();
        for item in items {
            total += 1;
            let key = key(&item);
            if after
                .as_ref()
                .is_some_and(|after| order(&key, after).is_le())
            {
                earlier = true;
            } else if before
                .as_ref()
                .is_some_and(|before| order(&key, before).is_ge())
            {
                later = true;
            } else {
                inside.push((key, item));
            }
        }
        // One more than the page tells whether another page follows. Seen from its own end, the page is always the
        // front of the list.
        let towards = |one: &(Key, T), other: &(Key, T)| match bounds.end {
            End::First => order(&one.0, &other.0),
            End::Last => order(&other.0, &one.0),
        };
        let more = inside.len() > bounds.size;
        if more {
            inside.select_nth_unstable_by(bounds.size, towards);
            inside.truncate(bounds.size);
        }
        inside.sort_unstable_by(|one, other| order(&one.0, &other.0));
        let items = inside
            .into_iter()
            .map(|(key, item)| (key.cursor(), item))
            .collect();
        let (has_next, has_previous) = match bounds.end {
            End::First => (more || later, earlier),
            End::Last => (later, more || earlier),
        };
        Ok(Page {
            items,
            total,
            has_next,
            has_previous,
        })
    }

    /// The page of a list that never changes, by place; costs what the page costs. `name` tells lists apart.
    pub(super) fn by_place(
        bounds: Option<&Bounds>,
        name: &str,
        total: usize,
        item: impl Fn(usize) -> T,
    ) -> Result<Page<T>, FieldError> {
        let Some(bounds) = bounds else {
            return Ok(Page::total_alone(total));
        };
        let place = |cursor: &str| -> Result<usize, FieldError> {
            let read = || cursor.strip_prefix(name)?.strip_prefix(' ')?.parse().ok();
            read().ok_or_else(|| not_a_cursor(cursor))
        };
        let low = bounds
            .after
            .as_deref()
            .map(place)
            .transpose()?
            .map_or(0, |after| after.saturating_add(1));
        let high = bounds
            .before
            .as_deref()
            .map(place)
            .transpose()?
            .map_or(total, |before| before.min(total));
        let low = low.min(high);
        let places = match bounds.end {
            End::First => low..high.min(low.saturating_add(bounds.size)),
            End::Last => high.saturating_sub(bounds.size).max(low)..high,
        };
        let (has_next, has_previous) = (places.end < total, places.start > 0);
        let items = places
            .map(|place| (format!("{name} {place}"), item(place)))
            .collect();
        Ok(Page {
            items,
            total,
            has_next,
            has_previous,
        })
    }
}

/// A connection and, behind it, its edges and its page info.
pub(super) struct Connection<T> {
    /// The type of the connection's nodes as in `<name>Connection` and `<name>Edge`.
    name: ConnectionName,
    page: Page<T>,
}

/// The GraphQL types of a connection and of its edges.
#[derive(Debug, Clone, Copy)]
pub(super) struct ConnectionName {
    pub(super) connection: &'static str,
    pub(super) edge: &'static str,
}

impl<T> Connection<T> {
    pub(super) fn new(name: ConnectionName, page: Page<T>) -> Connection<T> {
        Connection { name, page }
    }
}

impl<T: ObjectValue> ObjectValue for Connection<T> {
    fn type_name(&self) -> &str {
        self.name.connection
    }

    fn resolve_field<'a>(
        &'a self,
        info: &'a ResolveInfo<'a>,
    ) -> Result<ResolvedValue<'a>, FieldError> {
        let items = &self.page.items;
        Ok(match info.field_name() {
            "totalCount" => value::count(self.page.total as u64),
            "nodes" => ResolvedValue::list(
                items
                    .iter()
                    .map(|(_, item)| ResolvedValue::object(Borrowed(item))),
            ),
            "edges" => ResolvedValue::list(items.iter().map(|(cursor, item)| {
                ResolvedValue::object(Edge {
                    name: self.name.edge,
                    cursor,
                    item,
                })
            })),
            "pageInfo" => ResolvedValue::object(PageInfo {
                start: items.first().map(|(cursor, _)| cursor.as_str()),
                end: items.last().map(|(cursor, _)| cursor.as_str()),
                has_next: self.page.has_next,
                has_previous: self.page.has_previous,
            }),
            _ => return Err(self.unknown_field_error(info)),
        })
    }
}

/// An object that the connection keeps.
struct Borrowed<'a, T>(&'a T);

impl<T: ObjectValue> ObjectValue for Borrowed<'_, T> {
    fn type_name(&self) -> &str {
        self.0.type_name()
    }

    fn resolve_field<'a>(
        &'a self,
        info: &'a ResolveInfo<'a>,
    ) -> Result<ResolvedValue<'a>, FieldError> {
        self.0.resolve_field(info)
    }
}

struct Edge<'a, T> {
    name: &'static str,
    cursor: &'a str,
    item: &'a T,
}

impl<T: ObjectValue> ObjectValue for Edge<'_, T> {
    fn type_name(&self) -> &str {
        self.name
    }

    fn resolve_field<'a>(
        &'a self,
        info: &'a ResolveInfo<'a>,
    ) -> Result<ResolvedValue<'a>, FieldError> {
        Ok(match info.field_name() {
            "cursor" => ResolvedValue::leaf(self.cursor.to_owned()),
            "node" => ResolvedValue::object(Borrowed(self.item)),
            _ => return Err(self.unknown_field_error(info)),
        })
    }
}

struct PageInfo<'a> {
    start: Option<&'a str>,
    end: Option<&'a str>,
    has_next: bool,
    has_previous: bool,
}

impl ObjectValue for PageInfo<'_> {
    fn type_name(&self) -> &str {
        "PageInfo"
    }

    fn resolve_field<'a>(
        &'a self,
        info: &'a ResolveInfo<'a>,
    ) -> Result<ResolvedValue<'a>, FieldError> {
        Ok(match info.field_name() {
            "startCursor" => value::optional_text(self.start),
            "endCursor" => value::optional_text(self.end),
            "hasNextPage" => ResolvedValue::leaf(self.has_next),
            "hasPreviousPage" => ResolvedValue::leaf(self.has_previous),
            _ => return Err(self.unknown_field_error(info)),
        })
    }
}
