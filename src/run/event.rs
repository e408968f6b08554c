//! The journal's lines.
//!
//! Every event is a past participle: it says what has been decided or has happened. `…Started`
//! events are appended before the act, their pair after it, so that a fault in between is seen.

use super::{Ending, Stage};
use crate::{
    approval::Gate,
    backup::VerifiedBackupRecord,
    check::FindingLine,
    model::{Digest, PersonName, ServerName, StepId, Timestamp},
    plan::Prediction,
};
use serde::{Deserialize, Serialize};

/// One line of a run's journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[expect(missing_docs, reason = "each variant's sentence explains its fields")]
pub enum Event {
    /// The servers were asked what the plan would change.
    Predicted { prediction: Digest, value: Prediction, shown: Digest, observed: Observed },
    /// The servers were asked, and the plan cannot work as they are.
    PreflightFailed { failure: Failure },
    /// A gate was opened; the run waits for people.
    GateOpened { gate: Box<Gate> },
    /// The gate's decisions suffice.
    GateApproved { gate: String, by: Vec<PersonName>, signed: bool, valid_until: Option<Timestamp> },
    /// Somebody said no.
    GateRejected { gate: String, by: PersonName, reason: String },
    /// Nobody decided in time, or the approval ran out before the first change.
    GateExpired { gate: String },
    /// The run waits for its window.
    WindowAwaited { opens: Option<Timestamp> },
    /// The run holds its servers.
    Claimed { servers: Vec<ServerName>, epoch: u64 },
    /// Asked again before the first change: nothing is there that was not approved.
    Rechecked { prediction: Digest },
    /// Asked again before the first change: more or something else would change.
    WentStale {
        prediction: Digest,
        value: Prediction,
        shown: Digest,
        observed: Observed,
        differences: Vec<(ServerName, StepId, String)>,
    },
    /// What must be quiet is about to be stopped.
    QuiesceStarted,
    /// It is stopped.
    Quiesced,
    /// A backup was begun.
    BackupStarted { backup: String },
    /// One item is in the vault, not yet proven.
    BackupItemCopied { backup: String, item: String, bytes: u64 },
    /// The backup was read back and is whole.
    BackupVerified { record: VerifiedBackupRecord },
    /// The policy admits an older backup, and there is one that was read back just now.
    BackupAdmitted { backup: String, taken_at: Timestamp },
    /// There is no backup, so there will be no change.
    BackupFailed { failure: Failure },
    /// These steps have nothing to do on the server.
    StepsUnchanged { server: ServerName, steps: Vec<StepId>, registered: Vec<(String, crate::model::Value)> },
    /// The step's condition is false.
    StepSkipped { server: ServerName, step: StepId, when: String },
    /// A change is about to be made. `unit` names the detached unit of a once-only change.
    StepStarted {
        server: ServerName,
        step: StepId,
        attempt: u32,
        unit: Option<String>,
        summary: String,
        diff: Option<String>,
    },
    /// The change has ended.
    StepEnded { server: ServerName, step: StepId, attempt: u32, end: StepEnd },
    /// A server could not be reached any more, and what to do about it where that is known.
    ServerLost {
        server: ServerName,
        words: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        hint: Option<String>,
    },
    /// All steps and handlers are through.
    StepsCompleted,
    /// The procedure lets the next part of the run begin.
    StageAllowed { stage: Stage },
    /// The steps that were allowed are through.
    StageStepsCompleted { stage: String },
    /// The procedure says no to what was done: it is undone.
    UndoAsked { why: String },
    /// The procedure is content: the run ends well.
    Accepted { by: String },
    /// What was stopped is about to be started.
    ServicesStarting,
    /// It runs again.
    ServicesStarted,
    /// It does not.
    ServicesFailed { failure: Failure },
    /// The checks were asked; all of them good.
    ChecksPassed { findings: Vec<FindingSummary> },
    /// The checks were asked; not all of them good.
    ChecksFailed { findings: Vec<FindingSummary> },
    /// What is there now is being copied before anything is put back.
    SafetyCopyStarted { backup: String },
    /// It is copied.
    SafetyCopyTaken { backup: String, bytes: u64 },
    /// It could not be copied, so nothing is put back without a person.
    SafetyCopyFailed { failure: Failure },
    /// An item is about to be put back.
    ItemRestoreStarted { item: String },
    /// It is back.
    ItemRestored { item: String },
    /// It could not be put back.
    RestoreFailed { failure: Failure },
    /// Everything is back; services and checks follow.
    RestoreCompleted,
    /// Somebody asked to stop for good.
    CancelAsked { by: String, choice: CancelChoice, reason: String },
    /// A signal or the keyboard ended the process's work; the run can be resumed.
    Interrupted,
    /// A process took the run up again.
    Resumed { by: String, epoch: u64 },
    /// Needs a person: why.
    BecameStuck {
        why: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        how: Option<Ending>,
    },
    /// The run is over.
    Ended {
        exit: u8,
        words: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        how: Option<Ending>,
    },
    /// An event of a later version, which this one cannot act on.
    #[serde(other)]
    Unknown,
}

/// What was seen of the system before the first change.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observed {
    /// The installed version, where the data sheet says how to see it.
    pub version: Option<String>,
    /// Whether the system is absent, so that an install is the first.
    pub absent: bool,
}

/// What went wrong, in words fit for a journal: located and redacted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Where: server, and step or item.
    pub at: Option<String>,
    /// What.
    pub words: String,
    /// What to do next.
    pub hint: Option<String>,
    /// Whether no server could be reached.
    #[serde(default)]
    pub unreachable: bool,
}

/// How a change ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each variant's sentence explains its fields")]
pub enum StepEnd {
    /// Something is different now.
    Changed { registered: Option<(String, crate::model::Value)>, output: Option<Digest> },
    /// It failed and may be tried again.
    Failed { words: String, output: Option<Digest>, last: bool },
    /// Nobody knows: started, no exit status, no process.
    InDoubt { words: String },
}

/// What a person wants done with a run that has changed something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CancelChoice {
    /// Nothing was changed yet: just end it.
    End,
    /// Put the backup back.
    Restore,
    /// Leave things as they are.
    Keep,
}

/// A check's finding, for the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindingSummary {
    /// The check's id.
    pub check: String,
    /// Where it was asked.
    pub server: ServerName,
    /// `good`, `bad` or `unknown`.
    pub verdict: String,
    /// What was found, a line for each expectation, in English.
    pub lines: Vec<String>,
    /// The same, taken apart; absent in journals of earlier versions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub measured: Vec<FindingLine>,
}

impl Event {
    /// The run is over.
    #[must_use]
    pub fn ended(exit: u8, ending: Ending) -> Self {
        Self::Ended { exit, words: ending.to_string(), how: Some(ending) }
    }

    /// The run needs a person.
    #[must_use]
    pub fn stuck(ending: Ending) -> Self {
        Self::BecameStuck { why: ending.to_string(), how: Some(ending) }
    }

    /// The event's name in the journal.
    #[must_use]
    pub fn name(&self) -> String {
        serde_json::to_value(self)
            .ok()
            .and_then(|value| value.get("event").and_then(|name| name.as_str().map(str::to_owned)))
            .unwrap_or_else(|| "unknown".to_owned())
    }
}
