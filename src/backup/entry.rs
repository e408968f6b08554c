//! One file of an archive, as the manifest lists it.

use crate::model::Digest;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use std::collections::BTreeMap;
use std::fmt;

/// Bytes of a path or name on a server, which need not be UTF-8.
///
/// Written as text: `%` and every byte that is not part of valid UTF-8, or is a control character,
/// becomes `%XX`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PathText(pub Vec<u8>);

impl PathText {
    /// Reads the written form.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = Vec::with_capacity(text.len());
        let mut rest = text.as_bytes();
        while let Some((&first, after)) = rest.split_first() {
            if first == b'%' {
                let byte = hex::decode(after.get(..2)?).ok()?;
                bytes.extend(byte);
                rest = &after[2..];
            } else {
                bytes.push(first);
                rest = after;
            }
        }
        Some(Self(bytes))
    }
}

impl fmt::Display for PathText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write as _;
        for chunk in self.0.utf8_chunks() {
            for character in chunk.valid().chars() {
                if character.is_control() || character == '%' {
                    let mut buffer = [0; 4];
                    for byte in character.encode_utf8(&mut buffer).bytes() {
                        write!(f, "%{byte:02X}")?;
                    }
                } else {
                    f.write_char(character)?;
                }
            }
            for byte in chunk.invalid() {
                write!(f, "%{byte:02X}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for PathText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl Serialize for PathText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PathText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom("not a path: `%` needs two hexadecimal digits"))
    }
}

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// A file with contents.
    File,
    /// Another name of a file that came before.
    HardLink,
    /// A symbolic link.
    SymbolicLink,
    /// A folder.
    Folder,
    /// A named pipe.
    Pipe,
    /// A character device.
    CharacterDevice,
    /// A block device.
    BlockDevice,
}

/// One entry of an archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Absolute path on the server.
    pub path: PathText,
    /// What it is.
    pub kind: EntryKind,
    /// Bytes of contents; 0 for all but files.
    pub size: u64,
    /// Digest of the contents; only for files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Digest>,
    /// Permission bits with set-user-id, set-group-id and sticky.
    pub mode: u32,
    /// Numeric owner.
    pub uid: u64,
    /// Numeric group.
    pub gid: u64,
    /// Modification time, whole seconds since 1970; negative before.
    pub mtime: i64,
    /// And nanoseconds after it.
    pub mtime_nanoseconds: u32,
    /// Target of a link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<PathText>,
    /// Major and minor number of a device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<(u64, u64)>,
    /// Extended attributes, access control lists and capabilities among them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub xattrs: BTreeMap<String, PathText>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_are_not_text_survive_json() {
        for bytes in [&b"/a b"[..], b"/\xff\xfe", b"/line\nbreak%41", "/ñ/\u{85}".as_bytes(), b""] {
            let path = PathText(bytes.to_vec());
            let json = serde_json::to_string(&path).unwrap();
            assert_eq!(serde_json::from_str::<PathText>(&json).unwrap(), path, "{json}");
        }
        assert!(serde_json::from_str::<PathText>("\"%4\"").is_err());
    }
}
