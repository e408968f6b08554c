//! What a whole copy looks like, checked while its bytes pass through.

use super::source::postgresql;
use super::{BackupError, FileEntry, TarReader};

/// The shape of an item's copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Structure {
    /// A tar archive with its end marker.
    Tar,
    /// Roles and tablespaces as text, then a `pg_dump` archive; see [`postgresql`].
    Postgresql,
    /// SQL text that ends with the line `-- Dump completed`.
    Mariadb,
    /// Whatever the author's command writes, but something.
    Custom,
}

/// What a whole copy turned out to hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Contents {
    /// Files of an archive.
    pub files: Vec<FileEntry>,
    /// Bytes of the copy.
    pub size: u64,
}

/// Reads a copy.
pub struct StructureReader {
    structure: Structure,
    may_be_empty: bool,
    size: u64,
    tar: TarReader,
    postgresql: postgresql::Reader,
    tail: Vec<u8>,
}

/// Bytes at the end in which the trailer of a SQL dump must be.
const TAIL_BYTES: usize = 200;

impl StructureReader {
    /// A reader; `may_be_empty` allows a copy of nothing, as of a database that is gone.
    #[must_use]
    pub fn new(structure: Structure, may_be_empty: bool) -> Self {
        Self {
            structure,
            may_be_empty,
            size: 0,
            tar: TarReader::default(),
            postgresql: postgresql::Reader::default(),
            tail: Vec::new(),
        }
    }

    /// Takes the next bytes.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(), BackupError> {
        self.size += bytes.len() as u64;
        match self.structure {
            Structure::Tar => self.tar.feed(bytes),
            Structure::Postgresql => {
                self.postgresql.feed(bytes);
                Ok(())
            }
            Structure::Mariadb => {
                let start = bytes.len().saturating_sub(TAIL_BYTES);
                self.tail.extend_from_slice(&bytes[start..]);
                let excess = self.tail.len().saturating_sub(TAIL_BYTES);
                self.tail.drain(..excess);
                Ok(())
            }
            Structure::Custom => Ok(()),
        }
    }

    /// Says what the copy holds, if it is whole.
    pub fn finish(self, item: &str) -> Result<Contents, BackupError> {
        let size = self.size;
        if size == 0 && self.may_be_empty {
            return Ok(Contents::default());
        }
        let not_whole =
            |reason: &str| BackupError::NotWhole { item: item.to_owned(), reason: reason.to_owned() };
        let files = match self.structure {
            Structure::Tar => self.tar.finish().map_err(|error| not_whole(&error.to_string()))?,
            Structure::Postgresql => {
                self.postgresql.finish().map_err(not_whole)?;
                Vec::new()
            }
            Structure::Mariadb if !completed(&self.tail) => {
                return Err(not_whole("its last line is not `-- Dump completed`"));
            }
            Structure::Custom if size == 0 => return Err(not_whole("it is empty")),
            Structure::Mariadb | Structure::Custom => Vec::new(),
        };
        Ok(Contents { files, size })
    }
}

/// Whether the last line that is not empty is the trailer.
fn completed(tail: &[u8]) -> bool {
    let last = tail.split(|byte| *byte == b'\n').rfind(|line| !line.trim_ascii().is_empty());
    tail.ends_with(b"\n") && last.is_some_and(|line| line.starts_with(b"-- Dump completed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(structure: Structure, text: &[u8]) -> bool {
        let mut reader = StructureReader::new(structure, false);
        text.chunks(3).all(|chunk| reader.feed(chunk).is_ok()) && reader.finish("x").is_ok()
    }

    #[test]
    fn only_a_whole_copy_passes() {
        for (structure, text, passes) in [
            (Structure::Mariadb, "create table x;\n-- Dump completed on 2026-11-23  6:40:00\n", true),
            (Structure::Mariadb, "create table x;\n-- Dump completed\n\n", true),
            (Structure::Mariadb, "create table x;\n", false),
            (Structure::Mariadb, "-- Dump completed\ncreate table x;\n", false),
            (Structure::Mariadb, "create table x;\n-- Dump completed", false),
            (Structure::Custom, "x", true),
            (Structure::Custom, "", false),
            (Structure::Tar, "", false),
            (Structure::Postgresql, "esclusa-postgresql 1 3\nabcPGDMP\u{1}\u{e}", true),
            (Structure::Postgresql, "esclusa-postgresql 1 3\nabcPGDUM", false),
            (Structure::Postgresql, "esclusa-postgresql 1 30\nabcPGDMP\u{1}", false),
            (Structure::Postgresql, "esclusa-postgresql 1 x\nabcPGDMP", false),
            (Structure::Postgresql, "", false),
        ] {
            assert_eq!(whole(structure, text.as_bytes()), passes, "{structure:?} {text}");
        }
        assert!(StructureReader::new(Structure::Tar, true).finish("x").is_ok());
    }
}
