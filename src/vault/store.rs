//! The vault's folder of backups.

use super::reader::Checked;
use super::{ItemReader, Spool, Summary, VaultError, crypt, folder};
use crate::backup::Purpose;
use crate::backup::{
    BackupError, BackupId, Header, Manifest, ReadBack, ReadBackItem, StructureReader, VerifiedBackup,
};
use crate::model::Digest;
use age::x25519;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Most bytes of a manifest's text.
const MANIFEST_BYTES_MAX: u64 = 4 << 30;

/// Where finished backups are: this folder today, a store that shares equal contents later.
///
/// Everything here blocks; [`Vault`]'s own functions of the same names do not.
pub trait BackupStore: Send + Sync {
    /// Every backup, the oldest first, and which are damaged.
    fn list(&self) -> Result<Listing, VaultError>;
    /// A backup's manifest.
    fn manifest(&self, id: &BackupId) -> Result<Manifest, VaultError>;
    /// The plain bytes of an item; the end is an error when they are not what the manifest says.
    fn open_item(&self, id: &BackupId, item: &str) -> Result<Box<dyn Read + Send>, VaultError>;
    /// Reads everything back and compares.
    fn verify(&self, id: &BackupId) -> Result<VerifiedBackup, VaultError>;
    /// Removes a backup.
    fn remove(&self, id: &BackupId) -> Result<(), VaultError>;
    /// Bytes that this process may still write.
    fn free_space(&self) -> Result<u64, VaultError>;
}

/// What is in a vault.
#[derive(Debug, Default)]
pub struct Listing {
    /// Every backup whose summary can be read, the oldest first.
    pub backups: Vec<Summary>,
    /// What is wrong with the others.
    pub damaged: Vec<VaultError>,
}

/// Backups in a folder, encrypted to several recipients.
#[derive(Clone)]
pub struct Vault {
    inner: Arc<Inner>,
}

struct Inner {
    path: PathBuf,
    recipients: Vec<x25519::Recipient>,
    identities: Vec<x25519::Identity>,
}

/// Does blocking work away from the threads that serve connections.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, VaultError> + Send + 'static,
) -> Result<T, VaultError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| VaultError::Interrupted)?
}

impl Vault {
    /// Opens the vault at `path`, making the folder when there is none.
    ///
    /// The identity must be one of the recipients, otherwise nothing could be read back; production
    /// needs two recipients at least.
    pub async fn open(
        path: &Path,
        recipients: &[String],
        identity_file: &Path,
        production: bool,
    ) -> Result<Self, VaultError> {
        let (path, texts, file) = (path.to_owned(), recipients.to_vec(), identity_file.to_owned());
        blocking(move || {
            let recipients = crypt::recipients(&texts)?;
            if recipients.is_empty() || (production && recipients.len() < 2) {
                return Err(VaultError::Recipients(recipients.len()));
            }
            let identities = crypt::identities(&file)?;
            let known = |identity: &x25519::Identity| {
                recipients.iter().any(|recipient| recipient.to_string() == identity.to_public().to_string())
            };
            if !identities.iter().any(known) {
                return Err(VaultError::Stranger(file.display().to_string()));
            }
            folder::make(&path, true)?;
            Ok(Self { inner: Arc::new(Inner { path, recipients, identities }) })
        })
        .await
    }

    /// Begins a backup.
    pub async fn begin(&self, header: Header) -> Result<Spool, VaultError> {
        let vault = self.clone();
        blocking(move || {
            if vault.folder(&header.id).exists() {
                return Err(VaultError::Exists(header.id.to_string()));
            }
            let folder = vault.path().join(format!("{}{}", folder::SPOOL, header.id));
            if folder.exists() {
                // A spool of the same id belongs to a process that is gone, or is at work.
                let lock = folder::lock(&folder)?.ok_or_else(|| VaultError::Busy(header.id.to_string()))?;
                std::fs::remove_dir_all(&folder).map_err(|e| VaultError::file("remove", &folder, e))?;
                drop(lock);
            }
            folder::make(&folder, false)?;
            let lock = folder::lock(&folder)?.ok_or_else(|| VaultError::Busy(header.id.to_string()))?;
            Ok(Spool { vault, folder, _lock: lock, header, pending: BTreeMap::new(), items: Vec::new() })
        })
        .await
    }

    /// Every backup, the oldest first, and which are damaged.
    pub async fn list(&self) -> Result<Listing, VaultError> {
        let vault = self.clone();
        blocking(move || BackupStore::list(&vault)).await
    }

