//! The variables of the process, read once, here and nowhere else, so that tests bring their own.

use std::{collections::BTreeMap, ffi::OsString};

/// The variables that a command sees.
#[derive(Clone, Default)]
pub struct Environment {
    variables: BTreeMap<String, OsString>,
}

impl Environment {
    /// The variables of this process. Names that are not UTF-8 are none of ours.
    pub fn of_process() -> Environment {
        let variables =
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
        Environment {
            variables: variables.collect(),
        }
    }

    /// Variables made up by a test or by `demo`.
    pub fn of<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Environment {
        let variables = pairs
            .into_iter()
            .map(|(name, value)| (name.to_owned(), OsString::from(value)));
        Environment {
            variables: variables.collect(),
        }
    }

    /// The value of a variable; an empty one counts as not set, as shells have it.
    ///
    /// # Errors
    ///
    /// A value that is not UTF-8.
    pub fn get(&self, name: &str) -> Result<Option<&str>, String> {
        match self.variables.get(name).map(|value| value.to_str()) {
            None | Some(Some("")) => Ok(None),
            Some(Some(text)) => Ok(Some(text)),
            Some(None) => Err("is not UTF-8 text".to_owned()),
        }
    }

    /// Whether a variable is set to anything but nothing.
    pub fn has(&self, name: &str) -> bool {
        self.variables
            .get(name)
            .is_some_and(|value| !value.is_empty())
    }

    /// The names that start with a prefix, in order.
    pub fn names<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a str> {
        self.variables
            .keys()
            .map(String::as_str)
            .filter(move |name| name.starts_with(prefix))
    }
}

impl std::fmt::Debug for Environment {
    /// Names alone: values may be secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.variables.keys()).finish()
    }
}
