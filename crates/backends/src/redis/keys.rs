//! The names of keys. Decides that all keys of one store share one hash tag; refuses to know what they hold.

use super::settings::OpenError;

/// The keys of one store.
#[derive(Debug)]
pub(super) struct Keys {
    /// What every key begins with.
    pub(super) prefix: String,
    /// Those of activity, in the order in which its scripts are given them.
    pub(super) activity: [String; 10],
}

impl Keys {
    pub(super) fn new(prefix: &str) -> Result<Keys, OpenError> {
        if prefix.is_empty() || prefix.contains(['{', '}']) || prefix.contains(char::is_whitespace)
        {
            return Err(OpenError::Prefix);
        }
        let prefix = format!("{{{prefix}}}:");
        let key = |name| format!("{prefix}{name}");
        let activity = [
            "store",
            "repos",
            "places",
            "orgs",
            "org_places",
            "feed",
            "amended",
            "claims",
            "dispatched",
            "servers",
        ]
        .map(key);
        Ok(Keys { prefix, activity })
    }

    /// Rows of repositories, by id.
    pub(super) fn repos(&self) -> &str {
        &self.activity[1]
    }

    /// What is known of organisations, by login.
    pub(super) fn orgs(&self) -> &str {
        &self.activity[3]
    }

    /// Who is at which gaps, by field.
    pub(super) fn claims(&self) -> &str {
        &self.activity[7]
    }

    /// When gaps were last dispatched, by field.
    pub(super) fn dispatched(&self) -> &str {
        &self.activity[8]
    }

    /// The events of one kind and repository, by id.
    pub(super) fn events(&self, kind: u8, repo: u64) -> String {
        format!("{}events:{kind}:{repo}", self.prefix)
    }

    /// A key of another port's.
    pub(super) fn named(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }
}
