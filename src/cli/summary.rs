//! What a verb says at its end: how the run stands, and what to do next.

use super::{
    CliError, Format, Terminal, junit, procedural, progress,
    status::{self, Standing, title, what},
};
use crate::{
    approval::Verdict,
    executor::{self, Site},
    model::{ExitCode, Language, RunId},
    report::{duration, endings, escape, journal, language::records as say},
    run::{BackupState, Goal, Run, StepState},
};
use serde_json::{Value as Json, json};

/// Prints the summary of a run.
pub async fn print(site: &Site, terminal: &Terminal, id: &RunId, code: ExitCode) -> Result<(), CliError> {
    let row = site.store.run(id).await?;
    if procedural::is_one(&row) {
        let language = progress::institution_language(terminal, site);
        return procedural::print(&site.store, terminal, id, language).await.map(drop);
    }
    let now = site.store.now().await?;
    let opened_at = row.opened_at;
    let standing = status::standing(&site.store, Some(&site.people), row, now).await?;
    let run = &standing.run;
    match terminal.format {
        Format::Json => terminal.json(&document(run, code)),
        Format::Junit => terminal.result(&junit::run(run, code)),
        Format::Text => {
            let seconds = run.last_at.seconds_since(opened_at);
            let language = progress::site_language(terminal, site);
            terminal.result(&text(&standing, code, seconds, &site.project.zone, language));
        }
    }
    Ok(())
}

/// Prints the runs of a route as one document: for machines, where people have read each at its end.
pub async fn print_all(site: &Site, terminal: &Terminal, ends: &[(RunId, ExitCode)]) -> Result<(), CliError> {
    let [.., (id, code)] = ends else { return Ok(()) };
    if ends.len() == 1 && terminal.format != Format::Text {
        return print(site, terminal, id, *code).await;
    }
    let mut runs = Vec::new();
    for (id, code) in ends {
        runs.push((executor::load(&site.store, id).await?, *code));
    }
    match terminal.format {
        Format::Text => {}
        Format::Json => {
            let all: Vec<_> = runs.iter().map(|(run, code)| document(run, *code)).collect();
            terminal.json(&json!({ "exit": code.number(), "meaning": code.meaning(), "runs": all }));
        }
        Format::Junit => terminal.result(&junit::runs(&runs)),
    }
    Ok(())
}

/// The summary as JSON.
#[must_use]
pub fn document(run: &Run, code: ExitCode) -> Json {
    let (changed, unchanged) = counts(run);
    json!({
        "run": run.header.id, "system": run.header.system, "environment": run.header.environment,
        "playbook": run.header.playbook, "goal": run.header.goal, "puts_back": run.puts_back(), "version": run.header.version, "state": run.label(),
        "exit": code.number(), "meaning": code.meaning(),
        "release": run.header.release, "plan": run.header.plan,
        "prediction": run.prediction.as_ref().map(|(digest, _)| digest),
        "changed": changed, "unchanged": unchanged, "backup": backup(run),
        "outage_seconds": run.outage_seconds(),
        "failure": run.failure, "hint": run.lost_hint, "findings": run.findings, "approved_by": run.approved_by,
        "next": next(run, code),
    })
}

