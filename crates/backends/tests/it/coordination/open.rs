//! Opening a coordination file: by any number at once, and with a word about what is wrong with it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use backends::sqlite::{Coordination, OpenError, Problem, Sqlite};
use ledger::port::Coordination as _;
use rusqlite::Connection;

use super::{block, member, telling};
use crate::open::{allow, as_an_ordinary_user, directory, names};

/// The refusal, which is one line that names the file and nothing of the state's.
fn refused(path: &Path) -> Problem {
    check(
        Coordination::open(path).expect_err("it cannot be opened"),
        path,
    )
}

fn check(error: OpenError, path: &Path) -> Problem {
    let line = format!("{error}: {}", error.remedy());
    let start = format!("cannot open the coordination file {}: ", path.display());
    assert!(line.starts_with(&start), "{line}");
    assert!(!line.contains('\n') && !line.contains("--state"), "{line}");
    error.problem().clone()
}

#[test]
fn a_new_file_and_everything_beside_it_can_be_read_by_its_owner_alone() {
    let directory = directory();
    let path = directory.path().join("board");
    let boards = [
        Coordination::open(&path).unwrap(),
        Coordination::open(&path).unwrap(),
    ];
    assert_eq!(names(&directory), ["board", "board-shm", "board-wal"]);
    for name in names(&directory) {
        let found = fs::metadata(directory.path().join(&name)).unwrap();
        assert_eq!(found.permissions().mode() & 0o777, 0o600, "{name}");
    }
    drop(boards);
    assert_eq!(names(&directory), ["board"], "the log is folded into it");
}

#[test]
fn what_is_no_coordination_file_is_refused_and_left_as_it_is() {
    let directory = directory();
    let path = |name: &str| directory.path().join(name);

    fs::write(
        path("notes"),
        "# notes, and not a database, but long enough",
    )
    .unwrap();
    let before = fs::read(path("notes")).unwrap();
    assert_eq!(refused(&path("notes")), Problem::NotADatabase);
    assert_eq!(fs::read(path("notes")).unwrap(), before);
    assert_eq!(refused(directory.path()), Problem::NotADatabase);

    let photos = Connection::open(path("photos")).unwrap();
    photos
        .execute_batch("CREATE TABLE photos (name TEXT)")
        .unwrap();
    assert_eq!(refused(&path("photos")), Problem::Foreign);

    drop(Sqlite::open(path("state")).unwrap());
    assert_eq!(refused(&path("state")), Problem::Foreign, "a state is none");
    drop(Coordination::open(path("board")).unwrap());
    let state = Sqlite::open(path("board")).unwrap_err();
    assert_eq!(state.problem(), &Problem::Foreign, "and it is no state");

    let newer = Connection::open(path("board")).unwrap();
    newer.pragma_update(None, "user_version", 99).unwrap();
    drop(newer);
    let newest = Problem::NewerSchema {
        found: 99,
        known: 2,
    };
    assert_eq!(refused(&path("board")), newest);
    let error = Coordination::read_only(path("board")).unwrap_err();
    assert_eq!(check(error, &path("board")), newest);

    let mut bytes = fs::read(path("state")).unwrap();
    bytes[60..64].copy_from_slice(&1_u32.to_be_bytes());
    bytes[68..72].copy_from_slice(b"TidC");
    bytes[100..4000].fill(0xa5);
    fs::write(path("damaged"), bytes).unwrap();
    assert_eq!(refused(&path("damaged")), Problem::Damaged);

    assert_eq!(refused(&path("missing/board")), Problem::Missing);
    assert!(!path("missing").exists(), "nothing is made");
}

#[test]
fn what_may_not_be_written_is_refused() {
    let directory = directory();
    let path = directory.path().join("board");
    drop(Coordination::open(&path).unwrap());
    allow(&path, 0o444);
    allow(directory.path(), 0o777);
    as_an_ordinary_user(|| assert_eq!(refused(&path), Problem::ReadOnly));
    allow(&path, 0o000);
    as_an_ordinary_user(|| assert_eq!(refused(&path), Problem::Forbidden));
    fs::remove_file(&path).unwrap();
    allow(directory.path(), 0o555);
    as_an_ordinary_user(|| assert_eq!(refused(&path), Problem::ReadOnly));
    allow(directory.path(), 0o755);
    assert_eq!(names(&directory), [""; 0]);
}

#[test]
fn a_file_that_another_program_holds_locked_is_refused() {
    let directory = directory();
    let path = directory.path().join("board");
    drop(Coordination::open(&path).unwrap());
    for sql in [
        "BEGIN IMMEDIATE",
        "PRAGMA locking_mode = exclusive; BEGIN EXCLUSIVE",
    ] {
        let shell = Connection::open(&path).unwrap();
        shell.execute_batch(sql).unwrap();
        assert_eq!(refused(&path), Problem::Locked, "{sql}");
    }
    Coordination::open(&path).expect("the shell has gone");
}

#[tokio::test]
async fn who_only_looks_sees_what_is_told_and_can_write_nothing() {
    let directory = directory();
    let path = directory.path().join("50% ünït?#");
    let missing = Coordination::read_only(&path).unwrap_err();
    assert_eq!(check(missing, &path), Problem::Missing);
    assert_eq!(names(&directory), [""; 0], "looking makes nothing");

    let board = Coordination::open(&path).unwrap();
    let eyes = Coordination::read_only(&path).unwrap();
    board
        .exchange(&member("ada", 1), &[telling("a", "1")])
        .await
        .unwrap();
    board.close(&block("a", 60)).await.unwrap();
    board.keep_learnt("a", "all of it", None).await.unwrap();
    assert_eq!(eyes.held().await.unwrap(), board.held().await.unwrap());
    assert_eq!(eyes.held().await.unwrap().len(), 1);
    assert_eq!(eyes.blocks().await.unwrap(), [block("a", 60)]);
    assert_eq!(
        eyes.learnt("a").await.unwrap().as_deref(),
        Some("all of it")
    );

    let refusals = [
        eyes.exchange(&member("eyes", 1), &[]).await.unwrap_err(),
        eyes.leave("ada").await.unwrap_err(),
        eyes.sweep(&member("ada", 1)).await.unwrap_err(),
        eyes.close(&block("a", 90)).await.unwrap_err(),
        eyes.keep_learnt("a", "nothing", Some("all of it"))
            .await
            .unwrap_err(),
    ];
    assert!(
        refusals.iter().all(ledger::port::Error::is_unavailable),
        "{refusals:?}"
    );
    assert_eq!(board.blocks().await.unwrap(), [block("a", 60)]);

    drop(board);
    let eyes = Coordination::read_only(&path).unwrap();
    assert_eq!(
        eyes.held().await.unwrap().len(),
        1,
        "also after everybody has gone"
    );
}

#[tokio::test]
async fn a_board_says_the_same_after_it_was_closed_and_opened_again() {
    let directory = directory();
    let path = directory.path().join("board");
    let board = Coordination::open(&path).unwrap();
    board
        .exchange(&member("ada", u64::MAX), &[telling("a", "1")])
        .await
        .unwrap();
    board.close(&block("a", 60)).await.unwrap();
    board.keep_learnt("a", "all of it", None).await.unwrap();
    let held = board.held().await.unwrap();
    drop(board);
    let board = Coordination::open(&path).unwrap();
    assert_eq!(board.held().await.unwrap(), held);
    assert_eq!(board.blocks().await.unwrap(), [block("a", 60)]);
    assert_eq!(
        board.learnt("a").await.unwrap().as_deref(),
        Some("all of it")
    );
}
