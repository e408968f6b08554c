//! The page's lines: labels to the left, what is long continues under where it began.

use super::super::escape;
use super::{COLUMNS, LABEL_COLUMNS};

/// Lines that are already safe to show; every text that enters is escaped and wrapped.
#[derive(Debug, Default)]
pub(super) struct Lines(Vec<String>);

impl Lines {
    pub(super) fn title(&mut self, text: &str) {
        self.0.extend(escape::wrap(text, COLUMNS));
        self.0.push("=".repeat(COLUMNS));
    }

    pub(super) fn heading(&mut self, text: &str) {
        self.0.push(String::new());
        self.0.extend(escape::wrap(text, COLUMNS));
    }

    pub(super) fn pair(&mut self, label: &str, text: &str) {
        let label = escape::capped(label, LABEL_COLUMNS);
        let gap = " ".repeat(LABEL_COLUMNS - escape::width(&label) + 1);
        self.hang(&format!("  {label}{gap}"), text);
    }

    /// Rows that begin with a name each, their texts under one another.
    pub(super) fn named(&mut self, name: &str, names_columns: usize, text: &str) {
        let name = escape::capped(name, names_columns);
        let gap = " ".repeat(names_columns - escape::width(&name) + 2);
        self.hang(&format!("  {name}{gap}"), text);
    }

    pub(super) fn item(&mut self, text: &str) {
        self.hang("  ", text);
    }

    pub(super) fn sub_item(&mut self, text: &str) {
        self.hang("    - ", text);
    }

    fn hang(&mut self, first: &str, text: &str) {
        let indent = escape::width(first);
        for (index, line) in escape::wrap(text, COLUMNS - indent).into_iter().enumerate() {
            let start = if index == 0 { first.to_owned() } else { " ".repeat(indent) };
            self.0.push(format!("{start}{line}"));
        }
    }

    pub(super) fn text(self) -> String {
        self.0.into_iter().map(|line| format!("{}\n", line.trim_end())).collect()
    }
}
