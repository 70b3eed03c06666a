//! Databases that are not there yet, and schemas of other versions.

use std::time::Duration;

use ledger::port::Activity;
use tokio::net::TcpListener;

use super::super::link::Link;
use super::super::migrations::{self, STEPS};
use super::super::{Postgres, Settings};
use super::proxy::{Proxy, by_way_of};
use super::space::{Space, beside, open};
use super::world::{held, lead, now};

#[tokio::test]
async fn a_server_that_is_not_there_at_the_start_is_found_when_it_is() {
    let space = Space::new();
    // Whoever listened there does so no more.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let store = open(&by_way_of(port, &space.settings()));
    for _ in 0..3 {
        let error = store.lead("ada", now()).await.unwrap_err();
        assert!(error.is_unavailable(), "{error:?}");
    }
    let _proxy = Proxy::on(TcpListener::bind(("127.0.0.1", port)).await.unwrap());
    lead(&store, [1]).await;
    assert_eq!(held(&store, 1).await.0, [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_who_find_an_empty_database_make_one_schema() {
    let space = Space::new();
    for _ in 0..5 {
        let mut opening = tokio::task::JoinSet::new();
        for store in space.handles(8) {
            opening.spawn(async move { store.lead("ada", now()).await.unwrap().0 });
        }
        let mut terms = opening.join_all().await;
        terms.sort_unstable();
        let first = terms[0];
        assert_eq!(terms, (first..first + 8).collect::<Vec<u64>>());
    }
}

#[tokio::test]
async fn a_newer_schema_is_refused_and_said_so() {
    let space = Space::new();
    let settings = space.settings();
    open(&settings).ping().await.unwrap();
    let newer = format!("UPDATE {}.schema_version SET version = 99", settings.schema);
    beside().await.batch_execute(&newer).await.unwrap();
    let store = open(&settings);
    for _ in 0..2 {
        let error = store.ping().await.unwrap_err();
        assert!(!error.is_unavailable(), "{error:?}");
        let cause = std::error::Error::source(&error).unwrap().to_string();
        let expected = format!(
            "the schema `{}` has version 99, and this program knows versions up to {}",
            settings.schema,
            STEPS.len()
        );
        assert!(cause.starts_with(&expected), "{cause}");
    }
}

/// With a step that is made up, for as long as there is one alone.
#[tokio::test]
async fn a_schema_is_brought_up_step_by_step_and_a_step_that_fails_leaves_the_version_before() {
    let space = Space::new();
    let settings = space.settings();
    open(&settings).ping().await.unwrap();
    let link = Link::new(&settings).unwrap();
    let (mut connection, rest) = link.alone().await.unwrap();
    tokio::spawn(rest);
    let next = "CREATE TABLE later (one integer)";
    let broken = "CREATE TABLE latest (one integer); SELECT no_such_thing()";
    let steps = [STEPS, &[next, broken]].concat();
    let failed = migrations::bring_up_to_date(&mut connection, &settings.schema, &steps).await;
    failed.unwrap_err();
    drop(connection);
    let look = format!(
        "SELECT version, to_regclass('{0}.later') IS NOT NULL, to_regclass('{0}.latest') IS NULL
         FROM {0}.schema_version",
        settings.schema
    );
    let row = &beside().await.query_typed(&look, &[]).await.unwrap()[0];
    let known = i32::try_from(STEPS.len()).unwrap();
    assert_eq!(
        (row.get::<_, i32>(0), row.get(1), row.get(2)),
        (known + 1, true, true)
    );
    let error = open(&settings).ping().await.unwrap_err();
    assert!(
        !error.is_unavailable(),
        "an older program refuses it: {error:?}"
    );
}

#[tokio::test]
async fn a_schema_may_have_any_name() {
    let space = Space::new();
    let settings = space.settings();
    let odd = Settings {
        schema: format!("{} \"it's\" ü", settings.schema),
        ..settings
    };
    let store = open(&odd);
    lead(&store, [1]).await;
    assert_eq!(held(&store, 1).await.0, [""; 0]);
    let quoted = super::super::link::quoted(&odd.schema);
    let sql = format!("SET client_min_messages = warning; DROP SCHEMA {quoted} CASCADE");
    beside().await.batch_execute(&sql).await.unwrap();
}

#[tokio::test]
async fn a_role_that_forgets_what_it_was_answered_is_refused() {
    let space = Space::new();
    let settings = space.settings();
    let forgetful = format!(
        "{}?options=-c%20synchronous_commit%3Doff",
        super::space::url()
    );
    let store = Postgres::open(&Settings {
        url: forgetful.into(),
        timeout: Duration::from_secs(5),
        ..settings
    });
    let error = store.unwrap().ping().await.unwrap_err();
    assert!(!error.is_unavailable(), "{error:?}");
}

#[tokio::test]
async fn a_connection_may_be_encrypted_where_the_server_can() {
    let space = Space::new();
    let row = beside().await.query_typed("SHOW ssl", &[]).await.unwrap();
    let is_on = row[0].get::<_, &str>(0) == "on";
    let required = Settings {
        url: format!("{}?sslmode=require", super::space::url()).into(),
        ..space.settings()
    };
    let outcome = open(&required).ping().await;
    assert_eq!(outcome.is_ok(), is_on, "{outcome:?}");
    let unknown = Settings {
        url: format!("{}?sslmode=verify-full", super::space::url()).into(),
        ..space.settings()
    };
    // Nobody whom the system trusts has signed for a server of tests.
    if let Ok(store) = Postgres::open(&unknown) {
        assert!(store.ping().await.unwrap_err().is_unavailable());
    }
}
