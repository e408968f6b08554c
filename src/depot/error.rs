//! What can go wrong with blobs and with getting them.

use super::sums::SumsError;
use crate::model::Digest;
use std::path::{Path, PathBuf};

/// Says why a blob was not stored, fetched or read.
#[derive(Debug, thiserror::Error)]
pub enum DepotError {
    /// The file system refused.
    #[error("`{path}` cannot be {verb}")]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What was tried.
        verb: &'static str,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The depot has no such blob.
    #[error("the depot has no blob `{0}`")]
    Missing(Digest),
    /// A blob of the depot is not what its name says.
    #[error("blob `{digest}` of the depot is damaged: it now has the digest `{found}`")]
    Damaged {
        /// Its name.
        digest: Digest,
        /// What it holds.
        found: Digest,
    },
    /// What was fetched is not what was announced.
    #[error("`{what}` is not the file that was announced: expected sha256 `{expected}`, found `{found}`")]
    Mismatch {
        /// Where it came from.
        what: String,
        /// What was announced.
        expected: Digest,
        /// What came.
        found: Digest,
    },
    /// More than is taken in.
    #[error("`{what}` is larger than {limit} bytes")]
    TooLarge {
        /// Where it came from.
        what: String,
        /// The limit.
        limit: u64,
    },
    /// Something other than a file.
    #[error("`{0}` is not a regular file")]
    NotAFile(PathBuf),
    /// An address that is not fetched from.
    #[error("`{0}` is not an `https:` or `http:` address")]
    Address(String),
    /// The other side did not deliver.
    #[error("`{address}` could not be fetched: {why}")]
    Fetch {
        /// The address without credentials.
        address: String,
        /// Why not.
        why: String,
    },
    /// A signature that does not prove the file.
    #[error("the {kind} signature of `{what}` does not prove it: {why}")]
    Signature {
        /// `minisign` or `GPG`.
        kind: &'static str,
        /// The file.
        what: String,
        /// Why not.
        why: String,
    },
    /// GPG signatures need a program that is not here.
    #[error("`gpgv` was not found, and a GPG signature must be verified; install the package `gpgv`")]
    GpgvMissing,
    /// The file of digests cannot be used.
    #[error(transparent)]
    Sums(#[from] SumsError),
    /// The task that did the work ended without a result.
    #[error("the work on the depot was interrupted")]
    Interrupted,
}

/// Names the path and what was tried.
pub(super) fn file<'a>(path: &'a Path, verb: &'static str) -> impl FnOnce(std::io::Error) -> DepotError + 'a {
    move |source| DepotError::File { path: path.to_owned(), verb, source }
}
