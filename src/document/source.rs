//! A file's text, and places in it.

use super::{Diagnostic, Diagnostics};
use std::sync::Arc;

/// Longest file that is read, in bytes; readers look at a file's length before they read it.
pub const FILE_BYTES_MAX: usize = 1024 * 1024;

/// Reads files of the project for those who must not open files themselves.
pub trait Files {
    /// The bytes of the file at `path`, relative to the project's folder, with forward slashes;
    /// nothing if there is none. At most [`FILE_BYTES_MAX`] and one more byte are returned.
    fn read(&self, path: &str) -> Option<Vec<u8>>;

    /// Why the file at `path` cannot be read, where that is known.
    fn trouble(&self, _path: &str) -> Option<String> {
        None
    }

    /// Whether there is a file at `path`, however long it is.
    fn exists(&self, path: &str) -> bool {
        self.read(path).is_some()
    }
}

/// A stretch of a source, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// The byte after the last one.
    pub end: usize,
}

/// A file's path and text; cheap to clone.
#[derive(Clone, PartialEq, Eq)]
pub struct Source(Arc<Inner>);

#[derive(PartialEq, Eq)]
struct Inner {
    path: String,
    text: String,
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Source({})", self.0.path)
    }
}

impl Source {
    /// Takes text that is known to be good.
    #[must_use]
    pub fn new(path: impl Into<String>, text: impl Into<String>) -> Self {
        Self(Arc::new(Inner { path: path.into(), text: text.into() }))
    }

    /// Reads a file of the project; a fault is recorded.
    pub fn read(files: &dyn Files, path: &str, diagnostics: &mut Diagnostics) -> Option<Self> {
        let Some(bytes) = files.read(path) else {
            let (words, help) = match files.trouble(path) {
                Some(why) => (format!("cannot be read: {why}"), "make it a file that can be read"),
                None => ("there is no such file".to_owned(), "create it, or correct the path that names it"),
            };
            diagnostics.push(Diagnostic::about_file(path, words).help(help));
            return None;
        };
        Self::from_bytes(path, &bytes).map_err(|fault| diagnostics.push(*fault)).ok()
    }

    /// Takes a file's bytes; refuses what is too long or not UTF-8.
    pub fn from_bytes(path: &str, bytes: &[u8]) -> Result<Self, Box<Diagnostic>> {
        if bytes.len() > FILE_BYTES_MAX {
            return Err(Box::new(Self::too_long(path)));
        }
        // A byte-order mark is no content.
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Self::new(path, text)),
            Err(error) => {
                let (good, bad) = bytes.split_at(error.valid_up_to());
                let source = Self::new(path, String::from_utf8_lossy(bytes));
                let at = Span { start: good.len(), end: good.len() + '\u{fffd}'.len_utf8() };
                let byte = bad.first().copied().unwrap_or_default();
                let message = format!("the file is not UTF-8: byte 0x{byte:02x} is not part of a character");
                Err(Box::new(
                    Diagnostic::error(&source, at, message)
                        .help("save the file as UTF-8, without another encoding such as Latin-1"),
                ))
            }
        }
    }

    /// The refusal of a file that is longer than [`FILE_BYTES_MAX`].
    #[must_use]
    pub fn too_long(path: &str) -> Diagnostic {
        let message = format!("the file is longer than {} KiB", FILE_BYTES_MAX / 1024);
        Diagnostic::about_file(path, message)
            .help("a file that people write is short; split it, or name large content as an artifact")
    }

    /// The file's path as it is shown: relative to the project's folder where it lies in it.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.0.path
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// Line and column of a byte, both from 1; columns count characters.
    #[must_use]
    pub fn line_column(&self, offset: usize) -> (usize, usize) {
        let mut offset = offset.min(self.0.text.len());
        while !self.0.text.is_char_boundary(offset) {
            offset -= 1;
        }
        let before = &self.0.text[..offset];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }

    /// `path:line` of a byte.
    #[must_use]
    pub fn place(&self, span: Span) -> String {
        format!("{}:{}", self.path(), self.line_column(span.start).0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_and_lines_start_at_one() {
        let source = Source::new("a.yaml", "ñandú: 1\nb: 2\n");
        assert_eq!(source.line_column(0), (1, 1));
        assert_eq!(source.line_column("ñandú".len()), (1, 6));
        assert_eq!(source.line_column(source.text().find('b').unwrap()), (2, 1));
        assert_eq!(source.line_column(9999), (3, 1));
    }

    #[test]
    fn a_file_in_another_encoding_is_refused_at_its_first_bad_byte() {
        let error = Source::from_bytes("a.yaml", b"a: 1\nb: caf\xe9\n").unwrap_err();
        assert_eq!(error.line_column(), Some((2, 7)));
        assert!(error.message.contains("0xe9"), "{}", error.message);
    }
}
