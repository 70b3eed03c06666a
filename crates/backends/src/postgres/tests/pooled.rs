//! The suites behind a pooler: all of what several processes do at once, and of activity what depends on it.

use std::sync::Arc;
use std::time::Duration;

use ledger::port::{Activity, Coordination, Election};

use super::super::Postgres;
use super::pooler::Pooler;
use super::space::{Space, open};
use super::world::lead;

fn handles(space: &Space, pooler: &Pooler, count: usize) -> Vec<Postgres> {
    let settings = pooler.settings(&space.settings());
    (0..count).map(|_| open(&settings)).collect()
}

macro_rules! activity {
    ($($case:ident)*) => { $(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $case() {
            let (space, pooler) = (Space::new(), Pooler::new());
            let open = || Arc::new(handles(&space, &pooler, 1).remove(0)) as Arc<dyn Activity>;
            ledger::conformance::activity::$case(&open).await;
        }
    )* };
}
activity! {
    a_stale_term_is_refused_and_changes_nothing
    every_fact_comes_back_as_it_was_recorded
    a_miss_is_a_gap_until_it_is_read
    a_repository_moves_from_one_organisation_to_another
    the_feed_misses_nothing_under_concurrent_writers
    of_many_who_claim_at_once_one_is_given_it
}

macro_rules! coordination {
    ($($case:ident)*) => { $(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $case() {
            let (space, pooler) = (Space::new(), Pooler::new());
            ledger::conformance::coordination::$case(&|count| {
                let handles = handles(&space, &pooler, count).into_iter();
                handles.map(|store| Arc::new(store) as Arc<dyn Coordination>).collect()
            }).await;
        }
    )* };
}
ledger::coordination_cases!(coordination);

macro_rules! election {
    ($($case:ident)*) => { $(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $case() {
            let (space, pooler) = (Space::new(), Pooler::new());
            ledger::conformance::election::$case(&|count| {
                let handles = handles(&space, &pooler, count).into_iter();
                handles.map(|store| Arc::new(store) as Arc<dyn Election>).collect()
            }).await;
        }
    )* };
}
ledger::election_cases!(election);

#[tokio::test]
async fn a_pooler_refuses_what_is_set_on_sessions_and_so_the_test_would_notice() {
    let (space, pooler) = (Space::new(), Pooler::new());
    let settings = pooler.settings(&space.settings());
    lead(&open(&settings), [1]).await;
    let direct = super::super::Settings {
        notify: true,
        ..settings
    };
    let error = open(&direct).ping().await.unwrap_err();
    assert!(error.is_unavailable(), "{error:?}");
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("turn notifications off"), "{cause}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lock_that_is_not_given_ends_a_step_without_a_limit_on_the_session() {
    let (space, pooler) = (Space::new(), Pooler::new());
    let settings = super::super::Settings {
        timeout: Duration::from_secs(60),
        ..pooler.settings(&space.settings())
    };
    let store = open(&settings);
    let term = lead(&store, [1]).await;
    let mut holder = super::space::beside().await;
    let held_up = holder.transaction().await.unwrap();
    let lock = format!("SELECT FROM {}.store FOR UPDATE", settings.schema);
    held_up.batch_execute(&lock).await.unwrap();
    let limit = Duration::from_secs(20);
    let failed = tokio::time::timeout(limit, store.cycle(term, "acme", super::world::report(1)));
    let error = failed
        .await
        .expect("the functions have a limit of their own")
        .unwrap_err();
    assert!(format!("{error:?}").contains("lock timeout"), "{error:?}");
}