    /// A backup's manifest, compared with its summary.
    pub async fn manifest(&self, id: &BackupId) -> Result<Manifest, VaultError> {
        let (vault, id) = (self.clone(), id.clone());
        blocking(move || BackupStore::manifest(&vault, &id)).await
    }

    /// The plain bytes of an item.
    pub async fn open_item(&self, id: &BackupId, item: &str) -> Result<ItemReader, VaultError> {
        let (vault, id, item) = (self.clone(), id.clone(), item.to_owned());
        let source = blocking(move || BackupStore::open_item(&vault, &id, &item)).await?;
        Ok(ItemReader::start(source))
    }

    /// Reads everything back and compares.
    pub async fn verify(&self, id: &BackupId) -> Result<VerifiedBackup, VaultError> {
        let (vault, id) = (self.clone(), id.clone());
        blocking(move || vault.verify_now(&id)).await
    }

    /// Reads everything back and compares, for a restore: a copy that was made before a restore will do.
    pub async fn verify_copy(&self, id: &BackupId) -> Result<VerifiedBackup, VaultError> {
        let (vault, id) = (self.clone(), id.clone());
        blocking(move || {
            let (manifest, read) = vault.read_back(&id)?;
            Ok(VerifiedBackup::prove_copy(&manifest, &read)?)
        })
        .await
    }

    /// Removes a backup; whether it may go is [`crate::backup::retain`]'s to say.
    pub async fn remove(&self, id: &BackupId) -> Result<(), VaultError> {
        let (vault, id) = (self.clone(), id.clone());
        blocking(move || vault.remove_now(&id)).await
    }

    /// Bytes that this process may still write.
    pub fn free_space(&self) -> Result<u64, VaultError> {
        let path = self.path();
        let disk =
            rustix::fs::statvfs(path).map_err(|error| VaultError::file("measure", path, error.into()))?;
        Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
    }

    /// Removes spools whose process is gone, and what is left of removed backups; returns their names.
    /// Other hidden folders are somebody else's, and stay.
    pub async fn sweep(&self) -> Result<Vec<String>, VaultError> {
        let vault = self.clone();
        blocking(move || {
            let mut swept = Vec::new();
            for (name, folder) in vault.folders()? {
                let id = name.strip_prefix(folder::SPOOL).or_else(|| name.strip_prefix(folder::REMOVED));
                if id.is_none_or(|id| BackupId::parse(id).is_err()) {
                    continue;
                }
                let Some(_lock) = folder::lock(&folder)? else { continue };
                std::fs::remove_dir_all(&folder).map_err(|e| VaultError::file("remove", &folder, e))?;
                swept.push(name);
            }
            Ok(swept)
        })
        .await
    }

    pub(super) fn path(&self) -> &Path {
        &self.inner.path
    }

    pub(super) fn recipients(&self) -> &[x25519::Recipient] {
        &self.inner.recipients
    }

    pub(super) fn with_identities(&self, identities: Vec<x25519::Identity>) -> Self {
        let Inner { path, recipients, .. } = &*self.inner;
        Self { inner: Arc::new(Inner { path: path.clone(), recipients: recipients.clone(), identities }) }
    }

    pub(super) fn folder(&self, id: &BackupId) -> PathBuf {
        self.path().join(id.as_str())
    }

    /// Names and paths of the folders in the vault.
    fn folders(&self) -> Result<Vec<(String, PathBuf)>, VaultError> {
        let bad = |error| VaultError::file("read", self.path(), error);
        let mut folders = Vec::new();
        for entry in std::fs::read_dir(self.path()).map_err(bad)? {
            let entry = entry.map_err(bad)?;
            if entry.file_type().map_err(bad)?.is_dir() {
                folders.push((entry.file_name().to_string_lossy().into_owned(), entry.path()));
            }
        }
        folders.sort();
        Ok(folders)
    }

    fn existing(&self, id: &BackupId) -> Result<PathBuf, VaultError> {
        let folder = self.folder(id);
        if folder.is_dir() { Ok(folder) } else { Err(VaultError::Unknown(id.to_string())) }
    }

    pub(super) fn verify_now(&self, id: &BackupId) -> Result<VerifiedBackup, VaultError> {
        let (manifest, read) = self.read_back(id)?;
        Ok(VerifiedBackup::prove(&manifest, &read)?)
    }

