//! The loop: decide, record, perform, record, decide again.

use super::{
    ExecutorError, Loaded, Site,
    change::Changing,
    fleet::Fleet,
    interrupt::Interrupt,
    journal::{Extra, Journal, Watch},
    predict, presence,
    verify::verify,
};
use crate::{
    approval::{self, Approved, window},
    backup::{self, BackupId, VerifiedBackup},
    model::{ExitCode, RunId, canonical},
    plan::SecretValues,
    run::{BackupState, Effect, Ending, Event, Evidence, Failure, Goal, Run, decide},
    store::Claimed,
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// How often a waiting run looks for decisions.
const POLL: Duration = Duration::from_secs(2);

/// How long a driver waits at a gate or for a window before it leaves the run waiting.
#[derive(Debug, Clone, Copy)]
pub struct Patience(pub Duration);

impl Patience {
    /// Does not wait: the run is stored as waiting and the process ends.
    pub const NONE: Self = Self(Duration::ZERO);
}

/// Drives a run as far as it goes.
pub async fn drive(
    site: &Site,
    id: &RunId,
    patience: Patience,
    interrupt: &Interrupt,
    watch: Arc<dyn Watch>,
) -> Result<ExitCode, ExecutorError> {
    let journal = Journal::take(site, id, watch).await?;
    let result = Driver::new(site, &journal, patience, interrupt).await;
    let result = match result {
        Ok(driver) => driver.drive().await,
        Err(error) => Err(error),
    };
    journal.release().await;
    result
}

/// Starts to drive a run again: servers are asked what became of what was begun. Whoever does it must
/// be allowed to run there, as whoever opened it was: an approval names what may be done, not by whom.
pub async fn resume(
    site: &Site,
    id: &RunId,
    patience: Patience,
    interrupt: &Interrupt,
    watch: Arc<dyn Watch>,
) -> Result<ExitCode, ExecutorError> {
    site.may_drive(id).await?;
    let journal = Journal::take(site, id, watch).await?;
    let ended = journal.run().ended.is_some();
    if !ended {
        let event = Event::Resumed { by: site.caller.account.clone(), epoch: journal.epoch() };
        if let Err(error) = journal.append(event).await {
            journal.release().await;
            return Err(error);
        }
    }
    let result = match Driver::new(site, &journal, patience, interrupt).await {
        Ok(driver) => driver.drive().await,
        Err(error) => Err(error),
    };
    journal.release().await;
    result
}

pub(super) struct Driver<'a> {
    pub(super) site: &'a Site,
    pub(super) journal: &'a Journal,
    pub(super) loaded: Loaded,
    patience: Duration,
    interrupt: &'a Interrupt,
    proven: tokio::sync::OnceCell<Option<VerifiedBackup>>,
    /// This process asked the servers for the prediction that the run has.
    predicted: AtomicBool,
}

impl<'a> Driver<'a> {
    pub(super) async fn new(
        site: &'a Site,
        journal: &'a Journal,
        patience: Patience,
        interrupt: &'a Interrupt,
    ) -> Result<Self, ExecutorError> {
        let plan = journal.run().header.plan;
        let loaded = Loaded::of(site, plan).await?;
        let (proven, predicted) = (tokio::sync::OnceCell::new(), AtomicBool::new(false));
        Ok(Self { site, journal, loaded, patience: patience.0, interrupt, proven, predicted })
    }

    /// Drives the run. Trouble of our own in the middle of a change is no bad input: the run is stuck,
    /// says why, and goes on when it is taken up again.
    pub(super) async fn drive(&self) -> Result<ExitCode, ExecutorError> {
        self.site.learn_secrets().await;
        let error = match self.turns().await {
            Err(error) => error,
            done => return done,
        };
        let (half_way, ended) = {
            let run = self.journal.run();
            (run.changed || run.quiet, run.ended.is_some())
        };
        if !half_way || ended {
            return Err(error);
        }
        let words = self.site.redact(&error.to_string());
        self.journal.append(Event::stuck(Ending::Other { words })).await?;
        Ok(ExitCode::Stuck)
    }

