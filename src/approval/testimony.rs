//! What a person says when acting in a procedure: one canonical text, signed and kept in the journal.
//!
//! The event says what counts; the text says the same and is signed. A [`Witness`] holds one against
//! the other, when an event is about to be recorded and whenever a journal is read.

mod refusal;
#[cfg(test)]
mod tests;
mod witness;

pub use refusal::TestimonyRefusal;
pub use witness::{Heard, Witness};

use super::statement::{NONCE_CHARS_MIN, STATEMENT_BYTES_MAX};
use crate::{
    model::{Digest, PersonName, Role, RunId, Timestamp, canonical},
    procedure::{ActivityId, Answer, Event, ProcedureRun},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The format that this program writes.
pub const TESTIMONY_FORMAT: u32 = 1;

/// What a person did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// Answered an activity.
    Answered,
    /// Opened another process.
    ExternalOpened,
    /// Recorded what came back from it.
    ExternalReturned,
    /// Let an activity be left out.
    Excepted,
}

/// An act with everything that it is about. Its canonical JSON is what is signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Testimony {
    /// [`TESTIMONY_FORMAT`].
    pub format: u32,
    /// The procedure's run.
    pub run: RunId,
    /// The procedure, with its parts.
    pub procedure: Digest,
    /// The activity.
    pub activity: ActivityId,
    /// The so-manieth time that it was opened; 0 when it was left out without having been reached.
    pub attempt: u32,
    /// What was done.
    pub act: Act,
    /// The answer; absent where nothing is answered.
    pub answer: Option<Answer>,
    /// Who.
    pub by: PersonName,
    /// In which role.
    pub role: Role,
    /// Why, in the person's words.
    pub reason: String,
    /// Fields of a request.
    pub fields: BTreeMap<String, String>,
    /// Files in the depot, by content.
    pub evidence: Vec<Digest>,
    /// The number of the other process.
    pub reference: Option<String>,
    /// Until when an exception holds.
    pub until: Option<Timestamp>,
    /// Digest of the people file.
    pub people: Digest,
    /// When, by the database's clock.
    pub time: Timestamp,
    /// Random characters, so that no two testimonies are equal.
    pub nonce: String,
    /// The head of the ledger then; rewriting what came before breaks the signature.
    pub ledger_head: Digest,
}

/// What a testimony says beside the event itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Occasion {
    /// Digest of the people file.
    pub people: Digest,
    /// When, by the database's clock.
    pub time: Timestamp,
    /// Random characters.
    pub nonce: String,
    /// The head of the ledger.
    pub ledger_head: Digest,
}

impl Testimony {
    /// What whoever acts in `event`, which is to follow in `run`, testifies; nothing where nobody does.
    #[must_use]
    pub fn of(run: &ProcedureRun, event: &Event, occasion: Occasion) -> Option<Self> {
        let activity = event.testifies()?;
        let Occasion { people, time, nonce, ledger_head } = occasion;
        let said = Said::of(run, event)?;
        Some(Self {
            format: TESTIMONY_FORMAT,
            run: run.header.id.clone(),
            procedure: run.header.digest,
            activity: activity.clone(),
            attempt: run.record(activity).map_or(0, |record| record.opened),
            act: said.act,
            answer: said.answer,
            by: said.by,
            role: said.role,
            reason: said.reason,
            fields: said.fields,
            evidence: said.evidence,
            reference: said.reference,
            until: said.until,
            people,
            time,
            nonce,
            ledger_head,
        })
    }

    /// The text that is signed and kept.
    #[must_use]
    pub fn text(&self) -> String {
        // Only texts and integers: there is nothing that canonical JSON refuses.
        canonical(self).unwrap_or_default()
    }

    /// Reads a text of the journal; anything but the one canonical spelling is refused.
    pub fn parse(text: &str) -> Result<Self, TestimonyRefusal> {
        if text.len() > TESTIMONY_BYTES_MAX {
            return Err(TestimonyRefusal::Unreadable);
        }
        let value: serde_json::Value =
            serde_json::from_str(text).map_err(|_| TestimonyRefusal::Unreadable)?;
        match value.get("format").and_then(serde_json::Value::as_u64).and_then(|f| u32::try_from(f).ok()) {
            Some(TESTIMONY_FORMAT) => {}
            Some(format) if format > TESTIMONY_FORMAT => {
                return Err(TestimonyRefusal::NewerFormat { format });
            }
            _ => return Err(TestimonyRefusal::Unreadable),
        }
        let testimony: Self = serde_json::from_value(value).map_err(|_| TestimonyRefusal::Unreadable)?;
        if testimony.text() != text || testimony.nonce.chars().count() < NONCE_CHARS_MIN {
            return Err(TestimonyRefusal::Unreadable);
        }
        Ok(testimony)
    }

    fn occasion(&self) -> Occasion {
        let nonce = self.nonce.clone();
        Occasion { people: self.people, time: self.time, nonce, ledger_head: self.ledger_head }
    }
}

/// Longest testimony in bytes: fields may hold more than a decision's reason does.
pub const TESTIMONY_BYTES_MAX: usize = 8 * STATEMENT_BYTES_MAX;

/// What an event says by itself.
struct Said {
    act: Act,
    answer: Option<Answer>,
    by: PersonName,
    role: Role,
    reason: String,
    fields: BTreeMap<String, String>,
    evidence: Vec<Digest>,
    reference: Option<String>,
    until: Option<Timestamp>,
}

impl Said {
    fn of(run: &ProcedureRun, event: &Event) -> Option<Self> {
        let said = |act, by: &PersonName, role: &Role| Self {
            act,
            answer: None,
            by: by.clone(),
            role: role.clone(),
            reason: String::new(),
            fields: BTreeMap::new(),
            evidence: Vec::new(),
            reference: None,
            until: None,
        };
        Some(match event {
            Event::Answered { by, role, answer, reason, fields, evidence, .. } => Self {
                answer: Some(answer.clone()),
                reason: reason.clone(),
                fields: fields.clone(),
                evidence: evidence.clone(),
                ..said(Act::Answered, by, role)
            },
            Event::ExternalOpened { by, role, reference, sent, .. } => Self {
                evidence: sent.clone(),
                reference: Some(reference.clone()),
                ..said(Act::ExternalOpened, by, role)
            },
            Event::ExternalReturned { by, role, answer, reason, evidence, .. } => Self {
                answer: Some(answer.clone()),
                reason: reason.clone(),
                evidence: evidence.clone(),
                reference: run.current().and_then(|(_, open)| open.reference.clone()),
                ..said(Act::ExternalReturned, by, role)
            },
            Event::Excepted { by, role, reason, until, .. } => {
                Self { reason: reason.clone(), until: *until, ..said(Act::Excepted, by, role) }
            }
            _ => return None,
        })
    }
}
