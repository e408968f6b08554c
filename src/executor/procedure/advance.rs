//! Takes a procedure's run as far as it goes without a person.

use super::{KIND, checks, document, fulfilled, pen::Pen, staged, subordinate, telling};
use crate::{
    executor::{ExecutorError, Site, interrupt::Interrupt, journal::Watch},
    model::RunId,
    notify::NoticeKind,
    procedure::{Effect, Event, decide},
    store::{RunFilter, RunRow},
};
use std::sync::Arc;

/// What a run and those that it calls are driven with.
#[derive(Clone, Copy)]
pub(super) struct Engine<'a> {
    pub site: &'a Site,
    pub interrupt: &'a Interrupt,
    pub watch: &'a Arc<dyn Watch>,
}

/// Takes a run on, and what waits for its end: the run that it was opened for.
pub async fn go_on(
    site: &Site,
    id: &RunId,
    interrupt: &Interrupt,
    watch: &Arc<dyn Watch>,
) -> Result<RunRow, ExecutorError> {
    let engine = Engine { site, interrupt, watch };
    let row = advance(engine, id).await?;
    let mut ended = row.clone();
    while ended.final_exit.is_some() {
        let Some(caller) = subordinate::caller(site, &ended).await? else { break };
        ended = match advance(engine, &caller.new.id).await {
            Ok(row) => row,
            // Another process takes it on; what it does not see any more, the next one does.
            Err(ExecutorError::Driven { .. }) => break,
            Err(error) => return Err(error),
        };
    }
    Ok(row)
}

/// Takes every open procedure on, the oldest first: deadlines, reminders and runs that have ended
/// meanwhile. One that cannot go on does not keep the others.
pub async fn go_on_all(
    site: &Site,
    interrupt: &Interrupt,
    watch: &Arc<dyn Watch>,
) -> Result<Vec<(RunId, Result<(), ExecutorError>)>, ExecutorError> {
    let filter = RunFilter {
        kind: Some(KIND.to_owned()),
        ended: Some(false),
        limit: Some(u32::MAX),
        ..RunFilter::default()
    };
    let mut done = Vec::new();
    for row in site.store.runs(&filter).await?.into_iter().rev() {
        let result = go_on(site, &row.new.id, interrupt, watch).await.map(drop);
        done.push((row.new.id, result));
    }
    Ok(done)
}

/// Takes one run on.
pub(super) async fn advance(engine: Engine<'_>, id: &RunId) -> Result<RunRow, ExecutorError> {
    let row = engine.site.store.run(id).await?;
    if row.final_exit.is_some() {
        return Ok(row);
    }
    let mut pen = Pen::take(engine.site, id).await?;
    let result = turns(engine, &mut pen).await;
    pen.release().await;
    result?;
    Ok(engine.site.store.run(id).await?)
}

async fn turns(engine: Engine<'_>, pen: &mut Pen<'_>) -> Result<(), ExecutorError> {
    loop {
        if engine.interrupt.asked() {
            return Err(ExecutorError::Interrupted);
        }
        let now = engine.site.store.now().await?;
        let Some(effect) = decide(&pen.run, now).into_iter().next() else { return Ok(()) };
        if !perform(engine, pen, effect).await? {
            return Ok(());
        }
    }
}

/// Performs one effect; whether something was recorded.
async fn perform(engine: Engine<'_>, pen: &mut Pen<'_>, effect: Effect) -> Result<bool, ExecutorError> {
    let site = engine.site;
    let mut outbox = Vec::new();
    let event = match effect {
        waits if waits.waits_for().is_some() => return Ok(false),
        Effect::Open { activity, attempt } => Event::ActivityOpened { activity, attempt },
        Effect::Complete { activity, took, next } => Event::Completed { activity, took, next },
        Effect::ReachLimit { activity, times, opens } => Event::LimitReached { activity, times, opens },
        Effect::Close { end, outcome } => Event::Closed { end, outcome },
        Effect::Overdue { activity, roles } => {
            outbox = telling::messages(site, &pen.run, NoticeKind::ActivityOverdue, &roles);
            Event::DeadlinePassed { activity }
        }
        Effect::Remind { activity, roles, number } => {
            outbox = telling::messages(site, &pen.run, NoticeKind::ActivityReminded, &roles);
            Event::Reminded { activity, number }
        }
        Effect::Notify { activity, roles } => {
            outbox = telling::messages(site, &pen.run, NoticeKind::Told, &roles);
            Event::Performed { activity, document: None, documents: Vec::new() }
        }
        Effect::Record { activity } => document::make(site, pen, activity).await?,
        Effect::Check { activity, environment, checks: groups, playbook, phases } => {
            checks::ask(engine, pen, checks::Asked { activity, environment, groups, playbook, phases })
                .await?
        }
        Effect::AwaitRun { activity, run } => match subordinate::look_at(engine, pen, &activity, &run).await?
        {
            Some(exit) => {
                let fulfilled = fulfilled::by(site, &pen.run, &run, exit).await?;
                Event::CallEnded { activity, run, exit, fulfilled }
            }
            None => return Ok(false),
        },
        Effect::JoinRun { activity, run } => Event::CallStarted { activity, run },
        Effect::AcceptRun { activity, run } => match staged::accept(engine, activity, run).await? {
            Some(event) => event,
            None => return Ok(false),
        },
        Effect::UndoRun { activity, run } => match staged::undo(engine, activity, run).await? {
            Some(event) => event,
            None => return Ok(false),
        },
        Effect::StartRun { activity, kind, playbook, environment, phases, max_age_seconds } => {
            let wanted = subordinate::Wanted { kind, playbook, environment, phases, max_age_seconds };
            let run = subordinate::start(site, pen, &activity, &wanted).await?;
            Event::CallStarted { activity, run }
        }
        // Everything else waits for people, and was met above.
        _ => return Ok(false),
    };
    pen.append(event, outbox).await?;
    Ok(true)
}
