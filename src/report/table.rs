//! Columns of text that fit a terminal; long cells continue on the next line.

use super::escape;

/// Columns between two cells.
const GAP: usize = 2;
/// No column is made narrower than this.
const COLUMN_MIN: usize = 4;

/// Rows under headers.
#[derive(Debug, Clone)]
pub struct Table {
    headers: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these headers and no rows.
    #[must_use]
    pub fn new(headers: &[&str]) -> Self {
        Self { headers: headers.iter().map(|header| escape::visible(header)).collect(), rows: Vec::new() }
    }

    /// Adds a row; cells beyond the headers are left out, missing ones are empty.
    #[must_use]
    pub fn row(mut self, cells: Vec<String>) -> Self {
        let mut cells: Vec<_> = cells.iter().map(|cell| escape::visible(cell)).collect();
        cells.resize(self.headers.len(), String::new());
        self.rows.push(cells);
        self
    }

    /// The table at `columns`, each line ended.
    #[must_use]
    pub fn render(&self, columns: usize) -> String {
        let widths = self.widths(columns);
        let mut text = String::new();
        for row in std::iter::once(&self.headers).chain(&self.rows) {
            let cells: Vec<_> =
                row.iter().zip(&widths).map(|(cell, width)| escape::wrap(cell, *width)).collect();
            for line in 0..cells.iter().map(Vec::len).max().unwrap_or(0) {
                let mut row = String::new();
                for (cell, width) in cells.iter().zip(&widths) {
                    let part = cell.get(line).map_or("", String::as_str);
                    row.push_str(part);
                    row.push_str(&" ".repeat(width + GAP - escape::width(part).min(width + GAP)));
                }
                text.push_str(row.trim_end());
                text.push('\n');
            }
        }
        text
    }

    /// Takes from the widest column until all fit.
    fn widths(&self, columns: usize) -> Vec<usize> {
        let widest = |column: usize| {
            let cells =
                std::iter::once(&self.headers).chain(&self.rows).map(|row| escape::width(&row[column]));
            cells.max().unwrap_or(0).max(1)
        };
        let mut widths: Vec<_> = (0..self.headers.len()).map(widest).collect();
        let available = columns.saturating_sub(GAP * widths.len().saturating_sub(1));
        while widths.iter().sum::<usize>() > available {
            match widths.iter_mut().max() {
                Some(width) if *width > COLUMN_MIN => *width -= 1,
                _ => break,
            }
        }
        widths
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_long_cells_continue() {
        let table = Table::new(&["server", "what"])
            .row(vec!["año".to_owned(), "one two three four".to_owned()])
            .row(vec!["日本".to_owned()]);
        assert_eq!(table.render(18), "server  what\naño     one two\n        three four\n日本\n");
        assert_eq!(table.render(80), "server  what\naño     one two three four\n日本\n");
        let hostile = Table::new(&["a"]).row(vec!["\u{1b}[2J\n".to_owned()]).render(80);
        assert_eq!(hostile, "a\n\\u{1b}[2J\\n\n");
    }
}
