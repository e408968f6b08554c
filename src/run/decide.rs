//! What to do next: a pure function of a run's state and of what is so outside of it.

use super::{BackupState, CancelChoice, Ending, Goal, Permit, RestorePermit, Run, WayBack};
use crate::{
    approval::{Approved, Verdict, window::Opening},
    backup::VerifiedBackup,
    model::{ExitCode, PersonName, Timestamp},
};

/// How often a run without a gate may find other changes than it had predicted before it gives up.
const STALE_TIMES_MAX: u32 = 3;

/// What [`decide`] must know beyond the journal.
pub struct Evidence {
    /// The database's clock.
    pub now: Timestamp,
    /// What the open gate's decisions amount to; nothing when no gate is open.
    pub verdict: Option<Verdict>,
    /// Whether the windows are open.
    pub window: Opening,
    /// The backup to go back to: the run's own once it is verified, or the one to restore.
    pub backup: Option<VerifiedBackup>,
}

/// What the run wants done next.
#[derive(Debug)]
pub enum Effect {
    /// Ask the servers what the plan would change.
    Predict,
    /// Open a gate.
    OpenGate,
    /// Wait for people.
    AwaitDecision,
    /// Record that the gate's decisions suffice.
    RecordApproval(Approved),
    /// Record that somebody said no; the run is over.
    RecordRejection(PersonName, String),
    /// Record that the time ran out; the run is over.
    RecordExpiry,
    /// Wait until the procedure allows what comes next.
    AwaitStage,
    /// Wait for the window.
    AwaitWindow(Option<Timestamp>),
    /// Claim the servers.
    Claim(Authority),
    /// Recompute the plan, ask the servers again.
    Recheck(Approved),
    /// Stop what must be quiet, copy, read back.
    TakeBackup(Authority),
    /// Ask what became of detached changes, and wait for them or end them.
    Settle,
    /// Make the changes that remain.
    Change(Permit),
    /// Stop what must be quiet before something is put back.
    Quiesce,
    /// Copy what is there now.
    SafetyCopy,
    /// Put back what remains to be put back.
    Restore(RestorePermit),
    /// Start what was stopped.
    StartServices,
    /// Ask the checks.
    Verify,
    /// Stop here; a person is needed. The exit code is 20.
    Halt(Ending),
    /// The run is over.
    End(ExitCode, Ending),
    /// The run was over already.
    Over(u8),
}

/// In whose name servers are touched.
#[derive(Debug, Clone)]
pub enum Authority {
    /// By an approval.
    Approved(Approved),
    /// A backup alone needs none: it changes nothing.
    BackupAlone,
}

/// Returns what to do next.
#[must_use]
pub fn decide(run: &Run, evidence: &Evidence) -> Effect {
    if let Some((exit, _)) = run.ended {
        return Effect::Over(exit);
    }
    if let Some(why) = &run.stuck {
        return Effect::Halt(Ending::Other { words: why.clone() });
    }
    if let Some((choice, by, _)) = &run.cancel
        && let Some(effect) = cancelled(run, evidence, *choice, by)
    {
        return effect;
    }
    match &run.header.goal {
        Goal::Backup => backup_alone(run),
        Goal::Restore { .. } => match ready(run, evidence) {
            Ok(_) => restore(run, evidence),
            Err(effect) => effect,
        },
        Goal::Change => change(run, evidence),
    }
}

fn backup_alone(run: &Run) -> Effect {
    if let Some(lost) = &run.lost {
        return lost_server(run, lost);
    }
    let done = matches!(run.backup, BackupState::Verified(_));
    if !run.claimed {
        return run.failure.as_ref().map_or(Effect::Claim(Authority::BackupAlone), |_| failed(run));
    }
    if !done && run.failure.is_none() {
        return Effect::TakeBackup(Authority::BackupAlone);
    }
    if run.quiet {
        return start_services(run);
    }
    if done && run.failure.is_none() { Effect::End(ExitCode::Done, Ending::BackedUp) } else { failed(run) }
}

