//! Whose activity is left out. Decides by login alone; refuses to guess who is a bot from what they do.

use std::collections::HashSet;

/// Logins that are left out: whole ones, and patterns in which `*` stands for any characters and `?` for one.
///
/// Brackets are plain characters, so `*[bot]` is what it looks like. GitHub's logins know no case, and so neither do
/// these.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exclude {
    logins: HashSet<String>,
    patterns: Vec<Vec<char>>,
}

impl Exclude {
    /// Nobody is left out.
    pub fn nobody() -> Exclude {
        Exclude::default()
    }

    /// Everybody is left out whom one of the entries names.
    pub fn new<S: AsRef<str>>(entries: impl IntoIterator<Item = S>) -> Exclude {
        let mut exclude = Exclude::nobody();
        for entry in entries {
            let entry = entry.as_ref().to_lowercase();
            if entry.contains(['*', '?']) {
                exclude.patterns.push(entry.chars().collect());
            } else {
                exclude.logins.insert(entry);
            }
        }
        exclude
    }

    /// Whether this login is left out.
    pub fn matches(&self, login: &str) -> bool {
        if self.logins.is_empty() && self.patterns.is_empty() {
            return false;
        }
        let login = login.to_lowercase();
        if self.logins.contains(&login) {
            return true;
        }
        let login: Vec<char> = login.chars().collect();
        self.patterns.iter().any(|pattern| fits(pattern, &login))
    }
}

/// Goes on greedily after each star and comes back to the last one only, so that no pattern takes more than the product
/// of the two lengths.
fn fits(pattern: &[char], text: &[char]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut last_star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                last_star = Some((p, t));
                p += 1;
            }
            Some(&c) if c == '?' || c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((star, taken)) = last_star else {
                    return false;
                };
                last_star = Some((star, taken + 1));
                p = star + 1;
                t = taken + 1;
            }
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_pattern_takes_brackets_as_they_are_and_knows_no_case() {
        let bots = Exclude::new(["*[bot]", "Renovate", "ci-?"]);
        for login in ["dependabot[bot]", "DEPENDABOT[BOT]", "renovate", "ci-7"] {
            assert!(bots.matches(login), "{login} is left out");
        }
        for login in ["dependabot", "b", "renovate-fan", "ci-77", "ci-", ""] {
            assert!(!bots.matches(login), "{login} stays");
        }
    }

    #[test]
    fn nobody_and_everybody_can_be_left_out() {
        assert!(!Exclude::nobody().matches("ada"));
        assert!(Exclude::new(["*"]).matches("ada"));
        assert!(Exclude::new(["*"]).matches(""));
        assert!(Exclude::new(["*a*b*"]).matches("xaxxbx"));
        assert!(!Exclude::new(["*a*b*"]).matches("xbxxax"));
    }

    /// The rule itself, without any thought of speed.
    fn fits_by_definition(pattern: &[char], text: &[char]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some(('*', rest)) => {
                (0..=text.len()).any(|taken| fits_by_definition(rest, &text[taken..]))
            }
            Some((c, rest)) => text
                .split_first()
                .is_some_and(|(t, left)| (*c == '?' || c == t) && fits_by_definition(rest, left)),
        }
    }

    proptest! {
        #[test]
        fn the_fast_match_is_the_definition(pattern in "[ab*?]{0,8}", text in "[ab]{0,10}") {
            let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
            prop_assert_eq!(fits(&pattern, &text), fits_by_definition(&pattern, &text));
        }
    }
}
