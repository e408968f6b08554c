//! The keys of the vault: made once, and proven to open what they should.

use super::store::blocking;
use super::{BackupStore, Listing, Vault, VaultError, crypt, folder};
use crate::backup::BackupId;
use age::secrecy::ExposeSecret as _;
use secrecy::SecretString;
use std::io::Write as _;
use std::path::Path;

/// Makes a new age key: its identity, which is secret, and its recipient, which is not.
#[must_use]
pub fn generate_identity() -> (SecretString, String) {
    let identity = age::x25519::Identity::generate();
    let secret = SecretString::from(identity.to_string().expose_secret().to_owned());
    (secret, identity.to_public().to_string())
}

/// The recipients of the identities in a text.
pub fn recipients_of(identities: &SecretString) -> Result<Vec<String>, VaultError> {
    let text = secrecy::ExposeSecret::expose_secret(identities);
    let keys = crypt::parse_identities(text).ok_or_else(|| VaultError::Identity("the key".to_owned()))?;
    Ok(keys.iter().map(|key| key.to_public().to_string()).collect())
}

/// Writes an identity to a new file that only its owner can read; an existing one is never touched.
pub async fn write_identity(path: &Path, identity: &SecretString) -> Result<(), VaultError> {
    let (path, identity) = (path.to_owned(), identity.clone());
    blocking(move || {
        let mut file = folder::create(&path)?;
        let bad = |error| VaultError::file("write", &path, error);
        let written = writeln!(file, "{}", secrecy::ExposeSecret::expose_secret(&identity));
        let written = written.and_then(|()| file.sync_all());
        if written.is_err() {
            // Half a key opens nothing, and would stand in the way of a whole one.
            let _ = std::fs::remove_file(&path);
        }
        written.map_err(bad)
    })
    .await
}

/// What a recovery key was shown to open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecoveryCheck {
    /// The newest backup.
    pub backup: BackupId,
    /// Its items, each decrypted to its end.
    pub items: usize,
    /// What is wrong with other backups, which cannot even be listed.
    pub damaged: Vec<String>,
}

impl Vault {
    /// Opens all of the newest backup that can be listed with this identity alone, as after the loss of the control
    /// host.
    pub async fn check_recovery(&self, identity: &SecretString) -> Result<RecoveryCheck, VaultError> {
        let text = secrecy::ExposeSecret::expose_secret(identity);
        let keys =
            crypt::parse_identities(text).ok_or_else(|| VaultError::Identity("recovery key".into()))?;
        let vault = self.with_identities(keys);
        blocking(move || {
            let Listing { mut backups, mut damaged } = BackupStore::list(&vault)?;
            let Some(newest) = backups.pop() else {
                return Err(damaged.pop().unwrap_or_else(|| VaultError::Unknown("newest".into())));
            };
            let (manifest, read) = vault.read_back(&newest.id)?;
            crate::backup::proof::compare(&manifest, &read)?;
            let damaged = damaged.iter().map(ToString::to_string).collect();
            Ok(RecoveryCheck { backup: newest.id, items: manifest.items.len(), damaged })
        })
        .await
    }
}
