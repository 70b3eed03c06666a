//! The suite of the ports, on a disk and in memory.

use std::cell::Cell;
use std::path::PathBuf;

use ledger::port;

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

    fn path(&self) -> PathBuf {
        self.next.set(self.next.get() + 1);
        let name = format!("{}.db", self.next.get());
        self.directory.path().join(name)
    }

    fn on_disk(&self) -> Sqlite {
        Sqlite::open(self.path()).unwrap()
    }

    /// So many handles to one board that know nothing of each other.
    fn boards(&self, handles: usize) -> Vec<Arc<dyn port::Coordination>> {
        let path = self.path();
        let open = |_| Arc::new(Coordination::open(&path).unwrap()) as Arc<dyn port::Coordination>;
        (0..handles).map(open).collect()
    }

    /// So many handles to one office that know nothing of each other.
    fn offices(&self, handles: usize) -> Vec<Arc<dyn port::Election>> {
        let path = self.path();
        let open = |_| Arc::new(Coordination::open(&path).unwrap()) as Arc<dyn port::Election>;
        (0..handles).map(open).collect()
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

    macro_rules! coordination {
        ($($case:ident)*) => { $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let shelf = Shelf::new();
                ledger::conformance::coordination::$case(&|handles| shelf.boards(handles)).await;
            }
        )* };
    }
    ledger::coordination_cases!(coordination);

    macro_rules! election {
        ($($case:ident)*) => { $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let shelf = Shelf::new();
                ledger::conformance::election::$case(&|handles| shelf.offices(handles)).await;
            }
        )* };
    }
    ledger::election_cases!(election);
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

    macro_rules! coordination {
        ($($case:ident)*) => { $(
            #[tokio::test(start_paused = true)]
            async fn $case() {
                let open = |handles| {
                    let board = Coordination::in_memory().unwrap();
                    let handle = || Arc::new(board.clone()) as Arc<dyn port::Coordination>;
                    std::iter::repeat_with(handle).take(handles).collect()
                };
                ledger::conformance::coordination::$case(&open).await;
            }
        )* };
    }
    ledger::coordination_cases!(coordination);

    macro_rules! election {
        ($($case:ident)*) => { $(
            #[tokio::test(start_paused = true)]
            async fn $case() {
                let open = |handles| {
                    let board = Coordination::in_memory().unwrap();
                    let handle = || Arc::new(board.clone()) as Arc<dyn port::Election>;
                    std::iter::repeat_with(handle).take(handles).collect()
                };
                ledger::conformance::election::$case(&open).await;
            }
        )* };
    }
    ledger::election_cases!(election);
}
