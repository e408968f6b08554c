//! Makes a plan's changes: stretch by stretch, each server at its own pace within one.

use super::{
    ExecutorError, Loaded, Site, fleet::Fleet, interrupt::Interrupt, journal::Journal, work::Worker,
};
use crate::{
    model::{ServerName, StepId},
    plan::{PlannedStep, SecretValues},
    run::{Ending, Event, Permit, StepState},
};
use futures_util::{StreamExt as _, stream};
use std::collections::BTreeSet;

/// What changes are made with.
pub struct Changing<'a> {
    /// The project.
    pub site: &'a Site,
    /// The plan and its files.
    pub loaded: &'a Loaded,
    /// The run's journal.
    pub journal: &'a Journal,
    /// Connections guarded with the run's epoch.
    pub fleet: &'a Fleet<'a>,
    /// Secrets, resolved after the gate.
    pub secrets: &'a SecretValues,
    /// Says when to stop.
    pub interrupt: &'a Interrupt,
}

impl Changing<'_> {
    /// Makes every change that remains. The permit proves that an approval holds and that there is
    /// a way back. Failures and losses are in the journal when this returns.
    pub async fn make(&self, _permit: &Permit) -> Result<(), ExecutorError> {
        let staged = self.journal.run().is_staged();
        let (stage, settles) = match &self.journal.run().stage {
            Some(stage) => (stage.id.clone(), stage.settles),
            None => (String::new(), true),
        };
        for stretch in self.loaded.plan.stretches() {
            let steps: Vec<_> =
                stretch.steps.iter().filter(|step| self.journal.run().allows(step.phase())).collect();
            self.on_servers(stretch.servers, |_| steps.clone()).await?;
            if self.must_stop() {
                return Ok(());
            }
        }
        // What later steps may need restarted once more is restarted once.
        for handler in self.loaded.plan.handlers.iter().filter(|_| settles) {
            let servers = self.notified(handler);
            self.on_servers(&servers, |_| vec![handler]).await?;
            if self.must_stop() {
                return Ok(());
            }
        }
        // Never taken for granted: a step that was passed over would end as "done".
        if let Some(step) = self.unsettled() {
            let words = format!("`{step}` was neither done nor skipped");
            return self.journal.append(Event::stuck(Ending::Other { words })).await;
        }
        let done = if staged { Event::StageStepsCompleted { stage } } else { Event::StepsCompleted };
        self.journal.append(done).await
    }

    /// Asks what became of detached changes: what still runs is waited for, or ended when somebody
    /// cancels. Afterwards every one of them has an end in the journal, or its server is lost.
    pub async fn settle(&self) -> Result<(), ExecutorError> {
        let flights: Vec<_> =
            self.journal.run().flights().map(|(server, step, _)| (server.clone(), step.clone())).collect();
        for (server, id) in flights {
            match self.loaded.plan.step(&id) {
                Some(step) => Worker::new(self, &server, vec![step]).settle().await?,
                None => {
                    let words = format!("the plan has no step `{id}`, of which a change was begun");
                    return self.journal.append(Event::stuck(Ending::Other { words })).await;
                }
            }
        }
        Ok(())
    }

    fn must_stop(&self) -> bool {
        let run = self.journal.run();
        run.failure.is_some() || run.lost.is_some() || self.interrupt.asked()
    }

    /// The first step that may run, of which nothing final is recorded.
    fn unsettled(&self) -> Option<String> {
        let run = self.journal.run();
        let open = self
            .loaded
            .plan
            .steps
            .iter()
            .filter(|step| run.allows(step.phase()))
            .flat_map(|step| step.servers.iter().map(move |server| (server, step)));
        open.filter(|(server, step)| !run.step(server, &step.id).is_some_and(StepState::is_settled))
            .map(|(server, step)| format!("{server}: {}", step.id))
            .next()
    }

    async fn on_servers<'s>(
        &self,
        servers: &[ServerName],
        steps: impl Fn(&ServerName) -> Vec<&'s PlannedStep>,
    ) -> Result<(), ExecutorError> {
        let width = self.site.project.parallel.clamp(1, 100) as usize;
        let mut working = stream::iter(servers.iter().cloned())
            .map(|server| {
                let steps = steps(&server);
                async move { Worker::new(self, &server, steps).work().await }
            })
            .buffer_unordered(width);
        let mut first_error = None;
        while let Some(result) = working.next().await {
            // The other servers finish what they are at: nobody is left in the middle of a step.
            if let Err(error) = result {
                first_error.get_or_insert(error);
            }
        }
        first_error.map_or(Ok(()), Err)
    }

    /// Where a handler runs as the journal stands.
    fn notified(&self, handler: &PlannedStep) -> Vec<ServerName> {
        let run = self.journal.run();
        let notifies =
            |id: &StepId| self.loaded.plan.step(id).is_some_and(|step| step.notify.contains(&handler.id));
        let by: BTreeSet<&ServerName> = run
            .steps
            .iter()
            .filter(|((_, step), state)| **state == StepState::Changed && notifies(step))
            .filter(|(at, _)| !run.handled.contains(at))
            .map(|((server, _), _)| server)
            .collect();
        notified_on(handler, &by).into_iter().cloned().collect()
    }
}

/// Where a handler runs that steps on these servers notified: there, and on all of its own servers when one
/// outside of them did.
pub(super) fn notified_on<'a>(handler: &'a PlannedStep, by: &BTreeSet<&ServerName>) -> Vec<&'a ServerName> {
    let all = by.iter().any(|server| !handler.servers.contains(server));
    handler.servers.iter().filter(|server| all || by.contains(server)).collect()
}
