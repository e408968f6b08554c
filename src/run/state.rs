//! The state of a run: the fold over its journal.

use super::{
    BackupState, CancelChoice, Ending, Event, Failure, FindingSummary, Goal, InFlight, Observed, RunHeader,
    Stage, StepEnd, StepState,
};
use crate::{
    approval::Gate,
    model::{Digest, ServerName, StepId, Timestamp, Value},
    plan::Prediction,
};
use std::collections::{BTreeMap, BTreeSet};

/// Says why an event cannot follow the state it meets: the journal is damaged or was written by
/// something that broke a promise.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("event {seq} (`{event}`) cannot be: {why}")]
pub struct RunError {
    /// Its number.
    pub seq: u64,
    /// Its name.
    pub event: String,
    /// What is missing for it.
    pub why: &'static str,
}

/// A run, as its journal tells it.
#[derive(Debug, Clone)]
pub struct Run {
    /// What it was opened with.
    pub header: RunHeader,
    /// Number of events applied.
    pub events: u64,
    /// When the last of them was recorded.
    pub last_at: Timestamp,
    /// What the plan would change, as asked last.
    pub prediction: Option<(Digest, Prediction)>,
    /// Document with what the prediction says in words and differences.
    pub shown: Option<Digest>,
    /// What was seen of the system.
    pub observed: Observed,
    /// The gate that is or was open last.
    pub gate: Option<Gate>,
    /// Whether that gate's decisions sufficed.
    pub gate_approved: bool,
    /// Who approved.
    pub approved_by: Vec<String>,
    /// Rejected by whom and why.
    pub rejected: Option<(String, String)>,
    /// Whether the time ran out.
    pub expired: bool,
    /// Waiting for its window.
    pub window_awaited: bool,
    /// Whether the servers are held.
    pub claimed: bool,
    /// Whether the servers were asked again under the claim, by the process that drives the run now.
    pub rechecked: bool,
    /// How often a run without a gate was found stale.
    pub stale_times: u32,
    /// What would change beyond the approval.
    pub stale: Vec<(ServerName, StepId, String)>,
    /// When services were first stopped.
    pub quiet_since: Option<Timestamp>,
    /// Whether services are stopped, or may be.
    pub quiet: bool,
    /// Whether stopping them was completed.
    pub quiesced: bool,
    /// Milliseconds for which services were stopped, in all.
    pub outage_ms: i64,
    /// The backup.
    pub backup: BackupState,
    /// Bytes copied for each item.
    pub copied: BTreeMap<String, u64>,
    /// Steps by server.
    pub steps: BTreeMap<(ServerName, StepId), StepState>,
    /// Registered values by server.
    pub registered: BTreeMap<ServerName, BTreeMap<String, Value>>,
    /// Whether a change was ever started.
    pub changed: bool,
    /// Servers that could not be reached.
    pub lost: Option<String>,
    /// What to do about it.
    pub lost_hint: Option<String>,
    /// Whether steps and handlers are through.
    pub steps_completed: bool,
    /// The stage that was allowed last.
    pub stage: Option<Stage>,
    /// Ids of all stages that were allowed.
    pub stages: BTreeSet<String>,
    /// Phases whose steps may run.
    pub allowed: BTreeSet<String>,
    /// Whether the steps of the last stage are through.
    pub stage_steps_done: bool,
    /// Whether a step of the last stage was begun.
    pub stage_begun: bool,
    /// Whether the procedure asked for what was done to be undone.
    pub undo_asked: bool,
    /// A stage was over, with its services running and people at work, before a later one began.
    pub served: bool,
    /// Steps whose handlers have run, in earlier stages.
    pub handled: BTreeSet<(ServerName, StepId)>,
    /// Whether the procedure is content.
    pub accepted: bool,
    /// Whether services are up again after the steps, or after the restore.
    pub services_started: bool,
    /// What failed first.
    pub failure: Option<Failure>,
    /// Why services did not start, when they were started last.
    pub services_failure: Option<Failure>,
    /// The checks' findings, asked last.
    pub findings: Vec<FindingSummary>,
    /// Whether all of them were good.
    pub checks_passed: Option<bool>,
    /// Whether a restore has begun or must.
    pub restoring: bool,
    /// The copy of what was there before the restore.
    pub safety: Option<String>,
    /// Items that are back.
    pub restored: BTreeSet<String>,
    /// Whether all are.
    pub restore_completed: bool,
    /// What a person asked.
    pub cancel: Option<(CancelChoice, String, String)>,
    /// Why it needs a person.
    pub stuck: Option<String>,
    /// What its end, or what it is stuck for, is; nothing in journals of earlier versions.
    pub ending: Option<Ending>,
    /// How it ended: exit code and words.
    pub ended: Option<(u8, String)>,
}

