//! How an event lies in the store, in as few bytes as will do: millions of them are held in memory.
//!
//! Its key is that of its kind and repository, its field is its id, and the rest is its row. What the first bytes of a row say is
//! known to `repo.lua` as well. Codes and the order of what follows are part of the store: a kind may be added, none changed.

use jiff::{SignedDuration, Timestamp};
use ledger::event::{Actor, CommentOn, Event, Fact, Kind, ReviewState};

use super::fault::Fault;

/// Bits of a row's first byte. The first two are for `repo.lua` as well.
const RETRACTED: u8 = 1;
const CHANGEABLE: u8 = 1 << 1;
/// The time has a fraction of a second.
const FRACTION: u8 = 1 << 2;
/// The actor's id is known.
const ACTOR_ID: u8 = 1 << 3;
/// It has a version, and nothing of it may change.
const VERSION: u8 = 1 << 4;
/// What may be missing is there: the merger, or the time since ready.
const OPTIONAL: u8 = 1 << 5;
/// The merger's id is known.
const MERGER_ID: u8 = 1 << 6;

/// Times count from here: 2020-01-01.
const EPOCH: i64 = 1_577_836_800;

/// The kind's code, which stands in keys.
pub(super) fn code(kind: Kind) -> u8 {
    match kind {
        Kind::Commit => 1,
        Kind::PullOpened => 2,
        Kind::PullMerged => 3,
        Kind::PullClosed => 4,
        Kind::Review => 5,
        Kind::Comment => 6,
        Kind::IssueOpened => 7,
        Kind::IssueClosed => 8,
    }
}

pub(super) fn kind(code: &str) -> Result<Kind, Fault> {
    let code: u8 = code
        .parse()
        .map_err(|_error| Fault::Unreadable("a kind that is no number"))?;
    Kind::ALL
        .into_iter()
        .find(|kind| self::code(*kind) == code)
        .ok_or(Fault::Unreadable("an event of an unknown kind"))
}

const STATES: [ReviewState; 4] = [
    ReviewState::Approved,
    ReviewState::ChangesRequested,
    ReviewState::Commented,
    ReviewState::Dismissed,
];
const PLACES: [CommentOn; 3] = [CommentOn::Issue, CommentOn::Pull, CommentOn::Diff];

fn place_in<T: PartialEq>(list: &[T], value: &T) -> u8 {
    let place = list.iter().position(|listed| listed == value);
    u8::try_from(place.expect("the list names every value")).expect("the list is short")
}

const TEXT: u8 = 0;
const OID: u8 = 1;
const NUMBER: u8 = 2;
const ISSUE: u8 = 3;
const DIFF: u8 = 4;
const CLOSE: u8 = 5;

/// An id as a field. Each id has exactly one form, so the field is as unique as the id.
pub(super) fn field(id: &str) -> Vec<u8> {
    let mut field = Vec::with_capacity(24);
    if let Some(number) = plain(id) {
        field.push(NUMBER);
        put(&mut field, number);
    } else if let Some(bytes) = from_hex(id) {
        field.push(OID);
        field.extend(bytes);
    } else if let Some(number) = id.strip_prefix("issue:").and_then(plain) {
        field.push(ISSUE);
        put(&mut field, number);
    } else if let Some(number) = id.strip_prefix("diff:").and_then(plain) {
        field.push(DIFF);
        put(&mut field, number);
    } else if let Some((number, second)) = id
        .split_once('@')
        .and_then(|(number, second)| Some((plain(number)?, plain(second)?)))
    {
        field.push(CLOSE);
        put(&mut field, number);
        put(&mut field, second);
    } else {
        field.push(TEXT);
        field.extend(id.as_bytes());
    }
    field
}

/// The id of a field.
pub(super) fn id(field: &[u8]) -> Result<String, Fault> {
    let (form, rest) = field
        .split_first()
        .ok_or(Fault::Unreadable("an event without an id"))?;
    let mut reader = Reader(rest);
    Ok(match *form {
        OID => to_hex(rest),
        NUMBER => reader.number()?.to_string(),
        ISSUE => format!("issue:{}", reader.number()?),
        DIFF => format!("diff:{}", reader.number()?),
        CLOSE => format!("{}@{}", reader.number()?, reader.number()?),
        _ => reader.text(rest.len())?,
    })
}

