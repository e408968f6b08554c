//! What is promoted.

use crate::{
    model::{CanonicalError, Digest, PlaybookKind, SystemName, Value, canonical},
    playbook::ArtifactOrigin,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A data sheet, a playbook, every file that they name, every artifact, and the inputs.
///
/// Its digest is the same in every environment and on every machine: it holds no absolute path, no
/// time and no environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// [`super::PLAN_FORMAT`] when it was made.
    pub format: u32,
    /// The system.
    pub system: SystemName,
    /// The playbook's kind.
    pub kind: PlaybookKind,
    /// The playbook's path in `files`.
    pub playbook: String,
    /// Every file by its path relative to the project's folder.
    pub files: BTreeMap<String, FileRef>,
    /// Every artifact by its name in the playbook.
    pub artifacts: BTreeMap<String, Artifact>,
    /// The inputs, defaults filled in.
    pub inputs: BTreeMap<String, Value>,
}

/// A file of the project, by content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRef {
    /// Digest of its bytes.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
}

/// A file from outside the project, as it was taken in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    /// Digest of its bytes.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// The last part of its path or address.
    pub file_name: String,
    /// Who provides it.
    pub origin: Option<ArtifactOrigin>,
    /// Its licence.
    pub licence: Option<String>,
    /// Who signed it: fingerprint or key id of the verified signature.
    pub signed_by: Option<String>,
    /// Manuals that are kept beside it.
    pub manuals: Vec<FileRef>,
}

impl Release {
    /// The release's digest.
    pub fn digest(&self) -> Result<Digest, CanonicalError> {
        Ok(Digest::of(canonical(self)?.as_bytes()))
    }

    /// The input `version`, which most releases are called by.
    #[must_use]
    pub fn version(&self) -> Option<String> {
        self.inputs.get("version").and_then(Value::scalar)
    }
}

/// The text files of a release, loaded; what templates, copies and scripts are made of.
#[derive(Debug, Clone, Default)]
pub struct ReleaseFiles(pub BTreeMap<String, Vec<u8>>);

impl crate::document::Files for ReleaseFiles {
    fn read(&self, path: &str) -> Option<Vec<u8>> {
        self.0.get(path).cloned()
    }
}