    async fn turns(&self) -> Result<ExitCode, ExecutorError> {
        let fleet = Fleet::changing(self.site, &self.loaded.plan, self.journal.epoch());
        let mut secrets = None;
        let mut waited = Duration::ZERO;
        loop {
            let run = self.journal.run().clone();
            if run.claimed {
                fleet.hold();
            }
            let evidence = self.evidence(&run).await?;
            let effect = decide(&run, &evidence);
            if self.interrupt.asked()
                && !matches!(effect, Effect::Over(_) | Effect::End(..) | Effect::Halt(_))
            {
                self.journal.append(Event::Interrupted).await?;
                fleet.close().await;
                return Ok(ExitCode::Interrupted);
            }
            match effect {
                Effect::AwaitDecision if waited < self.patience => waited += self.pause().await,
                Effect::AwaitDecision => return Ok(ExitCode::Waiting),
                // The procedure's run takes it on.
                Effect::AwaitStage => {
                    fleet.close().await;
                    return Ok(ExitCode::Waiting);
                }
                Effect::AwaitWindow(opens) => {
                    if !run.window_awaited {
                        self.journal.append(Event::WindowAwaited { opens }).await?;
                    }
                    if waited >= self.patience {
                        return Ok(ExitCode::WindowClosed);
                    }
                    waited += self.pause().await;
                }
                Effect::Over(exit) => return Ok(code(exit)),
                Effect::Halt(why) => {
                    if run.stuck.is_none() {
                        self.journal.append(Event::stuck(why)).await?;
                    }
                    fleet.close().await;
                    return Ok(ExitCode::Stuck);
                }
                Effect::End(exit, ending) => {
                    self.end(&run, &fleet, exit, ending).await?;
                    fleet.close().await;
                    return Ok(exit);
                }
                other => {
                    if let Effect::Claim(_) = other
                        && let Err(error) = self.secrets().await
                    {
                        // Before anything is claimed: a run without its secrets would stop half-way.
                        let words = self.site.redact(&error.to_string());
                        let failure = Failure { at: None, words, hint: error.hint(), unreachable: false };
                        self.journal.append(Event::PreflightFailed { failure }).await?;
                        continue;
                    }
                    if matches!(other, Effect::Change(_) | Effect::Settle) && secrets.is_none() {
                        secrets = Some(self.secrets().await?);
                    }
                    let empty = SecretValues::default();
                    let changing = Changing {
                        site: self.site,
                        loaded: &self.loaded,
                        journal: self.journal,
                        fleet: &fleet,
                        secrets: secrets.as_ref().unwrap_or(&empty),
                        interrupt: self.interrupt,
                    };
                    self.perform(other, &changing).await?;
                }
            }
        }
    }

    async fn perform(&self, effect: Effect, changing: &Changing<'_>) -> Result<(), ExecutorError> {
        match effect {
            Effect::Predict => self.predict(changing.fleet).await,
            Effect::OpenGate => self.site.open_gate(&self.loaded, self.journal).await,
            Effect::RecordApproval(approved) => {
                let gate = self.gate_id();
                let event = Event::GateApproved {
                    gate: gate.clone(),
                    by: approved.by().iter().map(|consent| consent.person.clone()).collect(),
                    signed: approved.signed(),
                    valid_until: approved.valid_until(),
                };
                self.close_gate(vec![event], gate, "approved").await
            }
            Effect::RecordRejection(by, reason) => {
                let gate = self.gate_id();
                let ending = Ending::Rejected { by: by.clone(), reason: reason.clone() };
                let event = Event::GateRejected { gate: gate.clone(), by, reason };
                let ended = Event::ended(ExitCode::Rejected.number(), ending);
                self.close_gate(vec![event, ended], gate, "rejected").await
            }
            Effect::RecordExpiry => {
                let gate = self.gate_id();
                let ended = Event::ended(ExitCode::Expired.number(), Ending::Expired);
                self.close_gate(vec![Event::GateExpired { gate: gate.clone() }, ended], gate, "expired").await
            }
            Effect::Claim(_) => self.claim().await,
            Effect::Recheck(_) => self.recheck(changing.fleet).await,
            Effect::TakeBackup(_) => changing.take_backup().await,
            Effect::Settle => changing.settle().await,
            Effect::Change(permit) => changing.make(&permit).await,
            Effect::Quiesce => match changing.quiesce().await {
                Ok(Ok(())) => Ok(()),
                Ok(Err(failure)) => self.journal.append(Event::RestoreFailed { failure }).await,
                Err(ExecutorError::Transport(error)) => self.server_lost(&error).await,
                Err(other) => Err(other),
            },
            Effect::SafetyCopy => changing.safety_copy().await,
            Effect::Restore(permit) => changing.restore(&permit).await,
            Effect::StartServices => changing.start_services().await,
            Effect::Verify => {
                let findings =
                    match verify(self.site, &self.loaded, changing.fleet, self.interrupt, &[]).await {
                        // The checks were not asked to their end: nothing is known, and nothing is undone.
                        Err(ExecutorError::Interrupted) => return Ok(()),
                        Err(ExecutorError::Transport(error)) => return self.server_lost(&error).await,
                        other => other?,
                    };
                let good = findings.iter().all(|finding| finding.verdict == "good");
                let event =
                    if good { Event::ChecksPassed { findings } } else { Event::ChecksFailed { findings } };
                self.journal.append(event).await
            }
            Effect::AwaitDecision
            | Effect::AwaitStage
            | Effect::AwaitWindow(_)
            | Effect::Halt(_)
            | Effect::End(..)
            | Effect::Over(_) => Ok(()),
        }
    }

