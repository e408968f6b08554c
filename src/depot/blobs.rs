//! The folder of blobs.

use super::error::{DepotError, file};
use super::output::CappedOutput;
use crate::model::{BlobRef, Digest};
use sha2::{Digest as _, Sha256};
use std::fs::{self, File};
use std::io::{Read, Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::NamedTempFile;
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// Bytes that are moved at once.
pub(super) const CHUNK_BYTES: usize = 128 * 1024;
/// Unfinished files of crashed processes are removed after this.
const UNFINISHED_KEPT: Duration = Duration::from_secs(24 * 3600);

/// A folder with blobs, each named by the SHA-256 of what it holds.
#[derive(Debug, Clone)]
pub struct Depot {
    folder: PathBuf,
}

impl Depot {
    /// Opens the depot in `folder` and makes the folder if it is not there.
    pub fn open(folder: &Path) -> Result<Self, DepotError> {
        let depot = Self { folder: folder.to_owned() };
        make_folder(&depot.blobs())?;
        make_folder(&depot.incoming())?;
        depot.forget_unfinished();
        Ok(depot)
    }

    fn blobs(&self) -> PathBuf {
        self.folder.join("blobs")
    }

    fn incoming(&self) -> PathBuf {
        self.folder.join("incoming")
    }

    /// Where the blob with `digest` is, whether or not it is there.
    #[must_use]
    pub fn path(&self, digest: &Digest) -> PathBuf {
        let name = digest.to_string();
        self.blobs().join(&name[..2]).join(name)
    }

    /// Whether the blob is there; its content is proven when it is read.
    #[must_use]
    pub fn contains(&self, digest: &Digest) -> bool {
        self.path(digest).is_file()
    }

    /// Starts a blob of at most `limit` bytes; `what` names its origin in errors.
    pub fn writer(&self, what: &str, limit: u64) -> Result<BlobWriter, DepotError> {
        let folder = self.incoming();
        let temporary =
            NamedTempFile::with_prefix_in("blob-", &folder).map_err(file(&folder, "written to"))?;
        Ok(BlobWriter {
            depot: self.clone(),
            temporary,
            hasher: Sha256::new(),
            size: 0,
            limit,
            what: what.to_owned(),
        })
    }

    /// Stores `bytes`.
    pub fn put_bytes(&self, bytes: &[u8]) -> Result<BlobRef, DepotError> {
        let mut writer = self.writer("bytes", u64::MAX)?;
        writer.write(bytes)?;
        writer.finish()
    }

    /// Stores what `reader` delivers, at most `limit` bytes of it.
    pub fn put_reader(&self, mut reader: impl Read, what: &str, limit: u64) -> Result<BlobRef, DepotError> {
        let mut writer = self.writer(what, limit)?;
        let mut chunk = vec![0; CHUNK_BYTES];
        loop {
            match reader.read(&mut chunk) {
                Ok(0) => return writer.finish(),
                Ok(count) => writer.write(&chunk[..count])?,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(file(Path::new(what), "read")(error)),
            }
        }
    }

    /// Stores what `reader` delivers, at most `limit` bytes of it.
    pub async fn put_stream(
        &self,
        mut reader: impl AsyncRead + Unpin,
        what: &str,
        limit: u64,
    ) -> Result<BlobRef, DepotError> {
        let mut writer = self.writer(what, limit)?;
        let mut chunk = vec![0; CHUNK_BYTES];
        loop {
            let count = reader.read(&mut chunk).await.map_err(file(Path::new(what), "read"))?;
            if count == 0 {
                break;
            }
            writer.write(&chunk[..count])?;
        }
        // Waiting for the disk must not keep other connections waiting.
        tokio::task::spawn_blocking(|| writer.finish()).await.map_err(|_| DepotError::Interrupted)?
    }

    /// Stores a long output, of which the middle may have been left out.
    pub fn put_output(&self, output: CappedOutput) -> Result<BlobRef, DepotError> {
        self.put_bytes(&output.into_bytes())
    }

    /// Opens a blob whose content was just proven, with its size.
    pub fn open_blob(&self, digest: &Digest) -> Result<(File, u64), DepotError> {
        let path = self.path(digest);
        let mut blob = match File::open(&path) {
            Ok(blob) => blob,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(DepotError::Missing(*digest));
            }
            Err(error) => return Err(file(&path, "read")(error)),
        };
        let (mut hasher, mut size, mut chunk) = (Sha256::new(), 0, vec![0; CHUNK_BYTES]);
        loop {
            let count = blob.read(&mut chunk).map_err(file(&path, "read"))?;
            if count == 0 {
                break;
            }
            hasher.update(&chunk[..count]);
            size += count as u64;
        }
        let found = Digest::finish(hasher);
        if found != *digest {
            return Err(DepotError::Damaged { digest: *digest, found });
        }
        blob.rewind().map_err(file(&path, "read"))?;
        Ok((blob, size))
    }

    /// The whole content of a blob of at most `limit` bytes.
    pub fn read(&self, digest: &Digest, limit: u64) -> Result<Vec<u8>, DepotError> {
        let (blob, size) = self.open_blob(digest)?;
        if size > limit {
            return Err(DepotError::TooLarge { what: format!("blob {}", digest.short()), limit });
        }
        let path = self.path(digest);
        let mut bytes = Vec::new();
        blob.take(limit).read_to_end(&mut bytes).map_err(file(&path, "read"))?;
        let found = Digest::of(&bytes);
        if found != *digest {
            return Err(DepotError::Damaged { digest: *digest, found });
        }
        Ok(bytes)
    }

    /// Removes what crashed processes left unfinished; what cannot be removed stays for the next time.
    fn forget_unfinished(&self) {
        let Ok(entries) = fs::read_dir(self.incoming()) else { return };
        for entry in entries.flatten() {
            let modified = entry.metadata().and_then(|metadata| metadata.modified());
            if modified.is_ok_and(|time| time.elapsed().is_ok_and(|age| age > UNFINISHED_KEPT)) {
                fs::remove_file(entry.path()).ok();
            }
        }
    }
}

