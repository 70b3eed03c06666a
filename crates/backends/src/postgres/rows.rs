//! How values lie in columns: times, GitHub's numbers, repositories and events.

use jiff::Timestamp;
use ledger::event::{Actor, Event, Fact, RepoId, ReviewState};
use ledger::port::activity::{RepoView, StreamView};
use serde::{Deserialize, Serialize};
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, Type};

use super::cache::Known;
use super::fault::Fault;

/// Works on so many things; where they are many, without keeping what else runs on this thread waiting.
pub(super) fn at_length<T>(things: usize, work: impl FnOnce() -> T) -> T {
    const MANY: usize = 500;
    let can_move_on = Handle::try_current()
        .is_ok_and(|runtime| runtime.runtime_flavor() == RuntimeFlavor::MultiThread);
    if things >= MANY && can_move_on {
        tokio::task::block_in_place(work)
    } else {
        work()
    }
}

/// A value of a column, by its number.
pub(super) fn get<'row, T: FromSql<'row>>(row: &'row Row, column: usize) -> Result<T, Fault> {
    Ok(row.try_get(column)?)
}

/// A time, in microseconds since 1970.
pub(super) fn time(row: &Row, column: usize) -> Result<Timestamp, Fault> {
    from_micros(get(row, column)?)
}

/// A time that may not be there.
pub(super) fn time_if_any(row: &Row, column: usize) -> Result<Option<Timestamp>, Fault> {
    get::<Option<i64>>(row, column)?
        .map(from_micros)
        .transpose()
}

fn from_micros(micros: i64) -> Result<Timestamp, Fault> {
    Timestamp::from_microsecond(micros).map_err(|error| Fault::Column(error.to_string()))
}

/// A number of GitHub's, bit by bit: all 64 of them fit.
pub(super) fn number(row: &Row, column: usize) -> Result<u64, Fault> {
    Ok(get::<i64>(row, column)?.cast_unsigned())
}

/// A count, which is never negative.
pub(super) fn count(row: &Row, column: usize) -> Result<u64, Fault> {
    Ok(u64::try_from(get::<i64>(row, column)?).unwrap_or_default())
}

pub(super) fn ids(repos: impl IntoIterator<Item = RepoId>) -> Vec<i64> {
    repos.into_iter().map(|repo| repo.0.cast_signed()).collect()
}

/// The streams of a repository in their column.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Streams {
    /// Those that the last listing named, in the order of [`ledger::event::Stream::ALL`].
    pub(super) listed: Vec<StreamView>,
    /// Those that it did not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) unlisted: Vec<StreamView>,
}

/// Where the coverage of listed streams ends after a step, in their order, if that is all that is different.
pub(super) fn moved(before: &[StreamView], after: &[StreamView]) -> Option<Vec<Timestamp>> {
    let is_moved = |(before, after): (&StreamView, &StreamView)| {
        let mut moved = before.clone();
        moved.coverage.advance(after.coverage.frontier());
        moved == *after
    };
    let all_moved = before.len() == after.len() && before.iter().zip(after).all(is_moved);
    let ends = after.iter().map(|view| view.coverage.frontier());
    all_moved.then(|| ends.collect())
}

/// A repository from eight columns of a row: id, place, organisation, name, creation, whether it is tracked, streams, ends.
/// None where its place is 0: there is none.
pub(super) fn repo(row: &Row, first: usize) -> Result<(RepoId, Option<Known>), Fault> {
    let id = RepoId(number(row, first)?);
    let place: i64 = get(row, first + 1)?;
    if place == 0 {
        return Ok((id, None));
    }
    let mut streams: Streams = serde_json::from_str(get(row, first + 6)?)?;
    if let Some(ends) = get::<Option<&str>>(row, first + 7)? {
        let ends: Vec<Timestamp> = serde_json::from_str(ends)?;
        for (view, end) in streams.listed.iter_mut().zip(ends) {
            view.coverage.advance(end);
        }
    }
    let view = RepoView {
        org: get(row, first + 2)?,
        id,
        name: get(row, first + 3)?,
        created_at: time(row, first + 4)?,
        tracked: get(row, first + 5)?,
        streams: streams.listed,
    };
    let known = Known {
        place,
        view,
        unlisted: streams.unlisted,
    };
    Ok((id, Some(known)))
}

/// An event's actor and fact in its column.
pub(super) fn body(event: &Event) -> Result<String, Fault> {
    let Actor { login, id } = &event.actor;
    Ok(serde_json::to_string(&(login, id, &event.fact))?)
}

/// What of a fact a newer version of it replaces, see [`Event::amend`]; none where nothing can change.
pub(super) fn changeable(fact: &Fact) -> Result<Option<String>, Fault> {
    match fact {
        Fact::Review { state, .. } => Ok(Some(serde_json::to_string(state)?)),
        _ => Ok(None),
    }
}

/// An event as it is now, and the state that it was first recorded with if it is a review.
pub(super) struct Kept {
    pub(super) event: Event,
    pub(super) first_state: Option<ReviewState>,
}

/// An event from five columns of a row: id, time, version, body, what was changed.
pub(super) fn event(row: &Row, first: usize) -> Result<Kept, Fault> {
    let (login, id, mut fact): (String, Option<u64>, Fact) =
        serde_json::from_str(get(row, first + 3)?)?;
    let first_state = match &fact {
        Fact::Review { state, .. } => Some(*state),
        _ => None,
    };
    if let (Fact::Review { state, .. }, Some(changed)) =
        (&mut fact, get::<Option<&str>>(row, first + 4)?)
    {
        *state = serde_json::from_str(changed)?;
    }
    let event = Event {
        id: get(row, first)?,
        at: time(row, first + 1)?,
        actor: Actor::new(login, id),
        fact,
        version: get(row, first + 2)?,
    };
    Ok(Kept { event, first_state })
}

pub(super) const INTS: Type = Type::INT8_ARRAY;
pub(super) const TEXTS: Type = Type::TEXT_ARRAY;
pub(super) const FLAGS: Type = Type::BOOL_ARRAY;

#[cfg(test)]
mod tests;
