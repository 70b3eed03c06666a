//! Brings a schema from the version that it has to the one that this program needs.
//!
//! Each step is one file and one transaction, under a lock that all processes share, so a schema has a whole version or the
//! one before; a step that is released is never changed. There is no way back: an older program refuses a newer schema.

use tokio_postgres::types::Type;
use tokio_postgres::{Client, GenericClient, Transaction};

use super::fault::Fault;
use super::link::quoted;

/// The steps, in order; the first one makes version 1.
pub(super) const STEPS: &[&str] = &[include_str!("migrations/0001_store.sql")];

/// `PostgreSQL` 14.
const OLDEST_SERVER: i32 = 140_000;

/// Whether the schema has taken every step.
pub(super) async fn is_present(
    client: &impl GenericClient,
    schema: &str,
    steps: &[&str],
) -> Result<bool, Fault> {
    check_server(client).await?;
    let known = newest(steps);
    match version(client, schema).await? {
        found if found > known => Err(Fault::NewerSchema {
            schema: schema.to_owned(),
            found,
            known,
        }),
        found => Ok(found == known),
    }
}

/// The version that the steps lead to.
fn newest(steps: &[&str]) -> i32 {
    i32::try_from(steps.len()).expect("there are fewer than two billion steps")
}

/// Takes the steps that the schema has not taken yet.
///
/// Whoever is on the way at the same time takes each step once: the version is looked at again when nobody else can write.
pub(super) async fn bring_up_to_date(
    connection: &mut Client,
    schema: &str,
    steps: &[&str],
) -> Result<(), Fault> {
    loop {
        let transaction = connection.transaction().await?;
        // A step may take long on a large store, and waits for those who work on it.
        let name = quoted(schema);
        let begin = format!(
            "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0; SET LOCAL client_min_messages = warning;
             SELECT pg_advisory_xact_lock(x'54696465'::integer, hashtext('{}'));",
            schema.replace('\'', "''")
        );
        transaction.batch_execute(&begin).await?;
        if is_present(&transaction, schema, steps).await? {
            return Ok(transaction.commit().await?);
        }
        let found = version(&transaction, schema).await?;
        let step = usize::try_from(found).ok().and_then(|at| steps.get(at));
        let step = step.expect("a version before the newest has a step after it");
        if found == 0 {
            make(&transaction, schema).await?;
        }
        // What a step makes finds what it needs where the step made it, whatever a session's search path is.
        let take = format!(
            "SET LOCAL search_path = {name}, pg_temp; {step}; UPDATE {name}.schema_version SET version = {};",
            found + 1
        );
        transaction.batch_execute(&take).await?;
        transaction.commit().await?;
    }
}

/// A schema that somebody has made for us needs no right to make one.
async fn make(transaction: &Transaction<'_>, schema: &str) -> Result<(), Fault> {
    let sql = "SELECT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = $1)";
    let is_there: bool = transaction
        .query_typed(sql, &[(&schema, Type::TEXT)])
        .await?[0]
        .try_get(0)?;
    let name = quoted(schema);
    if !is_there {
        transaction
            .batch_execute(&format!("CREATE SCHEMA {name}"))
            .await?;
    }
    let sql = format!(
        "CREATE TABLE {name}.schema_version (version integer NOT NULL); INSERT INTO {name}.schema_version VALUES (0)"
    );
    Ok(transaction.batch_execute(&sql).await?)
}

/// The version that the schema has; 0 if there is none.
async fn version(client: &impl GenericClient, schema: &str) -> Result<i32, Fault> {
    // The catalogue itself is asked: what a connection has once found to be missing, its functions by name go on not to find.
    let sql = "SELECT EXISTS (
            SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
            WHERE n.nspname = $1 AND c.relname = 'schema_version'
        )";
    let is_there: bool = client.query_typed(sql, &[(&schema, Type::TEXT)]).await?[0].try_get(0)?;
    if !is_there {
        return Ok(0);
    }
    let sql = format!("SELECT version FROM {}.schema_version", quoted(schema));
    Ok(client.query_typed(&sql, &[]).await?[0].try_get(0)?)
}

async fn check_server(client: &impl GenericClient) -> Result<(), Fault> {
    let sql =
        "SELECT current_setting('server_version_num')::integer, current_setting('server_version'),
        current_setting('server_encoding'), current_setting('synchronous_commit')";
    let row = &client.query_typed(sql, &[]).await?[0];
    if row.try_get::<_, i32>(0)? < OLDEST_SERVER {
        return Err(Fault::OldServer {
            found: row.try_get(1)?,
        });
    }
    let encoding: String = row.try_get(2)?;
    if encoding != "UTF8" {
        return Err(Fault::Encoding { found: encoding });
    }
    // What is answered is on disk: a block, a term, the office.
    if row.try_get::<_, &str>(3)? == "off" {
        return Err(Fault::Forgetful);
    }
    Ok(())
}
