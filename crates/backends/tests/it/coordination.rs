//! The coordination file as programs see it: several processes at once, files that go away, death.

mod crowd;
mod loss;
mod open;

use std::path::Path;

use ledger::conformance::coordination::{member, telling};
use ledger::port::coordination::Block;
use rusqlite::Connection;

#[track_caller]
fn assert_sound(path: &Path) {
    let connection = Connection::open(path).unwrap();
    let verdict: String = connection
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(verdict, "ok");
}

fn block(credential: &str, second: i64) -> Block {
    Block {
        credential: credential.to_owned(),
        until: crate::at(second),
        reckoned: None,
    }
}
