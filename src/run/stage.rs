//! Stages: parts of a run that a procedure allows one after the other.
//!
//! A run in stages claims its servers, takes its backup and changes things like any other, but nothing
//! of it begins before it was allowed, and between two stages it stands still with all that it holds.
//! It ends when it is accepted, or when what it did is undone.

use super::Run;
use crate::model::{RunId, StepId};
use serde::{Deserialize, Serialize};

/// A part of a run, as it was allowed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stage {
    /// Unique within the run: the activity that it is, and which opening of it.
    pub id: String,
    /// Phases of the playbook whose steps may run from now on; none means that the servers are claimed
    /// and copied, and nothing more.
    pub phases: Vec<String>,
    /// Whether services are started and the checks asked when its steps are done.
    pub settles: bool,
    /// Handlers of the plan: what an earlier stage had them do is done, and they may run once more.
    pub handlers: Vec<StepId>,
}

impl Run {
    /// Whether it goes by stages.
    #[must_use]
    pub fn is_staged(&self) -> bool {
        self.header.staged_by.is_some()
    }

    /// The run that takes this one on: the procedure's, where it goes by stages.
    #[must_use]
    pub fn leader(&self) -> &RunId {
        self.header.staged_by.as_ref().unwrap_or(&self.header.id)
    }

    /// Whether the steps of this phase may run.
    #[must_use]
    pub fn allows(&self, phase: &str) -> bool {
        !self.is_staged() || self.allowed.contains(phase)
    }

    /// Whether the run stands still, in order, until something is allowed: before its first stage it
    /// holds nothing yet, afterwards it holds its servers.
    #[must_use]
    pub fn is_held(&self) -> bool {
        if !self.is_staged() || self.ended.is_some() || self.stuck.is_some() || self.accepted {
            return false;
        }
        if self.failure.is_some() || self.lost.is_some() || self.cancel.is_some() || self.restoring {
            return false;
        }
        match &self.stage {
            None => {
                let approved = self.gate_approved || self.header.judged.approve.is_none();
                approved && self.prediction.as_ref().is_some_and(|(_, prediction)| prediction.may_change())
            }
            Some(stage) => self.is_over(stage),
        }
    }

    /// Whether everything of the stage that was allowed last is done.
    fn is_over(&self, stage: &Stage) -> bool {
        let can_go_back = self.observed.absent || self.backup.is_there();
        let settled = !stage.settles || (!self.quiet && self.checks_passed == Some(true));
        self.claimed && can_go_back && self.stage_steps_done && settled
    }
}
