//! What is told to whom.

use crate::model::{CanonicalError, EnvironmentName, Language, PersonName, RunId, SystemName, canonical};
use crate::store::Message;
use serde::Serialize;

/// What a message is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeKind {
    /// A run waits for a decision.
    GateOpened,
    /// Somebody decided.
    GateDecided,
    /// The time to decide runs out.
    GateExpiring,
    /// A run has ended.
    RunEnded,
    /// An activity of a procedure waits for somebody.
    ActivityWaits,
    /// It still does.
    ActivityReminded,
    /// It should have been done by now.
    ActivityOverdue,
    /// A procedure tells something.
    Told,
}

impl NoticeKind {
    /// The word in messages.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::GateOpened => "gate_opened",
            Self::GateDecided => "gate_decided",
            Self::GateExpiring => "gate_expiring",
            Self::RunEnded => "run_ended",
            Self::ActivityWaits => "activity_waits",
            Self::ActivityReminded => "activity_reminded",
            Self::ActivityOverdue => "activity_overdue",
            Self::Told => "told",
        }
    }
}

/// Somebody who is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Recipient {
    /// The name in the people file.
    pub person: PersonName,
    /// The mail address there.
    pub mail: Option<String>,
}

/// One message to people who read the same language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Notice {
    /// What it is about.
    pub kind: NoticeKind,
    /// Who is told.
    pub recipients: Vec<Recipient>,
    /// In which language.
    pub language: Language,
    /// One line.
    pub subject: String,
    /// The message itself.
    pub text: String,
    /// The run.
    pub run: RunId,
    /// Its system.
    pub system: SystemName,
    /// Its environment.
    pub environment: EnvironmentName,
}

impl Notice {
    /// The message as the outbox keeps it.
    pub fn message(&self) -> Result<Message, CanonicalError> {
        Ok(Message { kind: self.kind.as_str().to_owned(), body: canonical(self)? })
    }
}
