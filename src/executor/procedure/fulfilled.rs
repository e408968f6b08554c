//! Steps of ordinary runs that fulfil activities of a procedure: `procedure: [3.2.5-13]`.

use super::KIND;
use crate::{
    executor::{ExecutorError, load},
    model::{RunId, ServerName},
    plan::{Plan, PlannedStep, Predicted},
    procedure::{ActivityId, ProcedureRun},
    run::{Run, StepState},
    store::{RunRow, Store},
};
use std::collections::BTreeSet;

/// The activities of `run` that the run `called` fulfils beside the one that called it.
pub(super) async fn by(
    site: &crate::executor::Site,
    run: &ProcedureRun,
    called: &RunId,
    exit: u8,
) -> Result<Vec<ActivityId>, ExecutorError> {
    let row = site.store.run(called).await?;
    if exit != 0 || row.new.kind == KIND {
        return Ok(Vec::new());
    }
    let known =
        |id: &ActivityId| run.procedure.activity(id).is_some_and(|activity| activity.kind.may_be_fulfilled());
    Ok(activities(&site.store, &row).await?.into_iter().filter(known).collect())
}

/// The activities that the steps of an ordinary run name, if it ended well and none of these steps
/// was skipped everywhere.
pub async fn activities(store: &Store, row: &RunRow) -> Result<BTreeSet<ActivityId>, ExecutorError> {
    if row.new.kind == KIND || row.final_exit != Some(0) {
        return Ok(BTreeSet::new());
    }
    let plan: Plan = serde_json::from_str(&store.document(row.new.plan).await?)
        .map_err(|error| ExecutorError::document("plan", error))?;
    if plan.steps.iter().all(|step| step.procedure.is_empty()) {
        return Ok(BTreeSet::new());
    }
    let run = load(store, &row.new.id).await?;
    let mut found = BTreeSet::new();
    for step in plan.steps.iter().filter(|step| !step.procedure.is_empty()) {
        if step.servers.iter().any(|server| is_done(&run, step, server)) {
            found.extend(step.procedure.iter().cloned().map(ActivityId));
        }
    }
    Ok(found)
}

/// Whether the step did what it is for: it changed something, or found it done. A run that had nothing
/// to change records no step; then what was predicted counts, but for a step that may have been skipped.
fn is_done(run: &Run, step: &PlannedStep, server: &ServerName) -> bool {
    match run.steps.get(&(server.clone(), step.id.clone())) {
        Some(state) => matches!(state, StepState::Changed | StepState::Unchanged),
        None => {
            let predicted =
                run.prediction.as_ref().and_then(|(_, all)| all.servers.get(server)?.get(&step.id));
            step.when.is_none() && predicted == Some(&Predicted::NoChange)
        }
    }
}
