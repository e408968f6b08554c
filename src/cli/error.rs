//! The one error of the edge: a code, one cause, what to do next.

use crate::{executor::ExecutorError, model::ExitCode, store::StoreError};

/// What a verb ends with when it cannot do its work.
#[derive(Debug)]
pub struct CliError {
    /// What the process returns.
    pub code: ExitCode,
    /// What is wrong.
    pub words: String,
    /// What to do next.
    pub hints: Vec<String>,
    /// Whether `words` is a rendered report that needs no `error:` before it.
    pub rendered: bool,
}

impl CliError {
    /// Bad input.
    pub fn input(words: impl Into<String>) -> Self {
        Self { code: ExitCode::BadInput, words: words.into(), hints: Vec::new(), rendered: false }
    }

    /// A failure.
    pub fn failed(words: impl Into<String>) -> Self {
        Self { code: ExitCode::Failed, words: words.into(), hints: Vec::new(), rendered: false }
    }

    /// Diagnostics of files, as they are rendered.
    pub fn report(words: impl Into<String>) -> Self {
        Self { code: ExitCode::BadInput, words: words.into(), hints: Vec::new(), rendered: true }
    }

    /// What the command line has wrong, as its reader words it.
    #[must_use]
    pub fn from_usage(error: &clap::Error) -> Self {
        let text = error.render().to_string();
        let text = text.strip_prefix("error: ").unwrap_or(&text);
        let mut parts = text.split("\n\n").map(|part| part.split_whitespace().collect::<Vec<_>>().join(" "));
        let words = parts.next().unwrap_or_default();
        parts.filter(|part| !part.is_empty()).fold(Self::input(words), Self::hint)
    }

    /// For machines.
    #[must_use]
    pub fn document(&self) -> serde_json::Value {
        serde_json::json!({
            "exit": self.code.number(), "meaning": self.code.meaning(), "error": self.words,
            "hints": self.hints,
        })
    }

    /// Adds what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Gives it another code.
    #[must_use]
    pub fn code(mut self, code: ExitCode) -> Self {
        self.code = code;
        self
    }
}

impl From<ExecutorError> for CliError {
    fn from(error: ExecutorError) -> Self {
        let mut words = error.to_string();
        let mut cause = std::error::Error::source(&error);
        while let Some(one) = cause {
            let text = one.to_string();
            // Some errors hold their cause in their own words.
            if !words.contains(&text) {
                words = format!("{words}: {text}");
            }
            cause = one.source();
        }
        let rendered = words.starts_with("error");
        Self { code: error.exit_code(), hints: error.hint().into_iter().collect(), words, rendered }
    }
}

impl From<StoreError> for CliError {
    fn from(error: StoreError) -> Self {
        ExecutorError::from(error).into()
    }
}
