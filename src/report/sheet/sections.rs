//! The page's sections, from top to bottom.

use super::super::{changes, duration, escape, language as say, lines::Lines, moment, roles, size};
use super::{
    BackupShown, CHANGES_SHOWN, INPUT_COLUMNS, INPUTS_SHOWN, NAME_COLUMNS_MAX, OnFailure, Outcome,
    REASON_COLUMNS, SERVERS_SHOWN, Sheet,
};
use crate::approval::{Opening, Subject};
use crate::model::{Language, PlaybookKind};

pub(super) fn head(sheet: &Sheet, language: Language, lines: &mut Lines) {
    let place = place(sheet, language);
    lines.title(&say::approval_title(language, escape::capped(&sheet.title, 60), place));
    let kind = say::playbook_kind(sheet.kind, language);
    let version = |version: &String| escape::capped(version, 40);
    let change = match (sheet.from_version.as_ref().map(version), sheet.to_version.as_ref().map(version)) {
        (Some(from), Some(to)) => say::change_versions(language, kind, from, to),
        (None, Some(to)) if sheet.on_failure == OnFailure::FirstInstall => say::change_to(language, kind, to),
        (None, Some(to)) => say::change_from_unknown(language, kind, to),
        (_, None) => kind.to_owned(),
    };
    lines.pair(&say::change_label(language), &change);
    if let Some(playbook) = &sheet.playbook {
        lines.pair(&say::playbook_label(language), &format!("“{}”", escape::capped(playbook, 120)));
    }
    inputs(sheet, language, lines);
    let mut requester = escape::capped(&sheet.requested_by, 60);
    if sheet.requested_by_machine {
        requester = say::requester_machine(language, requester);
    }
    let asked = moment::words(sheet.requested_at, &sheet.zone, language);
    lines.pair(&say::requester_label(language), &format!("{requester}, {asked}"));
    let why = match sheet.why.trim() {
        "" => say::reason_missing(language),
        why => format!("“{}”", escape::capped(why, REASON_COLUMNS)),
    };
    lines.pair(&say::reason_label(language), &why);
    if sheet.only_difference {
        lines.pair(&say::new_gate_label(language), &say::new_gate(language));
    }
}

fn inputs(sheet: &Sheet, language: Language, lines: &mut Lines) {
    if sheet.inputs.is_empty() {
        return;
    }
    let one = |(name, value): &(String, String)| {
        format!("{}: {}", escape::capped(name, NAME_COLUMNS_MAX), escape::capped(value, INPUT_COLUMNS))
    };
    let mut shown: Vec<_> = sheet.inputs.iter().take(INPUTS_SHOWN).map(one).collect();
    shown.extend(beyond(sheet.inputs.len(), INPUTS_SHOWN).map(|more| say::changes_more(language, more)));
    lines.pair(&say::inputs_label(language), &shown.join(", "));
}

/// The environment's name, with its kind where the name does not say it.
fn place(sheet: &Sheet, language: Language) -> String {
    let kind = say::environment_kind(sheet.environment_kind, language);
    if sheet.environment.as_str() == sheet.environment_kind.as_str() {
        return kind.to_owned();
    }
    format!("{} ({kind})", sheet.environment)
}

pub(super) fn changes(sheet: &Sheet, language: Language, lines: &mut Lines) {
    lines.heading(&say::changes_heading(language));
    if sheet.changes.is_empty() {
        lines.item(&say::changes_none(language));
    }
    let names_columns = widest(sheet.changes.iter().map(|server| server.server.as_str()));
    for server in sheet.changes.iter().take(SERVERS_SHOWN) {
        let counts = say::changes_counts(language, server.changes, server.unknown, server.unchanged);
        lines.named(server.server.as_str(), names_columns, &counts);
        for line in server.lines.iter().take(CHANGES_SHOWN) {
            let text = match changes::words(&line.words, language) {
                words if words.is_empty() => line.step.clone(),
                words => format!("{}: {words}", line.step),
            };
            lines.sub_item(&escape::capped(&text, 140));
        }
        if let Some(more) = beyond(server.lines.len(), CHANGES_SHOWN) {
            lines.sub_item(&say::changes_more(language, more));
        }
    }
    if let Some(more) = beyond(sheet.changes.len(), SERVERS_SHOWN) {
        lines.item(&say::changes_more(language, more));
    }
}

/// Columns for names of servers or environments; a long one is cut, its text needs the room.
fn widest<'a>(names: impl Iterator<Item = &'a str>) -> usize {
    names.take(SERVERS_SHOWN).map(escape::width).max().unwrap_or(0).min(NAME_COLUMNS_MAX)
}

fn beyond(count: usize, shown: usize) -> Option<usize> {
    count.checked_sub(shown).filter(|more| *more > 0)
}

