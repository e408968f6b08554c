//! Reads the structure of a tar archive while its bytes pass through.
//!
//! A push parser: it holds one header and no contents. It knows what GNU tar (posix and gnu
//! format) and busybox tar write. The pax records are read by their length, since extended
//! attributes may contain newlines.

mod header;
mod pax;

use super::{BackupError, EntryKind, FileEntry, PathText};
use crate::model::Digest;
use header::{BLOCK_BYTES, RawHeader};
use pax::Overrides;
use sha2::{Digest as _, Sha256};

/// Most entries of one archive.
pub const ENTRIES_MAX: usize = 5_000_000;
/// Most bytes of one pax header or long name.
pub const EXTENSION_BYTES_MAX: u64 = 1 << 20;

enum State {
    /// Waits for a header block.
    Header,
    /// Contents of an entry: bytes still to come, then padding.
    Contents { left: u64, padding: u64, entry: Box<FileEntry>, hasher: Sha256 },
    /// An extension for the next entry.
    Extension { kind: u8, left: u64, padding: u64, bytes: Vec<u8> },
    /// One zero block was seen.
    AlmostEnded,
    /// The end marker is whole; only zeros may follow.
    Ended,
}

/// The parser.
pub struct TarReader {
    state: State,
    block: Vec<u8>,
    offset: u64,
    global: Overrides,
    next: Overrides,
    entries: Vec<FileEntry>,
}

impl Default for TarReader {
    fn default() -> Self {
        Self {
            state: State::Header,
            block: Vec::with_capacity(BLOCK_BYTES),
            offset: 0,
            global: Overrides::default(),
            next: Overrides::default(),
            entries: Vec::new(),
        }
    }
}

impl TarReader {
    /// Takes the next bytes of the archive.
    pub fn feed(&mut self, mut bytes: &[u8]) -> Result<(), BackupError> {
        while !bytes.is_empty() {
            let taken = self.step(bytes)?;
            self.offset += taken as u64;
            bytes = &bytes[taken..];
        }
        Ok(())
    }

    /// Returns the entries, if the archive had its end marker.
    pub fn finish(self) -> Result<Vec<FileEntry>, BackupError> {
        match self.state {
            State::Ended if self.offset.is_multiple_of(BLOCK_BYTES as u64) => Ok(self.entries),
            State::Ended | State::AlmostEnded => Err(self.damage("the end marker is cut")),
            State::Contents { .. } => Err(self.damage("it ends within a file")),
            State::Header | State::Extension { .. } => Err(self.damage("the end marker is missing")),
        }
    }

    fn damage(&self, reason: &'static str) -> BackupError {
        BackupError::Tar { offset: self.offset, reason }
    }

    /// Takes at least one byte and says how many.
    fn step(&mut self, bytes: &[u8]) -> Result<usize, BackupError> {
        match &mut self.state {
            State::Contents { left, padding, hasher, .. } => {
                let taken = if *left > 0 {
                    let taken = clamp(*left, bytes.len());
                    hasher.update(&bytes[..taken]);
                    *left -= taken as u64;
                    taken
                } else {
                    let taken = clamp(*padding, bytes.len());
                    *padding -= taken as u64;
                    taken
                };
                if *left == 0 && *padding == 0 {
                    self.contents_ended()?;
                }
                Ok(taken)
            }
            State::Extension { left, padding, bytes: held, .. } => {
                let taken = if *left > 0 {
                    let taken = clamp(*left, bytes.len());
                    held.extend_from_slice(&bytes[..taken]);
                    *left -= taken as u64;
                    taken
                } else {
                    let taken = clamp(*padding, bytes.len());
                    *padding -= taken as u64;
                    taken
                };
                if *left == 0 && *padding == 0 {
                    self.extension_ended()?;
                }
                Ok(taken)
            }
            State::Ended => {
                if bytes.iter().any(|byte| *byte != 0) {
                    return Err(self.damage("something follows the end marker"));
                }
                Ok(bytes.len())
            }
            State::Header | State::AlmostEnded => {
                let taken = (BLOCK_BYTES - self.block.len()).min(bytes.len());
                self.block.extend_from_slice(&bytes[..taken]);
                if self.block.len() == BLOCK_BYTES {
                    self.block_full()?;
                    self.block.clear();
                }
                Ok(taken)
            }
        }
    }

    fn block_full(&mut self) -> Result<(), BackupError> {
        let zero = self.block.iter().all(|byte| *byte == 0);
        if matches!(self.state, State::AlmostEnded) {
            if !zero {
                return Err(self.damage("a lone block of zeros"));
            }
            self.state = State::Ended;
            return Ok(());
        }
        if zero {
            if !self.next.is_empty() {
                return Err(self.damage("an extended header without its entry"));
            }
            self.state = State::AlmostEnded;
            return Ok(());
        }
        let raw = RawHeader::read(&self.block).map_err(|reason| self.damage(reason))?;
        if matches!(raw.kind, b'x' | b'g' | b'L' | b'K') {
            if raw.size == 0 || raw.size > EXTENSION_BYTES_MAX {
                return Err(self.damage("an extended header that is empty or too long"));
            }
            let (left, padding) = (raw.size, padding(raw.size));
            self.state = State::Extension { kind: raw.kind, left, padding, bytes: Vec::new() };
            return Ok(());
        }
        self.entry(raw)
    }

    fn entry(&mut self, raw: RawHeader) -> Result<(), BackupError> {
        if self.entries.len() >= ENTRIES_MAX {
            return Err(self.damage("too many entries"));
        }
        let own = std::mem::take(&mut self.next);
        let entry = pax::entry(raw, &self.global, own).map_err(|reason| self.damage(reason))?;
        if entry.kind == EntryKind::File {
            let (left, padding) = (entry.size, padding(entry.size));
            let empty = left == 0;
            self.state = State::Contents { left, padding, entry: Box::new(entry), hasher: Sha256::new() };
            if empty {
                self.contents_ended()?;
            }
        } else {
            self.entries.push(entry);
        }
        Ok(())
    }

    fn contents_ended(&mut self) -> Result<(), BackupError> {
        if let State::Contents { mut entry, hasher, .. } = std::mem::replace(&mut self.state, State::Header) {
            entry.sha256 = Some(Digest::finish(hasher));
            self.entries.push(*entry);
        }
        Ok(())
    }

    fn extension_ended(&mut self) -> Result<(), BackupError> {
        let State::Extension { kind, bytes, .. } = std::mem::replace(&mut self.state, State::Header) else {
            return Ok(());
        };
        let read = match kind {
            b'x' => self.next.read(&bytes),
            b'g' => self.global.read(&bytes),
            b'L' => self.next.long_name(&bytes),
            _ => self.next.long_link(&bytes),
        };
        read.map_err(|reason| self.damage(reason))
    }
}

fn clamp(left: u64, length: usize) -> usize {
    usize::try_from(left).unwrap_or(usize::MAX).min(length)
}

fn padding(size: u64) -> u64 {
    let block = BLOCK_BYTES as u64;
    (block - size % block) % block
}

/// The absolute path of a member's name: `./etc/x/` is `/etc/x`; `..` is refused.
fn absolute(name: &[u8]) -> Result<PathText, &'static str> {
    let mut path = Vec::with_capacity(name.len() + 1);
    for part in name.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => return Err("a name with `..`"),
            part => {
                path.push(b'/');
                path.extend_from_slice(part);
            }
        }
    }
    if path.is_empty() {
        path.push(b'/');
    }
    Ok(PathText(path))
}

#[cfg(test)]
mod tests;
