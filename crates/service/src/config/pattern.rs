//! Patterns for repositories and users: globs, and regular expressions between slashes.
//!
//! GitHub compares names without regard to case, and so do these. In a glob only `*` and `?` are special: `*[bot]` means every
//! login that ends in `[bot]`, because brackets are part of GitHub's own names.

use std::fmt;

use regex::{Regex, RegexBuilder};

/// Memory that one compiled expression may take, in bytes.
const LARGEST: usize = 1 << 20;

/// One glob or regular expression.
#[derive(Clone)]
pub struct Pattern {
    written: String,
    compiled: Regex,
    whole: bool,
}

impl Pattern {
    /// Reads `core-*` (a glob) or `/^core-/` (a regular expression, anywhere in the name).
    ///
    /// # Errors
    ///
    /// Says why the expression cannot be used.
    pub fn new(written: &str) -> Result<Pattern, String> {
        if written.is_empty() {
            return Err("an empty pattern matches nothing: remove it".to_owned());
        }
        let between = written
            .strip_prefix('/')
            .and_then(|rest| rest.strip_suffix('/'));
        let (expression, whole) = match between {
            Some(expression) => (expression.to_owned(), expression.contains('/')),
            None => (glob(written), written.contains('/')),
        };
        let compiled = RegexBuilder::new(&expression)
            .case_insensitive(true)
            .size_limit(LARGEST)
            .build()
            .map_err(|error| {
                format!(
                    "`{written}` is not a regular expression ({})",
                    first_reason(&error)
                )
            })?;
        Ok(Pattern {
            written: written.to_owned(),
            compiled,
            whole,
        })
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.written
    }
}

fn glob(written: &str) -> String {
    let mut expression = String::from("^");
    for character in written.chars() {
        match character {
            '*' => expression.push_str("[^/]*"),
            '?' => expression.push_str("[^/]"),
            other => expression.push_str(&regex::escape(other.encode_utf8(&mut [0; 4]))),
        }
    }
    expression.push('$');
    expression
}

/// The regex crate draws its syntax errors over several lines; the last one is the reason.
fn first_reason(error: &regex::Error) -> String {
    let text = error.to_string();
    let reason = text.lines().last().unwrap_or_default();
    reason.trim().trim_start_matches("error: ").to_owned()
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.written)
    }
}

/// A list of patterns; it matches what any of them matches.
#[derive(Clone, Debug, Default)]
pub struct Patterns(pub(crate) Vec<Pattern>);

impl Patterns {
    /// Whether there is no pattern.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The patterns as they were written.
    pub fn written(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(Pattern::as_str)
    }

    /// Whether a repository matches: patterns with a slash inside look at `organisation/repository`, others at the repository's name.
    pub fn match_repository(&self, organisation: &str, repository: &str) -> bool {
        let whole = format!("{organisation}/{repository}");
        self.0.iter().any(|pattern| {
            pattern
                .compiled
                .is_match(if pattern.whole { &whole } else { repository })
        })
    }

    /// Whether a single name, such as a login, matches.
    pub fn match_name(&self, name: &str) -> bool {
        self.0.iter().any(|pattern| pattern.compiled.is_match(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, name: &str, matches: bool) {
        let patterns = Patterns(vec![Pattern::new(pattern).unwrap()]);
        assert_eq!(
            patterns.match_repository("acme", name),
            matches,
            "{pattern} on acme/{name}"
        );
    }

    #[test]
    fn globs_know_only_the_star_and_the_question_mark() {
        check("core", "core", true);
        check("core", "core-api", false);
        check("core*", "core-api", true);
        check("CORE*", "Core-api", true);
        check("co?e", "core", true);
        check("*.github.io", "acme.github.io", true);
        check("*.github.io", "acmeXgithubXio", false);
        check("*[bot]", "dependabot[bot]", true);
        check("*[bot]", "robot", false);
    }

    #[test]
    fn a_pattern_with_a_slash_looks_at_the_organisation_too() {
        check("acme/*", "core", true);
        check("beta/*", "core", false);
        check("*", "core", true);
        check("/^acme/core$/", "core", true);
        check("/^core/", "core", true);
        check("/^acme/", "core", false);
    }

    #[test]
    fn an_expression_that_cannot_be_read_is_refused_in_one_line() {
        for broken in ["", "/(/", "/a{999999}{999999}/", "/[z-a]/"] {
            let reason = Pattern::new(broken).unwrap_err();
            assert!(!reason.contains('\n'), "{reason}");
        }
    }
}
