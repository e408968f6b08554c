//! What an environment asks of a run. Policies are compared and judged in `approval`.

use super::Role;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The rules of one environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Who must approve before a change; nothing means that nobody is asked.
    pub approve: Option<ApproveRule>,
    /// Whether a release must have passed in an environment of kind `test` first.
    pub passed_in_test: bool,
    /// Whether a verified backup is taken before a change of what is there.
    pub backup: BackupRule,
    /// Whether a failed change is followed by a restore.
    pub restore_on_failure: bool,
    /// When changes may start; nothing means always.
    pub window: Option<Window>,
    /// Roles that may run, back up, restore and cancel here; empty means everybody.
    pub run: BTreeSet<Role>,
}

/// Who approves and for how long it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApproveRule {
    /// One person of each of these roles must approve; one person counts once.
    pub each: Vec<Role>,
    /// Time to decide; after it the gate is expired.
    pub decide_within_seconds: i64,
    /// Time from the last approval to the first change; after it the approval is expired.
    pub valid_for_seconds: i64,
    /// Whether decisions carry an SSH signature.
    pub signed: bool,
}

/// What stands behind a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BackupRule {
    /// The run's own verified full backup.
    Own,
    /// A verified backup at most so old; then data is not restored automatically.
    MaxAgeSeconds(i64),
}

/// Days and hours in which a change may start, in the institution's time zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Days on which it starts: 1 is Monday, 7 is Sunday. Empty means every day.
    pub days: BTreeSet<u8>,
    /// Minute of the day at which it opens, 0 to 1439.
    pub from_minute: u16,
    /// Minute of the day at which it closes; not after `from_minute` means on the next day.
    pub to_minute: u16,
    /// IANA time zone.
    pub zone: String,
}
