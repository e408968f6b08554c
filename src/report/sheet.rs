//! The director's page: what changes, what was tested, what happens if it fails, and until when to decide.
//!
//! Made of plain data from the database alone. Fits 80 columns; every text from outside is escaped and cut.

mod lines;
#[cfg(test)]
mod tests;

use super::{duration, escape, language as say, moment, size};
use crate::approval::{Opening, Subject, Weakening};
use crate::backup::spec::Part;
use crate::model::{EnvironmentKind, EnvironmentName, Language, PlaybookKind, Role, ServerName, Timestamp};
use lines::Lines;

/// Width of the page in columns.
pub const COLUMNS: usize = 80;
/// Width of a label.
pub const LABEL_COLUMNS: usize = 12;
/// Lines shown of each server's changes.
pub const CHANGES_SHOWN: usize = 6;
/// Servers shown with their changes; the others are counted.
pub const SERVERS_SHOWN: usize = 8;
/// Columns of a server's or environment's name.
pub const NAME_COLUMNS_MAX: usize = 24;
/// Longest reason shown, in columns.
pub const REASON_COLUMNS: usize = 400;

/// Everything on the page.
#[derive(Debug, Clone)]
pub struct Sheet {
    /// The system's title.
    pub title: String,
    /// Where.
    pub environment: EnvironmentName,
    /// What that environment is for.
    pub environment_kind: EnvironmentKind,
    /// What is done.
    pub kind: PlaybookKind,
    /// The version that is there, if it was observed.
    pub from_version: Option<String>,
    /// The version that will be there.
    pub to_version: Option<String>,
    /// Who asks, as people write the name.
    pub requested_by: String,
    /// Whether that is a machine.
    pub requested_by_machine: bool,
    /// When it was asked.
    pub requested_at: Timestamp,
    /// Why, in the requester's words.
    pub why: String,
    /// Whether something was approved before and only the difference is shown.
    pub only_difference: bool,
    /// What would change, by server.
    pub changes: Vec<ServerChanges>,
    /// What came of the same release elsewhere.
    pub earlier: Vec<EarlierResult>,
    /// What stands behind the change.
    pub backup: BackupShown,
    /// When a backup of this system here was last restored.
    pub proof: Option<Proof>,
    /// What happens on failure.
    pub on_failure: OnFailure,
    /// The rules that an approval loosens.
    pub weakening: Vec<Weakening>,
    /// Roles for which nobody has approved yet.
    pub missing: Vec<Role>,
    /// Who has approved: name and role.
    pub decided: Vec<(String, Role)>,
    /// The last moment to decide.
    pub decide_by: Timestamp,
    /// For how long an approval holds, in seconds.
    pub valid_for_seconds: i64,
    /// When changes may start; nothing means at any time.
    pub window: Option<Opening>,
    /// Whether the decision is signed.
    pub signed: bool,
    /// What exactly is decided on.
    pub subject: Subject,
    /// The institution's time zone, for every time on the page.
    pub zone: String,
}

/// One server's part of the prediction.
#[derive(Debug, Clone)]
pub struct ServerChanges {
    /// The server.
    pub server: ServerName,
    /// Steps that would change something.
    pub changes: usize,
    /// Steps of which it cannot be known before.
    pub unknown: usize,
    /// Steps whose result is there already.
    pub unchanged: usize,
    /// One line for each change, the weightiest first.
    pub lines: Vec<String>,
}

/// What came of the release in another environment.
#[derive(Debug, Clone)]
pub struct EarlierResult {
    /// Where.
    pub environment: EnvironmentName,
    /// When it ended.
    pub finished_at: Timestamp,
    /// How.
    pub outcome: Outcome,
    /// Checks that passed.
    pub checks_passed: usize,
    /// Checks that were asked.
    pub checks_total: usize,
    /// Measured length of the outage, in seconds.
    pub outage_seconds: Option<i64>,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Well.
    Succeeded,
    /// Not well.
    Failed,
    /// Not well, and what was there is back.
    Restored,
    /// It has not: it needs a person.
    Stuck,
}

