//! The kinds of activities, and who or what does them.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What an activity is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActivityKind {
    /// Where a procedure begins.
    Start,
    /// Where it ends; there may be several, with an outcome each.
    End,
    /// Something is asked for or handed in: typed fields, files.
    Request,
    /// A person has done something, with text and files as evidence.
    Attest,
    /// A person answers a question with a reason.
    Decision,
    /// Named roles approve or reject.
    Gate,
    /// Another process of the institution: opened, waited for, come back from.
    External,
    /// Another playbook or procedure, as its own run.
    Call,
    /// Changes on servers, as a run of a playbook or of one of its phases.
    Remote,
    /// A verified full backup.
    Backup,
    /// The checks of a system are asked, and all must be good.
    Test,
    /// A document is made from the journal.
    Record,
    /// The receiving unit and those who deliver sign.
    Deliver,
    /// People are told.
    Notify,
    /// The checks of a system are asked, to see how it is.
    Monitor,
    /// A person describes an incident.
    Incident,
    /// What was there is put back from a backup.
    Recovery,
}

/// Who or what does an activity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// People answer.
    Person,
    /// People approve or reject.
    Gate,
    /// A person opens another process and records its result.
    External,
    /// A run of its own.
    Run,
    /// The checks are asked.
    Check,
    /// The program alone, at once.
    Automatic,
}

const TABLE: &[(&str, ActivityKind, Work)] = &[
    ("start", ActivityKind::Start, Work::Automatic),
    ("end", ActivityKind::End, Work::Automatic),
    ("request", ActivityKind::Request, Work::Person),
    ("attest", ActivityKind::Attest, Work::Person),
    ("decision", ActivityKind::Decision, Work::Person),
    ("gate", ActivityKind::Gate, Work::Gate),
    ("external", ActivityKind::External, Work::External),
    ("call", ActivityKind::Call, Work::Run),
    ("remote", ActivityKind::Remote, Work::Run),
    ("backup", ActivityKind::Backup, Work::Run),
    ("test", ActivityKind::Test, Work::Check),
    ("record", ActivityKind::Record, Work::Automatic),
    ("deliver", ActivityKind::Deliver, Work::Person),
    ("notify", ActivityKind::Notify, Work::Automatic),
    ("monitor", ActivityKind::Monitor, Work::Check),
    ("incident", ActivityKind::Incident, Work::Person),
    ("recovery", ActivityKind::Recovery, Work::Run),
];

impl ActivityKind {
    /// Every word, in the order of the documentation.
    pub const WORDS: &'static [&'static str] = &[
        "start", "end", "request", "attest", "decision", "gate", "external", "call", "remote", "backup",
        "test", "record", "deliver", "notify", "monitor", "incident", "recovery",
    ];

    /// Returns the kind that `text` names.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        TABLE.iter().find(|(word, ..)| *word == text).map(|(_, kind, _)| *kind)
    }

    /// The word in files.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        TABLE.iter().find(|(_, kind, _)| *kind == self).map_or("", |(word, ..)| word)
    }

    /// Who or what does it.
    #[must_use]
    pub fn work(self) -> Work {
        TABLE.iter().find(|(_, kind, _)| *kind == self).map_or(Work::Automatic, |(.., work)| *work)
    }

    /// Whether people must be named for it.
    #[must_use]
    pub fn needs_role(self) -> bool {
        matches!(self.work(), Work::Person | Work::Gate | Work::External)
    }

    /// Whether a step of any run may stand for it: never for what people decide or what protects a change.
    #[must_use]
    pub fn may_be_fulfilled(self) -> bool {
        matches!(self.work(), Work::Run | Work::Check) && self != Self::Backup || self == Self::Attest
    }

    /// Whether it may be left out with a recorded exception: never what protects a change.
    #[must_use]
    pub fn may_be_excepted(self) -> bool {
        !matches!(self, Self::Start | Self::End | Self::Gate | Self::Backup | Self::Decision)
    }
}

impl fmt::Display for ActivityKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_a_kind_and_every_kind_has_its_word() {
        let words: Vec<&str> = TABLE.iter().map(|(word, ..)| *word).collect();
        assert_eq!(words, ActivityKind::WORDS);
        for word in ActivityKind::WORDS {
            assert_eq!(ActivityKind::parse(word).map(ActivityKind::as_str), Some(*word));
        }
        assert_eq!(ActivityKind::parse("dance"), None);
    }
}
