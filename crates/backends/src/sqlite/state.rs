//! Kept answers, packed, and bounded in number and in bytes: the one that was kept longest ago goes first.

use jiff::Timestamp;
use ledger::port::state::KeptAnswer;
use rusqlite::{Connection, OptionalExtension};

use super::fault::Fault;
use super::rows::Micros;

/// How many answers are kept, and how many bytes of packed bodies. Past either, the oldest are dropped.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bound {
    pub(super) answers: i64,
    pub(super) bytes: i64,
}

/// About three pages for each of 16,000 repositories.
pub(super) const BOUND: Bound = Bound {
    answers: 50_000,
    bytes: 512 << 20,
};

/// The largest body that is unpacked again; what GitHub sends is far smaller.
const LARGEST_BODY: usize = 256 << 20;

pub(super) const ANSWER: &str =
    "SELECT etag, date, headers, body FROM answers WHERE url = ?2 AND credential = ?1";
pub(super) const OLDEST: &str = "SELECT id, length(body) FROM answers ORDER BY turn LIMIT 1";

/// A body as it lies in its column. Packing happens before the writer's turn.
pub(super) async fn pack(body: Vec<u8>) -> Result<Vec<u8>, Fault> {
    let packing = tokio::task::spawn_blocking(move || zstd::bulk::compress(&body, 1));
    packing
        .await
        .map_err(|_cancelled| Fault::Closed)?
        .map_err(Fault::Body)
}

pub(super) fn answer(
    connection: &Connection,
    credential: &str,
    url: &str,
) -> Result<Option<KeptAnswer>, Fault> {
    let mut statement = connection.prepare_cached(ANSWER)?;
    let read = |row: &rusqlite::Row<'_>| {
        let date = row.get::<_, Option<Micros>>(1)?.map(|Micros(date)| date);
        Ok((
            row.get(0)?,
            date,
            row.get::<_, String>(2)?,
            row.get::<_, Vec<u8>>(3)?,
        ))
    };
    let Some((etag, date, headers, packed)) =
        statement.query_row([credential, url], read).optional()?
    else {
        return Ok(None);
    };
    Ok(Some(KeptAnswer {
        credential: credential.to_owned(),
        url: url.to_owned(),
        etag,
        date,
        headers: serde_json::from_str(&headers)?,
        body: unpack(&packed)?,
    }))
}

fn unpack(packed: &[u8]) -> Result<Vec<u8>, Fault> {
    let mut body = Vec::new();
    let unpacker = zstd::stream::read::Decoder::with_buffer(packed).map_err(Fault::Body)?;
    std::io::Read::read_to_end(
        &mut std::io::Read::take(unpacker, LARGEST_BODY as u64),
        &mut body,
    )
    .map_err(Fault::Body)?;
    Ok(body)
}

/// Keeps an answer whose body is `packed`.
pub(super) fn keep(
    connection: &Connection,
    answer: &KeptAnswer,
    packed: &[u8],
    now: Timestamp,
    bound: Bound,
) -> Result<(), Fault> {
    let bytes = i64::try_from(packed.len()).unwrap_or(i64::MAX);
    let sql = "SELECT id, length(body) FROM answers WHERE url = ?2 AND credential = ?1";
    let before: Option<(i64, i64)> = connection
        .prepare_cached(sql)?
        .query_row([&answer.credential, &answer.url], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    if let Some((id, bytes)) = before {
        drop_answer(connection, id, bytes)?;
    }
    let sql = "UPDATE store SET answers = answers + 1, answer_bytes = answer_bytes + ?1, answer_turn = answer_turn + 1
        WHERE one = 1 RETURNING answer_turn";
    let turn: i64 = connection
        .prepare_cached(sql)?
        .query_row([bytes], |row| row.get(0))?;
    let sql = "INSERT INTO answers (credential, url, etag, date, headers, body, kept_at, turn)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    connection.prepare_cached(sql)?.execute((
        &answer.credential,
        &answer.url,
        &answer.etag,
        answer.date.map(Micros),
        serde_json::to_string(&answer.headers)?,
        packed,
        Micros(now),
        turn,
    ))?;
    while is_over(connection, bound)? {
        let oldest = connection
            .prepare_cached(OLDEST)?
            .query_row([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))
            .optional()?;
        let Some((id, bytes)) = oldest else { break };
        drop_answer(connection, id, bytes)?;
    }
    Ok(())
}

fn is_over(connection: &Connection, bound: Bound) -> Result<bool, Fault> {
    let sql = "SELECT answers > ?1 OR answer_bytes > ?2 FROM store WHERE one = 1";
    Ok(connection
        .prepare_cached(sql)?
        .query_row([bound.answers, bound.bytes], |row| row.get(0))?)
}

fn drop_answer(connection: &Connection, id: i64, bytes: i64) -> Result<(), Fault> {
    connection
        .prepare_cached("DELETE FROM answers WHERE id = ?1")?
        .execute([id])?;
    let sql =
        "UPDATE store SET answers = answers - 1, answer_bytes = answer_bytes - ?1 WHERE one = 1";
    connection.prepare_cached(sql)?.execute([bytes])?;
    Ok(())
}

pub(super) const NOTE: &str = "SELECT value FROM notes WHERE name = ?1";

pub(super) fn noted(connection: &Connection, name: &str) -> Result<Option<String>, Fault> {
    let mut statement = connection.prepare_cached(NOTE)?;
    Ok(statement.query_row([name], |row| row.get(0)).optional()?)
}

pub(super) fn note(connection: &Connection, name: &str, value: &str) -> Result<(), Fault> {
    let sql = "INSERT INTO notes (name, value) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = excluded.value";
    connection.prepare_cached(sql)?.execute([name, value])?;
    Ok(())
}
