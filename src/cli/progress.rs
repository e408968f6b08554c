//! What people see while a run goes on: plain lines, one per event.

use super::Terminal;
use crate::{
    executor::Watch,
    model::{Language, Timestamp},
    report::journal,
    run::{Event, Run},
};

/// Writes one line for each event to standard error.
pub struct PlainLines {
    terminal: Terminal,
}

impl PlainLines {
    /// Lines on this terminal.
    #[must_use]
    pub fn new(terminal: &Terminal) -> Self {
        Self { terminal: terminal.clone() }
    }
}

impl Watch for PlainLines {
    fn event(&self, run: &Run, event: &Event, at: Timestamp) {
        let language = self.terminal.language(None, Language::En);
        for line in journal::lines(run, event, at, language) {
            self.terminal.note(&line);
        }
    }

    fn note(&self, words: &str) {
        self.terminal.note(&format!("  {words}"));
    }

    fn output(&self, server: &str, step: &str, text: &str) {
        if self.terminal.verbose {
            for line in text.lines() {
                self.terminal.note(&format!("  {server} {step} | {}", crate::report::escape::visible(line)));
            }
        }
    }
}

/// What watches a run on this terminal.
#[must_use]
pub fn watch(terminal: &Terminal) -> std::sync::Arc<dyn Watch> {
    std::sync::Arc::new(PlainLines::new(terminal))
}
