//! The files of a project on disk, for those who must not open files themselves.

use crate::{
    document::{FILE_BYTES_MAX, Files},
    executor::trouble,
};
use std::{
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
};

/// Reads files below a folder.
#[derive(Debug, Clone)]
pub struct DiskFiles {
    root: PathBuf,
}

impl DiskFiles {
    /// Files below `root`.
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    fn regular(&self, path: &str) -> Option<PathBuf> {
        let full = self.root.join(path);
        full.metadata().ok().filter(std::fs::Metadata::is_file).map(|_| full)
    }
}

impl Files for DiskFiles {
    fn read(&self, path: &str) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        let file = File::open(self.regular(path)?).ok()?;
        // One byte more than allowed is enough to refuse a file; the rest is never read.
        file.take(FILE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes).ok()?;
        Some(bytes)
    }

    fn trouble(&self, path: &str) -> Option<String> {
        trouble(&self.root.join(path))
    }

    fn exists(&self, path: &str) -> bool {
        self.regular(path).is_some()
    }
}
