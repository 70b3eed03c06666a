//! The coordination file as programs see it: the suite of the port, several processes at once, files that go away, death.

mod crowd;
mod loss;
mod open;

use std::cell::Cell;
use std::path::Path;
use std::sync::Arc;

use backends::sqlite::Coordination;
use ledger::port;
use ledger::port::coordination::{Block, Member, Telling};
use rusqlite::Connection;

fn member(name: &str, beat: u64) -> Member {
    Member {
        name: name.to_owned(),
        beat,
    }
}

fn telling(credential: &str, share: &str) -> Telling {
    Telling {
        credential: credential.to_owned(),
        share: share.to_owned(),
        view: "{}".to_owned(),
    }
}

#[track_caller]
fn assert_sound(path: &Path) {
    let connection = Connection::open(path).unwrap();
    let verdict: String = connection
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(verdict, "ok");
}

fn block(credential: &str, second: i64) -> Block {
    Block {
        credential: credential.to_owned(),
        until: crate::at(second),
        reckoned: None,
    }
}

/// Opens fresh files in a directory that ends with it.
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

    /// So many handles that know nothing of each other.
    fn boards(&self, handles: usize) -> Vec<Arc<dyn port::Coordination>> {
        self.next.set(self.next.get() + 1);
        let path = self.directory.path().join(self.next.get().to_string());
        let open = |_| Arc::new(Coordination::open(&path).unwrap()) as Arc<dyn port::Coordination>;
        (0..handles).map(open).collect()
    }
}

mod on_disk {
    use super::*;

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
}

mod in_memory {
    use super::*;

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
}
