//! The suite passes on a store in plain maps, so what it asks for can be done.

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use super::coordination_model::Board;
use super::model::{Answers, Model};
use super::queue_model::Queue;
use crate::port::{Activity, Coordination, State};

/// Runs a future that never waits for anything.
pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
        {
            return output;
        }
    }
}

macro_rules! activity {
    ($($case:ident)*) => { $(
        #[test]
        fn $case() {
            run(super::activity::$case(&|| Arc::new(Model::default()) as Arc<dyn Activity>));
        }
    )* };
}
crate::activity_cases!(activity);

macro_rules! state {
    ($($case:ident)*) => { $(
        #[test]
        fn $case() {
            run(super::state::$case(&|bound| Arc::new(Answers(bound, Mutex::default(), Mutex::default())) as Arc<dyn State>));
        }
    )* };
}
crate::state_cases!(state);

macro_rules! coordination {
    ($($case:ident)*) => { $(
        #[test]
        fn $case() {
            run(super::coordination::$case(&|handles| {
                let board: Arc<dyn Coordination> = Arc::new(Board::default());
                vec![board; handles]
            }));
        }
    )* };
}
crate::coordination_cases!(coordination);

macro_rules! queue {
    ($($case:ident)*) => { $(
        #[test]
        fn $case() {
            run(super::queue::$case(&Queue::new()));
        }
    )* };
}
crate::queue_cases!(queue);

proptest::proptest! {
    #[test]
    fn whatever_leaders_and_fillers_do_in_any_order_is_sound(dice in proptest::collection::vec(proptest::arbitrary::any::<[u8; 5]>(), 0..80)) {
        run(super::backfill::play(&|| Arc::new(Model::default()) as Arc<dyn Activity>, &dice));
    }
}

#[test]
fn every_case_is_named_where_adapters_look_for_it() {
    let sources = [
        include_str!("backfill/claims.rs"),
        include_str!("backfill/due.rs"),
        include_str!("backfill/endings.rs"),
        include_str!("backfill/fillers.rs"),
        include_str!("backfill/history.rs"),
        include_str!("backfill/schedule.rs"),
        include_str!("coordination_cases.rs"),
        include_str!("coverage.rs"),
        include_str!("events.rs"),
        include_str!("feed.rs"),
        include_str!("queue_cases.rs"),
        include_str!("repos.rs"),
        include_str!("state_cases.rs"),
    ];
    let written = sources
        .iter()
        .flat_map(|source| source.lines())
        .filter_map(|line| {
            line.strip_prefix("pub async fn ")
                .and_then(|rest| rest.split_once('('))
                .map(|(name, _)| name)
        });
    macro_rules! names {
        ($($case:ident)*) => { [$(stringify!($case)),*] };
    }
    let mut named = crate::activity_cases!(names).to_vec();
    named.extend(crate::state_cases!(names));
    named.extend(crate::coordination_cases!(names));
    named.extend(crate::queue_cases!(names));
    let mut written: Vec<&str> = written.collect();
    named.sort_unstable();
    written.sort_unstable();
    assert_eq!(written, named);
}
