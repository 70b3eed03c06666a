//! What a terminal can show: colours, and more than ASCII.

use crate::cli::Invocation;

/// How things are written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    pub(crate) colour: bool,
    pub(crate) unicode: bool,
    /// Columns that may be filled.
    pub(crate) width: usize,
}

/// What stands out, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Paint {
    Head,
    Good,
    Warning,
    Bad,
    Aside,
}

impl Style {
    /// For where the answer goes. What is no terminal gets neither colours nor anything beyond ASCII.
    pub(crate) fn of(invocation: &Invocation, width: usize) -> Style {
        let terminal = invocation.output.is_terminal();
        let variable = |name| invocation.environment.get(name).ok().flatten();
        let set = |name| variable(name).is_some_and(|text| !text.is_empty());
        let dumb = variable("TERM") == Some("dumb");
        // The first of these that is set decides, as everywhere.
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
            .into_iter()
            .find_map(|name| variable(name).filter(|text| !text.is_empty()));
        let utf8 = locale.is_some_and(|locale| {
            let locale = locale.to_ascii_lowercase();
            locale.contains("utf-8") || locale.contains("utf8")
        });
        Style {
            colour: terminal && !dumb && !set("NO_COLOR"),
            unicode: terminal && utf8,
            width,
        }
    }

    pub(crate) fn paint(self, text: &str, paint: Paint) -> String {
        if !self.colour || text.is_empty() {
            return text.to_owned();
        }
        let code = match paint {
            Paint::Head => "1",
            Paint::Good => "32",
            Paint::Warning => "33",
            Paint::Bad => "31;1",
            Paint::Aside => "2",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }

    /// `part` of `whole` as a bar of so many columns.
    pub(crate) fn bar(self, part: u64, whole: u64, columns: usize) -> String {
        let (full, empty) = if self.unicode {
            ('█', '░')
        } else {
            ('#', '.')
        };
        let filled = match whole {
            0 => 0,
            _ => {
                let columns = columns as u64;
                // What is left is never shown as nothing, and what is used never as nothing used.
                let share = part.min(whole).saturating_mul(columns) / whole;
                share.max(u64::from(part > 0)).min(columns)
            }
        };
        (0..columns as u64)
            .map(|column| if column < filled { full } else { empty })
            .collect()
    }

    /// `text` in at most so many columns.
    pub(crate) fn clip(self, text: &str, columns: usize) -> String {
        if text.chars().count() <= columns {
            return text.to_owned();
        }
        let end = if self.unicode { "…" } else { "~" };
        let kept: String = text.chars().take(columns.saturating_sub(1)).collect();
        format!("{kept}{end}")
    }

    /// The end of `text`, in at most so many columns.
    pub(crate) fn clip_front(self, text: &str, columns: usize) -> String {
        let length = text.chars().count();
        if length <= columns {
            return text.to_owned();
        }
        let start = if self.unicode { "…" } else { "~" };
        let kept: String = text.chars().skip(length - columns + 1).collect();
        format!("{start}{kept}")
    }
}

/// Columns and lines of the terminal that standard output is, if it is one.
pub(crate) fn size() -> Option<(usize, usize)> {
    let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok()?;
    (size.ws_col > 0 && size.ws_row > 0)
        .then(|| (usize::from(size.ws_col), usize::from(size.ws_row)))
}
