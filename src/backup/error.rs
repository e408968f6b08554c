//! What can be wrong with a backup.

use super::Part;
use crate::model::Status;

/// Says why there is no backup, or why one is not to be trusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BackupError {
    /// A text is no id of a backup.
    #[error("`{0}` is not the id of a backup")]
    Id(String),
    /// A selector of the backup playbook selects no server.
    #[error("`{selector}` of part `{part}` selects no server")]
    NoServer {
        /// The part's key.
        part: &'static str,
        /// The selector as written.
        selector: String,
    },
    /// A value cannot be part of a script.
    #[error("`{value}` of `{item}` {reason}")]
    Value {
        /// The item's id.
        item: String,
        /// The value.
        value: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The server cannot copy the item as it is.
    #[error("`{item}` cannot be copied: {reason}")]
    Refused {
        /// The item's id.
        item: String,
        /// The reasons, joined.
        reason: String,
    },
    /// The answer to a preflight is not one.
    #[error("the preflight of `{item}` failed: {reason}")]
    Preflight {
        /// The item's id.
        item: String,
        /// How it ended, and its last words.
        reason: String,
    },
    /// The dump did not succeed.
    #[error("the copy of `{item}` failed with {status}: {words}")]
    Dump {
        /// The item's id.
        item: String,
        /// How the script ended.
        status: Status,
        /// The last lines of its standard error.
        words: String,
    },
    /// Files changed while they were copied.
    #[error("files of `{item}` changed while they were copied: {words}")]
    Changed {
        /// The item's id.
        item: String,
        /// What tar said.
        words: String,
        /// Whether another attempt is worth it.
        retry: bool,
    },
    /// The copy ended before it was whole, or is not what it should be.
    #[error("the copy of `{item}` is not whole: {reason}")]
    NotWhole {
        /// The item's id.
        item: String,
        /// What is missing.
        reason: String,
    },
    /// A tar archive is damaged or uses what is not supported.
    #[error("damaged archive at byte {offset}: {reason}")]
    Tar {
        /// Position in the stream.
        offset: u64,
        /// What is wrong.
        reason: &'static str,
    },
    /// What was read back differs from what was copied.
    #[error("`{item}` read back from the vault differs in its {what}")]
    ReadBack {
        /// The item's id, or `manifest`.
        item: String,
        /// `digest`, `size` or `absence`.
        what: &'static str,
    },
    /// One of the four parts is neither there nor left out with a reason.
    #[error("part `{}` is neither in the backup nor left out with a reason", .0.as_str())]
    MissingPart(Part),
    /// The manifest lists other items than were planned.
    #[error("the backup holds {found} of {planned} planned items")]
    Incomplete {
        /// Items in the manifest that were planned.
        found: usize,
        /// Items planned.
        planned: usize,
    },
    /// A copy made for another purpose, or of another run, stands in.
    #[error("backup `{id}` {reason}")]
    NotThisOne {
        /// The backup's id.
        id: String,
        /// Why it does not count.
        reason: &'static str,
    },
    /// The manifest has no canonical text, or a format this version does not know.
    #[error("the manifest cannot be used: {0}")]
    Manifest(String),
}

impl BackupError {
    /// Whether the dump should be made once more.
    #[must_use]
    pub fn retry(&self) -> bool {
        matches!(self, Self::Changed { retry: true, .. })
    }
}

/// The last lines of what a server wrote, without control characters, at most 2000 characters.
#[must_use]
pub fn last_words(bytes: &[u8]) -> String {
    const CHARACTERS_MAX: usize = 2000;
    let text = String::from_utf8_lossy(bytes);
    let clean: Vec<char> = text
        .trim()
        .chars()
        .map(|c| if c == '\n' { ' ' } else { c })
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect();
    clean[clean.len().saturating_sub(CHARACTERS_MAX)..].iter().collect()
}