/// What stands behind the change.
#[derive(Debug, Clone)]
pub enum BackupShown {
    /// The run's own backup.
    Own {
        /// The parts that are copied.
        parts: Vec<Part>,
        /// The parts that are not, with the written reason.
        left_out: Vec<(Part, String)>,
        /// Expected size in bytes.
        expected_bytes: Option<u64>,
    },
    /// A backup that was taken before.
    Older {
        /// When.
        taken_at: Timestamp,
    },
    /// Nothing: there is nothing to save yet.
    None,
}

/// The last time that a backup was put to the proof.
#[derive(Debug, Clone, Copy)]
pub struct Proof {
    /// When.
    pub at: Timestamp,
    /// Whether it was a rehearsal and not an emergency.
    pub rehearsal: bool,
    /// How long it took, in seconds.
    pub took_seconds: i64,
}

/// What happens if the change fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnFailure {
    /// What was there is put back.
    Restores,
    /// A person decides.
    Person,
    /// There was nothing.
    FirstInstall,
}

/// The page in `language`; each line ended, none wider than [`COLUMNS`].
#[must_use]
pub fn render(sheet: &Sheet, language: Language) -> String {
    let mut lines = Lines::default();
    head(sheet, language, &mut lines);
    changes(sheet, language, &mut lines);
    tested(sheet, language, &mut lines);
    failure(sheet, language, &mut lines);
    weakening(sheet, language, &mut lines);
    decision(sheet, language, &mut lines);
    lines.text()
}

fn head(sheet: &Sheet, language: Language, lines: &mut Lines) {
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

/// The environment's name, with its kind where the name does not say it.
fn place(sheet: &Sheet, language: Language) -> String {
    let kind = say::environment_kind(sheet.environment_kind, language);
    if sheet.environment.as_str() == sheet.environment_kind.as_str() {
        return kind.to_owned();
    }
    format!("{} ({kind})", sheet.environment)
}

fn changes(sheet: &Sheet, language: Language, lines: &mut Lines) {
    lines.heading(&say::changes_heading(language));
    if sheet.changes.is_empty() {
        lines.item(&say::changes_none(language));
    }
    let names_columns = widest(sheet.changes.iter().map(|server| server.server.as_str()));
    for server in sheet.changes.iter().take(SERVERS_SHOWN) {
        let counts = say::changes_counts(language, server.changes, server.unknown, server.unchanged);
        lines.named(server.server.as_str(), names_columns, &counts);
        for line in server.lines.iter().take(CHANGES_SHOWN) {
            lines.sub_item(&escape::capped(line, 140));
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

fn tested(sheet: &Sheet, language: Language, lines: &mut Lines) {
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

fn failure(sheet: &Sheet, language: Language, lines: &mut Lines) {
    lines.heading(&say::failure_heading(language));
    lines.item(&match sheet.on_failure {
        OnFailure::Restores => say::failure_restores(language),
        OnFailure::Person => say::failure_person(language),
        OnFailure::FirstInstall => say::failure_install(language),
    });
    let label = say::backup_label(language);
    match &sheet.backup {
        BackupShown::Own { parts, left_out, expected_bytes } => {
            let names: Vec<_> = parts.iter().map(|part| part_name(*part, language)).collect();
            lines.pair(&label, &say::backup_own(language, names.join(", ")));
            for (part, reason) in left_out {
                let reason = escape::capped(reason, 200);
                let text = say::left_out(language, part_name(*part, language), reason);
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

fn part_name(part: Part, language: Language) -> String {
    match part {
        Part::Packages => say::part_packages(language),
        Part::Configuration => say::part_configuration(language),
        Part::Databases => say::part_databases(language),
        Part::Complementary => say::part_complementary(language),
        Part::Logs => say::part_logs(language),
    }
}

fn weakening(sheet: &Sheet, language: Language, lines: &mut Lines) {
    if sheet.weakening.is_empty() {
        return;
    }
    lines.heading(&say::weakening_heading(language));
    for each in &sheet.weakening {
        lines.item(&each.words(language));
    }
}

fn decision(sheet: &Sheet, language: Language, lines: &mut Lines) {
    lines.heading(&say::decision_heading(language));
    for (name, role) in &sheet.decided {
        let text = say::decided_by(language, escape::capped(name, 60), role);
        lines.pair(&say::decided_label(language), &text);
    }
    let missing: Vec<_> = sheet.missing.iter().map(Role::as_str).collect();
    if !missing.is_empty() {
        lines.pair(&say::decides_label(language), &missing.join(", "));
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
