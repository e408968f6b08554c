//! What opens a server, for commands that work without the project's database.

use super::project::Read;
use crate::{
    executor::Approach,
    model::{SecretName, Server},
    secret::{self, SecretError},
};
use secrecy::SecretString;
use std::collections::BTreeMap;

/// Why a connection's own secret is missing.
#[derive(Debug, thiserror::Error)]
pub enum ApproachError {
    /// The project file says nothing of it.
    #[error("secret `{0}` has no source")]
    Source(SecretName),
    /// It cannot be had.
    #[error(transparent)]
    Secret(#[from] SecretError),
}

/// A server and everything before it, to log in there.
pub async fn approach(read: &Read, server: &Server) -> Result<Approach, ApproachError> {
    let before = read.inventory.way_to(server);
    let secrets = secrets(read, Approach::secrets(server, &before)).await?;
    Ok(Approach::new(server, &before, &secrets))
}

/// The way to a server, which itself is not logged in to.
pub async fn way(read: &Read, server: &Server) -> Result<Approach, ApproachError> {
    let before = read.inventory.way_to(server);
    let secrets = secrets(read, Approach::secrets_before(&before)).await?;
    Ok(Approach::new(server, &before, &secrets))
}

async fn secrets<'a>(
    read: &Read,
    names: impl IntoIterator<Item = &'a SecretName>,
) -> Result<BTreeMap<SecretName, SecretString>, ApproachError> {
    let identity = read.root.join(&read.project.vault.identity);
    let mut secrets = BTreeMap::new();
    for name in names {
        let source = read.project.secrets.get(name).ok_or_else(|| ApproachError::Source(name.clone()))?;
        secrets.insert(name.clone(), secret::resolve(name, source, &read.root, &identity).await?);
    }
    Ok(secrets)
}
