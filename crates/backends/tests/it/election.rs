//! The leader's office in a coordination file, as programs see it: files of an earlier version, files that go away, and
//! processes that die.

use std::fs;
use std::path::Path;

use backends::sqlite::Coordination;
use ledger::conformance::coordination::{member, telling};
use ledger::port::{Coordination as _, Election as _};
use rusqlite::Connection;

use crate::open::directory;

/// A file as the first version of it was made, with a row in every table.
fn of_the_first_version(path: &Path) {
    let connection = Connection::open(path).unwrap();
    connection
        .pragma_update(None, "journal_mode", "wal")
        .unwrap();
    connection
        .execute_batch(include_str!("../../src/sqlite/coordination/0001_board.sql"))
        .unwrap();
    connection
        .execute_batch(
            "INSERT INTO tellings VALUES ('ada', 'a', 7, 'of a', 'a view of of a');
            INSERT INTO blocks VALUES ('a', 1767225660000000, NULL, NULL);
            INSERT INTO learnt VALUES ('a', 'all of it');",
        )
        .unwrap();
    let mark = i32::from_be_bytes(*b"TidC");
    connection
        .pragma_update(None, "application_id", mark)
        .unwrap();
    connection.pragma_update(None, "user_version", 1).unwrap();
}

#[tokio::test]
async fn a_file_of_the_first_version_keeps_what_is_in_it_and_gets_an_office_that_nobody_holds() {
    let directory = directory();
    let path = directory.path().join("board");
    of_the_first_version(&path);
    let older = Coordination::read_only(&path).unwrap_err();
    assert!(older.to_string().contains("schema version 1"), "{older}");

    let board = Coordination::open(&path).unwrap();
    let held = board.held().await.unwrap();
    assert_eq!(held.len(), 1);
    assert_eq!((held[0].member.as_str(), held[0].beat), ("ada", 7));
    assert_eq!(board.blocks().await.unwrap().len(), 1);
    let learnt = board.learnt("a").await.unwrap();
    assert_eq!(learnt.as_deref(), Some("all of it"));
    assert_eq!(board.look().await.unwrap(), None);
    let mine = board.take("ada", None).await.unwrap().unwrap();
    drop(board);
    let board = Coordination::open(&path).unwrap();
    assert_eq!(board.look().await.unwrap(), Some(mine));
}

/// A process that has the file open while a later version brings it up to date.
#[tokio::test]
async fn a_file_may_be_brought_up_to_date_while_others_work_on_it() {
    let directory = directory();
    let path = directory.path().join("board");
    of_the_first_version(&path);
    let other = Connection::open(&path).unwrap();
    let count = || {
        let sql = "SELECT count(*) FROM tellings";
        other
            .query_row(sql, [], |row| row.get::<_, i64>(0))
            .unwrap()
    };
    assert_eq!(count(), 1);
    let board = Coordination::open(&path).unwrap();
    board
        .exchange(&member("bob", 1), &[telling("a", "1")])
        .await
        .unwrap();
    assert_eq!(count(), 2);
    other
        .execute("UPDATE tellings SET beat = 8 WHERE member = 'ada'", [])
        .unwrap();
    assert_eq!(board.held().await.unwrap()[0].beat, 8);
}

#[tokio::test]
async fn who_only_looks_sees_who_leads_and_takes_nothing() {
    let directory = directory();
    let path = directory.path().join("board");
    let board = Coordination::open(&path).unwrap();
    let eyes = Coordination::read_only(&path).unwrap();
    let mine = board.take("ada", None).await.unwrap().unwrap();
    assert_eq!(eyes.look().await.unwrap().as_ref(), Some(&mine));
    let refusals = [
        eyes.take("eyes", Some(&mine)).await.unwrap_err(),
        eyes.renew(&mine).await.unwrap_err(),
        eyes.resign(&mine).await.unwrap_err(),
    ];
    assert!(
        refusals.iter().all(ledger::port::Error::is_unavailable),
        "{refusals:?}"
    );
    assert_eq!(board.look().await.unwrap(), Some(mine));
}

/// Its holder finds out with its next step, and nobody takes the new office for the old one.
#[tokio::test]
async fn an_office_whose_file_was_taken_away_is_nobody_s_in_the_next_one() {
    let directory = directory();
    let path = directory.path().join("board");
    let (ada, bob) = (
        Coordination::open(&path).unwrap(),
        Coordination::open(&path).unwrap(),
    );
    let mine = ada.take("ada", None).await.unwrap().unwrap();
    let seen = bob.look().await.unwrap().unwrap();
    fs::remove_file(&path).unwrap();

    assert!(bob.look().await.unwrap_err().is_unavailable());
    let refused = bob.take("bob", Some(&seen)).await;
    assert!(refused.unwrap_err().is_unavailable(), "its file is gone");
    assert_eq!(bob.take("bob", Some(&seen)).await.unwrap(), None);
    let theirs = bob.take("bob", None).await.unwrap().unwrap();
    assert_ne!(theirs.mark, mine.mark);
    assert!(ada.renew(&mine).await.unwrap_err().is_unavailable());
    assert_eq!(ada.renew(&mine).await.unwrap(), None);
    assert_eq!(bob.look().await.unwrap(), Some(theirs));
}
