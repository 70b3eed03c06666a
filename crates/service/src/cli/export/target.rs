//! Where an export goes: standard output, or a file that has another name until it is whole.

use std::fs::Permissions;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::Trouble;
use crate::cli::{Closed, Output};

/// So much is written at once.
const BUFFER: usize = 64 * 1024;

/// Takes what is written. Dropped before [`Target::finish`], a file is gone.
pub(crate) struct Target(BufWriter<Sink>);

enum Sink {
    Standard(Output),
    File { path: PathBuf, file: NamedTempFile },
}

impl Target {
    /// The file, or standard output.
    pub(crate) fn new(path: Option<&Path>, output: &Output) -> Result<Target, Trouble> {
        let sink = match path {
            None => Sink::Standard(output.clone()),
            Some(path) => {
                let file = tempfile::Builder::new()
                    .prefix(".tidegate-export-")
                    // What the umask leaves of it, as of any other file.
                    .permissions(Permissions::from_mode(0o666))
                    .tempfile_in(folder_of(path));
                let file = file.map_err(|error| {
                    Trouble::new(format!("cannot write {}", path.display()))
                        .remedy("name a file in a folder that exists and may be written to")
                        .because(error)
                })?;
                Sink::File {
                    path: path.to_owned(),
                    file,
                }
            }
        };
        Ok(Target(BufWriter::with_capacity(BUFFER, sink)))
    }

    /// Where there is room for what has to be put aside: beside the file.
    pub(crate) fn folder(&self) -> PathBuf {
        match self.0.get_ref() {
            Sink::Standard(_) => std::env::temp_dir(),
            Sink::File { path, .. } => folder_of(path),
        }
    }

    /// All of it is written: a file gets its name.
    pub(crate) fn finish(mut self) -> anyhow::Result<()> {
        self.0.flush().map_err(unwritten)?;
        let (sink, _) = self.0.into_parts();
        if let Sink::File { path, file } = sink {
            file.as_file().sync_all().map_err(unwritten)?;
            file.persist(&path).map_err(|error| {
                Trouble::new(format!("cannot write {}", path.display())).because(error.error)
            })?;
        }
        Ok(())
    }
}

/// What a failure to write is for people. A reader that has gone away is no failure.
pub(crate) fn unwritten(error: io::Error) -> anyhow::Error {
    match error.downcast::<Closed>() {
        Ok(closed) => closed.into(),
        Err(error) => Trouble::new("cannot write the export")
            .remedy("see that there is room for it")
            .because(error)
            .into(),
    }
}

fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Sink::Standard(output) => output.bytes(bytes).map_err(io::Error::other)?,
            Sink::File { file, .. } => file.write_all(bytes)?,
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
