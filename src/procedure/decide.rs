//! What to do next: a pure function of a run's state and of the time.

use super::{
    Activity, ActivityId, ActivityKind, ProcedureRun, Took, Work, coverage,
    state::{Open, Position},
};
use crate::model::{EnvironmentKind, Role, RunId, Timestamp};

/// What the run wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "each variant's sentence explains its fields")]
pub enum Effect {
    /// Record that the activity is open now.
    Open { activity: ActivityId, attempt: u32 },
    /// Wait for an answer: of any one of the roles, or of each that has not signed.
    AskPerson { activity: ActivityId, roles: Vec<Role>, each: bool },
    /// Wait for an approval by each of the roles, or by any one of them.
    OpenGate { activity: ActivityId, roles: Vec<Role>, each: bool },
    /// Wait until one of the roles lets the run begin.
    AskToStart { activity: ActivityId, roles: Vec<Role> },
    /// Open a run; a backup younger than `max_age_seconds` makes it unnecessary.
    StartRun {
        activity: ActivityId,
        kind: ActivityKind,
        playbook: Option<String>,
        environment: Option<EnvironmentKind>,
        phases: Vec<String>,
        max_age_seconds: Option<u64>,
    },
    /// Go on with the run that the activity is a stage of.
    JoinRun { activity: ActivityId, run: RunId },
    /// Undo a run in stages of which nothing more comes.
    UndoRun { activity: ActivityId, run: RunId },
    /// End a run in stages well.
    AcceptRun { activity: ActivityId, run: RunId },
    /// Wait for a run.
    AwaitRun { activity: ActivityId, run: RunId },
    /// Ask the checks, or what a playbook would find.
    Check {
        activity: ActivityId,
        environment: Option<EnvironmentKind>,
        checks: Vec<String>,
        playbook: Option<String>,
        phases: Vec<String>,
    },
    /// Wait until one of the roles has opened the other process.
    OpenExternal { activity: ActivityId, process: Option<String>, roles: Vec<Role> },
    /// Wait until one of the roles records its result.
    AwaitExternal { activity: ActivityId, reference: String, roles: Vec<Role> },
    /// Make the document of the activity.
    Record { activity: ActivityId },
    /// Tell people.
    Notify { activity: ActivityId, roles: Vec<Role> },
    /// Remind those who must act, for the so-manieth time.
    Remind { activity: ActivityId, roles: Vec<Role>, number: u32 },
    /// Record, and tell, that the deadline went by.
    Overdue { activity: ActivityId, roles: Vec<Role> },
    /// Record that the activity is over.
    Complete { activity: ActivityId, took: Took, next: ActivityId },
    /// Record that it led back as often as it may.
    ReachLimit { activity: ActivityId, times: u32, opens: ActivityId },
    /// Wait until one of the roles has granted an exception for each of these.
    AskExceptions { roles: Vec<Role>, missing: Vec<ActivityId> },
    /// Record the end.
    Close { end: ActivityId, outcome: String },
}

impl Effect {
    /// The roles that are waited for; nothing if it is not people who must act.
    #[must_use]
    pub fn waits_for(&self) -> Option<&[Role]> {
        match self {
            Self::AskPerson { roles, .. }
            | Self::OpenGate { roles, .. }
            | Self::AskToStart { roles, .. }
            | Self::OpenExternal { roles, .. }
            | Self::AwaitExternal { roles, .. }
            | Self::AskExceptions { roles, .. } => Some(roles),
            _ => None,
        }
    }
}

/// Returns what to do next; nothing when the run is over.
#[must_use]
pub fn decide(run: &ProcedureRun, now: Timestamp) -> Vec<Effect> {
    match &run.position {
        Position::Ended(_) => Vec::new(),
        Position::Next(next) => vec![match run.passed_by(next) {
            Some((times, target)) => {
                Effect::ReachLimit { activity: next.clone(), times, opens: target.to.clone() }
            }
            None => {
                let attempt = run.record(next).map_or(1, |record| record.opened + 1);
                Effect::Open { activity: next.clone(), attempt }
            }
        }],
        Position::At(open) => at(run, open, now),
    }
}