impl Run {
    /// A run without events.
    #[must_use]
    pub fn new(header: RunHeader) -> Self {
        let restoring = matches!(header.goal, Goal::Restore { .. });
        Self {
            header,
            events: 0,
            last_at: Timestamp(0),
            prediction: None,
            shown: None,
            observed: Observed::default(),
            gate: None,
            gate_approved: false,
            approved_by: Vec::new(),
            rejected: None,
            expired: false,
            window_awaited: false,
            claimed: false,
            rechecked: false,
            stale_times: 0,
            stale: Vec::new(),
            quiet_since: None,
            quiet: false,
            quiesced: false,
            outage_ms: 0,
            backup: BackupState::None,
            copied: BTreeMap::new(),
            steps: BTreeMap::new(),
            registered: BTreeMap::new(),
            changed: false,
            lost: None,
            lost_hint: None,
            steps_completed: false,
            stage: None,
            stages: BTreeSet::new(),
            allowed: BTreeSet::new(),
            stage_steps_done: false,
            stage_begun: false,
            undo_asked: false,
            served: false,
            handled: BTreeSet::new(),
            accepted: false,
            services_started: false,
            failure: None,
            services_failure: None,
            findings: Vec::new(),
            checks_passed: None,
            restoring,
            safety: None,
            restored: BTreeSet::new(),
            restore_completed: false,
            cancel: None,
            stuck: None,
            ending: None,
            ended: None,
        }
    }

    /// Replays a journal.
    pub fn replay(
        header: RunHeader,
        events: impl IntoIterator<Item = (Timestamp, Event)>,
    ) -> Result<Self, RunError> {
        let mut run = Self::new(header);
        for (at, event) in events {
            run.apply(&event, at)?;
        }
        Ok(run)
    }

    /// Applies one event, or says why it cannot follow.
    pub fn apply(&mut self, event: &Event, at: Timestamp) -> Result<(), RunError> {
        let seq = self.events + 1;
        let refuse = |why| Err(RunError { seq, event: event.name(), why });
        if self.ended.is_some() {
            return refuse("the run has ended");
        }
        if let Some(why) = self.missing_for(event) {
            return refuse(why);
        }
        self.fold(event, at);
        self.events = seq;
        self.last_at = at;
        Ok(())
    }

