//! Who works on a state: one node at a time, by a lock that the kernel gives back when its holder dies.
//!
//! The lock is on a file of its own, so that it never meets `SQLite`'s own locks. It does not know what is in the database,
//! and it is no lease: it has no time and needs no renewal. Readers do not take it.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

/// The lock, held until it is dropped or the process ends, however it ends.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
}

/// Why the lock was not taken.
#[derive(Debug)]
pub(super) enum Refused {
    /// Another holder has it; its process id, if it could be read.
    Held(Option<u32>),
    /// The lock file itself could not be used.
    Io(io::Error),
}

impl Lock {
    /// Takes the lock that belongs to the state at `state`, or says at once who has it.
    pub(super) fn take(state: &Path) -> Result<Lock, Refused> {
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path_of(state))
            .map_err(Refused::Io)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {
                sign(&mut file).map_err(Refused::Io)?;
                Ok(Lock { file })
            }
            Err(rustix::io::Errno::WOULDBLOCK) => Err(Refused::Held(signature(&mut file))),
            Err(error) => Err(Refused::Io(error.into())),
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // The file stays: removing it would let a third process lock a new file while a second one waits on the old.
        let _ = self.file.set_len(0);
        let _ = flock(&self.file, FlockOperation::Unlock);
    }
}

/// The lock file of a state: its name with `.lock` behind it.
pub(super) fn path_of(state: &Path) -> PathBuf {
    let mut name = state.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}

fn sign(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

/// A holder that has just taken the lock may not have signed yet: then nobody's name is better than a wrong one.
fn signature(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(16).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}
