//! A page's lines: labels to the left, what is long continues under where it began.

use super::escape;

/// Width of a page in columns.
pub const COLUMNS: usize = 80;
/// Width of a label.
pub const LABEL_COLUMNS: usize = 12;

/// Lines that are already safe to show; every text that enters is escaped and wrapped.
#[derive(Debug, Default)]
pub struct Lines(Vec<String>);

impl Lines {
    /// The page's title, underlined.
    pub fn title(&mut self, text: &str) {
        self.0.extend(escape::wrap(text, COLUMNS));
        self.0.push("=".repeat(COLUMNS));
    }

    /// The beginning of a section.
    pub fn heading(&mut self, text: &str) {
        self.0.push(String::new());
        self.0.extend(escape::wrap(text, COLUMNS));
    }

    /// A label and what belongs to it.
    pub fn pair(&mut self, label: &str, text: &str) {
        let label = escape::capped(label, LABEL_COLUMNS);
        let gap = " ".repeat(LABEL_COLUMNS - escape::width(&label) + 1);
        self.hang(&format!("  {label}{gap}"), text);
    }

    /// A label and a text of several lines, each of which begins a line of its own; long ones are cut
    /// at `columns_max`.
    pub fn pair_text(&mut self, label: &str, text: &str, columns_max: usize) {
        let lines = text.lines().map(str::trim_end).filter(|line| !line.is_empty());
        for (at, line) in lines.enumerate() {
            self.pair(if at == 0 { label } else { "" }, &escape::capped(line, columns_max));
        }
    }

    /// A row that begins with a name; the texts of such rows stand under one another.
    pub fn named(&mut self, name: &str, names_columns: usize, text: &str) {
        let name = escape::capped(name, names_columns);
        let gap = " ".repeat(names_columns - escape::width(&name) + 2);
        self.hang(&format!("  {name}{gap}"), text);
    }

    /// A row.
    pub fn item(&mut self, text: &str) {
        self.hang("  ", text);
    }

    /// A row of a list that has no title: it begins at the left, and what is long continues below it.
    pub fn entry(&mut self, text: &str) {
        for (index, line) in escape::wrap(text, COLUMNS - 2).into_iter().enumerate() {
            self.0.push(if index == 0 { line } else { format!("  {line}") });
        }
    }

    /// A row that belongs to the one before it.
    pub fn sub_item(&mut self, text: &str) {
        self.hang("    - ", text);
    }

    fn hang(&mut self, first: &str, text: &str) {
        let indent = escape::width(first);
        for (index, line) in escape::wrap(text, COLUMNS - indent).into_iter().enumerate() {
            let start = if index == 0 { first.to_owned() } else { " ".repeat(indent) };
            self.0.push(format!("{start}{line}"));
        }
    }

    /// A row of a difference or an output: cut, not wrapped.
    pub fn verbatim(&mut self, text: &str) {
        self.0.push(format!("      {}", escape::capped(text, COLUMNS - 6)));
    }

    /// The page; each line ended.
    #[must_use]
    pub fn text(self) -> String {
        self.0.into_iter().map(|line| format!("{}\n", line.trim_end())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_several_lines_stays_lines_under_its_label_and_moves_no_cursor() {
        let mut lines = Lines::default();
        lines.pair_text("Failure", "exit status 1\n\nno space\u{1b}[2J left\r\n", 800);
        assert_eq!(lines.text(), "  Failure      exit status 1\n               no space\\u{1b}[2J left\n");
    }
}