    fn fold(&mut self, event: &Event, at: Timestamp) {
        match event {
            Event::Predicted { prediction, value, shown, observed } => {
                self.prediction = Some((*prediction, value.clone()));
                self.shown = Some(*shown);
                self.observed = observed.clone();
            }
            Event::WentStale { prediction, value, shown, observed, differences } => {
                self.prediction = Some((*prediction, value.clone()));
                self.shown = Some(*shown);
                self.observed = observed.clone();
                self.stale.clone_from(differences);
                self.stale_times += 1;
            }
            Event::PreflightFailed { failure } | Event::BackupFailed { failure } => {
                self.failure = Some(failure.clone());
            }
            Event::ServicesFailed { failure } => {
                self.services_failure = Some(failure.clone());
                self.failure.get_or_insert_with(|| failure.clone());
            }
            Event::GateOpened { gate } => {
                self.gate = Some((**gate).clone());
                self.gate_approved = false;
            }
            Event::GateApproved { by, .. } => {
                self.gate_approved = true;
                self.approved_by = by.iter().map(ToString::to_string).collect();
            }
            Event::GateRejected { by, reason, .. } => self.rejected = Some((by.to_string(), reason.clone())),
            Event::GateExpired { .. } => self.expired = true,
            Event::WindowAwaited { .. } => self.window_awaited = true,
            Event::Claimed { .. } => {
                self.claimed = true;
                self.window_awaited = false;
            }
            Event::Rechecked { .. } => self.rechecked = true,
            Event::QuiesceStarted => {
                self.quiet = true;
                self.services_started = false;
                self.quiesced = false;
                self.quiet_since = self.quiet_since.or(Some(at));
            }
            Event::Quiesced => self.quiesced = true,
            Event::BackupStarted { backup } => {
                self.backup = BackupState::Started(backup.clone());
                self.copied.clear();
            }
            Event::BackupItemCopied { item, bytes, .. } => {
                self.copied.insert(item.clone(), *bytes);
            }
            Event::BackupAdmitted { backup, .. } => self.backup = BackupState::Admitted(backup.clone()),
            Event::BackupVerified { record } => self.backup = BackupState::Verified(Box::new(record.clone())),
            Event::ServerLost { words, hint, .. } => {
                self.lost = Some(words.clone());
                self.lost_hint = hint.clone();
            }
            Event::StepsCompleted => self.steps_completed = true,
            Event::StageAllowed { stage } => self.stage_allowed(stage),
            Event::StageStepsCompleted { .. } => self.stage_steps_done = true,
            Event::UndoAsked { why } => {
                self.undo_asked = true;
                self.fail(None, why);
            }
            Event::Accepted { .. } => self.accepted = true,
            // Part of it may run again: before a restore it is stopped once more.
            Event::ServicesStarting => self.quiesced = false,
            Event::ServicesStarted => {
                self.quiet = false;
                self.services_started = true;
                if let Some(since) = self.quiet_since.take() {
                    self.outage_ms += at.0 - since.0;
                }
            }
            Event::ChecksPassed { findings } => self.checked(findings, true),
            Event::ChecksFailed { findings } => self.checked(findings, false),
            Event::SafetyCopyStarted { .. } => self.restoring = true,
            Event::SafetyCopyTaken { backup, .. } => self.safety = Some(backup.clone()),
            Event::SafetyCopyFailed { failure } | Event::RestoreFailed { failure } => {
                self.stuck = Some(failure.words.clone());
                self.ending = None;
            }
            Event::ItemRestoreStarted { .. } => self.changed = true,
            Event::Unknown | Event::Interrupted => {}
            Event::ItemRestored { item } => {
                self.restored.insert(item.clone());
            }
            Event::RestoreCompleted => {
                self.restore_completed = true;
                self.services_failure = None;
                self.services_started = false;
                self.checks_passed = None;
            }
            Event::CancelAsked { by, choice, reason } => {
                self.cancel = Some((*choice, by.clone(), reason.clone()));
                self.services_failure = None;
                self.stuck = None;
                self.lost = None;
                self.copy_anew();
            }
            Event::Resumed { .. } => self.resumed(),
            Event::BecameStuck { why, how } => {
                self.stuck = Some(why.clone());
                self.ending.clone_from(how);
            }
            Event::Ended { exit, words, how } => {
                self.ended = Some((*exit, words.clone()));
                self.ending.clone_from(how);
            }
            step => self.fold_step(step),
        }
    }

    /// Time has passed, and what was so then need not be so now.
    fn resumed(&mut self) {
        self.stuck = None;
        self.lost = None;
        self.services_failure = None;
        self.rechecked = false;
        self.stale_times = 0;
        if !self.changed {
            // People may have worked since: nothing is changed on an old copy or an old prediction.
            self.quiesced = false;
            self.backup = BackupState::None;
            self.copied.clear();
        }
        self.copy_anew();
        if self.restore_completed {
            self.checks_passed = self.checks_passed.filter(|passed| *passed);
        }
    }

    /// A restore that stood still begins anew: people may have worked on what it had put back.
    fn copy_anew(&mut self) {
        if self.restoring && !self.restore_completed {
            self.quiesced = false;
            self.safety = None;
            self.restored.clear();
        }
    }

