//! Reads the data sheets of a project.

use super::ProjectFiles;
use crate::{
    catalogue::{Catalogue, Entry},
    document::{Diagnostics, Source},
    system,
};
use std::path::Path;

/// Deepest folder below the playbooks' that is looked into.
const FOLDER_DEPTH_MAX: usize = 8;
/// Most data sheets that are read; a project has tens.
const SHEETS_MAX: usize = 10_000;

/// The catalogue of the project in `root`, whose playbooks lie in `playbooks`. A data sheet that
/// cannot be read is named in it, and a folder that cannot be is left out.
#[must_use]
pub fn catalogue(root: &Path, playbooks: &str) -> Catalogue {
    let mut paths = Vec::new();
    collect(root, playbooks, 0, &mut paths);
    let files = ProjectFiles::new(root);
    let (mut entries, mut unreadable) = (Vec::new(), Vec::new());
    for path in paths {
        let mut diagnostics = Diagnostics::default();
        let sheet = Source::read(&files, &path, &mut diagnostics)
            .and_then(|source| system::parse_sheet(&source, &mut diagnostics));
        match sheet {
            Some(sheet) => entries.push(Entry::from(&sheet)),
            None => unreadable.push(path),
        }
    }
    Catalogue::of(entries, unreadable)
}

fn collect(root: &Path, folder: &str, depth: usize, found: &mut Vec<String>) {
    let Ok(entries) = root.join(folder).read_dir() else { return };
    for entry in entries.flatten() {
        let Some(name) = entry.file_name().to_str().map(str::to_owned) else { continue };
        let Ok(kind) = entry.file_type() else { continue };
        let path = format!("{folder}/{name}");
        // Files of a system lie in `files` and `templates` below it; only the others are documents.
        let content = matches!(name.as_str(), "files" | "templates") || name.starts_with('.');
        if kind.is_dir() && !content && depth < FOLDER_DEPTH_MAX {
            collect(root, &path, depth + 1, found);
        } else if kind.is_file() && name == "system.yaml" && found.len() < SHEETS_MAX {
            found.push(path);
        }
    }
}
