//! What a backup holds, file by file.

use super::{BackupError, FileEntry, Item, Part};
use crate::model::{BlobRef, Digest, EnvironmentName, RunId, Status, SystemName, Timestamp, canonical, name};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// The manifest's format that this version writes.
pub const FORMAT: u32 = 1;

/// A backup's id: a name, and the name of its folder in the vault.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BackupId(String);

impl BackupId {
    /// Returns the id if `text` follows the grammar of names.
    pub fn parse(text: &str) -> Result<Self, BackupError> {
        name::check(text).map_err(|_| BackupError::Id(text.escape_debug().to_string()))?;
        Ok(Self(text.to_owned()))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for BackupId {
    type Error = BackupError;
    fn try_from(text: String) -> Result<Self, BackupError> {
        Self::parse(&text)
    }
}

impl From<BackupId> for String {
    fn from(id: BackupId) -> Self {
        id.0
    }
}

impl fmt::Display for BackupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A part that is left out, with the reason that the gate shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiver {
    /// The part.
    pub part: Part,
    /// Why.
    pub reason: String,
}

/// What a copy is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Purpose {
    /// A full backup, which can stand behind an update.
    Full,
    /// What was there just before a restore; never stands behind an update.
    Safety,
}

/// What is known of a backup before it is taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Its id.
    pub id: BackupId,
    /// Whose.
    pub system: SystemName,
    /// Where.
    pub environment: EnvironmentName,
    /// The run that takes it.
    pub run: RunId,
    /// What for.
    pub purpose: Purpose,
    /// When it was begun.
    pub taken_at: Timestamp,
    /// Everything that belongs to it.
    pub items: Vec<Item>,
    /// Parts left out with a reason.
    pub waived: Vec<Waiver>,
    /// Services that stood still meanwhile, as `server: service`.
    pub quiesced: Vec<String>,
}

/// One copied item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemManifest {
    /// What was copied.
    pub item: Item,
    /// Digest of the plain copy.
    pub digest: Digest,
    /// Size of the plain copy in bytes.
    pub size: u64,
    /// Its files, where it is an archive.
    pub files: Vec<FileEntry>,
    /// Tools that made it, with their versions.
    pub tools: BTreeMap<String, String>,
    /// How the tool ended.
    pub status: Status,
    /// What was odd and yet let through.
    pub warnings: Vec<String>,
}

impl ItemManifest {
    /// The plain copy as a file that a restore needs.
    #[must_use]
    pub fn blob(&self) -> BlobRef {
        BlobRef { digest: self.digest, size: self.size }
    }
}

/// What a backup holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`FORMAT`] of the version that wrote it.
    pub format: u32,
    /// What was planned.
    pub header: Header,
    /// What was copied.
    pub items: Vec<ItemManifest>,
}

impl Manifest {
    /// The item with this id.
    #[must_use]
    pub fn item(&self, id: &str) -> Option<&ItemManifest> {
        self.items.iter().find(|item| item.item.id == id)
    }

    /// Whether each of these was copied, but for logs: what is not there could not be put back.
    #[must_use]
    pub fn covers(&self, planned: &[Item]) -> bool {
        let same = |one: &Item, other: &Item| {
            (one.part, &one.server, &one.as_user, &one.source)
                == (other.part, &other.server, &other.as_user, &other.source)
        };
        planned
            .iter()
            .filter(|item| item.part != Part::Logs)
            .all(|item| self.items.iter().any(|copied| same(&copied.item, item)))
    }

    /// Bytes of all plain copies.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.items.iter().fold(0, |sum, item| sum.saturating_add(item.size))
    }

    /// The canonical text.
    pub fn text(&self) -> Result<String, BackupError> {
        canonical(self).map_err(|error| BackupError::Manifest(error.to_string()))
    }

    /// Digest of the canonical text.
    pub fn digest(&self) -> Result<Digest, BackupError> {
        Ok(Digest::of(self.text()?.as_bytes()))
    }

    /// Reads a manifest's text; a newer format is refused.
    pub fn parse(text: &[u8]) -> Result<Self, BackupError> {
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }
        let bad = |error: serde_json::Error| BackupError::Manifest(error.to_string());
        let Format { format } = serde_json::from_slice(text).map_err(bad)?;
        if format != FORMAT {
            return Err(BackupError::Manifest(format!("format {format} is newer than {FORMAT}")));
        }
        serde_json::from_slice(text).map_err(bad)
    }
}