/// A blob that is being written; dropped unfinished it leaves nothing behind.
#[derive(Debug)]
pub struct BlobWriter {
    depot: Depot,
    temporary: NamedTempFile,
    hasher: Sha256,
    size: u64,
    limit: u64,
    what: String,
}

impl BlobWriter {
    /// Adds `bytes`.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), DepotError> {
        self.size = self.size.saturating_add(bytes.len() as u64);
        if self.size > self.limit {
            return Err(DepotError::TooLarge { what: self.what.clone(), limit: self.limit });
        }
        self.hasher.update(bytes);
        let written = self.temporary.write_all(bytes);
        written.map_err(file(self.temporary.path(), "written"))
    }

    /// Bytes so far.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Stores the blob under its digest.
    pub fn finish(self) -> Result<BlobRef, DepotError> {
        let digest = Digest::finish(self.hasher.clone());
        self.store(digest)
    }

    /// Stores the blob if its digest is `expected`.
    pub fn finish_as(self, expected: Digest) -> Result<BlobRef, DepotError> {
        let found = Digest::finish(self.hasher.clone());
        if found != expected {
            return Err(DepotError::Mismatch { what: self.what, expected, found });
        }
        self.store(expected)
    }

    /// Durable before it has its name, and its name durable before anybody relies on it. A blob that is
    /// there already is replaced by the same bytes, which mends a damaged one.
    fn store(self, digest: Digest) -> Result<BlobRef, DepotError> {
        let path = self.depot.path(&digest);
        let folder = path.parent().unwrap_or(&self.depot.folder).to_owned();
        make_folder(&folder)?;
        self.temporary.as_file().sync_all().map_err(file(self.temporary.path(), "written"))?;
        self.temporary.persist(&path).map_err(|error| file(&path, "written")(error.error))?;
        for folder in [folder.as_path(), &self.depot.blobs()] {
            File::open(folder).and_then(|folder| folder.sync_all()).map_err(file(folder, "written"))?;
        }
        Ok(BlobRef { digest, size: self.size })
    }
}

