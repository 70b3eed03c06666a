//! Sentences in as many lines as it takes.

/// Breaks a sentence between words. A word that is longer than a line has a line of its own.
pub(crate) fn wrapped(sentence: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in sentence.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= columns => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::wrapped;

    #[test]
    fn lines_are_as_long_as_they_may_be_and_no_word_is_cut() {
        assert_eq!(
            wrapped("the état of  things", 10),
            ["the état", "of things"]
        );
        assert_eq!(
            wrapped("incomprehensible, though", 7),
            ["incomprehensible,", "though"]
        );
        assert_eq!(wrapped("", 7), Vec::<String>::new());
    }
}