/// An event's row. It is live.
pub(super) fn pack(event: &Event) -> Vec<u8> {
    let mut mark = 0;
    let mut rest = Vec::with_capacity(32);
    let second = event.at.as_microsecond().div_euclid(1_000_000);
    let fraction = event.at.as_microsecond().rem_euclid(1_000_000);
    put(&mut rest, zigzag(second - EPOCH));
    if fraction != 0 {
        mark |= FRACTION;
        put(&mut rest, fraction.unsigned_abs());
    }
    if put_actor(&mut rest, &event.actor) {
        mark |= ACTOR_ID;
    }
    let mut changeable = None;
    match &event.fact {
        Fact::Commit {
            additions,
            deletions,
            changed_files,
        } => {
            put(&mut rest, *additions);
            put(&mut rest, *deletions);
            put(&mut rest, *changed_files);
        }
        Fact::PullOpened { number } | Fact::IssueOpened { number } => put(&mut rest, *number),
        Fact::PullMerged {
            number,
            merged_by,
            seconds_open,
            lines,
        } => {
            put(&mut rest, *number);
            put(&mut rest, *seconds_open);
            put(&mut rest, *lines);
            if let Some(merger) = merged_by {
                mark |= OPTIONAL;
                if put_actor(&mut rest, merger) {
                    mark |= MERGER_ID;
                }
            }
        }
        Fact::PullClosed {
            number,
            seconds_open,
        }
        | Fact::IssueClosed {
            number,
            seconds_open,
        } => {
            put(&mut rest, *number);
            put(&mut rest, *seconds_open);
        }
        Fact::Review {
            number,
            state,
            seconds_since_ready,
        } => {
            changeable = Some(vec![place_in(&STATES, state)]);
            rest.push(place_in(&STATES, state));
            put(&mut rest, *number);
            if let Some(seconds) = seconds_since_ready {
                mark |= OPTIONAL;
                put(&mut rest, *seconds);
            }
        }
        Fact::Comment { on } => rest.push(place_in(&PLACES, on)),
    }
    let mut row = Vec::with_capacity(rest.len() + 12);
    match changeable {
        Some(changeable) => {
            row.push(mark | CHANGEABLE);
            row.push(u8::try_from(8 + changeable.len()).expect("what may change is short"));
            // As a number without a sign, so that bytes compare as versions do.
            row.extend((event.version.cast_unsigned() ^ (1 << 63)).to_be_bytes());
            row.extend(changeable);
        }
        None if event.version != 0 => {
            row.push(mark | VERSION);
            put(&mut row, zigzag(event.version));
        }
        None => row.push(mark),
    }
    row.extend(rest);
    row
}

/// What a row says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unpacked {
    pub(super) event: Event,
    pub(super) first_state: Option<ReviewState>,
    pub(super) retracted: bool,
}

/// The event of a row.
pub(super) fn unpack(kind: Kind, field: &[u8], row: &[u8]) -> Result<Unpacked, Fault> {
    let mut reader = Reader(row);
    let mark = reader.byte()?;
    let has = |bit: u8| mark & bit != 0;
    let mut version = 0;
    let mut changeable: &[u8] = &[];
    if has(CHANGEABLE) {
        let length = usize::from(reader.byte()?);
        let (first, rest) = reader
            .bytes(length)?
            .split_first_chunk::<8>()
            .ok_or(Fault::Unreadable("an event without its version"))?;
        version = (u64::from_be_bytes(*first) ^ (1 << 63)).cast_signed();
        changeable = rest;
    } else if has(VERSION) {
        version = unzigzag(reader.number()?);
    }
    let second = unzigzag(reader.number()?);
    let fraction = if has(FRACTION) { reader.number()? } else { 0 };
    let at = time(second, fraction)?;
    let actor = reader.actor(has(ACTOR_ID))?;
    let mut first_state = None;
    let fact = match kind {
        Kind::Commit => Fact::Commit {
            additions: reader.number()?,
            deletions: reader.number()?,
            changed_files: reader.number()?,
        },
        Kind::PullOpened => Fact::PullOpened {
            number: reader.number()?,
        },
        Kind::PullMerged => Fact::PullMerged {
            number: reader.number()?,
            seconds_open: reader.number()?,
            lines: reader.number()?,
            merged_by: if has(OPTIONAL) {
                Some(reader.actor(has(MERGER_ID))?)
            } else {
                None
            },
        },
        Kind::PullClosed => Fact::PullClosed {
            number: reader.number()?,
            seconds_open: reader.number()?,
        },
        Kind::Review => {
            first_state = Some(listed(&STATES, reader.byte()?)?);
            Fact::Review {
                state: listed(&STATES, Reader(changeable).byte()?)?,
                number: reader.number()?,
                seconds_since_ready: if has(OPTIONAL) {
                    Some(reader.number()?)
                } else {
                    None
                },
            }
        }
        Kind::Comment => Fact::Comment {
            on: listed(&PLACES, reader.byte()?)?,
        },
        Kind::IssueOpened => Fact::IssueOpened {
            number: reader.number()?,
        },
        Kind::IssueClosed => Fact::IssueClosed {
            number: reader.number()?,
            seconds_open: reader.number()?,
        },
    };
    Ok(Unpacked {
        event: Event {
            id: id(field)?,
            at,
            actor,
            fact,
            version,
        },
        first_state,
        retracted: has(RETRACTED),
    })
}

