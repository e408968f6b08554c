//! A backup while it is being taken.

use super::crypt::Sealer;
use super::store::{Vault, blocking};
use super::{ItemWriter, Summary, VaultError, folder};
use crate::backup::manifest::FORMAT;
use crate::backup::{
    BackupError, Estimate, Header, Item, ItemManifest, Manifest, Purpose, VerifiedBackup, judge,
};
use crate::model::Status;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::PathBuf;

/// A backup that is being taken, in a folder of its own that only this process writes.
///
/// Dropped without [`Spool::seal`] it stays as garbage, which [`Vault::sweep`] removes.
pub struct Spool {
    pub(super) vault: Vault,
    pub(super) folder: PathBuf,
    pub(super) _lock: File,
    pub(super) header: Header,
    pub(super) pending: BTreeMap<String, Pending>,
    pub(super) items: Vec<ItemManifest>,
}

/// What is known of an item whose copy has begun.
pub(super) struct Pending {
    attempts: u32,
    estimate: Estimate,
}

impl Spool {
    /// Begins the copy of `item`; calling it again for the same item replaces what came before.
    pub async fn receive(&mut self, item: &Item, estimate: &Estimate) -> Result<ItemWriter, VaultError> {
        if !self.header.items.contains(item) {
            let backup = self.header.id.to_string();
            return Err(VaultError::UnknownItem { backup, item: item.id.clone() });
        }
        item.check()?;
        let pending = self
            .pending
            .entry(item.id.clone())
            .or_insert_with(|| Pending { attempts: 0, estimate: estimate.clone() });
        pending.attempts += 1;
        let name = format!("{}.part-{}", folder::item_file(&item.id), pending.attempts);
        self.items.retain(|copied| copied.item.id != item.id);
        let safety = self.header.purpose == Purpose::Safety;
        let recipients = self.vault.recipients().to_vec();
        Ok(ItemWriter::start(item.clone(), self.folder.join(name), recipients, safety))
    }

    /// Ends a copy and judges it by how the dump ended, what it wrote to standard error, and what
    /// came in. When [`VaultError::retry`] holds, the dump should be made once more.
    pub async fn accept(
        &mut self,
        writer: ItemWriter,
        status: &Status,
        stderr: &[u8],
    ) -> Result<&ItemManifest, VaultError> {
        let (item, part) = (writer.item.clone(), writer.path.clone());
        let judged = self.judged(writer, &item, status, stderr).await;
        let manifest = match judged {
            Ok(manifest) => manifest,
            Err(error) => {
                // What is no copy must not lie around; the error that matters is the first one.
                let _ = blocking(move || Ok(std::fs::remove_file(part))).await?;
                return Err(error);
            }
        };
        let whole = self.folder.join(folder::item_file(&item.id));
        blocking(move || {
            std::fs::rename(&part, &whole).map_err(|error| VaultError::file("rename", &part, error))
        })
        .await?;
        self.items.push(manifest);
        self.items.last().ok_or(VaultError::Interrupted)
    }

    /// Why the copy takes no more bytes: the disk, or what came in. Nothing is kept of it.
    pub async fn refused(&self, writer: ItemWriter) -> VaultError {
        let part = writer.path.clone();
        let error = writer.received().await.err().unwrap_or(VaultError::Interrupted);
        let _ = blocking(move || Ok(std::fs::remove_file(part))).await;
        error
    }

