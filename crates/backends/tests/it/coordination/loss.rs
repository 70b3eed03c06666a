//! What is taken away from under a process, or held from it, is said by the next step; and what comes back is used again.

use std::fs;
use std::path::{Path, PathBuf};

use backends::sqlite::Coordination;
use ledger::port::coordination::Held;
use ledger::port::{self, Coordination as _};
use rusqlite::Connection;

use super::{assert_sound, block, member, telling};
use crate::open::{directory, names};

async fn exchange(board: &Coordination, name: &str, beat: u64) -> port::Result<Vec<Held>> {
    board
        .exchange(&member(name, beat), &[telling("a", name)])
        .await
}

#[track_caller]
fn said(refused: port::Result<impl std::fmt::Debug>) -> String {
    let error = refused.expect_err("it says so");
    assert!(error.is_unavailable(), "{error:?}");
    let causes = std::iter::successors(std::error::Error::source(&error), |cause| cause.source());
    causes.map(|cause| format!("{cause}; ")).collect()
}

fn with(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}

#[tokio::test]
async fn a_file_that_was_taken_away_is_missed_and_made_anew_and_all_meet_in_the_new_one() {
    let directory = directory();
    let path = directory.path().join("board");
    // With and without what SQLite keeps beside it, which must not be played back into the new one.
    for ends in [&[""][..], &["", "-wal", "-shm"]] {
        let (ada, bob) = (
            Coordination::open(&path).unwrap(),
            Coordination::open(&path).unwrap(),
        );
        exchange(&ada, "ada", 1).await.unwrap();
        assert_eq!(exchange(&bob, "bob", 1).await.unwrap().len(), 1);
        ada.close(&block("a", 60)).await.unwrap();
        for end in ends {
            fs::remove_file(with(&path, end)).unwrap();
        }
        let why = said(exchange(&ada, "ada", 2).await);
        assert!(why.contains("not there any more"), "{why}");
        // Bob still has the old one open.
        let heard = exchange(&ada, "ada", 3).await.unwrap();
        assert_eq!(heard, [], "nothing of the old file is in the new one");
        said(exchange(&bob, "bob", 2).await);
        assert_eq!(exchange(&bob, "bob", 3).await.unwrap()[0].member, "ada");
        said(bob.blocks().await);
        assert_eq!(bob.blocks().await.unwrap(), []);
        bob.close(&block("a", 90)).await.unwrap();
        said(ada.blocks().await);
        assert_eq!(ada.blocks().await.unwrap(), [block("a", 90)]);
        for n in 4..300 {
            exchange(&ada, "ada", n).await.unwrap();
            assert_eq!(exchange(&bob, "bob", n).await.unwrap()[0].beat, n);
        }
        drop((ada, bob));
        assert_sound(&path);
        fs::remove_file(&path).unwrap();
        assert_eq!(names(&directory), [""; 0]);
    }
}

#[tokio::test]
async fn a_file_that_takes_the_place_is_used_if_it_is_one_of_ours_and_refused_until_it_is_gone_if_not()
 {
    let directory = directory();
    let path = directory.path().join("board");
    let board = Coordination::open(&path).unwrap();
    exchange(&board, "ada", 1).await.unwrap();

    let other = directory.path().join("other");
    let theirs = Coordination::open(&other).unwrap();
    exchange(&theirs, "bob", 1).await.unwrap();
    drop(theirs);
    fs::rename(&other, &path).unwrap();
    fs::remove_file(with(&path, "-wal")).unwrap();
    fs::remove_file(with(&path, "-shm")).unwrap();
    said(exchange(&board, "ada", 2).await);
    assert_eq!(exchange(&board, "ada", 3).await.unwrap()[0].member, "bob");

    fs::write(&other, "# notes, and not a database, but long enough").unwrap();
    fs::rename(&other, &path).unwrap();
    said(exchange(&board, "ada", 4).await);
    for beat in 5..8 {
        let why = said(exchange(&board, "ada", beat).await);
        assert!(why.contains("not a SQLite database"), "{why}");
    }
    assert!(fs::read_to_string(&path).unwrap().starts_with("# notes"));
    fs::remove_file(&path).unwrap();
    assert_eq!(exchange(&board, "ada", 8).await.unwrap(), []);
}

#[tokio::test]
async fn a_directory_that_goes_and_comes_back_costs_the_time_in_between() {
    let directory = directory();
    let (here, away) = (directory.path().join("here"), directory.path().join("away"));
    fs::create_dir(&here).unwrap();
    let board = Coordination::open(here.join("board")).unwrap();
    exchange(&board, "ada", 1).await.unwrap();
    board.close(&block("a", 60)).await.unwrap();
    fs::rename(&here, &away).unwrap();
    for beat in 2..5 {
        said(exchange(&board, "ada", beat).await);
        said(board.blocks().await);
    }
    fs::rename(&away, &here).unwrap();
    exchange(&board, "ada", 5).await.unwrap();
    assert_eq!(board.blocks().await.unwrap(), [block("a", 60)]);
}

#[tokio::test]
async fn a_damaged_file_is_used_no_more_until_it_is_moved_away() {
    let directory = directory();
    let path = directory.path().join("board");
    let board = Coordination::open(&path).unwrap();
    exchange(&board, "ada", 1).await.unwrap();
    // Somebody copies something over it, which leaves it the same file.
    drop(board);
    let board = Coordination::open(&path).unwrap();
    fs::write(with(&path, "-wal"), []).unwrap();
    fs::write(&path, vec![0xa5; 20_000]).unwrap();
    for beat in 2..5 {
        exchange(&board, "ada", beat)
            .await
            .expect_err("it is damaged");
    }
    fs::rename(&path, directory.path().join("damaged")).unwrap();
    let _noticed = exchange(&board, "ada", 5).await;
    assert_eq!(exchange(&board, "ada", 6).await.unwrap(), []);
}

#[tokio::test]
async fn while_another_program_holds_the_file_nothing_is_written_and_blocks_can_be_read() {
    let directory = directory();
    let path = directory.path().join("board");
    let board = Coordination::open(&path).unwrap();
    board.close(&block("a", 60)).await.unwrap();
    let shell = Connection::open(&path).unwrap();
    shell.execute_batch("BEGIN IMMEDIATE").unwrap();
    let why = said(exchange(&board, "ada", 1).await);
    assert!(why.contains("locked"), "{why}");
    assert_eq!(board.blocks().await.unwrap(), [block("a", 60)]);
    shell.execute_batch("ROLLBACK").unwrap();
    exchange(&board, "ada", 2).await.unwrap();
}
