//! The lines of a procedure run's journal.
//!
//! Every event is a past participle. They are tagged as those of other runs are, so that one journal
//! holds both; an event of a later version is read as [`Event::Unknown`] and refused.

use super::{ActivityId, Made, Seal, Took};
use crate::model::{Digest, PersonName, Role, RunId, SystemName, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The version of this format. 2 knows signatures; a program that does not must not go on with such a run.
/// From 3 on nobody answers at a gate for what they asked for themselves.
pub const FORMAT: u32 = 3;

/// What a procedure's run is opened with; it never changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcedureHeader {
    /// The version of this format.
    pub format: u32,
    /// The run's id.
    pub id: RunId,
    /// Path of the procedure.
    pub procedure: String,
    /// Digest of the procedure as it was read, with its parts.
    pub digest: Digest,
    /// The system it is about, once that is known.
    pub system: Option<SystemName>,
    /// Who asked for it.
    pub requester: PersonName,
    /// Why.
    pub reason: Option<String>,
    /// Where it begins, when not at its start: a procedure that goes on.
    pub entry: Option<ActivityId>,
    /// When it was opened.
    pub opened: Timestamp,
    /// Digest of the people file then; runs of format 1 have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub people: Option<Digest>,
}

/// What a person or process answered.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// It is done.
    Done,
    /// Yes; approved.
    Yes,
    /// No; rejected.
    No,
    /// One of the branches.
    Choice(String),
}

impl Answer {
    /// The answer of a word on the command line; what is no fixed one is a branch.
    #[must_use]
    pub fn parse(word: &str) -> Self {
        match word {
            "done" => Self::Done,
            "yes" => Self::Yes,
            "no" => Self::No,
            branch => Self::Choice(branch.to_owned()),
        }
    }
}

/// One line of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[expect(missing_docs, reason = "each variant's sentence explains its fields")]
pub enum Event {
    /// An activity was opened, for the so-manieth time.
    ActivityOpened { activity: ActivityId, attempt: u32 },
    /// A person answered; `evidence` are files in the depot.
    Answered {
        activity: ActivityId,
        by: PersonName,
        role: Role,
        answer: Answer,
        reason: String,
        #[serde(default)]
        fields: BTreeMap<String, String>,
        #[serde(default)]
        evidence: Vec<Digest>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seal: Option<Seal>,
    },
    /// A person with the right role let the run begin.
    StartAllowed { activity: ActivityId, by: PersonName, role: Role },
    /// A run was opened for the activity.
    CallStarted { activity: ActivityId, run: RunId },
    /// It is over, or the stage of it that the activity is; its steps fulfilled these activities too. 0 for
    /// what was undone: what was there before is back, or nothing was.
    CallEnded {
        activity: ActivityId,
        run: RunId,
        exit: u8,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        fulfilled: Vec<ActivityId>,
    },
    /// A run in stages was accepted, or undone where nothing more comes of it.
    StagedRunEnded { activity: ActivityId, run: RunId, exit: u8 },
    /// The checks were asked.
    Measured { activity: ActivityId, good: bool, report: Digest },
    /// The program made the general document, or those that the activity names, or told people.
    Performed {
        activity: ActivityId,
        document: Option<Digest>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        documents: Vec<Made>,
    },
    /// Another process was opened.
    ExternalOpened {
        activity: ActivityId,
        by: PersonName,
        role: Role,
        reference: String,
        #[serde(default)]
        sent: Vec<Digest>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seal: Option<Seal>,
    },
    /// It came back.
    ExternalReturned {
        activity: ActivityId,
        by: PersonName,
        role: Role,
        answer: Answer,
        reason: String,
        #[serde(default)]
        evidence: Vec<Digest>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seal: Option<Seal>,
    },
    /// The activity led back as often as it may; `opens` follows in place of it.
    LimitReached { activity: ActivityId, times: u32, opens: ActivityId },
    /// An activity is left out, by whom, why, until when.
    Excepted {
        activity: ActivityId,
        by: PersonName,
        role: Role,
        reason: String,
        until: Option<Timestamp>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seal: Option<Seal>,
    },
    /// The people file has changed; signatures from here on are held against this one.
    PeopleRecorded { people: Digest },
    /// The activity is over, and this follows.
    Completed { activity: ActivityId, took: Took, next: ActivityId },
    /// Those who must act were reminded, for the so-manieth time.
    Reminded { activity: ActivityId, number: u32 },
    /// Its deadline went by.
    DeadlinePassed { activity: ActivityId },
    /// The run was ended for good before its end.
    Cancelled { by: PersonName, role: Role, reason: String },
    /// The procedure came to one of its ends with everything covered.
    Closed { end: ActivityId, outcome: String },
    /// An event of a later version, which this one cannot act on.
    #[serde(other)]
    Unknown,
}

impl Event {
    /// The event's name in the journal.
    #[must_use]
    pub fn name(&self) -> String {
        serde_json::to_value(self)
            .ok()
            .and_then(|value| value.get("event").and_then(|name| name.as_str().map(str::to_owned)))
            .unwrap_or_else(|| "unknown".to_owned())
    }
}