pub(super) fn tested(sheet: &Sheet, language: Language, lines: &mut Lines) {
    if sheet.kind == PlaybookKind::Restore {
        // What is put back was there before; no other environment says anything about it.
        return;
    }
    lines.heading(&say::tested_heading(language));
    if sheet.earlier.is_empty() {
        lines.item(&say::tested_nowhere(language));
    }
    let names_columns = widest(sheet.earlier.iter().map(|result| result.environment.as_str()));
    for result in sheet.earlier.iter().take(SERVERS_SHOWN) {
        let outcome = match result.outcome {
            Outcome::Succeeded => say::outcome_succeeded(language),
            Outcome::Failed => say::outcome_failed(language),
            Outcome::Restored => say::outcome_restored(language),
            Outcome::Stuck => say::outcome_stuck(language),
        };
        let when = moment::short(result.finished_at, &sheet.zone);
        let checks = say::tested_checks(language, result.checks_passed, result.checks_total);
        let outage = result
            .outage_seconds
            .map(|seconds| format!(", {}", say::tested_outage(language, duration::short(seconds))));
        let outage = outage.unwrap_or_default();
        let text = format!("{when} {outcome}, {checks}{outage}");
        lines.named(result.environment.as_str(), names_columns, &text);
    }
}

pub(super) fn failure(sheet: &Sheet, language: Language, lines: &mut Lines) {
    lines.heading(&say::failure_heading(language));
    lines.item(&match sheet.on_failure {
        OnFailure::Restores => say::failure_restores(language),
        OnFailure::Person => say::failure_person(language),
        OnFailure::FirstInstall => say::failure_install(language),
    });
    let label = say::backup_label(language);
    match &sheet.backup {
        BackupShown::Own { parts, left_out, expected_bytes } => {
            let names: Vec<_> = parts.iter().map(|part| say::part(*part, language)).collect();
            lines.pair(&label, &say::backup_own(language, names.join(", ")));
            for (part, reason) in left_out {
                let reason = escape::capped(reason, 200);
                let text = say::left_out(language, say::part(*part, language), reason);
                lines.pair(&say::left_out_label(language), &text);
            }
            if let Some(bytes) = expected_bytes {
                let text = say::backup_size(language, size::words(*bytes, language));
                lines.pair(&say::backup_size_label(language), &text);
            }
        }
        BackupShown::Older { taken_at } => {
            let when = moment::short(*taken_at, &sheet.zone);
            lines.pair(&label, &say::backup_older(language, when));
        }
        BackupShown::Safety { taken_at, parts } => {
            let when = moment::short(*taken_at, &sheet.zone);
            let names: Vec<_> = parts.iter().map(|part| say::part(*part, language)).collect();
            lines.pair(&label, &say::backup_safety(language, when, names.join(", ")));
        }
        BackupShown::None => lines.pair(&label, &say::backup_none(language)),
    }
    if sheet.on_failure == OnFailure::FirstInstall {
        return;
    }
    let proof = sheet.proof.map_or_else(
        || say::proof_never(language),
        |proof| {
            let when = moment::short(proof.at, &sheet.zone);
            let length = duration::short(proof.took_seconds);
            match proof.rehearsal {
                true => say::proof_rehearsal(language, when, length),
                false => say::proof_restore(language, when, length),
            }
        },
    );
    lines.pair(&say::proof_label(language), &proof);
}

pub(super) fn weakening(sheet: &Sheet, language: Language, lines: &mut Lines) {
    if sheet.weakening.is_empty() {
        return;
    }
    lines.heading(&say::weakening_heading(language));
    for each in &sheet.weakening {
        lines.item(&each.words(language));
    }
}

pub(super) fn decision(sheet: &Sheet, language: Language, lines: &mut Lines) {
    lines.heading(&say::decision_heading(language));
    for (name, role) in &sheet.decided {
        let text = say::decided_by(language, escape::capped(name, 60), roles::title(role, language));
        lines.pair(&say::decided_label(language), &text);
    }
    if !sheet.missing.is_empty() {
        lines.pair(&say::decides_label(language), &roles::titles(&sheet.missing, language));
    }
    let until = moment::words(sheet.decide_by, &sheet.zone, language);
    lines.pair(&say::until_label(language), &say::until(language, until));
    let valid = say::valid(language, duration::words(sheet.valid_for_seconds, language));
    lines.pair(&say::valid_label(language), &valid);
    let when = |moment| moment::words(moment, &sheet.zone, language);
    let window = match sheet.window {
        None => say::window_any(language),
        Some(Opening::Open { closes: Some(closes) }) => say::window_open(language, when(closes)),
        Some(Opening::Open { closes: None }) => say::window_open_always(language),
        Some(Opening::Closed { opens: Some(opens) }) => say::window_closed(language, when(opens)),
        Some(Opening::Closed { opens: None }) => say::window_never(language),
    };
    lines.pair(&say::window_label(language), &window);
    let signature =
        if sheet.signed { say::signature_signed(language) } else { say::signature_unsigned(language) };
    lines.pair(&say::signature_label(language), &signature);
    let Subject { release, plan, prediction, .. } = sheet.subject;
    let exactly = say::digests(language, release.short(), plan.short(), prediction.short());
    lines.pair(&say::digests_label(language), &exactly);
    lines.pair(&say::zone_label(language), &escape::capped(&sheet.zone, 60));
}
