//! Events in words: the same on the screen, in `show` and in reports.

use super::{duration, escape, size};
use crate::{
    model::{Language, Timestamp},
    run::{Event, FindingSummary, Run, StepEnd},
};

/// The lines that tell an event; most are told by one.
#[must_use]
pub fn lines(run: &Run, event: &Event, at: Timestamp) -> Vec<String> {
    let clock = clock(at);
    let environment = &run.header.environment;
    let mut lines = Vec::new();
    let mut say = |words: String| lines.push(format!("{clock} {environment}: {words}"));
    match event {
        Event::Predicted { value, observed, .. } => {
            let (changes, unknown, same) = value.counts();
            let version = observed
                .version
                .as_deref()
                .map(|v| format!("; version {v} is installed"))
                .unwrap_or_default();
            say(format!("predicted: {changes} would change, {unknown} unknown, {same} as wanted{version}."));
        }
        Event::PreflightFailed { failure } => say(format!("cannot start: {}", visible(&failure.words))),
        Event::GateOpened { gate } => {
            let roles: Vec<_> = gate.rule.each.iter().map(ToString::to_string).collect();
            say(format!("gate opened: waits for {}.", roles.join(" and ")));
        }
        Event::GateApproved { by, signed, .. } => {
            let by: Vec<_> = by.iter().map(ToString::to_string).collect();
            let how = if *signed { "signed" } else { "unsigned" };
            say(format!("approved by {} ({how}).", by.join(", ")));
        }
        Event::GateRejected { by, reason, .. } => say(format!("rejected by {by}: {}", visible(reason))),
        Event::GateExpired { .. } => say("the gate expired.".to_owned()),
        Event::WindowAwaited { opens } => {
            let when = opens.map_or_else(|| "never".to_owned(), |opens| opens.to_string());
            say(format!("waits for its window, which opens {when}."));
        }
        Event::Claimed { servers, .. } => say(format!("{} servers claimed.", servers.len())),
        Event::Rechecked { .. } => say("asked again: nothing has changed since the approval.".to_owned()),
        Event::WentStale { differences, .. } => {
            for (server, step, words) in differences {
                say(format!("stale: {server}: {step} {words}."));
            }
        }
        Event::QuiesceStarted => say("stopping services.".to_owned()),
        Event::Quiesced => say("services stopped.".to_owned()),
        Event::BackupStarted { backup } => say(format!("backup {backup} started.")),
        Event::BackupItemCopied { item, bytes, .. } => {
            say(format!("backup: {item} copied ({}).", size::words(*bytes, Language::En)));
        }
        Event::BackupVerified { record } => {
            let shown = serde_json::to_value(record).ok();
            let id = shown
                .as_ref()
                .and_then(|v| v.get("id"))
                .and_then(|id| id.as_str())
                .unwrap_or_default()
                .to_owned();
            say(format!("backup verified: {id}"));
        }
        Event::BackupFailed { failure } => {
            say(format!("no backup, so no change: {}", visible(&failure.words)))
        }
        Event::StepsUnchanged { server, steps, .. } => {
            let steps: Vec<_> = steps.iter().map(ToString::to_string).collect();
            say(format!("{server}: as wanted: {}.", steps.join(", ")));
        }
        Event::StepSkipped { server, step, .. } => say(format!("{server}: {step} skipped.")),
        Event::StepStarted { server, step, attempt, summary, .. } => {
            let again = if *attempt > 1 { format!(" (attempt {attempt})") } else { String::new() };
            say(format!("{server}: {step} started{again}: {}", visible(summary)));
        }
        Event::StepEnded { server, step, end, .. } => say(match end {
            StepEnd::Changed { .. } => format!("{server}: {step} changed."),
            StepEnd::Failed { words, .. } => format!("{server}: {step} failed: {}", visible(words)),
            StepEnd::InDoubt { words } => format!("{server}: {step} in doubt: {}", visible(words)),
        }),
        Event::ServerLost { words, .. } => say(visible(words)),
        Event::StepsCompleted => say("all steps done.".to_owned()),
        Event::ServicesStarting => say("starting services.".to_owned()),
        Event::ServicesStarted => {
            let outage = duration::short(run.outage_ms / 1000);
            say(format!("services started; they were stopped for {outage}."));
        }
        Event::ServicesFailed { failure } => say(visible(&failure.words)),
        Event::ChecksPassed { findings } => say(format!("{} checks, all good.", findings.len())),
        Event::ChecksFailed { findings } => {
            for finding in findings.iter().filter(|finding| finding.verdict != "good") {
                say(format!("check {}", finding_words(finding)));
            }
        }
        Event::SafetyCopyStarted { .. } => {
            say("copying what is there now before anything is put back.".to_owned())
        }
        Event::SafetyCopyTaken { backup, .. } => say(format!("copied: {backup}")),
        Event::SafetyCopyFailed { failure } | Event::RestoreFailed { failure } => {
            say(visible(&failure.words))
        }
        Event::ItemRestoreStarted { item } => say(format!("restoring {item}.")),
        Event::ItemRestored { item } => say(format!("{item} restored.")),
        Event::RestoreCompleted => say("everything is back.".to_owned()),
        Event::CancelAsked { by, reason, .. } => say(format!("{by} asked to cancel: {}", visible(reason))),
        Event::Interrupted => say("interrupted; nothing is lost.".to_owned()),
        Event::Resumed { by, .. } => say(format!("taken up again by {by}.")),
        Event::BecameStuck { why } => say(format!("stuck: {}", visible(why))),
        Event::Ended { words, .. } => say(format!("{}.", visible(words).trim_end_matches('.'))),
        Event::Unknown => say("an event of a later version.".to_owned()),
    }
    lines
}

/// A finding in one line.
#[must_use]
pub fn finding_words(finding: &FindingSummary) -> String {
    let lines: Vec<_> = finding.lines.iter().map(|line| visible(line)).collect();
    format!("{} on {} is {}: {}", finding.check, finding.server, finding.verdict, lines.join("; "))
}

/// Hours, minutes and seconds in UTC: the rest is in `show`.
fn clock(at: Timestamp) -> String {
    at.to_string().get(11..19).unwrap_or_default().to_owned()
}

fn visible(text: &str) -> String {
    text.lines().map(escape::visible).collect::<Vec<_>>().join("\n    ")
}