    fn fold_step(&mut self, event: &Event) {
        match event {
            Event::StepsUnchanged { server, steps, registered } => {
                for step in steps {
                    // A change whose end was not recorded, or that failed half-way, and that is found done, was
                    // made by this run: what it notifies must hear of it.
                    let state = match self.steps.get(&(server.clone(), step.clone())) {
                        Some(StepState::Started(_) | StepState::Failed { begun: true, .. }) => {
                            StepState::Changed
                        }
                        _ => StepState::Unchanged,
                    };
                    self.steps.insert((server.clone(), step.clone()), state);
                }
                let known = self.registered.entry(server.clone()).or_default();
                known.extend(registered.iter().cloned());
            }
            Event::StepSkipped { server, step, .. } => {
                self.steps.insert((server.clone(), step.clone()), StepState::Skipped);
            }
            Event::StepStarted { server, step, attempt, unit, .. } => {
                self.changed = true;
                self.stage_begun = true;
                // A handler or a package may start what was stopped.
                self.quiesced = false;
                let flight = InFlight { attempt: *attempt, unit: unit.clone() };
                self.steps.insert((server.clone(), step.clone()), StepState::Started(flight));
            }
            Event::StepEnded { server, step, attempt, end } => {
                let at = Some(format!("{server}: {step}"));
                let state = match end {
                    StepEnd::Changed { registered, .. } => {
                        if let Some((name, value)) = registered {
                            let known = self.registered.entry(server.clone()).or_default();
                            known.insert(name.clone(), value.clone());
                        }
                        StepState::Changed
                    }
                    StepEnd::Failed { words, last, .. } => {
                        if *last {
                            self.fail(at, words);
                        }
                        let before = self.step(server, step);
                        let begun = matches!(
                            before,
                            Some(StepState::Started(_) | StepState::Failed { begun: true, .. })
                        );
                        StepState::Failed { attempt: *attempt, last: *last, begun }
                    }
                    StepEnd::InDoubt { words } => {
                        self.fail(at, words);
                        StepState::InDoubt
                    }
                };
                self.steps.insert((server.clone(), step.clone()), state);
            }
            _ => {}
        }
    }

    fn stage_allowed(&mut self, stage: &Stage) {
        if self.stage.as_ref().is_some_and(|before| before.settles) {
            self.served |= self.changed;
            let changed = self.steps.iter().filter(|(_, state)| **state == StepState::Changed);
            self.handled.extend(changed.map(|(at, _)| at.clone()));
            self.steps.retain(|(_, step), _| !stage.handlers.contains(step));
        }
        self.stages.insert(stage.id.clone());
        self.allowed.extend(stage.phases.iter().cloned());
        self.stage_steps_done = stage.phases.is_empty();
        self.stage_begun = false;
        if !stage.phases.is_empty() {
            self.checks_passed = None;
        }
        self.stage = Some(stage.clone());
    }

    fn fail(&mut self, at: Option<String>, words: &str) {
        let failure = Failure { at, words: words.to_owned(), hint: None, unreachable: false };
        self.failure.get_or_insert(failure);
    }

    fn checked(&mut self, findings: &[FindingSummary], passed: bool) {
        self.findings = findings.to_vec();
        self.checks_passed = Some(passed);
    }

    /// What is recorded of a step.
    #[must_use]
    pub fn step(&self, server: &ServerName, step: &StepId) -> Option<&StepState> {
        self.steps.get(&(server.clone(), step.clone()))
    }

    /// Once-only changes of which nobody knows yet how they ended.
    pub fn flights(&self) -> impl Iterator<Item = (&ServerName, &StepId, &InFlight)> {
        self.steps.iter().filter_map(|((server, step), state)| match state {
            StepState::Started(flight) if flight.unit.is_some() => Some((server, step, flight)),
            _ => None,
        })
    }

    /// Steps that changed something on a server.
    pub fn changed_steps<'a>(&'a self, server: &'a ServerName) -> impl Iterator<Item = &'a StepId> {
        self.steps
            .iter()
            .filter(move |((on, _), state)| on == server && **state == StepState::Changed)
            .map(|((_, step), _)| step)
    }
}
