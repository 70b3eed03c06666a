//! How values lie in columns: times, GitHub's numbers, codes, and ids in their shortest form.
//!
//! Codes are part of the file: a line of these tables may be added, never changed.

use jiff::Timestamp;
use ledger::event::{CommentOn, Kind, ReviewState, Stream};
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, Value, ValueRef};

const KINDS: &[(Kind, i64)] = &[
    (Kind::Commit, 1),
    (Kind::PullOpened, 2),
    (Kind::PullMerged, 3),
    (Kind::PullClosed, 4),
    (Kind::Review, 5),
    (Kind::Comment, 6),
    (Kind::IssueOpened, 7),
    (Kind::IssueClosed, 8),
];

const STATES: &[(ReviewState, i64)] = &[
    (ReviewState::Approved, 1),
    (ReviewState::ChangesRequested, 2),
    (ReviewState::Commented, 3),
    (ReviewState::Dismissed, 4),
];

const PLACES: &[(CommentOn, i64)] = &[
    (CommentOn::Issue, 1),
    (CommentOn::Pull, 2),
    (CommentOn::Diff, 3),
];

/// A value that lies in its column as a code.
pub(super) trait Coded: Copy + PartialEq + 'static {
    const TABLE: &'static [(Self, i64)];

    fn code(self) -> i64 {
        let line = Self::TABLE.iter().find(|(value, _)| *value == self);
        line.expect("the table lists every value").1
    }
}

impl Coded for Kind {
    const TABLE: &'static [(Kind, i64)] = KINDS;
}

impl Coded for ReviewState {
    const TABLE: &'static [(ReviewState, i64)] = STATES;
}

impl Coded for CommentOn {
    const TABLE: &'static [(CommentOn, i64)] = PLACES;
}

/// A [`Coded`] value in a column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Code<T>(pub(super) T);

impl<T: Coded> ToSql for Code<T> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.code().into())
    }
}

impl<T: Coded> FromSql for Code<T> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Code<T>> {
        let code = value.as_i64()?;
        let line = T::TABLE.iter().find(|(_, listed)| *listed == code);
        line.map(|(value, _)| Code(*value))
            .ok_or(FromSqlError::OutOfRange(code))
    }
}

/// A time, in microseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Micros(pub(super) Timestamp);

impl ToSql for Micros {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.as_microsecond().into())
    }
}

impl FromSql for Micros {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Micros> {
        let micros = value.as_i64()?;
        Timestamp::from_microsecond(micros)
            .map(Micros)
            .map_err(|error| FromSqlError::Other(Box::new(error)))
    }
}

/// A number of GitHub's, bit by bit: all 64 of them fit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Number(pub(super) u64);

impl ToSql for Number {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.cast_signed().into())
    }
}

impl FromSql for Number {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Number> {
        Ok(Number(value.as_i64()?.cast_unsigned()))
    }
}

/// A stream, by its word.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Word(pub(super) Stream);

impl ToSql for Word {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.as_str().into())
    }
}

impl FromSql for Word {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Word> {
        Stream::parse(value.as_str()?)
            .map(Word)
            .ok_or(FromSqlError::InvalidType)
    }
}

/// An event's id: a number where it is one in its plain form, bytes where it is an oid in its plain form, else text.
/// Each id has exactly one form, so the key is as unique as the id.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct EventId(pub(super) String);

impl ToSql for EventId {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let id = self.0.as_str();
        if let Ok(number) = id.parse::<i64>()
            && number.to_string() == id
        {
            return Ok(number.into());
        }
        if (id.len() == 40 || id.len() == 64)
            && let Some(bytes) = from_hex(id)
        {
            return Ok(ToSqlOutput::Owned(Value::Blob(bytes)));
        }
        Ok(id.into())
    }
}

impl FromSql for EventId {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<EventId> {
        match value {
            ValueRef::Integer(number) => Ok(EventId(number.to_string())),
            ValueRef::Blob(bytes) => Ok(EventId(to_hex(bytes))),
            ValueRef::Text(_) => Ok(EventId(value.as_str()?.to_owned())),
            _ => Err(FromSqlError::InvalidType),
        }
    }
}

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Lower case alone: an id in capitals is another id.
fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| DIGITS.iter().position(|digit| *digit == byte);
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

#[cfg(test)]
mod tests;
