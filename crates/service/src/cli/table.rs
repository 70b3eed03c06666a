//! Tables for people: columns as wide as their widest cell.

/// On which side the cells of a column stand.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Align {
    /// Words.
    Left,
    /// Numbers, so that their digits stand below one another.
    Right,
}

/// Lays out rows in columns of words; the last column is not padded.
pub(crate) fn lay_out(rows: &[Vec<String>]) -> String {
    aligned(rows, &[])
}

/// Lays out rows in columns, each on its side. Columns without one are words.
pub(crate) fn aligned(rows: &[Vec<String>], sides: &[Align]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .max()
    };
    let widths: Vec<usize> = (0..columns)
        .map(|column| width(column).unwrap_or(0))
        .collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            line.push_str(&match sides.get(column) {
                Some(Align::Right) => format!("{cell:>width$}  "),
                Some(Align::Left) | None => format!("{cell:<width$}  "),
            });
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(cells: &[&str]) -> Vec<String> {
        cells.iter().map(|cell| (*cell).to_owned()).collect()
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let text = lay_out(&[row(&["check", "result"]), row(&["état", "ok"]), row(&["x"])]);
        assert_eq!(text, "check  result\nétat   ok\nx\n");
    }

    #[test]
    fn digits_stand_below_one_another() {
        let rows = [
            row(&["", "used"]),
            row(&["core", "7"]),
            row(&["graphql", "1234567"]),
        ];
        let text = aligned(&rows, &[Align::Left, Align::Right]);
        assert_eq!(
            text,
            "            used\ncore           7\ngraphql  1234567\n"
        );
    }
}
