//! The director's page: what changes, what was tested, what happens if it fails, and until when to decide.
//!
//! Made of plain data from the database alone. Fits 80 columns; every text from outside is escaped and cut.

mod sections;
#[cfg(test)]
mod tests;

use super::lines::Lines;
use crate::approval::{Opening, Subject, Weakening};
use crate::backup::spec::Part;
use crate::model::{EnvironmentKind, EnvironmentName, Language, PlaybookKind, Role, ServerName, Timestamp};

/// Lines shown of each server's changes.
pub const CHANGES_SHOWN: usize = 6;
/// Servers shown with their changes; the others are counted.
pub const SERVERS_SHOWN: usize = 8;
/// Columns of a server's or environment's name.
pub const NAME_COLUMNS_MAX: usize = 24;
/// Inputs shown; the others are counted.
pub const INPUTS_SHOWN: usize = 10;
/// Longest value of an input shown, in columns.
pub const INPUT_COLUMNS: usize = 60;
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
    /// What the playbook is called, where it says so.
    pub playbook: Option<String>,
    /// The caller's values by name, but the version's, which is said above.
    pub inputs: Vec<(String, String)>,
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
    pub lines: Vec<ChangeLine>,
}

/// What one step would change.
#[derive(Debug, Clone)]
pub struct ChangeLine {
    /// The step's name, in the author's words.
    pub step: String,
    /// What it would change, as the forecast says it; may be empty.
    pub words: String,
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
    /// What is there now is copied, then an older backup is put back.
    Safety {
        /// When that one was taken.
        taken_at: Timestamp,
        /// The parts that are put back.
        parts: Vec<Part>,
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
    sections::head(sheet, language, &mut lines);
    sections::changes(sheet, language, &mut lines);
    sections::tested(sheet, language, &mut lines);
    sections::failure(sheet, language, &mut lines);
    sections::weakening(sheet, language, &mut lines);
    sections::decision(sheet, language, &mut lines);
    lines.text()
}
