//! Diagnostics as people read them: the source line, a caret, and what to do.

use super::{Diagnostic, Diagnostics, Severity, Span};
use annotate_snippets::{AnnotationKind, Group, Level, Patch, Renderer, Snippet};
use regex::Regex;
use std::{fmt::Write as _, sync::LazyLock};

impl Diagnostics {
    /// All diagnostics as text, with colours or without, one after the other.
    #[must_use]
    pub fn render(&self, colours: bool) -> String {
        let mut text = String::new();
        for diagnostic in self.sorted() {
            let _ = writeln!(text, "{}\n", diagnostic.render(colours));
        }
        text
    }
}

impl Diagnostic {
    /// The diagnostic as text.
    #[must_use]
    pub fn render(&self, colours: bool) -> String {
        let renderer = if colours { Renderer::styled() } else { Renderer::plain() };
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let message = visible(&self.message);
        let label = visible(&self.label);
        let help = self.help.as_deref().map(visible);
        let Some((source, span)) = &self.place else {
            let title = format!("{}: {message}", visible(&self.file));
            let mut group = Group::with_title(level.primary_title(title));
            if let Some(help) = &help {
                group = group.element(Level::HELP.message(help.as_str()));
            }
            return renderer.render(&[group]);
        };
        let (text, span) = shown(source.text(), *span);
        let mut annotation = AnnotationKind::Primary.span(span.start..span.end);
        if !label.is_empty() {
            annotation = annotation.label(label.as_str());
        }
        let snippet = Snippet::source(text.as_str()).path(source.path()).fold(true).annotation(annotation);
        let mut first = Group::with_title(level.primary_title(message.as_str())).element(snippet);
        let Some(help) = &help else { return renderer.render(&[first]) };
        let Some(patch) = &self.patch else {
            first = first.element(Level::HELP.message(help.as_str()));
            return renderer.render(&[first]);
        };
        let patched = Snippet::source(text.as_str())
            .path(source.path())
            .fold(true)
            .patch(Patch::new(span.start..span.end, patch.as_str()));
        let second = Group::with_title(Level::HELP.secondary_title(help.as_str())).element(patched);
        renderer.render(&[first, second])
    }
}

static ADDRESS: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"(://[^\s/:@]*:)([^\s@]+)@").ok());

/// Text and span as the renderer can show them: ends inside the text, on characters, and at most to
/// the end of the first line, because a caret under twenty lines says nothing.
fn shown(text: &str, span: Span) -> (String, Span) {
    let boundary = |mut at: usize| {
        at = at.min(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        at
    };
    let start = boundary(span.start);
    let line_end = text[start..].find('\n').map_or(text.len(), |length| start + length);
    let end = boundary(span.end).clamp(start, line_end);
    // The renderer measures in bytes, so every replacement keeps its length.
    let mut clean: String =
        text.chars().map(|c| if c.is_ascii_control() && !"\n\t".contains(c) { '?' } else { c }).collect();
    // A password in an address is a fault, and the message about it must not spread it.
    if let Some(address) = ADDRESS.as_ref() {
        clean = address
            .replace_all(&clean, |found: &regex::Captures<'_>| {
                format!("{}{}@", &found[1], "*".repeat(found[2].len()))
            })
            .into_owned();
    }
    (clean, Span { start, end })
}

/// Text without control characters, which could move a terminal's cursor.
fn visible(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { char::REPLACEMENT_CHARACTER } else { c }).collect()
}
