//! Files and folders of the vault: private, and on the disk before anybody says so.

use super::VaultError;
use crate::backup::{BackupId, Manifest, Purpose};
use crate::model::{Digest, EnvironmentName, RunId, SystemName, Timestamp, canonical};
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

/// Name of the encrypted manifest.
pub const MANIFEST: &str = "manifest.json.zst.age";
/// Name of the summary.
pub const SUMMARY: &str = "summary.json";
/// Name of the file whose lock says that a spool's process lives.
pub const LOCK: &str = "lock";
/// Start of a spool's folder name.
pub const SPOOL: &str = ".spool-";
/// Start of the name of a backup's folder that is being removed.
pub const REMOVED: &str = ".removed-";

/// What can be said of a backup without a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Its id.
    pub id: BackupId,
    /// Whose.
    pub system: SystemName,
    /// Where.
    pub environment: EnvironmentName,
    /// The run that took it.
    pub run: RunId,
    /// What for.
    pub purpose: Purpose,
    /// When it was begun.
    pub taken_at: Timestamp,
    /// Bytes of the plain copies.
    pub size: u64,
    /// Bytes on disk, without the summary.
    pub stored: u64,
    /// Digest of the manifest's text.
    pub manifest: Digest,
}

impl Summary {
    /// Sums up a manifest.
    pub fn of(manifest: &Manifest, stored: u64) -> Result<Self, VaultError> {
        let header = &manifest.header;
        Ok(Self {
            id: header.id.clone(),
            system: header.system.clone(),
            environment: header.environment.clone(),
            run: header.run.clone(),
            purpose: header.purpose,
            taken_at: header.taken_at,
            size: manifest.size(),
            stored,
            manifest: manifest.digest()?,
        })
    }

    /// Reads the summary in a backup's folder.
    pub fn read(folder: &Path) -> Result<Self, VaultError> {
        let path = folder.join(SUMMARY);
        let text = std::fs::read(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => VaultError::damaged(&path, "it is missing"),
            _ => VaultError::file("read", &path, error),
        })?;
        serde_json::from_slice(&text).map_err(|error| VaultError::damaged(&path, error))
    }

    /// Writes it.
    pub fn write(&self, folder: &Path) -> Result<(), VaultError> {
        let path = folder.join(SUMMARY);
        let text = canonical(self).map_err(|error| VaultError::damaged(&path, error))?;
        let mut file = create(&path)?;
        file.write_all(text.as_bytes())
            .and_then(|()| file.sync_all())
            .map_err(|e| VaultError::file("write", &path, e))
    }
}

/// Makes a new private file; one that is there already is an error.
pub fn create(path: &Path) -> Result<File, VaultError> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(|error| VaultError::file("create", path, error))
}

/// Makes a private folder, with those above it when `above`.
pub fn make(path: &Path, above: bool) -> Result<(), VaultError> {
    DirBuilder::new()
        .recursive(above)
        .mode(0o700)
        .create(path)
        .map_err(|error| VaultError::file("create", path, error))
}

/// Waits until a folder's entries are on the disk.
pub fn sync(path: &Path) -> Result<(), VaultError> {
    File::open(path).and_then(|folder| folder.sync_all()).map_err(|e| VaultError::file("sync", path, e))
}

/// Takes the lock in `folder`; nothing when another process has it.
pub fn lock(folder: &Path) -> Result<Option<File>, VaultError> {
    let path = folder.join(LOCK);
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(|error| VaultError::file("open", &path, error))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(file)),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(VaultError::file("lock", &path, error.into())),
    }
}

/// Bytes of the files directly in `folder`, without its summary.
pub fn stored(folder: &Path) -> Result<u64, VaultError> {
    let bad = |error| VaultError::file("read", folder, error);
    let mut sum = 0;
    for entry in std::fs::read_dir(folder).map_err(bad)? {
        let entry = entry.map_err(bad)?;
        if entry.file_name() != SUMMARY {
            sum += entry.metadata().map_err(bad)?.len();
        }
    }
    Ok(sum)
}

/// Removes copies that were begun and never accepted.
pub fn remove_parts(folder: &Path) -> Result<(), VaultError> {
    let bad = |error| VaultError::file("clean", folder, error);
    for entry in std::fs::read_dir(folder).map_err(bad)? {
        let entry = entry.map_err(bad)?;
        if entry.file_name().to_string_lossy().contains(".zst.age.part-") {
            std::fs::remove_file(entry.path()).map_err(bad)?;
        }
    }
    Ok(())
}

/// The name of an item's file.
pub fn item_file(id: &str) -> String {
    format!("{id}.zst.age")
}
