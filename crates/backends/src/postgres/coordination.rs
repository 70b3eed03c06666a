//! What the processes of one credential share. An exchange is one statement that waits for the one before it and for no disk;
//! a block and what was learnt are on disk when they are answered. What shares mean, and who is alive, is decided elsewhere.

use async_trait::async_trait;
use jiff::Timestamp;
use ledger::port::Result;
use ledger::port::coordination::{Block, Coordination, Held, Member, Reckoned, Telling};
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::Postgres;
use super::fault::Fault;
use super::link::Parameter;
use super::rows::{self, TEXTS, get};

const CLOSE: &str =
    "INSERT INTO @.blocks AS b (credential, closed_until, machine, started) VALUES ($1, $2, $3, $4)
    ON CONFLICT (credential) DO UPDATE
    SET closed_until = excluded.closed_until, machine = excluded.machine, started = excluded.started
    WHERE excluded.closed_until > b.closed_until";
const KEEP_FIRST: &str =
    "INSERT INTO @.learnt (credential, learnt) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING 1";
const KEEP_OVER: &str = "UPDATE @.learnt SET learnt = $2 WHERE credential = $1 AND learnt = $3 COLLATE \"C\" RETURNING 1";

impl Postgres {
    /// A statement of the board.
    async fn board(
        &self,
        doing: &'static str,
        sql: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<Vec<Row>> {
        let rows = self.ask(sql, parameters).await;
        rows.map_err(|fault| fault.while_it_should(doing))
    }
}

fn held(rows: &[Row], doing: &'static str) -> Result<Vec<Held>> {
    let read = |row: &Row| {
        Ok(Held {
            member: get(row, 0)?,
            beat: rows::number(row, 1)?,
            credential: get(row, 2)?,
            share: get(row, 3)?,
            view: get(row, 4)?,
        })
    };
    rows.iter()
        .map(read)
        .collect::<std::result::Result<Vec<Held>, Fault>>()
        .map_err(|fault| fault.while_it_should(doing))
}

/// A column has whole microseconds, and a block must not end before its end.
fn no_earlier(until: Timestamp) -> i64 {
    let whole = until.as_microsecond();
    match Timestamp::from_microsecond(whole) {
        Ok(cut) if cut < until => whole + 1,
        _ => whole,
    }
}

fn block(row: &Row) -> std::result::Result<Block, Fault> {
    let machine: Option<String> = get(row, 2)?;
    let started = rows::time_if_any(row, 3)?;
    Ok(Block {
        credential: get(row, 0)?,
        until: rows::time(row, 1)?,
        reckoned: machine
            .zip(started)
            .map(|(machine, started)| Reckoned { machine, started }),
    })
}

#[async_trait]
impl Coordination for Postgres {
    async fn exchange(&self, me: &Member, mine: &[Telling]) -> Result<Vec<Held>> {
        let doing = "exchange with the other processes";
        let column = |of: fn(&Telling) -> &str| mine.iter().map(of).collect::<Vec<&str>>();
        let beat = me.beat.cast_signed();
        let parameters: &[Parameter<'_>] = &[
            (&me.name, Type::TEXT),
            (&beat, Type::INT8),
            (&column(|telling| &telling.credential), TEXTS),
            (&column(|telling| &telling.share), TEXTS),
            (&column(|telling| &telling.view), TEXTS),
        ];
        let sql = "SELECT * FROM @.exchange($1, $2, $3, $4, $5)";
        held(&self.board(doing, sql, parameters).await?, doing)
    }

    async fn leave(&self, member: &str) -> Result<()> {
        let sql = "DELETE FROM @.tellings WHERE member = $1";
        self.board("leave the other processes", sql, &[(&member, Type::TEXT)])
            .await
            .map(drop)
    }

    async fn sweep(&self, still: &Member) -> Result<bool> {
        let beat = still.beat.cast_signed();
        let sql = "DELETE FROM @.tellings WHERE member = $1 AND beat = $2 RETURNING 1";
        let parameters: &[Parameter<'_>] = &[(&still.name, Type::TEXT), (&beat, Type::INT8)];
        let swept = self
            .board("sweep away what a dead process told", sql, parameters)
            .await?;
        Ok(!swept.is_empty())
    }

    async fn held(&self) -> Result<Vec<Held>> {
        let doing = "read what processes tell";
        let sql = "SELECT member, beat, credential, share, view FROM @.tellings ORDER BY member, credential";
        held(&self.board(doing, sql, &[]).await?, doing)
    }

    async fn close(&self, block: &Block) -> Result<()> {
        let until = no_earlier(block.until);
        let reckoned = block.reckoned.as_ref();
        let machine = reckoned.map(|reckoned| &reckoned.machine);
        let started = reckoned.map(|reckoned| reckoned.started.as_microsecond());
        let parameters: &[Parameter<'_>] = &[
            (&block.credential, Type::TEXT),
            (&until, Type::INT8),
            (&machine, Type::TEXT),
            (&started, Type::INT8),
        ];
        self.board("record a block", CLOSE, parameters)
            .await
            .map(drop)
    }

    async fn blocks(&self) -> Result<Vec<Block>> {
        let doing = "read blocks";
        let sql =
            "SELECT credential, closed_until, machine, started FROM @.blocks ORDER BY credential";
        let rows = self.board(doing, sql, &[]).await?;
        let blocks = rows
            .iter()
            .map(block)
            .collect::<std::result::Result<Vec<_>, _>>();
        blocks.map_err(|fault| fault.while_it_should(doing))
    }

    async fn learnt(&self, credential: &str) -> Result<Option<String>> {
        let doing = "read what was learnt";
        let sql = "SELECT learnt FROM @.learnt WHERE credential = $1";
        let rows = self.board(doing, sql, &[(&credential, Type::TEXT)]).await?;
        let learnt = rows.first().map(|row| get(row, 0)).transpose();
        learnt.map_err(|fault: Fault| fault.while_it_should(doing))
    }

    async fn keep_learnt(
        &self,
        credential: &str,
        learnt: &str,
        over: Option<&str>,
    ) -> Result<bool> {
        let doing = "keep what was learnt";
        let (credential, learnt) = ((&credential as _, Type::TEXT), (&learnt as _, Type::TEXT));
        let kept = match &over {
            None => self.board(doing, KEEP_FIRST, &[credential, learnt]).await?,
            Some(over) => {
                let over = (over as _, Type::TEXT);
                self.board(doing, KEEP_OVER, &[credential, learnt, over])
                    .await?
            }
        };
        Ok(!kept.is_empty())
    }
}
