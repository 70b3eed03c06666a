//! The files that a node works on: its state, and where it meets others; and whether this process has made them.

use std::path::{Path, PathBuf};

use backends::sqlite::{Coordination, OpenError, Problem, Sqlite};

use crate::Trouble;

/// The files that are open. The state holds the lock, so that nobody else works on it while this process may take it away
/// again.
#[derive(Default)]
pub(super) struct Files {
    state: Option<(Made, Sqlite)>,
    board: Option<(Made, Coordination)>,
}

/// A file, and whether it was not there before.
struct Made {
    path: PathBuf,
    is_new: bool,
}

impl Files {
    pub(super) fn open_state(&mut self, path: &Path) -> Result<(), Trouble> {
        let mut made = Made::if_missing(path);
        let store = Sqlite::open(path).map_err(|error| match error.problem() {
            Problem::Missing => Trouble::new(format!(
                "cannot make the state {}: its directory does not exist",
                path.display()
            ))
            .remedy("make it, or name another file with --state")
            .because(error),
            _ => unusable_file(error),
        })?;
        made.resolve();
        self.state = Some((made, store));
        Ok(())
    }

    pub(super) fn open_board(&mut self, path: &Path) -> Result<(), Trouble> {
        let mut made = Made::if_missing(path);
        let board = Coordination::open(path).map_err(unusable_file)?;
        made.resolve();
        self.board = Some((made, board));
        Ok(())
    }

    pub(super) fn store(&self) -> Option<Sqlite> {
        self.state.as_ref().map(|(_, store)| store.clone())
    }

    pub(super) fn board(&self) -> Option<Coordination> {
        self.board.as_ref().map(|(_, board)| board.clone())
    }

    /// Takes away what this process has made.
    pub(super) fn unmake(self) {
        let board = self.board.as_ref().map(|(made, _)| made);
        let state = self.state.as_ref().map(|(made, _)| made);
        board.into_iter().chain(state).for_each(Made::unmake);
    }
}

impl Made {
    fn if_missing(path: &Path) -> Made {
        Made {
            path: path.to_owned(),
            is_new: !path.exists(),
        }
    }

    /// Whatever directory the process is in later.
    fn resolve(&mut self) {
        if let Ok(real) = self.path.canonicalize() {
            self.path = real;
        }
    }

    fn unmake(&self) {
        if !self.is_new {
            return;
        }
        // The lock goes last: until then no other node begins here.
        for end in ["-wal", "-shm", "", ".lock"] {
            let mut name = self.path.clone().into_os_string();
            name.push(end);
            if let Err(error) = std::fs::remove_file(&name)
                && error.kind() != std::io::ErrorKind::NotFound
            {
                tracing::debug!(%error, ?name, "cannot take a new file away");
            }
        }
    }
}

/// Opens the state file to look at it.
pub(super) fn look_at_state(path: &Path) -> Result<Sqlite, Trouble> {
    Sqlite::read_only(path).map_err(|error| no_state(path, error))
}

/// Opens the state file for what anybody may write.
pub(super) fn visit(path: &Path) -> Result<Sqlite, Trouble> {
    Sqlite::visit(path).map_err(|error| no_state(path, error))
}

fn no_state(path: &Path, error: OpenError) -> Trouble {
    match error.problem() {
        Problem::Missing => Trouble::new(format!("there is no state {}", path.display()))
            .remedy("start a node or a scrape first, or name the file with --state")
            .because(error),
        _ => unusable_file(error),
    }
}

/// Says what is wrong with a file of ours, state or coordination. The world is to blame, not the configuration: the same
/// name is right on another day or for another user (locked, full, read-only, damaged, not mounted yet), so that whoever
/// restarts a node may try it again.
pub(crate) fn unusable_file(error: OpenError) -> Trouble {
    Trouble::new(error.to_string())
        .remedy(error.remedy())
        .because(error)
}
