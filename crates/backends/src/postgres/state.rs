//! Kept answers, packed, and bounded in number and in bytes: those that were kept longest ago go first. And notes.
//!
//! Counting them all with each that is kept would make everybody wait for one row. So a process looks once for each
//! sixteenth of the bound that it has kept, and then takes away as much more as it will not look for.

use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use jiff::Timestamp;
use ledger::port::state::KeptAnswer;
use ledger::port::{Result, State};
use tokio_postgres::types::Type;

use super::Postgres;
use super::fault::Fault;
use super::link::Parameter;
use super::rows::{self, get};

/// How many answers are kept, and how many bytes of packed bodies.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bound {
    pub(super) answers: u32,
    pub(super) bytes: u64,
}

/// About three pages for each of 16,000 repositories.
pub(super) const BOUND: Bound = Bound {
    answers: 50_000,
    bytes: 512 << 20,
};

/// The largest body that is unpacked again; what GitHub sends is far smaller.
const LARGEST_BODY: u64 = 256 << 20;

/// What this process has kept since it last looked.
pub(super) struct Keeping {
    bound: Bound,
    kept: AtomicU32,
}

impl Keeping {
    pub(super) fn new(bound: Bound) -> Keeping {
        Keeping {
            bound,
            kept: AtomicU32::new(0),
        }
    }

    /// So many may be kept between two looks.
    fn step(&self) -> u32 {
        (self.bound.answers / 16).max(1)
    }

    /// Whether it is time to look.
    fn count(&self) -> bool {
        let before = self.kept.fetch_add(1, Ordering::Relaxed);
        before.wrapping_add(1).is_multiple_of(self.step())
    }
}

/// What is kept again is the youngest again.
const KEEP: &str = "INSERT INTO @.answers (url, credential, kept_at, date, bytes, etag, headers, body)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
    ON CONFLICT (url, credential) DO UPDATE
    SET turn = DEFAULT, kept_at = excluded.kept_at, date = excluded.date, bytes = excluded.bytes, etag = excluded.etag,
        headers = excluded.headers, body = excluded.body";
const TRIM: &str = "DELETE FROM @.answers WHERE turn <= (
        SELECT max(turn) FROM (
            SELECT turn, row_number() OVER young AS number, sum(bytes) OVER young AS total
            FROM @.answers WINDOW young AS (ORDER BY turn DESC)
        ) AS counted WHERE number > $1 OR total > $2
    )";
const ANSWER: &str =
    "SELECT etag, date, headers, body FROM @.answers WHERE url = $1 AND credential = $2";

impl Postgres {
    async fn answer_of(
        &self,
        credential: &str,
        url: &str,
    ) -> std::result::Result<Option<KeptAnswer>, Fault> {
        let rows = self
            .ask(ANSWER, &[(&url, Type::TEXT), (&credential, Type::TEXT)])
            .await?;
        let Some(row) = rows.first() else {
            return Ok(None);
        };
        Ok(Some(KeptAnswer {
            credential: credential.to_owned(),
            url: url.to_owned(),
            etag: get(row, 0)?,
            date: rows::time_if_any(row, 1)?,
            headers: serde_json::from_str(get(row, 2)?)?,
            body: unpack(get(row, 3)?).await?,
        }))
    }

    async fn keep(&self, answer: KeptAnswer, now: Timestamp) -> std::result::Result<(), Fault> {
        let body = pack(answer.body).await?;
        let (kept_at, date) = (
            now.as_microsecond(),
            answer.date.map(Timestamp::as_microsecond),
        );
        let bytes = i32::try_from(body.len()).unwrap_or(i32::MAX);
        let headers = serde_json::to_string(&answer.headers)?;
        self.ask(
            KEEP,
            &[
                (&answer.url, Type::TEXT),
                (&answer.credential, Type::TEXT),
                (&kept_at, Type::INT8),
                (&date, Type::INT8),
                (&bytes, Type::INT4),
                (&answer.etag, Type::TEXT),
                (&headers, Type::TEXT),
                (&body, Type::BYTEA),
            ],
        )
        .await?;
        let keeping = &self.parts.answers;
        if keeping.count() {
            let answers = i64::from(keeping.bound.answers - keeping.step());
            let bytes = i64::try_from(keeping.bound.bytes).unwrap_or(i64::MAX);
            self.ask(TRIM, &[(&answers, Type::INT8), (&bytes, Type::INT8)])
                .await?;
        }
        Ok(())
    }
}

async fn pack(body: Vec<u8>) -> std::result::Result<Vec<u8>, Fault> {
    let packing = tokio::task::spawn_blocking(move || zstd::bulk::compress(&body, 1));
    packing
        .await
        .map_err(|_cancelled| Fault::Closed)?
        .map_err(Fault::Body)
}

async fn unpack(packed: Vec<u8>) -> std::result::Result<Vec<u8>, Fault> {
    let unpacking = tokio::task::spawn_blocking(move || {
        let mut body = Vec::new();
        let unpacker = zstd::stream::read::Decoder::with_buffer(packed.as_slice())?;
        std::io::Read::read_to_end(&mut std::io::Read::take(unpacker, LARGEST_BODY), &mut body)?;
        Ok(body)
    });
    unpacking
        .await
        .map_err(|_cancelled| Fault::Closed)?
        .map_err(Fault::Body)
}

#[async_trait]
impl State for Postgres {
    async fn answer(&self, credential: &str, url: &str) -> Result<Option<KeptAnswer>> {
        let answer = self.answer_of(credential, url).await;
        answer.map_err(|fault| fault.while_it_should("read a kept answer"))
    }

    async fn keep_answer(&self, answer: KeptAnswer, now: Timestamp) -> Result<()> {
        let kept = self.keep(answer, now).await;
        kept.map_err(|fault| fault.while_it_should("keep an answer"))
    }

    async fn noted(&self, name: &str) -> Result<Option<String>> {
        let noted = async {
            let sql = "SELECT value FROM @.notes WHERE name = $1";
            let rows = self.ask(sql, &[(&name, Type::TEXT)]).await?;
            rows.first().map(|row| get(row, 0)).transpose()
        };
        noted
            .await
            .map_err(|fault: Fault| fault.while_it_should("read a note"))
    }

    async fn note(&self, name: &str, value: &str) -> Result<()> {
        let sql = "INSERT INTO @.notes (name, value) VALUES ($1, $2)
            ON CONFLICT (name) DO UPDATE SET value = excluded.value";
        let parameters: &[Parameter<'_>] = &[(&name, Type::TEXT), (&value, Type::TEXT)];
        let noted = self.ask(sql, parameters).await;
        noted
            .map(drop)
            .map_err(|fault| fault.while_it_should("keep a note"))
    }
}
