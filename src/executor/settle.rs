//! What became of detached changes: after a loss, a kill or a reboot the server is asked, never guessed.

use super::{
    ExecutorError,
    loaded::run_as,
    look::{self, Look},
    work::{LOSSES_MAX, OUTPUT_MAX, Worker},
};
use crate::{
    module::Outcome,
    plan::PlannedStep,
    run::{InFlight, StepEnd, StepState},
    transport::{Frame, Reply, Session, UnitId, UnitState},
};
use std::{sync::Arc, time::Duration};

impl<'a> Worker<'a> {
    /// Gives the detached changes of these steps an end in the journal.
    pub async fn settle(&self) -> Result<(), ExecutorError> {
        let settled = async {
            let session = self.with.fleet.session_again(&self.server).await?;
            self.settle_flights(&session, &self.open()).await
        };
        match settled.await {
            Err(ExecutorError::Transport(error)) => self.lost(&error).await,
            other => other,
        }
    }

    /// Asks the server about changes whose end is not recorded: after a loss, a kill or a reboot.
    pub(super) async fn settle_flights(
        &self,
        session: &Arc<Session>,
        open: &[&'a PlannedStep],
    ) -> Result<(), ExecutorError> {
        for step in open {
            let flight = match self.with.journal.run().step(&self.server, &step.id) {
                Some(StepState::Started(flight)) => flight.clone(),
                _ => continue,
            };
            let InFlight { attempt, unit: Some(unit) } = flight else { continue };
            self.settle_unit(session, step, attempt, UnitId::recorded(unit)).await?;
        }
        Ok(())
    }

    async fn settle_unit(
        &self,
        session: &Arc<Session>,
        step: &'a PlannedStep,
        attempt: u32,
        unit: UnitId,
    ) -> Result<(), ExecutorError> {
        let facts = session.facts().await?;
        let ground = self.with.loaded.ground(self.with.secrets);
        let answer = match session.observe(&run_as(step), &unit, OUTPUT_MAX).await? {
            UnitState::Finished(answer) => answer,
            UnitState::Vanished => return self.doubt(step, attempt).await,
            UnitState::Running if self.with.journal.run().cancel.is_some() => {
                match session.kill_unit(&run_as(step), &unit, OUTPUT_MAX).await? {
                    UnitState::Finished(answer) => answer,
                    _ => return self.doubt(step, attempt).await,
                }
            }
            // It never started, and now it must not: something else is being undone.
            UnitState::Absent if self.undoing() => {
                let words = format!("{}: step `{}` was never started", step.place, step.id);
                return self.end(step, attempt, StepEnd::Failed { words, output: None, last: true }).await;
            }
            // It runs, and a frame with its id waits for it.
            UnitState::Running => {
                let limit = Duration::from_secs(u64::from(step.timeout_seconds));
                let frame = Frame::unit(run_as(step), unit, crate::model::Script::default()).timeout(limit);
                match session.run(vec![frame.output_limit(OUTPUT_MAX)]).await?.into_iter().next() {
                    Some(Reply::InDoubt) | None => return self.doubt(step, attempt).await,
                    Some(reply) => reply.answer(&self.server)?,
                }
            }
            UnitState::Absent => {
                let Look::Ready(prepared) = look::look(&ground, step, &self.server, &self.known(&facts))
                else {
                    return self.doubt(step, attempt).await;
                };
                let answer = look::ask(session, &self.server, &[(step, Look::Ready(prepared))])
                    .await?
                    .into_iter()
                    .next()
                    .flatten();
                let Look::Ready(prepared) = look::look(&ground, step, &self.server, &self.known(&facts))
                else {
                    return self.doubt(step, attempt).await;
                };
                match look::judge(&prepared, answer.as_ref()) {
                    Ok(Outcome::Change(change)) => {
                        for blob in &change.blobs {
                            self.upload(session, step, blob).await?;
                        }
                        let limit = Duration::from_secs(u64::from(step.timeout_seconds));
                        let frame = Frame::unit(run_as(step), unit, change.script.clone()).timeout(limit);
                        match session.run(vec![frame.output_limit(OUTPUT_MAX)]).await?.into_iter().next() {
                            Some(Reply::InDoubt) | None => return self.doubt(step, attempt).await,
                            Some(reply) => reply.answer(&self.server)?,
                        }
                    }
                    Ok(Outcome::Unchanged(value)) => {
                        let registered = step.register.clone().map(|name| (name, self.redacted(value)));
                        return self.end(step, attempt, StepEnd::Changed { registered, output: None }).await;
                    }
                    Err(_) => return self.doubt(step, attempt).await,
                }
            }
        };
        // How the change is judged does not depend on what the server looks like now.
        let Look::Ready(prepared) = look::look(&ground, step, &self.server, &self.known(&facts)) else {
            return self.doubt(step, attempt).await;
        };
        self.conclude(step, &prepared, attempt, &answer).await.map(|_| ())
    }

    /// Whether the step's own condition (`creates`, `unless`) says if it must run.
    fn may_run_again(&self, step: &PlannedStep) -> bool {
        let ground = self.with.loaded.ground(self.with.secrets);
        let known = self.known(&std::collections::BTreeMap::new());
        match look::look(&ground, step, &self.server, &known) {
            Look::Ready(prepared) => prepared.action.module() != "package" && !prepared.action.once(),
            _ => false,
        }
    }

    /// Whether the run no longer goes forward.
    fn undoing(&self) -> bool {
        let run = self.with.journal.run();
        run.failure.is_some() || run.cancel.is_some() || run.restoring
    }

    pub(super) async fn doubt(&self, step: &PlannedStep, attempt: u32) -> Result<(), ExecutorError> {
        if !self.undoing() && self.may_run_again(step) && attempt <= step.retries + LOSSES_MAX {
            let words =
                format!("{}: step `{}` was cut off; its condition is asked again", step.place, step.id);
            return self.end(step, attempt, StepEnd::Failed { words, output: None, last: false }).await;
        }
        let words = format!(
            "{}: step `{}` was started on `{}`, and nothing says how it ended (no exit status, no process)",
            step.place, step.id, self.server
        );
        self.end(step, attempt, StepEnd::InDoubt { words }).await
    }
}