fn change(run: &Run, evidence: &Evidence) -> Effect {
    if run.restoring {
        return restore(run, evidence);
    }
    if !run.changed && run.failure.is_some() {
        return match &run.lost {
            Some(lost) => lost_server(run, lost),
            None if run.quiet => start_services(run),
            None => failed(run),
        };
    }
    if let Some((_, prediction)) = &run.prediction
        && !run.claimed
        && !prediction.may_change()
    {
        return match run.checks_passed {
            None => Effect::Verify,
            Some(true) => Effect::End(ExitCode::Done, Ending::Unchanged),
            Some(false) => Effect::End(ExitCode::Failed, Ending::UnchangedAndBad),
        };
    }
    let approved = match ready(run, evidence) {
        Ok(approved) => approved,
        Err(effect) => return effect,
    };
    if let Some(lost) = &run.lost {
        return lost_server(run, lost);
    }
    if run.failure.is_some() {
        return undo(run, evidence);
    }
    let way_back = if run.observed.absent {
        WayBack::FirstInstall
    } else {
        match (&run.backup, &evidence.backup) {
            (BackupState::Verified(_), Some(backup)) => WayBack::Backup(Box::new(backup.clone())),
            (BackupState::Admitted(backup), _) => WayBack::Older(backup.clone()),
            (BackupState::Verified(_), None) => {
                return Effect::Halt(Ending::OwnBackupClosed);
            }
            _ => return Effect::TakeBackup(Authority::Approved(approved)),
        }
    };
    match &run.stage {
        // A stage that begins while everything runs waits for its window; one that finds services stopped
        // does not keep them so.
        Some(_) if !run.stage_steps_done && !run.stage_begun && !run.quiet && run.changed => {
            if let Opening::Closed { opens } = evidence.window {
                return Effect::AwaitWindow(opens);
            }
            return Effect::Change(Permit::new(approved, way_back));
        }
        Some(_) if !run.stage_steps_done => return Effect::Change(Permit::new(approved, way_back)),
        Some(stage) if !stage.settles => return Effect::AwaitStage,
        None if !run.steps_completed => return Effect::Change(Permit::new(approved, way_back)),
        _ => {}
    }
    if run.quiet {
        return if run.services_failure.is_some() { undo(run, evidence) } else { Effect::StartServices };
    }
    let goes_on = run.stage.as_ref().is_some() && !run.accepted;
    match run.checks_passed {
        None => Effect::Verify,
        Some(true) if goes_on => Effect::AwaitStage,
        Some(true) => Effect::End(ExitCode::Done, Ending::Done),
        Some(false) => undo(run, evidence),
    }
}

/// Everything before the first touch: prediction, decision, window, claim, asking again.
#[expect(clippy::result_large_err, reason = "made once a turn of the loop, and moved at once")]
fn ready(run: &Run, evidence: &Evidence) -> Result<Approved, Effect> {
    if run.failure.is_some() && !run.claimed {
        return Err(failed(run));
    }
    if run.prediction.is_none() {
        return Err(Effect::Predict);
    }
    if !run.stale.is_empty() && run.gate.is_some() {
        return Err(Effect::End(ExitCode::Stale, Ending::MoreThanApproved));
    }
    if run.stale_times > STALE_TIMES_MAX {
        return Err(Effect::End(ExitCode::Stale, Ending::ServersChange));
    }
    let started = run.changed || run.rechecked || run.safety.is_some();
    let approved = approval(run, evidence, started)?;
    if run.is_staged() && run.stage.is_none() {
        return Err(Effect::AwaitStage);
    }
    if !run.claimed {
        if let Opening::Closed { opens } = evidence.window {
            return Err(Effect::AwaitWindow(opens));
        }
        return Err(Effect::Claim(Authority::Approved(approved)));
    }
    if !started {
        if let Opening::Closed { opens } = evidence.window {
            return Err(if run.quiet { start_services(run) } else { Effect::AwaitWindow(opens) });
        }
        if run.header.goal == Goal::Change {
            // What an earlier process stopped would be seen as a difference of the servers.
            return Err(if run.quiet { start_services(run) } else { Effect::Recheck(approved) });
        }
    }
    Ok(approved)
}

/// The approval, or what must happen before there is one. Fails closed: without a verdict there is none.
#[expect(clippy::result_large_err, reason = "made once a turn of the loop, and moved at once")]
fn approval(run: &Run, evidence: &Evidence, started: bool) -> Result<Approved, Effect> {
    if let Some(approved) = Approved::not_required(&run.header.judged) {
        return Ok(approved);
    }
    if run.gate.is_none() {
        return Err(Effect::OpenGate);
    }
    match &evidence.verdict {
        Some(Verdict::Approved(approved)) => {
            // What has begun is finished: the approval must hold until the first change, not after it.
            if !started && !approved.holds_at(evidence.now) {
                return Err(if run.quiet { start_services(run) } else { Effect::RecordExpiry });
            }
            if !run.gate_approved {
                return Err(Effect::RecordApproval(approved.clone()));
            }
            Ok(approved.clone())
        }
        Some(Verdict::Rejected { by, .. }) if started => {
            Err(Effect::Halt(Ending::RejectedLate { by: by.clone() }))
        }
        Some(Verdict::Rejected { .. } | Verdict::Expired) if run.quiet => Err(start_services(run)),
        Some(Verdict::Rejected { by, reason }) => Err(Effect::RecordRejection(by.clone(), reason.clone())),
        Some(Verdict::Expired) => Err(Effect::RecordExpiry),
        Some(Verdict::Void(why)) if started => {
            Err(Effect::Halt(Ending::ApprovalVoid { why: why.to_string() }))
        }
        Some(Verdict::Void(_)) if run.quiet => Err(start_services(run)),
        Some(Verdict::Void(_)) => Err(Effect::End(ExitCode::Stale, Ending::PeopleChanged)),
        Some(Verdict::Open { .. }) | None => Err(Effect::AwaitDecision),
    }
}

