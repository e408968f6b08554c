//! The promises, judged once more whenever a journal is replayed: what an event lacks to be allowed.

use super::{Event, Goal, Run};
use crate::model::BackupRule;

impl Run {
    /// What a change lacks: the promises, judged once more at replay.
    pub(super) fn missing_for(&self, event: &Event) -> Option<&'static str> {
        let needs_approval = self.header.judged.approve.is_some();
        match event {
            Event::StepStarted { .. } => {
                if self.header.goal != Goal::Change {
                    Some("this run changes nothing by steps")
                } else if !self.claimed {
                    Some("a change without a claim")
                } else if needs_approval && !self.gate_approved {
                    Some("a change without approval")
                } else if self.is_staged() && self.allowed.is_empty() {
                    Some("a change of which no stage was allowed")
                } else if !self.observed.absent && !self.backup.is_there() {
                    Some("a change without a verified backup")
                } else {
                    None
                }
            }
            Event::StageAllowed { .. } | Event::UndoAsked { .. } | Event::Accepted { .. }
                if !self.is_staged() =>
            {
                Some("this run does not go by stages")
            }
            Event::StageAllowed { stage } if self.stages.contains(&stage.id) => {
                Some("the stage was allowed already")
            }
            Event::StageAllowed { .. } | Event::Accepted { .. } if !self.is_held() => {
                Some("the stage before is not over")
            }
            Event::Accepted { .. } if !self.stage.as_ref().is_some_and(|stage| stage.settles) => {
                Some("nothing was checked that could be accepted")
            }
            Event::BackupAdmitted { .. } if self.header.judged.backup == BackupRule::Own => {
                Some("an older backup where the policy asks for the run's own")
            }
            Event::ItemRestoreStarted { .. } if self.safety.is_none() => {
                Some("a restore without a copy of what is there")
            }
            Event::BackupStarted { .. } | Event::QuiesceStarted | Event::SafetyCopyStarted { .. }
                if !self.claimed =>
            {
                Some("servers are touched without a claim")
            }
            Event::Claimed { .. }
                if needs_approval && !self.gate_approved && !matches!(self.header.goal, Goal::Backup) =>
            {
                Some("a claim without approval")
            }
            _ => None,
        }
    }
}