    pub(super) fn remove_now(&self, id: &BackupId) -> Result<(), VaultError> {
        // Renamed first, so that a crash leaves garbage that `sweep` knows, never half a backup.
        let going = self.path().join(format!("{}{id}", folder::REMOVED));
        let folder = self.existing(id)?;
        std::fs::rename(&folder, &going).map_err(|error| VaultError::file("rename", &folder, error))?;
        folder::sync(self.path())?;
        std::fs::remove_dir_all(&going).map_err(|error| VaultError::file("remove", &going, error))
    }

    /// Decrypts, decompresses and hashes everything, and looks at each item's structure again.
    pub(super) fn read_back(&self, id: &BackupId) -> Result<(Manifest, ReadBack), VaultError> {
        let manifest = BackupStore::manifest(self, id)?;
        let folder = self.existing(id)?;
        let mut items = BTreeMap::new();
        for item in &manifest.items {
            let name = &item.item.id;
            let path = folder.join(folder::item_file(name));
            let mut source = crypt::open(&path, &self.inner.identities)?;
            let safety = manifest.header.purpose == Purpose::Safety;
            let mut structure = StructureReader::new(item.item.structure(), safety);
            let mut hasher = Sha256::new();
            let mut chunk = vec![0; 128 * 1024];
            loop {
                let length = source.read(&mut chunk).map_err(|error| VaultError::damaged(&path, error))?;
                if length == 0 {
                    break;
                }
                hasher.update(&chunk[..length]);
                structure.feed(&chunk[..length])?;
            }
            let contents = structure.finish(name)?;
            if contents.files != item.files {
                return Err(BackupError::ReadBack { item: name.clone(), what: "list of files" }.into());
            }
            items.insert(name.clone(), ReadBackItem { digest: Digest::finish(hasher), size: contents.size });
        }
        let digest = manifest.digest()?;
        Ok((manifest, ReadBack { manifest: digest, items }))
    }
}

impl BackupStore for Vault {
    fn list(&self) -> Result<Listing, VaultError> {
        let mut listing = Listing::default();
        for (name, folder) in self.folders()? {
            // `lost+found`, spools, whatever else lies there: no backup is called so.
            if BackupId::parse(&name).is_err() {
                continue;
            }
            match Summary::read(&folder) {
                Ok(summary) if summary.id.as_str() == name => listing.backups.push(summary),
                Ok(_) => {
                    listing.damaged.push(VaultError::damaged(&folder, "its summary names another backup"))
                }
                Err(error) => listing.damaged.push(error),
            }
        }
        listing.backups.sort_by(|a, b| (a.taken_at, &a.id).cmp(&(b.taken_at, &b.id)));
        Ok(listing)
    }

    fn manifest(&self, id: &BackupId) -> Result<Manifest, VaultError> {
        let folder = self.existing(id)?;
        let path = folder.join(folder::MANIFEST);
        let mut text = Vec::new();
        let source = crypt::open(&path, &self.inner.identities)?;
        source
            .take(MANIFEST_BYTES_MAX)
            .read_to_end(&mut text)
            .map_err(|error| VaultError::damaged(&path, error))?;
        let manifest = Manifest::parse(&text)?;
        let summary = Summary::read(&folder)?;
        let expected = Summary::of(&manifest, folder::stored(&folder)?)?;
        if Digest::of(&text) != summary.manifest || manifest.header.id != *id || summary != expected {
            return Err(VaultError::damaged(&path, "it is not the manifest of this backup"));
        }
        Ok(manifest)
    }

    fn open_item(&self, id: &BackupId, item: &str) -> Result<Box<dyn Read + Send>, VaultError> {
        let manifest = BackupStore::manifest(self, id)?;
        let unknown =
            || VaultError::UnknownItem { backup: id.to_string(), item: item.escape_debug().to_string() };
        let entry = manifest.item(item).ok_or_else(unknown)?;
        let path = self.existing(id)?.join(folder::item_file(&entry.item.id));
        let source = crypt::open(&path, &self.inner.identities)?;
        let expected = ReadBackItem { digest: entry.digest, size: entry.size };
        Ok(Box::new(Checked::new(source, expected)))
    }

    fn verify(&self, id: &BackupId) -> Result<VerifiedBackup, VaultError> {
        self.verify_now(id)
    }

    fn remove(&self, id: &BackupId) -> Result<(), VaultError> {
        self.remove_now(id)
    }

    fn free_space(&self) -> Result<u64, VaultError> {
        Vault::free_space(self)
    }
}
