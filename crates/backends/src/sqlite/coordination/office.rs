//! The steps on the office, each inside a transaction that its caller has begun. Each that changes anything draws another
//! mark.

use ledger::port::election::Office;
use rusqlite::{Connection, OptionalExtension, Params, Row};

use super::super::fault::Fault;
use super::super::rows::Number;

pub(in crate::sqlite) fn look(connection: &Connection) -> Result<Option<Office>, Fault> {
    one(
        connection,
        "SELECT holder, epoch, mark FROM office WHERE one = 1",
        [],
    )
}

pub(in crate::sqlite) fn take(
    connection: &Connection,
    me: &str,
    over: Option<&Office>,
) -> Result<Option<Office>, Fault> {
    let Some(over) = over else {
        let sql = "INSERT INTO office (one, holder, epoch, mark) VALUES (1, ?1, 1, lower(hex(randomblob(16))))
            ON CONFLICT DO NOTHING RETURNING holder, epoch, mark";
        return one(connection, sql, [me]);
    };
    let sql = "UPDATE office SET holder = ?1, epoch = epoch + 1, mark = lower(hex(randomblob(16)))
        WHERE mark = ?2 RETURNING holder, epoch, mark";
    one(connection, sql, (me, &over.mark))
}

pub(in crate::sqlite) fn renew(
    connection: &Connection,
    mine: &Office,
) -> Result<Option<Office>, Fault> {
    let sql = "UPDATE office SET mark = lower(hex(randomblob(16)))
        WHERE holder = ?1 AND epoch = ?2 AND mark = ?3 RETURNING holder, epoch, mark";
    one(
        connection,
        sql,
        (&mine.holder, Number(mine.epoch), &mine.mark),
    )
}

pub(in crate::sqlite) fn resign(connection: &Connection, mine: &Office) -> Result<(), Fault> {
    let sql = "UPDATE office SET holder = NULL, mark = lower(hex(randomblob(16)))
        WHERE holder = ?1 AND epoch = ?2 AND mark = ?3";
    connection
        .prepare_cached(sql)?
        .execute((&mine.holder, Number(mine.epoch), &mine.mark))?;
    Ok(())
}

fn one(connection: &Connection, sql: &str, params: impl Params) -> Result<Option<Office>, Fault> {
    let office = |row: &Row<'_>| {
        Ok(Office {
            holder: row.get(0)?,
            epoch: row.get::<_, Number>(1)?.0,
            mark: row.get(2)?,
        })
    };
    let mut statement = connection.prepare_cached(sql)?;
    Ok(statement.query_row(params, office).optional()?)
}
