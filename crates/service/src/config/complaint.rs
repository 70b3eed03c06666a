//! What is wrong with a configuration: every fault at once, each with its place and its key.

use std::fmt;

use super::Origin;

/// One fault of a configuration.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Complaint {
    /// Where it was written; [`Origin::Default`] when something is missing and nobody wrote anything.
    pub origin: Origin,
    /// The key it is about, if it is about one.
    pub key: Option<String>,
    /// What is wrong and what to do.
    pub message: String,
}

impl Complaint {
    pub(crate) fn new(origin: &Origin, key: &str, message: impl Into<String>) -> Complaint {
        Complaint {
            origin: origin.clone(),
            key: Some(key.to_owned()),
            message: message.into(),
        }
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.origin != Origin::Default {
            write!(f, "{}: ", self.origin)?;
        }
        if let Some(key) = &self.key {
            write!(f, "{key}: ")?;
        }
        f.write_str(&self.message)
    }
}

/// Every fault of a configuration. One line each.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ConfigError(pub Vec<Complaint>);

impl std::error::Error for ConfigError {}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, complaint) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{complaint}")?;
        }
        Ok(())
    }
}
