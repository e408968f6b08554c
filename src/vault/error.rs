//! What can go wrong with the vault.

use crate::backup::BackupError;
use std::io;
use std::path::Path;

/// Says why the vault cannot do it.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// A file or folder.
    #[error("cannot {doing} `{path}`")]
    File {
        /// A verb.
        doing: &'static str,
        /// The path.
        path: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A text that should be an age recipient.
    #[error("`{0}` is no age recipient")]
    Recipient(String),
    /// Production asks for two holders.
    #[error(
        "backups of production need two recipients, the control host's and a recovery key, and {0} is known"
    )]
    Recipients(usize),
    /// The identity file holds no key.
    #[error("`{0}` holds no age identity")]
    Identity(String),
    /// Others can read the identity file.
    #[error("the key in `{0}` can be read by others")]
    Exposed(String),
    /// The control host could not read its own backups.
    #[error("the key in `{0}` belongs to none of the recipients, so backups could not be read back")]
    Stranger(String),
    /// Encryption or decryption failed.
    #[error("{0}")]
    Crypt(String),
    /// Another process is at work there.
    #[error("backup `{0}` is being written by another process")]
    Busy(String),
    /// There is no such backup.
    #[error("backup `{0}` is not in the vault")]
    Unknown(String),
    /// There is no such item.
    #[error("backup `{backup}` holds no item `{item}`")]
    UnknownItem {
        /// The backup.
        backup: String,
        /// The item's id.
        item: String,
    },
    /// There is one already.
    #[error("backup `{0}` is in the vault already")]
    Exists(String),
    /// A file of the vault is not what was written.
    #[error("`{path}` is damaged: {reason}")]
    Damaged {
        /// The file.
        path: String,
        /// What is wrong.
        reason: String,
    },
    /// The copy or the proof failed.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// A task of the process ended early.
    #[error("the work on the vault was interrupted")]
    Interrupted,
}

impl VaultError {
    /// Whether the dump should be made once more.
    #[must_use]
    pub fn retry(&self) -> bool {
        matches!(self, Self::Backup(error) if error.retry())
    }

    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Exposed(path) => return Some(format!("let only its owner read it: `chmod 600 {path}`")),
            Self::Recipients(_) => {
                "add the recovery key's recipient to `vault.recipients`, see `esclusa keys new`"
            }
            Self::Stranger(_) => "add the control host's recipient to `vault.recipients`",
            Self::Damaged { .. } => "take a new backup, and look at the vault's disk",
            Self::File { source, .. } if source.kind() == io::ErrorKind::StorageFull => {
                "make room on that disk; in the vault, `keep` of the backup playbook says how many stay"
            }
            _ => return None,
        };
        Some(hint.to_owned())
    }

    pub(crate) fn file(doing: &'static str, path: &Path, source: io::Error) -> Self {
        Self::File { doing, path: path.display().to_string(), source }
    }

    pub(crate) fn damaged(path: &Path, reason: impl ToString) -> Self {
        Self::Damaged { path: path.display().to_string(), reason: reason.to_string() }
    }
}
