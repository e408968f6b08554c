//! Why a step cannot be understood or done.

use super::shell::printable;
use crate::model::Answer;

/// Longest part of a server's error output in a message, in characters.
const STDERR_CHARS_MAX: usize = 2000;

/// Says why a step cannot be understood or done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModuleError {
    /// There is no such module.
    #[error("there is no module `{name}`")]
    UnknownModule {
        /// As written.
        name: String,
        /// The closest name there is.
        near: Option<String>,
    },
    /// The module has no such key.
    #[error("`{module}` has no key `{key}`")]
    UnknownKey {
        /// The module.
        module: &'static str,
        /// As written.
        key: String,
        /// The closest key there is.
        near: Option<String>,
    },
    /// A key is missing, or one of several.
    #[error("`{module}` needs `{key}`")]
    Missing {
        /// The module.
        module: &'static str,
        /// The key.
        key: String,
    },
    /// A key's value cannot be used.
    #[error("`{module}: {key}` {problem}")]
    Wrong {
        /// The module.
        module: &'static str,
        /// The key.
        key: String,
        /// What is wrong with it: `must be …`.
        problem: String,
    },
    /// A file that the step names cannot be had.
    #[error("`{src}`: {reason}")]
    Source {
        /// As written.
        src: String,
        /// Why.
        reason: String,
    },
    /// What is on the server stands in the way.
    #[error("{problem}")]
    State {
        /// What is there.
        problem: String,
        /// What to do.
        hint: String,
    },
    /// A probe's answer cannot be read.
    #[error("the answer of the probe cannot be read: {0}")]
    Answer(String),
    /// A script did not succeed.
    #[error("{status}{detail}")]
    Failed {
        /// How it ended.
        status: String,
        /// The end of its error output, on lines of its own.
        detail: String,
    },
    /// An `assert` does not hold.
    #[error("{0}")]
    Assertion(String),
}

impl ModuleError {
    /// What to do next, where there is something to say.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::UnknownModule { near, .. } | Self::UnknownKey { near, .. } => {
                near.as_ref().map(|near| format!("did you mean `{near}`?"))
            }
            Self::State { hint, .. } => Some(hint.clone()),
            _ => None,
        }
    }

    pub(super) fn unknown_module(name: &str, known: impl Iterator<Item = &'static str>) -> Self {
        Self::UnknownModule { name: printable(name, 64), near: nearest(name, known) }
    }

    pub(super) fn unknown_key(
        module: &'static str,
        key: &str,
        known: impl Iterator<Item = &'static str>,
    ) -> Self {
        Self::UnknownKey { module, key: printable(key, 64), near: nearest(key, known) }
    }

    pub(super) fn wrong(module: &'static str, key: &str, problem: impl Into<String>) -> Self {
        Self::Wrong { module, key: key.to_owned(), problem: problem.into() }
    }

    pub(super) fn state(problem: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::State { problem: problem.into(), hint: hint.into() }
    }
}

fn nearest(name: &str, known: impl Iterator<Item = &'static str>) -> Option<String> {
    known
        .map(|word| (strsim::damerau_levenshtein(word, name), word))
        .filter(|(distance, word)| *distance <= 2.max(word.len() / 3))
        .min()
        .map(|(_, word)| word.to_owned())
}

/// Refuses an answer whose script did not succeed.
pub(super) fn succeeded(answer: &Answer) -> Result<(), ModuleError> {
    if answer.status.success() { Ok(()) } else { Err(failed(answer)) }
}

/// The error of a script that did not succeed, with the end of what it wrote to standard error.
pub(super) fn failed(answer: &Answer) -> ModuleError {
    let text = String::from_utf8_lossy(&answer.stderr);
    let text = if text.trim().is_empty() { answer.text().into() } else { text };
    let skipped = text.trim().chars().count().saturating_sub(STDERR_CHARS_MAX);
    // Half a secret may follow: the mark tells where to look for it.
    let cut = if skipped > 0 { "…" } else { "" };
    let end: String = cut.chars().chain(text.trim().chars().skip(skipped)).collect();
    let lines = end.lines().map(|line| format!("\n{}", printable(line, STDERR_CHARS_MAX)));
    ModuleError::Failed { status: answer.status.to_string(), detail: lines.collect() }
}

/// The answer of a probe that was asked and succeeded.
pub(super) fn probed(answer: Option<&Answer>) -> Result<&Answer, ModuleError> {
    let Some(answer) = answer else {
        return Err(ModuleError::Answer("it was not asked".to_owned()));
    };
    succeeded(answer)?;
    if answer.truncated {
        return Err(ModuleError::Answer("it is longer than the limit".to_owned()));
    }
    Ok(answer)
}
