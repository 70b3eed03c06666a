//! A file's bytes as lines, of which none holds more memory than its bound.

use std::ops::ControlFlow;

use super::usage::Usage;

/// The longest line that is read, in bytes, without its end. What is longer is counted as bad.
pub(super) const LONGEST_LINE: usize = 16 << 20;

/// One file, read as it arrives.
#[derive(Debug)]
pub(super) struct Reader {
    usage: Usage,
    /// The beginning of a line that has not ended.
    begun: Vec<u8>,
    /// The line that has not ended is too long already, and nothing of it is kept.
    is_too_long: bool,
    longest: usize,
}

impl Reader {
    /// Adds up a file into `usage`.
    pub(super) fn new(usage: Usage) -> Reader {
        Reader {
            usage,
            begun: Vec::new(),
            is_too_long: false,
            longest: LONGEST_LINE,
        }
    }

    /// Takes in what arrived; breaks where nothing more is wanted.
    pub(super) fn take(&mut self, bytes: &[u8]) -> ControlFlow<()> {
        let mut pieces = bytes.split(|byte| *byte == b'\n');
        let rest = pieces.next_back().unwrap_or_default();
        for piece in pieces {
            self.piece(piece);
            self.line();
            if self.usage.is_cut_short {
                return ControlFlow::Break(());
            }
        }
        self.piece(rest);
        ControlFlow::Continue(())
    }

    fn piece(&mut self, piece: &[u8]) {
        if self.is_too_long || self.begun.len() + piece.len() > self.longest {
            self.is_too_long = true;
            self.begun = Vec::new();
        } else {
            self.begun.extend_from_slice(piece);
        }
    }

    /// The line has ended.
    fn line(&mut self) {
        if std::mem::take(&mut self.is_too_long) {
            self.usage.skip();
        } else if !self.begun.trim_ascii().is_empty() {
            self.usage.read(&self.begun);
        }
        self.begun.clear();
    }

    /// The file has ended, and with it its last line.
    pub(super) fn end(mut self) -> Usage {
        if !self.usage.is_cut_short {
            self.line();
        }
        self.usage
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::super::usage::tests::{day, users};
    use super::*;

    /// What a file gives that arrives in these pieces, with a bound on its lines.
    fn read(pieces: &[&[u8]], longest: usize) -> Usage {
        let mut reader = Reader {
            longest,
            ..Reader::new(users())
        };
        for piece in pieces {
            if reader.take(piece).is_break() {
                break;
            }
        }
        reader.end()
    }

    fn line(login: &str, added: u64) -> String {
        format!(
            r#"{{"day":"{}","user_login":"{login}","loc_added_sum":{added}}}"#,
            day()
        )
    }

    #[test]
    fn lines_are_whole_however_they_arrive() {
        let file = format!("{}\r\n\n   \n{}", line("ann", 1), line("bob", 2));
        let whole = read(&[file.as_bytes()], 1_000);
        assert_eq!((whole.lines, whole.bad_lines, whole.rows.len()), (2, 0, 2));
        for size in [1, 2, 7, 50] {
            let pieces: Vec<&[u8]> = file.as_bytes().chunks(size).collect();
            assert_eq!(read(&pieces, 1_000), whole, "pieces of {size}");
        }
        assert_eq!(read(&[], 1_000), users());
    }

    #[test]
    fn a_line_that_is_too_long_costs_itself_and_no_memory() {
        let long = "x".repeat(10_000);
        let file = format!("{}\n{long}\n{}\n{long}", line("ann", 1), line("bob", 2));
        let mut reader = Reader {
            longest: 100,
            ..Reader::new(users())
        };
        for piece in file.as_bytes().chunks(64) {
            assert!(reader.take(piece).is_continue());
            assert!(
                reader.begun.capacity() <= 256,
                "{}",
                reader.begun.capacity()
            );
        }
        let usage = reader.end();
        assert_eq!((usage.lines, usage.bad_lines, usage.rows.len()), (4, 2, 2));
        assert_eq!(
            usage.rows.keys().next().map(|key| key.day),
            Some(date(2025, 10, 1))
        );
    }

    #[test]
    fn a_line_of_just_the_bound_is_read() {
        let file = line("ann", 1);
        assert_eq!(read(&[file.as_bytes()], file.len()).bad_lines, 0);
        assert_eq!(read(&[file.as_bytes()], file.len() - 1).bad_lines, 1);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..20)) {
            let pieces: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
            let usage = read(&pieces, 64);
            let ends = pieces.concat().iter().filter(|byte| **byte == b'\n').count() as u64;
            prop_assert!(usage.lines <= ends + 1 && usage.bad_lines <= usage.lines);
        }
    }
}