fn text(standing: &Standing, code: ExitCode, seconds: i64, zone: &str, language: Language) -> String {
    let run = &standing.run;
    let how = endings::of(run, language).unwrap_or_else(|| match code {
        ExitCode::Waiting | ExitCode::Rejected | ExitCode::Expired => standing.state(language),
        _ => code_words(code, language),
    });
    let how = escape::visible(how.lines().next().unwrap_or_default());
    let heading = match run.header.goal {
        Goal::Change => what(run, language),
        Goal::Backup | Goal::Restore { .. } => title(run, &standing.row.new.kind, language),
    };
    let mut lines = vec![format!("{heading}: {how} ({})", code.number())];
    let mut pair = |label: &str, words: &str| {
        // Labels of both languages have their column; a long one only moves its own text.
        lines.push(format!("  {label:<8} {words}"));
    };
    let (changed, unchanged) = counts(run);
    if changed + unchanged > 0 {
        let words = say::summary_steps(language, changed, unchanged, duration::short(seconds));
        pair(&say::summary_steps_label(language), &words);
    }
    if let Some(backup) = backup(run) {
        pair(&say::summary_backup_label(language), &backup);
    }
    if run.outage_ms > 0 {
        pair(&say::summary_stopped_label(language), &duration::short(run.outage_seconds()));
    }
    if let Some(failure) = run.failure.as_ref().filter(|_| code != ExitCode::Done) {
        for (at, line) in failure.words.lines().enumerate() {
            let label = if at == 0 { say::summary_failure_label(language) } else { String::new() };
            pair(&label, &escape::visible(line));
        }
        if let Some(hint) = &failure.hint {
            pair(&say::summary_hint_label(language), &escape::visible(hint));
        }
    }
    // A server that was lost, or that another store holds, is no failure of a step.
    if let Some(hint) = run.lost_hint.as_ref().filter(|_| code != ExitCode::Done && run.failure.is_none()) {
        pair(&say::summary_hint_label(language), &escape::visible(hint));
    }
    for finding in run.findings.iter().filter(|finding| finding.verdict != "good") {
        let words = journal::finding_words(finding, language);
        pair(&say::summary_check_label(language), &escape::visible(&words));
    }
    pair(&say::summary_run_label(language), run.header.id.0.as_str());
    if let Some((names, until)) = standing.deciders(zone, language).filter(|_| code == ExitCode::Waiting) {
        pair(&say::summary_who_label(language), &names);
        pair(&say::summary_until_label(language), &until);
    }
    for (label, text) in next_of(standing, code, language) {
        pair(&label, &text);
    }
    lines.join("\n")
}

/// What the code of a run that has not ended means.
fn code_words(code: ExitCode, language: Language) -> String {
    match code {
        ExitCode::WindowClosed => say::code_window_closed(language),
        ExitCode::Interrupted => say::code_interrupted(language),
        ExitCode::Stuck => say::code_stuck(language),
        other => other.meaning().to_owned(),
    }
}

fn counts(run: &Run) -> (usize, usize) {
    let count = |wanted: &StepState| run.steps.values().filter(|state| *state == wanted).count();
    (count(&StepState::Changed), count(&StepState::Unchanged))
}

fn backup(run: &Run) -> Option<String> {
    match &run.backup {
        BackupState::Verified(record) => {
            record.replay(&run.header.id).ok().map(|backup| backup.id().to_string())
        }
        BackupState::Admitted(backup) => Some(backup.clone()),
        _ => None,
    }
}

/// The next commands for people, each with its label, of a run that may have been decided on meanwhile.
fn next_of(standing: &Standing, code: ExitCode, language: Language) -> Vec<(String, String)> {
    let id = &standing.run.header.id;
    let resume = format!("esclusa resume {}", standing.run.leader());
    let first = |command: String| (say::summary_next_label(language), command);
    match (code, standing.verdict()) {
        (ExitCode::Waiting, Some(Verdict::Open { .. })) => {
            vec![first(format!("esclusa approve {id}")), (say::summary_then_label(language), resume)]
        }
        (ExitCode::Waiting, _) if standing.is_driven() => vec![first(format!("esclusa wait {id}"))],
        (ExitCode::Waiting, _) => vec![first(resume)],
        (ExitCode::Rejected | ExitCode::Expired, Some(_)) => {
            vec![first(resume), (say::summary_hint_label(language), say::only_records_the_end(language))]
        }
        _ => next(&standing.run, code).map(first).into_iter().collect(),
    }
}

/// The next command for whoever reads this: from every state that is not final one leads out.
#[must_use]
pub fn next(run: &Run, code: ExitCode) -> Option<String> {
    let id = &run.header.id;
    if let (ExitCode::Failed, BackupState::Admitted(backup)) = (code, &run.backup) {
        return Some(format!("esclusa restore {backup}"));
    }
    match code {
        ExitCode::Done | ExitCode::Rejected | ExitCode::Expired => None,
        ExitCode::Interrupted if run.ended.is_some() => None,
        ExitCode::Waiting if run.is_held() => Some(format!("esclusa resume {}", run.leader())),
        ExitCode::Waiting => Some(format!("esclusa approve {id}; then esclusa resume {}", run.leader())),
        ExitCode::WindowClosed | ExitCode::Interrupted => Some(format!("esclusa resume {}", run.leader())),
        // What needs a person is asked of the run itself.
        ExitCode::Stuck => Some(format!("esclusa resume {id}")),
        ExitCode::Stale => {
            Some(format!("esclusa run {} --env {}", run.header.playbook, run.header.environment))
        }
        _ => Some(format!("esclusa show {id}")),
    }
}
