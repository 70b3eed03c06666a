//! Migrations: from every version that was ever released to the present one, with rows in every table.

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
    let rows_of = |table: &String| select(connection, table, "*");
    tables.iter().flat_map(rows_of).collect()
}

fn select(connection: &Connection, table: &str, columns: &str) -> Vec<String> {
    let sql = format!("SELECT {columns} FROM {table}");
    let mut statement = connection.prepare(&sql).unwrap();
    let columns = statement.column_count();
    let row = |row: &rusqlite::Row<'_>| {
        let values: Vec<_> = (0..columns)
            .map(|column| row.get_ref(column).unwrap())
            .collect();
        Ok(format!("{table} {values:?}"))
    };
    let rows = statement.query_map([], row).unwrap();
    rows.map(Result::unwrap).collect()
}

/// The tables of a file, and the columns of each.
fn columns(connection: &Connection) -> Vec<(String, String)> {
    let sql = "SELECT t.name, (SELECT group_concat(c.name, ', ') FROM pragma_table_info(t.name) c) FROM sqlite_schema t
        WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%' ORDER BY t.name";
    let mut statement = connection.prepare(sql).unwrap();
    let tables = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
    tables.unwrap().map(Result::unwrap).collect()
}

/// Makes a file of an earlier version that says what the file at `present` does, as far as that version can say it.
fn earlier(path: &Path, version: u32, present: &Path) {
    let mut connection = Connection::open(path).unwrap();
    let earlier = Schema {
        steps: &STATE.steps[..version as usize],
        ..STATE
    };
    earlier.migrate(&mut connection).unwrap();
    connection
        .pragma_update(None, "foreign_keys", false)
        .unwrap();
    let present = present.to_str().unwrap();
    connection
        .execute("ATTACH ?1 AS present", [present])
        .unwrap();
    for (table, columns) in columns(&connection) {
        let sql = format!(
            "DELETE FROM main.{table}; INSERT INTO main.{table} ({columns}) SELECT {columns} FROM present.{table}"
        );
        connection.execute_batch(&sql).unwrap();
    }
}

#[tokio::test]
async fn a_file_of_every_earlier_version_keeps_all_that_is_in_it() {
    for version in 1..STATE.newest() {
        let directory = tempfile::tempdir().unwrap();
        let present = directory.path().join("present.db");
        let store = Sqlite::open(&present).unwrap();
        match version {
            1 => scrape_for_a_while(&store).await,
            _ => fill(&store).await,
        };
        let before = all_of(&store).await;
        drop(store);
        let path = directory.path().join("state.db");
        earlier(&path, version, &present);
        let connection = Connection::open(&path).unwrap();
        assert_eq!(STATE.look(&connection).unwrap(), Found::Version(version));
        let kept = columns(&connection);
        let rows_of = |connection: &Connection| {
            let of_table = |(table, columns): &(String, String)| select(connection, table, columns);
            kept.iter().flat_map(of_table).collect::<Vec<_>>()
        };
        let rows = rows_of(&connection);
        drop(connection);

        let store = Sqlite::open(&path).unwrap();
        assert_eq!(all_of(&store).await, before);
        assert!(!incarnation_of(&store).await.is_empty());
        drop(store);
        let connection = Connection::open(&path).unwrap();
        assert_eq!(rows_of(&connection), rows);
        let sql = "SELECT count(*) FROM streams WHERE counted_from <> started_at";
        let moved: i64 = connection.query_row(sql, [], |row| row.get(0)).unwrap();
        assert_eq!(moved > 0, version > 1, "history was asked for");
    }
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
        "actors",
        "answers",
        "coverage",
        "dead_letters",
        "events",
        "messages",
        "notes",
        "orgs",
        "repos",
        "store",
        "streams",
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
