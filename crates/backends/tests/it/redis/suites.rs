//! What every store must pass.

use std::sync::Arc;

use ledger::port::{Activity, Coordination, Election};

use super::{Rooms, open};

mod activity {
    use super::*;

    macro_rules! each {
        ($($case:ident)*) => { $(
            #[tokio::test]
            async fn $case() {
                let rooms = Rooms::default();
                let fresh = || Arc::new(open(&rooms.settings())) as Arc<dyn Activity>;
                ledger::conformance::activity::$case(&fresh).await;
            }
        )* };
    }
    ledger::activity_cases!(each);
}

mod coordination {
    use super::*;

    macro_rules! each {
        ($($case:ident)*) => { $(
            #[tokio::test]
            async fn $case() {
                let rooms = Rooms::default();
                let fresh = |handles| {
                    let settings = rooms.settings();
                    let handle = |_| Arc::new(open(&settings)) as Arc<dyn Coordination>;
                    (0..handles).map(handle).collect()
                };
                ledger::conformance::coordination::$case(&fresh).await;
            }
        )* };
    }
    ledger::coordination_cases!(each);
}

mod election {
    use super::*;

    macro_rules! each {
        ($($case:ident)*) => { $(
            #[tokio::test]
            async fn $case() {
                let rooms = Rooms::default();
                let fresh = |handles| {
                    let settings = rooms.settings();
                    let handle = |_| Arc::new(open(&settings)) as Arc<dyn Election>;
                    (0..handles).map(handle).collect()
                };
                ledger::conformance::election::$case(&fresh).await;
            }
        )* };
    }
    ledger::election_cases!(each);
}
