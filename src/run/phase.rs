//! The words for how far a run, a step and a backup are.

use super::Run;
use crate::backup::VerifiedBackupRecord;

/// What a run is at, in one word: the label in the database and in `status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Opened; the servers have not been asked yet, or nothing waits.
    Planned,
    /// Waits for people.
    Waiting,
    /// Approved; waits for its window.
    WaitingWindow,
    /// Holds its servers and copies what is there.
    BackingUp,
    /// Changes.
    Running,
    /// Starts services and asks the checks.
    Verifying,
    /// Stands still between two stages of a procedure.
    Held,
    /// Puts back what was there.
    Restoring,
    /// Needs a person.
    Stuck,
    /// Over; the exit code says how.
    Ended,
}

impl Phase {
    /// The label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Waiting => "waiting",
            Self::WaitingWindow => "waiting_window",
            Self::BackingUp => "backing_up",
            Self::Running => "running",
            Self::Verifying => "verifying",
            Self::Held => "held",
            Self::Restoring => "restoring",
            Self::Stuck => "stuck",
            Self::Ended => "ended",
        }
    }
}

/// A change that was started and of whose end nothing is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InFlight {
    /// Which attempt.
    pub attempt: u32,
    /// Its detached unit, when it is once-only.
    pub unit: Option<String>,
}

/// What is recorded of a step on a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepState {
    /// Nothing to do.
    Unchanged,
    /// Condition false.
    Skipped,
    /// Started, no end recorded.
    Started(InFlight),
    /// Done.
    Changed,
    /// Failed so many times.
    Failed {
        /// How many attempts.
        attempt: u32,
        /// Whether no further one follows.
        last: bool,
        /// Whether an attempt had begun to change something.
        begun: bool,
    },
    /// Outcome unknown.
    InDoubt,
}

impl StepState {
    /// Whether nothing remains to be done.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        matches!(self, Self::Unchanged | Self::Skipped | Self::Changed)
    }
}

impl BackupState {
    /// Whether there is one to go back to.
    #[must_use]
    pub fn is_there(&self) -> bool {
        matches!(self, Self::Verified(_) | Self::Admitted(_))
    }
}

/// How far the run's own backup is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum BackupState {
    /// Not begun.
    #[default]
    None,
    /// Begun under this id.
    Started(String),
    /// Read back and whole.
    Verified(Box<VerifiedBackupRecord>),
    /// An older one that the policy admits; data is then not restored automatically.
    Admitted(String),
}

impl Run {
    /// What the run is at.
    #[must_use]
    pub fn phase(&self) -> Phase {
        if self.ended.is_some() {
            Phase::Ended
        } else if self.stuck.is_some() {
            Phase::Stuck
        } else if self.restoring && self.claimed {
            Phase::Restoring
        } else if self.is_held() {
            Phase::Held
        } else if self.steps_completed || (self.stage_steps_done && self.changed) {
            Phase::Verifying
        } else if self.changed {
            Phase::Running
        } else if self.claimed {
            Phase::BackingUp
        } else if self.window_awaited {
            Phase::WaitingWindow
        } else if self.gate.is_some() && !self.gate_approved {
            Phase::Waiting
        } else {
            Phase::Planned
        }
    }

    /// The word for the database: the phase, or how it ended.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match &self.ended {
            None => self.phase().as_str(),
            Some((0, _)) => "succeeded",
            Some((3, _)) => "restored",
            Some((11, _)) => "rejected",
            Some((12, _)) => "expired",
            Some((15, _)) => "stale",
            Some((130, _)) => "cancelled",
            Some(_) => "failed",
        }
    }
}
