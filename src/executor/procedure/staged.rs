//! Runs of which several activities are stages: taken from one to the next, accepted, undone.

use super::{advance::Engine, pen::Pen};
use crate::{
    executor::{self, ExecutorError, Loaded, Step, load},
    model::{RunId, StepId},
    procedure::{Activity, ActivityId, ActivityKind, Event},
    run::{Run, Stage},
    store::RunRow,
};
use std::{collections::BTreeSet, sync::Arc};

/// Takes a run to the end of the stage that the activity is; the activity's exit code once it is there.
pub(super) async fn lead(
    engine: Engine<'_>,
    pen: &Pen<'_>,
    activity: &Activity,
    row: &RunRow,
) -> Result<Option<u8>, ExecutorError> {
    let step = step(engine, pen, activity, row).await?;
    let run = further(engine, &row.new.id, &step).await?;
    Ok(match (&run.ended, activity.undoes()) {
        (Some((exit, _)), true) => Some(if is_as_before(&run, *exit) { 0 } else { *exit }),
        (Some((exit, _)), false) => Some(*exit),
        (None, _) => executor::is_reached(&run, &step).then_some(0),
    })
}

/// Ends a run well; nothing while it cannot be.
pub(super) async fn accept(
    engine: Engine<'_>,
    activity: ActivityId,
    run: RunId,
) -> Result<Option<Event>, ExecutorError> {
    let accepted = match further(engine, &run, &Step::Accept { by: activity.to_string() }).await {
        // Something of it was never allowed, so the yes cannot be carried out: it goes the way of a no.
        Err(ExecutorError::Refused { words, .. }) => {
            engine.watch.note(&words);
            further(engine, &run, &Step::Undo { why: words }).await?
        }
        other => other?,
    };
    Ok(accepted.ended.map(|(exit, _)| Event::StagedRunEnded { activity, run, exit }))
}

/// Undoes a run of which nothing more comes; nothing while it cannot be.
pub(super) async fn undo(
    engine: Engine<'_>,
    activity: ActivityId,
    run: RunId,
) -> Result<Option<Event>, ExecutorError> {
    let why = format!("{activity} goes on without it");
    let undone = further(engine, &run, &Step::Undo { why }).await?;
    Ok(undone.ended.map(|(exit, _)| Event::StagedRunEnded { activity, run, exit }))
}

async fn further(engine: Engine<'_>, id: &RunId, step: &Step) -> Result<Run, ExecutorError> {
    let Engine { site, interrupt, watch } = engine;
    match executor::lead(site, id, step, interrupt, Arc::clone(watch)).await {
        // Whoever drives it tells how far it came.
        Err(ExecutorError::Driven { .. }) => load(&site.store, id).await,
        other => other,
    }
}

/// What the activity asks of the run.
async fn step(
    engine: Engine<'_>,
    pen: &Pen<'_>,
    activity: &Activity,
    row: &RunRow,
) -> Result<Step, ExecutorError> {
    match activity.kind {
        ActivityKind::Gate => return Ok(Step::Prepare),
        ActivityKind::Recovery => {
            return Ok(Step::Undo { why: format!("undone by {} of run {}", activity.id, pen.run.header.id) });
        }
        _ => {}
    }
    let plan = Loaded::of(engine.site, row.new.plan).await?.plan;
    let all = || plan.steps.iter().map(|step| step.phase().to_owned()).collect::<BTreeSet<_>>();
    let phases = match activity.kind {
        ActivityKind::Backup => Vec::new(),
        _ if activity.phases.is_empty() => all().into_iter().collect(),
        _ => pen.run.granted(activity),
    };
    let attempt = pen.run.record(&activity.id).map_or(1, |record| record.opened);
    Ok(Step::Stage(Stage {
        id: format!("{}/{attempt}", activity.id),
        phases,
        settles: activity.kind == ActivityKind::Remote && pen.run.procedure.settles(activity),
        handlers: plan.handlers.iter().map(|handler| handler.id.clone()).collect::<Vec<StepId>>(),
    }))
}

/// Whether a run that was undone left what was there before it: put back, or never touched, or nothing
/// was there at all.
fn is_as_before(run: &Run, exit: u8) -> bool {
    exit == 3 || !run.changed || run.observed.absent
}
