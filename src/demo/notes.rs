//! The data of the small system: notes in one file, in the schema of version 1 or 2.

use super::DemoError;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::{fs, io::Write as _, path::Path};

/// Characters that a note may have in version 2; version 1 took any number.
pub const NOTE_CHARS_MAX: usize = 140;

/// Largest data file that is read, in bytes.
const FILE_BYTES_MAX: usize = 1 << 20;

/// Every note, as the data file has them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notes {
    /// 1: texts. 2: texts with their length in characters.
    pub schema: u32,
    /// One entry for each note.
    pub notes: Vec<Value>,
}

impl Notes {
    /// No notes, in the schema of version 1.
    #[must_use]
    pub fn empty() -> Self {
        Self { schema: 1, notes: Vec::new() }
    }

    /// Reads the text of a data file; what does not fit its schema is refused.
    pub fn parse(text: &str) -> Result<Self, DemoError> {
        if text.len() > FILE_BYTES_MAX {
            return Err(DemoError::data("the data file is too long"));
        }
        let notes: Self = serde_json::from_str(text).map_err(DemoError::data)?;
        let fits = match notes.schema {
            1 => notes.notes.iter().all(Value::is_string),
            2 => notes.notes.iter().all(|note| note.get("text").is_some_and(Value::is_string)),
            _ => false,
        };
        if fits { Ok(notes) } else { Err(DemoError::data("the data does not fit its schema")) }
    }

    /// Reads a data file.
    pub fn read(path: &Path) -> Result<Self, DemoError> {
        Self::parse(&fs::read_to_string(path).map_err(DemoError::file(path))?)
    }

    /// Writes a data file: whole, or not at all.
    pub fn write(&self, path: &Path) -> Result<(), DemoError> {
        let text = serde_json::to_string(self).map_err(DemoError::data)?;
        let folder = path.parent().ok_or_else(|| DemoError::data("a data file lies in a folder"))?;
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(DemoError::file(path))?;
        file.write_all(text.as_bytes()).map_err(DemoError::file(path))?;
        file.as_file().sync_all().map_err(DemoError::file(path))?;
        file.persist(path).map_err(|error| DemoError::file(path)(error.error))?;
        Ok(())
    }

    /// Adds a note.
    pub fn add(&mut self, text: &str) -> Result<(), DemoError> {
        let note = if self.schema == 1 { json!(text) } else { in_version_2(text)? };
        self.notes.push(note);
        Ok(())
    }

    /// The texts of the notes.
    #[must_use]
    pub fn texts(&self) -> Vec<&str> {
        self.notes.iter().filter_map(|note| note.as_str().or_else(|| note.get("text")?.as_str())).collect()
    }
}

fn in_version_2(text: &str) -> Result<Value, DemoError> {
    let length = text.chars().count();
    if length > NOTE_CHARS_MAX {
        return Err(DemoError::data(format!(
            "a note of {length} characters does not fit version 2, which takes {NOTE_CHARS_MAX}"
        )));
    }
    Ok(json!({"text": text, "length": length}))
}

/// Brings a data file to version 2, and writes to `log` that it was tried.
///
/// Like many a real migration it works in the data itself, note by note: one that fails leaves data
/// behind that neither version can read.
pub fn migrate(data: &Path, log: &Path) -> Result<usize, DemoError> {
    let mut tried =
        fs::OpenOptions::new().append(true).create(true).open(log).map_err(DemoError::file(log))?;
    writeln!(tried, "migration to schema 2").map_err(DemoError::file(log))?;
    let mut notes = Notes::read(data)?;
    if notes.schema == 2 {
        return Ok(notes.notes.len());
    }
    notes.schema = 2;
    for at in 0..notes.notes.len() {
        let text = notes.notes[at].as_str().unwrap_or_default().to_owned();
        notes.notes[at] = in_version_2(&text)
            .map_err(|error| DemoError::data(format!("note {} cannot be migrated: {error}", at + 1)))?;
        notes.write(data)?;
    }
    notes.write(data)?;
    Ok(notes.notes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_migration_keeps_every_note_and_runs_to_the_same_end_twice() {
        let folder = tempfile::tempdir().unwrap();
        let (data, log) = (folder.path().join("data.json"), folder.path().join("log"));
        let mut notes = Notes::empty();
        notes.add("one").unwrap();
        notes.add("dos ñ").unwrap();
        notes.write(&data).unwrap();
        assert_eq!(migrate(&data, &log).unwrap(), 2);
        assert_eq!(migrate(&data, &log).unwrap(), 2);
        let after = Notes::read(&data).unwrap();
        assert_eq!((after.schema, after.texts()), (2, vec!["one", "dos ñ"]));
        assert_eq!(fs::read_to_string(&log).unwrap().lines().count(), 2);
    }

    #[test]
    fn a_note_that_does_not_fit_leaves_data_that_no_version_reads() {
        let folder = tempfile::tempdir().unwrap();
        let (data, log) = (folder.path().join("data.json"), folder.path().join("log"));
        let mut notes = Notes::empty();
        notes.add("short").unwrap();
        notes.add(&"x".repeat(NOTE_CHARS_MAX + 1)).unwrap();
        notes.write(&data).unwrap();
        assert!(migrate(&data, &log).unwrap_err().to_string().contains("note 2"));
        assert!(Notes::read(&data).is_err());
    }
}
