//! A run told in a few lines: what a person wants to know of it while it goes on.

use super::Say;
use crate::{
    executor::Watch,
    model::Timestamp,
    report::{duration, escape},
    run::{Event, Run, StepEnd, StepState},
};

/// Tells the events of runs.
pub struct Tale(pub Say);

impl Watch for Tale {
    fn event(&self, run: &Run, event: &Event, _at: Timestamp) {
        if let Some(words) = words(run, event) {
            (self.0)(&format!("    {:<12} {words}", run.header.environment.as_str()));
        }
    }

    fn note(&self, words: &str) {
        (self.0)(&format!("    {}", escape::visible(words)));
    }

    fn output(&self, _server: &str, _step: &str, _text: &str) {}
}

fn words(run: &Run, event: &Event) -> Option<String> {
    let line = |text: &str| escape::visible(text.lines().next().unwrap_or_default());
    Some(match event {
        Event::Predicted { value, observed, .. } => {
            let (changes, unknown, _) = value.counts();
            let version = observed.version.as_deref().unwrap_or("none");
            if changes + unknown == 0 {
                format!("version {version} is installed, nothing would change")
            } else {
                format!(
                    "asked first: version {version} is installed, {} steps would change it",
                    changes + unknown
                )
            }
        }
        Event::PreflightFailed { failure } => format!("cannot start: {}", line(&failure.words)),
        Event::GateOpened { gate } => {
            let roles: Vec<_> = gate.rule.each.iter().map(ToString::to_string).collect();
            format!("stops at the gate and waits for: {}", roles.join(", "))
        }
        Event::GateApproved { by, signed, .. } => {
            let by: Vec<_> = by.iter().map(ToString::to_string).collect();
            format!("approved by {}{}", by.join(", "), if *signed { ", signed" } else { "" })
        }
        Event::GateRejected { by, reason, .. } => format!("rejected by {by}: {}", line(reason)),
        Event::Quiesced => "service stopped".to_owned(),
        Event::BackupVerified { record } => {
            let id = record.replay(&run.header.id).ok()?.id().to_string();
            format!("backup taken, read back and verified: {id}")
        }
        Event::BackupFailed { failure } => format!("no backup, so no change: {}", line(&failure.words)),
        Event::StepEnded {
            step, end: StepEnd::Failed { words, .. } | StepEnd::InDoubt { words }, ..
        } => {
            format!("{step} FAILED: {}", escape::visible(words.lines().last().unwrap_or_default()))
        }
        Event::StepsCompleted => {
            let changed = run.steps.values().filter(|state| **state == StepState::Changed).count();
            format!("{changed} changes made")
        }
        Event::ServerLost { words, .. } => line(words),
        Event::SafetyCopyTaken { .. } => "what is there now is copied too, nothing is lost".to_owned(),
        Event::ItemRestored { item } => format!("put back: {item}"),
        Event::ServicesStarted => {
            format!("service started; it was stopped for {}", duration::short(run.outage_seconds()))
        }
        Event::ServicesFailed { failure } | Event::RestoreFailed { failure } => line(&failure.words),
        Event::ChecksPassed { findings } => format!("{} checks, all good", findings.len()),
        Event::ChecksFailed { .. } => "checks are not good".to_owned(),
        Event::BecameStuck { why, .. } => format!("stuck: {}", line(why)),
        Event::Ended { exit, words, .. } => format!("ends with {exit}: {}", line(words)),
        _ => return None,
    })
}
