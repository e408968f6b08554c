//! The demonstration's error.

use crate::{executor::ExecutorError, transport::TransportError, vault::VaultError};
use std::{io, path::Path};

/// Why the demonstration cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// A file.
    #[error("`{path}`: {cause}")]
    File {
        /// Its path.
        path: String,
        /// Why.
        cause: io::Error,
    },
    /// The notes' data.
    #[error("{0}")]
    Data(String),
    /// The folder holds something else.
    #[error("`{0}` is there and holds no demonstration")]
    NotOurs(String),
    /// A process of the demonstration does not do its part.
    #[error("{what} does not {verb}")]
    Process {
        /// Which.
        what: String,
        /// What it should do.
        verb: &'static str,
    },
    /// A key.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// A key of the vault.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// Whatever went wrong in a run.
    #[error(transparent)]
    Executor(#[from] ExecutorError),
}

impl DemoError {
    pub(super) fn data(cause: impl ToString) -> Self {
        Self::Data(cause.to_string())
    }

    pub(super) fn file(path: &Path) -> impl Fn(io::Error) -> Self + '_ {
        move |cause| Self::File { path: path.display().to_string(), cause }
    }
}

impl From<crate::store::StoreError> for DemoError {
    fn from(error: crate::store::StoreError) -> Self {
        Self::Executor(error.into())
    }
}
