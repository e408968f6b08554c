//! Runs that go by stages: several activities of a procedure are parts of one run.
//!
//! A gate opens it where there is one; otherwise the first of its activities does. It is kept until an
//! activity accepts it, and undone where the procedure says no, begins it anew or ends without it.

use super::{Activity, ActivityId, ActivityKind, Effect, Event, Procedure, ProcedureRun};
use crate::model::RunId;
use std::collections::BTreeSet;

/// The run that is or was the newest under its word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StagedRun {
    /// The run.
    pub id: RunId,
    /// Activities that were stages of it.
    pub by: BTreeSet<ActivityId>,
    /// Whether it is known to have ended.
    pub over: bool,
}

impl ProcedureRun {
    /// Folds what an event says about runs in stages.
    pub(super) fn fold_staged(&mut self, activity: &Activity, event: &Event) {
        if let Event::StagedRunEnded { run, .. } = event {
            for staged in self.staged.values_mut().filter(|staged| staged.id == *run) {
                staged.over = true;
            }
        }
        let Some(word) = &activity.run else { return };
        match event {
            Event::CallStarted { run, .. } => {
                let new = || StagedRun { id: run.clone(), by: BTreeSet::new(), over: false };
                let staged = self.staged.entry(word.clone()).or_insert_with(new);
                if staged.id != *run {
                    *staged = new();
                }
                staged.by.insert(activity.id.clone());
            }
            Event::CallEnded { exit, .. } if *exit != 0 || activity.undoes() => {
                if let Some(staged) = self.staged.get_mut(word) {
                    staged.over = true;
                }
            }
            _ => {}
        }
    }

    /// A run that the activity must still accept before it is left with yes.
    #[must_use]
    pub fn to_accept(&self, activity: &Activity) -> Option<&StagedRun> {
        activity.accepts.iter().filter_map(|word| self.staged.get(word)).find(|staged| !staged.over)
    }

    /// A run that nobody accepted and that has not been undone.
    #[must_use]
    pub fn dangling(&self) -> Option<&StagedRun> {
        self.staged.values().find(|staged| !staged.over)
    }

    /// The phases that may run from a stage on: its own, and those of the stages before it that ended
    /// well once, also in a run that was undone. What only a role may let begin is let begin in each run.
    #[must_use]
    pub fn granted(&self, activity: &Activity) -> Vec<String> {
        let Some(word) = &activity.run else { return activity.phases.clone() };
        let before = self.procedure.stages(word).take_while(|stage| stage.id != activity.id);
        let by = self.staged.get(word).map(|staged| &staged.by);
        let own =
            |stage: &&Activity| stage.started_by.is_empty() || by.is_some_and(|by| by.contains(&stage.id));
        let good =
            before.filter(|stage| self.record(&stage.id).is_some_and(|record| record.good)).filter(own);
        let mut phases: Vec<String> = Vec::new();
        for phase in good.flat_map(|stage| &stage.phases).chain(&activity.phases) {
            if !phases.contains(phase) {
                phases.push(phase.clone());
            }
        }
        phases
    }

    /// What a stage begins with: the run that is there already, the end of one that is in its way, or
    /// nothing, and then it opens a new one.
    pub(super) fn joined(&self, activity: &Activity) -> Option<Effect> {
        let staged = self.staged.get(activity.run.as_ref()?)?;
        let (activity_id, run) = (activity.id.clone(), staged.id.clone());
        if joins(&self.procedure, activity, staged) {
            return Some(Effect::JoinRun { activity: activity_id, run });
        }
        (!staged.over).then_some(Effect::UndoRun { activity: activity_id, run })
    }
}

/// Whether the activity goes on with the run that is there: never with one of which it was a stage
/// already, unless a gate guards the run, which then is the only one to open another.
fn joins(procedure: &Procedure, activity: &Activity, staged: &StagedRun) -> bool {
    let guarded = activity.run.as_ref().is_some_and(|word| procedure.gate_of(word).is_some());
    match activity.kind {
        ActivityKind::Gate => false,
        ActivityKind::Recovery => true,
        _ => guarded || (!staged.over && !staged.by.contains(&activity.id)),
    }
}
