//! Where a value came from.

use std::{fmt, path::Path, sync::Arc};

/// Where a value came from. Later variants win over earlier ones.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Origin {
    /// Nobody said anything.
    Default,
    /// A line of the configuration file.
    File {
        /// The file.
        path: Arc<Path>,
        /// The line, counted from 1.
        line: usize,
    },
    /// The variable `GITHUB_TOKEN`, which many machines carry for other programs as well.
    SharedVariable(&'static str),
    /// A variable that is meant for Tidegate alone.
    Variable(String),
    /// A flag of the command line.
    Flag(String),
}

impl Origin {
    /// The layer: a value of a higher one wins.
    pub(crate) fn layer(&self) -> u8 {
        match self {
            Origin::Default => 0,
            Origin::File { .. } => 1,
            Origin::SharedVariable(_) => 2,
            Origin::Variable(_) => 3,
            Origin::Flag(_) => 4,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::File { path, line } => write!(f, "{}:{line}", path.display()),
            Origin::SharedVariable(name) => f.write_str(name),
            Origin::Variable(name) => f.write_str(name),
            Origin::Flag(name) => f.write_str(name),
        }
    }
}
