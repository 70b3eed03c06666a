//! What the command line says when something could not be done: what, where, and what to do about it, on one line.

use std::fmt;

/// A failure that a person reads: what happened to which thing, and the remedy. The cause stays a cause; `-v` prints the chain.
#[derive(Debug)]
pub struct Trouble {
    what: String,
    remedy: Option<String>,
    blame: Blame,
    cause: Option<anyhow::Error>,
}

/// Who can set it right: decides the exit code.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Blame {
    /// The one who typed the command or wrote the configuration.
    Usage,
    /// The world.
    World,
}

impl Trouble {
    /// Something in the world went wrong. `what` names the thing, lowercase, without a full stop.
    pub fn new(what: impl Into<String>) -> Trouble {
        Trouble {
            what: what.into(),
            remedy: None,
            blame: Blame::World,
            cause: None,
        }
    }

    /// The command or the configuration asks for something that cannot be.
    pub fn usage(what: impl Into<String>) -> Trouble {
        Trouble {
            blame: Blame::Usage,
            ..Trouble::new(what)
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<String>) -> Trouble {
        self.remedy = Some(remedy.into());
        self
    }

    /// What it comes from.
    #[must_use]
    pub fn because(mut self, cause: impl Into<anyhow::Error>) -> Trouble {
        self.cause = Some(cause.into());
        self
    }

    /// Who can set it right.
    pub fn blame(&self) -> Blame {
        self.blame
    }

    /// What happened.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// What to do about it, if that is known.
    pub fn remedied_by(&self) -> Option<&str> {
        self.remedy.as_deref()
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        self.remedy
            .as_ref()
            .map_or(Ok(()), |remedy| write!(f, ": {remedy}"))
    }
}

impl std::error::Error for Trouble {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause
            .as_ref()
            .map(|cause| cause.as_ref() as &(dyn std::error::Error + 'static))
    }
}
