//! A picture that is drawn again and again in one place of a terminal, and the terminal as it was when that is over.

use crate::cli::{Closed, Output};

const ENTER: &str = "\u{1b}[?1049h\u{1b}[?25l";
const LEAVE: &str = "\u{1b}[?25h\u{1b}[?1049l";

/// The other screen of a terminal. Left when it is dropped, so that an error finds the terminal as it was.
pub(super) struct Screen {
    output: Output,
}

impl Screen {
    pub(super) fn enter(output: &Output) -> Result<Screen, Closed> {
        output.text(ENTER)?;
        Ok(Screen {
            output: output.clone(),
        })
    }

    /// Draws lines in place of what is there; those that do not fit are left out, and the last one says so.
    pub(super) fn draw(&self, lines: &[String], height: usize) -> Result<(), Closed> {
        let mut picture = "\u{1b}[H".to_owned();
        let room = height.saturating_sub(1).max(1);
        let shown = if lines.len() > room {
            room - 1
        } else {
            lines.len()
        };
        for line in lines.iter().take(shown) {
            picture.push_str(line);
            picture.push_str("\u{1b}[K\r\n");
        }
        if shown < lines.len() {
            picture.push_str(&format!("({} more lines)\u{1b}[K\r\n", lines.len() - shown));
        }
        picture.push_str("\u{1b}[J");
        self.output.text(&picture)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _nobody_reads = self.output.text(LEAVE);
    }
}
