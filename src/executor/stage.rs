//! Leads a run through the stages that a procedure allows.

use super::{
    ExecutorError, Patience, Site,
    drive::Driver,
    interrupt::Interrupt,
    journal::{Journal, Watch, load},
};
use crate::{
    model::RunId,
    run::{Event, Run, Stage},
};
use std::sync::Arc;

/// How long a run may have stood still on a copy of what is there before anything was changed, in
/// seconds. After it the servers are asked again and a new copy is taken: people may have worked.
const STILL_SECONDS_MAX: i64 = 600;

/// What a procedure wants of a run that it leads.
#[derive(Debug, Clone)]
pub enum Step {
    /// Take it up to its first stage: forecast, gate.
    Prepare,
    /// Let this stage begin, and take it to the stage's end.
    Stage(Stage),
    /// End it well; `by` names the activity that is content.
    Accept {
        /// The activity.
        by: String,
    },
    /// Undo what it did and end it.
    Undo {
        /// Why.
        why: String,
    },
}

/// Takes a run a step further and returns it as it is then. What was asked for before is not asked
/// for again, and what needs a person is left to one: the run itself says where it stands.
pub async fn lead(
    site: &Site,
    id: &RunId,
    step: &Step,
    interrupt: &Interrupt,
    watch: Arc<dyn Watch>,
) -> Result<Run, ExecutorError> {
    let before = load(&site.store, id).await?;
    if is_past(&before, step) {
        return Ok(before);
    }
    // Whoever answers for an activity need not be allowed to run where it leads. The answer stands, and the
    // run waits for somebody who may.
    match site.may_drive(id).await {
        Err(ExecutorError::Refused { words, .. }) => {
            watch.note(&format!("run {id} waits for `esclusa resume`: {words}"));
            return Ok(before);
        }
        other => other?,
    }
    let journal = Journal::take(site, id, watch).await?;
    let led = further(site, &journal, step, interrupt).await;
    let run = journal.run().clone();
    journal.release().await;
    led.map(|()| run)
}

async fn further(
    site: &Site,
    journal: &Journal,
    step: &Step,
    interrupt: &Interrupt,
) -> Result<(), ExecutorError> {
    if is_past(&journal.run(), step) {
        return Ok(());
    }
    let driver = Driver::new(site, journal, Patience::NONE, interrupt).await?;
    if !journal.run().claimed && !journal.run().is_held() {
        // Nothing can be asked of it before it is forecast and, where its environment wants that, approved.
        driver.drive().await?;
        if is_past(&journal.run(), step) || !journal.run().is_held() {
            return Ok(());
        }
    }
    let run = journal.run().clone();
    if let Step::Accept { .. } = step {
        refuse_unfinished(&driver, &run)?;
    }
    // Asked for while the run stands still, and before it is taken up again.
    if let Some(asked) = asked(&run, step) {
        journal.append(asked).await?;
    }
    let still = site.store.now().await?.seconds_since(run.last_at);
    let resumes = if run.is_held() { !run.changed && still > STILL_SECONDS_MAX } else { true };
    if run.claimed && resumes {
        journal.append(Event::Resumed { by: site.caller.account.clone(), epoch: journal.epoch() }).await?;
    }
    driver.drive().await.map(drop)
}

/// Whether nothing can be done for the step now: it is done, or only a person can do more.
fn is_past(run: &Run, step: &Step) -> bool {
    run.ended.is_some() || run.stuck.is_some() || is_reached(run, step)
}

/// The event that asks for a step; nothing if that was asked for already.
fn asked(run: &Run, step: &Step) -> Option<Event> {
    match step {
        Step::Prepare => None,
        Step::Stage(stage) if run.stages.contains(&stage.id) => None,
        Step::Stage(stage) => Some(Event::StageAllowed { stage: stage.clone() }),
        Step::Accept { .. } if run.accepted => None,
        Step::Accept { by } => Some(Event::Accepted { by: by.clone() }),
        Step::Undo { .. } if run.failure.is_some() || run.restoring || run.cancel.is_some() => None,
        Step::Undo { why } => Some(Event::UndoAsked { why: why.clone() }),
    }
}

/// Whether the run is where the step leads.
#[must_use]
pub fn is_reached(run: &Run, step: &Step) -> bool {
    match step {
        Step::Prepare => run.is_held() || !run.stages.is_empty(),
        Step::Stage(stage) => run.is_held() && run.stage.as_ref().is_some_and(|now| now.id == stage.id),
        Step::Accept { .. } | Step::Undo { .. } => false,
    }
}

/// A run is accepted as a whole: steps of which nobody allowed the phase would be left out silently.
fn refuse_unfinished(driver: &Driver<'_>, run: &Run) -> Result<(), ExecutorError> {
    let plan = &driver.loaded.plan;
    match plan.steps.iter().find(|step| !run.allows(step.phase())) {
        None => Ok(()),
        Some(step) => Err(ExecutorError::Refused {
            words: format!(
                "run {}: phase `{}` of `{}` was never allowed",
                run.header.id,
                step.phase(),
                plan.playbook
            ),
            hint: Some(format!("undo it with `esclusa cancel {} --restore`", run.header.id)),
        }),
    }
}
