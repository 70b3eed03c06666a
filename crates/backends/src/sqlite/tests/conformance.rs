//! The suite of the ports, on a disk and in memory.

use std::cell::Cell;

use super::*;

/// Opens fresh stores in a directory that ends with it.
struct Shelf {
    directory: tempfile::TempDir,
    next: Cell<u32>,
}

impl Shelf {
    fn new() -> Shelf {
        Shelf {
            directory: tempfile::tempdir().unwrap(),
            next: Cell::new(0),
        }
    }

    fn on_disk(&self) -> Sqlite {
        self.next.set(self.next.get() + 1);
        Sqlite::open(
            self.directory
                .path()
                .join(format!("{}.db", self.next.get())),
        )
        .unwrap()
    }
}

fn bounded(mut store: Sqlite, answers: usize) -> Arc<dyn State> {
    let bound = state::Bound {
        answers: i64::try_from(answers).unwrap(),
        ..state::BOUND
    };
    Arc::get_mut(&mut store.parts).unwrap().bound = bound;
    Arc::new(store)
}

mod on_disk {
    use super::*;

    macro_rules! activity {
        ($($case:ident)*) => { $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let shelf = Shelf::new();
                ledger::conformance::activity::$case(&|| Arc::new(shelf.on_disk()) as Arc<dyn Activity>).await;
            }
        )* };
    }
    ledger::activity_cases!(activity);

    macro_rules! state {
        ($($case:ident)*) => { $(
            #[tokio::test]
            async fn $case() {
                let shelf = Shelf::new();
                ledger::conformance::state::$case(&|answers| bounded(shelf.on_disk(), answers)).await;
            }
        )* };
    }
    ledger::state_cases!(state);
}

mod in_memory {
    use super::*;

    macro_rules! activity {
        ($($case:ident)*) => { $(
            #[tokio::test(start_paused = true)]
            async fn $case() {
                let open = || Arc::new(Sqlite::in_memory().unwrap()) as Arc<dyn Activity>;
                ledger::conformance::activity::$case(&open).await;
            }
        )* };
    }
    ledger::activity_cases!(activity);

    macro_rules! state {
        ($($case:ident)*) => { $(
            #[tokio::test(start_paused = true)]
            async fn $case() {
                let open = |answers| bounded(Sqlite::in_memory().unwrap(), answers);
                ledger::conformance::state::$case(&open).await;
            }
        )* };
    }
    ledger::state_cases!(state);
}