    async fn judged(
        &self,
        writer: ItemWriter,
        item: &Item,
        status: &Status,
        stderr: &[u8],
    ) -> Result<ItemManifest, VaultError> {
        let safety = self.header.purpose == Purpose::Safety;
        let pending = self.pending.get(&item.id);
        let attempt = pending.map_or(1, |pending| pending.attempts);
        let received = match writer.received().await {
            Ok(received) => received,
            // A dump that failed says more than the hole that it left.
            Err(VaultError::Backup(hole)) => {
                let empty = Default::default();
                judge(item, status, stderr, &empty, attempt, true)?;
                return Err(hole.into());
            }
            Err(error) => return Err(error),
        };
        let verdict = judge(item, status, stderr, &received.contents, attempt, safety)?;
        let estimate = pending.map(|pending| pending.estimate.clone()).unwrap_or_default();
        let mut warnings = estimate.warnings;
        warnings.extend(verdict.warnings);
        Ok(ItemManifest {
            item: item.clone(),
            digest: received.digest,
            size: received.size,
            files: received.contents.files,
            tools: estimate.tools,
            status: status.clone(),
            warnings,
        })
    }

    /// Writes the manifest, moves the backup into the vault, reads everything back with the control
    /// host's key and compares. A backup that does not read back equal is removed again.
    pub async fn seal(self) -> Result<VerifiedBackup, VaultError> {
        if self.header.purpose != Purpose::Full {
            let id = self.header.id.to_string();
            return Err(BackupError::NotThisOne { id, reason: "is no full backup" }.into());
        }
        blocking(move || {
            let vault = self.vault.clone();
            let summary = self.place()?;
            let proven = vault.verify_now(&summary.id);
            if proven.is_err() {
                vault.remove_now(&summary.id)?;
            }
            proven
        })
        .await
    }

    /// Like [`Spool::seal`], for a copy of what was there before a restore.
    pub async fn seal_safety(self) -> Result<Summary, VaultError> {
        if self.header.purpose != Purpose::Safety {
            let id = self.header.id.to_string();
            return Err(BackupError::NotThisOne { id, reason: "is no safety copy" }.into());
        }
        blocking(move || {
            let vault = self.vault.clone();
            let summary = self.place()?;
            let (manifest, read) = vault.read_back(&summary.id)?;
            crate::backup::proof::compare(&manifest, &read)?;
            Ok(summary)
        })
        .await
    }

    /// Removes what was copied so far.
    pub async fn abandon(self) -> Result<(), VaultError> {
        blocking(move || {
            std::fs::remove_dir_all(&self.folder)
                .map_err(|error| VaultError::file("remove", &self.folder, error))
        })
        .await
    }

    fn place(self) -> Result<Summary, VaultError> {
        let Self { vault, folder, _lock, header, mut items, .. } = self;
        let position = |item: &ItemManifest| header.items.iter().position(|planned| *planned == item.item);
        items.sort_by_key(position);
        let found = items.len();
        if found != header.items.len() {
            let planned = header.items.len();
            let _ = std::fs::remove_dir_all(&folder);
            return Err(BackupError::Incomplete { found, planned }.into());
        }
        folder::remove_parts(&folder)?;
        let manifest = Manifest { format: FORMAT, header, items };
        let path = folder.join(folder::MANIFEST);
        let bad = |error| VaultError::file("write", &path, error);
        let mut sealer = Sealer::new(vault.recipients(), BufWriter::new(folder::create(&path)?))?;
        sealer.write_all(manifest.text()?.as_bytes()).map_err(bad)?;
        let file = sealer.finish().map_err(bad)?.into_inner().map_err(|error| bad(error.into_error()))?;
        file.sync_all().map_err(bad)?;
        let summary = Summary::of(&manifest, folder::stored(&folder)?)?;
        summary.write(&folder)?;
        folder::sync(&folder)?;
        let place = vault.folder(&summary.id);
        if place.exists() {
            return Err(VaultError::Exists(summary.id.to_string()));
        }
        std::fs::rename(&folder, &place).map_err(|error| VaultError::file("rename", &folder, error))?;
        // Only now: a spool without its lock would be taken for garbage.
        let lock = place.join(folder::LOCK);
        std::fs::remove_file(&lock).map_err(|error| VaultError::file("remove", &lock, error))?;
        folder::sync(&place)?;
        folder::sync(vault.path())?;
        Ok(summary)
    }
}
