//! The steps on the board, each inside a transaction that its caller has begun.

use jiff::Timestamp;
use ledger::port::coordination::{Block, Held, Member, Reckoned, Telling};
use rusqlite::{Connection, OptionalExtension, Params};

use super::super::fault::Fault;
use super::super::rows::{Micros, Number};

pub(super) fn exchange(
    connection: &Connection,
    me: &Member,
    mine: &[Telling],
) -> Result<Vec<Held>, Fault> {
    leave(connection, &me.name)?;
    let sql =
        "INSERT INTO tellings (member, credential, beat, share, view) VALUES (?1, ?2, ?3, ?4, ?5)";
    let mut tell = connection.prepare_cached(sql)?;
    for telling in mine {
        tell.execute((
            &me.name,
            &telling.credential,
            Number(me.beat),
            &telling.share,
            &telling.view,
        ))?;
    }
    let sql = "SELECT member, beat, credential, share, view FROM tellings WHERE member <> ?1 ORDER BY member, credential";
    read(connection, sql, [&me.name])
}

pub(super) fn leave(connection: &Connection, member: &str) -> Result<(), Fault> {
    connection
        .prepare_cached("DELETE FROM tellings WHERE member = ?1")?
        .execute([member])?;
    Ok(())
}

pub(super) fn sweep(connection: &Connection, still: &Member) -> Result<bool, Fault> {
    let swept = connection
        .prepare_cached("DELETE FROM tellings WHERE member = ?1 AND beat = ?2")?
        .execute((&still.name, Number(still.beat)))?;
    Ok(swept > 0)
}

pub(super) fn held(connection: &Connection) -> Result<Vec<Held>, Fault> {
    let sql =
        "SELECT member, beat, credential, share, view FROM tellings ORDER BY member, credential";
    read(connection, sql, [])
}

fn read(connection: &Connection, sql: &str, params: impl Params) -> Result<Vec<Held>, Fault> {
    let mut statement = connection.prepare_cached(sql)?;
    let held = statement.query_map(params, |row| {
        Ok(Held {
            member: row.get(0)?,
            beat: row.get::<_, Number>(1)?.0,
            credential: row.get(2)?,
            share: row.get(3)?,
            view: row.get(4)?,
        })
    })?;
    Ok(held.collect::<rusqlite::Result<_>>()?)
}

pub(super) fn close(connection: &Connection, block: &Block) -> Result<(), Fault> {
    let sql = "INSERT INTO blocks (credential, closed_until, machine, started) VALUES (?1, ?2, ?3, ?4)
        ON CONFLICT (credential) DO UPDATE
        SET closed_until = excluded.closed_until, machine = excluded.machine, started = excluded.started
        WHERE excluded.closed_until > closed_until";
    let reckoned = block.reckoned.as_ref();
    connection.prepare_cached(sql)?.execute((
        &block.credential,
        Micros(no_earlier(block.until)),
        reckoned.map(|reckoned| &reckoned.machine),
        reckoned.map(|reckoned| Micros(reckoned.started)),
    ))?;
    Ok(())
}

/// A column has whole microseconds, and a block must not end before its end.
fn no_earlier(until: Timestamp) -> Timestamp {
    let whole = until.as_microsecond();
    let rounded = match Timestamp::from_microsecond(whole) {
        Ok(cut) if cut < until => Timestamp::from_microsecond(whole + 1),
        exact => exact,
    };
    rounded.unwrap_or(until)
}

pub(super) fn blocks(connection: &Connection) -> Result<Vec<Block>, Fault> {
    let sql = "SELECT credential, closed_until, machine, started FROM blocks ORDER BY credential";
    let mut statement = connection.prepare_cached(sql)?;
    let blocks = statement.query_map([], |row| {
        let machine: Option<String> = row.get(2)?;
        let started: Option<Micros> = row.get(3)?;
        Ok(Block {
            credential: row.get(0)?,
            until: row.get::<_, Micros>(1)?.0,
            reckoned: machine
                .zip(started)
                .map(|(machine, Micros(started))| Reckoned { machine, started }),
        })
    })?;
    Ok(blocks.collect::<rusqlite::Result<_>>()?)
}

pub(super) fn learnt(connection: &Connection, credential: &str) -> Result<Option<String>, Fault> {
    Ok(connection
        .prepare_cached("SELECT learnt FROM learnt WHERE credential = ?1")?
        .query_row([credential], |row| row.get(0))
        .optional()?)
}

pub(super) fn keep_learnt(
    connection: &Connection,
    credential: &str,
    learnt: &str,
    over: Option<&str>,
) -> Result<bool, Fault> {
    if self::learnt(connection, credential)?.as_deref() != over {
        return Ok(false);
    }
    let sql = "INSERT INTO learnt (credential, learnt) VALUES (?1, ?2)
        ON CONFLICT (credential) DO UPDATE SET learnt = excluded.learnt";
    connection
        .prepare_cached(sql)?
        .execute([credential, learnt])?;
    Ok(true)
}