    async fn evidence(&self, run: &Run) -> Result<Evidence, ExecutorError> {
        let now = self.site.store.now().await?;
        let verdict = self.site.verdict(run).await?;
        let backup = match (&run.header.goal, &run.backup) {
            (Goal::Restore { backup }, _) if run.claimed => self.proven(backup).await,
            (_, BackupState::Verified(record)) => record.replay(&run.header.id).ok(),
            _ => None,
        };
        let window = window::is_open(&run.header.judged.windows, now);
        Ok(Evidence { now, verdict, window, backup })
    }

    /// Reads a backup back before it is put over anything: once a process. One that is not whole is
    /// no backup, and the run says so and can be cancelled.
    async fn proven(&self, id: &str) -> Option<VerifiedBackup> {
        let prove = async {
            let id = BackupId::parse(id).map_err(|error| error.to_string())?;
            let production = self.journal.run().header.is_production();
            let vault = self.site.vault(production).await.map_err(|error| error.to_string())?;
            vault.verify_copy(&id).await.map_err(|error| error.to_string())
        };
        let proven = self
            .proven
            .get_or_init(|| async {
                prove.await.map_err(|why| self.journal.watch().note(&format!("backup {id}: {why}"))).ok()
            })
            .await;
        proven.clone()
    }

    /// The values of the secrets that the plan's steps use: after the gate.
    async fn secrets(&self) -> Result<SecretValues, ExecutorError> {
        let marks = self.site.secret_marks();
        let used = crate::plan::secrets_used(&self.loaded.ground(&marks));
        self.site.secrets(&used).await
    }

    async fn server_lost(&self, error: &crate::transport::TransportError) -> Result<(), ExecutorError> {
        // Its words name the server that was lost.
        let words = error.to_string();
        let servers = &self.loaded.plan.servers;
        let named = servers.keys().find(|server| words.contains(&format!("`{server}`")));
        let server = named.or_else(|| servers.keys().next()).cloned();
        let Some(server) = server else { return Err(ExecutorError::input("the plan has no server")) };
        self.journal.append(Event::ServerLost { server, words, hint: error.hint() }).await
    }

    async fn predict(&self, fleet: &Fleet<'_>) -> Result<(), ExecutorError> {
        let goal = self.journal.run().header.goal.clone();
        let forecast = match goal {
            Goal::Change => predict::forecast(self.site, &self.loaded, fleet).await?,
            Goal::Restore { backup } => self.restore_forecast(&backup).await?,
            Goal::Backup => predict::Forecast::default(),
        };
        if let Some(problem) = forecast.problems.first() {
            return self.journal.append(Event::PreflightFailed { failure: problem.clone() }).await;
        }
        let shown = forecast.shown.store(self.site).await?;
        let digest = store_prediction(self.site, &forecast.prediction).await?;
        let event = Event::Predicted {
            prediction: digest,
            value: forecast.prediction,
            shown,
            observed: forecast.observed,
        };
        self.predicted.store(true, Ordering::Relaxed);
        self.journal.append(event).await
    }

    /// What a restore would put back. What it has no place for is a problem before anybody decides.
    async fn restore_forecast(&self, id: &str) -> Result<predict::Forecast, ExecutorError> {
        let plan = &self.loaded.plan;
        let row = self.site.store.backup(id).await?;
        let mut forecast = predict::restore_forecast(&self.loaded, &row);
        if row.environment != plan.environment {
            let id = BackupId::parse(id).map_err(|error| ExecutorError::input(error.to_string()))?;
            let production = self.journal.run().header.is_production();
            let manifest = self.site.vault(production).await?.manifest(&id).await?;
            let planned = plan.backup.as_ref().map(|backup| backup.items.as_slice());
            if let Err(error) = backup::placed(&manifest, &plan.environment, planned.unwrap_or_default()) {
                let words = error.to_string();
                forecast.problems.push(Failure { at: None, words, hint: None, unreachable: false });
            }
        }
        Ok(forecast)
    }

