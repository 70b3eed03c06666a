//! Opening a state: every refusal says what is wrong and what to do, and leaves everything as it was.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use backends::sqlite::{OpenError, Problem, Sqlite};
use ledger::event::RepoId;
use ledger::port::{Activity, State};
use rusqlite::Connection;
use tempfile::TempDir;

use crate::{ORG, at, fetched, seen};

pub(crate) fn directory() -> TempDir {
    tempfile::tempdir().unwrap()
}

pub(crate) fn names(directory: &TempDir) -> Vec<String> {
    let entries = fs::read_dir(directory.path()).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort_unstable();
    names
}

fn refused(path: &Path) -> OpenError {
    let error = Sqlite::open(path).expect_err("it cannot be opened");
    let line = format!("{error}: {}", error.remedy());
    assert!(
        !line.contains('\n') && line.contains(path.to_str().unwrap()),
        "{line}"
    );
    error
}

/// Runs as a user whom permissions bind. Permissions are a thread's own, so the rest of the tests keep theirs.
pub(crate) fn as_an_ordinary_user<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    let nobody = rustix::thread::Uid::from_raw(65_534);
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            if rustix::process::geteuid().is_root() {
                rustix::thread::set_thread_uid(nobody).unwrap();
            }
            work()
        });
        thread.join().unwrap()
    })
}