/// Makes a folder that only its owner can enter.
fn make_folder(folder: &Path) -> Result<(), DepotError> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(file(folder, "made"))?;
    let mode = fs::metadata(folder).map_err(file(folder, "read"))?.permissions().mode();
    if mode & 0o077 != 0 {
        let closed = fs::Permissions::from_mode(0o700);
        fs::set_permissions(folder, closed).map_err(file(folder, "closed to others"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn depot() -> (tempfile::TempDir, Depot) {
        let folder = tempfile::tempdir().unwrap();
        let depot = Depot::open(&folder.path().join("depot")).unwrap();
        (folder, depot)
    }

    fn modes(folder: &Path, found: &mut Vec<(bool, u32)>) {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let metadata = entry.metadata().unwrap();
            found.push((metadata.is_dir(), metadata.permissions().mode() & 0o777));
            if metadata.is_dir() {
                modes(&entry.path(), found);
            }
        }
    }

    #[test]
    fn a_blob_is_stored_once_under_its_digest_for_its_owner_alone() {
        let (folder, depot) = depot();
        let first = depot.put_bytes(b"abc").unwrap();
        assert_eq!(first, depot.put_reader(&b"abc"[..], "x", 3).unwrap());
        assert_eq!(first, BlobRef { digest: Digest::of(b"abc"), size: 3 });
        assert!(depot.contains(&first.digest));
        assert_eq!(depot.read(&first.digest, 3).unwrap(), b"abc");
        let mut found = Vec::new();
        modes(folder.path(), &mut found);
        assert_eq!(found.iter().filter(|(folder, _)| !folder).count(), 1);
        for (is_folder, mode) in found {
            assert_eq!(mode, if is_folder { 0o700 } else { 0o600 });
        }
    }

    #[test]
    fn a_damaged_blob_is_refused_and_mended_by_putting_it_again() {
        let (_folder, depot) = depot();
        let blob = depot.put_bytes(b"abc").unwrap();
        fs::write(depot.path(&blob.digest), b"abd").unwrap();
        assert!(matches!(depot.read(&blob.digest, 9), Err(DepotError::Damaged { .. })));
        assert!(matches!(depot.open_blob(&blob.digest), Err(DepotError::Damaged { .. })));
        depot.put_bytes(b"abc").unwrap();
        assert_eq!(depot.read(&blob.digest, 9).unwrap(), b"abc");
        assert!(matches!(depot.read(&Digest::of(b"?"), 9), Err(DepotError::Missing(_))));
    }

    #[test]
    fn what_is_too_large_or_something_else_leaves_nothing_behind() {
        let (folder, depot) = depot();
        assert!(matches!(depot.put_reader(&[0; 11][..], "x", 10), Err(DepotError::TooLarge { .. })));
        let mut writer = depot.writer("x", 10).unwrap();
        writer.write(b"abc").unwrap();
        let error = writer.finish_as(Digest::of(b"abd")).unwrap_err().to_string();
        assert!(error.contains(&Digest::of(b"abc").to_string()), "{error}");
        assert!(error.contains(&Digest::of(b"abd").to_string()), "{error}");
        let mut found = Vec::new();
        modes(folder.path(), &mut found);
        assert!(found.iter().all(|(folder, _)| *folder));
    }

    #[tokio::test]
    async fn a_stream_is_stored_as_it_comes() {
        let (_folder, depot) = depot();
        let bytes = vec![7; 3 * CHUNK_BYTES + 5];
        let blob = depot.put_stream(&bytes[..], "x", u64::MAX).await.unwrap();
        assert_eq!(blob, BlobRef { digest: Digest::of(&bytes), size: bytes.len() as u64 });
        assert!(matches!(depot.put_stream(&bytes[..], "x", 9).await, Err(DepotError::TooLarge { .. })));
    }
}
