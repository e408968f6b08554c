//! What is wrong with a file, where, and what to do about it.

use super::{Source, Span};
use serde_json::{Value as Json, json};

/// Most errors, and most warnings, that are kept of one file; a file with more has one cause.
pub const DIAGNOSTICS_MAX: usize = 500;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Nothing runs.
    Error,
    /// Worth a look.
    Warning,
}

/// One fault of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// The file's path.
    pub file: String,
    /// Source and place in it; absent where the fault is the file as a whole.
    pub place: Option<(Source, Span)>,
    /// What is wrong: one sentence in lower case.
    pub message: String,
    /// What the caret says; empty means nothing.
    pub label: String,
    /// What to do next.
    pub help: Option<String>,
    /// Text that would be right in place of the span.
    pub patch: Option<String>,
}

impl Diagnostic {
    /// An error at a place.
    #[must_use]
    pub fn error(source: &Source, span: Span, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            file: source.path().to_owned(),
            place: Some((source.clone(), span)),
            message: message.into(),
            label: String::new(),
            help: None,
            patch: None,
        }
    }

    /// An error of a file as a whole.
    #[must_use]
    pub fn about_file(path: &str, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            file: path.to_owned(),
            place: None,
            message: message.into(),
            label: String::new(),
            help: None,
            patch: None,
        }
    }

    /// The same with what to do next.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The same with a text at the caret.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// The same with what would be right instead.
    #[must_use]
    pub fn patch(mut self, patch: impl Into<String>) -> Self {
        self.patch = Some(patch.into());
        self
    }

    /// The same, only a warning.
    #[must_use]
    pub fn warning(mut self) -> Self {
        self.severity = Severity::Warning;
        self
    }

    /// Line and column, both from 1.
    #[must_use]
    pub fn line_column(&self) -> Option<(usize, usize)> {
        self.place.as_ref().map(|(source, span)| source.line_column(span.start))
    }

    /// The diagnostic for machines.
    #[must_use]
    pub fn to_json(&self) -> Json {
        let (line, column) = self.line_column().unzip();
        json!({
            "severity": match self.severity { Severity::Error => "error", Severity::Warning => "warning" },
            "file": self.file,
            "line": line,
            "column": column,
            "message": self.message,
            "help": self.help,
            "suggestion": self.patch,
        })
    }
}

/// Everything that was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diagnostics {
    found: Vec<Diagnostic>,
}

impl Diagnostics {
    /// Adds one; the same fault at the same place is kept once.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        // Neither another file nor a warning takes an error's place.
        let alike = |one: &&Diagnostic| one.file == diagnostic.file && one.severity == diagnostic.severity;
        let alike = self.found.iter().filter(alike).count();
        if alike < DIAGNOSTICS_MAX && !self.found.contains(&diagnostic) {
            self.found.push(diagnostic);
        }
    }

    /// Adds all of another collection.
    pub fn extend(&mut self, other: Diagnostics) {
        other.found.into_iter().for_each(|diagnostic| self.push(diagnostic));
    }

    /// Whether anything forbids to go on.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.errors() > 0
    }

    /// Whether anything forbids to use this file.
    #[must_use]
    pub fn has_errors_in(&self, path: &str) -> bool {
        self.found.iter().any(|one| one.severity == Severity::Error && one.file == path)
    }

    /// Whether anything between two places of this file forbids to use what stands there.
    #[must_use]
    pub fn has_errors_within(&self, path: &str, span: Span) -> bool {
        let within = |place: &Option<(Source, Span)>| {
            place.as_ref().is_none_or(|(_, at)| span.start <= at.start && at.start <= span.end)
        };
        let wrong = |one: &Diagnostic| one.severity == Severity::Error && one.file == path;
        self.found.iter().any(|one| wrong(one) && within(&one.place))
    }

    /// How many errors there are.
    #[must_use]
    pub fn errors(&self) -> usize {
        self.found.iter().filter(|diagnostic| diagnostic.severity == Severity::Error).count()
    }

    /// Whether nothing was found.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Everything, in the order of files and places.
    #[must_use]
    pub fn sorted(&self) -> Vec<&Diagnostic> {
        let mut sorted: Vec<&Diagnostic> = self.found.iter().collect();
        sorted.sort_by_key(|diagnostic| {
            (diagnostic.file.as_str(), diagnostic.place.as_ref().map(|(_, span)| span.start))
        });
        sorted
    }

    /// Everything for machines.
    #[must_use]
    pub fn to_json(&self) -> Json {
        self.sorted().into_iter().map(Diagnostic::to_json).collect()
    }
}