    /// Rebuilds the plan from the depot and asks the servers again, under the claim.
    async fn recheck(&self, fleet: &Fleet<'_>) -> Result<(), ExecutorError> {
        let rebuilt = super::loaded::rebuild(&self.loaded)?;
        let digest = rebuilt.digest().map_err(|error| ExecutorError::document("plan", error))?;
        let approved = self.journal.run().prediction.clone();
        let Some((_, approved)) = approved else {
            return Err(ExecutorError::input("the run has no prediction"));
        };
        if digest != self.journal.run().header.plan {
            let failure = Failure {
                at: None,
                words: "the plan that comes out of the release is not the one that was approved".into(),
                hint: Some("start a new run".into()),
                unreachable: false,
            };
            return self.journal.append(Event::PreflightFailed { failure }).await;
        }
        // A prediction made just now that nobody approved binds nobody, and each step is asked again before it
        // changes anything. Only what decides about the backup must still be so under the claim.
        if Approved::not_required(&self.journal.run().header.judged).is_some()
            && self.predicted.swap(false, Ordering::Relaxed)
        {
            let absent = match presence::still_absent(self.site, &self.loaded, fleet).await {
                Err(ExecutorError::Transport(error)) => return self.server_lost(&error).await,
                other => other?,
            };
            if absent == self.journal.run().observed.absent {
                let prediction = store_prediction(self.site, &approved).await?;
                return self.journal.append(Event::Rechecked { prediction }).await;
            }
        }
        let forecast = predict::forecast(self.site, &self.loaded, fleet).await?;
        if let Some(problem) = forecast.problems.first() {
            return self.journal.append(Event::PreflightFailed { failure: problem.clone() }).await;
        }
        let digest = store_prediction(self.site, &forecast.prediction).await?;
        match approved.staleness(&forecast.prediction) {
            None => self.journal.append(Event::Rechecked { prediction: digest }).await,
            Some(stale) => {
                let shown = forecast.shown.store(self.site).await?;
                let event = Event::WentStale {
                    prediction: digest,
                    value: forecast.prediction,
                    shown,
                    observed: forecast.observed,
                    differences: stale.differences,
                };
                self.journal.append(event).await
            }
        }
    }

    async fn claim(&self) -> Result<(), ExecutorError> {
        let plan = &self.loaded.plan;
        let header = self.journal.run().header.clone();
        let judged = approval::asking(self.site.judged(plan).await?.0, &header.asked_by_procedure);
        // What has been loosened meanwhile with everybody's consent is no reason to ask again.
        let is_stricter = !approval::stricter(&judged, &header.judged()).1.is_empty();
        if is_stricter && header.goal != Goal::Backup {
            let ended = Event::ended(ExitCode::Stale.number(), Ending::PolicyStricter);
            return self.journal.append(ended).await;
        }
        let servers: Vec<_> =
            plan.servers.keys().map(|server| (plan.environment.clone(), server.clone())).collect();
        match self.site.store.claim(self.journal.lease(), &servers).await? {
            Claimed::Ok => {
                let event = Event::Claimed {
                    servers: plan.servers.keys().cloned().collect(),
                    epoch: self.journal.epoch(),
                };
                self.journal.append(event).await
            }
            Claimed::HeldBy { run, environment, server, .. } => {
                // The same machine may be called otherwise there.
                let elsewhere = environment != plan.environment;
                let server = if elsewhere { format!("{server} ({environment})") } else { server.to_string() };
                if self.journal.run().gate.is_none() {
                    // Nobody's decision is lost with it: it is simply asked for again.
                    let ending = Ending::Claimed { server: server.clone(), run: run.to_string() };
                    self.journal.append(Event::ended(ExitCode::Claimed.number(), ending)).await?;
                }
                Err(ExecutorError::Claimed { run: run.to_string(), server })
            }
        }
    }

    /// Records the end of a gate, and of the run where it ends with it, in one transaction. A gate that
    /// was closed as approved is not closed again.
    async fn close_gate(&self, events: Vec<Event>, gate: String, outcome: &str) -> Result<(), ExecutorError> {
        let open = !self.journal.run().gate_approved;
        let close = open.then(|| (gate, outcome.to_owned())).into_iter().collect();
        self.journal.append_with(events, Extra { close, ..Extra::default() }).await
    }

    fn gate_id(&self) -> String {
        self.journal.run().gate.as_ref().map(|gate| gate.id.clone()).unwrap_or_default()
    }

    async fn pause(&self) -> Duration {
        tokio::select! {
            () = tokio::time::sleep(POLL) => {}
            () = self.interrupt.wait() => {}
        }
        POLL
    }
}

async fn store_prediction(
    site: &Site,
    prediction: &crate::plan::Prediction,
) -> Result<crate::model::Digest, ExecutorError> {
    let text = canonical(prediction).map_err(|error| ExecutorError::document("prediction", error))?;
    let digest = crate::model::Digest::of(text.as_bytes());
    site.store.put_document("prediction", digest, &text).await?;
    Ok(digest)
}

/// The exit code with this number.
#[must_use]
pub fn code(number: u8) -> ExitCode {
    ExitCode::TABLE
        .iter()
        .map(|(code, _)| *code)
        .find(|code| code.number() == number)
        .unwrap_or(ExitCode::Failed)
}
