//! The documents that activities make, each from a template of its own.

use crate::model::Digest;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Which document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// What the checks measured, each against what was wanted.
    TestReport,
    /// What went wrong, and what answered it.
    ErrorsAndSolutions,
    /// What a system is, declared and observed.
    DataSheet,
    /// The line of a system's life.
    LifeRecord,
    /// What is handed over, to whom, in which state.
    DeliveryAct,
    /// What was put back, from where, and why.
    Reversal,
    /// What happened, what was changed before it, and what was done.
    Incident,
    /// The state of services and servers.
    Logbook,
}

impl Form {
    /// Every form, in the order of the documentation.
    pub const ALL: [Self; 8] = [
        Self::TestReport,
        Self::ErrorsAndSolutions,
        Self::DataSheet,
        Self::LifeRecord,
        Self::DeliveryAct,
        Self::Reversal,
        Self::Incident,
        Self::Logbook,
    ];

    /// Every word, in the order of [`Self::ALL`].
    pub const WORDS: &'static [&'static str] = &[
        "test-report",
        "errors-and-solutions",
        "data-sheet",
        "life-record",
        "delivery-act",
        "reversal",
        "incident",
        "logbook",
    ];

    /// Returns the form that `text` names.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|form| form.as_str() == text)
    }

    /// The word in files.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::WORDS[self as usize]
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A document that was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Made {
    /// Which.
    pub form: Form,
    /// It, in the depot.
    pub digest: Digest,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_has_its_word_and_is_stored_by_it() {
        for (form, word) in Form::ALL.into_iter().zip(Form::WORDS) {
            assert_eq!(form.as_str(), *word);
            assert_eq!(Form::parse(word), Some(form));
            assert_eq!(serde_json::to_value(form).unwrap(), *word);
        }
        assert_eq!(Form::parse("letter"), None);
    }
}