pub(crate) fn allow(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_new_state_and_everything_beside_it_can_be_read_by_its_owner_alone() {
    let directory = directory();
    let store = Sqlite::open(directory.path().join("state.db")).unwrap();
    assert_eq!(
        names(&directory),
        ["state.db", "state.db-shm", "state.db-wal", "state.db.lock"]
    );
    for name in names(&directory) {
        let mode = fs::metadata(directory.path().join(&name))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    drop(store);
    assert_eq!(
        names(&directory),
        ["state.db", "state.db.lock"],
        "the log is folded into the file"
    );
}

#[test]
fn a_file_that_is_no_database_is_refused_and_left_alone() {
    let directory = directory();
    let path = directory.path().join("notes.txt");
    fs::write(&path, "# notes, and not a database").unwrap();
    assert_eq!(refused(&path).problem(), &Problem::NotADatabase);
    assert_eq!(
        fs::read_to_string(&path).unwrap(),
        "# notes, and not a database"
    );
    assert_eq!(
        names(&directory),
        ["notes.txt"],
        "nothing is made beside it"
    );
    assert_eq!(
        Sqlite::read_only(&path).unwrap_err().problem(),
        &Problem::NotADatabase
    );

    assert_eq!(
        refused(directory.path()).problem(),
        &Problem::NotADatabase,
        "a directory is none either"
    );
}

#[test]
fn the_database_of_another_program_is_refused() {
    let directory = directory();
    let path = directory.path().join("photos.db");
    Connection::open(&path)
        .unwrap()
        .execute_batch("CREATE TABLE photos (name TEXT)")
        .unwrap();
    assert_eq!(refused(&path).problem(), &Problem::Foreign);
    assert_eq!(
        Sqlite::read_only(&path).unwrap_err().problem(),
        &Problem::Foreign
    );
}

#[test]
fn a_state_of_a_newer_version_is_refused_with_its_version_and_the_remedy() {
    let directory = directory();
    let path = directory.path().join("state.db");
    drop(Sqlite::open(&path).unwrap());
    Connection::open(&path)
        .unwrap()
        .pragma_update(None, "user_version", 99)
        .unwrap();
    let before = fs::read(&path).unwrap();
    let error = refused(&path);
    assert!(matches!(
        error.problem(),
        Problem::NewerSchema { found: 99, .. }
    ));
    assert!(error.to_string().contains("99"), "{error}");
    assert!(
        error.remedy().contains("version of tidegate"),
        "{}",
        error.remedy()
    );
    assert!(matches!(
        Sqlite::read_only(&path).unwrap_err().problem(),
        Problem::NewerSchema { found: 99, .. }
    ));
    assert_eq!(fs::read(&path).unwrap(), before, "the file is as it was");
}

#[test]
fn a_second_node_is_refused_with_the_process_id_of_the_first() {
    let directory = directory();
    let path = directory.path().join("state.db");
    let link = directory.path().join("link.db");
    let first = Sqlite::open(&path).unwrap();
    std::os::unix::fs::symlink(&path, &link).unwrap();
    for name in [&path, &link] {
        let error = refused(name);
        assert_eq!(
            error.problem(),
            &Problem::Held {
                pid: Some(std::process::id())
            }
        );
        assert!(
            error.remedy().contains(&std::process::id().to_string()),
            "{}",
            error.remedy()
        );
    }
    drop(first);
    Sqlite::open(&path).expect("the first node has gone");
}

#[test]
fn a_read_only_file_or_directory_is_refused() {
    let directory = directory();
    let path = directory.path().join("state.db");
    drop(Sqlite::open(&path).unwrap());
    fs::remove_file(directory.path().join("state.db.lock")).unwrap();
    allow(&path, 0o444);
    allow(directory.path(), 0o777);
    as_an_ordinary_user(|| assert_eq!(refused(&path).problem(), &Problem::ReadOnly));
    fs::remove_file(&path).unwrap();
    let _ = fs::remove_file(directory.path().join("state.db.lock"));
    allow(directory.path(), 0o555);
    as_an_ordinary_user(|| assert_eq!(refused(&path).problem(), &Problem::ReadOnly));
    assert_eq!(names(&directory), [""; 0], "nothing was made");
    allow(directory.path(), 0o755);
}

#[test]
fn a_directory_that_does_not_exist_is_refused_and_not_made() {
    let directory = directory();
    let path = directory.path().join("missing").join("state.db");
    assert_eq!(refused(&path).problem(), &Problem::Missing);
    assert_eq!(names(&directory), [""; 0]);
}

#[test]
fn a_damaged_database_is_refused() {
    let directory = directory();
    let path = directory.path().join("state.db");
    drop(Sqlite::open(&path).unwrap());
    let mut bytes = fs::read(&path).unwrap();
    bytes[100..4000].fill(0xa5);
    fs::write(&path, bytes).unwrap();
    assert_eq!(refused(&path).problem(), &Problem::Damaged);
}

#[tokio::test]
async fn a_reader_sees_what_the_node_writes_and_can_write_nothing() {
    let directory = directory();
    let path = directory.path().join("state.db");
    assert_eq!(
        Sqlite::read_only(&path).unwrap_err().problem(),
        &Problem::Missing
    );
    assert_eq!(names(&directory), [""; 0], "reading makes nothing");

    let node = Sqlite::open(&path).unwrap();
    let term = node.lead("a", at(0)).await.unwrap();
    node.track(term, ORG, &[seen(1)], at(0), at(0))
        .await
        .unwrap();
    let reader = Sqlite::read_only(&path).unwrap();
    node.record(
        term.into(),
        ORG,
        RepoId(1),
        fetched(["aa".to_owned()], 50),
        at(100),
    )
    .await
    .unwrap();
    assert_eq!(
        reader.repos(ORG).await.unwrap(),
        node.repos(ORG).await.unwrap()
    );
    assert_eq!(reader.commits(ORG, RepoId(1)).await.unwrap().len(), 1);
    assert_eq!(reader.answer("token", "/x").await.unwrap(), None);

    assert!(reader.lead("b", at(0)).await.unwrap_err().is_unavailable());
    assert!(
        reader
            .confirm(term, ORG, &[], at(0), at(0))
            .await
            .unwrap_err()
            .is_unavailable()
    );
    node.confirm(term, ORG, &[], at(0), at(0))
        .await
        .expect("the reader took no term");
}

#[tokio::test]
async fn a_state_can_be_read_after_its_node_has_gone_also_where_nothing_may_be_written() {
    let directory = directory();
    let path = directory.path().join("50% ünït?#.db");
    let node = Sqlite::open(&path).unwrap();
    let term = node.lead("a", at(0)).await.unwrap();
    node.track(term, ORG, &[seen(1)], at(0), at(0))
        .await
        .unwrap();
    drop(node);
    assert_eq!(
        Sqlite::read_only(&path)
            .unwrap()
            .repos(ORG)
            .await
            .unwrap()
            .len(),
        1
    );

    // A reader cannot take away what SQLite made for it.
    fs::remove_file(directory.path().join("50% ünït?#.db-wal")).unwrap();
    fs::remove_file(directory.path().join("50% ünït?#.db-shm")).unwrap();
    allow(&path, 0o444);
    allow(directory.path(), 0o555);
    let read = || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(async {
            Sqlite::read_only(&path)
                .unwrap()
                .repos(ORG)
                .await
                .unwrap()
                .len()
        })
    };
    assert_eq!(as_an_ordinary_user(read), 1);
    allow(directory.path(), 0o755);
}

#[tokio::test]
async fn a_store_in_memory_is_its_own() {
    let (one, other) = (Sqlite::in_memory().unwrap(), Sqlite::in_memory().unwrap());
    let term = one.lead("a", at(0)).await.unwrap();
    one.track(term, ORG, &[seen(1)], at(0), at(0))
        .await
        .unwrap();
    assert_eq!(one.clone().orgs().await.unwrap().len(), 1);
    assert_eq!(other.orgs().await.unwrap(), []);
}