fn time(second: i64, fraction: u64) -> Result<Timestamp, Fault> {
    let fraction = SignedDuration::from_micros(fraction.cast_signed());
    let second = second.checked_add(EPOCH);
    second
        .and_then(|second| Timestamp::from_second(second).ok())
        .and_then(|at| at.checked_add(fraction).ok())
        .ok_or(Fault::Unreadable("a time out of range"))
}

fn listed<T: Copy>(list: &[T], place: u8) -> Result<T, Fault> {
    let value = list.get(usize::from(place)).copied();
    value.ok_or(Fault::Unreadable("a word that is not known"))
}

/// A number in its plain form.
fn plain(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// An oid in lower case: one in capitals is another id.
fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| DIGITS.iter().position(|digit| *digit == byte);
    if text.len() != 40 && text.len() != 64 {
        return None;
    }
    text.as_bytes()
        .chunks_exact(2)
        .map(|pair| u8::try_from(digit(pair[0])? * 16 + digit(pair[1])?).ok())
        .collect()
}

fn to_hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|digit| char::from(DIGITS[usize::from(digit)]))
        .collect()
}

/// Seven bits to a byte, the low ones first; the eighth says that more follow.
fn put(to: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        to.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    to.push(number as u8);
}

/// Small numbers of either sign as small ones without.
fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)).cast_unsigned()
}

fn unzigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}

/// Whether the id follows the login.
fn put_actor(to: &mut Vec<u8>, actor: &Actor) -> bool {
    put(to, actor.login.len() as u64);
    to.extend(actor.login.as_bytes());
    if let Some(id) = actor.id {
        put(to, id);
    }
    actor.id.is_some()
}

struct Reader<'row>(&'row [u8]);

const CUT: Fault = Fault::Unreadable("an event that is cut off");

impl<'row> Reader<'row> {
    fn byte(&mut self) -> Result<u8, Fault> {
        let (first, rest) = self.0.split_first().ok_or(CUT)?;
        self.0 = rest;
        Ok(*first)
    }

    fn bytes(&mut self, length: usize) -> Result<&'row [u8], Fault> {
        let (some, rest) = self.0.split_at_checked(length).ok_or(CUT)?;
        self.0 = rest;
        Ok(some)
    }

    fn text(&mut self, length: usize) -> Result<String, Fault> {
        let text = std::str::from_utf8(self.bytes(length)?);
        text.map(str::to_owned)
            .map_err(|_error| Fault::Unreadable("a text that is none"))
    }

    fn number(&mut self) -> Result<u64, Fault> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(Fault::Unreadable("a number that does not end"))
    }

    fn actor(&mut self, with_id: bool) -> Result<Actor, Fault> {
        let length = usize::try_from(self.number()?).unwrap_or(usize::MAX);
        let login = self.text(length)?;
        let id = if with_id { Some(self.number()?) } else { None };
        Ok(Actor::new(login, id))
    }
}

#[cfg(test)]
mod tests;
