//! Migrations: from every version that was ever released to the present one, with rows in every table.

use rusqlite::params_from_iter;

use super::migrations::{COORDINATION, STATE, Schema};
use super::*;

/// Every row of every table, as text.
fn rows(connection: &Connection) -> Vec<String> {
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name";
    let tables: Vec<String> = connection
        .prepare(sql)
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let mut lines = Vec::new();
    for table in tables {
        let mut statement = connection
            .prepare(&format!("SELECT * FROM {table}"))
            .unwrap();
        let columns = statement.column_count();
        let mut rows = statement.query(params_from_iter::<[i64; 0]>([])).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let values: Vec<_> = (0..columns)
                .map(|column| row.get_ref(column).unwrap())
                .collect();
            lines.push(format!("{table} {values:?}"));
        }
    }
    lines
}

/// A file at the present version that a node has worked on.
async fn used(directory: &tempfile::TempDir) -> PathBuf {
    let path = directory.path().join("state.db");
    fill(&Sqlite::open(&path).unwrap()).await;
    path
}

#[tokio::test]
async fn a_further_step_keeps_every_row_of_a_file_that_was_worked_on() {
    let directory = tempfile::tempdir().unwrap();
    let mut connection = Connection::open(used(&directory).await).unwrap();
    let before = rows(&connection);
    for table in [
        "actors", "answers", "coverage", "events", "orgs", "repos", "store", "streams",
    ] {
        assert!(
            before.iter().any(|row| row.starts_with(table)),
            "{table} has rows"
        );
    }
    let further = "CREATE TABLE gap_attempts (at INTEGER NOT NULL) STRICT;
        ALTER TABLE repos ADD COLUMN visibility TEXT;
        ALTER TABLE repos DROP COLUMN visibility;";
    let steps: Vec<&str> = STATE.steps.iter().copied().chain([further]).collect();
    let longer = Schema {
        steps: &steps,
        ..STATE
    };
    longer.migrate(&mut connection).unwrap();
    assert_eq!(
        STATE.look(&connection).unwrap(),
        Found::Version(STATE.newest() + 1)
    );
    assert_eq!(rows(&connection), before);
}

#[tokio::test]
async fn a_step_that_fails_leaves_the_version_before_it() {
    let directory = tempfile::tempdir().unwrap();
    let mut connection = Connection::open(used(&directory).await).unwrap();
    let before = rows(&connection);
    let broken = [
        "DELETE FROM events; SELECT no_such_column FROM events;",
        // What points at a repository would point at nothing.
        "DELETE FROM repos WHERE id = 1;",
    ];
    for step in broken {
        let steps: Vec<&str> = STATE.steps.iter().copied().chain([step]).collect();
        let longer = Schema {
            steps: &steps,
            ..STATE
        };
        longer.migrate(&mut connection).unwrap_err();
        assert_eq!(
            STATE.look(&connection).unwrap(),
            Found::Version(STATE.newest())
        );
        assert_eq!(rows(&connection), before);
    }
}

#[tokio::test]
async fn opening_a_present_file_changes_nothing_in_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = used(&directory).await;
    let before = rows(&Connection::open(&path).unwrap());
    drop(Sqlite::open(&path).unwrap());
    assert_eq!(rows(&Connection::open(&path).unwrap()), before);
}

#[test]
fn every_table_is_strict() {
    for schema in [STATE, COORDINATION] {
        let mut connection = Connection::open_in_memory().unwrap();
        schema.migrate(&mut connection).unwrap();
        let sql =
            "SELECT count(*) FROM pragma_table_list WHERE strict = 0 AND name NOT LIKE 'sqlite_%'";
        let lax: i64 = connection.query_row(sql, [], |row| row.get(0)).unwrap();
        assert_eq!(lax, 0);
    }
}
