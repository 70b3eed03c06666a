//! Where a command's lines go: a stream of the process, or a buffer of a test.

use std::{
    fmt,
    io::{self, IsTerminal as _, Write},
    sync::{Arc, Mutex, PoisonError},
};

/// The output takes nothing any more.
#[derive(Debug, thiserror::Error)]
pub enum Closed {
    /// Nobody reads any more. Not a failure: `tidegate ... | head` has what it wanted.
    #[error("the reader of the output is gone")]
    Unread,
    /// What was written did not arrive.
    #[error("cannot write the output: {0}")]
    Unwritten(io::Error),
}

/// A stream of lines. Clones write to the same one.
#[derive(Clone)]
pub struct Output {
    sink: Arc<Mutex<dyn Write + Send>>,
    terminal: bool,
}

impl Output {
    /// Standard output.
    pub fn stdout() -> Output {
        let terminal = io::stdout().is_terminal();
        Output {
            sink: Arc::new(Mutex::new(io::stdout())),
            terminal,
        }
    }

    /// Standard error.
    pub fn stderr() -> Output {
        let terminal = io::stderr().is_terminal();
        Output {
            sink: Arc::new(Mutex::new(io::stderr())),
            terminal,
        }
    }

    /// A buffer for tests, and a way to look into it.
    pub fn buffer() -> (Output, Arc<Mutex<Vec<u8>>>) {
        let buffer = Arc::new(Mutex::new(Vec::new()));
        (
            Output {
                sink: buffer.clone(),
                terminal: false,
            },
            buffer,
        )
    }

    /// Whether a person looks at it.
    pub fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// Writes one line at once, so that a script that waits for it has it.
    ///
    /// # Errors
    ///
    /// [`Closed`] when nobody reads any more, or when the stream takes nothing.
    pub fn line(&self, line: impl fmt::Display) -> Result<(), Closed> {
        self.text(&format!("{line}\n"))
    }

    /// Writes text as it is.
    ///
    /// # Errors
    ///
    /// [`Closed`] when nobody reads any more, or when the stream takes nothing.
    pub fn text(&self, text: &str) -> Result<(), Closed> {
        self.bytes(text.as_bytes())
    }

    /// Writes bytes as they are.
    ///
    /// # Errors
    ///
    /// [`Closed`] when nobody reads any more, or when the stream takes nothing.
    pub fn bytes(&self, bytes: &[u8]) -> Result<(), Closed> {
        let mut sink = self.sink.lock().unwrap_or_else(PoisonError::into_inner);
        sink.write_all(bytes)
            .and_then(|()| sink.flush())
            .map_err(|error| match error.kind() {
                io::ErrorKind::BrokenPipe => Closed::Unread,
                _ => Closed::Unwritten(error),
            })
    }
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Output")
            .field("terminal", &self.terminal)
            .finish_non_exhaustive()
    }
}