fn lost_server(run: &Run, lost: &str) -> Effect {
    if run.changed {
        let words = lost.to_owned();
        Effect::Halt(match run.header.judged.restore_on_failure {
            true => Ending::RestoreOwed { words },
            false => Ending::Other { words },
        })
    } else if run.quiet {
        Effect::Halt(Ending::LostStopped { words: lost.to_owned() })
    } else {
        Effect::End(ExitCode::Unreachable, Ending::Unreached { words: lost.to_owned() })
    }
}

/// What follows a failure: putting back what was changed, or just starting what was stopped.
fn undo(run: &Run, evidence: &Evidence) -> Effect {
    if run.flights().next().is_some() {
        return Effect::Settle;
    }
    if !run.changed {
        return if run.quiet { start_services(run) } else { failed(run) };
    }
    if let (true, false, Some(failure)) = (run.served, run.undo_asked, &run.failure) {
        // The backup is from before people worked with what an earlier stage had put there.
        return Effect::Halt(Ending::RestoreUndecided { words: failure.words.clone() });
    }
    let can = !run.observed.absent && matches!(run.backup, BackupState::Verified(_));
    // What a person of the procedure asks to be undone is undone, whatever follows a failure here.
    if can && (run.header.judged.restore_on_failure || run.undo_asked) {
        return restore(run, evidence);
    }
    if let (true, BackupState::Admitted(backup)) = (run.undo_asked, &run.backup) {
        let words = format!("only the older backup {backup} stands behind this run: a person puts it back");
        return Effect::Halt(Ending::Other { words });
    }
    if run.quiet { start_services(run) } else { failed(run) }
}

fn restore(run: &Run, evidence: &Evidence) -> Effect {
    if let Some(lost) = &run.lost {
        return Effect::Halt(Ending::RestoreOwed { words: lost.clone() });
    }
    if run.flights().next().is_some() {
        return Effect::Settle;
    }
    let Some(backup) = evidence.backup.clone() else {
        return Effect::Halt(Ending::BackupClosed);
    };
    if !run.restore_completed {
        if !run.quiet || !run.quiesced {
            return Effect::Quiesce;
        }
        if run.safety.is_none() {
            return Effect::SafetyCopy;
        }
        return Effect::Restore(RestorePermit::new(backup));
    }
    if run.quiet {
        return start_services(run);
    }
    let by_hand = matches!(run.header.goal, Goal::Restore { .. });
    match run.checks_passed {
        None => Effect::Verify,
        Some(true) if by_hand => Effect::End(ExitCode::Done, Ending::Restored),
        Some(true) => Effect::End(ExitCode::Restored, Ending::WentBack),
        Some(false) => Effect::Halt(Ending::BackAndBad),
    }
}

fn cancelled(run: &Run, evidence: &Evidence, choice: CancelChoice, by: &str) -> Option<Effect> {
    let over = || Effect::End(ExitCode::Interrupted, Ending::Cancelled { by: by.to_owned() });
    if let Some(lost) = &run.lost {
        return Some(Effect::Halt(Ending::Other { words: lost.clone() }));
    }
    if run.flights().next().is_some() {
        return Some(Effect::Settle);
    }
    if let (Some(failure), CancelChoice::Keep | CancelChoice::End) = (&run.services_failure, choice) {
        // It was tried once more; the run does not hold its servers for ever because of it.
        return Some(Effect::End(
            ExitCode::Failed,
            Ending::CancelledStopped { by: by.to_owned(), words: failure.words.clone() },
        ));
    }
    match choice {
        _ if !run.changed && run.quiet => Some(start_services(run)),
        _ if !run.changed => Some(over()),
        CancelChoice::Restore if matches!(run.header.goal, Goal::Restore { .. }) => {
            Some(restore(run, evidence))
        }
        CancelChoice::Restore if run.observed.absent || !matches!(run.backup, BackupState::Verified(_)) => {
            Some(Effect::Halt(Ending::NothingToPutBack))
        }
        CancelChoice::Restore => Some(restore(run, evidence)),
        CancelChoice::Keep if run.quiet => Some(start_services(run)),
        CancelChoice::Keep => {
            Some(Effect::End(ExitCode::Failed, Ending::CancelledAsItIs { by: by.to_owned() }))
        }
        CancelChoice::End => Some(Effect::Halt(Ending::Undecided)),
    }
}

/// Starts what was stopped, once; a service that does not start again needs a person.
fn start_services(run: &Run) -> Effect {
    match &run.services_failure {
        Some(failure) => Effect::Halt(Ending::Other { words: failure.words.clone() }),
        None => Effect::StartServices,
    }
}

fn failed(run: &Run) -> Effect {
    if run.failure.is_none() && run.checks_passed == Some(false) {
        let bad = run.findings.iter().filter(|finding| finding.verdict != "good");
        let checks = bad.map(|finding| format!("`{}`", finding.check)).collect::<Vec<_>>().join(", ");
        return Effect::End(ExitCode::Failed, Ending::ChecksFailed { checks });
    }
    let (words, unreachable) = run.failure.as_ref().map_or(("failed".to_owned(), false), |failure| {
        (failure.words.clone(), failure.unreachable && !run.changed)
    });
    Effect::End(if unreachable { ExitCode::Unreachable } else { ExitCode::Failed }, Ending::Failed { words })
}
