//! Columns of text, padded like kubectl's but with no blanks at a line's end.

/// A table under construction.
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new<H: AsRef<str>>(headers: &[H]) -> Self {
        Self { rows: vec![headers.iter().map(|header| header.as_ref().to_owned()).collect()] }
    }

    /// Adds a row; empty cells become `-` and line breaks blanks, so that a row stays a row.
    pub(crate) fn push(&mut self, cells: Vec<String>) {
        let tidy = |cell: String| match cell.trim() {
            "" => "-".to_owned(),
            text => text.split_whitespace().collect::<Vec<_>>().join(" "),
        };
        self.rows.push(cells.into_iter().map(tidy).collect());
    }

    /// Lines, each ended by a line break.
    pub(crate) fn render(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or_default();
        let width = |column: usize| {
            self.rows
                .iter()
                .filter(|row| column + 1 < row.len())
                .map(|row| row[column].chars().count())
                .max()
                .unwrap_or_default()
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut output = String::new();
        for row in &self.rows {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                line.push_str(cell);
                let padding = width.saturating_sub(cell.chars().count()) + 2;
                line.extend(std::iter::repeat_n(' ', padding));
            }
            output.push_str(line.trim_end());
            output.push('\n');
        }
        output
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn columns_line_up() {
        let mut table = super::Table::new(&["NAME", "MESSAGE"]);
        table.push(vec!["a-long-name".into(), "two\nlines".into()]);
        table.push(vec!["b".into(), String::new()]);
        assert_eq!(
            table.render(),
            "NAME         MESSAGE\na-long-name  two lines\nb            -\n"
        );
    }
}