fn at(run: &ProcedureRun, open: &Open, now: Timestamp) -> Vec<Effect> {
    let Some(activity) = run.procedure.activity(&open.activity) else { return Vec::new() };
    let id = activity.id.clone();
    if let Some((took, target, _)) = run.settled() {
        if let Some(staged) = run.to_accept(activity).filter(|_| took == Took::Yes) {
            return vec![Effect::AcceptRun { activity: id, run: staged.id.clone() }];
        }
        let next = target.to.clone();
        return vec![if took == Took::Limit {
            let times = run.record(&id).map_or(0, |record| record.noes) + 1;
            Effect::ReachLimit { activity: id, times, opens: next }
        } else {
            Effect::Complete { activity: id, took, next }
        }];
    }
    let effect = work(run, activity, open);
    let mut effects = clock(activity, open, &effect, now);
    effects.push(effect);
    effects
}

fn work(run: &ProcedureRun, activity: &Activity, open: &Open) -> Effect {
    let id = activity.id.clone();
    let unsigned = |role: &&Role| !open.given.iter().any(|given| given.role == **role);
    let roles: Vec<Role> = activity.answering().iter().filter(unsigned).cloned().collect();
    let each = !activity.signers.is_empty();
    match activity.work() {
        Work::Person if activity.makes_documents_first() && !open.performed => {
            Effect::Record { activity: id }
        }
        Work::Person => Effect::AskPerson { activity: id, roles, each },
        Work::Gate => Effect::OpenGate { activity: id, roles, each },
        Work::External => match &open.reference {
            None => Effect::OpenExternal { activity: id, process: activity.process.clone(), roles },
            Some(reference) => Effect::AwaitExternal { activity: id, reference: reference.clone(), roles },
        },
        Work::Run => match &open.run {
            Some(run) => Effect::AwaitRun { activity: id, run: run.clone() },
            None if !activity.started_by.is_empty() && !open.start_allowed => {
                Effect::AskToStart { activity: id, roles: activity.started_by.clone() }
            }
            None => run.joined(activity).unwrap_or_else(|| Effect::StartRun {
                activity: id,
                kind: activity.kind,
                playbook: activity.playbook.as_ref().map(|playbook| named(run, playbook)),
                environment: activity.environment,
                phases: match &activity.run {
                    Some(word) => run.procedure.phases(word),
                    None => activity.phases.clone(),
                },
                max_age_seconds: activity.max_age_seconds,
            }),
        },
        Work::Check => Effect::Check {
            activity: id,
            environment: activity.environment,
            checks: activity.checks.clone(),
            playbook: activity.playbook.as_ref().map(|playbook| named(run, playbook)),
            phases: activity.phases.clone(),
        },
        Work::Automatic => match activity.kind {
            ActivityKind::End => end(run, activity),
            ActivityKind::Notify => Effect::Notify { activity: id, roles: activity.roles.clone() },
            _ => Effect::Record { activity: id },
        },
    }
}

fn end(run: &ProcedureRun, activity: &Activity) -> Effect {
    if let Some(staged) = run.dangling() {
        return Effect::UndoRun { activity: activity.id.clone(), run: staged.id.clone() };
    }
    let missing = coverage::missing(run);
    if missing.is_empty() {
        let outcome = activity.outcome.clone().unwrap_or_else(|| "done".to_owned());
        return Effect::Close { end: activity.id.clone(), outcome };
    }
    Effect::AskExceptions { roles: run.procedure.exceptions.clone(), missing: missing.into_iter().collect() }
}

/// The playbook with the run's system in it.
fn named(run: &ProcedureRun, playbook: &str) -> String {
    let Some(system) = &run.header.system else { return playbook.to_owned() };
    playbook.replace("{{ system }}", system.as_str()).replace("{{system}}", system.as_str())
}

/// What the time asks for, while people are waited for.
fn clock(activity: &Activity, open: &Open, effect: &Effect, now: Timestamp) -> Vec<Effect> {
    let Some(roles) = effect.waits_for() else { return Vec::new() };
    let (id, roles) = (activity.id.clone(), roles.to_vec());
    let waited = u64::try_from(now.seconds_since(open.since)).unwrap_or(0);
    let mut effects = Vec::new();
    if activity.deadline_seconds.is_some_and(|deadline| waited >= deadline) && !open.overdue {
        effects.push(Effect::Overdue { activity: id.clone(), roles: roles.clone() });
    }
    // Reminders that were slept through are not made up for: one goes out, with the number of the last.
    let due = activity.remind_seconds.and_then(|every| waited.checked_div(every)).unwrap_or(0);
    let number = u32::try_from(due).unwrap_or(u32::MAX);
    if number > open.reminded {
        effects.push(Effect::Remind { activity: id, roles, number });
    }
    effects
}
